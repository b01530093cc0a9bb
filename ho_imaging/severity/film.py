"""One film as the grader sees it: bones, nodules and joints of one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from ho_imaging.findings.finding import Anatomy, Finding, Joint
from ho_imaging.findings.shapes import Shape, shape_of
from ho_imaging.preparing.prepared import Prepared
from ho_imaging.preparing.quality import FilmQuality
from ho_imaging.vocabulary import Side, Structure

__all__ = ["FilmReading", "SideView", "has_measurable_joint", "sides_shown", "view_of_side"]


@dataclass(frozen=True, eq=False)
class FilmReading:
    """Everything read off one film."""

    prepared: Prepared
    anatomy: Anatomy
    findings: tuple[Finding, ...]
    possible: tuple[Finding, ...] = ()
    """Possible ectopic bone that is not reported as such: below the operating threshold, or on a film too coarse."""
    highest: Mapping[Side, float] = field(default_factory=dict)
    """Of each side, the highest operating threshold at which something would be outlined there."""
    quality: FilmQuality | None = None
    """The film as a picture; ``None`` where nobody measured it."""

    @cached_property
    def bone_shapes(self) -> Mapping[Structure, Shape]:
        """Opposing bones of the film's plan without the landmark, which lies in the joint: no spur opposes it.

        What overlaps it is joined to nothing. Made once, for they are the same for every side and outline.
        """
        anatomy = self.anatomy
        shapes = {bone: shape_of(anatomy.outlines[bone]) for bone in anatomy.plan.opposing}
        landmark = anatomy.plan.landmark
        if landmark is not None and landmark.bone in shapes:
            end = shape_of(anatomy.outlines[landmark.structure])
            shapes[landmark.bone] = shapely.difference(shapes[landmark.bone], end)
        return shapes


@dataclass(frozen=True, eq=False)
class SideView:
    """One side of one film.

    ``bones``: masks of the plan's bones, cut at the midline; bool, prepared grid.
    """

    side: Side
    film: FilmReading
    bones: Mapping[Structure, NDArray[np.bool_]]
    joint: Joint | None
    findings: tuple[Finding, ...]
    possible: tuple[Finding, ...]
    columns: tuple[float, float]
    """First and last edge of this side's columns on the prepared grid."""


def sides_shown(film: FilmReading) -> tuple[Side, ...]:
    """Return the sides a film shows: those that can be told apart on it, and those of its joints and findings."""
    plan = film.anatomy.sides
    sides = {joint.side for joint in film.anatomy.joints} | {finding.side for finding in film.findings}
    sides |= {plan.first, plan.second}
    if len(sides) > 1:
        # With one side named, what could not be placed belongs to no side of its own.
        sides.discard(Side.UNKNOWN)
    # A film that shows no side at all still gets a line that says why it carries no class.
    sides = sides or {Side.UNKNOWN}
    return tuple(side for side in (Side.RIGHT, Side.LEFT, Side.UNKNOWN) if side in sides)


def view_of_side(film: FilmReading, side: Side) -> SideView:
    """Cut a film down to one side: columns nearer to the other side's half are left out."""
    anatomy, grid = film.anatomy, film.prepared.grid
    columns_px = grid.column_offset + grid.column_scale * np.arange(grid.prepared_shape[1])
    plan, wanted = anatomy.sides, {side, Side.UNKNOWN}
    here = np.where(columns_px < plan.middle_px, plan.first in wanted, plan.second in wanted)
    own = np.flatnonzero(here)
    edges = (float(own[0]) - 0.5, float(own[-1]) + 0.5) if own.size else (0.0, 0.0)
    return SideView(
        side=side,
        film=film,
        bones={bone: anatomy.masks[bone] & here for bone in anatomy.plan.bone_structures},
        joint=next((joint for joint in anatomy.joints if joint.side in {side, Side.UNKNOWN}), None),
        findings=tuple(finding for finding in film.findings if finding.side in {side, Side.UNKNOWN}),
        possible=tuple(finding for finding in film.possible if finding.side in {side, Side.UNKNOWN}),
        columns=edges,
    )


def has_measurable_joint(view: SideView) -> bool:
    """Return True if a side shows its joint and enough of both opposing bones, so that a gap means something."""
    anatomy = view.film.anatomy
    least = anatomy.plan.least_opposing_mm2 / anatomy.scale.cell_mm**2
    opposing = anatomy.plan.opposing
    return view.joint is not None and bool(opposing) and all(view.bones[bone].sum() >= least for bone in opposing)
