"""Outlines as shapes whose distances, overlaps and areas can be measured exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Shape", "shape_of"]

Shape = Any
"""A shapely geometry, (column, row) on the grid of its outlines."""


def shape_of(outlines: Sequence[NDArray[np.float64]]) -> Shape:
    """Return the area inside a set of closed outlines, holes left out.

    Parameters
    ----------
    outlines
        Arrays (n, 2) of (row, column).

    Returns
    -------
    shapely geometry
        In (column, row).

    """
    rings = [shapely.linearrings(outline[:, ::-1]) for outline in outlines if len(outline) >= 4]
    if not rings:
        return shapely.Polygon()
    if len(rings) == 1 and (alone := shapely.Polygon(rings[0])).is_valid:
        return alone
    # Where outlines lie inside each other, every second one is a hole.
    return shapely.build_area(shapely.multilinestrings(rings))
