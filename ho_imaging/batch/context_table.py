"""Clinical facts beside a batch: a CSV with a line a study."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from ho_imaging.errors import UsageError
from ho_imaging.files.csv_lines import csv_lines
from ho_imaging.severity.context import StudyContext, context_from_words

__all__ = ["COLUMNS", "read_context_table"]

COLUMNS = ("study_uid", "cause", "days_since_event", "prophylaxis")

_MOST_BYTES = 200_000_000


def read_context_table(path: str | PathLike[str]) -> dict[str, StudyContext]:
    """Read ``study_uid``, ``cause``, ``days_since_event``, ``prophylaxis``; all but the first may be empty or left out.

    Raises
    ------
    UsageError
        If the file cannot be read, has other columns, an unknown word, or two lines for one study; with the line.

    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError("is too large for a table of clinical facts", path=path, remedy="split it")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError("does not exist", path=path, remedy="check the path") from error
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", path=path, remedy="give a CSV that may be read"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8 text", path=path, remedy="give a CSV in UTF-8") from error
    lines = csv_lines(text, path)
    _, columns = next(lines, (1, []))
    if "study_uid" not in columns or not set(columns) <= set(COLUMNS) or len(set(columns)) < len(columns):
        raise UsageError(
            "has other columns than expected", path=path, remedy=f"use {', '.join(COLUMNS)}, separated by commas"
        )
    contexts: dict[str, StudyContext] = {}
    for number, cells in lines:
        if any(cells[len(columns) :]):
            raise UsageError(
                f"line {number}: has more cells than the heading", path=path, remedy="put a cell with a comma in quotes"
            )
        values = dict(zip(columns, cells, strict=False))
        uid = values.get("study_uid", "")
        try:
            context = context_from_words(
                values.get("cause"), values.get("days_since_event"), values.get("prophylaxis"), source="csv"
            )
        except UsageError as error:
            raise UsageError(f"line {number}: {error.problem}", path=path, remedy=error.remedy) from error
        if uid in contexts:
            raise UsageError(f"line {number}: a second line for one study", path=path, remedy="keep one")
        if context is not None:
            if not uid:
                raise UsageError(f"line {number}: names no study", path=path, remedy="give its study_uid")
            contexts[uid] = context
    return contexts
