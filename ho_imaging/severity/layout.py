"""Layout of the nodules of a side to each other and to the bones: all that a grading system needs to know.

Distances are exact ones between sub-pixel outlines, measured once; a grade, and the grades that the uncertainty of the
outlines allows, are then looked up in small tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ho_imaging.findings.shapes import Shape, shape_of
from ho_imaging.severity.film import SideView
from ho_imaging.vocabulary import Structure

__all__ = [
    "AS_REPORTED",
    "LESS_SURE",
    "NO_NODULE",
    "OUTLINES",
    "SURER",
    "Arrangement",
    "Layout",
    "Piece",
    "arrange",
    "lay_out_side",
]

SURER, AS_REPORTED, LESS_SURE = OUTLINES = (0, 1, 2)
"""One of a nodule's outlines, as in `Finding.levels`."""

TOUCH_PX = 0.5
"""Outlines no further apart touch: less than half a prepared pixel cannot be seen."""

ONE_PIECE_PX = 1.0
"""Nodules with no more than one prepared pixel between them are one piece: a narrower cleft cannot be resolved."""

SUPERIMPOSED_SHARE = 0.9
"""With more of it over native bone than this, a nodule lies in front of or behind the bones and is joined to none."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Nodules of one side at one outline, in prepared pixels.

    ``shapes`` of the nodules, empty where there is none at this outline; ``bones``: the opposing bones without what
    lies in the joint; ``to_bone``: distance of each nodule to each bone, (n,); ``between``: of each two, (n, n);
    ``joined``: nodules that are joined to each bone, bool (n,).
    """

    shapes: tuple[Shape, ...]
    bones: Mapping[Structure, Shape]
    to_bone: Mapping[Structure, NDArray[np.float64]]
    between: NDArray[np.float64]
    joined: Mapping[Structure, NDArray[np.bool_]]

    def line(self, arrangement: Arrangement) -> NDArray[np.float64] | None:
        """Return the ends (2, 2) of an arrangement's gap, (row, column) on the prepared grid."""
        if arrangement.gap_between is None:
            return None
        start, end = (self._shape(part) for part in arrangement.gap_between)
        return np.asarray(shapely.get_coordinates(shapely.shortest_line(start, end))[:, ::-1], dtype=np.float64)

    def _shape(self, part: int | Structure) -> Shape:
        return self.bones[part] if isinstance(part, Structure) else self.shapes[part]


class Piece(NamedTuple):
    """Nodules (indices) that hang together, and whether they are joined to the first and second opposing bone."""

    nodules: tuple[int, ...]
    on_first: bool
    on_second: bool


@dataclass(frozen=True)
class Arrangement:
    """Result of a choice of nodules.

    ``gap_px``: shortest way between the opposing bones, ossified, with at least one end on ectopic bone, ``None``
    without a spur or with none in reach; ``gap_between``: its two ends, a nodule's index or a bone.
    """

    pieces: tuple[Piece, ...]
    gap_px: float | None
    gap_between: tuple[int | Structure, int | Structure] | None

    @cached_property
    def bridged(self) -> bool:
        """Return True if ectopic bone is continuous from one opposing bone to the other."""
        return any(piece.on_first and piece.on_second for piece in self.pieces)

    @cached_property
    def attached(self) -> bool:
        """Return True if any of it is joined to an opposing bone."""
        return any(piece.on_first or piece.on_second for piece in self.pieces)

    @cached_property
    def nodules(self) -> tuple[int, ...]:
        """Return all nodules that are present."""
        return tuple(sorted(index for piece in self.pieces for index in piece.nodules))


NO_NODULE = Arrangement((), None, None)
"""Layout without any nodule."""


def lay_out_side(view: SideView) -> dict[int, Layout]:
    """Measure one side at each of its nodules' outlines.

    Parameters
    ----------
    view
        The side; reported nodules come first, then possible ones.

    Returns
    -------
    dict of int to Layout
        By outline, one of `OUTLINES`.

    """
    if not (view.findings or view.possible):
        # Nothing lies anywhere: the bones need not be looked at.
        empty = Layout((), {}, {}, np.zeros((0, 0)), {})
        return dict.fromkeys(OUTLINES, empty)
    bones = {name: _Bone(shape) for name, shape in _bones_of_side(view).items()}
    return {which: _lay_out(view, which, bones) for which in OUTLINES}


def _lay_out(view: SideView, which: int, bones: Mapping[Structure, _Bone]) -> Layout:
    """Measure one side by its own bones."""
    findings = (*view.findings, *view.possible)
    shapes = np.array([shape_of(finding.levels[which]) for finding in findings], dtype=object)
    area = np.maximum(shapely.area(shapes), 1e-9)
    free = _area_over_bone(shapes, [bone.shape for bone in bones.values()]) / area <= SUPERIMPOSED_SHARE
    to_bone = {name: bone.distances(shapes) for name, bone in bones.items()}
    return Layout(
        shapes=tuple(shapes),
        bones={name: bone.shape for name, bone in bones.items()},
        to_bone=to_bone,
        between=_between(shapes),
        joined={name: free & (distance <= TOUCH_PX) for name, distance in to_bone.items()},
    )


