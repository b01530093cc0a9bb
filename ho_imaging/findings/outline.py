"""Outlines and extents: sub-pixel contours of a map and what can be measured on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

__all__ = ["Extent", "enclosed_area", "enclosed_areas", "extent", "filled", "outlines"]

Points = NDArray[np.float64]


class Extent(NamedTuple):
    """Long axis (largest distance between two outline points) and short axis (largest width across it), with ends."""

    long_axis: float
    long_ends: Points
    short_axis: float
    short_ends: Points


def outlines(level_map: NDArray[np.float32], level: float) -> list[Points]:
    """Return closed outlines (n, 2) (row, column) where a map crosses ``level``; outer and holes, longest first.

    The map is framed with zeros, so outlines at the border close. Points lie between pixel centres by linear
    interpolation. They are those of `skimage.measure.find_contours`, which links them point by point and takes ten
    times as long.
    """
    framed = np.pad(level_map, 1)
    columns = framed.shape[1]
    above = framed > _last_below(level)
    corners = _corners(above.view(np.uint8))
    kind = (corners[0] | corners[1] << 1 | corners[2] << 2 | corners[3] << 3).ravel()
    squares = np.flatnonzero((kind > 0) & (kind < _ALL_ABOVE))
    kinds = kind[squares]
    # Of a square of the framed map, the cell at its first corner.
    cells = squares + squares // (columns - 1)
    twice = np.flatnonzero(_CROSSED_TWICE[kinds])
    cells, kinds = np.concatenate([cells, cells[twice]]), np.concatenate([kinds, kinds[twice]])
    second = np.arange(len(cells)) >= len(squares)
    # Edges are numbered by their first cell, those across the rows behind those along them.
    to_edge = np.array([0, framed.size + 1, columns, framed.size])
    starts = cells + to_edge[_RUNS[kinds, second.view(np.uint8), 0]]
    ends = cells + to_edge[_RUNS[kinds, second.view(np.uint8), 1]]
    order = np.argsort(starts)
    starts = starts[order]
    following: list[int] = np.searchsorted(starts, ends[order]).tolist()
    last_first: list[int] = np.argsort(-(2 * cells + second)[order]).tolist()
    points = _crossings(framed.ravel(), columns, starts, level)
    found = [points[ring] for ring in _rings(following, last_first)]
    return sorted((contour for contour in found if len(contour) >= 4), key=len, reverse=True)


_ALL_ABOVE = 15

_CROSSED_TWICE = np.array([kind in {5, 10} for kind in range(16)])

_RUNS = np.array(
    [
        [(0, 0), (0, 0)],
        [(0, 3), (0, 0)],
        [(1, 0), (0, 0)],
        [(1, 3), (0, 0)],
        [(2, 1), (0, 0)],
        [(0, 3), (2, 1)],
        [(2, 0), (0, 0)],
        [(2, 3), (0, 0)],
        [(3, 2), (0, 0)],
        [(0, 2), (0, 0)],
        [(1, 0), (3, 2)],
        [(1, 2), (0, 0)],
        [(3, 1), (0, 0)],
        [(0, 1), (0, 0)],
        [(3, 0), (0, 0)],
        [(0, 0), (0, 0)],
    ]
)
"""Edges from which and to which an outline runs, (16, 2, 2), by the corners above the level (1, 2, 4, 8, in the order
of `_AROUND`): 0 is the edge along the first row, 1 that along the second column, 2 the second row, 3 the first column.
Two corners above it that lie across from each other are apart, and an outline runs round each.
"""


def _last_below(level: float) -> np.float32:
    """Return the largest float32 that is not above a level, so that a map is compared without a wider copy of it."""
    nearest = np.float32(level)
    return np.nextafter(nearest, np.float32(-np.inf)) if float(nearest) > level else nearest


def _crossings(values: NDArray[np.float32], columns: int, edges: NDArray[np.intp], level: float) -> Points:
    """Return where edges between neighbouring cells of a framed map cross a level, (row, column) without the frame."""
    across = edges >= values.size
    first = edges - np.where(across, values.size, 0)
    from_value = values[first].astype(np.float64)
    share = (level - from_value) / (values[first + np.where(across, columns, 1)] - from_value)
    points: Points = np.stack([first // columns, first % columns], axis=1).astype(np.float64) - 1.0
    points[np.arange(len(points)), np.where(across, 0, 1)] += share
    return points


def _rings(following: list[int], last_first: list[int]) -> list[list[int]]:
    """Return the rings of a list that names the point after each, each with its first point once more at its end.

    A ring begins with the point after that of its points which comes first in ``last_first``.
    """
    left = bytearray(b"\1") * len(following)
    rings = []
    for last in last_first:
        if not left[last]:
            continue
        first = place = following[last]
        ring = []
        while left[place]:
            left[place] = 0
            ring.append(place)
            place = following[place]
        ring.append(first)
        rings.append(ring)
    return rings[::-1]


def enclosed_area(contours: list[Points]) -> float:
    """Area inside a set of outlines with holes taken off, which `outlines` turns the opposite way."""
    return abs(sum(_signed_area(contour) for contour in contours))


def enclosed_areas(
    level_map: NDArray[np.float32], labels: NDArray[np.int32], count: int, level: float
) -> NDArray[np.float64]:
    """Return the area that `outlines` encloses around each part of a map, without drawing one.

    Parameters
    ----------
    level_map
        (rows, columns) float32.
    labels
        int32, same shape: 8-connected parts that reach ``level``, from 1; 0 elsewhere.
    count
        Number of labels, the background's included.
    level
        Where outlines are drawn.

    Returns
    -------
    float64 (count,)
        In cells, holes left out; 0 for the background.

    """
    framed = np.pad(labels, 1)
    corners = _corners((framed > 0).view(np.uint8))
    number = (corners[0] + corners[1] + corners[2] + corners[3]).ravel()
    columns = framed.shape[1]

    def cells(squares: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        first = squares + squares // (columns - 1)
        return [first + row * columns + column for row, column in _AROUND]

    # Only squares between four cell centres through which an outline runs need more than counting.
    flat = framed.ravel()
    areas = np.bincount(flat[cells(np.flatnonzero(number == _CORNERS))[0]], minlength=count).astype(np.float64)
    around = cells(np.flatnonzero((number > 0) & (number < _CORNERS)))
    if around[0].size:
        values = np.pad(level_map, 1).ravel()
        excess = [values[places].astype(np.float64) - level for places in around]
        part = np.max([flat[places] for places in around], axis=0)
        areas += np.bincount(part, _area_of_square(excess), minlength=count)
    return areas


_CORNERS = 4

_AROUND = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Corners of a square between four cell centres, in the order in which they are passed."""


