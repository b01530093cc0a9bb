"""Outlines of a result in the coordinates of DICOM objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from skimage.measure import points_in_poly

from ho_imaging.results.points import PointXY

__all__ = ["one_outline", "to_image_coordinates", "within"]


def one_outline(contours_xy_px: Sequence[Sequence[PointXY]], most_points: int) -> NDArray[np.float64]:
    """Join all contours of a nodule to one closed outline, (n, 2) points (x, y), for objects that hold only one.

    Contours follow each other, the largest first, with a channel without width to each that is gone back again (the
    keyhole of PS3.3 C.8.8.6.3). Outer contours turn one way and holes the other, so that the area that the outline
    encloses is that of the nodule. More than ``most_points`` are thinned evenly, every contour keeping at least four.
    """
    rings = [_closed(contour) for contour in contours_xy_px if len(contour) >= 3]
    total = sum(len(ring) for ring in rings)
    if total > most_points:
        rings = [_thinned(ring, max(4, len(ring) * most_points // total)) for ring in rings]
    depth = [sum(_lies_in(ring, other) for other in rings if other is not ring) for ring in rings]
    rings = [
        ring if (_area(ring) > 0.0) == (level % 2 == 0) else ring[::-1]
        for ring, level in zip(rings, depth, strict=True)
    ]
    rings.sort(key=lambda ring: -abs(_area(ring)))
    joined = rings[0]
    for ring in rings[1:]:
        away = np.linalg.norm(joined[:, None] - ring[None, :-1], axis=2)
        here, there = np.unravel_index(int(np.argmin(away)), away.shape)
        round_trip = np.roll(ring[:-1], -int(there), axis=0)
        joined = np.vstack([joined[: here + 1], round_trip, round_trip[:1], joined[here:]])
    return joined


def _closed(contour: Sequence[PointXY]) -> NDArray[np.float64]:
    points = np.asarray(contour, dtype=np.float64)
    return points if np.array_equal(points[0], points[-1]) else np.vstack([points, points[:1]])


def _thinned(ring: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    return ring[np.linspace(0, len(ring) - 1, most).round().astype(int)] if len(ring) > most else ring


def _lies_in(ring: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return abs(_area(other)) > abs(_area(ring)) and bool(points_in_poly(ring[:1], other)[0])


def to_image_coordinates(points_xy_px: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Move points (x, y) from pixel centres at whole numbers to DICOM's (column, row).

    There the top left corner of the top left pixel is 0\0 (PS3.3 C.18.6.1.2 for reports, C.10.5.1.2 for annotations).
    """
    return np.asarray(points_xy_px, dtype=np.float64) + 0.5


def within(points: NDArray[np.float64], source: Dataset) -> NDArray[np.float64]:
    """Keep (column, row) points on their image, as the standard asks."""
    return np.asarray(np.clip(points, 0.0, [float(source.Columns), float(source.Rows)]), dtype=np.float64)


def _area(contour: NDArray[np.float64]) -> float:
    """Return the signed area of a ring of (x, y): above zero where it turns against the clock on the screen."""
    x, y = contour[:, 0], contour[:, 1]
    return float(0.5 * (np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1))))
