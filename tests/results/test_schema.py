"""The versioned schemas: every field is described, points have one order, another version ends in one clear message."""

import json
from dataclasses import replace

import cv2
import jsonschema
import numpy as np
import pytest
from matplotlib.path import Path as Outline

from ho_imaging.batch.kept_studies import kept_studies, read_comparison
from ho_imaging.batch.run import run_batch
from ho_imaging.cli.main import main
from ho_imaging.errors import ReadError, UsageError
from ho_imaging.findings import find_nodules, read_anatomy
from ho_imaging.outputs.overlay import draw_overlay
from ho_imaging.preparing.quality import FilmQuality
from ho_imaging.progression.schema import ProgressionResult
from ho_imaging.reading.compression import BlockGrid, Compression
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.regrading import Regrader
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.bone_outlines import BoneOutlines, bone_outlines, read_bone_outlines
from ho_imaging.results.build import finding_result, image_result, severity_result, study_result
from ho_imaging.results.folder import batch_results, read_result
from ho_imaging.results.kept_reading import kept_reading, outlined_finding
from ho_imaging.results.points import points_xy, rows_columns
from ho_imaging.results.schema import StudyResult, json_schema
from ho_imaging.review.worklist import open_worklist
from ho_imaging.severity import FilmReading, grade_study
from ho_imaging.vocabulary import Status, Structure

KINDS = {"result": StudyResult, "comparison": ProgressionResult, "decisions": Decision, "bones": BoneOutlines}
UNITS = {"_px": "pixel", "_mm": "mm", "_mm2": "mm²", "_mm2_per_month": "mm² a month", "_deg": "degrees"}
SIZES = {"spacing_mm", "measured_spacing_mm", "prepared_shape", "sides"}
"""Pairs that are no points: sizes say that rows come first, sides are names."""


def fields(kind):
    """Every field of every model of a schema: the model's name, the field's, its description, its schema."""
    whole = json_schema(KINDS[kind])
    for name, model in {kind: whole, **whole.get("$defs", {})}.items():
        for field, about in model.get("properties", {}).items():
            # What a field says in its model's own words is written once, with the model.
            part = whole["$defs"][about["$ref"].rpartition("/")[2]] if "$ref" in about else {}
            yield name, field, about.get("description", part.get("description", "")), about


def pairs(about):
    """Return True if a field holds pairs of numbers, at any depth."""
    if isinstance(about, dict):
        return about.get("minItems") == about.get("maxItems") == 2 or any(pairs(part) for part in about.values())
    return isinstance(about, list) and any(pairs(part) for part in about)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described_with_its_unit_and_order(kind):
    seen = 0
    for model, field, said, about in fields(kind):
        seen += 1
        where = f"{model}.{field}"
        assert said.endswith("."), where
        for ending, unit in UNITS.items():
            assert not field.endswith(ending) or unit in said, where
        if field.endswith("_xy_px"):
            assert "(x, y)" in said, where
            assert "(column, row)" in said, where
        elif pairs(about) and field not in SIZES:
            assert "range" in field, f"{where} holds pairs: points end in _xy_px"
    assert seen > 10


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_prints_each_schema(kind, capsys):
    assert main(["schema", *([] if kind == "result" else ["--of", kind])]) == 0
    printed = json.loads(capsys.readouterr().out)
    version = printed["properties"]["schema_version"]
    assert version.get("enum") == ["2.0", "2.1"] if kind == "result" else version["const"] == "2.0"
    jsonschema.Draft202012Validator.check_schema(printed)


def test_the_other_order_keeps_the_shape():
    ring = [(1.5, 20.0), (2.0, 21.0), (3.0, 22.0)]
    assert rows_columns(ring).tolist() == [[20.0, 1.5], [21.0, 2.0], [22.0, 3.0]]
    assert rows_columns((1.5, 20.0)).tolist() == [20.0, 1.5]
    assert rows_columns([ring, ring]).shape == (2, 3, 2)
    assert points_xy(rows_columns(ring)) == tuple(ring)


