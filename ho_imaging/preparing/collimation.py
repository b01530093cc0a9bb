"""Detection of the exposed area: collimator borders, shutters and padding are excluded.

Conservative by design: a strip is excluded only if it is flat over its whole length, so a strip with letters, skin or
bone is kept. Air beside the patient may be excluded, anatomy may not.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.reading.percentiles import percentiles

__all__ = ["ExposedArea", "find_exposed_area"]

_LOOK_AT_PX = 768
_FLAT = 0.02
"""Spread (0.5th to 99.5th percentile) of a border strip, as a fraction of the image's range."""
_CONSTANT = 0.004
"""Difference within a shutter, which is filled with one value, as a fraction of the image's range."""
_LEAST_SHARE = 0.15
"""If less than this fraction of the image (without padding) would remain, the border was misread and all is kept."""
_LEAST_WEDGE = 0.004
_STRAIGHT = 0.97
_ROWS_AT_A_TIME = 16


class ExposedArea:
    """Rows and columns of the source to keep (slices) and, within them, the mask of pixels that carry an image.

    ``cells``: that mask as it was looked at, of fewer pixels, where the file declares no padding.
    """

    __slots__ = ("_padding", "cells", "columns", "rows")

    def __init__(
        self, rows: slice, columns: slice, cells: NDArray[np.bool_], padding: NDArray[np.bool_] | None = None
    ) -> None:
        self.rows = rows
        self.columns = columns
        self.cells = cells
        self._padding = padding

    @property
    def has_padding(self) -> bool:
        """Return True if the file declares padding, which ``cells`` leave in."""
        return self._padding is not None

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Return the mask in stored pixels."""
        size = (self.columns.stop - self.columns.start, self.rows.stop - self.rows.start)
        valid = cv2.resize(self.cells.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).view(bool)
        if self._padding is not None:
            valid &= ~self._padding[self.rows, self.columns]
        return valid


def find_exposed_area(
    pixels: NDArray[np.float32],
    padding: NDArray[np.bool_] | None = None,
    reduction: int = 1,
    stored_shape: tuple[int, int] | None = None,
) -> ExposedArea:
    """Find the exposed part of a radiograph.

    Parameters
    ----------
    pixels
        (rows, columns) float32.
    padding
        (rows, columns) bool, pixels that the file declares as padding; or ``None``.
    reduction, stored_shape
        Stored pixels along a side of one of ``pixels``, and rows and columns as stored, for a film that was read at a
        coarser pixel. Means over the cells that are looked at are taken then, in which grain is so faint that the
        result is the same whichever codec the film comes from; otherwise one pixel of each cell.

    Returns
    -------
    ExposedArea
        ``valid`` has the shape of the kept part; both are in stored pixels.

    """
    shape = stored_shape or (pixels.shape[0], pixels.shape[1])
    step = max(1, -(-max(shape) // _LOOK_AT_PX))
    places = np.ix_(
        *(
            np.minimum(np.arange(step // 2, length, step) // reduction, held - 1)
            for length, held in zip(shape, pixels.shape, strict=True)
        )
    )
    if reduction > 1 and padding is None:
        small = _means_of_cells(pixels, step, reduction, (len(places[0]), places[1].shape[1]))
    else:
        small = pixels[places]
    outside = np.zeros(small.shape, dtype=bool) if padding is None else padding[places]
    if padding is not None and reduction > 1:
        ends = [(0, length - reduction * held) for length, held in zip(shape, padding.shape, strict=True)]
        padding = np.pad(np.kron(padding, np.ones((reduction, reduction), dtype=bool)), ends, mode="edge")
    inside = small[~outside]
    low, high = percentiles(inside, 0.2, 99.8) if inside.size else (0.0, 0.0)
    scale = high - low
    if not scale > 0.0:
        return _everything(shape, padding)
    shutter = outside | _shutter(small, scale)
    top, bottom = _trim(small, shutter, scale)
    left, right = _trim(small.T, shutter.T, scale)
    kept = ~shutter[top:bottom, left:right]
    if kept.sum() < _LEAST_SHARE * inside.size:
        return _everything(shape, padding)
    rows = slice(top * step, shape[0] if bottom == small.shape[0] else bottom * step)
    columns = slice(left * step, shape[1] if right == small.shape[1] else right * step)
    return ExposedArea(rows, columns, kept, padding)


def _means_of_cells(
    pixels: NDArray[np.float32], step: int, reduction: int, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return means over cells of ``step`` stored pixels a side; where a cell reaches beyond the film, its end repeats.

    ``pixels``: of ``reduction`` stored ones a side each; ``shape``: rows and columns of cells.
    """
    # As many cells as are made of whole pixels.
    cells = [-(-count // reduction) * reduction for count in shape]
    needed = [count * step // reduction for count in cells]
    beyond = [max(0, want - held) for want, held in zip(needed, pixels.shape, strict=True)]
    whole = cv2.copyMakeBorder(pixels, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)[: needed[0], : needed[1]]
    means = cv2.resize(whole, (cells[1], cells[0]), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(means[: shape[0], : shape[1]], dtype=np.float32)


def _everything(shape: tuple[int, ...], padding: NDArray[np.bool_] | None) -> ExposedArea:
    """Return the whole image less the padding declared by the file."""
    return ExposedArea(slice(0, shape[0]), slice(0, shape[1]), np.ones((1, 1), dtype=bool), padding)


def _shutter(small: NDArray[np.float32], scale: float) -> NDArray[np.bool_]:
    """Return the mask of areas of constant value that reach in from a corner: shutters and rotated collimators."""
    found = np.zeros(small.shape, dtype=bool)
    tolerance = _CONSTANT * scale
    rows, columns = small.shape
    for row, column in ((0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1)):
        if found[row, column]:
            continue
        area = _alike(small, row, column, tolerance)
        dark = small[row, column] <= np.min(small) + tolerance
        # Burnt-out anatomy is one constant white too, but only a shutter has straight edges.
        if area.mean() >= _LEAST_WEDGE and (dark or _is_straight(area)):
            found |= area
    return found


def _alike(small: NDArray[np.float32], row: int, column: int, tolerance: float) -> NDArray[np.bool_]:
    """Return the mask of pixels connected with a seed that differ from it by at most ``tolerance``."""
    reached = np.zeros((small.shape[0] + 2, small.shape[1] + 2), dtype=np.uint8)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    cv2.floodFill(small, reached, (column, row), 0, tolerance, tolerance, flags)
    return np.asarray(reached[1:-1, 1:-1] > 0)


def _is_straight(area: NDArray[np.bool_]) -> bool:
    """Return True if an area fills its convex hull or leaves a convex hole, as shutters do and anatomy does not."""
    filled = []
    for mask in (area, ~area):
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        hull = cv2.convexHull(np.concatenate(contours)) if contours else None
        filled.append(0.0 if hull is None else float(mask.sum()) / max(cv2.contourArea(hull), 1.0))
    return max(filled) >= _STRAIGHT


def _trim(small: NDArray[np.float32], shutter: NDArray[np.bool_], scale: float) -> tuple[int, int]:
    """Return the first and the last (exclusive) row inside flat strips, searched from the outside in."""
    first = _first_inside(small, shutter, scale)
    if first is None:
        return 0, len(small)
    last = _first_inside(small[::-1], shutter[::-1], scale) or 0
    return first, len(small) - last


def _first_inside(small: NDArray[np.float32], shutter: NDArray[np.bool_], scale: float) -> int | None:
    """Return the first row that is no part of a flat strip, ``None`` without one; rows after it are not looked at."""
    for start in range(0, len(small), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        low, high = _percentiles(np.sort(small[rows], axis=1), 0.5, 99.5)
        flat = (high - low < _FLAT * scale) | (shutter[rows].mean(axis=1) > 0.995)
        if not flat.all():
            return start + int(np.argmin(flat))
    return None


def _percentiles(ordered: NDArray[np.float32], *percents: float) -> list[NDArray[np.float32]]:
    """Return percentiles along sorted rows like `numpy.percentile`; sorting short rows is faster than partitioning."""
    last = ordered.shape[1] - 1
    found = []
    for percent in percents:
        position = percent / 100.0 * last
        below = int(position)
        share = np.float32(position - below)
        found.append(ordered[:, below] + (ordered[:, min(below + 1, last)] - ordered[:, below]) * share)
    return found
