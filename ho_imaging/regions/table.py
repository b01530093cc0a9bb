"""Lookup of the plan of a region. To add a joint, add a module beside this one with its ``PLANS``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ho_imaging.files.modules_beside import modules_beside
from ho_imaging.regions.hip import UNSTATED
from ho_imaging.regions.plan import Code, RegionPlan
from ho_imaging.vocabulary import Region, Structure

__all__ = [
    "PLANS",
    "all_plans",
    "bone_codes",
    "is_read",
    "plan_of",
    "read_regions",
    "regions_of",
    "stated_regions",
]


def find_plans() -> dict[Region, RegionPlan]:
    """Return the plans of the modules of this package that hold ``PLANS``, in the order of `Region`.

    Raises
    ------
    LookupError
        If two modules hold a plan of one region.

    """
    found: dict[Region, RegionPlan] = {}
    for module in modules_beside(__name__):
        plans = getattr(module, "PLANS", {})
        for region in plans.keys() & found.keys():
            raise LookupError(f"{region} has a plan in {module.__name__.rpartition('.')[2]} and another one")
        found |= plans
    return {region: found[region] for region in Region if region in found}


PLANS: Mapping[Region, RegionPlan] = MappingProxyType(find_plans())
"""The plan of each region. Films of a region without one are refused by its name."""


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


def stated_regions() -> tuple[Region, ...]:
    """Return the regions that a caller can state to have a film read by the rules of its joint."""
    found = ((region, plan_of(region).scope) for region in read_regions())
    return tuple(region for region, scope in found if scope is not None and scope.is_definite)


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
