"""A DICOM data set to a radiograph."""

from __future__ import annotations

import logging
import re
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.sequence import Sequence as SequenceElement
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, XRayAngiographicImageStorage

from ho_imaging.errors import DecodeError, HOImagingError, NotARadiographError, ReadError, TooLargeError, UsageError
from ho_imaging.messages import Message
from ho_imaging.reading.attributes import flags_of_lost, header_flags
from ho_imaging.reading.classes import FILM_CLASSES, FILM_MODALITIES, class_name, may_be_film
from ho_imaging.reading.clinical import stated_cause
from ho_imaging.reading.colour import GREY_TOLERANCE, grey_of
from ho_imaging.reading.compression import Compression, compression_of_dataset, with_pixels
from ho_imaging.reading.compression_flags import compression_flags
from ho_imaging.reading.consistency import looks_inverted
from ho_imaging.reading.dates import date_acquired
from ho_imaging.reading.decode import MAX_PIXELS, Stored, decode_frame, photometric_of
from ho_imaging.reading.describe import describe
from ho_imaging.reading.grayscale import WINDOW_CLIPS, GrayscaleTable, grayscale_table
from ho_imaging.reading.identity import patient_of
from ho_imaging.reading.own import is_own
from ho_imaging.reading.radiograph import QualityFlag, Radiograph
from ho_imaging.reading.spacing import aspect_ratio, read_spacing
from ho_imaging.reading.uid import made_uid, usable_uid
from ho_imaging.reading.values import one_whole, stated_whole, stated_word, values_of
from ho_imaging.reading.visibility import Picture

__all__ = [
    "MAX_FILE_BYTES",
    "check_is_radiograph",
    "content_uid",
    "drop_damaged",
    "open_dataset",
    "radiograph_from_dataset",
    "without_damaged",
]

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 2 * 1024**3
_MAX_INFLATED_BYTES = 1024**3
_INFLATE_STEP_BYTES = 1 << 20
_ROWS_AT_A_TIME = 16
LEAST_SIDE_PX = 64
"""A side shorter than this shows no hip; icons and single pixels end here."""

_WHOLE_RANGE_USED = QualityFlag("whole_range_used")

_FRAME_MACROS = (
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "FrameAnatomySequence",
    "PatientOrientationInFrameSequence",
)
"""Functional groups that say of a frame what a film says of itself."""


