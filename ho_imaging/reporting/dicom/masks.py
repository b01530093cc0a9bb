"""From outlines in source pixels back to masks on the source grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from skimage.draw import polygon

__all__ = ["fill", "outer_contour", "to_image_coordinates", "within"]

PointPx = tuple[float, float]


def fill(contours_px: Sequence[Sequence[PointPx]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill outlines whose points are (row, column) of pixel centres; a contour within another is a hole.

    A pixel belongs to the mask when its centre lies inside.
    """
    mask = np.zeros(shape, dtype=bool)
    for contour in contours_px:
        points = np.asarray(contour, dtype=np.float64)
        if len(points) >= 3:
            rows, columns = polygon(points[:, 0], points[:, 1], shape)
            mask[rows, columns] ^= True
    return mask


def outer_contour(contours_px: Sequence[Sequence[PointPx]]) -> NDArray[np.float64]:
    """Give the outline that encloses most, (n, 2) rows and columns."""
    return max((np.asarray(contour, dtype=np.float64) for contour in contours_px), key=lambda c: abs(_area(c)))


def to_image_coordinates(points_px: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Turn (row, column) of pixel centres into DICOM's (column, row).

    There the top left corner of the top left pixel is 0\0 (PS3.3 C.18.6.1.2 for reports, C.10.5.1.2 for annotations).
    """
    return np.asarray(points_px, dtype=np.float64)[:, ::-1] + 0.5


def within(points: NDArray[np.float64], source: Dataset) -> NDArray[np.float64]:
    """Keep (column, row) points on their image, as the standard asks."""
    return np.asarray(np.clip(points, 0.0, [float(source.Columns), float(source.Rows)]), dtype=np.float64)


def _area(contour: NDArray[np.float64]) -> float:
    r, c = contour[:, 0], contour[:, 1]
    return float(0.5 * (np.dot(r, np.roll(c, -1)) - np.dot(c, np.roll(r, -1))))
