"""The outputs ``tables`` and ``worklist``: all studies of a batch in rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ho_imaging.files.output_names import INPUTS_TABLE, STUDIES_TABLE
from ho_imaging.outputs.registry import Option, Output, Per, Source
from ho_imaging.outputs.rows import TABLES as COLUMNS
from ho_imaging.outputs.rows import result_rows
from ho_imaging.outputs.tables import Row, writing_table
from ho_imaging.outputs.worklist import write_page

__all__ = ["TABLES", "WORKLIST", "write_tables"]


def write_tables(folder: Path, studies: Iterable[Mapping[str, Sequence[Row]]]) -> None:
    """Write the tables of studies, findings, sides and inputs, each as Parquet and CSV: all of them, or none.

    ``studies``: the rows of each table, a study at a time. Inputs are sorted by path.
    """
    with ExitStack() as stack:
        tables = {
            name: stack.enter_context(writing_table(folder / name, columns, _SORTED_BY.get(name, ())))
            for name, columns in COLUMNS.items()
        }
        for rows in studies:
            for name, add in tables.items():
                add(rows.get(name, ()))


_SORTED_BY = {INPUTS_TABLE: ("path", "sop_instance_uid")}


def _rows(source: Source) -> dict[str, list[dict[str, Any]]]:
    return result_rows(source.result, source.name if source.folder is None else source.folder.path.name)


def _write_tables(sources: Iterable[Source], path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    write_tables(path, map(_rows, sources))


def _write_worklist(sources: Iterable[Source], path: Path, *, language: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    write_page(path, (_spoken_row(source, language) for source in sources), language)


def _spoken_row(source: Source, language: str) -> dict[str, Any]:
    [row], reason = _rows(source)[STUDIES_TABLE], source.result.reason
    return {**row, "reason": None if reason is None else reason.text(language)}


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
