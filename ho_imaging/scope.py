"""The scope gate decides whether a film is one the model was made for.

By what the file says first, then by what the network sees. A refused film gets a reason and no grade.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ho_imaging.errors import OutOfScopeError
from ho_imaging.findings.finding import Anatomy
from ho_imaging.network.prediction import Prediction
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.vocabulary import Region, Structure, View

__all__ = ["IN_SCOPE", "ScopeReading", "check_anatomy", "check_attributes"]

LIMBS = frozenset({Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB, Region.EXTREMITY})
"""Regions that show a femur, but need not show a hip."""

IN_SCOPE = frozenset({Region.PELVIS, Region.HIP, Region.UNKNOWN, Region.OTHER}) | LIMBS
"""Regions a film may state; unknown ones are left to the network's judgement."""

_STATED_HIPS = frozenset({Region.PELVIS, Region.HIP})

_LEAST_BONE_MM2 = {Structure.PELVIS: 1500.0, Structure.FEMUR: 800.0}
"""A hip film shows at least a socket's worth of pelvis and a proximal femur."""

_PELVIS_OF_BOTH_HIPS_MM2 = 15000.0
"""Least pelvis on a film of both hips of an adult: all of it projects to 23,000 mm2 and up, collimation takes some."""

_LEAST_BODY_SHARE = 0.10

_JOINT_DISTANCE_IN_DIAMETERS = (2.7, 4.4)
"""Distance between adult hip centres over the head's diameter: 175 over 48 mm, with room for tilt and error.

Simulated adults lie between 3.0 and 3.9; small children, whose heads are still small, above 4.7."""

_ADULT_JOINT_DISTANCE_MM = (140.0, 245.0)
"""Between the heads of an adult's hips on the film: 150 to 238 on 311 simulated ones (126 to 196 in the body)."""

_MOST_PELVIS_IN_HEADS = 28.0
"""Most pelvis about one joint, in squares of the head's diameter: 14 on 50 films of adults that show one, 23 where both
do; an infant's, whose head has hardly turned to bone, 34."""

_LEAST_HEAD_COVER = 0.4
"""An adult head is bone, or an implant. In small children it is cartilage, which no film shows."""


@dataclass(frozen=True)
class ScopeReading:
    """What the gate decided by; ``reason`` is ``None`` for a film in scope."""

    reason: str | None
    scope_probability: float | None


def check_attributes(radiograph: Radiograph) -> None:
    """Refuse a film whose file says that it shows something else.

    Raises
    ------
    OutOfScopeError
        Naming the region and where it was read.

    """
    region = radiograph.region
    if region.value not in IN_SCOPE:
        raise OutOfScopeError(
            f"shows {region.value.value.replace('_', ' ')} by its {region.source}; the model reads hips, pelves, "
            "thighs and knees",
            path=radiograph.path,
            remedy="leave it out, or pass region= if the file is wrong",
        )


def check_anatomy(prediction: Prediction, anatomy: Anatomy, scope_threshold: float) -> ScopeReading:
    """Judge by the picture: the network's own word on scope, and whether the bones of a hip are there.

    Two joints in an adult's proportions with bones to match outweigh the network's word: that knows whole films by
    their look, and no training holds the look of every maker. A joint is asked for where the file does not say that
    it shows a hip, and where nothing else gives a size.
    """
    probability = prediction.scope_probability
    doubted = probability is not None and scope_threshold > 0.0 and probability < scope_threshold
    if doubted and not _shows_two_adult_hips(prediction, anatomy):
        asked = f"probability {probability:.2f}, {scope_threshold:.2f} is asked for"
        reason = f"does not look like a hip, pelvis or thigh ({asked})"
        return ScopeReading(reason, probability)
    valid = prediction.prepared.valid
    if not valid.any() or anatomy.masks[Structure.BODY][valid].mean() < _LEAST_BODY_SHARE:
        return ScopeReading("shows too little of a body: blank, shuttered or exposed wrongly", probability)
    region = prediction.prepared.radiograph.region.value
    limb = region in LIMBS
    for structure, least in _LEAST_BONE_MM2.items():
        if limb and structure is Structure.PELVIS:
            continue
        if _area_mm2(prediction, anatomy, structure) < least:
            return ScopeReading(f"shows no {structure.value} that could be recognised", probability)
    if limb and not anatomy.joints:
        return ScopeReading(None, probability)
    if not anatomy.joints and (anatomy.pixel_mm is None or region not in _STATED_HIPS):
        return ScopeReading("shows no hip joint, and nothing says that it is a hip or how large it is", probability)
    return ScopeReading(_why_no_adult(prediction, anatomy), probability)


