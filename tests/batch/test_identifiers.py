"""Which film is which: identifiers where they are asked for, and nowhere else, without another analysis."""

import csv
import dataclasses
import json
import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pictures import picture
from PIL import Image

from ho_imaging.batch import BatchOptions, Settings, run_batch
from ho_imaging.cli.main import main
from ho_imaging.errors import UsageError, WriteError
from ho_imaging.files.output_names import name_of_file
from ho_imaging.messages import CATALOGUE
from ho_imaging.results.folder import OutputFolder, read_result
from ho_imaging.results.identified import PATHS
from ho_imaging.vocabulary import Identifiers

SAMPLES = Path(__file__).parents[2] / "sample_data"
HERE = BatchOptions(workers=0)
CHEST = Settings(region="chest")
"""Films that are called chests are refused before any model is needed, so a study takes milliseconds."""

PATIENT = {
    "PatientID": "00417",
    "PatientName": "BEISPIEL^ERIKA",
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
    "StudyDate": "20260105",
    "AccessionNumber": "A-2026-17",
}
SECRETS = ("00417", "BEISPIEL", "ERIKA", "1950", "2026-01-05")


def asked(settings, identifiers, *outputs):
    return dataclasses.replace(settings, identifiers=identifiers, outputs=outputs)


def dicom(folder, **attributes):
    """A film of a patient, in a folder that tells something, too."""
    folder.mkdir(exist_ok=True)
    dataset = pydicom.dcmread(SAMPLES / "07_one_hip_islands.dcm")
    for keyword, value in {**PATIENT, **attributes}.items():
        setattr(dataset, keyword, value)
    dataset.save_as(folder / f"private_{dataset.SOPInstanceUID[-3:]}.dcm")
    return folder


@pytest.fixture
def films(tmp_path, fake_network):
    return dicom(tmp_path / "films")


PELVIS = Settings(region="pelvis", laterality="bilateral", view="ap", spacing_mm=(0.5, 0.5))


def rows(out):
    with (out / "studies.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def shown(out):
    """All that an output folder says, in names, texts and tables; ledgers and pixels apart."""
    kept = [path for path in sorted(out.rglob("*")) if not path.name.startswith("ledger")]
    texts = [path.read_bytes() for path in kept if path.is_file() and path.suffix not in {".png", ".jpg"}]
    names = "\n".join(path.relative_to(out).as_posix() for path in kept)
    return re.sub(r"base64,[\w+/=]+", "", names + b"\n".join(texts).decode("utf-8", "replace"))


def stamp(out):
    """When each film was analysed."""
    with sqlite3.connect(next(out.glob("ledger*.sqlite"))) as db:
        return db.execute("SELECT study_uid, finished, fingerprint FROM studies ORDER BY study_uid").fetchall()


def test_the_order_is_there_and_the_patient_is_not_unless_asked_for(films, tmp_path, caplog):
    out = tmp_path / "out"
    assert run_batch([films], out, asked(PELVIS, None, "overlays", "report"), HERE).all_done
    (row,) = rows(out)
    assert row["accession_number"] == "A-2026-17"
    assert row["path"].endswith(".dcm")
    assert not any(row[name] for name in row if name.startswith("patient_") or name == "study_date")
    said = shown(out)
    assert "A-2026-17" in said
    assert not any(secret in said for secret in SECRETS)
    assert not any(secret in caplog.text for secret in (*SECRETS, "A-2026-17"))


def test_the_patient_is_added_and_all_taken_away_without_another_analysis(films, tmp_path, caplog):
    out = tmp_path / "out"
    run_batch([films], out, asked(PELVIS, None, "overlays", "report"), HERE)
    done = stamp(out)
    (study,) = OutputFolder(out).study_folders()
    (overlay,) = study.overlays()
    before = overlay.read_bytes()

    counts = run_batch([films], out, asked(PELVIS, Identifiers.PATIENT), HERE)
    assert (counts.analysed, counts.all_done) == (0, True)
    (row,) = rows(out)
    assert (row["patient_id"], row["patient_name"], row["patient_sex"]) == ("00417", "BEISPIEL^ERIKA", "F")
    assert (row["patient_birth_date"], row["study_date"]) == ("1950-01-02", "2026-01-05")
    assert overlay.read_bytes() != before
    assert "ERIKA" in study.report.read_text()
    assert "ERIKA" in (out / "index.html").read_text()
    # Without a word it stays as it is.
    assert run_batch([films], out, PELVIS, HERE).analysed == 0
    assert rows(out)[0]["patient_id"] == "00417"

    counts = run_batch([films], out, asked(PELVIS, Identifiers.NONE), HERE)
    assert (counts.analysed, counts.all_done) == (0, True)
    said = shown(out)
    assert not any(secret in said for secret in (*SECRETS, "A-2026-17", "private", "films/"))
    assert len(study.overlays()) == 1
    assert read_result(study.result).findings

    counts = run_batch([films], out, asked(PELVIS, Identifiers.ORDER), HERE)
    assert counts.analysed == 0
    assert rows(out)[0]["path"].endswith(".dcm")
    assert overlay.read_bytes() == before
    assert stamp(out) == done
    assert not any(secret in caplog.text for secret in (*SECRETS, "A-2026-17"))


def test_pictures_that_could_not_be_deleted_are_deleted_by_the_next_run(films, tmp_path, monkeypatch):
    """Not taken for done: the ledger would call the folder anonymous, with the patient's name in its pictures."""
    out = tmp_path / "out"
    run_batch([films], out, asked(PELVIS, Identifiers.PATIENT, "overlays", "report"), HERE)
    (study,) = OutputFolder(out).study_folders()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "denied")))
        with pytest.raises(WriteError, match="denied"):
            run_batch([films], out, asked(PELVIS, Identifiers.NONE), HERE)
    assert "ERIKA" in study.report.read_text()
    run_batch([films], out, asked(PELVIS, Identifiers.NONE), HERE)
    assert not any(secret in shown(out) for secret in (*SECRETS, "A-2026-17"))


