"""The patient's last study of the same side is found, and what grew since goes out with the result."""

import json
from datetime import date
from pathlib import Path

import pydicom
import pytest

from ho_imaging.batch.work import Job, Settings
from ho_imaging.errors import UsageError
from ho_imaging.pacs.config import DimseDestination, Priors, ServeConfig
from ho_imaging.pacs.fetch import DimseArchive, FetchError
from ho_imaging.pacs.operate import Selection, select
from ho_imaging.pacs.priors import Candidate, WorkWithPriors, candidates
from ho_imaging.reading import StudyRef
from ho_imaging.reading.completeness import Completeness, StudyFilms
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.read import ImageRef

from .conftest import running, send, wait_for, write_films

SAMPLE = Path(__file__).parents[2] / "sample_data" / "06_both_sides.dcm"
PEER = DimseDestination(kind="dimse", name="pacs", ae_title="PACS", host="127.0.0.1", port=104)
PRIORS = Priors(archive="pacs")


class FakeArchive:
    """An archive of the studies that it is given; ``asked`` keeps its queries."""

    def __init__(self, films=(), dates=None):
        self.films = {str(film.StudyInstanceUID): film for film in films}
        self._dates = dates or {uid: str(film.StudyDate) for uid, film in self.films.items()}
        self.asked, self.fetched = [], []

    def dates(self, query):
        self.asked.append(dict(query))
        return self._dates

    def fetch(self, uid):
        self.fetched.append(uid)
        return StudyFilms([self.films[uid]], Completeness(1, 1, ()))


def test_the_last_studies_before_this_one_are_asked_for_within_the_limits():
    dates = {"1.1": "20200301", "1.2": "20240301", "1.3": "20240101", "1.4": "20240601", "1.5": "", "1.6": "x",
             "1.7": "20240302", "1.8": "20100101", "1.9": "20240301"}  # fmt: skip
    archive = FakeArchive(dates=dates)
    found = list(candidates(archive, "P1", "1.7", date(2024, 3, 2), Priors(archive="pacs", years=2, studies=2)))
    assert found == [Candidate("1.9", date(2024, 3, 1)), Candidate("1.2", date(2024, 3, 1))]
    assert archive.asked == [{"PatientID": "P1", "StudyDate": "20220303-20240302"}]


@pytest.mark.parametrize("number", ["*", "P?", "A\\B"])
def test_an_identifier_that_would_be_a_pattern_is_not_asked_for(number):
    archive = FakeArchive()
    assert list(candidates(archive, number, "1.7", date(2024, 3, 2), PRIORS)) == []
    assert archive.asked == []


@pytest.fixture
def job(tmp_path):
    """A study on disk, dated half a year after what `earlier` makes of it."""
    film = pydicom.dcmread(SAMPLE)
    film.StudyDate = film.AcquisitionDate = "20240701"
    film.ContentDate = film.SeriesDate = "20240701"
    film.PatientID = "TEST-1"
    path = tmp_path / "film.dcm"
    film.save_as(path)
    image = ImageRef(path, FileKind.DICOM, str(film.StudyInstanceUID), str(film.SeriesInstanceUID),
                     str(film.SOPInstanceUID), "DX")  # fmt: skip
    study = StudyRef(str(film.StudyInstanceUID), (image,))
    return Job(study, str(tmp_path / "out"), Settings(outputs=("dicom",), device="cpu"), None, "")


def earlier(job, number, **changes):
    film = pydicom.dcmread(job.study.images[0].path)
    film.StudyDate = film.AcquisitionDate = film.ContentDate = film.SeriesDate = f"20240{number}01"
    film.StudyInstanceUID, film.SeriesInstanceUID = f"1.2.{number}", f"1.2.{number}.1"
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}.1.1"
    for keyword, value in changes.items():
        setattr(film, keyword, value)
    return film


