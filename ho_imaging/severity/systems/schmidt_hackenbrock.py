"""Place and grade of ossification about a hip (Schmidt and Hackenbrock, Arch Orthop Trauma Surg 1994;113:339).

Region I: strictly below the tip of the greater trochanter, II: below and above, III: strictly above. Grade A: one or
more under 10 mm without contact to pelvis or femur; B: over 10 mm without contact to the pelvis, perhaps with contact
to the femur, no bridging; C: ankylosis by firm bridging. The wording was not confirmed in a published text: results
carry a mark.
"""

from __future__ import annotations

import numpy as np

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Category
from ho_imaging.severity.layout import Arrangement
from ho_imaging.severity.systems.hip import why_no_hip_from_the_front
from ho_imaging.severity.systems.system import Measured, Rule, System, at_least_a_centimetre, long_axis_mm
from ho_imaging.vocabulary import Structure

__all__ = ["SCHMIDT_HACKENBROCK", "trochanter_tip_row"]


def trochanter_tip_row(view: SideView) -> float | None:
    """Return the row of the greater trochanter's tip on the prepared grid: the highest femur lateral of the head."""
    if view.joint is None:
        return None
    grid = view.film.prepared.grid
    row, column = grid.points_to_prepared(np.array([view.joint.center_px]))[0]
    radius = view.joint.radius_px / grid.column_scale
    femur = view.bones[Structure.FEMUR]
    columns = np.arange(femur.shape[1])
    shaft = femur[min(int(row + 2.0 * radius), femur.shape[0] - 1) :].sum(axis=0)
    if not shaft.any():
        return None
    lateral = 1.0 if float((shaft * columns).sum() / shaft.sum()) >= column else -1.0
    outside = femur[:, lateral * (columns - column) > 1.15 * radius].any(axis=1)
    return float(np.argmax(outside)) if outside.any() else None


def _refuses(view: SideView) -> Message | None:
    refusal = why_no_hip_from_the_front(view)
    if refusal is None and trochanter_tip_row(view) is None:
        return Message("trochanter_not_seen")
    return refusal


def _rule(view: SideView) -> Rule:
    tip = trochanter_tip_row(view)
    findings = (*view.findings, *view.possible)
    known: dict[tuple[int, ...], tuple[bool, bool]] = {}

    def above_and_below(nodules: tuple[int, ...], tip_row: float) -> tuple[bool, bool]:
        if nodules not in known:
            rows = np.concatenate([outline[:, 0] for index in nodules for outline in findings[index].levels[1]])
            known[nodules] = bool((rows < tip_row).any()), bool((rows > tip_row).any())
        return known[nodules]

    def grade(arrangement: Arrangement, measured: Measured) -> str | None:
        if not arrangement.pieces:
            return "0"
        if tip is None:
            return None
        above, below = above_and_below(arrangement.nodules, tip)
        place = "II" if above and below else "III" if above else "I"
        if arrangement.bridged:
            return f"{place} C"
        if any(piece.on_first for piece in arrangement.pieces):
            return None
        lengths = [long_axis_mm(view, index, measured) for index in arrangement.nodules]
        if any(length is None for length in lengths):
            return None
        large = any(at_least_a_centimetre(length) for length in lengths if length is not None)
        return f"{place} B" if large or arrangement.attached else f"{place} A"

    return grade


_PLACES = ("I", "II", "III")
_WORDS = {"A": Category.MILD, "B": Category.MODERATE, "C": Category.SEVERE}

SCHMIDT_HACKENBROCK = System(
    name="schmidt_hackenbrock",
    title="Schmidt-Hackenbrock region and grade",
    short="Schmidt-Hackenbrock",
    citation="Schmidt and Hackenbrock, Arch Orthop Trauma Surg 1994;113:339",
    confirmed=False,
    grades=("0", *(f"{place} {letter}" for letter in _WORDS for place in _PLACES)),
    categories={"0": Category.NONE} | {f"{place} {letter}": _WORDS[letter] for letter in _WORDS for place in _PLACES},
    code="SHB",
    no_bone="0",
    bridged=frozenset(f"{place} C" for place in _PLACES),
    refuses=_refuses,
    rule=_rule,
    uncovered=Message("pelvis_spurs_uncovered"),
)
