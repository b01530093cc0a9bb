"""Checks of a decision's value: what each action needs, and the outline that a reader drew."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pydantic import JsonValue

from ho_imaging.readings.outlines import Outline

__all__ = ["MIMICS", "Value", "check_value", "outline_of"]

Value = Mapping[str, JsonValue]
"""Type of a decision's value."""


MIMICS = (
    "phlebolith", "arterial_calcification", "calcified_node", "injection_granuloma", "os_acetabuli", "osteophyte",
    "enthesophyte", "healed_fracture", "avulsion_fragment", "fabella", "loose_body", "bone_island",
    "calcified_fibroid", "stone", "seeds", "stent", "gonad_shield", "contrast_medium", "staples",
    "clips", "electrode", "zip", "button", "tubing", "other",
)  # fmt: skip
"""Mimics, structures that look like ectopic bone: the kinds that the simulation draws, and any other."""

_MOST_POINTS = 100_000


def _check_mimic(value: Value) -> None:
    if value.get("mimic") not in MIMICS:
        raise ValueError(f"mimic is not one of {', '.join(MIMICS)}")


def _check_outline(value: Value) -> None:
    outline_of(value)


def _check_grade(value: Value) -> None:
    if value.get("side") not in {"left", "right", "unknown"}:
        raise ValueError("side is not left, right or unknown")
    if not isinstance(value.get("system"), str) or not isinstance(value.get("to"), str):
        raise ValueError("a grade needs a system and a class")
    if not isinstance(value.get("from"), str | None):
        raise ValueError("the class before is not text")


def _check_measure(value: Value) -> None:
    _point(value.get("from_xy_px"))
    _point(value.get("to_xy_px"))
    length_mm = value.get("length_mm")
    if length_mm is not None and not _is_number(length_mm):
        raise ValueError("length_mm is not a number")
    if not isinstance(value.get("basis"), str):
        raise ValueError("a measure needs its basis")


def _check_undo(value: Value) -> None:
    if not isinstance(value.get("undoes"), str):
        raise ValueError("undo names no decision")


def _check_redo(value: Value) -> None:
    if not isinstance(value.get("redoes"), str):
        raise ValueError("redo names no decision")


def _check_close(value: Value) -> None:
    seconds = value.get("seconds")
    if not _is_number(seconds) or float(seconds) < 0:  # type: ignore[arg-type]  # checked just before
        raise ValueError("seconds is not a duration")


def _check_commit(value: Value) -> None:
    confirmed = value.get("confirmed", [])
    if not isinstance(confirmed, list):
        raise ValueError("confirmed is not a list")
    for item in confirmed:
        if not isinstance(item, dict) or set(item) != {"side", "grade", "nodules"}:
            raise ValueError("an item of confirmed lacks side, grade or nodules")
        nodules = item["nodules"]
        if not (isinstance(item["side"], str) and isinstance(item["grade"], str) and isinstance(nodules, list)):
            raise ValueError("an item of confirmed lacks side, grade or nodules")
        if not all(isinstance(name, str) for name in nodules):
            raise ValueError("the id of a confirmed nodule is not text")


_CHECKS: dict[str, Callable[[Value], None]] = {
    "commit": _check_commit,
    "reclassify": _check_mimic,
    "reshape": _check_outline,
    "add": _check_outline,
    "regrade": _check_grade,
    "measure": _check_measure,
    "undo": _check_undo,
    "redo": _check_redo,
    "close": _check_close,
}


def check_value(action: str, value: Value) -> None:
    """Raise ``ValueError`` where a value lacks what its action needs."""
    if action in _CHECKS:
        _CHECKS[action](value)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _point(value: JsonValue) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2 or not all(_is_number(part) for part in value):
        raise ValueError("a point is not two numbers")
    return float(value[0]), float(value[1])  # type: ignore[arg-type]  # checked just before


def outline_of(value: Value) -> Outline:
    """Return the outline of a ``reshape`` or ``add``; raise ``ValueError`` if there is none."""
    rings = value.get("outline_xy_px")
    if not isinstance(rings, list) or not rings:
        raise ValueError("there is no outline")
    outline = tuple(tuple(_point(point) for point in (ring if isinstance(ring, list) else [])) for ring in rings)
    if any(len(ring) < 3 for ring in outline):
        raise ValueError("a ring of the outline has fewer than three points")
    if sum(len(ring) for ring in outline) > _MOST_POINTS:
        raise ValueError(f"the outline has more than {_MOST_POINTS} points")
    return outline
