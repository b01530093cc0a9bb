"""A comparison in a line, and as a small table for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ho_imaging.progression.schema import IntervalResult, ProgressionResult, SideIntervalResult

__all__ = ["comparison_parts", "comparison_table", "interval_parts"]


def comparison_parts(result: ProgressionResult) -> list[tuple[str | None, Any]]:
    """Return verdict, number of studies and each side of the last interval, with their names."""
    parts: list[tuple[str | None, Any]] = [("verdict", result.verdict), ("studies", len(result.intervals) + 1)]
    return [*parts, *(interval_parts(result.intervals[-1])[1:] if result.intervals else ())]


def interval_parts(interval: IntervalResult) -> list[tuple[str | None, Any]]:
    """Return verdict, days and each side of an interval, with their names."""
    sides = ", ".join(f"{side.side} {side.verdict}{_areas(side)}" for side in interval.sides)
    return [("verdict", interval.verdict), ("days", interval.days), ("sides", sides)]


def comparison_table(result: ProgressionResult) -> str:
    """Return the verdict and a row a side of the last interval as HTML, for a notebook."""
    days = result.intervals[-1].days if result.intervals else None
    about = f"{len(result.intervals) + 1} studies: {result.verdict}"
    about += "" if days is None else f"; the last two are {days} days apart"
    head = f"<table><caption>{escape(about)}<br><small>{escape(result.research_use)}</small></caption>"
    names = ("side", "verdict", "grade", "earlier mm²", "later mm²", "a month")
    row = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(f"<tr>{_cells(side)}</tr>" for side in (result.intervals[-1].sides if result.intervals else ()))
    return f"{head}<thead><tr>{row}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(side: SideIntervalResult) -> str:
    grade = side.later_grade or ""
    if side.earlier_grade != side.later_grade:
        grade = f"{side.earlier_grade or 'none'} to {side.later_grade or 'none'}"
    numbers = (side.earlier_mm2, side.later_mm2, side.change_mm2_per_month)
    values = (side.side, side.verdict, grade, *("" if one is None else f"{one:.0f}" for one in numbers))
    return "".join(f"<td>{escape(str(value))}</td>" for value in values)


def _areas(side: SideIntervalResult) -> str:
    if side.earlier_mm2 is None or side.later_mm2 is None:
        return ""
    return f" ({side.earlier_mm2:.0f} to {side.later_mm2:.0f} mm²)"
