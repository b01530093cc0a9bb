"""Grades as people write them, by any grading system of the program."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ho_imaging.severity.systems import SYSTEMS, biplanar

__all__ = ["GRADES", "TITLES", "grade_of", "shows_ho"]

GRADES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {system.name: system.grades for system in SYSTEMS} | {biplanar.NAME: biplanar.GRADES}
)
"""Grades of each system, from none to worst."""

TITLES: Mapping[str, str] = MappingProxyType(
    {system.name: system.title for system in SYSTEMS} | {biplanar.NAME: "Biplanar grade"}
)

_NONE = frozenset({"0", "none"})
_ARABIC = {"1": "I", "2": "II", "3": "III", "4": "IV"}
_NOT_TOLD_APART = {"hastings_graham": {"i", "ii", "iii"}}
"""Classes that take more than a film: the program gives one name to all of them."""


def grade_of(system: str, text: str) -> str | None:
    """Return a grade as the system spells it; ``None`` for what is none of its grades.

    Case and spaces do not count, and 1 to 4 stand for I to IV where the system counts in Roman numerals.
    """
    known = {_plain(grade): grade for grade in GRADES[system]}
    word = _plain(text)
    if word in _NOT_TOLD_APART.get(system, ()) or (system in _NOT_TOLD_APART and word in _ARABIC):
        return GRADES[system][-1]
    if word not in known:
        word = _plain(_ARABIC.get(word[:1], word[:1]) + word[1:])
    return known.get(word)


def _plain(text: str) -> str:
    return "".join(text.split()).lower()


def shows_ho(system: str, grade: str) -> bool | None:
    """Return whether a grade means that there is ectopic bone; ``None`` where it does not tell."""
    if GRADES[system][0] in _NONE:
        return grade not in _NONE
    # A system without a grade for none counts the least bone with none at all.
    return None if grade == GRADES[system][0] else True
