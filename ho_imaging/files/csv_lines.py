"""Lines of a CSV that people fill in, read so that none of them is lost in the cell of another."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from ho_imaging.errors import UsageError

__all__ = ["csv_lines"]


def csv_lines(text: str, path: Path, *, separator: str = ",", skipped: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the stripped cells of each line that holds anything, the heading first.

    Parameters
    ----------
    text
        Of the table.
    path
        Its file, for messages.
    separator
        Of cells.
    skipped
        Number of lines of the file before the text.

    Yields
    ------
    tuple of int and list of str
        Lines are counted from 1 as a text editor does, a row over several lines by its first.

    Raises
    ------
    UsageError
        If a quote is not closed, so that a cell holds rows: they would be gone without a word.

    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before, width = 0, 0
    try:
        for cells in reader:
            number, before = before + 1, reader.line_num
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            width = width or len(cells)
            if any(_holds_a_row(cell, separator, width) for cell in stripped):
                raise UsageError(
                    f"line {number + skipped}: a cell in quotes holds what look like rows",
                    path=path,
                    remedy="close its quotes, or take its line breaks out",
                )
            yield number + skipped, stripped
    except csv.Error as error:
        raise UsageError(
            f"is no CSV after line {before + skipped}: {error}",
            path=path,
            remedy="close the quotes there, or save it as CSV again",
        ) from error


def _holds_a_row(cell: str, separator: str, width: int) -> bool:
    """Return True if a line of a cell, but the first, has as many separators as a row of the table."""
    return width > 1 and any(line.count(separator) >= width - 1 for line in cell.splitlines()[1:])
