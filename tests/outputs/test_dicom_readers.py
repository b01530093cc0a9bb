"""Segmentations in the readers of others: dcmqi (3D Slicer's), itk-wasm, SimpleITK and highdicom."""

import json
import shutil
import subprocess

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK

from ho_imaging import Analyzer
from ho_imaging.findings.outline import filled
from ho_imaging.outputs import to_dicom
from ho_imaging.results.points import rows_columns

ROWS, COLUMNS = 700, 860


@pytest.fixture
def study(fake_network, film):
    return Analyzer(region="pelvis", laterality="bilateral", view="ap").analyze_films([film])


@pytest.fixture
def stored(study, tmp_path):
    """The segmentation of the nodules as a file, and what it has to show."""
    item = to_dicom(study)[0]
    path = tmp_path / "nodules.dcm"
    item.save_as(path, enforce_file_format=True)
    (finding,) = study.result.findings
    truth = filled([rows_columns(ring) for ring in finding.contours_xy_px], (ROWS, COLUMNS))
    assert truth.any()
    return path, truth


def test_dcmqi_reads_the_nodules_where_they_are(stored, tmp_path):
    if shutil.which("segimage2itkimage") is None:
        pytest.skip("dcmqi is not installed")
    path, truth = stored
    command = ["segimage2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "--outputType", "nrrd"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    image = SimpleITK.ReadImage(str(tmp_path / "1.nrrd"))
    assert image.GetSpacing()[:2] == pytest.approx((0.5, 0.5), abs=1e-3)
    assert image.GetOrigin() == (0.0, 0.0, 0.0)
    assert np.array_equal(SimpleITK.GetArrayFromImage(image)[0] > 0, truth)
    (segment,) = json.loads((tmp_path / "meta.json").read_text())["segmentAttributes"][0]
    assert segment["SegmentLabel"] == "Suspected heterotopic ossification F1"


def test_itk_wasm_reads_the_nodules_where_they_are(stored):
    itkwasm_dicom = pytest.importorskip("itkwasm_dicom")
    path, truth = stored
    image, *_ = itkwasm_dicom.read_segmentation(path)
    assert list(image.spacing)[:2] == pytest.approx([0.5, 0.5], abs=1e-3)
    assert np.array_equal(np.squeeze(np.asarray(image.data)) > 0, truth)


def test_simpleitk_gives_film_and_segmentation_one_grid(stored, film, tmp_path):
    path, _ = stored
    film.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    images = [SimpleITK.ReadImage(str(item)) for item in (path, tmp_path / "film.dcm")]
    assert images[0].GetSize() == images[1].GetSize()
    assert images[0].GetSpacing()[:2] == pytest.approx(images[1].GetSpacing()[:2], abs=1e-3)
    assert images[0].GetOrigin() == images[1].GetOrigin()


def test_highdicom_reads_the_nodules_of_the_film(stored, film):
    path, truth = stored
    read = hd.seg.segread(path)
    frames = read.get_pixels_by_source_instance([film.SOPInstanceUID], combine_segments=True)
    assert np.array_equal(frames[0] > 0, truth)


def test_frames_say_what_their_millimetres_rest_on(stored):
    path, _ = stored
    read = pydicom.dcmread(path)
    (measures,) = read.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert measures.PixelSpacingCalibrationType == "FIDUCIAL"
    assert measures.PixelSpacingCalibrationDescription == "calibrated pixel spacing of the film"
