"""Pixel data to stored values, with every size checked before memory is taken."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.config import IGNORE
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_fragments, generate_frames, parse_basic_offsets
from pydicom.pixels.utils import pixel_array
from pydicom.tag import Tag
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ho_imaging.errors import DecodeError, NotARadiographError, TooLargeError
from ho_imaging.messages import Message
from ho_imaging.reading.radiograph import QualityFlag
from ho_imaging.reading.reduced_streams import decode_reduced
from ho_imaging.reading.rle import decode_rle
from ho_imaging.reading.streams import JP2_SIGNATURE, START_OF_J2K, START_OF_JPEG, is_encapsulated, true_syntax
from ho_imaging.reading.values import one_whole, stated_whole, stated_word, values_of

__all__ = ["MAX_PIXELS", "Stored", "decode_frame", "padding_range", "photometric_of", "transfer_syntax"]

logger = logging.getLogger(__name__)

MAX_PIXELS = 150_000_000
"""Largest film that is read: 12,000 x 12,500."""

_END_OF_CODESTREAM = b"\xff\xd9"
_END_SEARCH_BYTES = 64
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""SOF0 to SOF15 of JPEG (ITU-T T.81 table B.1) and SOF55 of JPEG-LS (T.87); C4, C8 and CC are no frame headers."""

_OVERSHOOT = 16
_LESS_JUMPY = 0.5
_SMOOTHER = 0.9

_UID_CHARACTERS = re.compile(r"[^0-9.]")
"""A damaged UID may have swallowed other elements; none of those is repeated in a message."""

_PIXEL_KEYWORDS = (
    "PixelData", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "NumberOfFrames",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
)  # fmt: skip


_WHOLE = (
    "Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "NumberOfFrames",
)  # fmt: skip
_KNOWN_PHOTOMETRIC = ("MONOCHROME", "PALETTE", "RGB", "YBR")


class Stored:
    """Stored values of one frame: ``values`` (rows, columns) or (rows, columns, 3), integers, unused bits cleared.

    ``syntax``: what they were decoded from, which may not be what the file states. ``codestream``: the frame's JPEG,
    JPEG-LS or JPEG 2000 data, empty where no codec made it. ``reduction``: stored pixels along a side of one of
    ``values``, where the decoder left out the finest detail.
    """

    __slots__ = ("bits", "codestream", "flags", "reduction", "signed", "syntax", "values")

    def __init__(
        self,
        values: NDArray[np.integer],
        bits: int,
        signed: bool,
        flags: tuple[QualityFlag, ...],
        syntax: UID = ExplicitVRLittleEndian,
        codestream: bytes = b"",
        reduction: int = 1,
    ) -> None:
        self.values = values
        self.bits = bits
        self.signed = signed
        self.flags = flags
        self.syntax = syntax
        self.codestream = codestream
        self.reduction = reduction