def run(job, monkeypatch, archive):
    worker = WorkWithPriors(PEER, PRIORS, "HO_IMAGING")
    monkeypatch.setattr(WorkWithPriors, "_archive", lambda _: archive)
    return worker(job), Path(job.out_dir) / "studies" / job.study.study_uid


def test_a_study_is_compared_with_the_last_one_of_its_patient(job, monkeypatch):
    """Not with a later one under the same ID that names another person."""
    archive = FakeArchive([earlier(job, 1), earlier(job, 2), earlier(job, 3, PatientBirthDate="19010101")])
    pydicom_film = pydicom.dcmread(job.study.images[0].path)
    pydicom_film.PatientBirthDate = "19800101"
    pydicom_film.save_as(job.study.images[0].path)
    outcome, folder = run(job, monkeypatch, archive)
    assert (outcome.status, outcome.problems) == ("done", ())
    assert archive.fetched == ["1.2.3", "1.2.2"]
    told = json.loads((folder / "comparison" / "comparison.json").read_text())
    (interval,) = told["intervals"]
    assert (interval["days"], interval["earlier_study_uid"]) == (151, "1.2.2")
    assert {side["earlier_film"] for side in interval["sides"]} == {"1.2.2.1.1"}
    # It is the same film: nothing has changed.
    assert [side["change_mm2"] for side in interval["sides"]] == pytest.approx([0.0, 0.0], abs=5.0)
    reports = [pydicom.dcmread(path) for path in (folder / "dicom").glob("sr-*.dcm")]
    (report,) = [one for one in reports if one.SOPClassUID.name == "Enhanced SR Storage"]
    assert (report.StudyInstanceUID, report.PatientID) == (job.study.study_uid, "TEST-1")
    texts = [item.get("TextValue", item.get("UID")) for item in report.ContentSequence]
    assert texts[:2] == [f"Ectopic bone: {told['verdict']}. Days between: 151.", "1.2.2"]
    assert any(text.startswith(f"left: {interval['sides'][1]['verdict']}") for text in texts)
    assert any("Research use only" in text or "research" in text.lower() for text in texts)


def test_an_archive_that_cannot_be_asked_costs_the_comparison_alone(job, monkeypatch):
    class Away(FakeArchive):
        def dates(self, query):
            raise FetchError("pacs cannot be reached", remedy="check host and port")

    outcome, folder = run(job, monkeypatch, Away())
    assert outcome.status == "done"
    (problem,) = outcome.problems
    assert (problem.code, "pacs cannot be reached" in str(problem)) == ("prior_not_compared", True)
    assert len(list((folder / "dicom").glob("*.dcm"))) == 4
    assert not (folder / "comparison").exists()


def test_a_prior_that_is_broken_is_passed_over_and_said_where_there_is_no_other(job, monkeypatch):
    class Torn(FakeArchive):
        def fetch(self, uid):
            if uid == "1.2.3":
                raise FetchError("the C-GET ended with status C000")
            return super().fetch(uid)

    broken, whole = earlier(job, 3), earlier(job, 2)
    outcome, folder = run(job, monkeypatch, Torn([broken]))
    assert outcome.status == "done"
    assert "C000" in str(outcome.problems[0])
    assert not (folder / "comparison").exists()
    outcome, folder = run(job, monkeypatch, Torn([broken, whole]))
    assert (outcome.status, outcome.problems) == ("done", ())
    assert (folder / "comparison" / "comparison.json").exists()


ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"


def study_of(patient, day, number, **changes):
    """A small film of a hip, uncompressed, of a patient on a day."""
    film = pydicom.dcmread(SAMPLE.with_name("07_one_hip_islands.dcm"))
    film.decompress(generate_instance_uid=False)
    film.StudyDate = film.AcquisitionDate = film.ContentDate = film.SeriesDate = day
    film.PatientID, film.PatientBirthDate, film.PatientName = patient, "19700101", f"{patient}^Test"
    film.StudyInstanceUID, film.SeriesInstanceUID = f"1.2.826.0.1.77.{number}", f"1.2.826.0.1.77.{number}.1"
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.77.{number}.1.1"
    for keyword, value in changes.items():
        setattr(film, keyword, value)
    return film


