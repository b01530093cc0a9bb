"""The studies that a reader works through: what is left, in an order that helps, blinded or not."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, overload

from ho_imaging.errors import UsageError
from ho_imaging.readings.plan import ReadingPlan
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.review.study_rows import State, StudyRow, study_rows

__all__ = ["Order", "Progress", "StudyList"]

Order = Literal["own", "severity", "certainty", "disagreement", "seconds"]

_WORDS = {None: 0, "none": 1, "mild": 2, "moderate": 3, "severe": 4}


@dataclass(frozen=True)
class Progress:
    """Progress of a reader. ``median_seconds``: of a committed study, ``None`` before the first."""

    unread: int
    open: int
    committed: int
    median_seconds: float | None

    @property
    def total(self) -> int:
        """All studies of the list."""
        return self.unread + self.open + self.committed


@dataclass(frozen=True, repr=False)
class StudyList(Sequence[StudyRow]):
    """A reader's list, in order. Nothing in it changes by itself."""

    folder: Path
    store: Path
    reader: str
    plan: ReadingPlan | None
    rows: tuple[StudyRow, ...]

    @property
    def blinded(self) -> bool:
        """True if the model's result is hidden until the reader has committed."""
        return self.plan is not None and self.plan.blinded

    @overload
    def __getitem__(self, index: int) -> StudyRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[StudyRow]: ...
    def __getitem__(self, index: int | slice) -> StudyRow | Sequence[StudyRow]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        progress = self.progress
        return f"<Worklist of {self.reader!r}: {progress.committed} of {progress.total} studies committed>"

    def __iter__(self) -> Iterator[StudyRow]:
        return iter(self.rows)

    @property
    def progress(self) -> Progress:
        """Count the rows by state."""
        times = [row.seconds for row in self.rows if row.state == "committed"]
        counts = {state: sum(row.state == state for row in self.rows) for state in ("unread", "open", "committed")}
        return Progress(**counts, median_seconds=statistics.median(times) if times else None)

    @property
    def next(self) -> StudyRow | None:
        """The first study that is not committed, one already begun first."""
        waiting = [row for row in self.rows if row.state != "committed"]
        return min(waiting, key=lambda row: row.state != "open", default=None)

    def where(
        self,
        *,
        state: State | None = None,
        region: str | None = None,
        category: str | None = None,
        grade: str | None = None,
        uncertain: bool | None = None,
        disagreement: bool | None = None,
    ) -> Self:
        """Keep the rows that are as asked for. ``uncertain``: whether the model names other grades, too.

        Of what is hidden nothing is known here either, so no filter tells it.
        """
        kept = [
            row
            for row in self.rows
            if state in {None, row.state}
            and region in {None, row.region}
            and category in {None, row.category}
            and grade in {None, row.grade}
            and uncertain in {None, bool(row.alternatives)}
            and disagreement in {None, bool(row.disagreements)}
        ]
        return replace(self, rows=tuple(kept))

    def by(self, order: Order) -> Self:
        """Sort: ``severity`` most severe first, ``certainty`` least certain first, ``disagreement`` most points first.

        ``seconds`` puts what took longest first. ``own`` is an order drawn for this reader alone, so that readers do
        not tire on the same films. What is hidden is in no order: the place of a row tells nothing of it.

        Raises
        ------
        UsageError
            If there is no such order.

        """
        keys: dict[str, Callable[[StudyRow], Any]] = {
            "own": lambda row: _own_place(self.reader, row.study_uid),
            "severity": lambda row: (-_WORDS.get(row.category, 0), -(row.score or 0.0), row.study_uid),
            "certainty": lambda row: (1.0 if row.certainty is None else row.certainty, row.study_uid),
            "disagreement": lambda row: (-len(row.disagreements), row.study_uid),
            "seconds": lambda row: (-row.seconds, row.study_uid),
        }
        if order not in keys:
            raise UsageError(f"no order is called {order!r}", remedy="use one of " + ", ".join(keys))
        return replace(self, rows=tuple(sorted(self.rows, key=keys[order])))

    def refresh(self) -> Self:
        """Read results and decisions anew; rows keep their order, filters stay applied."""
        kept = study_rows(self.folder, self.reader, ReviewStore(self.store), self.plan)
        fresh = {row.study_uid: row for row in kept}
        return replace(self, rows=tuple(fresh.get(row.study_uid, row) for row in self.rows))


def _own_place(reader: str, study_uid: str) -> bytes:
    return hashlib.sha256(f"{reader}\0{study_uid}".encode("utf-8", "surrogateescape")).digest()
