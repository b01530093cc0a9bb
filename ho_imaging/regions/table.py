"""Lookup of the plan of a region."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ho_imaging.regions.elbow import ELBOW
from ho_imaging.regions.hip import HIP, PELVIS, UNSTATED
from ho_imaging.regions.legs import EXTREMITY, KNEE, RESIDUAL_LIMB, THIGH
from ho_imaging.regions.plan import Code, RegionPlan
from ho_imaging.vocabulary import Region, Structure

__all__ = ["PLANS", "all_plans", "bone_codes", "is_read", "plan_of", "read_regions", "regions_of"]

PLANS: Mapping[Region, RegionPlan] = MappingProxyType(
    {
        Region.PELVIS: PELVIS,
        Region.HIP: HIP,
        Region.THIGH: THIGH,
        Region.KNEE: KNEE,
        Region.RESIDUAL_LIMB: RESIDUAL_LIMB,
        Region.EXTREMITY: EXTREMITY,
        Region.ELBOW: ELBOW,
        Region.OTHER: UNSTATED,
        Region.UNKNOWN: UNSTATED,
    }
)
"""The plan of each region; to add a joint, add its row. Films of a region without a row are refused by its name."""


def plan_of(region: Region) -> RegionPlan:
    """Return the plan that a film of a region is read by.

    Parameters
    ----------
    region
        As the file or the caller states it.

    Returns
    -------
    RegionPlan
        That of the region; for a region without one, the plan of films that state none.

    """
    return PLANS.get(region, UNSTATED)


def all_plans() -> tuple[RegionPlan, ...]:
    """Return every plan once, in the order of the table."""
    return tuple(dict.fromkeys(PLANS.values()))


def is_read(region: Region) -> bool:
    """Return True if films of a region are read at all."""
    return region in PLANS and PLANS[region].scope is not None


def read_regions() -> tuple[Region, ...]:
    """Return the regions whose films are read, in the order of the table."""
    return tuple(region for region in PLANS if is_read(region))


def regions_of(structures: Collection[Structure]) -> tuple[Region, ...]:
    """Return the regions that a network which outlines these structures can read."""
    return tuple(region for region in read_regions() if set(plan_of(region).structures) <= set(structures))


def bone_codes() -> dict[Structure, Code]:
    """Return the SNOMED CT code of every bone and landmark of every plan."""
    found: dict[Structure, Code] = {}
    for plan in all_plans():
        found |= {bone.structure: bone.code for bone in plan.bones}
        if plan.landmark is not None:
            found[plan.landmark.structure] = plan.landmark.code
    return found
