"""Where the nodules of a side lie to each other and to the bones: all that a grading system needs to know.

Distances are exact ones between sub-pixel outlines, measured once; a grade, and the grades that the uncertainty of the
outlines allows, are then looked up in small tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ho_imaging.findings.finding import Outlines
from ho_imaging.severity.film import FilmReading, SideView
from ho_imaging.vocabulary import Structure

__all__ = [
    "AS_REPORTED",
    "LESS_SURE",
    "NO_NODULE",
    "OUTLINES",
    "SURER",
    "Arrangement",
    "Layout",
    "arrange",
    "lay_out",
    "shape_of",
]

SURER, AS_REPORTED, LESS_SURE = OUTLINES = (0, 1, 2)
"""Which of a nodule's outlines is meant, as in `Finding.levels`."""

TOUCH_PX = 0.5
"""Outlines no further apart touch: less than half a prepared pixel cannot be seen."""

ONE_PIECE_PX = 1.0
"""Nodules with no more than one prepared pixel between them are one piece: a narrower cleft cannot be resolved."""

SUPERIMPOSED_SHARE = 0.9
"""With more of it over native bone than this, a nodule lies in front of or behind the bones and is joined to none."""

_REACH_MM = 120.0

Shape = Any
"""A shapely geometry, (column, row) on the prepared grid."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Nodules of one side at one outline, in prepared pixels.

    ``shapes`` of the nodules (empty where there is none at this outline), ``pelvis`` and ``femur`` without its head;
    ``to_pelvis`` and ``to_femur``: distance of each nodule, (n,); ``between``: of each two, (n, n);
    ``joined_to_pelvis`` and ``joined_to_femur``: bool, (n,).
    """

    shapes: tuple[Shape, ...]
    pelvis: Shape
    femur: Shape
    to_pelvis: NDArray[np.float64]
    to_femur: NDArray[np.float64]
    between: NDArray[np.float64]
    joined_to_pelvis: NDArray[np.bool_]
    joined_to_femur: NDArray[np.bool_]

    def line(self, arrangement: Arrangement) -> NDArray[np.float64] | None:
        """Ends (2, 2) of an arrangement's gap, (row, column) on the prepared grid."""
        if arrangement.gap_between is None:
            return None
        start, end = (self._shape(part) for part in arrangement.gap_between)
        return np.asarray(shapely.get_coordinates(shapely.shortest_line(start, end))[:, ::-1], dtype=np.float64)

    def _shape(self, part: int | Structure) -> Shape:
        if isinstance(part, Structure):
            return self.pelvis if part is Structure.PELVIS else self.femur
        return self.shapes[part]


@dataclass(frozen=True)
class Arrangement:
    """What a choice of nodules amounts to.

    ``pieces``: nodules (indices) that hang together, with whether each is joined to pelvis and femur. ``gap_px``:
    shortest way between ossified pelvis and ossified femur with at least one end on ectopic bone, ``None`` without
    a spur or with none in reach; ``gap_between``: its two ends, a nodule's index or a bone.
    """

    pieces: tuple[tuple[tuple[int, ...], bool, bool], ...]
    gap_px: float | None
    gap_between: tuple[int | Structure, int | Structure] | None

    @cached_property
    def bridged(self) -> bool:
        """Whether ectopic bone is continuous from pelvis to femur."""
        return any(on_pelvis and on_femur for _, on_pelvis, on_femur in self.pieces)

    @cached_property
    def attached(self) -> bool:
        """Whether any of it is joined to pelvis or femur."""
        return any(on_pelvis or on_femur for _, on_pelvis, on_femur in self.pieces)

    @cached_property
    def nodules(self) -> tuple[int, ...]:
        """All nodules that are present."""
        return tuple(sorted(index for piece, _, _ in self.pieces for index in piece))


NO_NODULE = Arrangement((), None, None)
"""What is left where no nodule is one."""


def lay_out(view: SideView, which: int = AS_REPORTED) -> Layout:
    """Measure one side at one of the nodules' outlines; reported nodules come first, then possible ones."""
    findings = (*view.findings, *view.possible)
    if not findings:
        # Nothing lies anywhere: the bones need not be looked at.
        none, nowhere, never = shapely.Polygon(), np.zeros(0), np.zeros(0, dtype=bool)
        return Layout((), none, none, nowhere, nowhere, np.zeros((0, 0)), never, never)
    pelvis, femur, bones = _bones_of_side(view)
    shapes = np.array([shape_of(finding.levels[which]) for finding in findings], dtype=object)
    area = np.maximum(shapely.area(shapes), 1e-9)
    free = shapely.area(shapely.intersection(shapes, bones)) / area <= SUPERIMPOSED_SHARE
    to_pelvis, to_femur = (_distances(shapes, bone) for bone in (pelvis, femur))
    return Layout(
        shapes=tuple(shapes),
        pelvis=pelvis,
        femur=femur,
        to_pelvis=to_pelvis,
        to_femur=to_femur,
        between=_distances(shapes[:, None], shapes[None, :]),
        joined_to_pelvis=free & (to_pelvis <= TOUCH_PX),
        joined_to_femur=free & (to_femur <= TOUCH_PX),
    )