# A film of 640 rows and 1280 columns, pixels twice as high as wide: nothing is symmetric, so a swapped order shows.
ROW_SCALE, COLUMN_SCALE = 2, 4
SPUR = (slice(95, 151), slice(20, 41))


@pytest.fixture
def film(hips):
    prediction = hips(SPUR, scale=(ROW_SCALE, COLUMN_SCALE))
    anatomy = read_anatomy(prediction)
    return FilmReading(prediction.prepared, anatomy, find_nodules(prediction, anatomy))


@pytest.fixture
def result(film):
    return study_result(
        "1.2.3",
        [image_result(film.prepared.radiograph, status=Status.DONE, reading=film)],
        [finding_result(found, found.id) for found in film.findings],
        severity_result(grade_study([film])),
        None,
        [],
    )


def source_mask(rows, columns):
    """The pixels of the film that a block of prepared pixels covers."""
    mask = np.zeros((320 * ROW_SCALE, 320 * COLUMN_SCALE), dtype=bool)
    mask[rows.start * ROW_SCALE : rows.stop * ROW_SCALE, columns.start * COLUMN_SCALE : columns.stop * COLUMN_SCALE] = (
        True
    )
    return mask


def overlap(first, second):
    return 2.0 * (first & second).sum() / (first.sum() + second.sum())


def by_matplotlib(rings, shape):
    rows, columns = np.indices(shape)
    inside = np.zeros(shape, dtype=bool)
    for ring in rings:
        inside ^= Outline(ring).contains_points(np.column_stack([columns.ravel(), rows.ravel()])).reshape(shape)
    return inside


def by_opencv(rings, shape):
    drawn = np.zeros(shape, np.uint8)
    cv2.fillPoly(drawn, [np.rint(ring).astype(np.int32) for ring in rings], 1)
    return drawn > 0


def test_a_nodule_lies_where_it_was_put(result):
    """Its outline, drawn by libraries that take x and y, covers the pixels that the drawing put it on."""
    truth = source_mask(*SPUR)
    (found,) = result.findings
    assert overlap(by_matplotlib(found.contours_xy_px, truth.shape), truth) > 0.97
    assert overlap(by_opencv(found.contours_xy_px, truth.shape), truth) > 0.97
    x, y = found.centroid_xy_px
    rows, columns = np.nonzero(truth)
    assert (x, y) == (pytest.approx(columns.mean(), abs=1.0), pytest.approx(rows.mean(), abs=1.0))
    for ends, length in (
        (found.long_axis_ends_xy_px, found.long_axis_px),
        (found.short_axis_ends_xy_px, found.short_axis_px),
    ):
        (x0, y0), (x1, y1) = ends
        assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(length, abs=0.05)
    # Of a rectangle, the long axis is a diagonal.
    (x0, x1), (y0, y1) = (sorted(part) for part in zip(*found.long_axis_ends_xy_px, strict=True))
    assert (x0, x1) == (pytest.approx(columns.min(), abs=3), pytest.approx(columns.max(), abs=3))
    assert (y0, y1) == (pytest.approx(rows.min(), abs=3), pytest.approx(rows.max(), abs=3))


def test_the_gap_lies_between_spur_and_femur_and_bones_are_named(result):
    right = next(side for side in result.severity.sides if side.side == "right")
    assert right.evidence.joined_to == {"pelvis": ("F1",), "femur": ()}
    (x0, y0), (x1, y1) = sorted(right.evidence.gap_ends_xy_px, key=lambda end: end[1])
    assert y0 == pytest.approx(151 * ROW_SCALE, abs=3)  # the spur ends at row 150, the femur begins at row 180
    assert y1 == pytest.approx(180 * ROW_SCALE, abs=3)
    assert 20 * COLUMN_SCALE <= x0 <= 41 * COLUMN_SCALE
    assert 65 * COLUMN_SCALE - 3 <= x1 <= 96 * COLUMN_SCALE


