"""What findings hands on: nodules with their measures, and the anatomy they are graded against.

Points and contours are (row, column) in source pixels, pixel centres at whole numbers. Every ``*_mm`` is ``None``
when the film has no believable spacing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
