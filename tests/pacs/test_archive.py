"""With a real archive (Orthanc): films out of it, results into it."""

import json
import time
import urllib.error
from pathlib import Path

import pydicom
import pytest

from ho_imaging import UsageError
from ho_imaging.cli import main
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination
from ho_imaging.pacs.fetch import DicomwebArchive, DimseArchive, FetchError
from ho_imaging.pacs.service import Service

from .conftest import free_port, small_film, wait_for, write_films
from .kills import served_through_kills

SAMPLES = Path(__file__).parents[2] / "sample_data"


@pytest.fixture
def sample(orthanc):
    """A sample film in the archive: path and data set."""
    path = SAMPLES / "06_both_sides.dcm"
    orthanc.upload(path)
    return pydicom.dcmread(path)


@pytest.fixture
def web(orthanc, monkeypatch):
    monkeypatch.setenv("ARCHIVE_PASSWORD", "secret")
    return DicomwebDestination(
        kind="dicomweb", name="web", url=f"http://127.0.0.1:{orthanc.http_port}/dicom-web", user="reader",
        password_env="ARCHIVE_PASSWORD",
    )  # fmt: skip


def test_a_study_found_and_fetched_by_the_web_is_the_film_that_was_put_there(web, sample):
    archive = DicomwebArchive(web)
    assert archive.find({"PatientID": str(sample.PatientID)}) == [sample.StudyInstanceUID]
    assert archive.find({"PatientID": "nobody"}) == []
    (film,) = archive.fetch(str(sample.StudyInstanceUID))
    assert film.SOPInstanceUID == sample.SOPInstanceUID
    assert (film.pixel_array == sample.pixel_array).all()


@pytest.mark.parametrize("by_move", [False, True], ids=["C-GET", "C-MOVE"])
def test_and_by_dimse(orthanc, sample, by_move):
    peer = DimseDestination(
        kind="dimse", name="archive", ae_title="ARCHIVE", host="127.0.0.1", port=orthanc.dicom_port
    )  # fmt: skip
    archive = DimseArchive(peer, move_port=orthanc.our_port if by_move else None)
    assert archive.find({"PatientID": str(sample.PatientID)}) == [sample.StudyInstanceUID]
    (film,) = archive.fetch(str(sample.StudyInstanceUID))
    assert film.SOPInstanceUID == sample.SOPInstanceUID
    assert (film.pixel_array == sample.pixel_array).all()


@pytest.mark.parametrize("by_move", [False, True], ids=["C-GET", "C-MOVE"])
def test_a_study_with_reports_and_outlines_of_anybody_is_had(orthanc, tmp_path, by_move):
    """In series of their own, and in that of the film."""
    film = small_film(1, study="1.2.826.0.1.3680043.8.498.7")
    kinds = {"SEG": "66.4", "SR": "88.33", "PR": "11.1", "KO": "88.59", "DOC": "104.1"}
    others = []
    for number, (modality, kind) in enumerate(kinds.items(), start=2):
        other = small_film(number, study=film.StudyInstanceUID, Modality=modality, PatientID=film.PatientID)
        other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = f"1.2.840.10008.5.1.4.1.1.{kind}"
        if modality != "KO":
            other.SeriesInstanceUID = f"{film.StudyInstanceUID}.{number}"
        del other.PixelData
        others.append(other)
    for path in write_films([film, *others], tmp_path / "films"):
        orthanc.upload(path)
    peer = DimseDestination(
        kind="dimse", name="archive", ae_title="ARCHIVE", host="127.0.0.1", port=orthanc.dicom_port
    )  # fmt: skip
    found = DimseArchive(peer, move_port=orthanc.our_port if by_move else None).fetch(film.StudyInstanceUID)
    assert [one.SOPInstanceUID for one in found] == [film.SOPInstanceUID]
    assert found.completeness.complete


def test_wrong_password_and_wrong_address_are_said(web, sample, monkeypatch):
    monkeypatch.setenv("ARCHIVE_PASSWORD", "wrong")
    with pytest.raises(FetchError, match="answered 401"):
        DicomwebArchive(web).find({"PatientID": "x"})
    nowhere = web.model_copy(update={"url": f"http://127.0.0.1:{free_port()}/dicom-web"})
    with pytest.raises(FetchError, match="cannot be reached"):
        DicomwebArchive(nowhere).find({"PatientID": "x"})
    with pytest.raises(UsageError, match="Patiend"):
        DicomwebArchive(web).find({"Patiend": "x"})


