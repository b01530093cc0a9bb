"""The results of a batch, read back study by study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ho_imaging.errors import UsageError
from ho_imaging.reporting.schema import StudyResult
from ho_imaging.review.inputs import read_result

__all__ = ["batch_results", "default_store"]


def default_store(folder: Path) -> Path:
    """Give the folder of decisions that belongs to a batch's output folder."""
    return folder / "reviews"


def batch_results(folder: Path) -> Iterator[tuple[Path, StudyResult]]:
    """Give each study's folder and result, in the order of their names.

    Raises
    ------
    UsageError
        If the folder holds none.
    ReadError
        If a result cannot be read.

    """
    paths = sorted(folder.glob("studies/*/result.json"))
    if not paths:
        raise UsageError("holds no results", path=folder, remedy="give the --out of an earlier ho-imaging analyze")
    for path in paths:
        yield path.parent, read_result(path)
