"""What a film of each region must show to be read: one row a region.

To add a joint, add its rows here. A region without a row is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ho_imaging.vocabulary import Region, Structure

__all__ = ["RULES", "RegionRules"]


@dataclass(frozen=True)
class RegionRules:
    """The rules of one region.

    Attributes
    ----------
    shows
        What a film of the region shows, as a reason names it: regions.
    least_bone_mm2
        Least projected area of each bone; an implant in its place counts as femur.
    is_hip
        Judged as hips: joints in an adult's proportions, and an upright that everybody keeps to.
    is_definite
        The region is stated, so its bones outweigh the network's doubt.
    needs_joint
        A hip joint must be seen, even where the pixel spacing is known.

    """

    shows: tuple[Region, ...]
    least_bone_mm2: Mapping[Structure, float]
    is_hip: bool
    is_definite: bool
    needs_joint: bool


_FEMUR_MM2 = 800.0
_PELVIS_MM2 = 1500.0
"""A hip film shows at least a socket's worth of pelvis and a proximal femur."""

_HIP_BONES = MappingProxyType({Structure.PELVIS: _PELVIS_MM2, Structure.FEMUR: _FEMUR_MM2})
_LIMB_BONES = MappingProxyType({Structure.FEMUR: _FEMUR_MM2})

_UNSTATED = RegionRules(
    (Region.HIP, Region.PELVIS, Region.THIGH), _HIP_BONES, is_hip=True, is_definite=False, needs_joint=True
)
_HIP = RegionRules((Region.HIP, Region.PELVIS), _HIP_BONES, is_hip=True, is_definite=True, needs_joint=False)


def _limb(*shows: Region, is_definite: bool) -> RegionRules:
    return RegionRules(shows, _LIMB_BONES, is_hip=False, is_definite=is_definite, needs_joint=False)


RULES: Mapping[Region, RegionRules] = MappingProxyType(
    {
        Region.PELVIS: _HIP,
        Region.HIP: _HIP,
        Region.THIGH: _limb(Region.THIGH, is_definite=True),
        Region.KNEE: _limb(Region.KNEE, is_definite=True),
        Region.RESIDUAL_LIMB: _limb(Region.RESIDUAL_LIMB, is_definite=True),
        # A hand is an extremity, too.
        Region.EXTREMITY: _limb(Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB, is_definite=False),
        Region.OTHER: _UNSTATED,
        Region.UNKNOWN: _UNSTATED,
    }
)
"""Regions a film may state; where none is known the picture decides, by the rules of hips."""