def test_a_running_service_compares_with_what_a_real_archive_holds(orthanc, tmp_path, config):
    """And sends the result in any case: no prior, another patient's, a broken one, an archive that is away."""
    destination = {
        "kind": "dimse", "name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": orthanc.dicom_port,
    }  # fmt: skip
    before = [
        study_of("GROWS", "20240101", 1),
        study_of("OTHER", "20240101", 2, PatientBirthDate="19010101", PatientName="Someone^Else"),
        study_of("BROKEN", "20240101", 3),
    ]
    before[2].PixelData = before[2].PixelData[: len(before[2].PixelData) // 2]
    for path in write_films(before, tmp_path / "films"):
        orthanc.upload(path)
    now = {
        name: study_of(name, "20240701", 11 + number) for number, name in enumerate(["GROWS", "OTHER", "BROKEN", "NEW"])
    }
    made = config(send=[destination], priors={"archive": "archive"})
    with running(made, None) as service:
        assert send(service.receiver.port, list(now.values())) == [0] * 4
        wait_for(lambda: service.counters.values().get("studies_done") == 4, 600)
        wait_for(lambda: "objects_waiting" not in service.spool.counts())
        classes = {
            name: [one["SOPClassUID"] for one in orthanc.headers(film.StudyInstanceUID)] for name, film in now.items()
        }
        assert {name: len(found) for name, found in classes.items()} == {"GROWS": 5, "OTHER": 4, "BROKEN": 4, "NEW": 4}
        assert [name for name, found in classes.items() if ENHANCED_SR in found] == ["GROWS"]
        (report,) = [one for one in orthanc.headers(now["GROWS"].StudyInstanceUID) if one["SOPClassUID"] == ENHANCED_SR]
        said = [item.get("TextValue") or item.get("UID") for item in report["ContentSequence"]]
        assert "Days between: 182." in said[0]
        assert said[1] == before[0].StudyInstanceUID
        assert report["PatientID"] == "GROWS"

        orthanc.stop()
        away = study_of("GROWS", "20240801", 20)
        assert send(service.receiver.port, [away]) == [0]
        wait_for(lambda: service.counters.values().get("studies_done") == 5)
        orthanc.start()
        wait_for(lambda: len(orthanc.instances(away.StudyInstanceUID)) == 4)
        reasons = {study.study_uid: study.reason for study in select(service.spool.ledger, Selection())}
    why = {name: reasons[film.StudyInstanceUID] for name, film in (now | {"AWAY": away}).items()}
    assert (why["GROWS"], why["NEW"]) == (None, None)
    warned = {name: reason for name, reason in why.items() if reason is not None}
    assert {reason.code for reason in warned.values()} == {"prior_not_compared"}
    assert {name: reason.parameters["reason"].code for name, reason in warned.items()} == {
        "OTHER": "prior_other_patient", "BROKEN": "prior_not_analysed", "AWAY": "archive_unreachable",
    }  # fmt: skip


def test_the_archive_that_is_asked_has_to_be_a_destination(tmp_path):
    with pytest.raises(ValueError, match="no destination is named 'nobody'"):
        ServeConfig.model_validate({"spool": {"folder": str(tmp_path)}, "priors": {"archive": "nobody"}})


def test_dates_come_with_the_studies_of_an_archive(orthanc):
    film = pydicom.dcmread(SAMPLE)
    orthanc.upload(SAMPLE)
    peer = PEER.model_copy(update={"ae_title": "ARCHIVE", "port": orthanc.dicom_port})
    found = DimseArchive(peer).dates({"PatientID": str(film.PatientID)})
    assert found == {str(film.StudyInstanceUID): str(film.StudyDate)}
    with pytest.raises(UsageError, match="BodyPartExamined"):
        DimseArchive(peer).dates({"BodyPartExamined": "HIP"})
