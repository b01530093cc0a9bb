"""Brooker class of a hip (Brooker et al., J Bone Joint Surg Am 1973;55:1629).

0: none. I: islands of bone in soft tissue. II: spurs from pelvis or proximal femur with at least 1 cm between
opposing bone surfaces. III: the gap is under 1 cm. IV: apparent bony ankylosis. What the definition leaves open is
settled by the rules in ``docs/severity.md``.
"""

from __future__ import annotations

from typing import cast

from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Category, Gap, SystemGrade
from ho_imaging.severity.layout import Arrangement
from ho_imaging.severity.systems.hip import why_no_hip_from_the_front
from ho_imaging.severity.systems.system import Measured, Rule, System, at_least_a_centimetre
from ho_imaging.severity.true_lengths import true_lengths

__all__ = ["BROOKER"]

_NO_BONE = "No ectopic bone about this hip."
_NONE_SURE = "Possible ectopic bone, none of it sure enough to carry a class."
_OVERLAP = (
    "Ectopic bone is continuous from pelvis to femur on this film: apparent ankylosis. Overlap in one view "
    "can look the same (all of 33 neurogenic hips were read III-IV, 14 were ankylosed; Mavrogenis 2012)."
)
_ISLANDS = "Islands of ectopic bone in soft tissue, none joined to pelvis or femur."
_OUT_OF_REACH = "Spurs from bone; no opposing bone surface within reach, so at least 1 cm is left."


def _rule(_: SideView) -> Rule:
    return _grade


def _grade(arrangement: Arrangement, measured: Measured) -> str | None:
    if not arrangement.pieces:
        return "0"
    if arrangement.bridged:
        return "IV"
    if not arrangement.attached:
        return "I"
    return _by_gap(arrangement.gap_px, measured.gap_mm)


def _by_gap(gap_px: float | None, gap_mm: float | None) -> str | None:
    if gap_px is None:
        return "II"
    if gap_px == 0.0:
        return "III"
    if gap_mm is None:
        return None
    return "II" if at_least_a_centimetre(gap_mm) else "III"


def _explains(view: SideView, arrangement: Arrangement, gap: Gap | None, graded: SystemGrade) -> str:
    """Return what a class rests on."""
    if not arrangement.pieces:
        return _NO_BONE if graded.possible is None else _NONE_SURE
    if arrangement.bridged:
        return _OVERLAP
    if not arrangement.attached:
        return _ISLANDS
    if gap is None:
        return _OUT_OF_REACH
    if gap.length_px == 0.0:
        return "Spurs reach the opposing bone surface."
    # Neither class II nor III is given without millimetres.
    return _gap_statement(cast("float", gap.length_mm), true_lengths(view).factor, is_wide=graded.grade == "II")


def _gap_statement(length_mm: float, factor: float, *, is_wide: bool) -> str:
    """Return how long a gap is; ``factor`` takes away magnification, ``is_wide`` is what its true length was judged."""
    true_mm = length_mm * factor
    # 9.96 mm is less than 1 cm, and rounded it would not look so.
    decides = f"{true_mm if is_wide else min(true_mm, 9.9):.1f} mm"
    between = "between opposing bone surfaces"
    limit = "at least 1 cm" if is_wide else "less than 1 cm"
    if factor == 1.0:
        return f"Spurs leave {decides} {between}, {limit}."
    return f"Spurs leave {length_mm:.1f} mm {between} as measured, about {decides} without magnification, {limit}."


BROOKER = System(
    name="brooker",
    title="Brooker class",
    short="Brooker",
    citation="Brooker et al., J Bone Joint Surg Am 1973;55:1629",
    confirmed=True,
    grades=("0", "I", "II", "III", "IV"),
    # III and IV are what the literature calls high grade.
    categories={
        "0": Category.NONE,
        "I": Category.MILD,
        "II": Category.MODERATE,
        "III": Category.SEVERE,
        "IV": Category.SEVERE,
    },
    code="BRK",
    no_bone="0",
    meanings={
        "0": "no ectopic bone",
        "I": "islands of bone in the soft tissue",
        "II": "bone spurs, at least 1 cm between opposing surfaces",
        "III": "bone spurs, less than 1 cm between opposing surfaces",
        "IV": "apparent bony ankylosis",
    },
    refuses=why_no_hip_from_the_front,
    rule=_rule,
    bridged=frozenset({"IV"}),
    uncovered="Spurs from bone, but without a spacing or a femoral head to scale by the gap cannot be given in mm.",
    undecided=("II", "III"),
    explains=_explains,
)
