"""Simplified Brooker classes of a hip (Della Valle et al., J Arthroplasty 2002;17:870).

A: none, or islands under 1 cm long. B: islands over 1 cm, or spurs with at least 1 cm between femur and pelvis.
C: spurs under 1 cm apart, or ankylosis. An island of exactly 1 cm is left open there and counts as B here.
"""

from __future__ import annotations

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Category
from ho_imaging.severity.layout import Arrangement
from ho_imaging.severity.systems.hip import why_no_hip_from_the_front
from ho_imaging.severity.systems.system import Measured, Rule, System, at_least_a_centimetre, long_axis_mm

__all__ = ["DELLA_VALLE"]


def _rule(view: SideView) -> Rule:
    def grade(arrangement: Arrangement, measured: Measured) -> str | None:
        if arrangement.bridged or arrangement.gap_px == 0.0:
            return "C"
        if arrangement.gap_px is not None:
            if measured.gap_mm is None:
                return None
            return "B" if at_least_a_centimetre(measured.gap_mm) else "C"
        if arrangement.attached:
            return "B"
        lengths = [long_axis_mm(view, index, measured) for index in arrangement.nodules]
        known = [length for length in lengths if length is not None]
        if len(known) < len(lengths):
            return None
        return "B" if any(at_least_a_centimetre(length) for length in known) else "A"

    return grade


DELLA_VALLE = System(
    name="della_valle",
    title="Della Valle class",
    short="Della Valle",
    citation="Della Valle et al., J Arthroplasty 2002;17:870",
    confirmed=True,
    grades=("A", "B", "C"),
    categories={"A": Category.NONE, "B": Category.MILD, "C": Category.SEVERE},
    code="DV",
    refuses=why_no_hip_from_the_front,
    rule=_rule,
    uncovered=Message("lengths_without_mm"),
)
