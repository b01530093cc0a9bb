"""From the films of a study to a severity per side and the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ho_imaging.severity.brooker import GRADES, BrookerReading, grade_brooker
from ho_imaging.severity.burden import burden_parts, burden_score, category_of
from ho_imaging.severity.film import FilmReading, sides_shown, view_of_side
from ho_imaging.severity.grade import Category, Severity, SideSeverity, StudySeverity
from ho_imaging.vocabulary import Side

__all__ = ["SYSTEM", "grade_study"]

SYSTEM = "brooker"

_CATEGORIES = (Category.NONE, Category.MILD, Category.MODERATE, Category.SEVERE)


def grade_study(films: Sequence[FilmReading]) -> Severity:
    """Grade every side the films show.

    Films of one side are graded each for itself; the worst one counts, since ectopic bone that one view shows is
    there whatever another hides. A film that cannot carry a grade counts only if none of that side can.
    """
    by_side: dict[Side, list[SideSeverity]] = {}
    for film in films:
        for side in sides_shown(film):
            by_side.setdefault(side, []).append(_grade_side(film, side))
    sides = tuple(_worst(by_side[side]) for side in (Side.RIGHT, Side.LEFT, Side.UNKNOWN) if side in by_side)
    grades = [side.grade for side in sides if side.grade is not None]
    scores = [side.score for side in sides if side.score is not None]
    categories = [side.category for side in sides if side.category is not None]
    study = StudySeverity(
        grade=max(grades, key=GRADES.index, default=None),
        score=max(scores, default=None),
        category=max(categories, key=_CATEGORIES.index, default=None),
    )
    return Severity(sides, study)


def _grade_side(film: FilmReading, side: Side) -> SideSeverity:
    view = view_of_side(film, side)
    reading: BrookerReading = grade_brooker(view)
    parts = burden_parts(view.findings, view.joint, reading.evidence.gap, bridged=reading.grade == "IV")
    score = None if parts is None else burden_score(parts)
    if reading.grade is None and not view.findings:
        score = None  # nothing was found, but nothing can be excluded either
    return SideSeverity(
        side=side,
        system=SYSTEM,
        grade=reading.grade,
        alternatives=reading.alternatives,
        score=score,
        category=category_of(reading.grade, score),
        evidence=reading.evidence,
    )


def _worst(candidates: list[SideSeverity]) -> SideSeverity:
    def rank(side: SideSeverity) -> tuple[int, float]:
        return (-1 if side.grade is None else GRADES.index(side.grade), side.score or 0.0)

    worst = max(candidates, key=rank)
    if len(candidates) == 1:
        return worst
    note = f" Worst of {len(candidates)} films of this side."
    score = max((side.score for side in candidates if side.score is not None), default=None)
    if score is not None and score > (worst.score or 0.0):
        note += " Another film, which carries no class itself, shows more ectopic bone: the score is of that one."
    return replace(
        worst,
        score=score,
        category=max((side.category for side in candidates if side.category), key=_CATEGORIES.index, default=None),
        evidence=replace(worst.evidence, statement=worst.evidence.statement + note),
    )
