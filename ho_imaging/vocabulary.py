"""The words of the field, as the program uses them. Values are what stands in results; they do not change lightly."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from ho_imaging.errors import UsageError

__all__ = [
    "Laterality",
    "Region",
    "Side",
    "SpacingBasis",
    "Status",
    "Structure",
    "View",
    "spell",
    "spell_side",
    "to_word",
]


class Status(StrEnum):
    """How an input ended; each ends as exactly one of these."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Region(StrEnum):
    """The part of the body a film shows."""

    PELVIS = "pelvis"
    HIP = "hip"
    THIGH = "thigh"
    KNEE = "knee"
    LOWER_LEG = "lower_leg"
    ANKLE = "ankle"
    FOOT = "foot"
    RESIDUAL_LIMB = "residual_limb"
    SHOULDER = "shoulder"
    UPPER_ARM = "upper_arm"
    ELBOW = "elbow"
    FOREARM = "forearm"
    WRIST = "wrist"
    HAND = "hand"
    CHEST = "chest"
    ABDOMEN = "abdomen"
    SPINE = "spine"
    HEAD = "head"
    TEETH = "teeth"
    BREAST = "breast"
    EXTREMITY = "extremity"
    WHOLE_BODY = "whole_body"
    OTHER = "other"
    UNKNOWN = "unknown"


class View(StrEnum):
    """The projection, as named in the reading room."""

    AP = "ap"
    PA = "pa"
    LATERAL = "lateral"
    CROSS_TABLE_LATERAL = "cross_table_lateral"
    FROG_LEG = "frog_leg"
    OBLIQUE = "oblique"
    AXIAL = "axial"
    OTHER = "other"
    UNKNOWN = "unknown"


class Laterality(StrEnum):
    """Which side of the patient a film shows."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    UNKNOWN = "unknown"


class Side(StrEnum):
    """The side of the patient a finding or a grade belongs to."""

    LEFT = "left"
    RIGHT = "right"
    UNKNOWN = "unknown"


class SpacingBasis(StrEnum):
    """What a millimetre on the film rests on."""

    CALIBRATED = "calibrated"
    """PixelSpacing that was corrected or calibrated: millimetres in the patient."""
    DETECTOR = "detector"
    """Pixel pitch at the detector, divided by the magnification where that is known."""
    ANATOMICAL = "anatomical"
    """Scaled so that the femoral heads have the size they usually have."""
    ASSUMED = "assumed"
    """Stated by a caller or by a tag of unknown standing."""
    NONE = "none"
    """No believable spacing: pixels and ratios only."""


class Structure(StrEnum):
    """The maps the network gives; they overlap in projection, so each stands for itself."""

    HO = "ho"
    PELVIS = "pelvis"
    FEMUR = "femur"
    FEMORAL_HEAD = "femoral_head"
    IMPLANT = "implant"
    BODY = "body"


_SIDES = {"r": "right", "l": "left", "b": "bilateral", "both": "bilateral"}
"""The letters of DICOM, and the everyday word."""


def spell(text: str) -> str:
    """Return a word of the vocabulary as results spell it: ``Frog-Leg`` becomes ``frog_leg``."""
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def spell_side(text: str) -> str:
    """Return a side as results spell it; it may be a letter."""
    return _SIDES.get(spell(text), spell(text))


_Word = TypeVar("_Word", Region, View, Laterality)


def to_word(kind: type[_Word], given: object) -> _Word | None:
    """Return a word that a caller gave as a member of the vocabulary; ``None`` stays ``None``.

    Spaces, hyphens and capitals do not matter; a side may be a letter (R, L, B) or ``both``.

    Raises
    ------
    UsageError
        If it is no word of that kind.

    """
    if given is None:
        return None
    name = kind.__name__.lower()
    if not isinstance(given, str):
        raise UsageError(f"{name} must be a word, not {type(given).__name__}", remedy=f"use one of: {', '.join(kind)}")
    try:
        return kind(spell_side(given) if name == "laterality" else spell(given))
    except ValueError as error:
        raise UsageError(f"{given!r} is no {name}", remedy=f"use one of: {', '.join(kind)}") from error
