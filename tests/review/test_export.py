"""Reviewed samples on their way to training, evaluation and DICOM."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import cv2
import highdicom as hd
import numpy as np
import pydicom
import pytest

from ho_imaging import Analyzer
from ho_imaging.cli import main
from ho_imaging.errors import UsageError
from ho_imaging.evaluation.evaluate import evaluate_studies
from ho_imaging.evaluation.figures import figures
from ho_imaging.evaluation.truth import list_studies, read_truth
from ho_imaging.network.model_store import find_model, read_description
from ho_imaging.outputs import to_dicom
from ho_imaging.outputs.dicom import codes
from ho_imaging.outputs.report.material import Material
from ho_imaging.outputs.report.page import report_html
from ho_imaging.outputs.study_folder import write_study
from ho_imaging.reading import read_radiograph
from ho_imaging.readings.apply_decisions import review_state
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.plan import ReadingPlan, write_plan
from ho_imaging.readings.readings import reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.readings.reviewed_result import reviewed_result
from ho_imaging.results.counting import counted_findings
from ho_imaging.review.dicom import reading_objects
from ho_imaging.review.export import export_reviews
from ho_imaging.review.patient_split import split_of
from ho_imaging.review.reviewed_studies import reviewed_studies
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, MIMIC_BIT
from ho_imaging.training.config import load_config
from ho_imaging.training.reviewed_films import list_films, read_film, read_film_info
from ho_imaging.vocabulary import Structure

SAMPLES = Path(__file__).parents[2] / "sample_data"
ISLANDS, NARROW, NONE = "02_islands", "04_spurs_narrow_gap", "01_no_ectopic_bone"
SQUARE = [[[40.0, 60.0], [90.0, 60.0], [90.0, 100.0], [40.0, 100.0]]]
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """Two samples as a batch leaves them, and what the analysis knew of their films."""
    folder = tmp_path_factory.mktemp("batch")
    analyzer = Analyzer()
    analyses = {name: analyzer.analyze_films([SAMPLES / f"{name}.dcm"]) for name in (ISLANDS, NARROW)}
    for analysis in analyses.values():
        write_study(analysis, folder / "studies" / analysis.result.study_uid)
    return SimpleNamespace(folder=folder, analyses=analyses)


@pytest.fixture
def batch(analysed, tmp_path):
    """A copy of it to review: ``decide(name, reader, *decisions)`` keeps decisions on a sample."""
    folder = tmp_path / "batch"
    shutil.copytree(analysed.folder, folder)
    store = ReviewStore(folder / "reviews")

    def decide(name, reader, *decisions):
        result = analysed.analyses[name].result
        image = result.images[0]
        for number, (action, target, value) in enumerate(decisions):
            store.append(
                Decision(
                    reader=reader, study_uid=result.study_uid, image_uid=image.sop_instance_uid, action=action,
                    target=target, value=value, at=START + timedelta(minutes=number), model=result.model,
                    reason="seen" if action == "regrade" else None,
                )
            )  # fmt: skip
        return reader_reading(result, store.read(result.study_uid, reader))

    return SimpleNamespace(folder=folder, store=store, decide=decide, out=tmp_path / "site")


def everything(analysed, name):
    return [("accept", finding.id, {}) for finding in analysed.analyses[name].result.findings] + [("commit", None, {})]


def film_of(analysed, name, out):
    uid = analysed.analyses[name].result.images[0].sop_instance_uid
    return read_film(out / "films" / f"film_{uid}.safetensors")


def bit(film, number):
    return film.bits >> number & 1 == 1


def test_a_film_leaves_as_the_network_saw_it_with_what_the_reader_held_for_true(analysed, batch):
    analysis = analysed.analyses[NARROW]
    first, *others = analysis.result.findings
    batch.decide(
        NARROW, "A", ("reject", first.id, {}), *((("accept", f.id, {})) for f in others),
        ("add", "R1", {"outline_xy_px": SQUARE}), ("commit", None, {}),
    )  # fmt: skip
    batch.decide(ISLANDS, "A", ("accept", "F1", {}))  # not committed: stays
    summary = export_reviews(batch.folder, batch.out, val_share=0.0)
    assert (summary.studies, dict(summary.films), summary.not_bone, summary.left_out) == (1, {"train": 1}, 1, {})
    (path,) = list_films(batch.out / "films")
    info, film, _ = read_film(path)
    (given,) = analysis.films.values()
    prepared = given.reading.prepared
    np.testing.assert_allclose(film.pixels, prepared.pixels, atol=1 / 65535)
    np.testing.assert_array_equal(film.valid, prepared.valid)
    assert (info.study_uid, info.readers, info.scope) == (analysis.result.study_uid, ("A",), True)
    found = {finding.id: finding.mask for finding in given.reading.findings}
    ho, is_open, mimic = (bit(film, n) for n in (MASK_BITS[Structure.HO], IGNORE_BIT, MIMIC_BIT))
    kept = np.logical_or.reduce([found[f.id] for f in others])
    assert (ho | is_open)[kept].all()
    assert not (ho | is_open)[found[first.id] & ~kept].all()
    assert mimic[found[first.id]].mean() > 0.7
    grid = prepared.grid
    (left, top), (right, bottom) = (grid.points_to_prepared(np.array([[y, x]]))[0][::-1] for x, y in SQUARE[0][::2])
    rows, columns = np.nonzero(ho & ~kept)
    assert abs(len(rows) - (right - left) * (bottom - top)) < 2 * (right - left + bottom - top)
    assert (rows.min(), columns.max()) == (pytest.approx(top, abs=1), pytest.approx(right, abs=1))


def test_a_reviewed_study_is_evaluated_like_one_with_truth(analysed, batch, tmp_path):
    """Who accepts everything finds the model without fault."""
    for name in (ISLANDS, NARROW):
        batch.decide(name, "A", *everything(analysed, name))
    export_reviews(batch.folder, batch.out, val_share=0.0)
    studies = list_studies(batch.out / "studies" / "train")
    truth = read_truth(studies[0])
    assert truth.film.is_file()
    assert not list((batch.out / "studies").rglob("*.dcm"))
    records = evaluate_studies(Analyzer(), batch.out / "studies" / "train", tmp_path / "films.jsonl")
    for record in records:
        assert record.dice["ho"] > 0.97
        assert all(lesion.score is not None for lesion in record.lesions)
        assert all(side.found == side.truth for side in record.sides)
    found = figures(records)
    assert found["lesions"] == sum(len(analysed.analyses[n].result.findings) for n in (ISLANDS, NARROW))
    assert found["area_error"]["median_ratio"] == pytest.approx(1.0, abs=0.01)
    assert evaluate_studies(Analyzer("none"), batch.out / "studies" / "train", tmp_path / "films.jsonl") == records


def test_the_adjudicators_word_counts_alone(analysed, batch):
    write_plan(batch.store.folder, ReadingPlan(readers=("A", "B"), readings_per_study=2, adjudicator="J"))
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    rejected = [("reject", f.id, {}) for f in analysed.analyses[ISLANDS].result.findings]
    batch.decide(ISLANDS, "B", *rejected, ("commit", None, {}))
    (both,) = reviewed_studies(batch.folder)
    assert [reading.reader for reading in both.readings] == ["A", "B"]
    export_reviews(batch.folder, batch.out, val_share=0.0)
    assert not bit(film_of(analysed, ISLANDS, batch.out).film, MASK_BITS[Structure.HO]).any()
    assert bit(film_of(analysed, ISLANDS, batch.out).film, IGNORE_BIT).any()
    batch.decide(ISLANDS, "J", *everything(analysed, ISLANDS))
    (settled,) = reviewed_studies(batch.folder)
    assert [reading.reader for reading in settled.readings] == ["J"]
    export_reviews(batch.folder, batch.out, val_share=0.0)
    assert bit(film_of(analysed, ISLANDS, batch.out).film, MASK_BITS[Structure.HO]).any()


def test_films_nobody_outlined_teach_what_is_no_bone(analysed, batch):
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    summary = export_reviews(
        batch.folder,
        batch.out,
        val_share=0.0,
        without_ho=[SAMPLES / f"{NONE}.dcm"],
        out_of_scope=[SAMPLES / "08_one_hip_no_ectopic_bone.dcm"],
    )
    assert (summary.without_ho, summary.out_of_scope, summary.films["train"]) == (1, 1, 3)
    films = [read_film(path) for path in list_films(batch.out / "films")]
    assert sorted((bool(f.film.bits.any()), f.info.scope) for f in films) == [
        (False, False),
        (False, True),
        (True, True),
    ]


def test_further_films_that_cannot_be_read_are_said(analysed, batch, tmp_path):
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    further = tmp_path / "further"
    further.mkdir()
    (further / "broken.dcm").write_bytes((SAMPLES / f"{NONE}.dcm").read_bytes()[:300])
    (further / "notes.txt").write_text("no film")
    summary = export_reviews(batch.folder, batch.out, val_share=0.0, without_ho=[further])
    assert summary.without_ho == 0
    assert list(summary.left_out) == [str(further / "broken.dcm")]


def test_what_a_reader_outlined_counts_before_what_is_said_of_the_whole_film(analysed, batch):
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    summary = export_reviews(batch.folder, batch.out, val_share=0.0, without_ho=[SAMPLES / f"{ISLANDS}.dcm"])
    (film,) = [read_film(path) for path in list_films(batch.out / "films")]
    assert film.film.bits.any()
    assert (summary.without_ho, summary.films["train"]) == (0, 1)
    assert "reviewed" in summary.left_out[str(SAMPLES / f"{ISLANDS}.dcm")]


def test_an_export_leaves_nothing_of_an_earlier_one(analysed, batch):
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    export_reviews(batch.folder, batch.out, val_share=0.0, test_share=0.999, without_ho=[SAMPLES / f"{NONE}.dcm"])
    assert [path.parent.name for path in batch.out.glob("studies/*/*")] == ["test"]
    (batch.out / "films" / "notes.txt").write_text("a person's own")
    export_reviews(batch.folder, batch.out, val_share=0.0)
    assert [path.parent.name for path in batch.out.glob("studies/*/*")] == ["train"]
    assert len(list_films(batch.out / "films")) == 1
    assert (batch.out / "films" / "notes.txt").exists()


def test_objects_of_a_reading_that_has_changed_are_not_left_beside_the_new_ones(analysed, batch):
    """Whoever sends the folder to an archive would send both."""
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    export_reviews(batch.folder, batch.out, val_share=0.0, dicom=True)
    before = set(batch.out.glob("dicom/*/*.dcm"))
    first = analysed.analyses[ISLANDS].result.findings[0]
    batch.decide(ISLANDS, "A", ("reject", first.id, {}), ("commit", None, {}))
    summary = export_reviews(batch.folder, batch.out, val_share=0.0, dicom=True)
    now = set(batch.out.glob("dicom/*/*.dcm"))
    assert (len(now), len(now & before)) == (summary.dicom_objects, 0)
    export_reviews(batch.folder, batch.out, val_share=0.0)  # not asked for, they stay
    assert set(batch.out.glob("dicom/*/*.dcm")) == now


def test_what_readers_differ_on_costs_nothing_in_an_evaluation(analysed, batch, tmp_path):
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    rejected = [("reject", f.id, {}) for f in analysed.analyses[ISLANDS].result.findings]
    batch.decide(ISLANDS, "B", *rejected, ("commit", None, {}))
    export_reviews(batch.folder, batch.out, val_share=0.0)
    (record,) = evaluate_studies(Analyzer(), batch.out / "studies" / "train", tmp_path / "films.jsonl")
    assert (record.only_open, record.lesions, record.findings, record.stated) == (True, (), 0, ())
    assert not any(alarm.reported for alarm in record.alarms)
    assert figures([record])["films_without_ho_with_findings"] is None


def test_what_the_caller_said_of_a_film_is_known_when_it_is_evaluated(tmp_path):
    """Of a picture file nothing is known but what the caller says: areas come out as they were reviewed."""
    pixels = read_radiograph(SAMPLES / "07_one_hip_islands.dcm").pixels
    span = float(pixels.max() - pixels.min())
    cv2.imwrite(str(tmp_path / "film.png"), ((pixels - pixels.min()) / span * 255).astype(np.uint8))
    spacing = (0.4, 0.4)  # not what the heads tell, nor the file it was made from
    analyzer = Analyzer(region="hip", laterality="left", view="ap", spacing_mm=spacing)
    analysis = analyzer.analyze_films([tmp_path / "film.png"])
    result, folder = analysis.result, tmp_path / "batch"
    assert result.findings
    write_study(analysis, folder / "studies" / result.study_uid)
    store = ReviewStore(folder / "reviews")
    for number, (action, target, value) in enumerate(
        [*(("accept", finding.id, {}) for finding in result.findings), ("commit", None, {})]
    ):
        store.append(
            Decision(
                reader="A", study_uid=result.study_uid, image_uid=result.images[0].sop_instance_uid, action=action,
                target=target, value=value, at=START + timedelta(minutes=number), model=result.model,
            )
        )  # fmt: skip
    export_reviews(folder, tmp_path / "site", val_share=0.0)
    (record,) = evaluate_studies(Analyzer(), tmp_path / "site" / "studies" / "train", tmp_path / "films.jsonl")
    assert (record.region, record.view, len(record.lesions)) == ("hip", "ap", len(result.findings))
    assert sorted(lesion.found_area_mm2 for lesion in record.lesions) == pytest.approx(
        sorted(finding.area_mm2 for finding in result.findings), rel=0.01
    )
    (truth,) = (tmp_path / "site").rglob("truth.json")
    truth.write_text(truth.read_text().replace('"hip"', '"no region"'))
    (failed,) = evaluate_studies(Analyzer(), tmp_path / "site" / "studies" / "train", tmp_path / "films.jsonl")
    assert (failed.status, failed.evaluated) == ("failed", False)


def test_a_patient_is_one_patient_with_and_without_an_issuer(batch, tmp_path):
    folder = tmp_path / "normal"
    folder.mkdir()
    patients = {}
    for patient in "PQRST":
        for visit, issuer in enumerate(("", "Ward")):
            film = pydicom.dcmread(SAMPLES / f"{NONE}.dcm")
            film.PatientID, film.IssuerOfPatientID = patient, issuer
            film.StudyInstanceUID = f"2.25.{ord(patient)}{visit}1"
            film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"2.25.{ord(patient)}{visit}2"
            film.save_as(folder / f"{patient}{visit}.dcm")
            patients[film.StudyInstanceUID] = patient
    export_reviews(batch.folder, batch.out, val_share=0.5, without_ho=[folder])
    infos = [read_film_info(path) for path in list_films(batch.out / "films")]
    assert len(infos) == 10
    assert len({(patients[info.study_uid], info.split) for info in infos}) == 5
    assert {info.split for info in infos} == {"train", "val"}


def test_the_configuration_fits_the_model_and_finds_the_films(analysed, batch):
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    export_reviews(batch.folder, batch.out, val_share=0.0)
    config = load_config(batch.out / "adapt.toml")
    description = read_description(find_model())
    assert (config.network, config.structures) == (description.architecture, description.structures)
    assert config.preparation == description.preparation
    assert list_films(config.data.films, "train")
    assert config.data.coarse_steps == 0, "a short run would see films at half the size that the model is used at"


def test_a_patient_is_always_in_one_split():
    keys = [f"patient {number}" for number in range(3000)]
    splits = [split_of(key, val_share=0.2, test_share=0.1) for key in keys]
    assert [split_of(key, val_share=0.2, test_share=0.1) for key in reversed(keys)] == splits[::-1]
    counts = {name: splits.count(name) / len(splits) for name in ("train", "val", "test")}
    assert counts == {"train": pytest.approx(0.7, abs=0.03), "val": pytest.approx(0.2, abs=0.03),
                      "test": pytest.approx(0.1, abs=0.03)}  # fmt: skip
    # What is held out stays so when more is held out to calibrate by.
    more = [split_of(key, val_share=0.4, test_share=0.1) for key in keys]
    assert [s == "test" for s in more] == [s == "test" for s in splits]


def test_films_that_have_moved_are_said_and_found_where_told(analysed, batch, tmp_path, monkeypatch):
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    (path,) = batch.folder.glob(f"studies/{analysed.analyses[ISLANDS].result.study_uid}/result.json")
    path.write_text(path.read_text().replace(str(SAMPLES), "/gone"))
    with pytest.raises(UsageError, match="no committed study whose films"):
        export_reviews(batch.folder, batch.out)
    summary = export_reviews(batch.folder, batch.out, films=[SAMPLES])
    assert not summary.left_out
    # Another film under the same name is not taken for it.
    other = tmp_path / "other"
    other.mkdir()
    shutil.copyfile(SAMPLES / f"{NARROW}.dcm", other / f"{ISLANDS}.dcm")
    summary = None
    with pytest.raises(UsageError, match="no committed study whose films"):
        summary = export_reviews(batch.folder, batch.out, films=[other])
    assert summary is None


def test_the_command_says_what_it_did(analysed, batch, capsys):
    batch.decide(ISLANDS, "A", *everything(analysed, ISLANDS))
    arguments = ["-q", "export-reviews", str(batch.folder), "--out", str(batch.out), "--dicom", "--val-share", "0"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((batch.out / "export.json").read_text())
    assert (told["studies"], told["films"], told["dicom_objects"]) == (1, {"train": 1}, 2)
    before = {path: path.read_bytes() for path in batch.out.rglob("*") if path.is_file()}
    assert main(arguments) == 0
    assert {path: path.read_bytes() for path in batch.out.rglob("*") if path.is_file()} == before
    assert main(["-q", "export-reviews", str(batch.folder), "--out", str(batch.out), "--reader", "nobody"]) == 2


def test_what_is_exported_for_elsewhere_names_nobody(analysed, batch, tmp_path):
    pytest.importorskip("dicomanonymizer")
    batch.decide(NARROW, "Dr. Somebody", *everything(analysed, NARROW))
    key = tmp_path / "site.key"
    command = ["-q", "export-reviews", str(batch.folder), "--out", str(batch.out), "--dicom", "--val-share", "0"]
    assert main([*command, "--deidentify", str(key)]) == 2  # its side marker is text in the picture
    assert main([*command, "--deidentify", str(key), "--burned-in"]) == 0
    source = pydicom.dcmread(SAMPLES / f"{NARROW}.dcm", stop_before_pixels=True)
    secrets = [str(source[name].value) for name in ("PatientID", "PatientName", "StudyInstanceUID", "SOPInstanceUID")]
    secrets += ["Somebody", str(batch.folder), str(SAMPLES)]
    files = [path for path in batch.out.rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        data = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in data or secret in path.name], path
    (truth,) = list_studies(batch.out / "studies" / "train")
    film = pydicom.dcmread(read_truth(truth).film)
    assert film.PatientIdentityRemoved == "YES"
    segmentations = [pydicom.dcmread(path) for path in batch.out.glob("dicom/*/seg-*.dcm")]
    assert {made.StudyInstanceUID for made in segmentations} == {film.StudyInstanceUID}
    assert f"film_{film.SOPInstanceUID}.safetensors" in {path.name for path in files}


@pytest.fixture
def objects(analysed, batch):
    """A reading of the narrow gap with a nodule of each kind, by a reader whose name is not ASCII."""
    first, second, *others = analysed.analyses[NARROW].result.findings
    reading = batch.decide(
        NARROW, "Müller^Åse", ("accept", first.id, {}), ("reshape", second.id, {"outline_xy_px": SQUARE}),
        ("add", "R1", {"outline_xy_px": [[[120.0, 60.0], [150.0, 60.0], [150.0, 90.0]]]}),
        ("regrade", None, {"side": "right", "system": "brooker", "from": "III", "to": "II"}),
        *((("reject", f.id, {})) for f in others), ("commit", None, {}),
    )  # fmt: skip
    made = reading_objects(analysed.analyses[NARROW].result, reading)
    return SimpleNamespace(made=made, reading=reading, first=first, second=second)


def test_dicom_objects_name_the_reader_and_what_is_his(analysed, objects):
    seg, report = sorted(objects.made, key=lambda item: item.Modality)
    assert str(seg.ContentCreatorName) == "Müller^Åse"
    kinds = {segment.TrackingID: segment.SegmentAlgorithmType for segment in seg.SegmentSequence}
    assert kinds == {
        f"HO {objects.first.id}": "AUTOMATIC", f"HO {objects.second.id}": "SEMIAUTOMATIC", "HO R1 Müller^Åse": "MANUAL",
    }  # fmt: skip
    manual = next(segment for segment in seg.SegmentSequence if segment.SegmentAlgorithmType == "MANUAL")
    assert "SegmentationAlgorithmIdentificationSequence" not in manual
    # A nodule the reader kept is the model's nodule: the same tracking UID in both objects.
    by_model = to_dicom(analysed.analyses[NARROW])
    theirs = {s.TrackingID: s.TrackingUID for item in by_model if item.Modality == "SEG" for s in item.SegmentSequence}
    mine = {s.TrackingID: s.TrackingUID for s in seg.SegmentSequence}
    kept = f"HO {objects.first.id}"
    assert mine[kept] == theirs[kept]
    # One that was reshaped is so still, and no other; one that was added is nobody else's.
    reshaped = f"HO {objects.second.id}"
    assert mine[reshaped] == theirs[reshaped]
    assert mine["HO R1 Müller^Åse"] not in theirs.values()
    assert len(set(mine.values())) == 3
    assert not {item.SOPInstanceUID for item in by_model} & {item.SOPInstanceUID for item in objects.made}

    people = [item for item in report.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "121008"]
    assert [str(item.PersonName) for item in people] == ["Müller^Åse"]
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    words = str(report)
    assert "brooker" in words.lower()
    certainties = words.count("Certainty of Finding") or words.count("Algorithm Confidence")
    assert certainties in {0, 1}  # only of what the model outlined


def test_an_added_nodule_is_told_by_its_reader_and_outline(analysed, batch):
    """Not by the rest of a reading, which goes on, nor by the number it has there."""
    result = analysed.analyses[NARROW].result

    def added(reader, *decisions):
        batch.decide(NARROW, reader, *decisions, ("add", "R2", {"outline_xy_px": SQUARE}))
        made = reading_objects(result, batch.decide(NARROW, reader, ("commit", None, {})))
        (seg,) = (item for item in made if item.Modality == "SEG")
        return {str(segment.TrackingUID) for segment in seg.SegmentSequence if segment.SegmentAlgorithmType == "MANUAL"}

    (once,) = added("A")
    assert added("A", ("reject", result.findings[0].id, {})) == {once}
    (other,) = added("B")
    assert other != once
    triangle = [[[120.0, 60.0], [150.0, 60.0], [150.0, 90.0]]]
    assert len(added("A", ("add", "R3", {"outline_xy_px": triangle})) - {once}) == 1


def test_report_and_dicom_of_a_reading_tell_the_same(analysed, batch):
    """A nodule of two parts beside a hip that had none: side, grade, count and area, read back by highdicom."""
    result = analysed.analyses[NARROW].result
    image = result.images[0]
    shows = {side.side: {f.id for f in result.findings if f.side == side.side} for side in result.severity.sides}
    side = min(shows, key=lambda name: len(shows[name]))
    # Well inside the side's half of the film.
    low, high = (0.0, image.sides_meet_x_px) if image.sides[0] == side else (image.sides_meet_x_px, image.columns - 1.0)
    x = 0.5 * (low + high)
    parts = [[[x, 60.0], [x + 30, 60.0], [x + 30, 90.0], [x, 90.0]], [[x, 120.0], [x + 10, 120.0], [x, 130.0]]]
    batch.decide(
        NARROW, "AB", ("add", "R1", {"outline_xy_px": parts}),
        ("regrade", None, {"side": side, "system": "brooker", "from": None, "to": "I"}), ("commit", None, {}),
    )  # fmt: skip
    decisions = batch.store.read(result.study_uid, "AB")
    reading = reader_reading(result, decisions)
    reviewed = reviewed_result(result, reading)
    (added,) = (nodule for nodule in reading.nodules if nodule.id == "R1")
    assert (added.side, added.area_px) == (side, pytest.approx(900.0 + 50.0))
    count = sum(finding.side == side for finding in counted_findings(reviewed))
    assert count == len(shows[side]) + 1
    report = next(item for item in reading_objects(result, reading) if item.Modality == "SR")
    report = hd.sr.ComprehensiveSR.from_dataset(report)
    group = next(
        g for g in report.content.get_planar_roi_measurement_groups() if g.tracking_identifier.startswith("HO R1")
    )
    a, b = np.asarray(group.roi.value).T
    assert abs(0.5 * (np.dot(a, np.roll(b, -1)) - np.dot(b, np.roll(a, -1)))) == pytest.approx(950.0, abs=1.0)
    (of_side,) = (g for g in report.content.get_image_measurement_groups() if g.tracking_identifier == f"{side} side")
    assert of_side.get_measurements(name=codes.COUNT)[0].value == count
    assert "I" in [e.value.meaning.split()[-1] for e in of_side.get_qualitative_evaluations()]
    page = re.sub(r"<[^>]+>|\s+", " ", report_html(Material(result, reviews=[review_state(result, decisions)])))
    assert re.search(rf"I +\(AB; {count} nodule", page)


def test_another_reading_is_another_object_and_the_same_the_same(analysed, objects, batch):
    result = analysed.analyses[NARROW].result
    again = reading_objects(result, objects.reading)
    assert [item.SOPInstanceUID for item in again] == [item.SOPInstanceUID for item in objects.made]
    other = batch.decide(NARROW, "B", *everything(analysed, NARROW))
    uids = {item.SOPInstanceUID for item in reading_objects(result, other)}
    assert not uids & {item.SOPInstanceUID for item in objects.made}
    waiting = batch.decide(ISLANDS, "B", ("accept", "F1", {}))
    with pytest.raises(UsageError, match="not committed"):
        reading_objects(analysed.analyses[ISLANDS].result, waiting)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_dicom_objects_keep_to_the_standard(objects, tmp_path):
    for number, item in enumerate(objects.made):
        path = tmp_path / f"{number}.dcm"
        item.save_as(path, enforce_file_format=True)
        ran = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        wrong = [line for line in (ran.stderr + ran.stdout).splitlines() if line.startswith("Error")]
        assert not wrong
        pydicom.dcmread(path)
