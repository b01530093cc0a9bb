"""What severity hands on: a grade with its evidence per side, and one for the study."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ho_imaging.vocabulary import Side

__all__ = ["Category", "Evidence", "Gap", "Severity", "SideSeverity", "StudySeverity"]

Point = tuple[float, float]


class Category(StrEnum):
    """The severity in a word."""

    NONE = "none"
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


@dataclass(frozen=True)
class Gap:
    """Shortest distance between opposing bone surfaces outside the joint space; ends are source (row, column)."""

    length_px: float
    length_mm: float | None
    ends_px: tuple[Point, Point]


@dataclass(frozen=True)
class Evidence:
    """Why a side has its grade: findings used, which bone they are joined to, the gap, and one sentence."""

    sop_instance_uid: str | None
    finding_ids: tuple[str, ...]
    joined_to_pelvis: tuple[str, ...]
    joined_to_femur: tuple[str, ...]
    gap: Gap | None
    spacing_basis: str
    statement: str


@dataclass(frozen=True)
class SideSeverity:
    """Severity of one side.

    ``grade`` is ``"0"``, ``"I"``, ``"II"``, ``"III"`` or ``"IV"`` for Brooker, ``None`` when the film cannot carry a
    grade (``evidence.statement`` says why). ``alternatives`` are grades that are nearly as likely (a gap near 10 mm).
    ``score`` is the burden, 0 to 100, ``None`` when it cannot be computed.
    """

    side: Side
    system: str
    grade: str | None
    alternatives: tuple[str, ...]
    score: float | None
    category: Category | None
    evidence: Evidence


@dataclass(frozen=True)
class StudySeverity:
    """The worst of the sides."""

    grade: str | None
    score: float | None
    category: Category | None


@dataclass(frozen=True)
class Severity:
    """Each side's result and the worst of them."""

    sides: tuple[SideSeverity, ...]
    study: StudySeverity
