"""Burden of ectopic bone about a joint, 0 to 100: a continuous score from measured parts, for every region.

A quantity of this program, not a validated scale: no published planimetric score of heterotopic ossification was
found. Formula and a worked example are in ``docs/severity.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ho_imaging.findings.finding import Finding, Joint
from ho_imaging.regions import Landmark
from ho_imaging.severity.grade import Gap

__all__ = ["BurdenParts", "NoduleSize", "burden_of", "burden_parts", "burden_score", "film_burden"]

AREA_POINTS, EXTENT_POINTS, COUNT_POINTS, MINERAL_POINTS, GAP_POINTS = 35.0, 25.0, 10.0, 10.0, 20.0

_UNKNOWN_DENSITY = 0.5
_MOST_DENSITY = 1.5
"""A nodule brighter than this against cortex is no denser: the tone curve is steep there."""


class NoduleSize(NamedTuple):
    """Measures of one nodule that the burden takes: area and long axis in one unit of length, and its density ratio."""

    area: float
    long_axis: float
    density_ratio: float | None


@dataclass(frozen=True)
class BurdenParts:
    """Parts of the score, all relative to the joint's own size.

    ``area``: total area over the area of the landmark. ``extent``: longest axis over the landmark's diameter.
    ``count``: number of nodules. ``mineral``: total of each nodule's area times its density ratio, over the area of the
    landmark. ``gap``: remaining gap over the landmark's diameter, 0 when bridged, ``None`` without a spur. No part of
    it can fall when a nodule is added.
    """

    area: float
    extent: float
    count: int
    mineral: float
    gap: float | None


def burden_of(
    nodules: Sequence[NoduleSize], *, diameter: float, gap: float | None = None, bridged: bool = False
) -> float:
    """Return the burden of a side, 0 to 100: the one place where it is computed.

    Parameters
    ----------
    nodules
        Those that count.
    diameter
        Of the joint's landmark, in the nodules' unit of length.
    gap
        Length of the remaining gap in that unit; ``None`` without a spur.
    bridged
        Ectopic bone is continuous from one opposing bone to the other.

    Returns
    -------
    float
        As `burden_score` has it.

    """
    return burden_score(burden_parts(nodules, diameter=diameter, gap=gap, bridged=bridged))


def burden_parts(
    nodules: Sequence[NoduleSize], *, diameter: float, gap: float | None = None, bridged: bool = False
) -> BurdenParts:
    """Return the parts of the score; parameters as in `burden_of`."""
    disc = 0.25 * math.pi * diameter**2
    relative = None if gap is None else gap / diameter
    return BurdenParts(
        area=sum(nodule.area for nodule in nodules) / disc,
        extent=max((nodule.long_axis for nodule in nodules), default=0.0) / diameter,
        count=len(nodules),
        mineral=sum(nodule.area * _density(nodule.density_ratio) for nodule in nodules) / disc,
        gap=0.0 if bridged else relative,
    )


def film_burden(
    findings: Sequence[Finding], joint: Joint | None, landmark: Landmark | None, gap: Gap | None, *, bridged: bool
) -> float | None:
    """Return the burden of one side of one film.

    Parameters
    ----------
    findings
        Nodules that count.
    joint
        The side's joint; without it the landmark's usual size is what nodules are compared with.
    landmark
        Of the film's plan.
    gap, bridged
        As the side's arrangement has it.

    Returns
    -------
    float or None
        ``None`` when neither a joint nor millimetres give a size to compare with.

    """
    usual_mm = 0.0 if landmark is None else landmark.diameter_mm
    diameter_mm = usual_mm if joint is None else 2.0 * (joint.radius_mm or 0.0)
    if diameter_mm > 0.0 and all(finding.area_mm2 is not None for finding in findings):
        # In mm, which hold for pixels that are not square too.
        sizes = [NoduleSize(f.area_mm2 or 0.0, f.long_axis_mm or 0.0, f.density_ratio) for f in findings]
        return burden_of(sizes, diameter=diameter_mm, gap=None if gap is None else gap.length_mm, bridged=bridged)
    if joint is None:
        return None
    sizes = [NoduleSize(f.area_px, f.long_axis_px, f.density_ratio) for f in findings]
    return burden_of(sizes, diameter=2.0 * joint.radius_px, gap=None if gap is None else gap.length_px, bridged=bridged)


def _density(ratio: float | None) -> float:
    return min(max(_UNKNOWN_DENSITY if ratio is None else ratio, 0.0), _MOST_DENSITY)


def burden_score(parts: BurdenParts) -> float:
    """Return the score, 0 to 100.

    It is 0 exactly without a nodule and rises in every part (falls in the gap); each part saturates.
    """
    if parts.count == 0:
        return 0.0
    score = AREA_POINTS * (1.0 - math.exp(-parts.area))
    score += EXTENT_POINTS * (1.0 - math.exp(-parts.extent))
    score += COUNT_POINTS * (1.0 - math.exp(-parts.count / 3.0))
    score += MINERAL_POINTS * (1.0 - math.exp(-parts.mineral))
    if parts.gap is not None:
        score += GAP_POINTS * math.exp(-parts.gap / 0.4)
    return min(score, 100.0)
