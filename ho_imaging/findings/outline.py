"""Outlines and extents: sub-pixel contours of a map and what can be measured on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist
from skimage.draw import polygon
from skimage.measure import find_contours

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
    interpolation.
    """
    framed = np.pad(level_map.astype(np.float64), 1)
    found = [contour - 1.0 for contour in find_contours(framed, level)]
    return sorted((contour for contour in found if len(contour) >= 4), key=len, reverse=True)


def enclosed_area(contours: list[Points]) -> float:
    """Area inside a set of outlines with holes taken off, which `find_contours` turns the opposite way."""
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
    inside = np.pad(labels > 0, 1)
    corners = _corners(inside.view(np.uint8))
    number = corners[0] + corners[1] + corners[2] + corners[3]
    # Only squares between four cell centres through which an outline runs need more than counting.
    part = np.max(_corners(np.pad(labels, 1)), axis=0)
    areas = np.bincount(part[number == 4], minlength=count).astype(np.float64)
    rows, columns = np.nonzero((number > 0) & (number < 4))
    if rows.size:
        excess = np.pad(level_map.astype(np.float64), 1) - level
        values = [excess[rows + row, columns + column] for row, column in _AROUND]
        areas += np.bincount(part[rows, columns], _area_of_square(values), minlength=count)
    return areas


_AROUND = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Corners of a square between four cell centres, in the order in which they are passed."""


def _corners(framed: NDArray[Any]) -> list[NDArray[Any]]:
    rows, columns = framed.shape
    return [framed[row : rows - 1 + row, column : columns - 1 + column] for row, column in _AROUND]


def _area_of_square(excess: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the part of each square that lies above a level, by its four corners' excess over it.

    Values are linear along the edges and outlines straight within a square; two corners across from each other are
    apart, as in `find_contours`.
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
    hull = points
    if len(points) > 3:
        try:
            hull = points[ConvexHull(points).vertices]
        except QhullError:  # all points on one line
            hull = points
    distances = cdist(hull, hull)
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

    A pixel belongs to the mask when its centre lies inside. A contour too small to hold a centre keeps the pixel of its
    middle, so that no part of a nodule is lost.
    """
    mask = np.zeros(shape, dtype=bool)
    crumbs = []
    for contour in contours:
        points = np.asarray(contour, dtype=np.float64)
        if len(points) < 3:
            continue
        rows, columns = polygon(points[:, 0], points[:, 1], shape)
        mask[rows, columns] ^= True
        if not len(rows):
            crumbs.append(np.rint(points.mean(axis=0)).astype(int))
    for row, column in crumbs:
        if 0 <= row < shape[0] and 0 <= column < shape[1]:
            mask[row, column] = True
    return mask