def _shows_two_adult_hips(prediction: Prediction, anatomy: Anatomy) -> bool:
    """Whether there are two hips, each with its head in a socket, in an adult's proportions."""
    if len(anatomy.joints) != 2 or _why_no_adult(prediction, anatomy) is not None:
        return False
    pelvis_mm2, femur_mm2 = (_area_mm2(prediction, anatomy, bone) for bone in (Structure.PELVIS, Structure.FEMUR))
    # On a film of both hips more pelvis shows than femur.
    return pelvis_mm2 >= max(_PELVIS_OF_BOTH_HIPS_MM2, femur_mm2)


def _area_mm2(prediction: Prediction, anatomy: Anatomy, structure: Structure) -> float:
    """Projected area of a structure, by the film's own spacing or the one it was prepared with."""
    cell_mm = anatomy.pixel_mm if anatomy.pixel_mm is not None else prediction.prepared.assumed_pixel_mm
    return float(anatomy.masks[structure].sum()) * cell_mm**2


def _why_no_adult(prediction: Prediction, anatomy: Anatomy) -> str | None:
    """Why the joints are not those of an adult, or ``None``."""
    # From the side one joint lies in front of the other.
    lateral = prediction.prepared.radiograph.view.value in {View.LATERAL, View.CROSS_TABLE_LATERAL}
    if len(anatomy.joints) == 2 and not lateral:
        first, second = anatomy.joints
        grid = prediction.prepared.grid
        centers = grid.points_to_prepared(np.array([first.center_px, second.center_px]))
        diameter = (first.radius_px + second.radius_px) / grid.column_scale
        ratio = float(np.linalg.norm(centers[1] - centers[0])) / diameter
        least, most = _JOINT_DISTANCE_IN_DIAMETERS
        spacing_mm = prediction.prepared.pixel_mm
        apart_mm = 0.0 if spacing_mm is None else ratio * diameter * spacing_mm
        # A head that is outlined too small looks like a child's; millimetres that the film states tell them apart.
        is_adult = _ADULT_JOINT_DISTANCE_MM[0] <= apart_mm <= _ADULT_JOINT_DISTANCE_MM[1]
        if ratio < least or (ratio > most and not is_adult):
            return f"shows joints that are not in an adult's proportions (distance {ratio:.1f} head diameters)"
    if len(anatomy.joints) == 1 and not lateral:
        diameter = 2.0 * anatomy.joints[0].radius_px / prediction.prepared.grid.column_scale
        in_heads = float(anatomy.masks[Structure.PELVIS].sum()) / diameter**2
        if in_heads > _MOST_PELVIS_IN_HEADS:
            return f"shows a head too small for its pelvis, as a child's is ({in_heads:.0f} squares of its diameter)"
    heads = anatomy.masks[Structure.FEMORAL_HEAD]
    solid = anatomy.masks[Structure.FEMUR] | anatomy.masks[Structure.IMPLANT]
    if heads.any() and float(solid[heads].mean()) < _LEAST_HEAD_COVER:
        return "shows femoral heads that are not bone: a child's hip, or no hip at all"
    return None
