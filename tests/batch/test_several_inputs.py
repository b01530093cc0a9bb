"""One output folder, several inputs in turn: no study leaves the tables without a word, and none is in them twice."""

import csv
import io
import json
import shutil
import sqlite3
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest
from pictures import picture
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from ho_imaging.batch import BatchOptions, Settings, run_batch, summarise
from ho_imaging.errors import UsageError

CHEST = Settings(region="chest")
"""Films that are called chests are refused before any model is needed, so a study takes milliseconds."""

HERE = BatchOptions(workers=0)
TORN = b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL"


@pytest.fixture
def days(tmp_path):
    """Two folders of two films each, under the same names."""
    for number in range(4):
        picture(tmp_path / f"day{1 + number // 2}" / f"IM{number % 2}", number)
    return tmp_path / "day1", tmp_path / "day2"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def films(out):
    """Files by the table of inputs; each study and each file is there once, and every table agrees."""
    inputs = pq.read_table(out / "inputs.parquet").to_pylist()
    studies = [row["study_uid"] for row in pq.read_table(out / "studies.parquet").to_pylist()]
    assert len({row["path"] for row in inputs}) == len(inputs)
    assert len(set(studies)) == len(studies)
    with (out / "studies.csv").open(newline="") as stream:
        assert [row["study_uid"] for row in csv.DictReader(stream)] == studies
    page = (out / "index.html").read_text()
    assert all(uid in page for uid in studies)
    run = json.loads((out / "run.json").read_text())
    assert sum(run["studies"].values()) == len(studies)
    assert summarise(out)["studies"] == run["studies"]
    return {row["path"]: row["status"] for row in inputs}


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def all_of(*folders):
    return {str(path): "refused" for folder in folders for path in folder.iterdir()}


def test_what_was_analysed_of_another_folder_stays_in_the_tables(days, out):
    day1, day2 = days
    run_batch([day1], out, CHEST, HERE)
    counts = run_batch([day2], out, CHEST, HERE)
    assert (counts.refused, counts.analysed) == (2, 2)  # of what was given
    assert films(out) == all_of(day1, day2)
    # Neither a part of what was analysed nor the first folder again pushes the rest out.
    assert run_batch([day1 / "IM0"], out, CHEST, HERE).refused == 1
    assert run_batch([day1], out, CHEST, HERE).analysed == 0
    assert films(out) == all_of(day1, day2)


def test_a_folder_that_holds_nothing_is_refused_before_anything_is_changed(days, out, tmp_path):
    run_batch([days[0]], out, CHEST, HERE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: holds no image files"):
        run_batch([tmp_path / "empty"], out, CHEST, HERE)
    (tmp_path / "bare").mkdir()
    with pytest.raises(UsageError, match="bare: hold no image files"):
        run_batch([tmp_path / "empty", tmp_path / "bare"], out, CHEST, HERE)
    with sqlite3.connect(out / "ledger.sqlite") as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert films(out) == all_of(days[0])


def test_a_folder_whose_name_is_too_long_is_refused(days, tmp_path):
    with pytest.raises(UsageError, match="L: the name is too long"):
        run_batch([days[0]], tmp_path / ("L" * 300), CHEST, HERE)


def test_films_that_are_all_damaged_end_with_their_reasons(days, out, tmp_path):
    """They are inputs that were looked at, not a wrong path."""
    run_batch([days[0]], out, CHEST, HERE)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "a.dcm").write_bytes(TORN)
    assert run_batch([tmp_path / "torn"], out, CHEST, HERE).failed == 1
    assert films(out) == all_of(days[0]) | {str(tmp_path / "torn" / "a.dcm"): "failed"}


def test_a_film_replaced_under_its_name_is_not_there_twice(days, out, caplog):
    day1, day2 = days
    run_batch([day1, day2], out, CHEST, HERE)
    before = {row["study_uid"] for row in pq.read_table(out / "studies.parquet").to_pylist()}
    assert not warnings(caplog)
    picture(day1 / "IM0", 9)
    counts = run_batch([day1], out, CHEST, HERE)
    assert (counts.refused, counts.analysed) == (2, 1)
    assert films(out) == all_of(day1, day2)
    after = {row["study_uid"] for row in pq.read_table(out / "studies.parquet").to_pylist()}
    (left,) = before - after
    (said,) = warnings(caplog)
    assert left in said
    assert "something else" in said
    assert summarise(out)["left_out"] == 1


