"""A study as a row of a reader's list: whose it is, how far it is read, and what may be shown of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ho_imaging.errors import UsageError
from ho_imaging.outputs.rows import study_row
from ho_imaging.readings.plan import ReadingPlan
from ho_imaging.readings.readings import Reading, model_reading, reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import batch_results
from ho_imaging.vocabulary import Status

if TYPE_CHECKING:
    from ho_imaging.results.schema import StudyResult

__all__ = ["State", "StudyRow", "study_rows"]

State = Literal["unread", "open", "committed"]


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


def study_rows(folder: Path, reader: str, store: ReviewStore, plan: ReadingPlan | None) -> list[StudyRow]:
    """Return the studies of a batch's output folder that a reader has to read, in no order.

    Raises
    ------
    UsageError
        If the folder holds no results, or the plan does not know the reader.
    ReadError
        If a result or a decision cannot be read.

    """
    if plan is not None and reader not in {*plan.readers, plan.adjudicator}:
        raise UsageError(
            f"{reader!r} is not a reader of this plan",
            path=store.folder,
            remedy="use a reader's or the adjudicator's name",
        )
    rows = []
    for study_folder, result in batch_results(folder):
        if result.status == Status.DONE:
            row = _row(study_folder, result, store, reader, plan)
            if row is not None:
                rows.append(row)
    return rows


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
