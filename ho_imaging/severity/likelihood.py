"""Probability of each grade, given what is uncertain: whether a nodule is one, where its outline lies, and the scale.

Each draw takes one of three outlines for all nodules, lets each nodule be there with its own probability, and draws the
scale and the gap's error. The draws are the same on every call, so the same film gives the same numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ho_imaging.severity.film import SideView
from ho_imaging.severity.layout import AS_REPORTED, LESS_SURE, NO_NODULE, SURER, Arrangement, Layout, arrange
from ho_imaging.severity.systems.system import Measured, Rule
from ho_imaging.severity.true_lengths import true_lengths

__all__ = ["Draws", "draw", "grade_probabilities"]

DRAWS = 600
_SEED = 19730101

_OUTLINE_SHARES = {SURER: 0.25, AS_REPORTED: 0.5, LESS_SURE: 0.25}

_UNFORESEEN = 0.12
"""Share of sides whose grade is off for what no draw holds: a nodule missed altogether, one joined to the wrong bone.

Fitted on 146 sides of simulated films, none of them a test film: least log loss among the shares in steps of 0.02.
"""

_OUTLINE_SD_PX = 0.5
"""Error of a bone's outline where the gap ends, in prepared pixels."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Possible truths of a side, the same for every grading system.

    ``drawn``: arrangements with their lengths. ``empty``: how many further draws hold no nodule, and so no length.
    """

    drawn: tuple[tuple[Arrangement, Measured], ...]
    empty: int


def draw(view: SideView, layouts: Mapping[int, Layout]) -> Draws:
    """Draw what may be true of a side.

    Parameters
    ----------
    view
        The side.
    layouts
        Where its nodules lie, by outline.

    """
    findings = (*view.findings, *view.possible)
    chances = np.array([finding.confidence for finding in findings])
    scale, true = view.film.anatomy.scale, true_lengths(view)
    measured_mm = scale.measured_mm
    reach_px = view.film.anatomy.plan.gap_reach_mm / scale.cell_mm
    rng = np.random.default_rng(_SEED)
    outlines = rng.choice(list(_OUTLINE_SHARES), DRAWS, p=list(_OUTLINE_SHARES.values()))
    factors = rng.normal(true.factor, true.sd, DRAWS)
    errors_px = rng.normal(0.0, _OUTLINE_SD_PX, DRAWS)
    present = rng.random((DRAWS, len(findings))) < chances
    arranged: dict[tuple[int, bytes], Arrangement] = {}
    drawn = []
    empty = 0
    for outline, there, factor, error_px in zip(
        outlines.tolist(), present, factors.tolist(), errors_px.tolist(), strict=True
    ):
        key = (outline, there.tobytes())
        if key not in arranged:
            arranged[key] = arrange(layouts[outline], there, reach_px=reach_px)
        arrangement = arranged[key]
        if not arrangement.pieces:
            empty += 1
            continue
        mm_per_px = None if measured_mm is None else measured_mm * factor
        gap_mm = None
        if arrangement.gap_px is not None and mm_per_px is not None:
            gap_mm = max(arrangement.gap_px + error_px, 0.0) * mm_per_px
        drawn.append((arrangement, Measured(gap_mm, mm_per_px)))
    return Draws(tuple(drawn), empty)


def grade_probabilities(draws: Draws, rule: Rule, grades: tuple[str, ...]) -> dict[str, float]:
    """Return the probability of each grade of a system; sums to one, empty where a draw cannot be graded."""
    counts = Counter(rule(arrangement, measured) for arrangement, measured in draws.drawn)
    if draws.empty:
        counts[rule(NO_NODULE, Measured(None, None))] += draws.empty
    if counts[None]:
        return {}
    return _with_the_unforeseen({grade: counts[grade] / DRAWS for grade in grades})


def _with_the_unforeseen(drawn: dict[str, float]) -> dict[str, float]:
    """Move a share of every grade to the others, less to those further off."""
    grades = list(drawn)
    away = np.abs(np.subtract.outer(np.arange(len(grades)), np.arange(len(grades)))).astype(np.float64)
    moves = np.where(away > 0, np.exp(-away), 0.0)
    moves *= _UNFORESEEN / moves.sum(axis=1, keepdims=True)
    np.fill_diagonal(moves, 1.0 - _UNFORESEEN)
    return dict(zip(grades, (np.array(list(drawn.values())) @ moves).tolist(), strict=True))