def _corners(framed: NDArray[Any]) -> list[NDArray[Any]]:
    rows, columns = framed.shape
    return [framed[row : rows - 1 + row, column : columns - 1 + column] for row, column in _AROUND]


def _area_of_square(excess: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the part of each square that lies above a level, by its four corners' excess over it.

    Values are linear along the edges and outlines straight within a square; two corners across from each other are
    apart, as in `outlines`.
    """
    above = [value >= 0.0 for value in excess]
    number = np.sum(above, axis=0)
    first, second, third, fourth = (
        _part_above(excess[n], excess[(n + 1) % 4], above[n], above[(n + 1) % 4]) for n in range(4)
    )
    few = 0.5 * (first * second + second * third + third * fourth + fourth * first)
    most = 1.0 - 0.5 * (
        (1.0 - first) * (1.0 - second)
        + (1.0 - second) * (1.0 - third)
        + (1.0 - third) * (1.0 - fourth)
        + (1.0 - fourth) * (1.0 - first)
    )
    apart = np.where(above[0], fourth * first + second * third, first * second + third * fourth) * 0.5
    return np.select([number == 3, (number == 2) & (above[0] == above[2])], [most, apart], few)


def _part_above(
    start: NDArray[np.float64], end: NDArray[np.float64], from_above: NDArray[np.bool_], to_above: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the share of an edge that lies above the level."""
    crossed = from_above != to_above
    share = np.maximum(start, end) / np.where(crossed, np.abs(start - end), 1.0)
    return np.where(crossed, share, from_above.astype(np.float64))


def _signed_area(contour: Points) -> float:
    r, c = contour[:, 0], contour[:, 1]
    return 0.5 * float(np.dot(r, np.roll(c, -1)) - np.dot(c, np.roll(r, -1)))


def extent(points: Points) -> Extent:
    """Long and short axis of a point set (n, 2), in the units of the points; in mm for points in mm.

    The long axis is the maximum Feret diameter; the short axis the largest extent at right angles to it, as in
    bidimensional lesion measurement (WHO).
    """
    hull = shapely.get_coordinates(shapely.convex_hull(shapely.multipoints(points)))
    distances = np.hypot(*(hull[:, None] - hull[None]).transpose(2, 0, 1))
    first, second = np.unravel_index(int(np.argmax(distances)), distances.shape)
    long_ends = hull[[first, second]]
    axis = long_ends[1] - long_ends[0]
    length = float(np.linalg.norm(axis))
    if length == 0.0:
        return Extent(0.0, long_ends, 0.0, long_ends)
    along = axis / length
    across = np.array([-along[1], along[0]])
    reach = hull @ across
    low, high = int(np.argmin(reach)), int(np.argmax(reach))
    width = float(reach[high] - reach[low])
    # Draw the short axis through the middle between the two extreme points, square to the long one.
    middle = 0.5 * ((hull[low] + hull[high]) @ along)
    ends = np.stack([middle * along + reach[low] * across, middle * along + reach[high] * across])
    return Extent(length, long_ends, width, ends)


def filled(contours: Sequence[ArrayLike], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill outlines whose points are (row, column) of pixel centres; a contour within another is a hole.

    A pixel belongs to the mask when its centre lies inside or on the line. A contour too small to hold a centre keeps
    the pixel of its middle, so that no part of a nodule is lost.
    """
    mask = np.zeros(shape, dtype=bool)
    crumbs = []
    for contour in contours:
        points = np.asarray(contour, dtype=np.float64)
        if len(points) < 3:
            continue
        window, inside = _inside(points, shape)
        mask[window] ^= inside
        if not inside.any():
            crumbs.append(np.rint(points.mean(axis=0)).astype(int))
    for row, column in crumbs:
        if 0 <= row < shape[0] and 0 <= column < shape[1]:
            mask[row, column] = True
    return mask


_ROUNDING = 1e-9
"""A centre so near to a line lies on it."""


def _inside(points: Points, shape: tuple[int, int]) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return the window around a contour and, within it, the cells whose centres lie inside it or on its line.

    Where a line from the left crosses the contour an odd number of times, a cell is inside (even-odd rule).
    """
    low = np.maximum(np.ceil(points.min(axis=0)), 0).astype(int)
    high = np.maximum(np.minimum(np.floor(points.max(axis=0)) + 1, shape), low).astype(int)
    (top, left), (bottom, right) = low, high
    window = (slice(int(top), int(bottom)), slice(int(left), int(right)))
    size = (int(bottom - top), int(right - left))
    if 0 in size:
        return window, np.zeros(size, dtype=bool)
    start, end = points, np.roll(points, -1, axis=0)
    upper = np.where((start[:, 0] <= end[:, 0])[:, None], start, end)
    lower = np.where((start[:, 0] <= end[:, 0])[:, None], end, start)
    first = np.clip(np.ceil(upper[:, 0]), top, bottom).astype(int)
    count = np.clip(np.ceil(lower[:, 0]), top, bottom).astype(int) - first
    edge = np.repeat(np.arange(len(points)), count)
    rows = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    slope = (lower[edge, 1] - upper[edge, 1]) / (lower[edge, 0] - upper[edge, 0])
    at = upper[edge, 1] + (rows - upper[edge, 0]) * slope
    on_line = np.abs(at - np.rint(at)) < _ROUNDING
    at[on_line] = np.rint(at[on_line])
    behind = np.clip(np.ceil(at), left, right).astype(int) - left
    # Whether a number is odd outlasts its overflow.
    crossed = np.zeros((size[0], size[1] + 1), dtype=np.uint8)
    np.add.at(crossed, (rows - top, behind), 1)
    inside = (np.cumsum(crossed[:, :-1], axis=1, dtype=np.uint8) & 1).view(bool)
    on_line &= (at >= left) & (at < right)
    inside[rows[on_line] - top, behind[on_line]] = True
    _add_corners(inside, points, low)
    return window, inside


def _add_corners(inside: NDArray[np.bool_], points: Points, first: NDArray[np.intp]) -> None:
    """Add, in place, cells at the points of a contour and along a row between them: no line from the left tells these.

    ``first``: (row, column) of the first cell.
    """
    corners = points[(points == np.rint(points)).all(axis=1)].astype(int) - first
    corners = corners[((corners >= 0) & (corners < inside.shape)).all(axis=1)]
    inside[corners[:, 0], corners[:, 1]] = True
    start, end = points - first, np.roll(points, -1, axis=0) - first
    level = (start[:, 0] == end[:, 0]) & (start[:, 0] == np.rint(start[:, 0]))
    for (row, one), (_, other) in zip(start[level], end[level], strict=True):
        if 0 <= row < len(inside):
            left, right = max(int(np.ceil(min(one, other))), 0), int(np.floor(max(one, other)))
            inside[int(row), left : max(right + 1, 0)] = True
