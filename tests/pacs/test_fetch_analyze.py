"""The command against what people mistype: one line that names the option, and no study lost for another's sake."""

import json
from pathlib import Path

import pydicom
import pytest

from ho_imaging.cli import main
from ho_imaging.pacs.fetch import DicomwebArchive
from ho_imaging.reading.completeness import Completeness, StudyFilms

from .conftest import free_port

SAMPLES = Path(__file__).parents[2] / "sample_data"
LONG = "A_TITLE_OF_MORE_THAN_16"


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--dicomweb", "pacs.example"], "--dicomweb"),
        (["--dicomweb", "https://"], "--dicomweb"),
        (["--dicomweb", "https://pacs.example:99999/dicom-web"], "--dicomweb"),
        (["--dicomweb", "https://reader:hunter2@pacs.example/dicom-web"], "--dicomweb"),
        (["--dimse", "X@h:99999"], "--dimse"),
        (["--dimse", "X@h:0"], "--dimse"),
        (["--dimse", "X@h:dicom"], "--dimse"),
        (["--dimse", "h:104"], "--dimse"),
        (["--dimse", f"{LONG}@h:104"], "--dimse"),
        (["--dimse", "X@h:104", "--ae-title", LONG], "--ae-title"),
        (["--dimse", "X@h:104", "--ae-title", ""], "--ae-title"),
        (["--dimse", "X@h:104", "--move-port", "99999"], "--move-port"),
        (["--dimse", "X@h:104", "--move-port", "0"], "--move-port"),
        (["--dimse", "X@h:104", "--certificate", "nosuch.pem"], "--certificate"),
        (["--dimse", "X@h:104", "--authority", "nosuch.pem"], "--authority"),
        (["--dimse", "X@h:104", "--key", "nosuch.key"], "--key"),
        (["--dicomweb", "https://h", "--certificate", "nosuch.pem"], "--certificate"),
        (["--dicomweb", "https://h", "--authority", "nosuch.pem"], "--authority"),
        (["--dicomweb", "http://h", "--authority", "nosuch.pem"], "--authority"),
        (["--dicomweb", "http://h", "--tls"], "--tls"),
        (["--dicomweb", "https://h", "--token-env", "HO_TEST_NOT_SET"], "--token-env"),
        (["--dicomweb", "https://h", "--user", "u", "--password-file", "nosuch"], "--password-file"),
        (["--dicomweb", "https://h", "--password-env", "HO_TEST_NOT_SET"], "--password-env"),
        (["--dicomweb", "https://h", "--limit", "-1"], "--limit"),
    ],
)
def test_a_typo_is_said_in_one_line_that_names_the_option(tmp_path, capsys, arguments, option):
    assert main(["fetch-analyze", *arguments, "--study", "1.2.3", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert option in line
    assert "hunter2" not in line
    assert not (tmp_path / "out").exists()


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("bad", ["1.2.", "", "*", "1.2\\1.3", "1" * 65])
@pytest.mark.parametrize("by_web", [True, False], ids=["web", "DIMSE"])
def test_a_bad_uid_fails_in_its_own_line_and_is_not_asked_for(web_peer, tmp_path, capsys, bad, by_web):
    web_peer.answers = [{"status": 204}]
    archive = ["--dicomweb", web_peer.url] if by_web else ["--dimse", f"X@127.0.0.1:{free_port()}"]
    assert main(["-q", "fetch-analyze", *archive, "--study", bad, "--study", "1.3", "--out", str(tmp_path)]) == 1
    first, second = lines(capsys)
    assert (first["study_uid"], first["status"]) == (bad, "failed")
    assert "is no UID" in first["reason"]
    assert second["study_uid"] == "1.3"
    assert second["reason"] == ("holds no radiographs" if by_web else "archive cannot be reached")
    assert all("/studies/1.3/" in path or "StudyInstanceUID=1.3" in path for _, path, _ in web_peer.asked)
    assert bool(web_peer.asked) == by_web


def test_whatever_a_study_holds_the_next_is_analysed(web_peer, tmp_path, capsys, monkeypatch):
    def fetch(_self, uid):
        if uid == "1.2":
            raise ZeroDivisionError("of a patient")
        return StudyFilms((), Completeness(0))

    monkeypatch.setattr(DicomwebArchive, "fetch", fetch)
    command = ["-q", "fetch-analyze", "--dicomweb", web_peer.url, "--out", str(tmp_path)]
    assert main([*command, "--study", "1.2", "--study", "1.3"]) == 1
    first, second = lines(capsys)
    assert first["reason"].startswith("internal error (ZeroDivisionError)")
    assert (first["status"], first["reason_code"]) == ("failed", "internal_error")
    assert second["status"] == "refused"


def test_a_title_may_hold_what_titles_hold(tmp_path, capsys):
    where = f"MY.PACS 1@127.0.0.1:{free_port()}"
    assert main(["-q", "fetch-analyze", "--dimse", where, "--study", "1.3", "--out", str(tmp_path)]) == 1
    (line,) = lines(capsys)
    assert line["reason"] == "archive cannot be reached"


@pytest.mark.usefixtures("fake_network")
def test_a_study_whose_objects_could_not_be_made_is_not_done(tmp_path, capsys, monkeypatch):
    """Nothing would be in the archive, and nobody would miss it."""
    film = pydicom.dcmread(SAMPLES / "08_one_hip_no_ectopic_bone.dcm")
    monkeypatch.setattr(DicomwebArchive, "fetch", lambda _self, _uid: StudyFilms((film,), Completeness(1)))
    monkeypatch.setattr(DicomwebArchive, "put", lambda _self, made: {item.SOPInstanceUID: None for item in made})
    command = ["-q", "fetch-analyze", "--dicomweb", "http://h", "--study", film.StudyInstanceUID, "--send"]
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    (line,) = lines(capsys)
    assert (line["objects_sent"] > 1, line["objects_not_sent"]) == (True, [])
    monkeypatch.setattr("ho_imaging.outputs.dicom.write.study_objects", lambda *_, **__: 1 / 0)
    assert main([*command, "--out", str(tmp_path / "none")]) == 1
    (line,) = lines(capsys)
    assert (line["status"], line["objects_sent"]) == ("done", 0)
    assert "no_objects_made" in line["objects_not_sent_codes"]


@pytest.mark.usefixtures("fake_network")
def test_whose_film_a_study_is_is_said_as_much_as_is_asked_for(tmp_path, capsys, monkeypatch):
    film = pydicom.dcmread(SAMPLES / "08_one_hip_no_ectopic_bone.dcm")
    film.PatientID, film.PatientName, film.AccessionNumber = "PID-1", "Name^Of", "ORDER-1"
    uid = str(film.StudyInstanceUID)
    monkeypatch.setattr(DicomwebArchive, "fetch", lambda _self, _uid: StudyFilms((film,), Completeness(1)))
    out = tmp_path / "out"

    def fetch(*options):
        command = ["-q", "fetch-analyze", "--dicomweb", "http://h", "--study", uid, "--out", str(out)]
        assert main([*command, *options]) == 0
        (line,) = lines(capsys)
        return line, "".join(path.read_text(errors="replace") for path in out.rglob("*") if path.is_file())

    line, written = fetch()
    assert (line["accession_number"], "patient_id" in line) == ("ORDER-1", False)
    line, written = fetch("--patient")
    assert (line["patient_id"], line["patient_name"], line["accession_number"]) == ("PID-1", "Name^Of", "ORDER-1")
    assert json.loads(Path(line["result"]).read_text())["identifiers"]["patient_id"] == "PID-1"
    line, written = fetch("--anonymous", "--overlays")
    for word in ("PID-1", "Name^Of", "ORDER-1"):
        assert word not in written + json.dumps(line)
    assert list(out.rglob("*.dcm")) == []
    where = ["--dicomweb", "http://h", "--study", uid, "--out", str(out)]
    assert main(["fetch-analyze", *where, "--anonymous", "--send"]) == 2
    assert "--anonymous cannot be had with --send" in capsys.readouterr().err