def test_a_film_that_is_gone_leaves_the_tables_with_a_word_and_comes_back(days, out, tmp_path, caplog):
    day1, day2 = days
    run_batch([day1], out, CHEST, HERE)
    (day1 / "IM1").rename(tmp_path / "away")
    assert run_batch([day1], out, CHEST, HERE).refused == 1
    assert films(out) == all_of(day1)
    assert "files are gone" in caplog.text
    caplog.clear()
    run_batch([day2], out, CHEST, HERE)
    assert films(out) == all_of(day1, day2)
    assert not warnings(caplog)  # it was said
    shutil.move(tmp_path / "away", day1 / "IM1")
    counts = run_batch([day1], out, CHEST, HERE)
    assert (counts.refused, counts.analysed) == (2, 0)
    assert films(out) == all_of(day1, day2)


def test_films_moved_to_another_folder_are_where_they_are_now(days, out, tmp_path):
    day1, day2 = days
    run_batch([day1, day2], out, CHEST, HERE)
    day1.rename(tmp_path / "archive")
    run_batch([tmp_path / "archive"], out, CHEST, HERE)
    assert films(out) == all_of(tmp_path / "archive", day2)


def test_films_deleted_after_their_analysis_keep_their_results(days, out, caplog):
    """Of paths that are not given nothing is decided: they may be a share that is off."""
    day1, day2 = days
    run_batch([day1], out, CHEST, HERE)
    before = all_of(day1)
    shutil.rmtree(day1)
    run_batch([day2], out, CHEST, HERE)
    assert films(out) == before | all_of(day2)
    assert not warnings(caplog)


def test_a_link_that_leads_to_another_folder_each_day(days, out, tmp_path):
    link = tmp_path / "current"
    for day in days:
        link.unlink(missing_ok=True)
        link.symlink_to(day, target_is_directory=True)
        run_batch([link], out, CHEST, HERE)
    assert len(pq.read_table(out / "studies.parquet").to_pylist()) == 4


def test_the_same_names_from_another_working_folder_are_other_films(days, out, monkeypatch):
    for day in days:
        monkeypatch.chdir(day)
        run_batch(["IM0", "IM1"], out, CHEST, HERE)
    assert len(pq.read_table(out / "studies.parquet").to_pylist()) == 4


def test_a_film_that_cannot_be_read_any_more_keeps_its_result_and_ends_as_failed(days, out):
    day1, _ = days
    run_batch([day1], out, CHEST, HERE)
    (day1 / "IM0").write_bytes(TORN)
    counts = run_batch([day1], out, CHEST, HERE)
    assert (counts.refused, counts.failed) == (1, 1)
    assert films(out) == all_of(day1) | {str(day1 / "IM0"): "failed"}
    assert len(pq.read_table(out / "studies.parquet").to_pylist()) == 2


def test_a_damaged_file_of_another_folder_stays_named_until_it_is_whole(days, out):
    day1, day2 = days
    (day1 / "torn").write_bytes(TORN)
    run_batch([day1], out, CHEST, HERE)
    run_batch([day2], out, CHEST, HERE)
    assert films(out) == all_of(day1, day2) | {str(day1 / "torn"): "failed"}
    picture(day1 / "torn", 8)
    run_batch([day1], out, CHEST, HERE)
    assert films(out) == all_of(day1, day2)


def test_parts_of_one_input_see_what_another_part_took(days, out):
    day1, day2 = days
    parts = [BatchOptions(workers=0, shard=(part, 2)) for part in (1, 2)]
    for part in parts:
        run_batch([day1, day2], out, CHEST, part)
    for number in range(6):  # of both parts
        picture(day1 / "IM0", 20 + number)
        for part in parts:
            run_batch([day1, day2], out, CHEST, part)
        assert films(out) == all_of(day1, day2)
        assert len(pq.read_table(out / "studies.parquet").to_pylist()) == 4


