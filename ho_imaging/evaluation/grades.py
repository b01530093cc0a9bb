"""Grades as people write them, by any grading system of the program."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ho_imaging.severity.systems import grade_scales

__all__ = ["GRADES", "TITLES", "grade_of", "shows_ho"]

_SCALES = MappingProxyType({scale.name: scale for scale in grade_scales()})

GRADES: Mapping[str, tuple[str, ...]] = MappingProxyType({name: scale.grades for name, scale in _SCALES.items()})
"""Grades of each system, from none to worst."""

TITLES: Mapping[str, str] = MappingProxyType({name: scale.title for name, scale in _SCALES.items()})


def grade_of(system: str, text: str) -> str | None:
    """Return a grade as the system spells it; ``None`` for what is none of its grades."""
    return _SCALES[system].spell(text)


def shows_ho(system: str, grade: str) -> bool | None:
    """Return True if a grade means that there is ectopic bone; ``None`` where it does not tell."""
    return _SCALES[system].shows_ho(grade)
