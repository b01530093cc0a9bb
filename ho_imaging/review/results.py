"""The results of a batch, read back study by study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.reporting.schema import StudyResult

__all__ = ["batch_results", "default_store"]

_MOST_BYTES = 64 << 20


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
        yield path.parent, _read(path)


def _read(path: Path) -> StudyResult:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ReadError("is too large to be a result", path=path, remedy="analyse the study again")
        return StudyResult.from_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReadError(f"is no result: {where} {first['msg']}", path=path, remedy="analyse the study again") from error
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check your rights to it") from error
