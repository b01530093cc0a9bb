"""Segmentations in the readers of others: dcmqi (3D Slicer's), itk-wasm, SimpleITK and highdicom."""

import json
import shutil
import subprocess

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from ho_imaging import Analyzer
from ho_imaging.findings.outline import filled
from ho_imaging.outputs import to_dicom
from ho_imaging.results.points import rows_columns

ROWS, COLUMNS = 700, 860


@pytest.fixture
def film():
    """A computed radiograph with a calibrated spacing."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = generate_uid(), generate_uid(), "CR"
    made.PatientName, made.PatientID, made.BodyPartExamined, made.ViewPosition = "Doe^Jane", "P1", "PELVIS", "AP"
    made.Rows, made.Columns, made.BitsAllocated, made.BitsStored, made.HighBit = ROWS, COLUMNS, 16, 12, 11
    made.SamplesPerPixel, made.PixelRepresentation, made.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    made.ImagerPixelSpacing = [0.5, 0.5]  # the only one that SimpleITK takes of a computed radiograph
    made.PixelSpacing, made.PixelSpacingCalibrationType = [0.5, 0.5], "FIDUCIAL"
    made.PixelSpacingCalibrationDescription = "ball"
    made.PixelData = np.random.default_rng(0).integers(500, 3500, (ROWS, COLUMNS)).astype("<u2").tobytes()
    return made


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
