"""State of each side after a reading: changed nodules, and contradictions between grade and nodules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ho_imaging.readings.reviewed_study import ReviewedFinding, ReviewedStudy
from ho_imaging.severity.systems import grade_scales

__all__ = ["Contradiction", "changes_on", "contradiction_text", "contradictions"]


@dataclass(frozen=True)
class Contradiction:
    """A side whose grade and nodules cannot both be right.

    ``nodules``: those that stand beside a grade of no ectopic bone; empty where a grade above that has none.
    """

    side: str
    grade: str
    nodules: tuple[str, ...]

    def to_value(self) -> dict[str, Any]:
        """Return it as a commitment keeps it."""
        return {"side": self.side, "grade": self.grade, "nodules": list(self.nodules)}


def contradictions(state: ReviewedStudy, *, hidden: bool = False) -> tuple[Contradiction, ...]:
    """Return the sides whose grade contradicts their nodules.

    ``hidden``: the reader does not see the model's nodules, so only the reader's own count; and a grade without any is
    then no contradiction, since a blinded reader need not outline what is graded.
    """
    no_bone = {scale.no_bone for scale in grade_scales()}
    found = []
    for side, (grade, reason) in state.grades.items():
        if grade is None or (hidden and reason is None):
            continue
        here = [nodule for nodule in state.findings if nodule.side == side and not (hidden and _is_models(nodule))]
        standing = tuple(nodule.id for nodule in here if nodule.stands)
        if (grade in no_bone) is bool(standing) and not (hidden and not here):
            found.append(Contradiction(side, grade, standing))
    return tuple(found)


def changes_on(state: ReviewedStudy, side: str, before: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a reader changed of a side's nodules; ``before``: the side of each of the model's findings."""
    said = []
    for nodule in state.findings:
        was = before.get(nodule.id)
        if side not in {nodule.side, was}:
            continue
        words = _change(nodule)
        if words is None:
            continue
        if was is not None and was != nodule.side:
            words += f", moved to {nodule.side}"
        said.append(f"{nodule.id} {words}")
    return tuple(said)


def contradiction_text(found: Contradiction) -> str:
    """Return in a sentence what contradicts what."""
    if found.nodules:
        return f"{found.side}: graded {found.grade}, no ectopic bone, but {', '.join(found.nodules)} counts as such"
    return f"{found.side}: graded {found.grade}, but no nodule is left or drawn"


def _change(nodule: ReviewedFinding) -> str | None:
    if nodule.status == "rejected":
        return "rejected"
    if nodule.status == "mimic":
        return f"called {str(nodule.mimic).replace('_', ' ')}"
    if nodule.status == "added":
        return "added"
    return "redrawn" if nodule.reshaped else None


def _is_models(nodule: ReviewedFinding) -> bool:
    return not nodule.id.startswith("R")