@lru_cache(maxsize=2)
def _bones_of_side(view: SideView) -> tuple[Shape, Shape, Shape]:
    """Pelvis and femur on one side, and both together; the same for every outline of the nodules."""
    low, high = view.columns
    side = shapely.box(low, -1.0, high, float(view.film.prepared.grid.prepared_shape[0]))
    pelvis, femur = (shapely.intersection(bone, side) for bone in _bones(view.film))
    return pelvis, femur, shapely.union(pelvis, femur)


@lru_cache(maxsize=2)
def _bones(film: FilmReading) -> tuple[Shape, Shape]:
    """Pelvis and femur of a film; the same for every side and outline, so they are made once.

    The head is left out: it lies in the socket, so no spur opposes it, and what overlaps it is not joined to the femur.
    """
    pelvis, femur, head = (
        shape_of(film.anatomy.outlines[bone]) for bone in (Structure.PELVIS, Structure.FEMUR, Structure.FEMORAL_HEAD)
    )
    return pelvis, shapely.difference(femur, head)


def arrange(layout: Layout, present: Sequence[bool] | NDArray[np.bool_], *, pixel_mm: float) -> Arrangement:
    """Join the nodules that are present to pieces and find the gap; ``pixel_mm`` bounds how far a gap can reach."""
    indices = [index for index, is_there in enumerate(present) if is_there and not layout.shapes[index].is_empty]
    pieces = []
    for piece in _pieces(indices, layout.between):
        members = np.array(piece)
        pieces.append(
            (piece, bool(layout.joined_to_pelvis[members].any()), bool(layout.joined_to_femur[members].any()))
        )
    gap, ends = _gap(layout, [p for p in pieces if p[1]], [p for p in pieces if p[2]])
    if gap is not None and gap * pixel_mm > _REACH_MM:
        gap, ends = None, None
    return Arrangement(tuple(pieces), gap, ends)


def _pieces(indices: list[int], between: NDArray[np.float64]) -> list[tuple[int, ...]]:
    """Chains of touching nodules."""
    pieces: list[list[int]] = []
    for index in indices:
        touching = [piece for piece in pieces if between[index, piece].min() <= ONE_PIECE_PX + 1e-6]
        pieces = [piece for piece in pieces if piece not in touching]
        pieces.append(sorted([index, *(member for piece in touching for member in piece)]))
    return [tuple(piece) for piece in sorted(pieces)]


def _gap(
    layout: Layout,
    on_pelvis: list[tuple[tuple[int, ...], bool, bool]],
    on_femur: list[tuple[tuple[int, ...], bool, bool]],
) -> tuple[float | None, tuple[int | Structure, int | Structure] | None]:
    """Shortest way between the bones and what is joined to them; the joint space has no end on ectopic bone."""
    found: list[tuple[float, tuple[int | Structure, int | Structure]]] = []
    from_femur = [index for piece, _, _ in on_femur for index in piece]
    from_pelvis = [index for piece, _, _ in on_pelvis for index in piece]
    for index in from_femur:
        found.append((float(layout.to_pelvis[index]), (index, Structure.PELVIS)))
        found += [(float(layout.between[index, other]), (index, other)) for other in from_pelvis if other != index]
    for index in from_pelvis:
        found.append((float(layout.to_femur[index]), (index, Structure.FEMUR)))
    found = [item for item in found if np.isfinite(item[0])]
    if not found:
        return None, None
    return min(found, key=lambda item: item[0])


def _distances(first: NDArray[Any], second: Any) -> NDArray[np.float64]:
    """Distances between shapes; infinite where one is empty."""
    distances = np.asarray(shapely.distance(first, second), dtype=np.float64)
    return np.where(np.isnan(distances), np.inf, distances)


def shape_of(outlines: Outlines) -> Shape:
    """Area inside a set of closed outlines (row, column), holes left out; as shapely geometry (column, row)."""
    rings = [shapely.linearrings(outline[:, ::-1]) for outline in outlines if len(outline) >= 4]
    if not rings:
        return shapely.Polygon()
    # Where outlines lie inside each other, every second one is a hole.
    return shapely.build_area(shapely.multilinestrings(rings))
