"""Whether a film can carry a grade of a hip at all; shared by the systems for hips."""

from __future__ import annotations

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.vocabulary import Region, Structure, View

__all__ = ["why_no_hip", "why_no_hip_from_the_front"]

_LEAST_BONE_MM2 = 400.0
"""Less pelvis or femur than this on a side and there is no hip to grade."""


def why_no_hip(view: SideView) -> Message | None:
    """Why a film cannot carry a grade of this side's hip in any projection, or ``None``."""
    region = view.film.prepared.radiograph.region.value
    if region in {Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB, Region.EXTREMITY} and view.joint is None:
        return Message("not_this_region", region=region)
    anatomy = view.film.anatomy
    cell_mm = anatomy.pixel_mm if anatomy.pixel_mm is not None else view.film.prepared.assumed_pixel_mm
    least = _LEAST_BONE_MM2 / cell_mm**2
    has_implant = bool(anatomy.masks[Structure.IMPLANT].any())
    if view.pelvis.sum() < least:
        return Message("pelvis_not_seen")
    if view.femur.sum() < least:
        return Message("femur_behind_implant") if has_implant else Message("femur_not_seen")
    if view.joint is None:
        return Message("joint_not_seen")
    return None


def why_no_hip_from_the_front(view: SideView) -> Message | None:
    """Likewise for systems that are defined on an AP film."""
    shown = view.film.prepared.radiograph.view.value
    region = view.film.prepared.radiograph.region.value
    elsewhere = region in {Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB, Region.EXTREMITY}
    if shown in {View.LATERAL, View.CROSS_TABLE_LATERAL, View.AXIAL} and not (elsewhere and view.joint is None):
        return Message("not_ap", view=shown)
    return why_no_hip(view)