def test_the_picture_shows_the_nodule_where_it_is(film, result):
    picture = draw_overlay(film.prepared.radiograph, result).astype(int)
    # Orange lines, left of the panel that lists nodules.
    orange = (picture[..., 0] > 200) & (picture[..., 2] < 60)
    rows, columns = np.nonzero(orange[:, : picture.shape[0]])
    scale = picture.shape[0] / 320  # prepared pixels are square in mm, as the picture is
    assert rows.min() / scale == pytest.approx(95, abs=2)
    assert columns.min() / scale == pytest.approx(20, abs=2)


def test_kept_bones_lie_where_they_were_drawn_and_come_back(film, result):
    kept = BoneOutlines.from_json(bone_outlines(film, "a" * 64).to_json())
    jsonschema.validate(json.loads(kept.to_json()), json_schema(BoneOutlines))
    truth = source_mask(slice(40, 100), slice(20, 300))
    assert overlap(by_matplotlib(kept.outlines_xy_px[Structure.PELVIS], truth.shape), truth) > 0.99
    centers = sorted(joint.center_xy_px for joint in kept.geometry.joints)
    assert [(round(x / COLUMN_SCALE), round(y / ROW_SCALE)) for x, y in centers] == [(80, 140), (240, 140)]
    again = kept_reading(result.images[0], kept)
    assert overlap(again.anatomy.masks[Structure.PELVIS], film.anatomy.masks[Structure.PELVIS]) > 0.99
    (found,) = result.findings
    redrawn = outlined_finding(again, found.contours_xy_px, name="F1", confidence=1.0)
    assert redrawn.centroid_px == pytest.approx(film.findings[0].centroid_px, abs=0.5)
    assert redrawn.area_mm2 == pytest.approx(found.area_mm2, rel=0.01)


def test_block_edges_are_told_as_x_and_y(film):
    """Blocks whose first corner lies in column 5 and row 1 of the image."""
    blocks = Compression(blocks=BlockGrid(phase_px=(1, 5), strength=0.2))
    measured = replace(film, quality=FilmQuality(None, None, None, None, blocks, None))
    image = image_result(film.prepared.radiograph, status=Status.DONE, reading=measured)
    assert image.quality.compression.block_phase_xy_px == (5, 1)


OLD_RESULT = {
    "schema_version": "1.3", "study_uid": "1.2.3", "status": "done",
    "images": [{"sop_instance_uid": "1.2.3.4", "status": "done", "sides_meet_px": 100.0}],
    "severity": {"sides": [{"evidence": {"joined_to_pelvis": [], "joined_to_femur": [], "gap_ends_px": None}}]},
    "software": {"name": "ho_imaging", "version": "0"},
}  # fmt: skip
OLD_COMPARISON = {"schema_version": "1.2", "verdict": "stable", "intervals": []}
OLD_DECISION = {
    "version": "1.1", "id": "0" * 32, "at": "2026-01-02T03:04:05Z", "reader": "AB", "study_uid": "1.2.3",
    "action": "add", "image_uid": "1.2.3.4", "target": "R1", "value": {"outline": [[[1, 1], [5, 1], [5, 5]]]},
}  # fmt: skip
OLD_BONES = {"schema_version": "1.1", "sop_instance_uid": "1.2.3.4", "model_sha256": "a" * 64, "outlines": {}}

AGAIN = r"result\.json: is a result of schema 1\.3; this version of ho_imaging reads schema 2\.1 \(analyse the films"


@pytest.fixture
def old_folder(tmp_path):
    """An output folder as a version of the program before schema 2.0 left it."""
    study = tmp_path / "out" / "studies" / "1.2.3"
    study.mkdir(parents=True)
    (study / "result.json").write_text(json.dumps(OLD_RESULT, indent=2))
    (study / "comparison.json").write_text(json.dumps(OLD_COMPARISON))
    (study / "1.2.3.4.bones.json").write_text(json.dumps(OLD_BONES))
    reviews = tmp_path / "out" / "reviews" / "1.2.3"
    reviews.mkdir(parents=True)
    (reviews / "AB.jsonl").write_text(json.dumps(OLD_DECISION) + "\n")
    return tmp_path / "out"