def _bones_of_side(view: SideView) -> dict[Structure, Shape]:
    """Return the opposing bones on one side."""
    low, high = view.columns
    side = shapely.box(low, -1.0, high, float(view.film.prepared.grid.prepared_shape[0]))
    return {name: shapely.intersection(bone, side) for name, bone in view.film.bone_shapes.items()}


def _area_over_bone(shapes: NDArray[Any], bones: Sequence[Shape]) -> NDArray[np.float64]:
    """Return the area of each shape that lies over one bone or more.

    Bones are taken off each other within the shape: making one of them all takes longer than all the rest.
    """
    total = np.zeros(len(shapes))
    left = shapes.copy()
    for number, bone in enumerate(bones):
        over = np.flatnonzero(shapely.intersects(bone, left))  # in this order a prepared bone helps
        total[over] += shapely.area(shapely.intersection(left[over], bone))
        if number < len(bones) - 1:
            left[over] = shapely.difference(left[over], bone)
    return total


def arrange(layout: Layout, present: Sequence[bool] | NDArray[np.bool_], *, reach_px: float) -> Arrangement:
    """Join the nodules that are present to pieces and find the gap; one wider than ``reach_px`` is none."""
    indices = [index for index, is_there in enumerate(present) if is_there and not layout.shapes[index].is_empty]
    pieces = []
    for piece in _pieces(indices, layout.between):
        members = np.array(piece)
        on_first, on_second = [bool(joined[members].any()) for joined in layout.joined.values()] or (False, False)
        pieces.append(Piece(piece, on_first, on_second))
    gap, ends = _gap(layout, pieces)
    if gap is not None and gap > reach_px:
        gap, ends = None, None
    return Arrangement(tuple(pieces), gap, ends)


def _pieces(indices: list[int], between: NDArray[np.float64]) -> list[tuple[int, ...]]:
    """Return the chains of touching nodules."""
    pieces: list[list[int]] = []
    for index in indices:
        touching = [piece for piece in pieces if between[index, piece].min() <= ONE_PIECE_PX + 1e-6]
        pieces = [piece for piece in pieces if piece not in touching]
        pieces.append(sorted([index, *(member for piece in touching for member in piece)]))
    return [tuple(piece) for piece in sorted(pieces)]


def _gap(
    layout: Layout, pieces: Sequence[Piece]
) -> tuple[float | None, tuple[int | Structure, int | Structure] | None]:
    """Return the shortest way between the bones and what is joined to them.

    The joint space has no end on ectopic bone, so it never counts.
    """
    if not layout.bones:
        return None, None
    first, second = layout.bones
    found: list[tuple[float, tuple[int | Structure, int | Structure]]] = []
    from_second = [index for piece in pieces if piece.on_second for index in piece.nodules]
    from_first = [index for piece in pieces if piece.on_first for index in piece.nodules]
    for index in from_second:
        found.append((float(layout.to_bone[first][index]), (index, first)))
        found += [(float(layout.between[index, other]), (index, other)) for other in from_first if other != index]
    for index in from_first:
        found.append((float(layout.to_bone[second][index]), (index, second)))
    found = [item for item in found if np.isfinite(item[0])]
    if not found:
        return None, None
    return min(found, key=lambda item: item[0])


def _between(shapes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the distances (n, n) of shapes from each other; infinite where one is empty."""
    first, second = np.triu_indices(len(shapes))
    distances = np.full((len(shapes), len(shapes)), np.inf)
    found = np.asarray(shapely.distance(shapes[first], shapes[second]), dtype=np.float64)
    distances[first, second] = distances[second, first] = np.where(np.isnan(found), np.inf, found)
    return distances


class _Bone:
    """A bone whose distance is asked for many times: its outline in short pieces, of which near ones are measured."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        shapely.prepare(shape)
        # Where a bone ends at the film's midline, a part of it may be a mere line.
        lines = [part.boundary if isinstance(part, shapely.Polygon) else part for part in shapely.get_parts(shape)]
        rings = [shapely.get_coordinates(ring) for ring in shapely.get_parts(lines)]
        pieces = [
            shapely.LineString(ring[start : start + _PIECE + 1])
            for ring in rings
            for start in range(0, len(ring) - 1, _PIECE)
        ]
        self._pieces = shapely.STRtree(pieces)

    def distances(self, shapes: NDArray[Any]) -> NDArray[np.float64]:
        """Return the distance of each shape; infinite where it or the bone is empty."""
        distances = np.full(len(shapes), np.inf)
        (asked, _), found = self._pieces.query_nearest(shapes, return_distance=True, all_matches=False)
        distances[asked] = found
        distances[shapely.intersects(self.shape, shapes)] = 0.0
        return distances


_PIECE = 16
"""Points of a piece of an outline."""
