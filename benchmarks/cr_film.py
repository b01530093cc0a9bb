"""A picture as a CR object with no more said of it than a benchmark wants to say."""

from __future__ import annotations

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian

__all__ = ["as_dicom"]


def as_dicom(
    film: NDArray[np.float32], number: int, *, body_part: str | None, pixel_mm: float | None
) -> pydicom.Dataset:
    """Give a film in [0, 1], bone bright, as a study of its own; with a body part it says that the view is AP."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.1", "CR"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = f"2.25.{number + 1}1", f"2.25.{number + 1}2"
    dataset.StudyInstanceUID = f"2.25.{number + 1}3"
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = film.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    if body_part is not None:
        dataset.BodyPartExamined, dataset.ViewPosition = body_part, "AP"
    if pixel_mm is not None:
        dataset.ImagerPixelSpacing = [pixel_mm, pixel_mm]
    dataset.PixelData = (film * 4095).astype("<u2").tobytes()
    return dataset
