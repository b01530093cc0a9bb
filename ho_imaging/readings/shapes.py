"""Outlines as readers draw them: strokes of a brush or an eraser, polygons; and what a drawn outline measures.

All points are (x, y) in source pixels. A brush is round on the screen, so where pixels are not square the drawing is
done in square ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from shapely import affinity
from shapely.geometry import LinearRing, LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient
from shapely.ops import polygonize, unary_union

from ho_imaging.errors import UsageError
from ho_imaging.findings.outline import extent
from ho_imaging.readings.outlines import Outline

__all__ = ["Measures", "Tool", "drawn", "measured"]

Tool = Literal["brush", "eraser", "polygon", "cut"]

_SMOOTH_PX = 0.1
_LEAST_AREA_PX = 2.0
"""Crumbs under this, left over where a stroke crosses an outline, are nobody's nodule."""


class Measures(NamedTuple):
    """Area and longest extent of an outline; in mm where there is a spacing."""

    area_px: float
    area_mm2: float | None
    long_axis_px: float
    long_axis_mm: float | None


def drawn(
    outline: Outline | None,
    tool: Tool,
    points: Sequence[tuple[float, float]],
    *,
    radius_px: float,
    shape: tuple[int, int],
    aspect: float = 1.0,
) -> Outline:
    """Apply a stroke to an outline (``None``: to nothing) and give the outline it leaves.

    Parameters
    ----------
    outline
        Closed rings, inside by the even-odd rule.
    tool
        ``brush`` and ``eraser`` follow the points; ``polygon`` adds what the points surround, ``cut`` takes it away.
    points
        At least one, for polygons three.
    radius_px
        Of brush and eraser, in columns.
    shape
        Rows and columns of the film: nothing is drawn outside it.
    aspect
        Height of a pixel over its width.

    Raises
    ------
    UsageError
        If nothing is left, or the points make no polygon.

    """
    before = _area(outline, aspect)
    square = [(x, y * aspect) for x, y in points]
    stroke: BaseGeometry
    if tool in {"brush", "eraser"}:
        line = LineString(square) if len(square) > 1 else Point(square[0])
        stroke = line.buffer(radius_px, quad_segs=12)
    else:
        if len(square) < 3:
            raise UsageError("a polygon has at least three corners", remedy="set more of them")
        stroke = _surrounded(square)
    rows, columns = shape
    film = Polygon([(-0.5, -0.5), (columns - 0.5, -0.5), (columns - 0.5, rows - 0.5), (-0.5, rows - 0.5)])
    stroke = stroke.intersection(affinity.scale(film, 1.0, aspect, origin=(0, 0)))
    after = before.difference(stroke) if tool in {"eraser", "cut"} else before.union(stroke)
    simpler = after.simplify(_SMOOTH_PX) if tool != "polygon" else after
    rings = _rings(simpler, aspect)
    if not rings:
        raise UsageError("nothing of the nodule would be left", remedy="reject it instead (X)")
    return rings


def measured(outline: Outline, spacing_mm: tuple[float, float] | None) -> Measures:
    """Measure an outline; ``spacing_mm``: row and column size of a pixel."""
    row_mm, column_mm = spacing_mm if spacing_mm is not None else (1.0, 1.0)
    area_px = float(_area(outline, 1.0).area)
    points_px = np.array([(y, x) for ring in outline for x, y in ring], dtype=np.float64)
    long_px = extent(points_px).long_axis
    if spacing_mm is None:
        return Measures(area_px, None, long_px, None)
    long_mm = extent(points_px * np.array([row_mm, column_mm])).long_axis
    return Measures(area_px, area_px * row_mm * column_mm, long_px, long_mm)


def _area(outline: Outline | None, aspect: float) -> BaseGeometry:
    """Return the area of closed rings, inside by the even-odd rule."""
    whole: BaseGeometry = MultiPolygon()
    for ring in outline or ():
        whole = whole.symmetric_difference(_surrounded([(x, y * aspect) for x, y in ring]))
    return whole


def _surrounded(ring: Sequence[tuple[float, float]]) -> BaseGeometry:
    """Return the area inside a closed ring; if it crosses itself, on either side of the crossing."""
    polygon = Polygon(ring)
    return polygon if polygon.is_valid else unary_union(list(polygonize(unary_union(LinearRing(ring)))))


def _rings(area: BaseGeometry, aspect: float) -> Outline:
    """Return the rings of an area, largest part first, each part's outer ring before its holes."""
    parts = [part for part in getattr(area, "geoms", [area]) if isinstance(part, Polygon)]
    parts = [part for part in parts if part.area >= _LEAST_AREA_PX * aspect]
    rings: list[tuple[tuple[float, float], ...]] = []
    for part in (orient(part) for part in sorted(parts, key=lambda part: -part.area)):
        rings += [
            tuple((round(x, 2), round(y / aspect, 2)) for x, y in list(ring.coords)[:-1])
            for ring in (part.exterior, *part.interiors)
        ]
    return tuple(ring for ring in rings if len(ring) >= 3)