def open_dataset(source: Path | bytes, *, header_only: bool = False) -> Dataset:
    """Read a file or bytes as DICOM, with or without a preamble.

    Raises
    ------
    ReadError
        If it cannot be read, is empty, or is not DICOM at all; `DecodeError` where it ends within its pixel data.

    """
    try:
        if isinstance(source, Path) and source.stat().st_size > MAX_FILE_BYTES:
            raise TooLargeError(Message("file_too_large", most_gib=MAX_FILE_BYTES >> 30))
        _bound_inflation(source)
        dataset = _parse(source, header_only=header_only)
        # Where compressed pixel data end early, pydicom gives back nothing at all.
        is_cut = not header_only and not _is_known(dataset) and _is_known(_parse(source, header_only=True))
    except HOImagingError:
        raise
    except OSError as error:
        raise ReadError(Message("file_unreadable", detail=error.strerror or type(error).__name__)) from error
    except Exception as error:
        raise ReadError(Message("dicom_damaged", kind=type(error).__name__)) from error
    if is_cut:
        raise DecodeError(Message("dicom_pixels_cut"))
    if not _is_known(dataset):
        raise ReadError(Message("dicom_unknown"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if getattr(dataset, "file_meta", None) is None or "TransferSyntaxUID" not in dataset.file_meta:
            dataset.ensure_file_meta()
            dataset.file_meta.TransferSyntaxUID = _syntax_without_meta(dataset)
    return dataset


def _parse(source: Path | bytes, *, header_only: bool) -> Dataset:
    stream = BytesIO(source) if isinstance(source, bytes) else source
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values, which may be the patient's
        return pydicom.dcmread(stream, force=True, stop_before_pixels=header_only)


def _is_known(dataset: Dataset) -> bool:
    """Whether a data set says anything of an image, an object or a folder of them."""
    return any(
        keyword in dataset
        for keyword in ("SOPClassUID", "Rows", "StudyInstanceUID", "Modality", "DirectoryRecordSequence")
    )


def check_is_radiograph(dataset: Dataset) -> None:
    """Refuse what is no projection radiograph, by name.

    Raises
    ------
    NotARadiographError
        For objects without an image and for images of other modalities.

    """
    sop_class = str(dataset.get("SOPClassUID", "") or "")
    name = class_name(sop_class)
    modality = str(dataset.get("Modality", "") or "").upper().strip()
    if not re.fullmatch(r"[A-Z0-9_ ]{0,16}", modality):
        raise ReadError(Message("modality_damaged"))
    if name == "Media Storage Directory Storage" or "DirectoryRecordSequence" in dataset:
        raise NotARadiographError(Message("dicomdir"))
    if is_own(dataset):
        raise NotARadiographError(Message("own_result"))
    if "Rows" not in dataset or "Columns" not in dataset:
        if sop_class in FILM_CLASSES:
            raise ReadError(Message("rows_missing", object=name))
        what = name or modality
        raise NotARadiographError(Message("not_an_image", object=what) if what else Message("no_pixels"))
    # An angiographic image is one where its modality says that it is no angiography.
    is_other = not may_be_film(sop_class, modality) or (sop_class == XRayAngiographicImageStorage and not modality)
    if is_other:
        what = modality if modality and modality not in FILM_MODALITIES else name
        raise NotARadiographError(Message("not_a_projection", object=what))


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
) -> Radiograph:
    """Decode and describe one frame of a data set; ``damaged`` elements were taken out of it before.

    ``whole_range`` shows all values, whatever windows the file states; ``never_clipped`` does so where the view in use
    hides part of the film.

    Raises
    ------
    NotARadiographError
        If it is no projection film, holds several frames and ``frame`` is not given, or is a colour photograph.
    ReadError
        If its pixels cannot be had.

    """
    try:
        check_is_radiograph(dataset)
        decoded = _decoded(dataset, frame, max_pixels)
        radiograph = _with_damage(_radiograph(decoded, path, voi, whole_range=whole_range), damaged)
        if not never_clipped or not any(flag.code == WINDOW_CLIPS for flag in radiograph.quality):
            return radiograph
        # Decoded once, shown anew.
        whole = _with_damage(_radiograph(decoded, path, None, whole_range=True), damaged)
        said = [flag for flag in radiograph.quality if flag not in whole.quality]
        return replace(whole, quality=(*whole.quality, *said, _WHOLE_RANGE_USED))
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


def _decoded(dataset: Dataset, frame: int | None, max_pixels: int) -> _Decoded:
    frames = max(stated_whole(dataset, "NumberOfFrames", 1), 1)
    if frames > 1 and frame is None:
        raise NotARadiographError(Message("several_frames", frames=frames))
    number = frame or 0
    if not 0 <= number < max(frames, 1):
        raise UsageError(f"has no frame {number}, only {frames}", remedy="count frames from 0")
    rows, columns = int(dataset.Rows or 0), int(dataset.Columns or 0)
    if min(rows, columns) < LEAST_SIDE_PX:
        raise NotARadiographError(Message("image_too_small", rows=rows, columns=columns))
    dataset = _of_frame(dataset, number)
    flags: list[QualityFlag] = list(header_flags(dataset))
    stored = decode_frame(dataset, number, max_pixels)
    flags += stored.flags
    known = compression_of_dataset(dataset, stored.syntax, stored.codestream)
    padding = _padding(dataset, stored) if stored.values.ndim == 2 else None
    stored = _grey(dataset, stored, flags)
    return _Decoded(dataset, number, stored, padding, with_pixels(known, stored.values), tuple(flags))


def _radiograph(decoded: _Decoded, path: str | None, voi: int | str | None, *, whole_range: bool) -> Radiograph:
    dataset, padding, compression = decoded.dataset, decoded.padding, decoded.compression
    flags = list(decoded.flags)
    pixels = _shown(dataset, decoded.stored, padding, voi, flags, whole_range=whole_range)
    acquired, date_flags = date_acquired(dataset)
    description = describe(dataset)
    spacing, spacing_flags = read_spacing(dataset, (pixels.shape[0], pixels.shape[1]))
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
    )


