import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

MakeFilm = Callable[..., Dataset]


@pytest.fixture
def ramp() -> NDArray[np.uint16]:
    """96 x 128 pixels, 0 to 2032 in steps of 16 from left to right."""
    return np.tile(np.arange(128, dtype=np.uint16) * 16, (96, 1))


@pytest.fixture
def make_film(ramp: NDArray[np.uint16]) -> MakeFilm:
    """A CR film; keywords set attributes, ``None`` leaves one out."""

    def make(pixels: NDArray[Any] | None = None, **attributes: Any) -> Dataset:
        pixels = ramp if pixels is None else pixels
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = ComputedRadiographyImageStorage
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.3", "1.2.3.4", "1.2.3.4.5"
        dataset.Modality = "CR"
        dataset.Rows, dataset.Columns = pixels.shape[:2]
        dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
        dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
        if pixels.ndim == 3:
            dataset.PlanarConfiguration = 0
        dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
        dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
        dataset.PixelData = pixels.tobytes()
        for keyword, value in attributes.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
        if "HighBit" not in attributes and "BitsStored" in dataset:
            dataset.HighBit = dataset.BitsStored - 1
        return dataset

    return make


@pytest.fixture
def as_bytes() -> Callable[..., bytes]:
    """A data set as a file's bytes."""

    def write(dataset: Dataset) -> bytes:
        stream = BytesIO()
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.9")
        dataset.save_as(stream, enforce_file_format=True)
        return stream.getvalue()

    return write


@pytest.fixture
def real_films() -> Path:
    """Folder of real films, where there is one."""
    folder = os.environ.get("HO_IMAGING_TEST_FILMS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("HO_IMAGING_TEST_FILMS names no folder of real films")
    return Path(folder)
