"""Outlines and extents: sub-pixel contours of a map and what can be measured on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist
from skimage.draw import polygon
from skimage.measure import find_contours

__all__ = ["Extent", "enclosed_area", "extent", "filled", "outlines"]

Points = NDArray[np.float64]


class Extent(NamedTuple):
    """Long axis (largest distance between two outline points) and short axis (largest width across it), with ends."""

    long_axis: float
    long_ends: Points
    short_axis: float
    short_ends: Points


def outlines(level_map: NDArray[np.float32], level: float) -> list[Points]:
    """Closed outlines (n, 2) (row, column) where a map crosses ``level``; outer ones and holes, longest first.

    The map is framed with zeros, so outlines at the border close. Points lie between pixel centres by linear
    interpolation.
    """
    framed = np.pad(level_map.astype(np.float64), 1)
    found = [contour - 1.0 for contour in find_contours(framed, level)]
    return sorted((contour for contour in found if len(contour) >= 4), key=len, reverse=True)


def enclosed_area(contours: list[Points]) -> float:
    """Area inside a set of outlines with holes taken off, which `find_contours` turns the opposite way."""
    return abs(sum(_signed_area(contour) for contour in contours))


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
