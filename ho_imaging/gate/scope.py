"""The scope gate decides whether a film is one the model was made for.

By what the file or the caller says first, then by what the network sees. A stated region is judged by its own rules
and by no other's. A refused film gets a reason, a remedy and no grade.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import OutOfScopeError
from ho_imaging.findings.finding import Anatomy
from ho_imaging.gate.proportions import LATERAL, why_no_adult
from ho_imaging.gate.rules import RULES, RegionRules
from ho_imaging.gate.sockets import heads_of, sits_in_socket
from ho_imaging.messages import Message
from ho_imaging.network.prediction import Prediction
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.vocabulary import Structure

__all__ = ["ScopeReading", "check_anatomy", "check_attributes"]

_PELVIS_OF_BOTH_HIPS_MM2 = 15000.0
"""Least pelvis on a film of both hips of an adult: all of it projects to 23,000 mm2 and up, collimation takes some."""

_LEAST_BODY_SHARE = 0.10

_CLEAR = 2.0
"""A limb that the network doubts shows a femur in one piece of so many times the least area."""

_STATE_REGION = Message("advice.state_region")
_CHECK_REGION = Message("advice.check_region")


@dataclass(frozen=True)
class ScopeReading:
    """What the gate decided by; ``reason`` is ``None`` for a film in scope."""

    reason: Message | None
    scope_probability: float | None


def check_attributes(radiograph: Radiograph) -> None:
    """Refuse a film whose file says that it shows something else.

    Raises
    ------
    OutOfScopeError
        Naming the region and where it was read.

    """
    region = radiograph.region
    if region.value not in RULES:
        raise OutOfScopeError(
            Message("region_not_read", region=region.value, source=region.source), path=radiograph.path
        )


def check_anatomy(prediction: Prediction, anatomy: Anatomy, scope_threshold: float) -> ScopeReading:
    """Judge by the picture: the network's own word on scope, and whether the bones of the region are there.

    Bones that leave no doubt outweigh the network's word, which knows whole films by their look: no training holds the
    look of every maker. They are two hips in an adult's proportions; where a hip is stated, one; where a limb is
    stated, its femur.
    """
    rules = RULES[prediction.prepared.radiograph.region.value]
    probability = prediction.scope_probability
    advice = _CHECK_REGION if rules.is_definite else _STATE_REGION
    doubted = probability is not None and scope_threshold > 0.0 and probability < scope_threshold
    if doubted and not _is_beyond_doubt(prediction, anatomy, rules):
        reason = Message(
            "not_like_region", regions=rules.shows, probability=probability, needed=scope_threshold, advice=advice
        )
        return ScopeReading(reason, probability)
    valid = prediction.prepared.valid
    if not valid.any() or anatomy.masks[Structure.BODY][valid].mean() < _LEAST_BODY_SHARE:
        return ScopeReading(Message("body_missing"), probability)
    for structure, least_mm2 in rules.least_bone_mm2.items():
        if _area_mm2(prediction, anatomy, _bone(anatomy, structure)) < least_mm2:
            return ScopeReading(Message("bone_missing", bone=structure, advice=advice), probability)
    return _check_hips(prediction, anatomy, rules) if rules.is_hip else ScopeReading(None, probability)


def _check_hips(prediction: Prediction, anatomy: Anatomy, rules: RegionRules) -> ScopeReading:
    """Judge by the joints: whether they are there, sit in sockets and are those of an adult."""
    probability = prediction.scope_probability
    if not anatomy.joints and (anatomy.pixel_mm is None or rules.needs_joint):
        advice = Message("advice.state_spacing") if rules.is_definite else _STATE_REGION
        return ScopeReading(Message("joint_missing", advice=advice), probability)
    if not rules.is_definite and not _has_a_socket(prediction, anatomy):
        return ScopeReading(Message("socket_missing", advice=_STATE_REGION), probability)
    return ScopeReading(why_no_adult(prediction, anatomy), probability)


def _is_beyond_doubt(prediction: Prediction, anatomy: Anatomy, rules: RegionRules) -> bool:
    """Return True if the bones of the region are so plain that the network's doubt does not count."""
    if not rules.is_hip:
        femur_mm2 = _area_mm2(prediction, anatomy, _largest_part(_bone(anatomy, Structure.FEMUR)))
        return rules.is_definite and femur_mm2 >= _CLEAR * rules.least_bone_mm2[Structure.FEMUR]
    if not anatomy.joints or why_no_adult(prediction, anatomy) is not None:
        return False
    if not _has_a_socket(prediction, anatomy):
        return False
    if rules.is_definite:
        return True
    pelvis_mm2, femur_mm2 = (
        _area_mm2(prediction, anatomy, anatomy.masks[bone]) for bone in (Structure.PELVIS, Structure.FEMUR)
    )
    # On a film of both hips more pelvis shows than femur.
    return len(anatomy.joints) == 2 and pelvis_mm2 >= max(_PELVIS_OF_BOTH_HIPS_MM2, femur_mm2)


def _has_a_socket(prediction: Prediction, anatomy: Anatomy) -> bool:
    """Return True if a head sits in its socket; from the side nobody can say."""
    if prediction.prepared.radiograph.view.value in LATERAL:
        return True
    return any(sits_in_socket(anatomy, head) for head in heads_of(anatomy, prediction.prepared.grid))


def _bone(anatomy: Anatomy, structure: Structure) -> NDArray[np.bool_]:
    """Return where a bone lies, or what replaces it: prostheses stand for the femur."""
    mask = anatomy.masks[structure]
    return mask | anatomy.masks[Structure.IMPLANT] if structure is Structure.FEMUR else mask


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    return np.asarray(labels == 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA])))


def _area_mm2(prediction: Prediction, anatomy: Anatomy, mask: NDArray[np.bool_]) -> float:
    """Return a projected area, by the film's own spacing or the one it was prepared with."""
    cell_mm = anatomy.pixel_mm if anatomy.pixel_mm is not None else prediction.prepared.assumed_pixel_mm
    return float(mask.sum()) * cell_mm**2
