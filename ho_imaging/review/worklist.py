"""The list of studies that a reader works through: what is left, in an order that helps, blinded or not."""

from __future__ import annotations

import hashlib
import html
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from ho_imaging.errors import UsageError
from ho_imaging.outputs.rows import study_row
from ho_imaging.readings.decisions import check_reader
from ho_imaging.readings.plan import ReadingPlan, read_plan
from ho_imaging.readings.readings import Reading, model_reading, reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import OutputFolder, batch_results
from ho_imaging.vocabulary import Status

if TYPE_CHECKING:
    from os import PathLike

    from ho_imaging.results.schema import StudyResult
    from ho_imaging.review.widget import ReviewWidget

__all__ = ["Progress", "StudyRow", "Worklist", "open_worklist"]

State = Literal["unread", "open", "committed"]
Order = Literal["own", "severity", "certainty", "disagreement", "seconds"]

_WORDS = {None: 0, "none": 1, "mild": 2, "moderate": 3, "severe": 4}


@dataclass(frozen=True)
class StudyRow:
    """One study of the list, as it may be shown to this reader now.

    ``state`` and ``seconds`` are this reader's. ``committed_by``: who has committed a reading, this reader among them.
    ``disagreements``: where committed readings differ, in words; without readings to compare with, where this reader
    differs from the model. While ``hidden`` nothing below it is known, nor anything of other readers' opinions.
    """

    study_uid: str
    folder: Path
    region: str | None
    films: int
    state: State
    seconds: float
    assigned: tuple[str, ...]
    committed_by: tuple[str, ...]
    hidden: bool
    disagreements: tuple[str, ...] = ()
    grade: str | None = None
    alternatives: str = ""
    certainty: float | None = None
    score: float | None = None
    category: str | None = None
    findings: int | None = None
    area_mm2: float | None = None
    longest_mm: float | None = None


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
class Worklist(Sequence[StudyRow]):
    """A reader's list, in order. In a notebook it shows itself as a table; nothing in it changes by itself."""

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
    ) -> Worklist:
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

    def by(self, order: Order) -> Worklist:
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

    def refresh(self) -> Worklist:
        """Read results and decisions anew; rows keep their order, filters stay applied."""
        fresh = {
            row.study_uid: row for row in open_worklist(self.folder, self.reader, store=self.store, plan=self.plan)
        }
        return replace(self, rows=tuple(fresh.get(row.study_uid, row) for row in self.rows))

    def open(self, study_uid: str | None = None, *, height_px: int | None = None, **options: Any) -> ReviewWidget:
        """Open a study in the viewer, by default the next one; after each the next opens. Needs the extra ``review``.

        ``options`` are those of `ho_imaging.review.room.open_room`: ``previous``, ``previous_study``, ``films``.

        Raises
        ------
        UsageError
            If the study is not in the list, or nothing in the list is left to read.

        """
        from ho_imaging.review.room import open_room  # noqa: PLC0415  (the room knows the list)
        from ho_imaging.review.widget import ReviewWidget  # noqa: PLC0415  (notebooks' libraries load when needed)

        return ReviewWidget(open_room(self, study_uid, **options), height_px=height_px)

    def _repr_html_(self) -> str:
        return _as_html(self)


def open_worklist(
    folder: str | PathLike[str],
    reader: str,
    *,
    store: str | PathLike[str] | None = None,
    plan: ReadingPlan | None = None,
) -> Worklist:
    """List the studies that a reader has to read in a batch's output folder.

    Parameters
    ----------
    folder
        What ``ho-imaging analyze --out`` was given. Studies that were refused or failed have nothing to review.
    reader
        The reader's name or code, as kept with each decision.
    store
        Folder of decisions; ``reviews`` in the batch's folder by default.
    plan
        Who reads what, in place of the store's own plan. Without a plan everybody reads everything, not blinded.

    Raises
    ------
    UsageError
        If the folder holds no results, the reader has no printable name, or the plan does not know the reader.
    ReadError
        If a result or a decision cannot be read.

    """
    check_reader(reader)
    place = Path(folder)
    kept = ReviewStore(Path(store) if store is not None else OutputFolder(place).reviews)
    plan = plan if plan is not None else read_plan(kept.folder)
    if plan is not None and reader not in {*plan.readers, plan.adjudicator}:
        raise UsageError(
            f"{reader!r} is not a reader of this plan",
            path=kept.folder,
            remedy="use a reader's or the adjudicator's name",
        )
    rows = []
    for study_folder, result in batch_results(place):
        if result.status == Status.DONE:
            row = _row(study_folder, result, kept, reader, plan)
            if row is not None:
                rows.append(row)
    listed = Worklist(place, kept.folder, reader, plan, tuple(rows))
    return listed.by("own" if listed.blinded else "severity")


