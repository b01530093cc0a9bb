"""The two orders of a point: (x, y) in results, readings and everything kept, (row, column) where arrays are indexed.

x is the column and y the row, both in source pixels with pixel centres at whole numbers: the middle of the image's
first pixel is (0, 0). Fields that hold such points end in ``_xy_px``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PointXY", "Ring", "points_xy", "rows_columns"]

PointXY = tuple[float, float]
Ring = tuple[PointXY, ...]
"""A closed outline; the last point need not repeat the first."""


def rows_columns(points_xy_px: ArrayLike) -> NDArray[np.float64]:
    """Return points of a result in the order that arrays are indexed by.

    Parameters
    ----------
    points_xy_px
        Points (x, y) in source pixels, shape (2,) or (..., 2): a point, a ring, the two ends of an axis.

    Returns
    -------
    ndarray of float64
        The same points as (row, column), in the same shape.

    Examples
    --------
    >>> rows_columns([(120.5, 40.0), (121.0, 41.0)]).tolist()
    [[40.0, 120.5], [41.0, 121.0]]

    """
    return _swapped(points_xy_px)


def points_xy(rows_and_columns: ArrayLike, digits: int = 2) -> Ring:
    """Return points (row, column), an array of shape (n, 2), as rounded points (x, y) of a result."""
    x, y = np.round(_swapped(rows_and_columns), digits).reshape(-1, 2).T.tolist()
    return tuple(zip(x, y, strict=True))


def _swapped(points: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(points, dtype=np.float64)
    return np.ascontiguousarray(array[..., ::-1])
