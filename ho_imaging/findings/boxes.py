"""Boxes of rows and columns (slices) around parts of a film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "bounds", "framed", "grown", "moved", "within"]

Box = tuple[slice, ...]


def bounds(mask: NDArray[np.bool_]) -> Box | None:
    """Return the rows and columns that hold a mask, ``None`` for an empty one."""
    there = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    return tuple(slice(int(cells[0]), int(cells[-1]) + 1) for cells in there) if there[0].size else None


def framed(box: Box) -> Box:
    """Return a box with a row and a column more on each side; it may end behind the film."""
    return tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)


def grown(box: Box, shape: tuple[int, ...], by: int) -> Box:
    """Return a box with so many cells more on each side, as far as the film goes."""
    return tuple(
        slice(max(part.start - by, 0), min(part.stop + by, size)) for part, size in zip(box, shape, strict=True)
    )


def moved(box: Box, window: Box) -> Box:
    """Return where a box of a window lies on the whole film."""
    return tuple(
        slice(part.start + around.start, part.stop + around.start) for part, around in zip(box, window, strict=True)
    )


def within(box: Box, window: Box) -> Box:
    """Return where a box of the film lies in a window that holds it."""
    return tuple(
        slice(part.start - around.start, part.stop - around.start) for part, around in zip(box, window, strict=True)
    )
