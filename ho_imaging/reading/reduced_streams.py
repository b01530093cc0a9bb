"""Codestreams decoded at a coarser pixel: JPEG 2000 and HTJ2K by resolution level, JPEG by a smaller inverse DCT.

What comes out is the film of `ho_imaging.reading.reduction.block_mean` but for the shape of the low-pass. Where it
would not be (padding, values beyond the stored range, tiles with fewer levels), nothing is returned and the film is
decoded in full.
"""

from __future__ import annotations

import logging
import warnings
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

from ho_imaging.reading.compression import is_irreversible
from ho_imaging.reading.reduction import block_mean
from ho_imaging.reading.streams import START_OF_J2K

__all__ = ["decode_reduced"]

logger = logging.getLogger(__name__)

_WAVELETS = frozenset({JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL})
_COSINES = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit})

_MOST_OVERSHOOT = 16
"""Low-pass values lie beyond those of the film by up to a sixth of an edge; by more than this part of the stored range
they are no overshoot, and the header is wrong."""

_TAPS = {
    # The 5-3 wavelet, then the 9-7: for each reduction the weights of the low-pass values before, at, and after.
    (False, 2): (-0.0122, 0.7504, 0.2848, -0.0229),
    (False, 4): (-0.0138, 0.6288, 0.4084, -0.0233),
    (False, 8): (-0.0157, 0.5725, 0.4643, -0.0211),
    (True, 2): (-0.0765, 0.8451, 0.2895, -0.0580),
    (True, 4): (-0.0939, 0.7322, 0.4424, -0.0807),
    (True, 8): (-0.0965, 0.6664, 0.5192, -0.0891),
}
"""Weights that make means of blocks of low-pass values, by least squares over the spectrum of a radiograph (amplitude
falling with the power 1.5 of frequency): after them and the low-pass of ISO/IEC 15444-1 F.4.8 what is left is 0.03 to
0.13 % of a block's mean, by linear interpolation 0.9 to 2.5 %. Their centre lies half a block after the sample."""

_NEAR_PADDING = 0.25
"""A value this far on the way from the film's to the padding's is mixed of both."""


def decode_reduced(
    data: bytes, syntax: UID, *, bits: int, signed: bool, factor: int, padding: tuple[int, int] | None
) -> NDArray[np.integer] | None:
    """Decode one grey frame at a coarser pixel.

    Parameters
    ----------
    data
        The codestream, seen to be whole, of the size and sign that the header states.
    syntax
        What it is.
    bits, signed
        Bits stored, and whether the highest is a sign.
    factor
        Stored pixels along a side of one that is returned: 2, 4 or 8.
    padding
        Smallest and largest value of padding, where the header states any.

    Returns
    -------
    ndarray or None
        (rows // factor, columns // factor), uint8, uint16 or int16 within the stored range; ``None`` where the film
        must be decoded in full.

    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes were checked
            if syntax in _WAVELETS and data.startswith(START_OF_J2K) and _is_aligned(data, factor):
                found = _from_wavelet(data, factor)
            elif syntax in _COSINES:
                found = _from_cosine(data, factor)
            else:
                return None
    except Exception:
        logger.debug("reduced decoding failed", exc_info=True)
        return None
    lowest, highest = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    most = (highest - lowest + 1) // _MOST_OVERSHOOT
    if int(found.min()) < lowest - most or int(found.max()) > highest + most:
        return None
    within: NDArray[np.integer] = np.clip(found, lowest, highest)
    if padding is not None and _may_hold(within, *padding):
        return None
    return within


def _may_hold(values: NDArray[np.integer], low: int, high: int) -> bool:
    """Return True if a film may hold padding: areas of it, or edges of it mixed with the film."""
    ordered = np.partition(values.ravel(), [values.size // 200, values.size - 1 - values.size // 200])
    darkest, brightest = int(ordered[values.size // 200]), int(ordered[values.size - 1 - values.size // 200])
    if high < darkest:
        return bool(int(values.min()) <= darkest - _NEAR_PADDING * (darkest - high))
    if low > brightest:
        return bool(int(values.max()) >= brightest + _NEAR_PADDING * (low - brightest))
    return True


def _is_aligned(data: bytes, factor: int) -> bool:
    """Return True if image and tiles begin where low-pass samples lie (ISO/IEC 15444-1 A.5.1, B.5)."""

    def number(start: int) -> int:
        return int.from_bytes(data[start : start + 4], "big")

    # SIZ, Lsiz and Rsiz; then Xsiz, Ysiz, XOsiz, YOsiz, XTsiz, YTsiz, XTOsiz, YTOsiz.
    return number(16) % factor == 0 and number(20) % factor == 0


def _from_wavelet(data: bytes, factor: int) -> NDArray[np.integer]:
    """Decode fewer resolution levels of a JPEG 2000 codestream, and bring them to the places of block means."""
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile  # noqa: PLC0415  (only for these films)

    rows, columns, precision, signed = _size(data)
    levels = factor.bit_length() - 1
    # Pillow rounds some sizes down that OpenJPEG rounds up, and then refuses its own picture.
    if any(-(-length // factor) != (length + factor // 2) // factor for length in (rows, columns)):
        levels = 1
    with Jpeg2KImageFile(BytesIO(data)) as image:
        image.reduce = levels
        image.load()
        lowpass = np.asarray(image)
    reduced = 1 << levels
    if lowpass.shape != (-(-rows // reduced), -(-columns // reduced)):
        raise ValueError("the decoder returned another size")
    # Pillow fills 8 or 16 bits, and lifts signed values to positive ones.
    values = lowpass >> (8 * lowpass.dtype.itemsize - precision)
    if signed:
        values = (values.astype(np.int32) - (1 << (precision - 1))).astype(np.int16)
    moved = _to_block_means(values, reduced, is_irreversible=is_irreversible(data))[
        : rows // reduced, : columns // reduced
    ]
    return np.asarray(block_mean(moved, factor // reduced) if factor > reduced else moved)


def _to_block_means(lowpass: NDArray[np.integer], factor: int, *, is_irreversible: bool) -> NDArray[np.integer]:
    """Make means of blocks of low-pass values, each of which lies on the first pixel of a block along both axes."""
    import cv2  # noqa: PLC0415  (only when a film is read)

    taps = np.array(_TAPS[is_irreversible, factor])
    taps /= taps.sum()
    moved = cv2.sepFilter2D(lowpass, -1, taps, taps, anchor=(1, 1), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=lowpass.dtype)


def _size(data: bytes) -> tuple[int, int, int, bool]:
    """Return rows, columns, bits and sign of a codestream of one component (ISO/IEC 15444-1 A.5.1)."""

    def number(start: int) -> int:
        return int.from_bytes(data[start : start + 4], "big")

    depth = data[42]
    return number(12) - number(20), number(8) - number(16), (depth & 0x7F) + 1, bool(depth & 0x80)


def _from_cosine(data: bytes, factor: int) -> NDArray[np.integer]:
    """Decode a baseline JPEG with an inverse DCT of 8 / ``factor`` points: means of blocks, sharper at their edges."""
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415  (only for these films)

    with JpegImageFile(BytesIO(data)) as image:
        columns, rows = image.size
        image.draft("L", (columns // factor, rows // factor))
        if image.size != (-(-columns // factor), -(-rows // factor)):
            raise ValueError("the decoder offers another size")
        image.load()
        values = np.asarray(image)
    return values[: rows // factor, : columns // factor]
