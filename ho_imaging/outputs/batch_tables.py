"""The outputs ``tables`` and ``worklist``: all studies of a batch in rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ho_imaging.files.output_names import FINDINGS_TABLE, INPUTS_TABLE, SIDES_TABLE, STUDIES_TABLE
from ho_imaging.outputs.registry import Option, Output, Per, Source
from ho_imaging.outputs.rows import TABLES as COLUMNS
from ho_imaging.outputs.rows import result_rows
from ho_imaging.outputs.tables import write_table
from ho_imaging.outputs.worklist import write_page

__all__ = ["TABLES", "WORKLIST", "write_tables"]


def write_tables(folder: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write the tables of studies, findings, sides and inputs, each as Parquet and CSV; ``rows`` by table."""
    for name in (STUDIES_TABLE, FINDINGS_TABLE, SIDES_TABLE, INPUTS_TABLE):
        write_table(folder / name, rows.get(name, ()), COLUMNS[name])


def _rows(sources: Iterable[Source]) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    for source in sources:
        for name, found in result_rows(
            source.result, source.name if source.folder is None else source.folder.path.name
        ).items():
            rows[name] += found
    return rows


def _write_tables(sources: Iterable[Source], path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    write_tables(path, _rows(sources))


def _write_worklist(sources: Iterable[Source], path: Path, *, language: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    kept = list(sources)
    reasons = {source.result.study_uid: source.result.reason for source in kept}
    rows = _rows(kept)[STUDIES_TABLE]
    for row in rows:
        reason = reasons[row["study_uid"]]
        row["reason"] = None if reason is None else reason.text(language)
    write_page(path, rows, language)


TABLES = Output(
    name="tables",
    about="tables of studies, findings, sides and inputs as Parquet and CSV",
    write=_write_tables,
    per=Per.BATCH,
    always=True,
    place=".",
)
WORKLIST = Output(
    name="worklist",
    about="page of all studies, worst first",
    options={"language": Option("language of the page: en, de", default="en")},
    write=_write_worklist,
    per=Per.BATCH,
    always=True,
    place=".",
)
