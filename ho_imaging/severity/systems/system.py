"""A published grading system as this program holds it.

All that is known of a system stands in its own module: its grades and their order, the word of severity of each, its
codes, the films it refuses and what is said then. Everything else asks `ho_imaging.severity.systems` for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Category, Gap, SystemGrade
from ho_imaging.severity.layout import Arrangement

__all__ = [
    "CENTIMETRE_MM",
    "Explains",
    "GradeScale",
    "Measured",
    "Rule",
    "System",
    "at_least_a_centimetre",
    "long_axis_mm",
]

CENTIMETRE_MM = 10.0
_ROUNDING_MM = 1e-6
_MODERATE_FROM, _SEVERE_FROM = 30.0, 60.0
"""Burden scores from which a side is moderate and severe, whatever its grade."""

_ARABIC = {"1": "I", "2": "II", "3": "III", "4": "IV"}


@dataclass(frozen=True)
class Measured:
    """Lengths of an arrangement as they truly are, by the best guess of the scale or by one draw of it.

    ``gap_mm``: the gap, ``None`` without one or without millimetres; ``mm_per_px``: true mm of a prepared pixel.
    """

    gap_mm: float | None
    mm_per_px: float | None


Rule = Callable[[Arrangement, Measured], str | None]
"""An arrangement of nodules to a grade; ``None`` where the definition does not cover it."""

Explains = Callable[[SideView, Arrangement, Gap | None, SystemGrade], Message]
"""Evidence of a grade."""


@dataclass(frozen=True)
class GradeScale:
    """The grades of a published system: their names, order, words and codes.

    Attributes
    ----------
    name, title, short
        As results, pages and buttons name it.
    citation
        Where it was published.
    confirmed
        The wording was read in a published text; otherwise results carry a mark.
    grades
        From none, or least, to worst.
    categories
        Word of severity of each grade: at least this where `score_raises`, exactly this otherwise.
    code
        Prefix of its private codes in DICOM objects and FHIR resources, at most 4 letters.
    no_bone
        The grade of a side without ectopic bone; ``None`` where the least grade takes in a little of it.
    score_raises
        A high burden makes the word worse than the grade alone.
    meanings
        What each grade means, in a few words; empty where the grades say it themselves.
    spellings
        Other names of grades as people write them, in lower case without spaces, with the grade meant.

    """

    name: str
    title: str
    short: str
    citation: str
    confirmed: bool
    grades: tuple[str, ...]
    categories: Mapping[str, Category]
    code: str
    no_bone: str | None = field(default=None, kw_only=True)
    score_raises: bool = field(default=True, kw_only=True)
    meanings: Mapping[str, Message] = field(default_factory=dict, kw_only=True)
    spellings: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def category(self, grade: str | None, score: float | None) -> Category | None:
        """Return the word of severity of a side; ``None`` where there is neither grade nor score."""
        by_score = _by_score(score)
        word = None if grade is None else self.categories.get(grade)
        if word is None:
            return by_score
        if word is Category.NONE or not self.score_raises or by_score is None:
            return word
        return max(word, by_score, key=list(Category).index)

    def rank(self, grade: str | None) -> int:
        """Return the place of a grade from 0 for the least; -1 for none, and for one of another system."""
        return self.grades.index(grade) if grade in self.grades else -1

    def spell(self, text: str) -> str | None:
        """Return a grade as the system spells it; ``None`` for what is none of its grades.

        Case and spaces do not count, and 1 to 4 stand for I to IV where the system counts in Roman numerals. A column
        with gaps holds whole numbers as 1.0.
        """
        known = {_plain(grade): grade for grade in self.grades} | dict(self.spellings)
        word = _plain(text).removesuffix(".0")
        return known.get(word) or known.get(_plain(_ARABIC.get(word[:1], word[:1]) + word[1:]))

    def shows_ho(self, grade: str) -> bool | None:
        """Return True if a grade means that there is ectopic bone; ``None`` where it does not tell."""
        if self.no_bone is None and grade == self.grades[0]:
            return None
        return grade != self.no_bone


@dataclass(frozen=True)
class System(GradeScale):
    """A grading system whose rule a film of one side can be graded by.

    Attributes
    ----------
    refuses
        Why a side cannot be graded, or ``None``.
    rule
        Made for a side, applied to each arrangement of its nodules.
    bridged
        Grades of bone that is continuous from one opposing bone to the other.
    uncovered
        What is said where the rule gives no grade.
    undecided
        Grades that may be meant where the rule gives none.
    explains
        What a grade rests on; by default its title and the grade are said.

    """

    refuses: Callable[[SideView], Message | None] = field(kw_only=True)
    rule: Callable[[SideView], Rule] = field(kw_only=True)
    bridged: frozenset[str] = field(default=frozenset(), kw_only=True)
    uncovered: Message = field(default=Message("arrangement_uncovered"), kw_only=True)
    undecided: tuple[str, ...] = field(default=(), kw_only=True)
    explains: Explains | None = field(default=None, kw_only=True)


def _plain(text: str) -> str:
    return "".join(text.split()).lower()


def _by_score(score: float | None) -> Category | None:
    """Return the word of a burden alone."""
    if score is None:
        return None
    if score == 0.0:
        return Category.NONE
    # As results state it: a score of 60.0 in a result is never less than severe.
    points = round(score, 1)
    if points >= _SEVERE_FROM:
        return Category.SEVERE
    return Category.MODERATE if points >= _MODERATE_FROM else Category.MILD


def at_least_a_centimetre(length_mm: float) -> bool:
    """Return True if a length is 1 cm or more; exactly 10 mm is."""
    return length_mm >= CENTIMETRE_MM - _ROUNDING_MM


def long_axis_mm(view: SideView, index: int, measured: Measured) -> float | None:
    """Return the true long axis of a nodule, in mm (reported ones first, then possible ones)."""
    finding = (*view.findings, *view.possible)[index]
    cell_mm = view.film.anatomy.scale.measured_mm
    if finding.long_axis_mm is None or cell_mm is None or measured.mm_per_px is None:
        return None
    return finding.long_axis_mm / cell_mm * measured.mm_per_px