def test_fetch_analyze_puts_results_beside_the_film_and_a_second_run_replaces_them(
    orthanc, sample, web, tmp_path, capsys
):
    command = [
        "-q", "fetch-analyze", "--dicomweb", web.url, "--user", "reader", "--password-env", "ARCHIVE_PASSWORD",
        "--query", f"StudyInstanceUID={sample.StudyInstanceUID}", "--out", str(tmp_path / "out"), "--send",
    ]  # fmt: skip
    for _ in range(2):
        assert main(command) == 0
        line = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (line["status"], line["objects_sent"], line["objects_not_sent"]) == ("done", 4, [])
        assert orthanc.modalities(sample.StudyInstanceUID) == ["DX", "OT", "PR", "SEG", "SR"]
    assert json.loads(Path(line["result"]).read_text())["study_uid"] == sample.StudyInstanceUID


def test_a_rule_of_the_archive_and_the_service_make_a_loop_that_ends(orthanc, sample, web, tmp_path):
    """The archive sends a film, the service sends objects back by C-STORE and by the web, and they are committed."""
    from ho_imaging.pacs.config import ServeConfig  # noqa: PLC0415

    config = ServeConfig.model_validate(
        {
            "listen": {"port": orthanc.our_port},
            "accept": {"calling": ["ARCHIVE"]},
            "spool": {"folder": str(tmp_path / "spool"), "quiet_s": 0.5},
            "send": [
                {"kind": "dimse", "name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1",
                 "port": orthanc.dicom_port, "commit": True},
                web.model_dump(),
            ],
        }
    )  # fmt: skip
    service = Service(config)
    service.start()
    try:
        (instance,) = orthanc.instances(sample.StudyInstanceUID).values()
        orthanc.rest("/modalities/us/store", instance.encode(), "POST")
        wait_for(lambda: len(orthanc.instances(sample.StudyInstanceUID)) == 5, 600)
        wait_for(lambda: service.counters.values().get("objects_committed", 0) >= 4)
        wait_for(lambda: service.counters.values().get("objects_sent", 0) == 8)
        # Everything that came back, the pictures among them, is sent to us again: it must not be analysed.
        for identifier in orthanc.instances(sample.StudyInstanceUID).values():
            orthanc.rest(
                "/modalities/us/store", json.dumps({"Resources": [identifier], "Permissive": True}).encode(), "POST"
            )
        wait_for(lambda: service.counters.values().get("own_objects_ignored", 0) >= 1)
        assert service.counters.values()["studies_done"] == 1
        assert orthanc.modalities(sample.StudyInstanceUID) == ["DX", "OT", "PR", "SEG", "SR"]
    finally:
        service.stop()


@pytest.mark.slow
def test_five_hundred_studies_of_an_archive_come_back_once(orthanc, tmp_path):
    """Four associations of the archive, the service killed twice on the way: each study gets one object."""
    studies = 500
    films = write_films([small_film(number) for number in range(studies)], tmp_path / "films")
    identifiers = [orthanc.upload(film)["ID"] for film in films]
    destination = {
        "kind": "dimse", "name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": orthanc.dicom_port,
    }  # fmt: skip
    left = {lane: identifiers[lane::4] for lane in range(4)}

    def sender(lane):
        while left[lane]:
            job = {"Resources": left[lane][:25], "Synchronous": True}
            try:
                orthanc.rest("/modalities/us/store", json.dumps(job).encode(), "POST")
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)  # a job that failed is sent again, as the archive's own retries do
            else:
                left[lane] = left[lane][25:]

    with served_through_kills(tmp_path, orthanc.our_port, destination, left, sender):
        wait_for(lambda: orthanc.rest("/statistics")["CountInstances"] >= 2 * studies)
        time.sleep(2.0)
    assert orthanc.rest("/statistics")["CountInstances"] == 2 * studies
    assert all(len(orthanc.instances(small_film(number).StudyInstanceUID)) == 2 for number in range(0, studies, 5))
