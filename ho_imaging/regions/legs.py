"""Thigh, knee and residual limb: films of the femur, read by the network that reads hips."""

from __future__ import annotations

from dataclasses import replace

from ho_imaging.regions.hip import FEMUR_MM2, HIP
from ho_imaging.regions.plan import RegionPlan, ScopeLimits
from ho_imaging.vocabulary import Region, Structure

__all__ = ["EXTREMITY", "KNEE", "PLANS", "RESIDUAL_LIMB", "THIGH"]


def _limb(*shows: Region, is_definite: bool = True) -> ScopeLimits:
    """Return the limits of a limb, which shows a femur."""
    return ScopeLimits(shows, ((Structure.FEMUR, FEMUR_MM2),), pair=None, is_definite=is_definite, needs_joint=False)


THIGH: RegionPlan = replace(
    HIP, name="thigh", long_side_mm=430.0, scope=_limb(Region.THIGH), site=("68367000", "Thigh")
)
KNEE: RegionPlan = replace(HIP, name="knee", long_side_mm=400.0, scope=_limb(Region.KNEE), site=("72696002", "Knee"))
RESIDUAL_LIMB: RegionPlan = replace(
    HIP,
    name="residual_limb",
    long_side_mm=400.0,
    scope=_limb(Region.RESIDUAL_LIMB),
    site=("68367000", "Thigh"),
    leading_system="walter_reed",
)
EXTREMITY: RegionPlan = replace(
    HIP,
    name="extremity",
    long_side_mm=400.0,
    # A hand is an extremity, too.
    scope=_limb(Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB, is_definite=False),
    site=None,
)

PLANS = {
    Region.THIGH: THIGH,
    Region.KNEE: KNEE,
    Region.RESIDUAL_LIMB: RESIDUAL_LIMB,
    Region.EXTREMITY: EXTREMITY,
}
"""The plan of each region."""
