"""A radiograph as it is meant to be displayed, with millimetres and their basis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ho_imaging.messages import Message
from ho_imaging.reading.compression import NOT_KNOWN, Compression
from ho_imaging.reading.identity import NO_PATIENT, PatientIdentity
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, View

__all__ = ["QualityFlag", "Radiograph", "Sourced", "Spacing"]

T = TypeVar("T")


@dataclass(frozen=True)
class Sourced(Generic[T]):
    """A value and where it was read.

    Parameters
    ----------
    value
        The value.
    source
        A DICOM keyword such as ``ViewPosition``, ``"caller"`` or ``"none"``.

    """

    value: T
    source: str


@dataclass(frozen=True)
class Spacing:
    """Size of one pixel in mm in the patient plane, as far as that is known.

    Parameters
    ----------
    row_mm, column_mm
        Height and width of a pixel; ``None`` exactly when ``basis`` is ``NONE``.
    basis
        What the millimetres rest on.
    source
        The DICOM keyword that they were read from, ``"caller"`` or ``"none"``.
    magnification
        The factor that the detector pitch was divided by (1.0 or more); ``None`` when unknown: lengths then read 10 to
        25 % long.

    """

    row_mm: float | None
    column_mm: float | None
    basis: SpacingBasis
    source: str
    magnification: float | None = None


@dataclass(frozen=True, init=False)
class QualityFlag:
    """Something a reader of the result should know about the film.

    Parameters
    ----------
    code
        A stable snake_case word (``polarity_contradicts_pixels``, ``spacing_missing``, ``lossy_compression``).
    message
        Says it exactly, without patient data; by default the message of the same code.

    """

    code: str
    message: Message

    def __init__(self, code: str, message: Message | None = None) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "message", Message(code) if message is None else message)


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One film (one frame) as it is meant to be seen.

    Parameters
    ----------
    pixels
        Shape (rows, columns), float32 in [0, 1], row 0 at the top as stored, bone bright: stored values after Modality
        LUT, VOI LUT and presentation polarity (DICOM PS3.4 N.2), scaled to the range of the output. Means of blocks of
        stored pixels where ``reduction`` is above 1.
    padding
        True where pixels are no image (Pixel Padding Value), bool, same shape; or ``None``.
    spacing
        Size of a pixel in mm, and what it rests on.
    region, view, laterality
        What the film shows, and where that was read.
    study_uid, series_uid, sop_instance_uid
        As the file states them; of a raster file or an array made from its content.
    frame
        Number of the frame or page, from 0.
    path
        The file as the caller gave it; ``None`` for data in memory.
    modality
        As the file states it; empty for raster files and arrays.
    quality
        What a reader of the result should know about the film.
    aspect_ratio
        Height of a pixel over its width, for films without spacing (Pixel Aspect Ratio).
    acquired
        When the film was taken: Acquisition, Content, Series or Study Date, the first that is there.
    stated_cause
        What the file's free text names as the cause of ossification, in the words of `ho_imaging.severity.Cause`.
    columns_run_to
        Side of the patient towards which columns count up, where Patient Orientation says so (PS3.3 C.7.6.1.1.1).
    patient
        What the file states of its patient, to tell whether two films are of one; never written anywhere.
    compression
        Lossy compression: by the file, its header, or block edges in the pixels.
    reduction
        Stored pixels along a side of one of ``pixels``: 1, or 2, 4 or 8 for a film that was read at a coarser pixel
        (``coarsest_mm`` of `read_radiograph`). Spacing, flags and all results are of stored pixels.
    stored_shape
        Rows and columns as stored, where ``pixels`` has fewer.

    """

    pixels: NDArray[np.float32]
    padding: NDArray[np.bool_] | None
    spacing: Spacing
    region: Sourced[Region]
    view: Sourced[View]
    laterality: Sourced[Laterality]
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    frame: int
    path: str | None
    modality: str
    quality: tuple[QualityFlag, ...] = ()
    aspect_ratio: float = 1.0
    acquired: date | None = None
    stated_cause: Sourced[str] | None = None
    columns_run_to: Side | None = None
    patient: PatientIdentity = NO_PATIENT
    compression: Compression = NOT_KNOWN
    reduction: int = 1
    stored_shape: tuple[int, int] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns of the film as stored."""
        return self.stored_shape or (self.pixels.shape[0], self.pixels.shape[1])

    def __repr__(self) -> str:
        rows, columns = self.shape
        shows = f"{self.region.value} {self.view.value} {self.laterality.value}"
        return f"Radiograph(sop_instance_uid={self.sop_instance_uid!r}, {rows} x {columns} pixels, {shows})"
