"""A radiograph from one frame of a DICOM data set: decoded, brought to grey values, and described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, NotARadiographError, ReadError, TooLargeError, UsageError
from ho_imaging.messages import Message
from ho_imaging.reading.attributes import flags_of_lost, header_flags
from ho_imaging.reading.clinical import stated_cause
from ho_imaging.reading.compression import Compression, compression_of_dataset, with_pixels
from ho_imaging.reading.compression_flags import compression_flags
from ho_imaging.reading.consistency import looks_inverted
from ho_imaging.reading.dates import date_acquired
from ho_imaging.reading.decode import MAX_PIXELS, Stored, decode_frame
from ho_imaging.reading.describe import describe
from ho_imaging.reading.functional_groups import of_frame
from ho_imaging.reading.grayscale import WINDOW_CLIPS
from ho_imaging.reading.grey_pixels import displayed, padding_mask, to_grey
from ho_imaging.reading.identity import patient_of
from ho_imaging.reading.projection_check import check_is_radiograph
from ho_imaging.reading.radiograph import QualityFlag, Radiograph, Spacing
from ho_imaging.reading.reduction import block_mean, block_mean_within, reduction_factor
from ho_imaging.reading.spacing import aspect_ratio, read_spacing
from ho_imaging.reading.uid import made_uid, usable_uid
from ho_imaging.reading.values import stated_whole, stated_word

__all__ = ["WHOLE_RANGE_USED", "content_uid", "radiograph_from_dataset"]


LEAST_SIDE_PX = 64
"""A side shorter than this shows no hip; icons and single pixels end here."""

WHOLE_RANGE_USED = QualityFlag("whole_range_used")
"""Code of the flag that says that all values are shown, because the file's window hides part of the film."""


def radiograph_from_dataset(
    dataset: Dataset,
    *,
    path: str | None,
    frame: int | None,
    voi: int | str | None,
    max_pixels: int = MAX_PIXELS,
    damaged: Sequence[str] = (),
    whole_range: bool = False,
    never_clipped: bool = False,
    coarsest_mm: float | None = None,
    spacing: Spacing | None = None,
) -> Radiograph:
    """Decode and describe one frame of a data set; ``damaged`` elements were taken out of it before.

    ``whole_range`` shows all values, whatever windows the file states; ``never_clipped`` does so where the view in use
    hides part of the film. ``coarsest_mm``: see `ho_imaging.reading.read_radiograph`; ``spacing``: taken for it in
    place of the file's.

    Raises
    ------
    NotARadiographError
        If it is no projection film, holds several frames and ``frame`` is not given, or is a colour photograph.
    ReadError
        If its pixels cannot be had.

    """
    try:
        check_is_radiograph(dataset)
        decoded = _decoded(dataset, frame, max_pixels, coarsest_mm, spacing)
        radiograph = _with_damage(_radiograph(decoded, path, voi, whole_range=whole_range), damaged)
        if not never_clipped or not any(flag.code == WINDOW_CLIPS for flag in radiograph.quality):
            return radiograph
        # Decoded once, shown anew.
        whole = _with_damage(_radiograph(decoded, path, None, whole_range=True), damaged)
        said = [flag for flag in radiograph.quality if flag not in whole.quality]
        return replace(whole, quality=(*whole.quality, *said, WHOLE_RANGE_USED))
    except HOImagingError:
        raise
    except MemoryError as error:
        raise TooLargeError(Message("memory_short")) from error
    except Exception as error:
        raise ReadError(Message("header_unusable", kind=type(error).__name__)) from error


def _with_damage(radiograph: Radiograph, damaged: Sequence[str]) -> Radiograph:
    """Add what is said of elements that were left out."""
    if not damaged:
        return radiograph
    flag = QualityFlag("header_damaged", Message("header_damaged", count=len(damaged)))
    return replace(radiograph, quality=(*radiograph.quality, flag, *flags_of_lost(damaged)))


@dataclass(frozen=True, eq=False)
class _Decoded:
    """One frame as it is stored, grey, before it is shown one way or another; ``dataset`` describes this frame."""

    dataset: Dataset
    frame: int
    stored: Stored
    padding: NDArray[np.bool_] | None
    compression: Compression
    flags: tuple[QualityFlag, ...]
    shape: tuple[int, int]


