"""Outlines as readings hold them: closed rings of (x, y) in source pixels, and the area that they surround."""

from __future__ import annotations

import shapely
from shapely.geometry.base import BaseGeometry

__all__ = ["Outline", "outline_shape"]

Outline = tuple[tuple[tuple[float, float], ...], ...]
"""Closed rings of (x, y); inside is what an odd number of rings surrounds, so a ring in a ring is a hole."""


def outline_shape(outline: Outline) -> BaseGeometry:
    """Return what an outline surrounds, by the even-odd rule, as a shape in (x, y) source pixels."""
    shape: BaseGeometry = shapely.Polygon()
    for ring in outline:
        shape = shape.symmetric_difference(shapely.make_valid(shapely.Polygon(ring)))
    return shape
