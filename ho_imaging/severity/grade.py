"""Output of severity: a grade with its evidence per side, and one for the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ho_imaging.messages import Message
from ho_imaging.vocabulary import Side, Structure

__all__ = ["Category", "Evidence", "Gap", "Severity", "SideSeverity", "StudySeverity", "SystemGrade"]

Point = tuple[float, float]


class Category(StrEnum):
    """The severity in a word, from none to worst."""

    NONE = "none"
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


@dataclass(frozen=True)
class Gap:
    """Shortest distance between opposing bone surfaces outside the joint space; ends are source (row, column).

    ``length_mm`` is in the plane of the spacing's basis; ``true_range_mm`` holds the true gap in nine of ten cases.
    """

    length_px: float
    length_mm: float | None
    ends_px: tuple[Point, Point]
    true_range_mm: tuple[float, float] | None = None


@dataclass(frozen=True)
class Evidence:
    """Why a side has its grade: its findings, which bone they are joined to, the gap, and a message on it.

    ``joined_to``: ids of the findings joined to each of the bones that the grade looks at, by the bone.
    ``not_counted_ids``: findings that the grade leaves out because they are not sure enough.
    """

    sop_instance_uid: str | None
    finding_ids: tuple[str, ...]
    joined_to: Mapping[Structure, tuple[str, ...]]
    gap: Gap | None
    spacing_basis: str
    statement: Message
    not_counted_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class SystemGrade:
    """Grade of a side by one system.

    ``grade`` is ``None`` when the film cannot carry it; ``statement`` says why. ``probabilities``: of each grade, empty
    without one. ``alternatives``: grades that may well be meant instead, most likely first. ``confirmed``: the system's
    wording was read in a published text. ``possible``: the grade if every reported nodule were ectopic bone,
    where some that touch bone are not sure enough to be counted; ``None`` where all are counted.
    """

    system: str
    title: str
    citation: str
    confirmed: bool
    grade: str | None
    alternatives: tuple[str, ...]
    probabilities: Mapping[str, float]
    statement: Message
    possible: str | None = None


@dataclass(frozen=True)
class SideSeverity:
    """Severity of one side.

    ``grade`` is that of ``system``, the one that leads in this region (``"0"`` to ``"IV"`` for Brooker), ``None`` when
    the film cannot carry it (``evidence.statement`` says why). ``probabilities`` of its grades sum to one;
    ``alternatives`` are those that may well be meant instead. ``score`` is the burden, 0 to 100, ``None`` when it
    cannot be computed. ``possible``: the grade if every reported nodule were ectopic bone, where some are not sure
    enough to be counted. ``systems``: grades by every system that applies here, and why others of the region do not.
    """

    side: Side
    system: str
    grade: str | None
    alternatives: tuple[str, ...]
    score: float | None
    category: Category | None
    evidence: Evidence
    probabilities: Mapping[str, float] = field(default_factory=dict)
    systems: tuple[SystemGrade, ...] = ()
    possible: str | None = None


@dataclass(frozen=True)
class StudySeverity:
    """The worst of the sides; ``system`` is that of the grade."""

    grade: str | None
    score: float | None
    category: Category | None
    system: str | None = None


@dataclass(frozen=True)
class Severity:
    """Each side's result and the worst of them."""

    sides: tuple[SideSeverity, ...]
    study: StudySeverity
