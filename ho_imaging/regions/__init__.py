"""Plans of joints and regions: one frozen `RegionPlan` each, a module a joint, and the table of them.

Everything that differs from joint to joint stands in a plan: the structures a network must outline, the two bones
whose gap is measured, the landmark that millimetres and sides come from, what a film must show to be read, the codes
of bones and sites, and the grading system that leads. `findings`, `gate`, `severity`, `progression` and `outputs` read
plans and hold no constants of one joint. ``docs/add-a-joint.md`` says how to add one.
"""

from ho_imaging.regions.hip import UNSTATED
from ho_imaging.regions.plan import COMMON, Bone, Code, Landmark, Pair, RegionPlan, ScopeLimits, Socket
from ho_imaging.regions.table import (
    PLANS,
    all_plans,
    bone_codes,
    is_read,
    plan_of,
    read_regions,
    regions_of,
    stated_regions,
)

__all__ = [
    "COMMON",
    "PLANS",
    "UNSTATED",
    "Bone",
    "Code",
    "Landmark",
    "Pair",
    "RegionPlan",
    "ScopeLimits",
    "Socket",
    "all_plans",
    "bone_codes",
    "is_read",
    "plan_of",
    "read_regions",
    "regions_of",
    "stated_regions",
]
