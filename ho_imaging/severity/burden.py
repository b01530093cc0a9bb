"""Burden of ectopic bone about a joint, 0 to 100: a continuous score from measured parts, for every region.

A quantity of this program, not a validated scale: no published planimetric score of heterotopic ossification was
found. Formula and a worked example are in ``docs/severity.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ho_imaging.findings.anatomy import HEAD_DIAMETER_MM
from ho_imaging.findings.finding import Finding, Joint
from ho_imaging.severity.grade import Category, Gap

__all__ = ["BurdenParts", "burden_parts", "burden_score", "category_of"]

AREA_POINTS, EXTENT_POINTS, COUNT_POINTS, DENSITY_POINTS, GAP_POINTS = 35.0, 25.0, 10.0, 10.0, 20.0

_UNKNOWN_DENSITY = 0.5


@dataclass(frozen=True)
class BurdenParts:
    """What the score is made of, all relative to the joint's own size.

    ``area``: total area over the area of the femoral head. ``extent``: longest axis over the head's diameter.
    ``count``: number of nodules. ``density``: area-weighted density ratio, ``None`` if not known. ``gap``: remaining
    gap over the head's diameter, 0 when bridged, ``None`` without a spur.
    """

    area: float
    extent: float
    count: int
    density: float | None
    gap: float | None


def burden_parts(
    findings: Sequence[Finding], joint: Joint | None, gap: Gap | None, *, bridged: bool
) -> BurdenParts | None:
    """Measure the parts; ``None`` when neither a joint nor millimetres give a size to compare with."""
    diameter_mm = HEAD_DIAMETER_MM if joint is None else 2.0 * (joint.radius_mm or 0.0)
    if diameter_mm > 0.0 and all(f.area_mm2 is not None for f in findings):
        # In mm, which hold for pixels that are not square too.
        area = sum(f.area_mm2 or 0.0 for f in findings) / (0.25 * math.pi * diameter_mm**2)
        extent = max((f.long_axis_mm or 0.0 for f in findings), default=0.0) / diameter_mm
        gap_relative = None if gap is None or gap.length_mm is None else gap.length_mm / diameter_mm
    elif joint is not None:
        diameter_px = 2.0 * joint.radius_px
        area = sum(f.area_px for f in findings) / (math.pi * joint.radius_px**2)
        extent = max((f.long_axis_px for f in findings), default=0.0) / diameter_px
        gap_relative = None if gap is None else gap.length_px / diameter_px
    else:
        return None
    dense = [(f.area_px, f.density_ratio) for f in findings if f.density_ratio is not None]
    weight = sum(a for a, _ in dense)
    density = sum(a * d for a, d in dense) / weight if weight > 0 else None
    return BurdenParts(area, extent, len(findings), density, 0.0 if bridged else gap_relative)


def burden_score(parts: BurdenParts) -> float:
    """Score 0 to 100; 0 exactly without a nodule, rising in every part (falling in the gap), each part saturating."""
    if parts.count == 0:
        return 0.0
    density = _UNKNOWN_DENSITY if parts.density is None else parts.density
    score = AREA_POINTS * (1.0 - math.exp(-parts.area))
    score += EXTENT_POINTS * (1.0 - math.exp(-parts.extent))
    score += COUNT_POINTS * (1.0 - math.exp(-parts.count / 3.0))
    score += DENSITY_POINTS * min(max(density, 0.0) / 1.5, 1.0)
    if parts.gap is not None:
        score += GAP_POINTS * math.exp(-parts.gap / 0.4)
    return min(score, 100.0)


def category_of(grade: str | None, score: float | None) -> Category | None:
    """The severity in a word.

    Brooker III and IV are what the literature calls high grade, so they are severe whatever the score; a score of 60
    or more is severe in any region, 30 or more (or class II) moderate.
    """
    if grade is None and score is None:
        return None
    if grade == "0" or (grade is None and score == 0.0):
        return Category.NONE
    points = score or 0.0
    if grade in {"III", "IV"} or points >= 60.0:
        return Category.SEVERE
    if grade == "II" or points >= 30.0:
        return Category.MODERATE
    return Category.MILD