def _row(
    folder: Path, result: StudyResult, store: ReviewStore, reader: str, plan: ReadingPlan | None
) -> StudyRow | None:
    uid = result.study_uid
    blinded = plan is not None and plan.blinded
    decided = {name: store.read(uid, name) for name in store.readers(uid)}
    readings = {
        name: reader_reading(result, decisions, blinded=blinded or None)
        for name, decisions in decided.items()
        if decisions
    }
    assigned = plan.readers_of(uid) if plan is not None else tuple(sorted({reader, *readings}))
    first = [readings[name] for name in assigned if name in readings and readings[name].committed]
    adjudicates = plan is not None and reader == plan.adjudicator
    apart = (plan or ReadingPlan(readers=(reader,))).disagreements(first)
    if plan is not None and reader not in assigned and not (adjudicates and apart):
        return None
    mine = readings.get(reader)
    # Once seen it stays seen, also where the study has to be looked at again.
    hidden = blinded and not (mine is not None and mine.committed_at is not None)
    finished = mine is not None and reader_reading(result, decided[reader], final=True).committed
    row = StudyRow(
        study_uid=uid,
        folder=folder,
        region=next((str(image.region) for image in result.images if image.status == Status.DONE), None),
        films=sum(image.status == Status.DONE for image in result.images),
        state="unread" if mine is None else "committed" if finished else "open",
        seconds=0.0 if mine is None else mine.seconds,
        assigned=assigned,
        committed_by=tuple(name for name, reading in readings.items() if reading.committed),
        hidden=hidden,
    )
    if hidden:
        # An adjudicator is asked because readers disagree: on what, he has to know.
        return replace(row, disagreements=apart if adjudicates else ())
    about = study_row(result, folder.name)
    if len(first) < 2 and mine is not None:
        apart = _against_the_model(result, mine)
    return replace(
        row,
        disagreements=apart,
        grade=about["grade"],
        alternatives=about["alternatives"] or "",
        certainty=about["certainty"],
        score=about["score"],
        category=about["category"],
        findings=about["findings"],
        area_mm2=about["area_mm2"],
        longest_mm=about["longest_mm"],
    )


def _against_the_model(result: StudyResult, mine: Reading) -> tuple[str, ...]:
    plan = ReadingPlan(readers=(mine.reader,))
    return plan.disagreements([replace(mine, committed=True), model_reading(result)])


def _own_place(reader: str, study_uid: str) -> bytes:
    return hashlib.sha256(f"{reader}\0{study_uid}".encode("utf-8", "surrogateescape")).digest()


_STYLE = (
    "border-collapse:collapse;font-size:13px",
    "text-align:left;padding:4px 10px;border-bottom:1px solid #8884",
)


def _as_html(worklist: Worklist) -> str:
    """Return the list as an HTML table; every word from a file is escaped."""
    progress = worklist.progress
    took = "" if progress.median_seconds is None else f", {progress.median_seconds:.0f} s a study"
    heading = (
        f"{html.escape(worklist.reader)}: {progress.committed} of {progress.total} committed, "
        f"{progress.open} begun{took}{' (blinded)' if worklist.blinded else ''}"
    )
    columns = [
        "study",
        "region",
        "films",
        "state",
        "seconds",
        "severity",
        "grade",
        "certainty",
        "score",
        "nodules",
        "differs",
    ]
    head = "".join(f'<th style="{_STYLE[1]}">{name}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(_cell(value) for value in _cells(row))}</tr>" for row in worklist.rows)
    table = f'<table style="{_STYLE[0]}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f"<p><b>{heading}</b></p>{table}"


def _cells(row: StudyRow) -> tuple[str, ...]:
    uid = row.study_uid if len(row.study_uid) <= 16 else "…" + row.study_uid[-14:]
    told = ("hidden", "", "", "", "") if row.hidden else (
        row.category or "",
        " / ".join([row.grade or "not graded", *row.alternatives.split()]),
        "" if row.certainty is None else f"{row.certainty:.2f}",
        "" if row.score is None else f"{row.score:.1f}",
        str(row.findings),
    )  # fmt: skip
    seconds = f"{row.seconds:.0f}" if row.seconds else ""
    return (uid, row.region or "", str(row.films), row.state, seconds, *told, "; ".join(row.disagreements))


def _cell(value: str) -> str:
    return f'<td style="{_STYLE[1]}">{html.escape(value)}</td>'