def test_the_patient_is_taken_from_studies_whose_films_are_not_given_or_gone(films, tmp_path):
    out = tmp_path / "out"
    run_batch([films], out, asked(PELVIS, Identifiers.PATIENT, "overlays", "report", "dicom"), HERE)
    assert "ERIKA" in shown(out)
    (study,) = OutputFolder(out).study_folders()
    objects = sorted(study.dicom.iterdir())
    other = dicom(tmp_path / "other", StudyInstanceUID="1.2.3.4", SOPInstanceUID="1.2.3.998", AccessionNumber="B-18")
    shutil.rmtree(films)
    run_batch([other], out, asked(dataclasses.replace(PELVIS, region="chest"), Identifiers.ORDER), HERE)
    texts = [path.read_text() for path in (*out.rglob("*.json"), *out.glob("*.csv"), *out.rglob("*.html"))]
    assert not any(secret in text for text in texts for secret in SECRETS)
    assert {row["accession_number"] for row in rows(out)} == {"A-2026-17", "B-18"}
    assert read_result(study.result).findings
    assert study.report.is_file()
    assert not study.overlays()  # it showed the name, and cannot be drawn anew without the film
    assert objects
    assert sorted(study.dicom.iterdir()) == objects


@pytest.mark.parametrize("wanted", [Identifiers.ORDER, Identifiers.NONE])
def test_the_patient_is_taken_from_studies_that_are_left_out_of_the_tables(films, tmp_path, wanted):
    out = tmp_path / "out"
    run_batch([films], out, asked(PELVIS, Identifiers.PATIENT, "overlays", "report"), HERE)
    (film,) = films.iterdir()
    film.unlink()
    picture(films / "other.png")
    run_batch([films], out, asked(CHEST, wanted), HERE)
    assert len(rows(out)) == 1
    assert len(OutputFolder(out).study_folders()) == 2
    texts = [path.read_text() for path in (*out.rglob("*.json"), *out.glob("*.csv"), *out.rglob("*.html"))]
    assert not any(secret in text for text in texts for secret in SECRETS)
    assert any("A-2026-17" in text for text in texts) == (wanted is Identifiers.ORDER)


def test_dicom_objects_name_the_patient_so_they_are_not_anonymous(films, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="DICOM objects name the patient"):
        run_batch([films], out, asked(PELVIS, Identifiers.NONE, "dicom"), HERE)
    run_batch([films], out, asked(PELVIS, None, "dicom"), HERE)
    assert list(out.rglob("*.dcm"))
    run_batch([films], out, asked(PELVIS, Identifiers.NONE), HERE)
    assert not list(out.rglob("*.dcm"))


def test_orders_that_differ_within_a_study_are_all_said(tmp_path):
    folder = dicom(tmp_path / "films")
    dicom(folder, SOPInstanceUID="1.2.3.999", AccessionNumber="B-18")
    run_batch([folder], tmp_path / "out", CHEST, HERE)
    (row,) = rows(tmp_path / "out")
    assert sorted(row["accession_number"].split("\\")) == ["A-2026-17", "B-18"]


def test_messages_of_an_anonymous_folder_name_no_files(tmp_path, capsys):
    folder = tmp_path / "doe_jane"
    picture(folder / "hip.png")
    shutil.copy(folder / "hip.png", folder / "hip_copy.png")
    dicom(folder)
    dicom(folder, SOPInstanceUID="1.2.3.999", PatientID="1", PatientName="MUSTER^MAX")
    command = ["-q", "analyze", str(folder), "--out", str(tmp_path / "out"), "--workers", "0", "--region", "chest"]
    main([*command, "--json"])
    assert "doe_jane" in capsys.readouterr().out
    for options in (["--json"], ["--no-json"], ["--again", "--json"]):
        main([*command, "--anonymous", *options])
        printed = capsys.readouterr().out
        assert printed
        assert not any(word in printed for word in ("doe_jane", "hip.png", "hip_copy"))
    said = shown(tmp_path / "out")
    assert "the same picture as another file" in said
    assert "between image 1 and image 2" in said
    assert not any(word in said for word in ("doe_jane", "hip.png", "hip_copy", "MUSTER"))


