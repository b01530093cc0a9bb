"""Films that can carry a grade of a hip; shared by the systems for hips."""

from __future__ import annotations

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.vocabulary import Region, Structure, View

__all__ = ["is_hip", "why_no_hip", "why_no_hip_from_the_front"]

_LEGS = frozenset({Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB, Region.EXTREMITY})
"""Regions whose films may show a hip at their edge."""


def is_hip(view: SideView) -> bool:
    """Return True for a side whose plan looks for a hip."""
    return view.film.anatomy.plan.opposing == (Structure.PELVIS, Structure.FEMUR)


def why_no_hip(view: SideView) -> Message | None:
    """Return why a film cannot carry a grade of this side's hip in any projection, or ``None``."""
    region = view.film.prepared.radiograph.region.value
    if not is_hip(view) or (region in _LEGS and view.joint is None):
        return Message("not_this_region", region=region)
    anatomy = view.film.anatomy
    least = anatomy.plan.least_opposing_mm2 / anatomy.scale.cell_mm**2
    has_implant = bool(anatomy.masks[Structure.IMPLANT].any())
    if view.bones[Structure.PELVIS].sum() < least:
        return Message("pelvis_not_seen")
    if view.bones[Structure.FEMUR].sum() < least:
        return Message("femur_behind_implant") if has_implant else Message("femur_not_seen")
    if view.joint is None:
        return Message("joint_not_seen")
    return None


def why_no_hip_from_the_front(view: SideView) -> Message | None:
    """Return why a film cannot carry a grade that is defined on an AP film, or ``None``."""
    shown = view.film.prepared.radiograph.view.value
    region = view.film.prepared.radiograph.region.value
    elsewhere = not is_hip(view) or (region in _LEGS and view.joint is None)
    if shown in {View.LATERAL, View.CROSS_TABLE_LATERAL, View.AXIAL} and not elsewhere:
        return Message("not_ap", view=shown)
    return why_no_hip(view)
