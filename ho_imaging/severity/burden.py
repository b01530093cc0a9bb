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

AREA_POINTS, EXTENT_POINTS, COUNT_POINTS, MINERAL_POINTS, GAP_POINTS = 35.0, 25.0, 10.0, 10.0, 20.0

_UNKNOWN_DENSITY = 0.5
_MOST_DENSITY = 1.5
"""A nodule brighter than this against cortex is no denser: the tone curve is steep there."""


_RESIDUAL_LIMB = {"none", "mild", "moderate", "severe"}


@dataclass(frozen=True)
class BurdenParts:
    """What the score is made of, all relative to the joint's own size.

    ``area``: total area over the area of the femoral head. ``extent``: longest axis over the head's diameter.
    ``count``: number of nodules. ``mineral``: total of each nodule's area times its density ratio, over the area of the
    femoral head. ``gap``: remaining gap over the head's diameter, 0 when bridged, ``None`` without a spur. No part of
    it can fall when a nodule is added.
    """

    area: float
    extent: float
    count: int
    mineral: float
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
    total_px = sum(f.area_px for f in findings)
    dense_px = sum(f.area_px * _density(f) for f in findings)
    mineral = area * dense_px / total_px if total_px > 0.0 else 0.0
    return BurdenParts(area, extent, len(findings), mineral, 0.0 if bridged else gap_relative)


def _density(finding: Finding) -> float:
    ratio = _UNKNOWN_DENSITY if finding.density_ratio is None else finding.density_ratio
    return min(max(ratio, 0.0), _MOST_DENSITY)


def burden_score(parts: BurdenParts) -> float:
    """Score 0 to 100; 0 exactly without a nodule, rising in every part (falling in the gap), each part saturating."""
    if parts.count == 0:
        return 0.0
    score = AREA_POINTS * (1.0 - math.exp(-parts.area))
    score += EXTENT_POINTS * (1.0 - math.exp(-parts.extent))
    score += COUNT_POINTS * (1.0 - math.exp(-parts.count / 3.0))
    score += MINERAL_POINTS * (1.0 - math.exp(-parts.mineral))
    if parts.gap is not None:
        score += GAP_POINTS * math.exp(-parts.gap / 0.4)
    return min(score, 100.0)


def category_of(grade: str | None, score: float | None) -> Category | None:
    """The severity in a word.

    Brooker III and IV are what the literature calls high grade, so they are severe whatever the score; a score of 60
    or more is severe in any region, 30 or more (or class II) moderate. The grades of a residual limb are words already
    and stand as they are.
    """
    if grade is None and score is None:
        return None
    if grade in {"0", "none"} or (grade is None and score == 0.0):
        return Category.NONE
    # As results state it: a score of 60.0 in a result is never less than severe.
    points = round(score or 0.0, 1)
    if grade in {"III", "IV", "severe"} or (points >= 60.0 and grade not in _RESIDUAL_LIMB):
        return Category.SEVERE
    if grade in {"II", "moderate"} or (points >= 30.0 and grade not in _RESIDUAL_LIMB):
        return Category.MODERATE
    return Category.MILD
