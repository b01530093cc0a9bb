"""Kinds of images that callers give: each works, or an error says what to give."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.fileset import FileSet

import ho_imaging
from ho_imaging import Analyzer, ReadError, TooLargeError, UsageError, discover
from ho_imaging.batch import run_batch
from ho_imaging.cli import main
from ho_imaging.reading import archive, sources
from ho_imaging.vocabulary import Laterality, Region, Side

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_data" / "03_spurs_wide_gap.dcm"


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.dcm"
    path.write_bytes(SAMPLE.read_bytes())
    return path


@pytest.fixture
def picture(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "picture.png"
    Image.fromarray((rng.random((300, 360)) * 60000).astype(np.uint16)).save(path)
    return path


@pytest.mark.parametrize(
    "form",
    [
        str,
        Path,
        Path.read_bytes,
        lambda path: bytearray(path.read_bytes()),
        lambda path: memoryview(path.read_bytes()),
        lambda path: memoryview(path.read_bytes() + b"more")[:-4],
        lambda path: io.BytesIO(path.read_bytes()),
        lambda path: path.open("rb"),
        pydicom.dcmread,
        ho_imaging.read_radiograph,
        lambda path: discover([path]).studies[0].images[0],
    ],
    ids=["str", "Path", "bytes", "bytearray", "memoryview", "slice", "BytesIO", "file", "Dataset", "Radiograph", "ref"],
)
def test_one_image_in_every_form_gives_the_same_findings(fake_network, film, form):
    source = form(film)
    result = Analyzer().analyze(source)
    assert result.status == "done"
    assert result.findings == Analyzer().analyze(SAMPLE).findings
    assert result.study_uid == str(pydicom.dcmread(SAMPLE).StudyInstanceUID)
    if hasattr(source, "close"):
        source.close()


def test_a_stream_that_gives_little_at_a_time_is_read_to_its_end(fake_network, film):
    class Slow:
        def __init__(self, data):
            self.stream = io.BytesIO(data)

        def read(self, size=-1, /):
            return self.stream.read(min(size, 40_000))

    assert Analyzer().analyze(Slow(film.read_bytes())).findings == Analyzer().analyze(film).findings


def test_an_endless_stream_is_left_off_at_the_limit(monkeypatch):
    class Endless:
        def read(self, size=-1, /):
            return b"x" * min(size, 1000)

    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 10_000)
    with pytest.raises(TooLargeError, match="is larger than"):
        Analyzer().analyze(Endless())


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (None, TypeError, "None was given (give a path, bytes"),
        (7, TypeError, "int is not an image"),
        (np.zeros((100, 100)), TypeError, "analyze_array(pixels"),
        (["film.dcm"], TypeError, "use analyze_all"),
        ((), TypeError, "use analyze_all"),
        ("-", UsageError, "sys.stdin.buffer"),
        (io.StringIO("text"), UsageError, "'rb'"),
        ("nowhere.dcm", ReadError, "nowhere.dcm: does not exist"),
        ("no\0where.dcm", ReadError, "does not exist"),
        (ROOT / "sample_data", UsageError, "is a folder, which may hold several images (use analyze_all)"),
    ],
    ids=["None", "int", "array", "list", "empty", "stdin", "text", "missing", "null", "folder"],
)
def test_what_is_no_image_is_said_with_what_to_give(source, error, words):
    with pytest.raises(error, match=re.escape(words)):
        Analyzer().analyze(source)
    if not isinstance(source, list | tuple | Path):
        with pytest.raises(error, match=re.escape(words)):
            Analyzer().analyze_all(source)


@pytest.mark.parametrize("given", ["film.dcm", b"bytes", None, Path("film.dcm"), iter([])])
def test_the_images_of_a_study_come_in_a_list(given):
    with pytest.raises(TypeError, match=r"a list of the images .* \(give \[image\]\)"):
        Analyzer().analyze_films(given)


@pytest.mark.parametrize("call", [discover, lambda given: run_batch(given, "out")], ids=["discover", "run_batch"])
@pytest.mark.parametrize("given", [None, b"film.dcm", [None], 3])
def test_what_is_no_path_is_said(call: Callable, given):
    with pytest.raises(TypeError, match="is not a path"):
        call(given)


def test_one_path_stands_for_a_list_of_one(film):
    assert discover(str(film)) == discover([str(film)])
    assert len(discover(film.parent).studies) == 1


def test_standard_input_on_the_command_line_is_said(tmp_path, capsys):
    assert main(["analyze", "-", "--out", str(tmp_path / "out")]) == 2
    assert "standard input cannot be read (give a path in place of '-')" in capsys.readouterr().err
    with pytest.raises(UsageError, match="standard input"):
        discover("-")


def test_several_sources_of_several_studies_give_a_result_each(fake_network, film, picture):
    results = Analyzer(region="pelvis").analyze_all([film, picture.read_bytes(), io.BytesIO(SAMPLE.read_bytes())])
    assert sorted(len(result.images) for result in results) == [1, 2]
    # The copy of the same film was left out and says so.
    assert sorted(image.status for result in results for image in result.images) == ["done", "done", "refused"]
    one = Analyzer().analyze_all(film)
    assert [result.study_uid for result in one] == [str(pydicom.dcmread(SAMPLE).StudyInstanceUID)]


@pytest.mark.parametrize("side", ["R", "r", " right ", "RIGHT", Laterality.RIGHT, Side.RIGHT])
def test_sides_are_taken_as_on_the_command_line(fake_network, picture, side):
    result = Analyzer(laterality=side).analyze(picture)
    assert result.images[0].laterality == "right"
    assert ho_imaging.read_radiograph(picture, laterality=side).laterality.value is Laterality.RIGHT


def test_words_are_taken_with_spaces(fake_network, picture):
    result = ho_imaging.analyze(picture, view="Frog-leg", region="hip", laterality="both")
    assert (result.images[0].view, result.images[0].laterality) == ("frog_leg", "bilateral")
    assert ho_imaging.read_radiograph(picture, region="residual limb").region.value is Region.RESIDUAL_LIMB


@pytest.mark.parametrize(
    "options",
    [
        {"region": "elbows"},
        {"laterality": "X"},
        {"view": 3},
        {"spacing_mm": 0.5},
        {"spacing_mm": "0.5"},
        {"spacing_mm": (0.5,)},
        {"spacing_mm": (0.5, "x")},
        {"spacing_mm": (0.5, float("nan"))},
    ],
)
def test_words_and_numbers_that_mean_nothing_are_said(picture, options):
    for call in (Analyzer, lambda **given: ho_imaging.read_radiograph(picture, **given)):
        with pytest.raises(UsageError, match=r"use one of|give row and column in mm"):
            call(**options)


class TestArray:
    pixels = (np.random.default_rng(0).random((300, 360)) * 4000).astype(np.uint16)

    def test_an_array_gives_what_the_same_picture_does(self, fake_network, tmp_path):
        path = tmp_path / "film.png"
        Image.fromarray(self.pixels).save(path)
        analyzer = Analyzer(region="pelvis", laterality="B")
        from_file = Analyzer(region="pelvis", laterality="B", spacing_mm=(0.8, 0.8)).analyze(path)
        result = analyzer.analyze_array(self.pixels, spacing_mm=(0.8, 0.8))
        without_uid = {"sop_instance_uid"}
        assert [f.model_dump(exclude=without_uid) for f in result.findings] == [
            f.model_dump(exclude=without_uid) for f in from_file.findings
        ]
        assert (result.images[0].spacing_basis, result.images[0].spacing_source) == ("assumed", "caller")
        assert result == ho_imaging.analyze_array(
            self.pixels, spacing_mm=(0.8, 0.8), region="pelvis", laterality="both"
        )
        assert result.study_uid != analyzer.analyze_array(self.pixels + 1).study_uid

    def test_the_word_of_the_call_goes_before_the_analyzers(self, fake_network):
        analyzer = Analyzer(region="chest", spacing_mm=(0.5, 0.5))
        assert analyzer.analyze_array(self.pixels).status == "refused"
        result = analyzer.analyze_array(self.pixels, region="hip", spacing_mm=(0.9, 0.8))
        assert (result.images[0].region, result.images[0].spacing_mm) == ("hip", (0.9, 0.8))

    @pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float16, np.float32, np.float64])
    def test_every_kind_of_number_is_scaled_alike(self, dtype):
        values = (self.pixels // 16).astype(dtype)
        radiograph = ho_imaging.reading.radiograph_from_array(values)
        expected = (self.pixels // 16) / float((self.pixels // 16).max())
        assert radiograph.pixels.dtype == np.float32
        np.testing.assert_allclose(radiograph.pixels, expected, atol=2e-3 if dtype == np.float16 else 1e-6)
        dark = ho_imaging.reading.radiograph_from_array(values, bone_is_bright=False)
        np.testing.assert_allclose(dark.pixels, 1.0 - radiograph.pixels, atol=1e-6)

    @pytest.mark.parametrize(
        ("pixels", "error", "words"),
        [
            ([[1, 2]], TypeError, "numpy array, not list"),
            (np.zeros((100, 100), bool), TypeError, "must be numbers"),
            (np.zeros((100, 100), object), TypeError, "must be numbers"),
            (np.zeros((100, 100), complex), TypeError, "must be numbers"),
            (np.ma.zeros((100, 100)), TypeError, "masked"),
            (np.zeros((2, 100, 100)), UsageError, "shape (rows, columns)"),
            (np.zeros((100, 100, 3)), UsageError, "shape (rows, columns)"),
            (np.zeros((10, 100)), UsageError, "only 10 x 100"),
            (np.full((100, 100), np.nan), UsageError, "NaN"),
            (np.array([-1e308, 1e308] * 5000).reshape(100, 100), UsageError, "span more"),
            (np.broadcast_to(np.uint8(0), (1 << 20, 1 << 20)), TooLargeError, "above the limit"),
        ],
    )
    def test_other_arrays_are_said(self, pixels, error, words):
        with pytest.raises(error, match=re.escape(words)):
            ho_imaging.reading.radiograph_from_array(pixels)


class TestArchive:
    def test_a_zip_archive_gives_the_results_of_its_films_under_their_names(self, fake_network, tmp_path, picture):
        packed = tmp_path / "sent.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.write(SAMPLE, "study/IM1")
            file.write(picture, "..\\..\\picture.png")
            file.writestr("README", "nothing to see, but more than sixteen bytes of it")
            file.writestr("empty.dcm", b"")
        by_name = {result.images[0].path: result for result in Analyzer(region="pelvis").analyze_all([packed])}
        assert set(by_name) == {f"{packed}/study/IM1", f"{packed}/picture.png", f"{packed}/empty.dcm"}
        assert by_name[f"{packed}/study/IM1"].findings == Analyzer(region="pelvis").analyze(SAMPLE).findings
        assert by_name[f"{packed}/empty.dcm"].status == "failed"
        in_memory = Analyzer(region="pelvis").analyze_all(packed.read_bytes())
        assert {result.images[0].path for result in in_memory} == {
            "archive 1/study/IM1",
            "archive 1/picture.png",
            "archive 1/empty.dcm",
        }
        assert {result.study_uid for result in in_memory} >= {by_name[f"{packed}/study/IM1"].study_uid}
        for single in (packed, packed.read_bytes()):
            with pytest.raises(UsageError, match="is a zip archive, which may hold several images"):
                Analyzer().analyze(single)

    def test_names_stay_below_the_archive_and_none_is_lost(self, tmp_path):
        packed = tmp_path / "odd.zip"
        names = ("/etc/film", "a/../../film", "same", "C:\\film", "a", "a/b")
        with zipfile.ZipFile(packed, "w") as file:
            for name in names:
                file.writestr(name, name)
            with pytest.warns(UserWarning, match="Duplicate"):
                file.writestr("same", "other")
        found = archive.list_archive(packed)
        assert not found.failed
        assert all(
            path.is_relative_to(packed) and ".." not in path.parts and ":" not in path.name for path in found.files
        )
        read = {archive.path_or_bytes(path) for path in found.files}
        assert read == {name.encode() for name in (*names, "other")}
        assert sorted(tmp_path.iterdir()) == [packed]

    def test_a_member_that_is_not_as_declared_or_damaged_fails_alone(self, tmp_path):
        packed = tmp_path / "damaged.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("bomb", b"\0" * 2_000_000)
            file.writestr("good", b"good")
        data = bytearray(packed.read_bytes())
        place = data.rindex(b"bomb") - 46 + 24  # size in the list of files
        data[place : place + 4] = (1000).to_bytes(4, "little")
        packed.write_bytes(data)
        assert archive.path_or_bytes(packed / "good") == b"good"
        with pytest.raises(ReadError, match=r"damaged\.zip/bomb: cannot be unpacked"):
            archive.path_or_bytes(packed / "bomb")
        with pytest.raises(ReadError, match=r"damaged\.zip/none: does not exist"):
            archive.path_or_bytes(packed / "none")

    def test_a_film_in_an_archive_is_read_by_its_path(self, tmp_path, fake_network):
        packed = tmp_path / "sent.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.write(SAMPLE, "study/IM1")
        film = ho_imaging.read_radiograph(packed / "study" / "IM1")
        assert (film.pixels == ho_imaging.read_radiograph(SAMPLE).pixels).all()
        assert film.path == f"{packed}/study/IM1"
        assert Analyzer(region="pelvis").analyze(f"{packed}/study/IM1").status == "done"
        with pytest.raises(ReadError, match=r"sent\.zip/study/IM2: does not exist"):
            ho_imaging.read_radiograph(packed / "study" / "IM2")

    def test_an_archive_in_an_archive_and_one_that_needs_a_password_are_refused_by_name(self, tmp_path):
        inner, packed = tmp_path / "inner.zip", tmp_path / "outer.zip"
        with zipfile.ZipFile(inner, "w") as file:
            file.write(SAMPLE, "IM1")
        with zipfile.ZipFile(packed, "w") as file:
            file.write(inner, "more/inner.zip")
            file.write(SAMPLE, "secret")
        data = bytearray(packed.read_bytes())
        data[data.rindex(b"secret") - 46 + 8] |= 1
        packed.write_bytes(data)
        found = discover(packed)
        assert not found.studies
        said = {str(item.path.relative_to(packed)): item.reason.code for item in found.rejected}
        assert said == {"more/inner.zip": "archive_nested", "secret": "archive_member_encrypted"}
        assert not any(item.stray for item in found.rejected)

    def test_an_archive_in_a_folder_is_refused_by_name_and_a_document_is_not(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "films.zip", "w") as file:
            file.write(SAMPLE, "IM1")
        with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as file:
            file.writestr("docProps/app.xml", "<Properties/>")
            file.writestr("[Content_Types].xml", "<Types/>")
        said = {item.path.name: (item.reason.code, item.stray) for item in discover(tmp_path).rejected}
        assert said == {"films.zip": ("archive_in_folder", False), "labels.xlsx": ("file_packed", True)}
        both = discover([tmp_path, tmp_path / "films.zip"])
        assert [str(image.path) for study in both.studies for image in study.images] == [f"{tmp_path}/films.zip/IM1"]
        assert [item.path.name for item in both.rejected] == ["labels.xlsx"]

    def test_what_is_no_image_is_not_unpacked(self, tmp_path, monkeypatch):
        with zipfile.ZipFile(tmp_path / "sent.zip", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("notes.txt", "x" * 1_000_000)
        read = []
        whole = zipfile.ZipExtFile.read
        monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda self, n=-1: read.append(n) or whole(self, n))
        (item,) = discover(tmp_path / "sent.zip").rejected
        assert (item.reason.code, item.path.name) == ("file_of_other_kind", "notes.txt")
        assert read
        assert max(read) <= 4096

    def test_what_this_program_wrote_is_no_film_in_an_archive_either(self, tmp_path, picture):
        packed = tmp_path / "out.zip"
        with zipfile.ZipFile(packed, "w") as file:
            for name in (
                "out/run.json",
                "out/studies/1.2/1.3.overlay.png",
                "out/studies/1.2/result.json",
                "out/film.png",
            ):
                file.write(picture, name)
        (study,) = discover(packed).studies
        assert [image.path.name for image in study.images] == ["film.png"]

    @pytest.mark.parametrize(
        ("limit", "value"), [("MOST_MEMBERS", 1), ("MOST_BYTES", 5), ("_MOST_DIRECTORY_BYTES", 20)]
    )
    def test_an_archive_above_a_limit_is_not_unpacked(self, tmp_path, monkeypatch, limit, value):
        packed = tmp_path / "large.zip"
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr("one", b"12345")
            file.writestr("two", b"12345")
        monkeypatch.setattr(archive, limit, value)
        with pytest.raises(TooLargeError, match=r"large\.zip: holds more than"):
            Analyzer().analyze_all(packed)

    @pytest.mark.parametrize(
        "data", [b"PK\x03\x04" + bytes(100), b"PK\x05\x06" + b"\xff" * 18, b"PK\x05\x06" + bytes(6)]
    )
    def test_a_damaged_archive_is_said(self, tmp_path, data):
        packed = tmp_path / "torn.zip"
        packed.write_bytes(data)
        with pytest.raises(ReadError, match=r"torn\.zip: (is a damaged zip|holds more than)"):
            Analyzer().analyze_all(packed)


class TestDicomdir:
    @pytest.fixture
    def medium(self, tmp_path):
        films = FileSet()
        for path in sorted((ROOT / "sample_data").glob("0[1-3]*.dcm")):
            films.add(path)
        films.write(tmp_path / "medium")
        return tmp_path / "medium"

    def test_the_images_that_it_lists_are_found(self, medium):
        assert len(discover(medium / "DICOMDIR").studies) == 3
        assert discover(medium / "DICOMDIR").studies == discover(medium).studies
        gone = next(path for path in sorted(medium.rglob("*")) if path.is_file() and path.name != "DICOMDIR")
        gone.unlink()
        (medium / "stray.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        found = discover(medium / "DICOMDIR")
        assert len(found.studies) == 2
        assert [(item.path, item.status) for item in found.rejected] == [(gone, "failed")]

    def test_it_is_no_single_image(self, medium):
        with pytest.raises(UsageError, match="is a DICOMDIR, which may hold several images"):
            Analyzer().analyze(medium / "DICOMDIR")

    def test_names_in_lower_case_are_found_and_none_outside(self, medium, tmp_path):
        for path in sorted(medium.rglob("*"), reverse=True):
            path.rename(path.with_name(path.name.lower()))
        assert len(discover(medium / "dicomdir").studies) == 3
        dataset = pydicom.dcmread(medium / "dicomdir")
        image = next(r for r in dataset.DirectoryRecordSequence if r.DirectoryRecordType == "IMAGE")
        (tmp_path / "film").write_bytes(SAMPLE.read_bytes())
        with pytest.warns(UserWarning, match="Invalid value for VR CS"):
            image.ReferencedFileID = ["..", "film"]
        dataset.save_as(medium / "dicomdir")
        found = discover(medium / "dicomdir")
        assert len(found.studies) == 2
        assert len(found.rejected) == 1
