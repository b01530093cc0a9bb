"""Tables as Parquet and CSV, written a block of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ho_imaging.files.atomic import writing

__all__ = ["Row", "writing_table"]

Row = Mapping[str, Any]

_BLOCK_ROWS = 4_000
"""Rows that are held until they are written."""

_READ_BYTES = 1 << 20
"""Arrow reads rows in pieces of this size, which must hold a row."""


@contextmanager
def writing_table(
    stem: Path, columns: Mapping[str, str], sorted_by: Sequence[str] = ()
) -> Iterator[Callable[[Iterable[Row]], None]]:
    """Hand out a function that adds rows to ``stem.parquet`` and ``stem.csv``; both appear when the block ends well.

    Parameters
    ----------
    stem
        The files' path without suffix.
    columns
        Arrow type of each column by its name.
    sorted_by
        Columns to sort by. A sorted table is held until the end, as Arrow's columns.

    Yields
    ------
    callable
        Adds rows; a column that a row lacks is empty.

    Raises
    ------
    WriteError
        If a file cannot be written.

    """
    import pyarrow as pa  # noqa: PLC0415  (loads when tables are written)
    from pyarrow import csv, parquet  # noqa: PLC0415

    types = {"string": pa.string(), "double": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    lines: list[bytes] = []
    held: list[Any] = []
    with ExitStack() as stack:
        parquet_part, csv_part = (
            stack.enter_context(writing(stem.with_name(stem.name + suffix))) for suffix in (".parquet", ".csv")
        )
        writers = (
            stack.enter_context(parquet.ParquetWriter(parquet_part, schema)),
            stack.enter_context(csv.CSVWriter(csv_part, schema)),
        )

        def write(table: Any) -> None:
            for writer in writers:
                writer.write_table(table)

        def flush() -> None:
            if lines:
                (held.append if sorted_by else write)(_arrow(lines, schema))
                lines.clear()

        def add(rows: Iterable[Row]) -> None:
            for row in rows:
                lines.append(json.dumps({name: row.get(name) for name in columns}).encode())
                if len(lines) == _BLOCK_ROWS:
                    flush()

        yield add
        flush()
        if held:
            write(pa.concat_tables(held).sort_by([(name, "ascending") for name in sorted_by]))


def _arrow(lines: Sequence[bytes], schema: Any) -> Any:
    """Return rows in JSON as a table of Arrow.

    Through JSON: wherever pandas is installed pyarrow imports it to look at objects, which takes half a second.
    """
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import json as pa_json  # noqa: PLC0415

    read = pa_json.ReadOptions(block_size=max(_READ_BYTES, 2 * max(map(len, lines))))
    how = pa_json.ParseOptions(explicit_schema=schema)
    return pa_json.read_json(pa.BufferReader(b"\n".join(lines)), read, how)
