"""The scope gate decides whether a film is one the model was made for.

By what the file says first, then by what the network sees. A refused film gets a reason and no grade.
"""

from __future__ import annotations

from dataclasses import dataclass

from ho_imaging.errors import OutOfScopeError
from ho_imaging.findings.finding import Anatomy
from ho_imaging.network.prediction import Prediction
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.vocabulary import Region, Structure

__all__ = ["IN_SCOPE", "ScopeReading", "check_anatomy", "check_attributes"]

IN_SCOPE = frozenset({Region.PELVIS, Region.HIP, Region.THIGH, Region.UNKNOWN, Region.OTHER, Region.EXTREMITY})
"""Regions a film may state; unknown ones are left to the network's judgement."""

_LEAST_BONE_MM2 = {Structure.PELVIS: 1500.0, Structure.FEMUR: 800.0}
"""A hip film shows at least a socket's worth of pelvis and a proximal femur."""

_LEAST_BODY_SHARE = 0.10


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
            f"shows {region.value.value.replace('_', ' ')} by its {region.source}; the model reads hips and pelves",
            path=radiograph.path,
            remedy="leave it out, or pass region= if the file is wrong",
        )


def check_anatomy(prediction: Prediction, anatomy: Anatomy, scope_threshold: float) -> ScopeReading:
    """Judge by the picture: the network's own word on scope, and whether the bones of a hip are there.

    A film without spacing that shows no femoral head cannot be measured at all, so the head is asked for there.
    """
    probability = prediction.scope_probability
    if probability is not None and scope_threshold > 0.0 and probability < scope_threshold:
        reason = (
            f"does not look like a hip or pelvis (probability {probability:.2f}, {scope_threshold:.2f} is asked for)"
        )
        return ScopeReading(reason, probability)
    valid = prediction.prepared.valid
    if not valid.any() or anatomy.masks[Structure.BODY][valid].mean() < _LEAST_BODY_SHARE:
        return ScopeReading("shows too little of a body: blank, shuttered or exposed wrongly", probability)
    cell_mm = anatomy.pixel_mm if anatomy.pixel_mm is not None else prediction.prepared.assumed_pixel_mm
    for structure, least in _LEAST_BONE_MM2.items():
        area = float(anatomy.masks[structure].sum()) * cell_mm**2
        if area < least:
            return ScopeReading(f"shows no {structure.value} that could be recognised", probability)
    if not anatomy.joints and anatomy.pixel_mm is None:
        return ScopeReading("shows no hip joint, and has no spacing to measure by", probability)
    return ScopeReading(None, probability)
