"""Reduction of a film to the pixel size that is looked at, by whole numbers: the same picture from every codec.

A network that looks at 0.5 mm sees nothing of pixels of 0.15 mm but their mean. So a film whose pixels are at most half
as large is brought to the coarsest pixel that is still fine enough: each pixel of the reduced film is the mean of
``factor`` by ``factor`` stored ones. Decoders that can leave out the finest detail do it at a fraction of the cost
(`ho_imaging.reading.reduced_streams`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ho_imaging.reading.radiograph import Radiograph, Spacing

__all__ = ["FACTORS", "block_mean", "block_mean_within", "enlarge_radiograph", "reduce_radiograph", "reduction_factor"]

Number = TypeVar("Number", bound=np.number)

FACTORS = (8, 4, 2)
"""Powers of two, as wavelets and the DCT have them; 16 would take a pixel below 0.05 mm."""

_LEAST_SIDE_PX = 64
_ROUNDING = 1.001
"""A detector of 0.2 mm may be stated as 0.2001."""


def reduction_factor(spacing: Spacing, shape: tuple[int, int], coarsest_mm: float | None) -> int:
    """Return how many stored pixels make a side of a pixel that is still no coarser than wanted.

    Parameters
    ----------
    spacing
        Of the stored pixels; a film without millimetres is not reduced.
    shape
        Rows and columns of the film as stored.
    coarsest_mm
        Largest pixel that is fine enough, in mm; ``None`` for all pixels as they are.

    Returns
    -------
    int
        1, 2, 4 or 8.

    """
    if coarsest_mm is None or spacing.row_mm is None or spacing.column_mm is None:
        return 1
    stored_mm = max(spacing.row_mm, spacing.column_mm)
    fitting = (
        factor
        for factor in FACTORS
        if factor * stored_mm <= coarsest_mm * _ROUNDING and min(shape) >= factor * _LEAST_SIDE_PX
    )
    return next(fitting, 1)


def block_mean(values: NDArray[Number], factor: int) -> NDArray[Number]:
    """Return the means of blocks of ``factor`` by ``factor`` pixels, rounded in whole numbers.

    Rows and columns at the end that fill no block are left out.
    """
    import cv2  # noqa: PLC0415  (only when a film is read)

    rows, columns = (length // factor for length in values.shape)
    whole = np.ascontiguousarray(values[: rows * factor, : columns * factor])
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), dtype=values.dtype)


def block_mean_within(
    values: NDArray[Number], padding: NDArray[np.bool_], factor: int
) -> tuple[NDArray[Number], NDArray[np.bool_]]:
    """Return the means over the pixels of each block that are no padding, and the blocks that are nothing else.

    The value of a block of padding is that of its first pixel.
    """
    rows, columns = (length // factor for length in values.shape)
    inside = ~padding
    share = block_mean(inside.astype(np.float32), factor)
    total = block_mean(np.where(inside, values, values.dtype.type(0)).astype(np.float32), factor)
    empty = share <= 0.0
    means = np.asarray(total / np.where(empty, np.float32(1.0), share))
    if values.dtype.kind in "iu":
        means = np.rint(means)
    first = values[: rows * factor : factor, : columns * factor : factor]
    return np.where(empty, first, means.astype(values.dtype)), empty


def reduce_radiograph(radiograph: Radiograph, coarsest_mm: float | None) -> Radiograph:
    """Return a radiograph at the coarsest pixel that is no larger than wanted; itself where it is as coarse already.

    Parameters
    ----------
    radiograph
        With the spacing of its stored pixels.
    coarsest_mm
        Largest pixel that is fine enough, in mm; ``None`` for all pixels as they are.

    Returns
    -------
    Radiograph
        With `Radiograph.reduction`.

    """
    if radiograph.reduction != 1:
        return radiograph
    shape = radiograph.shape
    factor = reduction_factor(radiograph.spacing, shape, coarsest_mm)
    if factor == 1:
        return radiograph
    if radiograph.padding is None:
        pixels, padding = block_mean(radiograph.pixels, factor), None
    else:
        pixels, padding = block_mean_within(radiograph.pixels, radiograph.padding, factor)
        padding = padding if padding.any() else None
    return replace(
        radiograph,
        pixels=np.asarray(pixels, dtype=np.float32),
        padding=padding,
        reduction=factor,
        stored_shape=shape,
    )


def enlarge_radiograph(radiograph: Radiograph) -> Radiograph:
    """Return a reduced radiograph with as many pixels as are stored, interpolated by cubics; the last ones repeat."""
    import cv2  # noqa: PLC0415  (only when a film is read)

    if radiograph.reduction == 1:
        return radiograph
    rows, columns = (radiograph.reduction * length for length in radiograph.pixels.shape)
    ends = [(0, length - held) for length, held in zip(radiograph.shape, (rows, columns), strict=True)]
    pixels = cv2.resize(radiograph.pixels, (columns, rows), interpolation=cv2.INTER_CUBIC)
    padding = radiograph.padding
    if padding is not None:
        block = np.ones((radiograph.reduction, radiograph.reduction), dtype=bool)
        padding = np.pad(np.kron(padding, block), ends, mode="edge")
    return replace(
        radiograph,
        pixels=np.pad(np.clip(pixels, 0.0, 1.0), ends, mode="edge").astype(np.float32),
        padding=padding,
        reduction=1,
        stored_shape=None,
    )