def _decoded(
    dataset: Dataset, frame: int | None, max_pixels: int, coarsest_mm: float | None, spacing: Spacing | None
) -> _Decoded:
    frames = max(stated_whole(dataset, "NumberOfFrames", 1), 1)
    if frames > 1 and frame is None:
        raise NotARadiographError(Message("several_frames", frames=frames))
    number = frame or 0
    if not 0 <= number < max(frames, 1):
        raise UsageError(f"has no frame {number}, only {frames}", remedy="count frames from 0")
    rows, columns = (stated_whole(dataset, keyword) for keyword in ("Rows", "Columns"))
    unread = [keyword for keyword in ("Rows", "Columns") if stated_whole(dataset, keyword) <= 0]
    if unread:
        raise ReadError(Message("size_unread", keywords=unread))
    if min(rows, columns) < LEAST_SIDE_PX:
        raise NotARadiographError(Message("image_too_small", rows=rows, columns=columns))
    dataset = of_frame(dataset, number)
    flags: list[QualityFlag] = list(header_flags(dataset))
    factor = 1
    if coarsest_mm is not None:
        factor = reduction_factor(spacing or read_spacing(dataset, (rows, columns))[0], (rows, columns), coarsest_mm)
    stored = decode_frame(dataset, number, max_pixels, factor=factor)
    flags += stored.flags
    known = compression_of_dataset(dataset, stored.syntax, stored.codestream)
    padding = padding_mask(dataset, stored, flags) if stored.values.ndim == 2 else None
    stored = to_grey(dataset, stored, flags)
    # Edges of JPEG blocks show in stored pixels alone.
    compression = with_pixels(known, stored.values) if stored.reduction == 1 else known
    if stored.reduction != factor:
        padding = _reduce(stored, padding, factor)
    return _Decoded(dataset, number, stored, padding, compression, tuple(flags), (rows, columns))


def _reduce(stored: Stored, padding: NDArray[np.bool_] | None, factor: int) -> NDArray[np.bool_] | None:
    """Bring stored greys, in place, and the mask of padding to a coarser pixel."""
    stored.reduction = factor
    if padding is None:
        stored.values = block_mean(stored.values, factor)
        return None
    stored.values, reduced = block_mean_within(stored.values, padding, factor)
    return reduced if reduced.any() else None


def _radiograph(decoded: _Decoded, path: str | None, voi: int | str | None, *, whole_range: bool) -> Radiograph:
    dataset, padding, compression = decoded.dataset, decoded.padding, decoded.compression
    flags = list(decoded.flags)
    pixels = displayed(dataset, decoded.stored, padding, voi, flags, whole_range=whole_range)
    acquired, date_flags = date_acquired(dataset)
    description = describe(dataset)
    spacing, spacing_flags = read_spacing(dataset, decoded.shape)
    flags += [
        *description.flags,
        *spacing_flags,
        *date_flags,
        *compression_flags(compression),
        *_origin_flags(dataset),
    ]
    if looks_inverted(pixels, padding):
        flags.append(QualityFlag("polarity_contradicts_pixels"))
    return Radiograph(
        pixels=pixels,
        padding=padding,
        spacing=spacing,
        region=description.region,
        view=description.view,
        laterality=description.laterality,
        study_uid=_uid(dataset, "StudyInstanceUID", flags),
        series_uid=_uid(dataset, "SeriesInstanceUID", flags),
        sop_instance_uid=_uid(dataset, "SOPInstanceUID", flags),
        frame=decoded.frame,
        path=path,
        modality=str(dataset.get("Modality", "") or ""),
        quality=tuple(flags),
        aspect_ratio=aspect_ratio(dataset),
        acquired=acquired,
        stated_cause=stated_cause(dataset),
        columns_run_to=description.columns_run_to,
        patient=patient_of(dataset),
        compression=compression,
        reduction=decoded.stored.reduction,
        stored_shape=decoded.shape if decoded.stored.reduction > 1 else None,
    )


def _origin_flags(dataset: Dataset) -> list[QualityFlag]:
    flags = []
    if stated_word(dataset, "BurnedInAnnotation") == "YES":
        flags.append(QualityFlag("burned_in_annotation"))
    if str(dataset.get("Modality", "") or "").upper() in {"SC", "OT"} or "ConversionType" in dataset:
        flags.append(QualityFlag("secondary_capture"))
    return flags


def _uid(dataset: Dataset, keyword: str, flags: list[QualityFlag]) -> str:
    """Read a UID, or make one from the file's content, the same each time."""
    value = str(dataset.get(keyword, "") or "").strip()
    if value:
        usable = usable_uid(value)
        if usable != value:
            flags.append(QualityFlag("uid_invalid", Message("uid_invalid", keyword=keyword)))
        return usable
    flags.append(QualityFlag("uid_missing", Message("uid_missing", keyword=keyword)))
    return content_uid(dataset, keyword)


def content_uid(dataset: Dataset, keyword: str) -> str:
    """UID for a data set that lacks one: made from its pixel data, the same each time (PS3.5 B.2, under 2.25)."""
    return made_uid(keyword.encode() + bytes(dataset.get("PixelData", b"")))