def dicom(path, instance, **attributes):
    """Write a film of study 1.2.3."""
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID, film.Modality, film.BodyPartExamined = ComputedRadiographyImageStorage, "CR", "CHEST"
    film.StudyInstanceUID, film.SeriesInstanceUID, film.SOPInstanceUID = "1.2.3", "1.2.3.4", f"1.2.3.4.{instance}"
    film.PatientID, film.PatientName = "P1", "Doe^Jane"
    film.Rows, film.Columns, film.SamplesPerPixel, film.PhotometricInterpretation = 80, 90, 1, "MONOCHROME2"
    film.BitsAllocated = film.BitsStored = 16
    film.HighBit, film.PixelRepresentation = 15, 0
    film.PixelData = np.random.default_rng(instance).integers(0, 4096, (80, 90)).astype("<u2").tobytes()
    for keyword, value in attributes.items():
        setattr(film, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, film, enforce_file_format=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("film.dcm", stream.getvalue())
    else:
        path.write_bytes(stream.getvalue())
    return path


def kept(out):
    """Return the one result in a folder: its reason, and the instances that it holds."""
    (place,) = (out / "studies").glob("*/result.json")
    result = json.loads(place.read_text())
    return result["reason"]["code"], sorted(image["sop_instance_uid"][-1] for image in result["images"])


@pytest.mark.parametrize("first", ["day1/a.dcm", "day1/a.zip"])
def test_a_study_whose_films_come_one_by_one_stays_whole(tmp_path, out, first, caplog):
    """The last film alone would be graded in the place of the first, and say nothing of it."""
    one, two = dicom(tmp_path / first, 1), dicom(tmp_path / "day2" / "b.dcm", 2)
    run_batch([one], out, CHEST, HERE)
    run_batch([two], out, CHEST, HERE)
    assert kept(out)[1] == ["1", "2"]
    assert any("of its films from an earlier run" in text for text in warnings(caplog))
    caplog.clear()
    assert run_batch([one, two], out, CHEST, HERE).analysed == 1  # another order of the same films
    assert not warnings(caplog)
    one.unlink()
    run_batch([two], out, CHEST, HERE)
    assert kept(out)[1] == ["2"]
    (said,) = warnings(caplog)
    assert "study 1.2.3: 1 of the films that its last result is of are gone" in said
    caplog.clear()
    assert run_batch([two], out, CHEST, HERE).analysed == 0
    assert not warnings(caplog)  # it was said


def test_a_film_of_a_study_that_is_torn_now_is_missed_with_a_word(tmp_path, out, caplog):
    one, two = dicom(tmp_path / "day1" / "a.dcm", 1), dicom(tmp_path / "day2" / "b.dcm", 2)
    run_batch([one, two], out, CHEST, HERE)
    one.write_bytes(TORN)
    run_batch([two], out, CHEST, HERE)
    assert kept(out)[1] == ["2"]
    assert any("gone or cannot be read" in text for text in warnings(caplog))


def test_films_of_a_study_that_were_moved_are_not_missed(tmp_path, out, caplog):
    for number in (1, 2):
        dicom(tmp_path / "day1" / f"{number}.dcm", number)
    run_batch([tmp_path / "day1"], out, CHEST, HERE)
    (tmp_path / "day1").rename(tmp_path / "archive")
    run_batch([tmp_path / "archive"], out, CHEST, HERE)
    assert kept(out)[1] == ["1", "2"]
    assert not warnings(caplog)


@pytest.mark.parametrize("raw_first", [True, False])
def test_a_raw_film_is_left_out_also_when_its_processed_one_lies_elsewhere(tmp_path, out, raw_first):
    raw = dicom(tmp_path / "raw" / "a.dcm", 1, PresentationIntentType="FOR PROCESSING")
    processed = dicom(tmp_path / "processed" / "b.dcm", 2, PresentationIntentType="FOR PRESENTATION")
    for film in (raw, processed) if raw_first else (processed, raw):
        counts = run_batch([film], out, CHEST, HERE)
    assert kept(out)[1] == ["2"]
    assert films(out) == {str(raw): "refused", str(processed): "refused"}
    assert len(counts.rejected) == (0 if raw_first else 1)  # of what was given


def test_films_that_come_one_by_one_belong_together_however_the_parts_were_cut(tmp_path, out):
    one, two = dicom(tmp_path / "day1" / "a.dcm", 1), dicom(tmp_path / "day2" / "b.dcm", 2)
    run_batch([one], out, CHEST, HERE)
    for part in (1, 2):
        run_batch([two], out, CHEST, BatchOptions(workers=0, shard=(part, 2)))
    assert kept(out)[1] == ["1", "2"]


def test_without_earlier_films_a_study_is_what_is_given(tmp_path, out):
    one, two = dicom(tmp_path / "day1" / "a.dcm", 1), dicom(tmp_path / "day2" / "b.dcm", 2)
    run_batch([one, two], out, CHEST, HERE)
    run_batch([two], out, CHEST, HERE, earlier_films=False)
    assert kept(out)[1] == ["2"]


def test_a_film_of_another_patient_under_the_uid_of_a_study_ends_it(tmp_path, out):
    one = dicom(tmp_path / "day1" / "a.dcm", 1)
    two = dicom(tmp_path / "day2" / "b.dcm", 2, PatientID="P2", PatientName="Roe^Bert")
    run_batch([one], out, CHEST, HERE)
    run_batch([two], out, CHEST, HERE)
    assert kept(out) == ("two_patients", ["1", "2"])
    # Corrected and given again from elsewhere, under its own UID, it takes the place of the wrong one.
    corrected = dicom(tmp_path / "corrected" / "b.dcm", 2)
    run_batch([one, corrected], out, CHEST, HERE)
    code, instances = kept(out)
    assert code != "two_patients"
    assert instances == ["1", "2"]
