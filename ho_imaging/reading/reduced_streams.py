"""Codestreams decoded at a coarser pixel: JPEG 2000 and HTJ2K by resolution level, JPEG by a smaller inverse DCT.

What comes out is the film of `ho_imaging.reading.reduction.block_mean` but for the shape of the low-pass. Where it
would not be (padding, values beyond the stored range, tiles with fewer levels), nothing is returned and the film is
decoded in full.
"""

from __future__ import annotations

import logging
import warnings
from io import BytesIO
from itertools import pairwise, product
from typing import NamedTuple

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

_REVERSIBLE_BIAS = 0.5
"""Grey values that the low-pass of the reversible 5-3 wavelet lies too high for each level, in the mean.

It rounds down (ISO/IEC 15444-1 F.4.8.1). The high-pass, less the floor of a half, is 1/4 too high, which adds 1/8 to
the low-pass; the floor of a quarter, after a half was added, is 1/8 too high. That makes 1/4 along rows and as much
along columns.
"""

_LEAST_SAMPLES = 4
"""Low-pass values of a tile along an axis, below which it is not filtered by itself."""

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
    lossy = is_irreversible(data)
    moved = np.empty((rows // reduced, columns // reduced), dtype=values.dtype)
    for of_rows, of_columns in product(*(_parts(data, axis, reduced) for axis in (0, 1))):
        tile, means = values[of_rows.samples, of_columns.samples], moved[of_rows.blocks, of_columns.blocks]
        means[:] = _to_block_means(tile, levels, means.shape, is_irreversible=lossy)
    return np.asarray(block_mean(moved, factor // reduced) if factor > reduced else moved)


class _Part(NamedTuple):
    """Low-pass samples of a tile along one axis, and the blocks whose means they make."""

    samples: slice
    blocks: slice


def _parts(data: bytes, axis: int, factor: int) -> list[_Part]:
    """Return what is transformed by itself along rows or columns: tiles, as far as they begin where blocks begin."""

    def number(start: int) -> int:
        return int.from_bytes(data[start : start + 4], "big")

    # Xsiz, XOsiz, XTsiz and XTOsiz, each followed by that of rows (ISO/IEC 15444-1 A.5.1).
    end, first, side, origin = (number(start + (0 if axis else 4)) for start in (8, 16, 24, 32))
    length, samples, least = end - first, -(-(end - first) // factor), _LEAST_SAMPLES * factor
    if side < min(least, length):
        raise ValueError("tiles are too small")
    begins = [start - first for start in range(origin, end, side) if start > first and (start - first) % factor == 0]
    # What is too short for the filter is left with the tile before it.
    begins = [0, *(start for start in begins if least <= start <= length - least)]
    return [
        _Part(slice(start // factor, min(-(-stop // factor), samples)), slice(start // factor, stop // factor))
        for start, stop in pairwise([*begins, length])
    ]


def _to_block_means(
    lowpass: NDArray[np.integer], levels: int, shape: tuple[int, int], *, is_irreversible: bool
) -> NDArray[np.integer]:
    """Make means of blocks of the low-pass values of one tile, each on the first pixel of a block along both axes.

    A tile is transformed as if it were mirrored about its first and last pixel (ISO/IEC 15444-1 F.4.7). The first is a
    low-pass sample, the last lies beyond one: there the picture runs on half as steeply, which was closer to the true
    means on slopes, smooth fields and grain than a mirrored, a repeated or a straight continuation.
    """
    import cv2  # noqa: PLC0415  (only when a film is read)

    taps = np.array(_TAPS[is_irreversible, 1 << levels])
    taps /= taps.sum()
    wide = cv2.copyMakeBorder(lowpass, 1, 0, 1, 0, cv2.BORDER_REFLECT_101)
    wide = cv2.copyMakeBorder(wide, 0, 2, 0, 2, cv2.BORDER_REPLICATE)
    within = np.iinfo(lowpass.dtype)
    for along in (wide.T, wide):
        before, last = along[-4].astype(np.int32), along[-3].astype(np.int32)
        along[-2] = np.clip((3 * last - before) // 2, within.min, within.max)
        along[-1] = np.clip(2 * last - before, within.min, within.max)
    bias = 0.0 if is_irreversible else _REVERSIBLE_BIAS * levels
    moved = cv2.sepFilter2D(wide, -1, taps, taps, anchor=(1, 1), delta=-bias)
    return np.asarray(moved[1 : 1 + shape[0], 1 : 1 + shape[1]], dtype=lowpass.dtype)


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