def test_an_older_result_says_what_to_do(old_folder):
    with pytest.raises(ReadError, match=AGAIN):
        read_result(old_folder / "studies" / "1.2.3" / "result.json")
    with pytest.raises(ReadError, match=AGAIN):
        list(batch_results(old_folder))
    with pytest.raises(ReadError, match=AGAIN):
        open_worklist(old_folder, "AB")


def test_a_batch_is_not_resumed_into_an_older_folder(old_folder, tmp_path, make_film):
    before = sorted(path for path in old_folder.rglob("*"))
    with pytest.raises(UsageError, match=r"holds results of schema 1\.3; .* writes schema 2\.1 \(give another --out"):
        run_batch([make_film(tmp_path / "film.png")], old_folder)
    assert sorted(path for path in old_folder.rglob("*")) == before


def test_fetched_studies_are_not_written_into_an_older_folder(old_folder, capsys):
    fetch = ["-q", "fetch-analyze", "--dimse", "ARCHIVE@127.0.0.1:1", "--study", "1.2.4", "--out", str(old_folder)]
    assert main(fetch) == 2
    assert "holds results of schema 1.3" in capsys.readouterr().err


@pytest.fixture
def make_film():
    def make(path):
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (80, 90), dtype=np.uint8))
        return path

    return make


def test_an_older_folder_gets_no_reports(old_folder, capsys):
    assert main(["-q", "report", str(old_folder)]) == 1
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line["report"] is None
    assert "is a result of schema 1.3" in line["problem"]
    assert "analyse the films again into a new folder" in line["problem"]


def test_an_older_comparison_says_what_to_do(old_folder):
    (study,) = kept_studies(old_folder)
    with pytest.raises(ReadError, match=r"comparison of schema 1\.2; .* reads schema 2\.0 \(run ho-imaging compare"):
        read_comparison(study)


def test_older_decisions_say_what_to_do(old_folder):
    with pytest.raises(ReadError, match=r"AB\.jsonl: line 1 is a decision of schema 1\.1; .* reads schema 2\.0 \(move"):
        ReviewStore(old_folder / "reviews").read("1.2.3", "AB")


def test_older_outlines_of_bones_say_what_to_do_and_are_not_graded_by(old_folder, result, caplog):
    study = old_folder / "studies" / "1.2.3"
    with pytest.raises(ReadError, match=r"outlines of bones of schema 1\.1; .* reads schema 2\.0"):
        read_bone_outlines(study / "1.2.3.4.bones.json")
    (study / "1.2.3.4.bones.json").rename(study / f"{result.images[0].sop_instance_uid}.bones.json")
    assert Regrader(result, folder=study)._anatomy() == []
    assert "outlines of bones of schema 1.1" in caplog.text


def test_a_result_of_the_minor_version_before_is_read(tmp_path, result):
    path = tmp_path / "result.json"
    kept = json.loads(result.to_json())
    del kept["identifiers"]
    path.write_text(json.dumps(kept | {"schema_version": "2.0"}))
    assert read_result(path) == result.model_copy(update={"schema_version": "2.0"})


def test_a_newer_result_asks_for_an_update_and_another_file_is_named(tmp_path, result):
    path = tmp_path / "result.json"
    path.write_text(result.to_json().replace('"2.1"', '"2.9"', 1))
    with pytest.raises(ReadError, match=r"schema 2\.9; .* reads schema 2\.1 \(update ho_imaging\)"):
        read_result(path)
    path.write_text('{"some": "file"}')
    with pytest.raises(ReadError, match=r"is not a result \([0-9]+ problems\)"):
        read_result(path)
    path.write_text(result.to_json())
    assert read_result(path) == result
