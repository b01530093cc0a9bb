"""Decisions of one reader on one study, kept in the store as they are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.readings.apply_decisions import review_state
from ho_imaging.readings.decision_history import active_decisions
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.grounds import grounds_of
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.readings.reviewed_study import ReviewedFinding, ReviewedStudy
from ho_imaging.review.inputs import ReviewInput

__all__ = ["BLINDED", "KeptDecisions"]

BLINDED = "the reading is blinded: the model's findings are shown after you commit"


class KeptDecisions:
    """A reader's decisions on a study, and the state of the study after them.

    Parameters
    ----------
    study
        The study that is read.
    reader
        Name or code of the reader.
    store
        Store of the decisions.
    blinded
        Hide the model's findings and grades until the reader has committed.

    Raises
    ------
    ReadError
        If the decisions kept so far cannot be read.

    """

    def __init__(self, study: ReviewInput, reader: str, store: ReviewStore, *, blinded: bool) -> None:
        self.study = study
        self.reader = reader
        self.store = store
        self.blinded = blinded
        self.all = store.read(study.result.study_uid, reader)
        self._size = self._stored_size()

    @property
    def state(self) -> ReviewedStudy:
        """The study as the reader left it."""
        return review_state(self.study.result, self.all)

    @property
    def hidden(self) -> bool:
        """True while the model's findings and grades are hidden."""
        # Once seen it stays seen, whatever became of the result since.
        return self.blinded and not any(decision.action == "commit" for decision in self.all)

    def keep(
        self,
        action: str,
        *,
        target: str | None = None,
        image_uid: str | None = None,
        value: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Keep a decision; it is on disk when this returns."""
        side = None if value is None or "side" not in value else str(value["side"])
        grounds = grounds_of(self.study.result, action, target=target, side=side, blinded=self.hidden)
        decision = Decision.model_validate(
            {
                "reader": self.reader,
                "study_uid": self.study.result.study_uid,
                "image_uid": image_uid,
                "model": self.study.result.model,
                "action": action,
                "target": target,
                "grounds": grounds,
                "value": dict(value or {}),
                "reason": (reason or "").strip() or None,
            }
        )
        self.store.append(decision)
        self.all.append(decision)
        self._size = self._stored_size()

    def catch_up(self) -> None:
        """Take in what the same reader decided in another notebook meanwhile."""
        if self._stored_size() != self._size:
            self.all = self.store.read(self.study.result.study_uid, self.reader)
            self._size = self._stored_size()

    def active(self, action: str) -> list[Decision]:
        """Return the decisions of one action that hold."""
        return [decision for decision in active_decisions(self.all) if decision.action == action]

    def added(self) -> set[str]:
        """Return the ids of the nodules that the reader added."""
        return {str(decision.target) for decision in self.active("add")}

    def finding(self, name: str) -> ReviewedFinding:
        """Return a nodule that the reader may see; raise `UsageError` if there is none of this id."""
        found = next((f for f in self.state.findings if f.id == name), None)
        if found is None:
            raise UsageError(f"there is no nodule {name}")
        if self.hidden and name not in self.added():
            raise UsageError(BLINDED)
        return found

    def has_own_grade(self, side: str) -> bool:
        """Return True if the reader has changed the grade of a side."""
        return self.state.grades.get(side, (None, None))[1] is not None

    def next_name(self) -> str:
        """Return the id for the next nodule that the reader adds."""
        taken = [int(str(d.target)[1:]) for d in self.all if d.action == "add" and str(d.target)[1:].isdigit()]
        return f"R{max(taken, default=0) + 1}"

    def _stored_size(self) -> int:
        path = self.store.path(self.study.result.study_uid, self.reader)
        try:
            return path.stat().st_size if path.exists() else 0
        except OSError as error:
            raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check your rights to it") from error