def test_every_parameter_that_may_hold_a_path_is_known():
    names = {"path", "used", "first", "second", "image", "dicomdir"}
    found = {code: names & entry.parameters for code, entry in CATALOGUE.items() if names & entry.parameters}
    unknown = {code for code, wanted in found.items() if not wanted <= set(PATHS.get(code, ()))}
    assert unknown == {"several_voi_views"}  # which holds a number


class TestNames:
    @pytest.fixture
    def out(self, tmp_path):
        return tmp_path / "out"

    def test_a_picture_file_names_its_folder_and_a_dicom_file_does_not(self, tmp_path, out):
        picture(tmp_path / "in" / "Left hip, 3 months.png")
        dicom(tmp_path / "in")
        run_batch([tmp_path / "in"], out, CHEST, HERE)
        names = sorted(path.name for path in (out / "studies").iterdir())
        assert len(names) == 2
        assert re.fullmatch(r"[0-9.]+", names[0])
        assert re.fullmatch(r"Left_hip_3_months-[0-9a-f]{12}", names[1])
        assert {row["folder"] for row in rows(out)} == set(names)

    def test_pictures_of_a_study_are_named_so_too(self, tmp_path, out, fake_network):
        film = pydicom.dcmread(SAMPLES / "07_one_hip_islands.dcm").pixel_array
        (tmp_path / "in").mkdir()
        Image.fromarray((film >> 4).astype(np.uint8)).save(tmp_path / "in" / "links.png")
        run_batch([tmp_path / "in"], out, asked(PELVIS, None, "overlays", "masks"), HERE)
        (study,) = OutputFolder(out).study_folders()
        assert study.path.name.startswith("links-")
        assert {path.name.split("-")[0] for path in study.path.glob("*.*.*")} == {"links"}
        result = read_result(study.result)
        assert OutputFolder(out).study(result.study_uid) == study
        assert study.overlay(result.images[0].sop_instance_uid).is_file()
        assert study.bone_outlines(result.images[0].sop_instance_uid).is_file()
        # Left out, and the folder is found all the same.
        assert run_batch([tmp_path / "in"], out, asked(PELVIS, Identifiers.NONE), HERE).analysed == 0
        assert "links" not in shown(out)
        assert OutputFolder(out).study(result.study_uid).result.is_file()
        assert run_batch([tmp_path / "in"], out, PELVIS, HERE).analysed == 0

    def test_an_older_folder_is_resumed_and_keeps_its_names(self, tmp_path, out):
        folder = picture(tmp_path / "in" / "a.png").parent
        run_batch([folder], out, CHEST, HERE)
        (study,) = (out / "studies").iterdir()
        old = json.loads((study / "result.json").read_text())
        del old["identifiers"]
        study = study.rename(out / "studies" / old["study_uid"])
        (study / "result.json").write_text(json.dumps(old | {"schema_version": "2.0"}, indent=2))
        with sqlite3.connect(out / "ledger.sqlite") as db:
            (kept,) = db.execute("SELECT rows FROM studies").fetchone()
            kept = {name: value for name, value in json.loads(kept).items() if name != "identifiers"}
            db.execute("UPDATE studies SET rows = ?", (json.dumps(kept),))
            db.execute("UPDATE runs SET about = '{}'")
        counts = run_batch([folder], out, CHEST, HERE)
        assert (counts.analysed, counts.refused) == (0, 1)
        assert [path.name for path in (out / "studies").iterdir()] == [old["study_uid"]]
        assert rows(out)[0]["folder"] == old["study_uid"]

    def test_files_of_one_name_and_files_that_move_have_one_folder_each(self, tmp_path, out):
        picture(tmp_path / "in" / "day1" / "IM1.png", 1)
        picture(tmp_path / "in" / "day2" / "IM1.png", 2)
        run_batch([tmp_path / "in"], out, CHEST, HERE)
        names = {path.name for path in (out / "studies").iterdir()}
        assert len(names) == 2
        (tmp_path / "in" / "day1" / "IM1.png").rename(tmp_path / "in" / "day1" / "moved.png")
        run_batch([tmp_path / "in"], out, CHEST, HERE)
        assert {path.name for path in (out / "studies").iterdir()} == names

    @pytest.mark.parametrize(
        ("file", "begins"),
        [
            ("왼쪽 고관절.png", "왼쪽_고관절-"),
            ("../../etc/passwd", "passwd-"),
            ("....png", "film-"),
            ("a" * 300 + ".png", "a" * 40 + "-"),
            ("\U00020000" * 60, "\U00020000" * 24 + "-"),
            ("x\udcff\u202e.png", "x-"),
            ("CON.png", "CON-"),
        ],
    )
    def test_a_name_is_safe_everywhere_and_short(self, file, begins):
        name = name_of_file(file, "2.25.1")
        assert name.startswith(begins)
        assert len(f"{name}.overlay.png.part".encode()) < 140
        assert not set(name) & set('<>:"/\\|?*. ')
        assert name != name_of_file(file, "2.25.2")
