"""Tables as Parquet and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ho_imaging.files.atomic import writing

__all__ = ["write_table"]


def write_table(stem: Path, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Write ``stem.parquet`` and ``stem.csv``."""
    import pyarrow as pa  # noqa: PLC0415  (loads when tables are written)
    from pyarrow import csv, parquet  # noqa: PLC0415

    types = {"string": pa.string(), "double": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    table = pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows], schema=schema)
    for suffix, write in ((".parquet", parquet.write_table), (".csv", csv.write_csv)):
        with writing(stem.with_name(stem.name + suffix)) as part:
            write(table, part)