def drop_damaged(dataset: Dataset) -> list[str]:
    """Take out, in place, every element whose value cannot be read, and return their keywords.

    A broken date or private element is no reason to lose a film; where the pixels depend on it, decoding says so.
    """
    damaged: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag in list(dataset.keys()):
            try:
                element = dataset[tag]
                for item in element.value if element.VR == "SQ" else ():
                    damaged += drop_damaged(item)
            except Exception:  # noqa: BLE001  a damaged value makes pydicom raise nearly anything; it is counted and said
                logger.debug("element %s cannot be read", tag)
                del dataset[tag]
                damaged.append(keyword_for_tag(tag))
    return damaged


def without_damaged(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Likewise for a data set that must stay as it is: a copy where anything was left out, and what that was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole, damaged = _readable(dataset)
    if not damaged:
        return dataset, []
    return _encoded_as(dataset, whole), damaged


def _encoded_as(dataset: Dataset, other: Dataset) -> Dataset:
    other.set_original_encoding(*dataset.original_encoding)
    if hasattr(dataset, "file_meta"):
        other.file_meta = dataset.file_meta
    return other


def _of_frame(dataset: Dataset, frame: int) -> Dataset:
    """Describe one frame as a film is described: with what functional groups say of it (PS3.3 C.7.6.16)."""
    shared = _items(dataset, "SharedFunctionalGroupsSequence")[:1]
    own = _items(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1]
    said = [item for group in shared + own for macro in _FRAME_MACROS for item in _items(group, macro)[:1]]
    if not said:
        return dataset
    described = _encoded_as(dataset, _readable(dataset)[0])
    for item in said:
        for element in item:
            described[element.tag] = element
    return described


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    return [item for item in values_of(dataset, keyword) if isinstance(item, Dataset)]


def _readable(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Return the elements that can be read, and the keywords of the others."""
    whole = Dataset()
    damaged: list[str] = []
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
            if element.VR == "SQ":
                items = [_readable(item) for item in element.value]
                damaged += [keyword for _, lost in items for keyword in lost]
                element = DataElement(tag, "SQ", SequenceElement([item for item, _ in items]))
            whole[tag] = element
        except Exception:  # noqa: BLE001  as above
            logger.debug("element %s cannot be read", tag)
            damaged.append(keyword_for_tag(tag))
    return whole, damaged


def _bound_inflation(source: Path | bytes) -> None:
    """See that a deflated file does not unpack to more than it may."""
    stream = BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with stream:
        stream.seek(128)
        if stream.read(4) != b"DICM":
            return
        stream.seek(0)
        head = stream.read(4096)
        if str(DeflatedExplicitVRLittleEndian).encode() not in head:
            return
        # The first element of the meta group, (0002,0000) UL, says how long the group is (PS3.10 7.1).
        stream.seek(144 + int.from_bytes(head[140:144], "little"))
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        total = 0
        while chunk := inflater.unconsumed_tail or stream.read(_INFLATE_STEP_BYTES):
            total += len(inflater.decompress(chunk, _INFLATE_STEP_BYTES))
            if total > _MAX_INFLATED_BYTES:
                raise TooLargeError(Message("dicom_inflates", most_gib=_MAX_INFLATED_BYTES >> 30))


def _syntax_without_meta(dataset: Dataset) -> UID:
    original = getattr(dataset, "original_encoding", (True, True))
    implicit, little = original
    if little is False:
        return pydicom.uid.ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit in {True, None} else pydicom.uid.ExplicitVRLittleEndian


def _grey(dataset: Dataset, stored: Stored, flags: list[QualityFlag]) -> Stored:
    """Bring colour to grey where grey was meant; refuse what is a colour picture. Decoding has made RGB of YBR."""
    photometric = photometric_of(dataset)
    values, bits = stored.values, stored.bits
    if photometric == "PALETTE COLOR" and values.ndim == 2:
        bits = 8
        values = apply_color_lut(values, dataset)
        values = (values >> 8).astype(np.uint8) if values.dtype == np.uint16 else values
    if values.ndim == 2:
        if not photometric:
            flags.append(QualityFlag("photometric_missing"))
        return stored
    channels = values[..., :3].astype(np.int32)
    top = 2**bits - 1
    if _is_luminance_first(channels, top):
        channels = np.repeat(channels[..., :1], 3, axis=-1)
    # Sixteen bits keep what luminance has between two levels.
    grey = np.clip(grey_of(channels, float(top), flags) * np.float32(65535.0 / top), 0.0, 65535.0)
    return Stored(np.rint(grey).astype(np.uint16), 16, False, stored.flags)


def _is_luminance_first(channels: NDArray[np.int32], top: int) -> bool:
    """Whether what is called RGB is grey in luminance and colour differences, as JPEG keeps it and some say not.

    Differences of grey are half the range everywhere; no picture in red, green and blue is so in two of three.
    """
    differences = np.abs(channels[::4, ::4, 1:] - (top + 1) // 2)
    return float(np.percentile(differences, 98.0)) <= GREY_TOLERANCE / 2 * top / 255


def _padding(dataset: Dataset, stored: Stored) -> NDArray[np.bool_] | None:
    """Pixels that are no image by Pixel Padding Value and Range Limit (PS3.3 C.7.5.1.1.2)."""
    first, limit = (_cell(dataset, keyword, stored) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if first is None:
        return None
    second = first if limit is None else limit
    low, high = min(first, second), max(first, second)
    padding = (stored.values >= low) & (stored.values <= high)
    return padding if padding.any() and not padding.all() else None


def _cell(dataset: Dataset, keyword: str, stored: Stored) -> int | None:
    """Read a pixel value that a header states as pixels are read: only stored bits count, whichever sign it has.

    What is stated of signed pixels may be written as unsigned, of unsigned as signed, and of 12 bits with all 16 set.
    """
    stated = one_whole(values_of(dataset, keyword)).value
    if stated is None:
        return None
    number = int(stated) & ((1 << stored.bits) - 1)
    return number - (1 << stored.bits) if stored.signed and number >> (stored.bits - 1) else number


def _shown(
    dataset: Dataset,
    stored: Stored,
    padding: NDArray[np.bool_] | None,
    voi: int | str | None,
    flags: list[QualityFlag],
    *,
    whole_range: bool,
) -> NDArray[np.float32]:
    values = stored.values
    if stated_whole(dataset, "SamplesPerPixel", 1) > 1 or photometric_of(dataset) == "PALETTE COLOR":
        # Modality and VOI LUTs belong to grayscale images only (PS3.3 C.11.1, C.11.2): luminance is shown as it is.
        return np.asarray(values / np.float32(2**stored.bits - 1), dtype=np.float32)
    image = values if padding is None else values[~padding]
    occurring = (int(image.min()), int(image.max()))
    first = min(int(values.min()), 0)
    last = max(int(values.max()), first + 1)
    picture = Picture.of(values, padding)
    table = grayscale_table(dataset, first, last, occurring, voi, picture=picture, whole_range=whole_range)
    flags += table.flags
    pixels = _looked_up(values, table)
    if padding is not None:
        pixels[padding] = 0.0
    return pixels


def _looked_up(values: NDArray[np.integer], table: GrayscaleTable) -> NDArray[np.float32]:
    """Look every value up, some rows at a time: indices are wider than pixels and should not leave the cache."""
    pixels = np.empty(values.shape, dtype=np.float32)
    for start in range(0, len(values), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        indices = values[rows].astype(np.intp) - table.first
        # Every value is in the table, so nothing is clipped; "clip" spares a copy that checking would take.
        np.take(table.table, indices, out=pixels[rows], mode="clip")
    return pixels


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
