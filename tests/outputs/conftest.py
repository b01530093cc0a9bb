"""A film that outputs are made of."""

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid


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
    made.Rows, made.Columns, made.BitsAllocated, made.BitsStored, made.HighBit = 700, 860, 16, 12, 11
    made.SamplesPerPixel, made.PixelRepresentation, made.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    made.ImagerPixelSpacing = [0.5, 0.5]  # the only one that SimpleITK takes of a computed radiograph
    made.PixelSpacing, made.PixelSpacingCalibrationType = [0.5, 0.5], "FIDUCIAL"
    made.PixelSpacingCalibrationDescription = "ball"
    made.PixelData = np.random.default_rng(0).integers(500, 3500, (700, 860)).astype("<u2").tobytes()
    return made
