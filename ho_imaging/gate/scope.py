"""The scope gate decides whether a film is one the model was made for.

By what the file or the caller says first, then by what the network sees. A stated region is judged by its own rules
and by no other's. A refused film gets a reason, a remedy and no grade.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import OutOfScopeError
from ho_imaging.findings.finding import Anatomy
from ho_imaging.gate.proportions import LATERAL, why_no_adult
from ho_imaging.gate.sockets import heads_of, sits_in_socket
from ho_imaging.messages import Message
from ho_imaging.network.prediction import Prediction
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.regions import ScopeLimits, is_read, stated_regions
from ho_imaging.vocabulary import Region, Structure

__all__ = ["ScopeReading", "check_anatomy", "check_attributes", "check_region", "has_a_socket"]

_LEAST_BODY_SHARE = 0.10

_CLEAR = 2.0
"""A limb that the network doubts shows its bone in one piece of so many times the least area."""

_CHECK_REGION = Message("advice.check_region")


@dataclass(frozen=True)
class ScopeReading:
    """The decision of the gate; ``reason`` is ``None`` for a film in scope."""

    reason: Message | None
    scope_probability: float | None


def check_attributes(radiograph: Radiograph) -> None:
    """Refuse a film whose file says that it shows something else.

    Raises
    ------
    OutOfScopeError
        Naming the region and where it was read.

    """
    if not is_read(radiograph.region.value):
        raise OutOfScopeError(_not_read(radiograph), path=radiograph.path)


def _not_read(radiograph: Radiograph) -> Message:
    region = radiograph.region
    return Message("region_not_read", region=region.value, source=region.source, regions=stated_regions())


def _state_region() -> Message:
    return Message("advice.state_region", regions=stated_regions())


def check_region(radiograph: Radiograph, regions: Collection[Region], model: str) -> None:
    """Refuse a film of a region that a model was not made for.

    Parameters
    ----------
    radiograph
        The film.
    regions
        Those that the model reads.
    model
        Its name.

    Raises
    ------
    OutOfScopeError
        Naming the region and the model.

    """
    region = radiograph.region
    if region.value not in regions:
        raise OutOfScopeError(
            Message("region_not_of_model", region=region.value, source=region.source, model=model),
            path=radiograph.path,
        )


def check_anatomy(prediction: Prediction, anatomy: Anatomy, scope_threshold: float) -> ScopeReading:
    """Judge by the picture: the network's own word on scope, and whether the bones of the region are there.

    Bones that leave no doubt outweigh the network's word, which knows whole films by their look: no training holds the
    look of every maker. They are two joints in an adult's proportions; where a region with joints is stated, one; where
    a limb is stated, its bones.

    Parameters
    ----------
    prediction, anatomy
        Of the film.
    scope_threshold
        Scope probability that is asked for; 0 where the model has no such judgement.

    Returns
    -------
    ScopeReading
        Without a reason for a film in scope.

    """
    limits = anatomy.plan.scope
    probability = prediction.scope_probability
    if limits is None:
        return ScopeReading(_not_read(prediction.prepared.radiograph), probability)
    advice = _CHECK_REGION if limits.is_definite else _state_region()
    doubted = probability is not None and scope_threshold > 0.0 and probability < scope_threshold
    if doubted and not _is_beyond_doubt(prediction, anatomy, limits):
        reason = Message(
            "not_like_region", regions=limits.shows, probability=probability, needed=scope_threshold, advice=advice
        )
        return ScopeReading(reason, probability)
    valid = prediction.prepared.valid
    if not valid.any() or anatomy.masks[Structure.BODY][valid].mean() < _LEAST_BODY_SHARE:
        return ScopeReading(Message("body_missing"), probability)
    for structure, least_mm2 in limits.least_bone_mm2:
        if _area_mm2(anatomy, _bone(anatomy, structure)) < least_mm2:
            return ScopeReading(Message("bone_missing", bone=structure, advice=advice), probability)
    return _check_joints(prediction, anatomy, limits) if limits.pair is not None else ScopeReading(None, probability)


def _check_joints(prediction: Prediction, anatomy: Anatomy, limits: ScopeLimits) -> ScopeReading:
    """Judge by the joints: they are there, sit in sockets and are those of an adult."""
    probability, pair = prediction.scope_probability, limits.pair
    if pair is None or not anatomy.plan.opposing:
        return ScopeReading(None, probability)
    first, second = anatomy.plan.opposing
    if not anatomy.joints and (anatomy.scale.is_assumed or limits.needs_joint):
        advice = Message("advice.state_spacing") if limits.is_definite else _state_region()
        return ScopeReading(Message("joint_missing", joint=pair.joint, advice=advice), probability)
    if not limits.is_definite and not has_a_socket(prediction, anatomy):
        reason = Message("socket_missing", joint=pair.joint, above=first, below=second, advice=_state_region())
        return ScopeReading(reason, probability)
    return ScopeReading(why_no_adult(prediction, anatomy, pair), probability)


def _is_beyond_doubt(prediction: Prediction, anatomy: Anatomy, limits: ScopeLimits) -> bool:
    """Return True if the bones of the region are so plain that the network's doubt does not count."""
    pair = limits.pair
    if pair is None:
        return limits.is_definite and all(
            _area_mm2(anatomy, _largest_part(_bone(anatomy, bone))) >= _CLEAR * least_mm2
            for bone, least_mm2 in limits.least_bone_mm2
        )
    if not anatomy.joints or why_no_adult(prediction, anatomy, pair) is not None:
        return False
    if not has_a_socket(prediction, anatomy):
        return False
    if limits.is_definite:
        return True
    first_mm2, second_mm2 = (_area_mm2(anatomy, anatomy.masks[bone]) for bone in anatomy.plan.opposing)
    # On a film of both sides more of the first bone shows than of the second.
    return len(anatomy.joints) == 2 and first_mm2 >= max(pair.first_bone_of_both_mm2, second_mm2)


def has_a_socket(prediction: Prediction, anatomy: Anatomy, least: int = 1) -> bool:
    """Return True if so many landmarks sit in their sockets; from the side nobody can say."""
    if prediction.prepared.radiograph.view.value in LATERAL:
        return True
    limits = anatomy.plan.scope
    if limits is None or limits.pair is None or not anatomy.plan.opposing:
        return False
    socket = limits.pair.socket
    heads = heads_of(anatomy, prediction.prepared.grid)
    return sum(sits_in_socket(anatomy, head, socket) for head in heads) >= least


def _bone(anatomy: Anatomy, structure: Structure) -> NDArray[np.bool_]:
    """Return where a bone lies, or what replaces it: prostheses stand for the bone that ends in the landmark."""
    mask, landmark = anatomy.masks[structure], anatomy.plan.landmark
    is_replaced = landmark is not None and structure is landmark.bone
    return mask | anatomy.masks[Structure.IMPLANT] if is_replaced else mask


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest part of a mask alone."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    return np.asarray(labels == 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA])))


def _area_mm2(anatomy: Anatomy, mask: NDArray[np.bool_]) -> float:
    """Return a projected area, by the film's own spacing or the one it was prepared with."""
    return float(mask.sum()) * anatomy.scale.cell_mm**2
