"""Brooker class of a hip (Brooker et al., J Bone Joint Surg Am 1973;55:1629).

0: none. I: islands of bone in soft tissue. II: spurs from pelvis or proximal femur with at least 1 cm between
opposing bone surfaces. III: the gap is under 1 cm. IV: apparent bony ankylosis. What the definition leaves open is
settled by the rules in ``docs/severity.md``.
"""

from __future__ import annotations

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.layout import Arrangement
from ho_imaging.severity.systems.hip import why_no_hip_from_the_front
from ho_imaging.severity.systems.system import Measured, Rule, System, at_least_a_centimetre

__all__ = ["BROOKER", "GRADES"]

GRADES = ("0", "I", "II", "III", "IV")


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


BROOKER = System(
    name="brooker",
    title="Brooker class",
    citation="Brooker et al., J Bone Joint Surg Am 1973;55:1629",
    confirmed=True,
    grades=GRADES,
    refuses=why_no_hip_from_the_front,
    rule=_rule,
    uncovered=Message("gap_without_mm"),
)
