"""A comparison in a line, and as a small table for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ho_imaging.progression.schema_side import SideIntervalResult

__all__ = ["comparison_table", "side_words"]


def side_words(sides: Sequence[SideIntervalResult]) -> str:
    """Return the verdict on each side in a line, with its areas."""
    return ", ".join(f"{side.side} {side.verdict}{_areas(side)}" for side in sides)


def comparison_table(about: str, research_use: str, sides: Sequence[SideIntervalResult]) -> str:
    """Return a row a side as HTML, for a notebook, under a line about the comparison and the limits of use."""
    head = f"<table><caption>{escape(about)}<br><small>{escape(research_use)}</small></caption>"
    names = ("side", "verdict", "grade", "earlier mm²", "later mm²", "a month")
    row = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(f"<tr>{_cells(side)}</tr>" for side in sides)
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
