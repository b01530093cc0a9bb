"""Places for the labels of a picture: near what they name, and clear of each other and of every outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Named", "place_labels"]

_CELL_PX = 4
"""Labels stand on a grid of this many picture pixels."""

_NEARER_TO_ANOTHER = 2.0
"""Cost of a pixel by which a label is nearer to another outline than to its own, in pixels of distance."""


@dataclass(frozen=True)
class Box:
    """A rectangle on a picture, in picture pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def nearest_to(self, x: float, y: float) -> tuple[float, float]:
        """Return the (x, y) of the box that is nearest to a point."""
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)


@dataclass(frozen=True)
class Named:
    """A named structure: ``rings`` of (x, y) in picture pixels; ``width`` and ``height`` of its label."""

    rings: Sequence[Sequence[tuple[float, float]]]
    width: float
    height: float


def place_labels(
    named: Sequence[Named], size: tuple[int, int], *, gap: float, blocked: Sequence[Box] = ()
) -> list[Box]:
    """Return a place for each label, the largest outline first, so that none lies on another or on an outline.

    Each label stands as near to its own outline as there is room, and rather nearer to it than to any other. Where the
    picture is too full, outlines are covered before labels are.

    Parameters
    ----------
    named
        Outlines with the sizes of their labels; each has at least one point.
    size
        Width and height of the picture.
    gap
        Least distance between a label and anything else, in picture pixels.
    blocked
        What else labels must leave free.

    Returns
    -------
    list of Box
        The boxes, in the order of ``named``, inside the picture where they fit into it.

    """
    columns, rows = size[0] // _CELL_PX + 1, size[1] // _CELL_PX + 1
    outlines = np.zeros((rows, columns), np.uint8)
    for one in named:
        for ring in one.rings:
            points = np.round(np.array(ring, float).reshape(-1, 2) / _CELL_PX).astype(np.int32)
            cv2.fillPoly(outlines, [points], 1)
            cv2.polylines(outlines, [points], isClosed=True, color=1, thickness=1)
    labels = np.zeros((rows, columns), np.uint8)
    for box in blocked:
        _fill(labels, box)
    bounds = [_bounds(one) for one in named]
    places: dict[int, Box] = {}
    # Large outlines leave their labels the least choice.
    for number in sorted(range(len(named)), key=lambda n: -(_area(bounds[n]))):
        one = named[number]
        cost = _cost(one, bounds, number, (rows, columns), gap)
        high, wide = (int(np.ceil((length + gap) / _CELL_PX)) for length in (one.height, one.width))
        # Grown on all sides by the gap: what stands there must leave it free.
        around = int(np.ceil(gap / _CELL_PX))
        outside = np.ones((rows, columns), bool)
        outside[: max(1, rows - high), : max(1, columns - wide)] = False
        on_outline, on_label = (_covered(mask, high, wide, around) for mask in (outlines, labels))
        worst = 1e6
        cost = cost + worst * (on_outline + 1e3 * on_label + 1e6 * outside)
        row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
        left, top = float(column * _CELL_PX), float(row * _CELL_PX)
        places[number] = Box(left, top, left + one.width, top + one.height)
        _fill(labels, places[number])
    return [places[number] for number in range(len(named))]


def _bounds(one: Named) -> Box:
    points = np.concatenate([np.array(ring, float).reshape(-1, 2) for ring in one.rings])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return Box(float(left), float(top), float(right), float(bottom))


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


def _cost(one: Named, bounds: Sequence[Box], number: int, shape: tuple[int, int], gap: float) -> NDArray[np.float64]:
    """Return the cost of each place of the label's upper left corner, by the distances of bounding boxes."""
    left = np.arange(shape[1], dtype=float)[None, :] * _CELL_PX
    top = np.arange(shape[0], dtype=float)[:, None] * _CELL_PX

    def distance(box: Box) -> NDArray[np.float64]:
        across = np.maximum(0.0, np.maximum(box.left - (left + one.width), left - box.right))
        down = np.maximum(0.0, np.maximum(box.top - (top + one.height), top - box.bottom))
        return np.asarray(np.hypot(across, down))

    own = distance(bounds[number])
    cost = np.abs(own - gap)
    for other, box in enumerate(bounds):
        if other != number:
            cost = cost + _NEARER_TO_ANOTHER * np.maximum(0.0, own + gap - distance(box))
    # Of equal places the one beside the outline's middle.
    middle = 0.5 * (bounds[number].top + bounds[number].bottom) - 0.5 * one.height
    return np.asarray(cost + 0.01 * np.abs(top - middle))


def _covered(mask: NDArray[np.uint8], high: int, wide: int, around: int) -> NDArray[np.float64]:
    """Return how many marked cells a box of cells covers, grown by ``around`` cells, for each place of its corner."""
    padded = np.pad(mask.astype(np.int64), ((around, high + around), (around, wide + around)))
    total = np.pad(padded.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    down, across = high + 2 * around, wide + 2 * around
    rows, columns = mask.shape
    return np.asarray(
        total[down : down + rows, across : across + columns]
        - total[:rows, across : across + columns]
        - total[down : down + rows, :columns]
        + total[:rows, :columns],
        dtype=float,
    )


def _fill(mask: NDArray[np.uint8], box: Box) -> None:
    mask[
        max(0, int(box.top // _CELL_PX)) : int(np.ceil(box.bottom / _CELL_PX)),
        max(0, int(box.left // _CELL_PX)) : int(np.ceil(box.right / _CELL_PX)),
    ] = 1
