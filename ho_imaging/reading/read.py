"""One film from wherever it is: a path, bytes, or a data set in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import SupportsFloat, TypedDict

from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, NotARadiographError, ReadError, TooLargeError, UsageError
from ho_imaging.messages import Message
from ho_imaging.reading.archive import path_or_bytes
from ho_imaging.reading.damaged_elements import drop_damaged, without_damaged
from ho_imaging.reading.decode import MAX_PIXELS
from ho_imaging.reading.dicom import WHOLE_RANGE_USED, radiograph_from_dataset
from ho_imaging.reading.files import FileKind, kind_of
from ho_imaging.reading.identifiers import NO_IDENTIFIERS, StudyIdentifiers
from ho_imaging.reading.identity import PatientIdentity
from ho_imaging.reading.open_dicom import MAX_FILE_BYTES, open_dataset
from ho_imaging.reading.radiograph import Radiograph, Sourced, Spacing
from ho_imaging.reading.reduction import enlarge_radiograph, reduce_radiograph
from ho_imaging.reading.spacing import LARGEST_EXTENT_MM
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, View, to_word

__all__ = ["ImageRef", "all_pixels", "check_spacing", "read_radiograph", "with_callers_words"]

logger = logging.getLogger(__name__)

_LEAST_PITCH_MM, _MOST_PITCH_MM = 0.01, 10.0
"""No detector is finer; metres or inches given for millimetres end here."""


@dataclass(frozen=True)
class ImageRef:
    """A film that was found but not read yet.

    Parameters
    ----------
    path
        As the caller gave it, or below what the caller gave.
    kind
        What kind of file it is, by its content.
    study_uid, series_uid, sop_instance_uid
        As the header states them; of a raster file made from its bytes.
    modality
        As the header states it; empty for raster files.
    patient
        What its header states of its patient; ``None`` where the header has not been read.
    identifiers
        What its header states of its order and patient, for tables.

    """

    path: Path
    kind: FileKind
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    modality: str
    patient: PatientIdentity | None = None
    identifiers: StudyIdentifiers = NO_IDENTIFIERS


def read_radiograph(
    source: str | PathLike[str] | bytes | Dataset | ImageRef,
    *,
    frame: int | None = None,
    voi: int | str | None = None,
    region: Region | str | None = None,
    view: View | str | None = None,
    laterality: Laterality | Side | str | None = None,
    spacing_mm: tuple[float, float] | None = None,
    max_pixels: int = MAX_PIXELS,
    whole_range: bool = False,
    never_clipped: bool = False,
    coarsest_mm: float | None = None,
) -> Radiograph:
    """Read one film as it is meant to be seen, bone bright.

    Parameters
    ----------
    source
        Path of a DICOM, PNG, JPEG or TIFF file; the bytes of one; a pydicom data set; or what `discover` found.
    frame
        Which frame or page, from 0, of a file that holds several; a file with several is refused without.
    voi
        Which VOI view, where a file offers several: index over VOI LUTs then windows, or its explanation. By default
        the first that shows most of the film's detail.
    region, view, laterality, spacing_mm
        Used in place of what the file says; the source then reads ``caller``, the spacing's basis ``assumed``. Words
        may be written with spaces, a side as R, L, B or ``both``; the spacing is row then column in mm.
    max_pixels
        Larger films are not read.
    whole_range
        Show all values of the film, whatever windows the file states.
    never_clipped
        Show all values where the view in use would hide part of the film (flag ``window_clips``). The flags of both
        ways to show it are kept, with ``whole_range_used``.
    coarsest_mm
        Largest pixel that is needed, in mm: a film whose spacing is known and allows it is read at half, a quarter or
        an eighth of its pixels along a side (`Radiograph.reduction`), which is faster. Rows and columns at the end that
        fill no pixel of that size are left out. By default all pixels are read.

    Returns
    -------
    Radiograph
        The film: pixels (rows, columns), float32 in [0, 1], with what the file says of it.

    Raises
    ------
    TypeError
        If the source is none of these.
    ReadError
        If the file cannot be read; `DecodeError` if its pixels cannot, `TooLargeError` if it is too large, or would be
        longer than 1.5 m by ``spacing_mm``.
    NotARadiographError
        If it holds no projection film.
    UsageError
        If an argument does not fit the file.

    """
    if coarsest_mm is not None and not coarsest_mm > 0.0:
        raise UsageError(f"coarsest_mm is {coarsest_mm}", remedy="give a length in mm, or leave it out")
    if not isinstance(source, str | PathLike | bytes | Dataset | ImageRef):
        raise TypeError(
            f"{type(source).__name__} is not a film (give a path, bytes or a pydicom Dataset; of an open file what its "
            "read() returns)"
        )
    path = str(source.path) if isinstance(source, ImageRef) else None
    if isinstance(source, str | PathLike):
        path = str(source)
    words = to_word(Region, region), to_word(View, view), to_word(Laterality, laterality)
    how: _How = {
        "frame": frame,
        "voi": voi,
        "max_pixels": max_pixels,
        "whole_range": whole_range,
        "never_clipped": never_clipped,
        "coarsest_mm": coarsest_mm,
        "spacing": None if spacing_mm is None else _callers_spacing(spacing_mm),
    }
    try:
        radiograph = _read(source, path, how)
    except HOImagingError as error:
        if error.path is None and path is not None:
            raise type(error)(error.message, path=path) from error
        raise
    # What no decoder reduced is reduced as it is shown.
    return reduce_radiograph(with_callers_words(radiograph, *words, spacing_mm), coarsest_mm)


def all_pixels(radiograph: Radiograph, source: Dataset | None = None) -> Radiograph:
    """Return a radiograph with all of its stored pixels, read again where it has fewer.

    Where neither a data set nor the file that it was read from has them any more, it is enlarged.

    Parameters
    ----------
    radiograph
        As it was analysed.
    source
        The data set that it was read from, where it came as one.

    """
    place = source if source is not None else radiograph.path
    if radiograph.reduction == 1:
        return radiograph
    if place is None:
        return enlarge_radiograph(radiograph)
    whole_range = any(flag.code == WHOLE_RANGE_USED.code for flag in radiograph.quality)
    try:
        found = read_radiograph(place, frame=radiograph.frame or None, whole_range=whole_range)
    except HOImagingError as error:
        logger.info("the size that was looked at is enlarged: %s", error)
        return enlarge_radiograph(radiograph)
    if found.sop_instance_uid != radiograph.sop_instance_uid or found.shape != radiograph.shape:
        return enlarge_radiograph(radiograph)
    return replace(radiograph, pixels=found.pixels, padding=found.padding, reduction=1, stored_shape=None)


class _How(TypedDict):
    """Options for reading a DICOM data set; of a raster file only the frame and the largest size count."""

    frame: int | None
    voi: int | str | None
    max_pixels: int
    whole_range: bool
    never_clipped: bool
    coarsest_mm: float | None
    spacing: Spacing | None


def with_callers_words(
    radiograph: Radiograph,
    region: Region | None,
    view: View | None,
    laterality: Laterality | None,
    spacing_mm: tuple[float, float] | None,
) -> Radiograph:
    """Return a radiograph with what a caller says of it in place of what its file says; ``None`` says nothing.

    Raises
    ------
    UsageError
        If the spacing is not two lengths in mm.
    TooLargeError
        If the film would be longer than 1.5 m by the spacing.

    """
    if spacing_mm is not None:
        spacing = _callers_spacing(spacing_mm)
        longest_mm = max(size * pitch for size, pitch in zip(radiograph.shape, spacing_mm, strict=True))
        if longest_mm > LARGEST_EXTENT_MM:
            row_mm, column_mm = spacing_mm
            raise TooLargeError(
                Message("spacing_too_large", length_m=longest_mm / 1000.0, row_mm=row_mm, column_mm=column_mm)
            )
        radiograph = replace(radiograph, spacing=spacing)
    return replace(
        radiograph,
        region=radiograph.region if region is None else Sourced(region, "caller"),
        view=radiograph.view if view is None else Sourced(view, "caller"),
        laterality=radiograph.laterality if laterality is None else Sourced(laterality, "caller"),
    )


def _callers_spacing(spacing_mm: tuple[float, float]) -> Spacing:
    check_spacing(spacing_mm)
    return Spacing(float(spacing_mm[0]), float(spacing_mm[1]), SpacingBasis.ASSUMED, "caller")


def check_spacing(spacing_mm: object) -> None:
    """Raise `UsageError` unless these are the height and width of a pixel in mm."""
    given: tuple[object, ...] = ()
    if isinstance(spacing_mm, Iterable) and not isinstance(spacing_mm, str | bytes):
        given = tuple(spacing_mm)
    numbers = [float(mm) for mm in given if isinstance(mm, SupportsFloat)]
    if len(given) != 2 or len(numbers) != 2 or not all(_LEAST_PITCH_MM <= mm < _MOST_PITCH_MM for mm in numbers):
        shown = given or repr(spacing_mm)
        raise UsageError(f"spacing_mm {shown} is not two lengths in mm", remedy="give row and column in mm")


def _read(source: str | PathLike[str] | bytes | Dataset | ImageRef, path: str | None, how: _How) -> Radiograph:
    if isinstance(source, Dataset):
        whole, damaged = without_damaged(source)
        return radiograph_from_dataset(whole, path=None, damaged=damaged, **how)
    data = (
        source
        if isinstance(source, bytes)
        else _bytes_of(Path(source.path if isinstance(source, ImageRef) else source))
    )
    if not data:
        raise ReadError(Message("file_empty"))
    kind = kind_of(data[:256])
    if kind in {FileKind.PNG, FileKind.JPEG, FileKind.TIFF}:
        if how["voi"] is not None:
            raise UsageError("is a raster file and offers no VOI view", remedy="leave voi out")
        from ho_imaging.reading.raster import radiograph_from_raster  # noqa: PLC0415  (image libraries load late)

        return radiograph_from_raster(data, kind, path=path, frame=how["frame"], max_pixels=how["max_pixels"])
    if kind is FileKind.PACKED:
        raise NotARadiographError(Message("file_packed"))
    if kind is FileKind.OTHER:
        raise NotARadiographError(Message("file_of_other_kind"))
    dataset = open_dataset(data)
    del data  # the data set has its own copy of the pixels
    damaged = drop_damaged(dataset)
    return radiograph_from_dataset(dataset, path=path, damaged=damaged, **how)


def _bytes_of(path: Path) -> bytes:
    """Read a file at once: what is analysed cannot change half way."""
    try:
        found = path_or_bytes(path)
        if isinstance(found, bytes):
            return found
        if path.is_dir():
            raise UsageError("is a folder", remedy="use discover or analyze_all for folders")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TooLargeError(Message("file_too_large", most_gib=MAX_FILE_BYTES >> 30))
        return path.read_bytes()
    except HOImagingError:
        raise
    except OSError as error:
        raise ReadError(Message("file_unreadable", detail=error.strerror or type(error).__name__)) from error
