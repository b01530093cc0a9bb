"""History of a reader's decisions on a study: undo and redo, the blinded part, and the reading time."""

from __future__ import annotations

from collections.abc import Sequence

from ho_imaging.readings.decisions import Decision

__all__ = ["active_decisions", "redoable", "seconds_open", "undoable", "until_commit", "was_blinded"]


_NEVER_UNDONE = frozenset({"open", "close", "commit", "undo", "redo"})
"""A commitment stands: what was shown after it cannot be unseen."""


def active_decisions(decisions: Sequence[Decision]) -> list[Decision]:
    """Leave out what was undone, and undoing itself; the rest keeps its order."""
    undone: set[str] = set()
    for decision in decisions:
        if decision.action == "undo":
            undone.add(str(decision.value["undoes"]))
        elif decision.action == "redo":
            undone.discard(str(decision.value["redoes"]))
    kept = [decision for decision in decisions if decision.action not in {"undo", "redo"}]
    return [decision for decision in kept if decision.id not in undone or decision.action in _NEVER_UNDONE]


def undoable(decisions: Sequence[Decision]) -> Decision | None:
    """Return the decision that undo takes back next: the last one that holds."""
    return next((d for d in reversed(active_decisions(decisions)) if d.action not in _NEVER_UNDONE), None)


def redoable(decisions: Sequence[Decision]) -> Decision | None:
    """Return the decision that redo brings back next: the last one undone since the last new decision."""
    by_id = {decision.id: decision for decision in decisions}
    waiting: list[Decision] = []
    for decision in decisions:
        if decision.action == "undo":
            undone = by_id.get(str(decision.value["undoes"]))
            waiting += [] if undone is None or undone.action in _NEVER_UNDONE else [undone]
        elif decision.action == "redo":
            waiting = [other for other in waiting if other.id != decision.value["redoes"]]
        elif decision.action not in _NEVER_UNDONE:
            waiting = []
    return waiting[-1] if waiting else None


def until_commit(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the decisions up to the first commitment: those a blinded reader made before seeing the model."""
    for number, decision in enumerate(decisions, start=1):
        if decision.action == "commit":
            return list(decisions[:number])
    return list(decisions)


def was_blinded(decisions: Sequence[Decision]) -> bool:
    """Return True if a study was first opened with the model's result hidden."""
    opened = next((decision for decision in decisions if decision.action == "open"), None)
    return opened is not None and opened.value.get("blinded") is True


def seconds_open(decisions: Sequence[Decision]) -> float:
    """Sum the sessions, each from its opening to its closing or, where that is missing, to its last decision."""
    total = 0.0
    opened: Decision | None = None
    last: Decision | None = None
    for decision in decisions:
        if decision.action == "close":
            total += float(decision.value["seconds"])  # type: ignore[arg-type]  # checked when it was read
            opened = None
        elif decision.action == "open":
            total += _lasted(opened, last)
            opened = decision
        last = decision
    return round(total + _lasted(opened, last), 3)


def _lasted(opened: Decision | None, last: Decision | None) -> float:
    if opened is None or last is None:
        return 0.0
    return max(0.0, (last.at - opened.at).total_seconds())
