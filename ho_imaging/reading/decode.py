"""Pixel data to stored values, with every size checked before memory is taken."""

from __future__ import annotations

import logging
import warnings

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from ho_imaging.errors import DecodeError, NotARadiographError, TooLargeError
from ho_imaging.reading.radiograph import QualityFlag

__all__ = ["MAX_PIXELS", "Stored", "decode_frame"]

logger = logging.getLogger(__name__)

MAX_PIXELS = 150_000_000
"""Largest film that is read: 12,000 x 12,500."""

_END_OF_CODESTREAM = b"\xff\xd9"
_ENDLESS_CHECK_BYTES = 64


class Stored:
    """Stored values of one frame: ``values`` (rows, columns) or (rows, columns, 3), integers, unused bits cleared."""

    __slots__ = ("bits", "flags", "signed", "values")

    def __init__(self, values: NDArray[np.integer], bits: int, signed: bool, flags: tuple[QualityFlag, ...]) -> None:
        self.values = values
        self.bits = bits
        self.signed = signed
        self.flags = flags


def decode_frame(dataset: Dataset, frame: int, max_pixels: int = MAX_PIXELS) -> Stored:
    """Decode one frame.

    Raises
    ------
    TooLargeError
        If the declared size is above ``max_pixels``.
    NotARadiographError
        For float pixel data or more than 16 bits a sample.
    DecodeError
        If the pixel data is missing, truncated or cannot be decoded here.

    """
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    frames = max(_whole(dataset, "NumberOfFrames", 1), 1)
    if rows * columns > max_pixels:
        raise TooLargeError(
            f"declares {rows} x {columns} pixels, above the limit of {max_pixels:,}",
            remedy="pass a larger max_pixels if the size is real",
        )
    allocated, samples = _whole(dataset, "BitsAllocated", 16), max(_whole(dataset, "SamplesPerPixel", 1), 1)
    bits = _whole(dataset, "BitsStored", allocated)
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise NotARadiographError(
                "holds floating point pixels, which no radiograph has", remedy="convert it to integers"
            )
        raise DecodeError("holds no pixel data", remedy="send the file again")
    if allocated not in {8, 16} or not 1 <= bits <= allocated or samples not in {1, 3, 4}:
        raise NotARadiographError(
            f"stores {samples} sample(s) of {bits} of {allocated} bits, which no radiograph does",
            remedy="convert it to 8 or 16 bits",
        )
    syntax = _transfer_syntax(dataset)
    flags: list[QualityFlag] = []
    if syntax.is_compressed and syntax != DeflatedExplicitVRLittleEndian:
        _check_codestream(dataset, syntax, frame, frames)
    else:
        expected = rows * columns * samples * frames * (allocated // 8)
        if str(dataset.get("PhotometricInterpretation", "")) == "YBR_FULL_422":
            expected = expected // 3 * 2
        present = len(dataset.PixelData)
        if present < expected:
            raise DecodeError(
                f"is truncated: {present:,} of {expected:,} bytes of pixel data are there", remedy="send the file again"
            )
    values = _decode(dataset, syntax, frame)
    if values.shape[:2] != (rows, columns):
        raise DecodeError(
            f"declares {rows} x {columns} pixels but holds {values.shape[0]} x {values.shape[1]}",
            remedy="send the file again",
        )
    signed = _whole(dataset, "PixelRepresentation", 0) == 1
    return _only_stored_bits(dataset, values, bits, allocated, signed, compressed=syntax.is_compressed, flags=flags)


def _whole(dataset: Dataset, keyword: str, default: int = 0) -> int:
    value = dataset.get(keyword)
    try:
        return int(value) if value not in {None, ""} else default
    except (TypeError, ValueError):
        return default


def _transfer_syntax(dataset: Dataset) -> UID:
    meta = getattr(dataset, "file_meta", None)
    syntax = meta.get("TransferSyntaxUID") if meta is not None else None
    if syntax is None:
        raise DecodeError("does not state its transfer syntax", remedy="write it with file meta information")
    return UID(str(syntax))


def _check_codestream(dataset: Dataset, syntax: UID, frame: int, frames: int) -> None:
    """See that a compressed frame is whole: decoders fill what is missing with grey and say nothing."""
    if syntax == RLELossless:
        return  # the decoder counts what it gets
    try:
        for number, data in enumerate(generate_frames(dataset.PixelData, number_of_frames=frames)):
            if number < frame:
                continue
            if _END_OF_CODESTREAM not in data[-_ENDLESS_CHECK_BYTES:]:
                raise DecodeError(
                    f"is truncated: the {syntax.name} data has no end marker", remedy="send the file again"
                )
            return
    except (ValueError, EOFError, IndexError) as error:
        raise DecodeError(f"has damaged {syntax.name} data: {error}", remedy="send the file again") from error
    raise DecodeError(f"holds no frame {frame}", remedy="send the file again")


def _decode(dataset: Dataset, syntax: UID, frame: int) -> NDArray[np.integer]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what pydicom only warns of is checked here and after
            return np.asarray(pixel_array(dataset, index=frame, raw=False))
    except Exception as error:
        logger.debug("decoding failed", exc_info=True)
        raise DecodeError(
            f"cannot be decoded from {syntax.name}: {_short(error)}",
            remedy="ask for it in another transfer syntax, uncompressed for one",
        ) from error


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
    compressed: bool,
    flags: list[QualityFlag],
) -> Stored:
    """Clear bits above the stored ones (old files keep overlays there) and extend the sign (PS3.5 8.1.1)."""
    high = _whole(dataset, "HighBit", bits - 1)
    shift = high - (bits - 1)
    if compressed:
        shift = 0
        most = int(np.abs(values.astype(np.int64)).max()) if values.size else 0
        if not signed and most >= 2**bits:
            needed = int(most).bit_length()
            flags.append(
                QualityFlag("bits_stored_wrong", f"The header states {bits} bits, the compressed data has {needed}.")
            )
            return Stored(values, needed, signed, tuple(flags))
    if values.dtype.itemsize * 8 == bits and shift == 0:
        return Stored(values, bits, signed, tuple(flags))
    container = np.uint8 if allocated == 8 else np.uint16
    unsigned: NDArray[np.unsignedinteger] = (
        values.astype(container) if values.dtype.kind == "u" else values.astype(np.int32).astype(container)
    )
    cleared = (unsigned >> shift) & container((1 << bits) - 1)
    if signed:
        wide = cleared.astype(np.int32)
        cleared = np.where(wide >= 1 << (bits - 1), wide - (1 << bits), wide).astype(np.int16)
    return Stored(cleared, bits, signed, tuple(flags))