def decode_frame(dataset: Dataset, frame: int, max_pixels: int = MAX_PIXELS, *, factor: int = 1) -> Stored:
    """Decode one frame; with a ``factor`` of 2, 4 or 8 at a coarser pixel, if its codec and its values allow that.

    Raises
    ------
    TooLargeError
        If the declared size is above ``max_pixels``.
    NotARadiographError
        For float pixel data or more than 16 bits a sample.
    DecodeError
        If the pixel data is missing, truncated or cannot be decoded here.

    """
    rows, columns = stated_whole(dataset, "Rows"), stated_whole(dataset, "Columns")
    frames = max(stated_whole(dataset, "NumberOfFrames", 1), 1)
    if rows * columns > max_pixels:
        raise TooLargeError(Message("too_many_pixels", rows=rows, columns=columns, most_pixels=max_pixels))
    allocated, samples = stated_whole(dataset, "BitsAllocated", 16), max(stated_whole(dataset, "SamplesPerPixel", 1), 1)
    bits = stated_whole(dataset, "BitsStored", allocated)
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise NotARadiographError(Message("float_pixels"))
        raise DecodeError(Message("no_pixel_data"))
    if allocated not in {8, 16} or not 1 <= bits <= allocated or samples not in {1, 3, 4}:
        raise NotARadiographError(Message("pixel_format_unusual", samples=samples, bits=bits, allocated=allocated))
    stated = transfer_syntax(dataset)
    expected = rows * columns * samples * frames * (allocated // 8)
    if photometric_of(dataset) == "YBR_FULL_422":
        expected = expected // 3 * 2
    data = dataset.PixelData
    coded = true_syntax(data, stated, frames=frames, native_bytes=expected)
    syntax = coded.syntax
    flags: list[QualityFlag] = []
    if coded.instead is not None:
        message = Message("transfer_syntax_wrong", stated=stated.name, held=coded.instead)
        flags.append(QualityFlag("transfer_syntax_wrong", message))
    described = _complete(dataset, syntax, samples, allocated, bits, flags)
    if coded.is_bare:
        described.PixelData = encapsulate([data])
    signed = stated_whole(dataset, "PixelRepresentation", 0) == 1
    reduced: NDArray[np.integer] | None = None
    try:
        said = _checked(dataset, described, syntax, (frame, frames), expected, flags)
        if factor > 1 and said is not None and _is_plain_grey(dataset, said, allocated, signed):
            padding = padding_range(dataset, bits, signed=signed)
            reduced = decode_reduced(said.data, syntax, bits=bits, signed=signed, factor=factor, padding=padding)
        values = _decode(described, syntax, frame, said) if reduced is None else reduced
    except DecodeError as error:
        if coded.instead is None:
            raise
        raise DecodeError(
            Message("syntax_and_data_differ", stated=stated.name, held=coded.instead, problem=error.message)
        ) from error
    reduction = 1 if reduced is None else factor
    if values.shape[:2] != (rows // reduction, columns // reduction):
        held_rows, held_columns = values.shape[:2]
        raise DecodeError(
            Message("size_differs", rows=rows, columns=columns, held_rows=held_rows, held_columns=held_columns)
        )
    stored = _only_stored_bits(dataset, values, bits, allocated, signed, coded=_is_coded(syntax), flags=flags)
    if said is not None and said.signed not in {None, signed}:
        stored = _without_jumps(stored)
    stored.syntax = syntax
    stored.codestream = said.data if said is not None else b""
    stored.reduction = reduction
    return stored


def _keep_frame(described: Dataset, data: bytes) -> None:
    """Leave the frame that was checked, so that it is the one that is decoded, whatever offset tables say."""
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        described.pop(keyword, None)
    described.PixelData = encapsulate([data])
    described.NumberOfFrames = 1


def _join_fragments(described: Dataset) -> None:
    """Take all fragments for the one frame there is, which pydicom cuts where an offset table says (PS3.5 A.4)."""
    stream = BytesIO(described.PixelData)
    # A table that is none is left to the decoding, which names it.
    with suppress(ValueError):
        if parse_basic_offsets(stream) not in ([], [0]):
            _keep_frame(described, b"".join(generate_fragments(stream)))


def _is_plain_grey(dataset: Dataset, said: _Codestream, allocated: int, signed: bool) -> bool:
    """Return True if values of a codestream are greys, of the sign and width that the header states."""
    return (
        said.samples == 1
        and said.signed in {None, signed}
        and said.precision <= allocated
        and (said.signed is not None or said.precision == allocated == 8)
        and photometric_of(dataset) in {"MONOCHROME1", "MONOCHROME2"}
    )


def padding_range(dataset: Dataset, bits: int, *, signed: bool) -> tuple[int, int] | None:
    """Return the smallest and largest value of padding by Pixel Padding Value and Range Limit (PS3.3 C.7.5.1.1.2)."""
    first, limit = (
        _cell(dataset, keyword, bits, signed=signed) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
    )
    if first is None:
        return None
    second = first if limit is None else limit
    return min(first, second), max(first, second)


def _cell(dataset: Dataset, keyword: str, bits: int, *, signed: bool) -> int | None:
    """Read a pixel value that a header states as pixels are read: only stored bits count, whichever sign it has.

    What is stated of signed pixels may be written as unsigned, of unsigned as signed, and of 12 bits with all 16 set.
    """
    stated = one_whole(values_of(dataset, keyword)).value
    if stated is None:
        return None
    number = int(stated) & ((1 << bits) - 1)
    return number - (1 << bits) if signed and number >> (bits - 1) else number


def _checked(
    dataset: Dataset,
    described: Dataset,
    syntax: UID,
    frame_of: tuple[int, int],
    expected: int,
    flags: list[QualityFlag],
) -> _Codestream | None:
    """See that pixel data is whole before memory is taken for it; ``frame_of``: a frame, and how many there are."""
    rows, columns = stated_whole(dataset, "Rows"), stated_whole(dataset, "Columns")
    if syntax.is_encapsulated:
        if frame_of[1] == 1:
            _join_fragments(described)
        said = _check_codestream(described, syntax, *frame_of, (rows, columns))
        if said is not None:
            _keep_frame(described, said.data)
        return said
    present = len(described.PixelData)
    if present < expected:
        raise DecodeError(Message("pixel_data_short", present=present, expected=expected))
    if present >= 2 * expected:
        # More than any filling: rows, bits or frames are not what the header says, and neither is the picture.
        raise DecodeError(Message("pixel_data_long", present=present, expected=expected))
    if (present - expected) * rows >= expected // frame_of[1]:
        # Less than a row is filling; more may be rows that the header does not tell of.
        over = Message("pixel_data_over", rows=rows, bytes=present - expected)
        flags.append(QualityFlag("pixel_description_invalid", over))
    return None


def transfer_syntax(dataset: Dataset) -> UID:
    """Transfer syntax of a data set; plain little endian for one in memory that states none and is not compressed.

    Raises
    ------
    DecodeError
        If it is none that pixel data comes in, or compressed data does not state it.

    """
    meta = getattr(dataset, "file_meta", None)
    stated = meta.get("TransferSyntaxUID") if meta is not None else None
    if not stated:
        if is_encapsulated(bytes(dataset.get("PixelData", b"") or b"")):
            raise DecodeError(Message("compression_unstated"))
        return ExplicitVRLittleEndian
    syntax = UID(str(stated), IGNORE)
    if syntax.is_private or syntax.type != "Transfer Syntax":
        raise DecodeError(Message("syntax_unknown", syntax=_UID_CHARACTERS.sub("?", str(syntax)[:64])))
    return syntax


def photometric_of(dataset: Dataset) -> str:
    """Photometric Interpretation as the standard spells it, empty where it is missing."""
    return stated_word(dataset, "PhotometricInterpretation")


def _is_coded(syntax: UID) -> bool:
    """Return True if a codec decodes to pixel values; RLE keeps the stored cells with all their bits."""
    return bool(syntax.is_encapsulated) and syntax != RLELossless


def _complete(
    dataset: Dataset, syntax: UID, samples: int, allocated: int, bits: int, flags: list[QualityFlag]
) -> Dataset:
    """Only what describes the pixels, completed where it can be told; the caller's data set stays as it is."""
    described = Dataset()
    for keyword in _PIXEL_KEYWORDS:
        if keyword not in _WHOLE and keyword in dataset and (keyword == "PixelData" or values_of(dataset, keyword)):
            described.add(dataset[keyword])
    told = {
        "SamplesPerPixel": samples,
        "BitsAllocated": allocated,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "PhotometricInterpretation": "MONOCHROME2" if samples == 1 else "RGB",
    }
    if samples > 1:
        told["PlanarConfiguration"] = 0
    if "PhotometricInterpretation" in described:
        # pydicom wants it as the standard spells it; some files have it in small letters or as something else.
        spelled = photometric_of(dataset)
        if not spelled.startswith(_KNOWN_PHOTOMETRIC):
            spelled = str(told["PhotometricInterpretation"])
        described.add_new("PhotometricInterpretation", "CS", spelled)
    for keyword in _WHOLE:
        # Read as everywhere else; what is no whole number is flagged with all attributes that are not understood.
        stated = one_whole(values_of(dataset, keyword)).value
        if stated is not None:
            setattr(described, keyword, int(stated))
        elif values_of(dataset, keyword) and keyword in told:
            setattr(described, keyword, told[keyword])
    if described.get("PixelRepresentation") not in {None, 0, 1}:
        described.PixelRepresentation = 0
    missing = [keyword for keyword in told if keyword not in described]
    for keyword in missing:
        setattr(described, keyword, told[keyword])
    if missing:
        flags.append(QualityFlag("header_incomplete", Message("header_incomplete", keywords=missing)))
    described.file_meta = FileMetaDataset()
    described.file_meta.TransferSyntaxUID = syntax
    return described


class _Codestream(NamedTuple):
    """Statements of a JPEG, JPEG-LS or JPEG 2000 codestream on itself.

    ``has_offset``: the picture does not begin where the reference grid of JPEG 2000 does.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool | None
    data: bytes = b""
    has_offset: bool = False


def _codestream(data: bytes) -> _Codestream | None:
    """Read size, precision and sign from the frame header, ``None`` where there is none that can be read."""

    def number(start: int, length: int = 2) -> int:
        return int.from_bytes(data[start : start + length], "big")

    start = data.find(START_OF_J2K, 0, 4096)  # a JP2 wrapper may come first
    if start >= 0:
        # ISO/IEC 15444-1 A.5.1: SIZ, Lsiz, Rsiz, then Xsiz, Ysiz, XOsiz, YOsiz ... Csiz, Ssiz.
        columns, rows = number(start + 8, 4) - number(start + 16, 4), number(start + 12, 4) - number(start + 20, 4)
        depth = number(start + 42, 1)
        has_offset = number(start + 16, 4) > 0 or number(start + 20, 4) > 0
        return _Codestream(
            rows, columns, number(start + 40), (depth & 0x7F) + 1, bool(depth & 0x80), has_offset=has_offset
        )
    if not data.startswith(START_OF_JPEG):
        return None
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _FRAME_MARKERS:
            return _Codestream(number(position + 5), number(position + 7), data[position + 9], data[position + 4], None)
        position += 1 if marker == 0xFF else 2 + number(position + 2)
    return None


def _has_endless_box(data: bytes) -> bool:
    """Return True if a JP2 wrapper has a box without a length before its codestream: pydicom would never end."""
    if not data.startswith(JP2_SIGNATURE):
        return False
    position = 12
    while position < len(data) and data[position + 4 : position + 8] != b"jp2c":
        length = int.from_bytes(data[position : position + 4], "big")
        if length == 0:
            return True
        position += length
    return False


def _check_codestream(
    dataset: Dataset, syntax: UID, frame: int, frames: int, shape: tuple[int, int]
) -> _Codestream | None:
    """See that a compressed frame is whole and as large as declared, and give what it says of itself.

    Decoders fill what is missing with grey and say nothing, and take the memory that the codestream asks for.
    """
    if syntax == RLELossless:
        return None  # the decoder counts what it gets
    try:
        for number, data in enumerate(generate_frames(dataset.PixelData, number_of_frames=frames)):
            if number < frame:
                continue
            said = None if _has_endless_box(data) else _codestream(data)
            if said is None:
                raise DecodeError(Message("codestream_other", syntax=syntax.name))
            if _END_OF_CODESTREAM not in data[-_END_SEARCH_BYTES:]:
                raise DecodeError(Message("codestream_cut", syntax=syntax.name))
            if (said.rows, said.columns) != shape:
                raise DecodeError(
                    Message(
                        "codestream_size",
                        syntax=syntax.name,
                        rows=shape[0],
                        columns=shape[1],
                        held_rows=said.rows,
                        held_columns=said.columns,
                    )
                )
            samples = stated_whole(dataset, "SamplesPerPixel", 1)
            if said.samples != samples:
                raise DecodeError(
                    Message("codestream_samples", syntax=syntax.name, samples=samples, held_samples=said.samples)
                )
            if syntax == JPEGExtended12Bit and said.precision > 8 and (said.precision, samples) != (12, 1):
                raise DecodeError(
                    Message("codestream_undecoded", syntax=syntax.name, samples=samples, bits=said.precision)
                )
            return said._replace(data=data)
    except (ValueError, EOFError, IndexError) as error:
        raise DecodeError(Message("codestream_damaged", syntax=syntax.name, detail=_short(error))) from error
    raise DecodeError(Message("frame_missing", frame=frame))


_DECODERS = {
    JPEGLossless: "gdcm",
    JPEGLosslessSV1: "gdcm",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
}
"""Lossless JPEG: the one that heeds a point transform, whichever others are installed.
JPEG-LS: a decoder that ends damaged data with an ordinary error and keeps no memory for it, which others do not.
JPEG 2000: one that works in one thread; the other starts a thread a core, in each of a batch's workers."""


def _decode(dataset: Dataset, syntax: UID, frame: int, said: _Codestream | None) -> NDArray[np.integer]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what pydicom only warns of is checked here and after
            if syntax == RLELossless and dataset.SamplesPerPixel == 1:
                return decode_rle(dataset, frame)
            if syntax == JPEGExtended12Bit and said is not None and said.precision > 8:
                from ho_imaging.reading.jpeg12 import decode_12_bit_jpeg  # noqa: PLC0415  (rare)

                return decode_12_bit_jpeg(said.data, (said.rows, said.columns))
            if syntax in {JPEG2000, JPEG2000Lossless} and said is not None and said.has_offset:
                # pylibjpeg-openjpeg 2.6.0 returns the whole reference grid, of another size than the picture.
                return _pixel_array(dataset, 0, "gdcm")
            return _pixel_array(dataset, 0 if said is not None else frame, _DECODERS.get(syntax, ""))
    except Exception as error:
        logger.debug("decoding failed", exc_info=True)
        raise DecodeError(Message("decoding_failed", syntax=syntax.name, detail=_short(error))) from error


def _pixel_array(dataset: Dataset, frame: int, plugin: str) -> NDArray[np.integer]:
    values = pixel_array(dataset, index=frame, raw=False, correct_unused_bits=False, decoding_plugin=plugin)
    return np.asarray(values, dtype=values.dtype.newbyteorder("="))


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:160] + ("..." if len(text) > 160 else "")


def _only_stored_bits(
    dataset: Dataset,
    values: NDArray[np.integer],
    bits: int,
    allocated: int,
    signed: bool,
    *,
    coded: bool,
    flags: list[QualityFlag],
) -> Stored:
    """Clear bits above the stored ones (old files keep overlays there) and extend the sign (PS3.5 8.1.1).

    Where they hold no overlay and the picture falls to pieces without them, the header is wrong and they stay.
    """
    high = stated_whole(dataset, "HighBit", bits - 1)
    shift = high - (bits - 1)
    if not 0 <= shift <= allocated - bits:
        raise DecodeError(Message("high_bit_wrong", high=high, bits=bits, allocated=allocated))
    if coded:
        shift = 0
        most = int(values.max())
        if not signed and 2**bits <= most < 2**bits + 2**bits // _OVERSHOOT:
            # A lossy codec ends a little above the highest value; that is no wider range.
            values = np.minimum(values, values.dtype.type(2**bits - 1))
        elif not signed and most >= 2**bits:
            needed = int(most).bit_length()
            flags.append(QualityFlag("bits_stored_wrong", Message("compressed_bits_differ", stated=bits, held=needed)))
            return Stored(values, needed, signed, tuple(flags))
    whole = values.dtype.itemsize * 8 == bits
    if shift == 0 and (whole or (values.dtype.kind == "u" and not signed and int(values.max()) < 1 << bits)):
        return Stored(values, bits, signed, tuple(flags))
    if not coded and not signed and shift == 0 and values.dtype.kind == "u" and not _announces_overlays(dataset):
        wide = values.astype(np.int32)
        if _jumps(wide) < _SMOOTHER * _jumps(wide & ((1 << bits) - 1)):
            needed = int(values.max()).bit_length()
            flags.append(QualityFlag("bits_stored_wrong", Message("pixel_bits_differ", stated=bits, held=needed)))
            return Stored(values, needed, signed, tuple(flags))
    container = np.uint8 if allocated == 8 else np.uint16
    unsigned: NDArray[np.unsignedinteger] = (
        values.astype(container) if values.dtype.kind == "u" else values.astype(np.int32).astype(container)
    )
    cleared = (unsigned >> shift if shift else unsigned) & container((1 << bits) - 1)
    if signed:
        wide = cleared.astype(np.int32)
        cleared = np.where(wide >= 1 << (bits - 1), wide - (1 << bits), wide).astype(np.int16)
    return Stored(cleared, bits, signed, tuple(flags))


def _announces_overlays(dataset: Dataset) -> bool:
    """Return True if unused bits hold overlays (retired; PS3.3-2004 C.9.2, Overlay Bit Position above 0)."""
    positions = (Tag(group, 0x0102) for group in range(0x6000, 0x6020, 2))
    return any(tag in dataset and str(dataset[tag].value) not in {"None", "", "0"} for tag in positions)


def _without_jumps(stored: Stored) -> Stored:
    """Choose between signed and unsigned where header and codestream disagree.

    The bits are the same. Read with the wrong sign, values that cross the sign bit jump by the whole range between
    neighbours, which no film does; where none cross, both readings are one.
    """
    half, whole = 1 << (stored.bits - 1), 1 << stored.bits
    wide = stored.values.astype(np.int32)
    other = wide & (whole - 1) if stored.signed else np.where(wide >= half, wide - whole, wide)
    signed = stored.signed
    if _jumps(other) < _LESS_JUMPY * _jumps(wide):
        wide, signed = other, not signed
    sign = "signed" if signed else "unsigned"
    flag = QualityFlag("sign_disagrees", Message("sign_disagrees", sign=sign))
    values = wide.astype(np.int16 if signed else np.uint16)
    return Stored(values, stored.bits, signed, (*stored.flags, flag))


def _jumps(values: NDArray[np.int32]) -> float:
    return float(np.abs(np.diff(values, axis=1)).mean()) if values.ndim == 2 else 0.0
