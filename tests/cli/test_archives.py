"""Zip archives, DICOMDIR and standard input on the command line."""

import io
import json
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.fileset import FileSet

from ho_imaging.cli.main import main
from ho_imaging.reading.archive import first_bytes, list_archive, path_or_bytes
from ho_imaging.results.folder import OutputFolder, read_result

SAMPLES = Path(__file__).parents[2] / "sample_data"


@pytest.fixture
def analyze(tmp_path, capsys):
    """Analyse as a chest film, which is refused in milliseconds; gives the lines and the exit status."""

    def run(*options, data=None, monkeypatch=None):
        if data is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        command = ["-q", "analyze", *map(str, options), "--out", str(tmp_path / "out"), "--json", "--region", "chest"]
        status = main([*command, "--workers", "0"])
        captured = capsys.readouterr()
        return [json.loads(line) for line in captured.out.splitlines()], status, captured.err

    return run


def png(number=0):
    values = np.random.default_rng(number).integers(0, 255, (70, 80)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "films.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(SAMPLES / "07_one_hip_islands.dcm", "study/IM1")
        file.writestr("left hip.png", png())
        file.writestr("torn.dcm", b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL")
        file.writestr("README", "nothing to see, but more than sixteen bytes of it")
    return path


def test_an_archive_is_analysed_under_the_names_in_it_and_resumed(analyze, packed, tmp_path):
    lines, status, _ = analyze(packed)
    assert status == 1
    assert {line["path"] for line in lines} == {
        f"{packed}/{name}" for name in ("study/IM1", "left hip.png", "torn.dcm")
    }
    names = {path.name for path in (tmp_path / "out" / "studies").iterdir()}
    assert any(name.startswith("left_hip-") for name in names)
    # Packed anew: the same films, so nothing is analysed again.
    with zipfile.ZipFile(packed) as file:
        content = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(packed, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
    again, _, _ = analyze(packed)
    assert {line["path"] for line in again} == {f"{packed}/torn.dcm"}  # no study was analysed


def test_a_damaged_archive_is_named_and_costs_no_other_input(analyze, packed, tmp_path):
    torn = tmp_path / "torn.zip"
    torn.write_bytes(packed.read_bytes()[:-30])
    (tmp_path / "film.png").write_bytes(png(1))
    lines, status, _ = analyze(torn, tmp_path / "film.png")
    assert status == 1
    assert {line["path"]: line["status"] for line in lines} == {
        str(torn): "failed",
        str(tmp_path / "film.png"): "refused",
    }
    assert "damaged zip archive" in next(line["reason"] for line in lines if line["path"] == str(torn))


def test_the_films_that_a_dicomdir_lists_are_analysed(analyze, tmp_path):
    medium = FileSet()
    medium.add(SAMPLES / "07_one_hip_islands.dcm")
    medium.write(tmp_path / "medium")
    lines, _, _ = analyze(tmp_path / "medium" / "DICOMDIR")
    assert len(lines) == 1
    assert Path(lines[0]["path"]).is_file()


def test_a_film_from_standard_input_is_kept_and_resumed(analyze, tmp_path, monkeypatch):
    data = (SAMPLES / "07_one_hip_islands.dcm").read_bytes()
    (line,), status, _ = analyze("-", data=data, monkeypatch=monkeypatch)
    assert status == 1
    assert line["reason_code"] == "region_not_read"
    kept = Path(line["path"])
    assert kept.parent == OutputFolder(tmp_path / "out").standard_input
    assert kept.suffix == ".dcm"
    assert kept.read_bytes() == data
    again, _, _ = analyze("-", data=data, monkeypatch=monkeypatch)
    assert again == []
    # It is no input of its own, neither below a folder nor in the tables.
    lines, _, _ = analyze(tmp_path / "out", tmp_path / "out" / "standard_input")
    assert [line["reason_code"] for line in lines] == []


def test_an_archive_from_standard_input_and_a_folder_without_names(analyze, packed, tmp_path, monkeypatch):
    lines, _, _ = analyze("-", "--anonymous", data=packed.read_bytes(), monkeypatch=monkeypatch)
    assert len(lines) == 3
    assert not (tmp_path / "out" / "standard_input").exists()
    assert all(image.path is None for study in OutputFolder(tmp_path / "out").study_folders()
               for image in read_result(study.result).images)  # fmt: skip
    again, _, _ = analyze("-", "--anonymous", data=packed.read_bytes(), monkeypatch=monkeypatch)
    assert [line["status"] for line in again] == ["failed"]  # the torn one; nothing was analysed again


def test_a_refused_anonymous_run_keeps_no_film_from_standard_input(analyze, tmp_path, monkeypatch):
    data = (SAMPLES / "07_one_hip_islands.dcm").read_bytes()
    _, status, errors = analyze("-", "--anonymous", "--dicom", data=data, monkeypatch=monkeypatch)
    assert status == 2
    assert "DICOM objects name the patient" in errors
    assert not (tmp_path / "out" / "standard_input").exists()


def test_a_folder_that_becomes_anonymous_keeps_no_earlier_film_from_standard_input(analyze, tmp_path, monkeypatch):
    analyze("-", data=(SAMPLES / "07_one_hip_islands.dcm").read_bytes(), monkeypatch=monkeypatch)
    assert list((tmp_path / "out" / "standard_input").iterdir())
    (tmp_path / "hip.png").write_bytes(png())
    _, status, _ = analyze(tmp_path / "hip.png", "--anonymous", "--dicom")
    assert status == 2
    assert list((tmp_path / "out" / "standard_input").iterdir())  # a refused run changes nothing
    analyze(tmp_path / "hip.png", "--anonymous")
    assert not (tmp_path / "out" / "standard_input").exists()


def test_two_films_on_standard_input_are_refused_and_one_within_another_is_not(analyze, tmp_path, monkeypatch):
    path = SAMPLES / "07_one_hip_islands.dcm"
    data = path.read_bytes()
    _, status, errors = analyze("-", data=data + data, monkeypatch=monkeypatch)
    assert status == 2
    assert "standard input holds more than one film" in errors
    assert not (tmp_path / "out").exists()
    dataset = pydicom.dcmread(path)
    dataset.private_block(0x0011, "TEST", create=True).add_new(0x01, "OB", data + b"\0" * (len(data) % 2))
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert stream.getvalue().count(b"DICM") == 2
    (line,), _, _ = analyze("-", data=stream.getvalue(), monkeypatch=monkeypatch)
    assert line["reason_code"] == "region_not_read"


def test_empty_standard_input_leaves_no_folder(analyze, tmp_path, monkeypatch):
    _, status, errors = analyze("-", data=b"", monkeypatch=monkeypatch)
    assert (status, "standard input is empty" in errors) == (2, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("data", "said"), [(b"", "standard input is empty"), (b"text", "holds no image files")])
def test_what_is_no_film_on_standard_input_is_said(analyze, monkeypatch, data, said):
    lines, status, errors = analyze("-", data=data, monkeypatch=monkeypatch)
    assert status in {1, 2}
    assert said in errors or "not an image file" in lines[0]["reason"]


def test_names_that_come_twice_cost_no_other_file(tmp_path):
    path = tmp_path / "films.zip"
    contents = {number: png(number) for number in range(4)}
    names = ["file 3/left.png", "left.png", "left.png", "left.png"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a name comes twice
        with zipfile.ZipFile(path, "w") as file:
            for number, name in enumerate(names):
                file.writestr(name, contents[number])
    found = list_archive(path).files
    assert sorted(path_or_bytes(one) for one in found) == sorted(contents.values())
    assert first_bytes(found[0], 4) == b"\x89PNG"


def test_a_name_cannot_write_lines_of_its_own(tmp_path, capsys):
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "a\n9 done\x1b[31m.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL")
    options = ["--out", str(tmp_path / "out"), "--no-json", "--workers", "0"]
    assert main(["analyze", str(folder), *options]) == 1
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "a\\u000a9 done\\u001b[31m.dcm: failed" in said.out
    assert not any(line.startswith("9 done") for line in (said.out + said.err).splitlines())
