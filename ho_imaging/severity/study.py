"""From the films of a study to a severity per side and the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from ho_imaging.messages import Message
from ho_imaging.severity.film import FilmReading, sides_shown
from ho_imaging.severity.grade import Category, Severity, SideSeverity, StudySeverity, SystemGrade
from ho_imaging.severity.side import SideReading, read_side
from ho_imaging.severity.systems import BIPLANAR, grade_scale
from ho_imaging.severity.systems.biplanar import applies_to, grade_biplanar
from ho_imaging.vocabulary import Side, SpacingBasis, View

__all__ = ["BASES_WORST_TO_BEST", "another_may_be_worse", "grade_study", "severity_of_study"]

_CATEGORIES = tuple(Category)

BASES_WORST_TO_BEST = (
    SpacingBasis.NONE,
    SpacingBasis.ASSUMED,
    SpacingBasis.ANATOMICAL,
    SpacingBasis.DETECTOR,
    SpacingBasis.CALIBRATED,
)
"""Bases of millimetres, from worst to best."""


def grade_study(films: Sequence[FilmReading]) -> Severity:
    """Grade every side the films show.

    Films of one side are graded each for itself. Of films of the same projection that show ectopic bone the better one
    counts (by what its millimetres rest on; the worse grade of equals); of different projections the worst, since
    ectopic bone that one view shows is there whatever another hides. A film that cannot carry a grade counts only if
    none of that side can.

    Parameters
    ----------
    films
        Of one study, as they were read.

    Returns
    -------
    Severity
        Of each side shown, and the worst of them.

    """
    by_side: dict[Side, list[SideReading]] = {}
    for film in films:
        for side in sides_shown(film):
            by_side.setdefault(side, []).append(read_side(film, side))
    sides = tuple(_combine(by_side[side]) for side in (Side.RIGHT, Side.LEFT, Side.UNKNOWN) if side in by_side)
    return Severity(sides, severity_of_study(sides))


def severity_of_study(sides: Sequence[SideSeverity]) -> StudySeverity:
    """Return the grade of the worst side, and the highest score and word of any.

    There is no grade where a side that could not be graded shows ectopic bone and may be worse: that of the other side
    would stand for both.
    """
    worst = max(sides, key=_severity_rank, default=None)
    scores = [side.score for side in sides if side.score is not None]
    categories = [side.category for side in sides if side.category is not None]
    if worst is not None and another_may_be_worse(worst, sides):
        worst = None
    return StudySeverity(
        grade=None if worst is None else worst.grade,
        score=max(scores, default=None),
        category=max(categories, key=_CATEGORIES.index, default=None),
        system=None if worst is None or worst.grade is None else worst.system,
    )


class _Evidence(Protocol):
    @property
    def finding_ids(self) -> tuple[str, ...]: ...


class _GradedSide(Protocol):
    """A side as it was graded just now, or as a result states it."""

    @property
    def system(self) -> str: ...

    @property
    def grade(self) -> str | None: ...

    @property
    def alternatives(self) -> tuple[str, ...]: ...

    @property
    def evidence(self) -> _Evidence: ...


def another_may_be_worse(worst: _GradedSide, sides: Iterable[_GradedSide]) -> bool:
    """Return True if a side that shows ectopic bone has no grade and may be worse than the worst that has one.

    It may have any of its ``alternatives``, or any grade at all where there are none.
    """
    return any(_may_exceed(side, worst) for side in sides if side.grade is None and side.evidence.finding_ids)


def _may_exceed(side: _GradedSide, worst: _GradedSide) -> bool:
    scale = grade_scale(side.system)
    if scale is None or side.system != worst.system:
        return True
    return max(map(scale.rank, side.alternatives or scale.grades), default=0) > scale.rank(worst.grade)


def _severity_rank(side: SideSeverity) -> tuple[bool, int, float, float]:
    """Order sides: a grade before none, then the word, the grade within its system, and the score."""
    scale = grade_scale(side.system)
    rank = -1 if scale is None else scale.rank(side.grade)
    level = -1.0 if scale is None or rank < 0 else rank / len(scale.grades)
    word = -1 if side.category is None else _CATEGORIES.index(side.category)
    return side.grade is not None, word if side.grade is not None else -1, level, side.score or 0.0


def _combine(readings: list[SideReading]) -> SideSeverity:
    """Combine the films of one side."""
    chosen = [_better(group) for group in _by_view(readings).values()]
    worst = max((reading.severity for reading in chosen), key=_worse)
    result = worst
    if len(readings) > 1:
        result = _with_what_others_show(worst, [reading.severity for reading in readings])
    second_opinion = _biplanar(readings)
    if second_opinion is not None:
        result = replace(result, systems=(*result.systems, second_opinion))
    return result


def _by_view(readings: list[SideReading]) -> dict[View, list[SideReading]]:
    groups: dict[View, list[SideReading]] = {}
    for reading in readings:
        groups.setdefault(reading.view.film.prepared.radiograph.view.value, []).append(reading)
    return groups


def _better(readings: list[SideReading]) -> SideReading:
    """Return the film to go by among those of one projection; one without ectopic bone only if all are."""
    showing = [reading for reading in readings if reading.severity.evidence.finding_ids] or readings

    def quality(reading: SideReading) -> tuple[bool, int, tuple[float, float]]:
        basis = BASES_WORST_TO_BEST.index(reading.view.film.anatomy.scale.basis)
        return reading.severity.grade is not None, basis, _worse(reading.severity)

    return max(showing, key=quality)


def _worse(side: SideSeverity) -> tuple[float, float]:
    scale = grade_scale(side.system)
    return (-1.0 if scale is None else float(scale.rank(side.grade))), side.score or 0.0


def _with_what_others_show(chosen: SideSeverity, all_films: list[SideSeverity]) -> SideSeverity:
    notes = [Message("one_of_films", count=len(all_films), uid=chosen.evidence.sop_instance_uid or "")]
    score = max((side.score for side in all_films if side.score is not None), default=None)
    if score is not None and score > (chosen.score or 0.0):
        if any(side.grade is None and side.score == score for side in all_films):
            notes.append(Message("score_of_other"))
        else:
            score = chosen.score
    return replace(
        chosen,
        score=score,
        category=max(
            (
                side.category
                for side in (chosen, *all_films)
                if side.category and (side is chosen or side.grade is None)
            ),
            key=_CATEGORIES.index,
            default=None,
        ),
        evidence=replace(chosen.evidence, statement=chosen.evidence.statement.with_also(*notes)),
    )


def _biplanar(readings: list[SideReading]) -> SystemGrade | None:
    """Grade from two views, where a hip has more than one film that can be measured."""
    measurable = [reading for reading in readings if reading.measurable and applies_to(reading.view)]
    if len(measurable) < 2:
        return None
    closest: dict[View, bool | None] = {}
    for reading in measurable:
        view = reading.view.film.prepared.radiograph.view.value
        known = [close for close in (closest.get(view), reading.close) if close is not None]
        closest[view] = any(known) if known else None
    grade, statement = grade_biplanar(closest)
    return SystemGrade(
        system=BIPLANAR.name,
        title=BIPLANAR.title,
        citation=BIPLANAR.citation,
        confirmed=BIPLANAR.confirmed,
        grade=grade,
        alternatives=(),
        probabilities={},
        statement=statement,
    )
