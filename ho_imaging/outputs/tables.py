"""Tables as Parquet and CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ho_imaging.files.atomic import writing

__all__ = ["write_table"]

_BLOCK_BYTES = 1 << 20
"""Rows are read in blocks of this size, which must hold a row."""


def write_table(stem: Path, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Write ``stem.parquet`` and ``stem.csv``."""
    import pyarrow as pa  # noqa: PLC0415  (loads when tables are written)
    from pyarrow import csv, parquet  # noqa: PLC0415
    from pyarrow import json as pa_json  # noqa: PLC0415

    types = {"string": pa.string(), "double": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    # Through JSON: wherever pandas is installed pyarrow imports it to look at objects, which takes half a second.
    lines = [json.dumps({name: row.get(name) for name in columns}).encode() for row in rows]
    read = pa_json.ReadOptions(block_size=max(_BLOCK_BYTES, 2 * max(map(len, lines), default=0)))
    how = pa_json.ParseOptions(explicit_schema=schema)
    table = pa_json.read_json(pa.BufferReader(b"\n".join(lines or [b"{}"])), read, how)
    table = table.slice(0, len(lines))
    for suffix, write in ((".parquet", parquet.write_table), (".csv", csv.write_csv)):
        with writing(stem.with_name(stem.name + suffix)) as part:
            write(table, part)
