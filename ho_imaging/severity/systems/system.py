"""What a grading system is to this program: a rule, its source, and the films it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.layout import Arrangement

__all__ = ["CENTIMETRE_MM", "Measured", "Rule", "System", "at_least_a_centimetre", "long_axis_mm"]

CENTIMETRE_MM = 10.0
_ROUNDING_MM = 1e-6


@dataclass(frozen=True)
class Measured:
    """Lengths of an arrangement as they truly are, by the best guess of the scale or by one draw of it.

    ``gap_mm``: the gap, ``None`` without one or without millimetres; ``mm_per_px``: true mm of a prepared pixel.
    """

    gap_mm: float | None
    mm_per_px: float | None


Rule = Callable[[Arrangement, Measured], str | None]
"""An arrangement of nodules to a grade; ``None`` where the definition does not cover it."""


@dataclass(frozen=True)
class System:
    """A published grading system.

    ``grades``: from none to worst. ``confirmed``: whether its wording was read in a published text; otherwise results
    carry a mark. ``refuses``: why a side cannot be graded, or ``None``. ``rule``: made for a side, applied to each
    arrangement of its nodules. ``uncovered``: what to say where the rule gives no grade.
    """

    name: str
    title: str
    citation: str
    confirmed: bool
    grades: tuple[str, ...]
    refuses: Callable[[SideView], Message | None]
    rule: Callable[[SideView], Rule]
    uncovered: Message = Message("arrangement_uncovered")  # noqa: RUF009  (a message never changes)


def at_least_a_centimetre(length_mm: float) -> bool:
    """Whether a length is 1 cm or more; exactly 10 mm is."""
    return length_mm >= CENTIMETRE_MM - _ROUNDING_MM


def long_axis_mm(view: SideView, index: int, measured: Measured) -> float | None:
    """Give the true long axis of a nodule (reported ones first, then possible ones)."""
    finding = (*view.findings, *view.possible)[index]
    pixel_mm = view.film.anatomy.pixel_mm
    if finding.long_axis_mm is None or pixel_mm is None or measured.mm_per_px is None:
        return None
    return finding.long_axis_mm / pixel_mm * measured.mm_per_px
