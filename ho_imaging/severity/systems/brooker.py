"""Brooker class of a hip (Brooker et al., J Bone Joint Surg Am 1973;55:1629).

0: none. I: islands of bone in soft tissue. II: spurs from pelvis or proximal femur with at least 1 cm between
opposing bone surfaces. III: the gap is under 1 cm. IV: apparent bony ankylosis. What the definition leaves open is
settled by the rules in ``docs/severity.md``.
"""

from __future__ import annotations

from typing import cast

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Category, Gap, SystemGrade
from ho_imaging.severity.layout import Arrangement
from ho_imaging.severity.systems.hip import why_no_hip_from_the_front
from ho_imaging.severity.systems.system import Measured, Rule, System, at_least_a_centimetre
from ho_imaging.severity.true_lengths import true_lengths

__all__ = ["BROOKER"]


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


def _explains(view: SideView, arrangement: Arrangement, gap: Gap | None, graded: SystemGrade) -> Message:
    """Return what a class rests on."""
    if not arrangement.pieces:
        return Message("no_ectopic_bone") if graded.possible is None else Message("none_sure")
    if arrangement.bridged:
        return Message("bridge")
    if not arrangement.attached:
        return Message("islands")
    if gap is None:
        return Message("spurs_alone")
    if gap.length_px == 0.0:
        return Message("spurs_touch")
    # Neither class II nor III is given without millimetres.
    return _gap_statement(cast("float", gap.length_mm), true_lengths(view).factor, is_wide=graded.grade == "II")


def _gap_statement(length_mm: float, factor: float, *, is_wide: bool) -> Message:
    """Return how long a gap is; ``factor`` takes away magnification, ``is_wide`` is what its true length was judged."""
    true_mm = length_mm * factor
    # 9.96 mm is less than 1 cm, and rounded it would not look so.
    gap_mm = true_mm if is_wide else min(true_mm, 9.9)
    if factor == 1.0:
        return Message("gap_wide", gap_mm=gap_mm) if is_wide else Message("gap_narrow", gap_mm=gap_mm)
    if is_wide:
        return Message("gap_wide_magnified", measured_mm=length_mm, gap_mm=gap_mm)
    return Message("gap_narrow_magnified", measured_mm=length_mm, gap_mm=gap_mm)


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
        "0": Message("meaning.no_bone"),
        "I": Message("meaning.islands"),
        "II": Message("meaning.wide_gap"),
        "III": Message("meaning.narrow_gap"),
        "IV": Message("meaning.ankylosis"),
    },
    refuses=why_no_hip_from_the_front,
    rule=_rule,
    bridged=frozenset({"IV"}),
    uncovered=Message("gap_without_mm"),
    undecided=("II", "III"),
    explains=_explains,
)
