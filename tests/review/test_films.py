"""A viewer gets every value of a film, the maker's look, and a clear word where a film has gone."""

import json
import zipfile
import zlib
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.reading import read_radiograph
from ho_imaging.results.schema import StudyResult
from ho_imaging.review.films import CURVE_POINTS, film_pixels, strips
from ho_imaging.review.inputs import open_study

SAMPLE = Path(__file__).parents[2] / "sample_data" / "01_no_ectopic_bone.dcm"


def dicom(values, **attributes):
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.set_original_encoding(False, True)
    rows, columns = values.shape
    for keyword, value in (
        {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1", "SOPInstanceUID": "1.2.3.1", "StudyInstanceUID": "1.2.3",
            "SeriesInstanceUID": "1.2.4", "Modality": "DX", "Rows": rows, "Columns": columns, "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
            "PixelRepresentation": 0,
        } | attributes
    ).items():  # fmt: skip
        setattr(dataset, keyword, value)
    dataset.add_new("PixelData", "OW", values.astype("<u2").tobytes())
    return dataset


RAMP = np.linspace(0, 4095, 100 * 120).reshape(100, 120).astype(np.uint16)


def shown(film):
    """What a viewer shows first."""
    t = (film.codes.astype(np.float64) - film.window[0]) / (film.window[1] - film.window[0])
    return np.interp(t, np.linspace(0, 1, CURVE_POINTS), film.curve)


@pytest.mark.parametrize("polarity", ["MONOCHROME1", "MONOCHROME2"])
def test_values_outside_the_makers_window_are_kept(polarity):
    dataset = dicom(RAMP, WindowCenter=2048, WindowWidth=400, PhotometricInterpretation=polarity)
    film = film_pixels(dataset)
    assert len(np.unique(film.codes)) == len(np.unique(RAMP))  # the look alone keeps a tenth
    rising = RAMP if polarity == "MONOCHROME2" else 4095 - RAMP
    np.testing.assert_allclose(film.codes / 65535, rising / 4095, atol=1e-4)
    np.testing.assert_allclose(shown(film), read_radiograph(dataset).pixels, atol=0.01)
    assert film_pixels(dicom(RAMP, WindowCenter=1, WindowWidth=2, AcquisitionDate="20260102")).acquired == date(
        2026, 1, 2
    )
    assert film.window[1] - film.window[0] == pytest.approx(400 / 4095 * 65535, rel=0.02)
    assert "WindowCenter" in dataset


def test_a_makers_curve_is_kept():
    dataset = dicom(RAMP, WindowCenter=1500, WindowWidth=900, VOILUTFunction="SIGMOID")
    film = film_pixels(dataset)
    np.testing.assert_allclose(shown(film), read_radiograph(dataset).pixels, atol=0.01)
    middle = (1500 / 4095 * 65535 - film.window[0]) / (film.window[1] - film.window[0])
    assert np.interp(middle, np.linspace(0, 1, CURVE_POINTS), film.curve) == pytest.approx(0.5, abs=0.01)


def test_a_file_a_data_set_and_a_radiograph_give_the_same_look():
    look = read_radiograph(SAMPLE).pixels
    for source in (SAMPLE, pydicom.dcmread(SAMPLE), read_radiograph(SAMPLE)):
        np.testing.assert_allclose(shown(film_pixels(source)), look, atol=0.01)


def test_strips_put_together_are_the_film(monkeypatch):
    monkeypatch.setattr("ho_imaging.review.films._STRIP_BYTES", 120 * 2 * 7 + 5)
    film = film_pixels(dicom(RAMP))
    parts = list(strips(film))
    assert [first for first, _, _ in parts] == list(range(0, 100, 7))
    whole = np.frombuffer(b"".join(zlib.decompress(data) for _, _, data in parts), "<u2").reshape(100, 120)
    np.testing.assert_array_equal(whole, film.codes)


def test_a_study_is_found_however_it_is_named(batch):
    folder = batch / "studies" / "1.2.3"
    result = StudyResult.from_json((folder / "result.json").read_bytes())
    for source, study in ((batch, None), (str(batch), "1.2.3"), (folder, None), (folder / "result.json", "1.2.3")):
        found = open_study(source, study)
        assert found.result == result
        assert found.store == batch / "reviews"
    assert open_study(result).store == Path("reviews")


