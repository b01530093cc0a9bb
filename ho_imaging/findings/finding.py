"""Output of findings: nodules with their measures, and the anatomy they are graded against.

Points and contours are (row, column) in source pixels, pixel centres at whole numbers. Every ``*_mm`` is ``None``
when the film has no believable spacing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ho_imaging.findings.outline import extent
from ho_imaging.findings.shapes import shape_of
from ho_imaging.findings.sides import SidePlan
from ho_imaging.preparing.scale import Scale
from ho_imaging.regions import RegionPlan
from ho_imaging.vocabulary import Side, Structure

__all__ = ["Anatomy", "Finding", "Joint"]

Point = tuple[float, float]
Outlines = tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, eq=False)
class Joint:
    """A joint as seen on the film: centre and radius of its landmark, or of the implant in its place."""

    side: Side
    center_px: Point
    radius_px: float
    radius_mm: float | None


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Native bone, implants and joints of one film.

    ``masks`` are bool on the prepared grid, (rows, columns), for the plan's bones and landmark, implant and body.
    ``outlines``: closed sub-pixel outlines of bones and landmark on the prepared grid, each (n, 2). ``sides``: which
    side of the patient is where. ``scale``: how large a cell is, perhaps by the landmark (basis ``anatomical``).
    ``plan``: what is known of the region.
    """

    masks: Mapping[Structure, NDArray[np.bool_]]
    outlines: Mapping[Structure, Outlines]
    joints: tuple[Joint, ...]
    sides: SidePlan
    scale: Scale
    plan: RegionPlan


@dataclass(frozen=True, eq=False)
class Finding:
    """One ectopic nodule on one film.

    ``contours_px``: closed outlines, each an (n, 2) array, outer ones and holes. ``confidence``: calibrated
    probability that this is ectopic bone. ``density_ratio``: its brightness over its surround relative to the
    patient's own cortical bone (1.0 as bright as cortex), ``None`` where no cortex can be sampled. ``joined_to``:
    native structures it touches on this film. ``long_axis_px`` ends are ``long_axis_ends_px``.
    ``area_range_mm2``: area within the outline where the map is surer, and within the one where it is less sure.
    ``mask``: bool on the prepared grid, the nodule alone. ``levels``: its outlines on the prepared grid where the map
    is surer, as reported, and less sure; the first may be empty, the last may take in a neighbour.
    ``core_cells``, ``fringe_cells``: cells of the prepared grid in which the map reaches 0.95 and 0.05, in the nodule
    and in what joins it at 0.05; 0 for a nodule that is known by its outline alone.
    """

    id: str
    sop_instance_uid: str
    side: Side
    contours_px: tuple[NDArray[np.float64], ...]
    centroid_px: Point
    long_axis_ends_px: tuple[Point, Point]
    short_axis_ends_px: tuple[Point, Point]
    area_px: float
    area_mm2: float | None
    area_range_mm2: tuple[float, float] | None
    long_axis_px: float
    long_axis_mm: float | None
    short_axis_px: float
    short_axis_mm: float | None
    mean_probability: float
    confidence: float
    density_ratio: float | None
    nearest_bone: Structure | None
    distance_to_bone_mm: float | None
    distance_to_joint_mm: float | None
    distance_to_joint_radii: float | None
    periarticular: bool | None
    joined_to: tuple[Structure, ...]
    mask: NDArray[np.bool_]
    levels: tuple[Outlines, Outlines, Outlines]
    core_cells: int = 0
    fringe_cells: int = 0

    @classmethod
    def outlined(
        cls,
        contours_px: Sequence[NDArray[np.float64]],
        *,
        name: str,
        sop_instance_uid: str,
        side: Side,
        spacing_mm: tuple[float, float] | None,
        confidence: float,
        density_ratio: float | None = None,
        mask: NDArray[np.bool_] | None = None,
        levels: tuple[Outlines, Outlines, Outlines] = ((), (), ()),
    ) -> Finding:
        """Return a nodule that is known by its outline alone, measured as a found one is; nothing about it is known.

        Parameters
        ----------
        contours_px
            Closed outlines, each (n, 2) of (row, column) in source pixels; one in another is a hole.
        name
            Its id.
        sop_instance_uid
            Its film.
        side
            The side it belongs to.
        spacing_mm
            Row and column spacing of the source pixels in mm; ``None`` without millimetres.
        confidence
            How sure it is to be ectopic bone; its probability as well.
        density_ratio
            As it was measured, if it was.
        mask, levels
            On the prepared grid, where there is one.

        """
        shape = shape_of(contours_px)
        row_mm, column_mm = spacing_mm or (1.0, 1.0)
        scale = np.array([row_mm, column_mm])
        size = extent(np.concatenate(contours_px) * scale)
        long_ends, short_ends = size.long_ends / scale, size.short_ends / scale
        in_mm = spacing_mm is not None
        area_px = float(shape.area)
        # An outline that crosses itself may enclose nothing.
        middle = shape.centroid.coords[0][::-1] if area_px else np.concatenate(contours_px).mean(axis=0)
        return cls(
            id=name,
            sop_instance_uid=sop_instance_uid,
            side=side,
            contours_px=tuple(contours_px),
            centroid_px=(float(middle[0]), float(middle[1])),
            long_axis_ends_px=_ends(long_ends),
            short_axis_ends_px=_ends(short_ends),
            area_px=area_px,
            area_mm2=area_px * row_mm * column_mm if in_mm else None,
            area_range_mm2=None,
            long_axis_px=float(np.linalg.norm(long_ends[1] - long_ends[0])),
            long_axis_mm=size.long_axis if in_mm else None,
            short_axis_px=float(np.linalg.norm(short_ends[1] - short_ends[0])),
            short_axis_mm=size.short_axis if in_mm else None,
            mean_probability=confidence,
            confidence=confidence,
            density_ratio=density_ratio,
            nearest_bone=None,
            distance_to_bone_mm=None,
            distance_to_joint_mm=None,
            distance_to_joint_radii=None,
            periarticular=None,
            joined_to=(),
            mask=np.zeros((0, 0), dtype=bool) if mask is None else mask,
            levels=levels,
        )


def _ends(points: NDArray[np.float64]) -> tuple[Point, Point]:
    return (float(points[0, 0]), float(points[0, 1])), (float(points[1, 0]), float(points[1, 1]))
