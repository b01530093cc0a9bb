"""Outputs that are added to a batch: made from kept results, without another analysis, where they can be."""

import dataclasses
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ho_imaging.batch import BatchOptions, Settings, run_batch, summarise
from ho_imaging.batch.work import CHANGES_NO_RESULT, CHANGES_RESULTS, fingerprint
from ho_imaging.errors import UsageError
from ho_imaging.reading import discover

SAMPLES = Path(__file__).parents[2] / "sample_data"
PELVIS = Settings(region="pelvis", laterality="bilateral", view="ap", spacing_mm=(0.5, 0.5))
HERE = BatchOptions(workers=0)


@pytest.fixture
def films(tmp_path, fake_network):
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(SAMPLES / "07_one_hip_islands.dcm", folder)
    return folder


def asked(*outputs):
    return dataclasses.replace(PELVIS, outputs=outputs)


def test_an_output_is_added_to_a_finished_batch_without_another_analysis(films, tmp_path, caplog):
    out = tmp_path / "out"
    assert run_batch([films], out, PELVIS, HERE).analysed == 1
    (study,) = (out / "studies").iterdir()
    before = (study / "result.json").stat().st_mtime_ns
    counts = run_batch([films], out, asked("dicom", "overlays", "fhir", "labels", "coco", "masks"), HERE)
    assert (counts.analysed, counts.done, counts.outputs_missing) == (0, 1, 1)
    assert not counts.all_done
    assert "output masks cannot be made from the kept results of 1 studies" in caplog.text
    assert (study / "result.json").stat().st_mtime_ns == before
    assert len(list(study.glob("dicom/*.dcm"))) == 4
    assert len(list(study.glob("*.overlay.png"))) == 1
    assert json.loads((study / "outputs" / "fhir.json").read_text())["resourceType"] == "Bundle"
    assert len(list((study / "outputs" / "labels").glob("*.png"))) == 1
    assert json.loads((out / "outputs" / "coco.json").read_text())["annotations"]
    # What is there is not written again.
    written = (study / "outputs" / "fhir.json").stat().st_mtime_ns
    assert run_batch([films], out, asked("fhir", "overlays"), HERE).all_done
    assert (study / "outputs" / "fhir.json").stat().st_mtime_ns == written
    again = run_batch([films], out, asked("masks"), dataclasses.replace(HERE, again=True))
    assert (again.analysed, again.all_done) == (1, True)
    assert len(list(study.glob("*.ho.png"))) == 1
    assert not list(study.glob("*.overlay.png"))


def test_an_output_added_later_is_that_of_an_analysis(films, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    wanted = asked("fhir", "overlays", "geojson", "coco")
    run_batch([films], first, PELVIS, HERE)
    run_batch([films], first, wanted, HERE)
    run_batch([films], second, wanted, HERE)
    kinds = {".json", ".geojson", ".png"}
    files = sorted(path.relative_to(second) for path in second.rglob("*") if path.suffix in kinds)
    assert len(files) == 7
    for file in files:
        if file.name != "run.json":
            assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_an_output_of_all_studies_follows_the_batch(films, tmp_path):
    out = tmp_path / "out"
    run_batch([films], out, asked("coco"), HERE)
    shutil.copy(SAMPLES / "02_islands.dcm", films)
    assert run_batch([films], out, PELVIS, HERE).analysed == 1
    assert len(json.loads((out / "outputs" / "coco.json").read_text())["images"]) == 2
    (out / "outputs" / "coco.json").unlink()
    summarise(out)
    assert (out / "outputs" / "coco.json").is_file()


def test_an_output_that_cannot_be_made_now_is_tried_again(films, tmp_path, monkeypatch, caplog):
    out = tmp_path / "out"
    run_batch([films], out, PELVIS, HERE)
    with monkeypatch.context() as broken:
        broken.setattr("ho_imaging.outputs.fhir_file.to_fhir", lambda *_, **__: {}["Doe^Jane"])
        counts = run_batch([films], out, asked("fhir"), HERE)
    assert (counts.analysed, counts.outputs_missing) == (0, 1)
    assert "output fhir was not written: internal error (KeyError)" in caplog.text
    assert "Doe" not in caplog.text
    assert run_batch([films], out, asked("fhir"), HERE).all_done
    assert list(out.glob("studies/*/outputs/fhir.json"))


def test_every_setting_is_known_to_change_results_or_not(films):
    """Whoever adds a setting decides; one that is forgotten would keep wrong results, or analyse all studies again."""
    assert {field.name for field in dataclasses.fields(Settings)} == {*CHANGES_RESULTS, *CHANGES_NO_RESULT}
    assert not {*CHANGES_RESULTS} & {*CHANGES_NO_RESULT}
    (study,) = discover([films]).studies
    print_ = fingerprint(study, PELVIS, None, "a")
    for changed in ({"model": "other"}, {"device": "cpu"}, {"outputs": ("coco",)}):
        assert fingerprint(study, dataclasses.replace(PELVIS, **changed), None, "a") == print_
    for changed in ({"region": "hip"}, {"view": "pa"}, {"laterality": "left"}, {"spacing_mm": (0.4, 0.4)}):
        assert fingerprint(study, dataclasses.replace(PELVIS, **changed), None, "a") != print_
    assert fingerprint(study, PELVIS, None, "b") != print_


def test_an_output_that_is_none_ends_the_run_before_the_first_film(films, tmp_path):
    with pytest.raises(UsageError, match="unknown output 'cocoa'"):
        run_batch([films], tmp_path / "out", asked("cocoa"), HERE)
    assert not (tmp_path / "out").exists()


def test_the_table_of_sides_has_a_row_a_hip(films, tmp_path):
    out = tmp_path / "out"
    run_batch([films], out, PELVIS, HERE)
    (study,) = (out / "studies").iterdir()
    sides = json.loads((study / "result.json").read_text())["severity"]["sides"]
    rows = pq.read_table(out / "sides.parquet").to_pylist()
    assert [(row["side"], row["grade"], row["score"]) for row in rows] == [
        (side["side"], side["grade"], side["score"]) for side in sides
    ]
    assert json.loads(rows[0]["probabilities"]) == sides[0]["probabilities"]
    assert (out / "sides.csv").is_file()


def test_outputs_of_an_earlier_run_below_the_input_are_no_films(films, tmp_path):
    """Overlays and thumbnails became studies of their own; films beside them are still read."""
    run_batch([films], films / "first", asked("overlays", "masks", "dicom", "labels"), HERE)
    (study,) = (films / "first" / "studies").iterdir()
    out = tmp_path / "out"
    counts = run_batch([films], out, PELVIS, HERE)
    assert (counts.done, counts.refused, counts.failed) == (1, 0, 0)
    rows = {row["path"]: row["reason"] for row in pq.read_table(out / "inputs.parquet").to_pylist()}
    assert set(rows) == {str(films / "07_one_hip_islands.dcm"), str(films / "first")}
    assert rows[str(films / "first")] == "holds outputs of an earlier run: they are not read as films"
    # The same where a study's folder, or a picture in it, is named.
    overlay = next(study.glob("*.overlay.png"))
    assert not discover([study]).studies
    assert not discover([overlay]).studies
    shutil.copy(SAMPLES / "02_islands.dcm", study)
    assert [image.path.name for found in discover([study]).studies for image in found.images] == ["02_islands.dcm"]
