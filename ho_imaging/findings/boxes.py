"""Boxes of rows and columns (slices) around parts of a film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "bounds", "boxes_of_parts", "framed", "grown", "moved", "within"]

Box = tuple[slice, ...]


def bounds(mask: NDArray[np.bool_]) -> Box | None:
    """Return the rows and columns that hold a mask, ``None`` for an empty one."""
    there = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    return tuple(slice(int(cells[0]), int(cells[-1]) + 1) for cells in there) if there[0].size else None


def boxes_of_parts(labels: NDArray[np.int32], count: int) -> list[Box]:
    """Return the rows and columns that hold each part of a map of labels, which has at least one cell of each.

    ``count``: labels from 0, which is the background and has no box; the first box is that of label 1.
    """
    places = np.nonzero(labels)
    part = labels[places] - 1
    sides = []
    for along in places:
        first, last = np.full(count - 1, labels.size), np.zeros(count - 1, dtype=np.intp)
        np.minimum.at(first, part, along)
        np.maximum.at(last, part, along + 1)
        sides.append([slice(*ends) for ends in zip(first.tolist(), last.tolist(), strict=True)])
    return list(zip(*sides, strict=True))


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
