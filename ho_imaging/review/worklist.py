"""A reader's list of studies in a notebook: a table that shows itself, and the viewer at one of them."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ho_imaging.readings.decisions import check_reader
from ho_imaging.readings.plan import ReadingPlan, read_plan
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import OutputFolder
from ho_imaging.review.room import open_room
from ho_imaging.review.study_list import Progress, StudyList
from ho_imaging.review.study_rows import StudyRow, study_rows

if TYPE_CHECKING:
    from os import PathLike

    from ho_imaging.review.widget import ReviewWidget

__all__ = ["Progress", "StudyRow", "Worklist", "open_worklist"]


@dataclass(frozen=True, repr=False)
class Worklist(StudyList):
    """A reader's list, in order. In a notebook it shows itself as a table."""

    def open(self, study_uid: str | None = None, *, height_px: int | None = None, **options: Any) -> ReviewWidget:
        """Open a study in the viewer, by default the next one; after each the next opens. Needs the extra ``review``.

        ``options`` are those of `ho_imaging.review.room.open_room`: ``previous``, ``previous_study``, ``films``.

        Raises
        ------
        UsageError
            If the study is not in the list, or nothing in the list is left to read.

        """
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
    listed = Worklist(place, kept.folder, reader, plan, tuple(study_rows(place, reader, kept, plan)))
    return listed.by("own" if listed.blinded else "severity")


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