def test_what_cannot_be_opened_says_why(batch, tmp_path):
    with pytest.raises(ReadError, match="nowhere: does not exist"):
        open_study(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no result of study 9\.9"):
        open_study(batch, "9.9")
    with pytest.raises(UsageError, match="holds no results"):
        open_study(tmp_path / "films")
    second = batch / "studies" / "1.2.4"
    second.mkdir()
    (second / "result.json").write_text((batch / "studies" / "1.2.3" / "result.json").read_text())
    with pytest.raises(UsageError, match=r"holds 2 studies .*1\.2\.3, 1\.2\.4"):
        open_study(batch)
    (second / "result.json").write_text('{"study_uid": 3}')
    with pytest.raises(ReadError, match="is not a result"):
        open_study(batch, "1.2.4")


def test_a_film_that_has_moved_is_named_and_found_again_by_its_uid(tmp_path):
    from review_page import make_result, write_batch  # noqa: PLC0415

    was, new = tmp_path / "was" / "film.dcm", tmp_path / "archive" / "2026" / "x.dcm"
    for path in (was, new):
        path.parent.mkdir(parents=True)
    dicom(RAMP).save_as(new, implicit_vr=False, little_endian=True)
    batch = write_batch(tmp_path / "out", make_result("1.2.3", {"1.2.3.1": (was, 100, 120)}, {}))
    with pytest.raises(ReadError, match=r"was/film\.dcm: the film is not there any more .*films=FOLDER"):
        open_study(batch)
    with pytest.raises(ReadError, match=r"not in .*was"):
        open_study(batch, films=[tmp_path / "was"])
    assert open_study(batch, films=[tmp_path / "archive"]).films.pixels("1.2.3.1").codes.shape == (100, 120)


def test_paths_relative_to_a_folder_above_the_results_are_followed(tmp_path, monkeypatch):
    from review_page import make_result, write_batch  # noqa: PLC0415

    (tmp_path / "films").mkdir()
    dicom(RAMP).save_as(tmp_path / "films" / "a.dcm", implicit_vr=False, little_endian=True)
    batch = write_batch(tmp_path / "out", make_result("1.2.3", {"1.2.3.1": (Path("films/a.dcm"), 100, 120)}, {}))
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    assert open_study(batch).films.locate("1.2.3.1") == tmp_path / "films" / "a.dcm"


def test_another_film_in_a_films_place_is_not_shown_for_it(batch, tmp_path):
    study = open_study(batch)
    cv2.imwrite(str(tmp_path / "films" / "a.png"), np.zeros((300, 300), np.uint16))
    with pytest.raises(ReadError, match="holds 300 x 300 pixels"):
        study.films.pixels("1.2.3.1")


def test_a_film_of_the_same_size_under_the_old_name_is_not_shown_for_it(tmp_path, monkeypatch):
    """Films of one detector have one size, and names of files come again: it may be another patient's."""
    from review_page import make_result, write_batch  # noqa: PLC0415

    path, kept = tmp_path / "films" / "IM1", tmp_path / "archive" / "IM1"
    for place in (path, kept):
        place.parent.mkdir()
    dicom(RAMP, SOPInstanceUID="1.2.9.9", PatientID="B").save_as(path, implicit_vr=False, little_endian=True)
    batch = write_batch(tmp_path / "out", make_result("1.2.3", {"1.2.3.1": (path, 100, 120)}, {}))
    with pytest.raises(ReadError, match=r"films/IM1: holds another film now"):
        open_study(batch)
    dicom(RAMP).save_as(kept, implicit_vr=False, little_endian=True)
    assert open_study(batch, films=[kept.parent]).films.locate("1.2.3.1") == kept
    # A name that leads to another film from here, and to the film from the folder above the results.
    batch = write_batch(tmp_path / "two", make_result("1.2.3", {"1.2.3.1": (Path("archive/IM1"), 100, 120)}, {}))
    (tmp_path / "here" / "archive").mkdir(parents=True)
    path.rename(tmp_path / "here" / "archive" / "IM1")
    monkeypatch.chdir(tmp_path / "here")
    assert open_study(batch).films.locate("1.2.3.1") == kept


def test_a_film_in_an_archive_and_one_whose_result_names_no_path_are_found(tmp_path):
    from review_page import make_result, write_batch  # noqa: PLC0415

    dicom(RAMP).save_as(tmp_path / "x.dcm", implicit_vr=False, little_endian=True)
    packed = tmp_path / "films.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.write(tmp_path / "x.dcm", "study/IM1")
    batch = write_batch(tmp_path / "out", make_result("1.2.3", {"1.2.3.1": (packed / "study" / "IM1", 100, 120)}, {}))
    assert open_study(batch).films.pixels("1.2.3.1").codes.shape == (100, 120)
    (path,) = batch.glob("studies/*/result.json")
    path.write_text(path.read_text().replace(json.dumps(str(packed / "study" / "IM1")), "null"))
    with pytest.raises(ReadError, match="does not say where film"):
        open_study(batch)
    assert open_study(batch, films=[packed]).films.pixels("1.2.3.1").codes.shape == (100, 120)
