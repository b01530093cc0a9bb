"""Hips and pelves; and films of unknown regions, which are judged as hips.

Hip, thigh, knee and residual limb share the bones, the landmark and the network: `legs` takes them from here.
"""

from __future__ import annotations

from dataclasses import replace

from ho_imaging.regions.plan import Bone, Landmark, Pair, RegionPlan, ScopeLimits, Socket
from ho_imaging.vocabulary import Region, Structure

__all__ = ["FEMUR_MM2", "HIP", "PELVIS", "PLANS", "UNSTATED"]

FEMUR_MM2 = 800.0
_PELVIS_MM2 = 1500.0
"""A hip film shows at least a socket's worth of pelvis and a proximal femur."""

_FEMORAL_HEAD = Landmark(
    structure=Structure.FEMORAL_HEAD,
    bone=Structure.FEMUR,
    # Women about 45 mm, men about 51 mm, standard deviation 3.8 mm. Common values; no single source was confirmed.
    diameter_mm=48.0,
    scale_sd=0.08,
    words="femoral heads",
    code=("2812003", "Head of Femur"),
    # The smallest adult head unmagnified to the largest under 1.3. Prostheses have heads of 22 to 60 mm.
    radius_range_mm=(14.0, 40.0),
    least_prosthesis_radius_mm=10.5,
    # About 84 mm. The capsule reaches about two radii, the insertions of the muscles that cross the joint (trochanters,
    # anterior spines) lie at three to three and a half: ossification between them can restrict the joint, further down
    # the thigh it cannot.
    periarticular_radii=3.5,
    # The centres of a pelvis lie about seven radii apart, and each three and a half beside the middle of the film.
    apart_radii=4.0,
    beside_radii=2.0,
    # Far ends of bones are cut differently by every film.
    registered_radii=4.5,
)

_HIPS = Pair(
    joint="hip",
    # 3.0 to 4.6 on 97 real films of adults, 3.0 to 3.9 on simulated ones. Of infants, whose heads have hardly turned to
    # bone, it is 6 and more.
    distance_in_diameters=(2.4, 5.0),
    # 150 to 238 on 311 simulated films (126 to 196 in the body).
    distance_mm=(140.0, 245.0),
    # Up to 31 on real films of adults that show all of the pelvis.
    most_first_bone=40.0,
    # An adult head is bone, or an implant. In small children it is cartilage, which no film shows.
    least_cover=0.4,
    # All of an adult's pelvis projects to 23,000 mm2 and up, collimation takes some.
    first_bone_of_both_mm2=15000.0,
    # On real frontal films of adults 0.58 or more of the upper half is pelvis and up to 0.34 femur, and 0.11 or more of
    # the lower half is femur or implant. On elbows and knees in which a head was seen, 0.77 and more of the upper half
    # is called femur.
    socket=Socket(ring=(1.0, 1.5), least_first_above=0.35, most_second_above=0.5, least_second_below=0.04),
)

_SCOPE = ScopeLimits(
    shows=(Region.HIP, Region.PELVIS),
    least_bone_mm2=((Structure.PELVIS, _PELVIS_MM2), (Structure.FEMUR, FEMUR_MM2)),
    pair=_HIPS,
    is_definite=True,
    needs_joint=False,
)

HIP = RegionPlan(
    name="hip",
    bones=(
        Bone(Structure.PELVIS, least_part_mm2=150.0, code=("118645006", "Bone structure of pelvis")),
        Bone(Structure.FEMUR, least_part_mm2=150.0, code=("71341001", "Femur")),
    ),
    opposing=(Structure.PELVIS, Structure.FEMUR),
    cortex=Structure.FEMUR,
    landmark=_FEMORAL_HEAD,
    least_opposing_mm2=400.0,
    gap_reach_mm=120.0,
    # Lengths at the detector are magnified by 14.1 +- 4.1 % (literature on templating, 119 patients).
    magnification=(1.141, 0.041),
    long_side_mm=300.0,
    scope=_SCOPE,
    site=("29836001", "Hip"),
    leading_system="brooker",
)

PELVIS = replace(HIP, name="pelvis", long_side_mm=430.0)
"""Findings of a pelvis film are graded, and coded, hip by hip."""

UNSTATED = replace(
    HIP,
    name="unstated",
    long_side_mm=400.0,
    scope=replace(_SCOPE, shows=(Region.HIP, Region.PELVIS, Region.THIGH), is_definite=False, needs_joint=True),
    site=None,
)
"""Plan of a film of no known region: the picture decides, by the rules of hips."""

PLANS = {Region.PELVIS: PELVIS, Region.HIP: HIP, Region.OTHER: UNSTATED, Region.UNKNOWN: UNSTATED}
"""The plan of each region."""
