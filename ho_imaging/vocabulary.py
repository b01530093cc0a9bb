"""Controlled vocabulary of the package. The values are part of the result schema and must stay stable."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from ho_imaging.errors import UsageError

__all__ = [
    "Identifiers",
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
    """Final state of an input; each input has exactly one."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Identifiers(StrEnum):
    """Identifiers that results and outputs state of a film; docs/identity.md has a table."""

    NONE = "none"
    """Neither paths, nor accession numbers, nor anything of the patient."""
    ORDER = "order"
    """Paths as the user gave them and accession numbers."""
    PATIENT = "patient"
    """These, and the patient's ID, name, birth date and sex and the study's date."""


class Region(StrEnum):
    """Body part that an image shows."""

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
    """Radiographic projection."""

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
    """Side of the patient that an image shows."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    UNKNOWN = "unknown"


class Side(StrEnum):
    """Side of the patient that a finding or a grade belongs to."""

    LEFT = "left"
    RIGHT = "right"
    UNKNOWN = "unknown"


class SpacingBasis(StrEnum):
    """Origin of the pixel spacing, and so of every measure in millimetres."""

    CALIBRATED = "calibrated"
    """PixelSpacing that was corrected or calibrated: millimetres in the patient (DICOM PS3.3 10.7)."""
    DETECTOR = "detector"
    """Pixel pitch at the detector, divided by the magnification where it is known."""
    ANATOMICAL = "anatomical"
    """Scaled to the heads of joints, which are taken to be of the usual size (on hips the femoral heads)."""
    ASSUMED = "assumed"
    """Given by the user or by an attribute of unknown reliability."""
    NONE = "none"
    """No plausible spacing: pixels and ratios only."""


class Structure(StrEnum):
    """Segmentation maps of the network. Structures overlap in projection, so each map is independent.

    New ones are added at the end: a structure's place is that of its bit in the masks of training cases.
    """

    HO = "ho"
    PELVIS = "pelvis"
    FEMUR = "femur"
    FEMORAL_HEAD = "femoral_head"
    IMPLANT = "implant"
    BODY = "body"


_SIDES = {"r": "right", "l": "left", "b": "bilateral", "both": "bilateral"}
"""DICOM's letters for Image Laterality (0020,0062), and an everyday word."""


def spell(text: str) -> str:
    """Return a word in the spelling of the vocabulary: ``Frog-Leg`` becomes ``frog_leg``.

    Parameters
    ----------
    text
        A word with any case, spaces or hyphens.

    Returns
    -------
    str
        Lower case with underscores.

    """
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def spell_side(text: str) -> str:
    """Return a side in the spelling of the vocabulary; DICOM's letters are accepted.

    Parameters
    ----------
    text
        A side or one of the letters R, L and B.

    Returns
    -------
    str
        Spelled as a value of `Laterality` if it is one; otherwise like `spell`.

    """
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
    remedy = f"use one of: {', '.join(kind)}" + (", or R, L, B, both" if name == "laterality" else "")
    if not isinstance(given, str):
        raise UsageError(f"{name} must be a word, not {type(given).__name__}", remedy=remedy)
    try:
        return kind(spell_side(given) if name == "laterality" else spell(given))
    except ValueError as error:
        raise UsageError(f"{given!r} is no {name}", remedy=remedy) from error
