"""Tables of a result as pandas data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ho_imaging.errors import UsageError
from ho_imaging.extras import missing_extra
from ho_imaging.results.schema_finding import FindingResult
from ho_imaging.results.schema_severity import SideResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from pydantic import BaseModel

__all__ = ["TableName", "to_dataframe"]

TableName = Literal["findings", "sides"]

_NOT_IN_A_CELL = ("contours", "axis_ends", "centroid", "area_range")
"""Fields of a finding that hold points and ranges begin or end so."""

_NESTED = {"evidence", "systems", "probabilities"}
_OF_EVIDENCE = ("gap_mm", "spacing_basis", "statement")


def to_dataframe(
    study_uid: str, findings: Sequence[FindingResult], sides: Sequence[SideResult], table: TableName
) -> pd.DataFrame:
    """Return a table of a result: a row a finding, or a row a side; the columns are the same without any row.

    Raises
    ------
    UsageError
        If there is no such table, or pandas is not installed.

    """
    if table not in {"findings", "sides"}:
        raise UsageError(f"{table!r} is no table of a result", remedy="use 'findings' or 'sides'")
    try:
        import pandas as pd  # noqa: PLC0415  (optional, and slow to import)
    except ImportError as error:
        raise missing_extra(error, "pandas", "a data frame") from error
    columns, rows = _findings(findings) if table == "findings" else _sides(sides)
    return pd.DataFrame([{"study_uid": study_uid, **row} for row in rows], columns=["study_uid", *columns])


def _findings(findings: Sequence[FindingResult]) -> tuple[list[str], list[dict[str, Any]]]:
    columns = [name for name in FindingResult.model_fields if not any(word in name for word in _NOT_IN_A_CELL)]
    return columns, [_row(finding, columns) for finding in findings]


def _sides(sides: Sequence[SideResult]) -> tuple[list[str], list[dict[str, Any]]]:
    columns = [name for name in SideResult.model_fields if name not in _NESTED]
    rows = []
    for side in sides:
        likeliest = None if side.grade is None else side.probabilities.get(side.grade)
        evidence = {name: _cell(getattr(side.evidence, name)) for name in _OF_EVIDENCE}
        rows.append({**_row(side, columns), "probability": likeliest, **evidence})
    return [*columns, "probability", *_OF_EVIDENCE], rows


def _row(part: BaseModel, columns: list[str]) -> dict[str, Any]:
    return {name: _cell(getattr(part, name)) for name in columns}


def _cell(value: Any) -> Any:
    """Return a value as it fits into a cell: several words in one text, as in the tables of a batch."""
    if isinstance(value, dict):
        value = [f"{name}:{item}" for name, items in value.items() for item in (items if items else [""])]
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
