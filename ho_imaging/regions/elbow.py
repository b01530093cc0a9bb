"""Elbows: a grading system and no more. No network here outlines their bones, so their films are not read."""

from __future__ import annotations

from ho_imaging.regions.plan import RegionPlan
from ho_imaging.vocabulary import Region

__all__ = ["ELBOW", "PLANS"]

ELBOW = RegionPlan(
    name="elbow",
    bones=(),
    opposing=(),
    cortex=None,
    landmark=None,
    least_opposing_mm2=0.0,
    gap_reach_mm=0.0,
    magnification=(1.141, 0.041),  # that of hips; elbows lie nearer to the detector
    long_side_mm=400.0,
    scope=None,
    site=None,
    leading_system="hastings_graham",
)

PLANS = {Region.ELBOW: ELBOW}
"""The plan of each region."""
