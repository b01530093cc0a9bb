"""A real archive (Orthanc) that cuts its lists without a word: nothing that it left out is taken for not there."""

import json
from pathlib import Path

import pydicom
import pytest

from ho_imaging.cli import main
from ho_imaging.messages import Message
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination
from ho_imaging.pacs.fetch import DicomwebArchive, DimseArchive, FetchError
from ho_imaging.pacs.intake import Intake
from ho_imaging.reading.completeness import Completeness

from .conftest import small_film, write_films

SAMPLES = Path(__file__).parents[2] / "sample_data"
STUDY = "1.2.826.0.1.3680043.8.498.7"

BY = ["web", "C-GET", "C-MOVE"]


@pytest.fixture
def orthanc_settings():
    return {"LimitFindInstances": 2, "LimitFindResults": 2, "MaximumStorageCacheSize": 0}


@pytest.fixture
def reached(orthanc, monkeypatch):
    """Make the archive as it is reached, and the options of the command that reach it so."""
    monkeypatch.setenv("ARCHIVE_PASSWORD", "secret")
    url = f"http://127.0.0.1:{orthanc.http_port}/dicom-web"
    known = {"user": "reader", "password_env": "ARCHIVE_PASSWORD"}
    peer = DimseDestination(kind="dimse", name="archive", ae_title="ARCHIVE", host="127.0.0.1", port=orthanc.dicom_port)

    def make(by):
        if by == "web":
            archive = DicomwebArchive(DicomwebDestination(kind="dicomweb", name="web", url=url, **known))
            return archive, ["--dicomweb", url, "--user", "reader", "--password-env", "ARCHIVE_PASSWORD"]
        port = orthanc.our_port if by == "C-MOVE" else None
        options = ["--dimse", f"ARCHIVE@127.0.0.1:{orthanc.dicom_port}"]
        return DimseArchive(peer, move_port=port), [*options, *(["--move-port", str(port)] if port else [])]

    return make


def test_what_a_cut_list_leaves_out_comes_or_is_missed(orthanc, reached, tmp_path, monkeypatch):
    """It lists three images of eight: by C-FIND with status FE00 at the end, by the web without a word."""
    eight = [small_film(number, study=STUDY, PatientID="P", InstanceNumber=number) for number in range(1, 9)]
    for path in write_films(eight, tmp_path / "films"):
        orthanc.upload(path)
    archives = {by: reached(by)[0] for by in BY}
    for archive in archives.values():
        got = archive.fetch(STUDY)
        assert got.completeness == Completeness(8, 8)
        assert sorted(film.SOPInstanceUID for film in got) == sorted(film.SOPInstanceUID for film in eight)
    # Where no more than a few come, the archive's own count tells that this is not all.
    take = Intake.take
    monkeypatch.setattr(Intake, "take", lambda self, event: take(self, event) if len(self.films) < 3 else 0x0000)
    monkeypatch.setattr(DicomwebArchive, "_with_rest", lambda _self, _study, series: series)
    for archive in archives.values():
        found = archive.fetch(STUDY).completeness
        assert (found.received, found.expected) == (3, 8)
        assert Message("images_missing", missing=5, expected=8, series=f"{STUDY}.1") in found.reasons
    for path in write_films([small_film(number, PatientID="P") for number in range(1, 6)], tmp_path / "more"):
        orthanc.upload(path)
    with pytest.raises(FetchError, match="gives only 2 of a longer list"):
        archives["C-GET"].find({"PatientID": "P"})  # by the web it leaves studies out without a word


@pytest.mark.usefixtures("fake_network")
def test_a_part_of_a_study_is_not_graded_unless_asked_for(orthanc, reached, tmp_path, capsys):
    """Five of eight films have gone from the archive's disk; it lists three and counts eight."""
    film = pydicom.dcmread(SAMPLES / "08_one_hip_no_ectopic_bone.dcm")
    film.StudyInstanceUID, film.SeriesInstanceUID = STUDY, f"{STUDY}.1"
    for number in range(1, 9):
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"{STUDY}.1.{number}"
        film.InstanceNumber = number
        (path,) = write_films([film], tmp_path / "films")
        orthanc.upload(path)
    files = [path for path in (tmp_path / "orthanc").rglob("*") if path.is_file()]
    kept = [path for path in files if path.read_bytes()[128:132] == b"DICM"]
    kept.sort(key=lambda path: str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID))
    assert len(kept) == 8
    for path in kept[3:]:
        path.unlink()

    def fetch(by, *options):
        _, where = reached(by)
        status = main(["-q", "fetch-analyze", *where, "--study", STUDY, "--out", str(tmp_path / by), *options])
        (line,) = (json.loads(text) for text in capsys.readouterr().out.splitlines())
        return status, line

    for by in BY:
        status, line = fetch(by)
        assert (status, line["status"]) == (1, "failed"), (by, line)
        assert "grade" not in line
    # Orthanc gives up a C-GET or C-MOVE at the first film that it cannot read (C000), maybe before it sends one.
    status, line = fetch("web")
    assert line["reason_code"] == "study_incomplete"
    assert any("5 of 8 images" in reason for reason in line["incomplete"])
    status, line = fetch("web", "--accept-incomplete")
    assert (status, line["status"], line["films_not_done"]) == (0, "done", 0)
    assert "grade" in line
    result = json.loads(Path(line["result"]).read_text())
    assert len(result["images"]) == 3
    assert (result["completeness"]["received"], result["completeness"]["expected"]) == (3, 8)
