"""What becomes of a picture on its way to a reader: fewer pixels, sharpening, lossy compression."""

from __future__ import annotations

import cv2
import numpy as np
import pydicom
from cr_film import as_dicom
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, JPEGBaseline8Bit, JPEGLSNearLossless

__all__ = ["as_jpeg", "as_jpeg_2000", "as_near_lossless", "scaled", "sharpened"]

Image = NDArray[np.float32]


def scaled(film: Image, share: float) -> Image:
    """Return a film with ``share`` of its pixels a side, averaged as viewers and archives do; never more pixels."""
    if share >= 1.0:
        return film
    return np.asarray(cv2.resize(film, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), dtype=np.float32)


def sharpened(film: Image) -> Image:
    """Return a film after an unsharp mask one pixel wide, as browsers and photo programs apply after scaling."""
    blurred = cv2.GaussianBlur(film, (0, 0), 1.0)
    return np.asarray(np.clip(film + 1.0 * (film - blurred), 0.0, 1.0), dtype=np.float32)


def as_jpeg(
    film: Image, number: int, quality: int, *, body_part: str | None, pixel_mm: float | None
) -> pydicom.Dataset:
    """Return a film in [0, 1] as DICOM with an 8-bit baseline JPEG of a quality inside."""
    dataset = as_dicom(film, number, body_part=body_part, pixel_mm=pixel_mm)
    _, data = cv2.imencode(".jpg", np.rint(film * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([data.tobytes()])
    dataset["PixelData"].is_undefined_length = True
    return dataset


def as_jpeg_2000(
    film: Image, number: int, ratio: float, *, body_part: str | None, pixel_mm: float | None
) -> pydicom.Dataset:
    """Return a film as DICOM in irreversible JPEG 2000, compressed ``ratio`` to one."""
    dataset = as_dicom(film, number, body_part=body_part, pixel_mm=pixel_mm)
    dataset.compress(JPEG2000, j2k_cr=[ratio], generate_instance_uid=False)
    return dataset


def as_near_lossless(
    film: Image, number: int, near: int, *, body_part: str | None, pixel_mm: float | None
) -> pydicom.Dataset:
    """Return a film as DICOM in JPEG-LS, each of 4,096 values off by up to ``near``."""
    dataset = as_dicom(film, number, body_part=body_part, pixel_mm=pixel_mm)
    dataset.compress(JPEGLSNearLossless, jls_error=near, generate_instance_uid=False)
    return dataset
