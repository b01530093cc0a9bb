"""Decisions in words."""

from __future__ import annotations

from collections.abc import Sequence

from ho_imaging.readings.decisions import Decision

__all__ = ["in_words", "left_out_text"]


def in_words(decision: Decision) -> str:
    """Return in a few words what was decided."""
    value = decision.value
    if decision.action == "regrade":
        return f"{value['side']} graded {value['to']}"
    if decision.action == "reclassify":
        return f"{decision.target} is {str(value['mimic']).replace('_', ' ')}"
    return " ".join(part for part in (decision.action, decision.target) if part)


def left_out_text(left_out: Sequence[Decision]) -> str | None:
    """Return which decisions do not hold for a result; ``None`` where all do."""
    if not left_out:
        return None
    said = dict.fromkeys(in_words(decision) for decision in left_out if decision.action != "commit")
    listed = f"; not applied (numbers of then): {', '.join(said)}" if said else ""
    return f"the study was analysed again with another outcome since it was read{listed}"
