"""The output folder of a batch: the names of what it holds, and its results read back.

DIR/studies/STUDY/result.json         result of a study; STUDY is its UID, or a hash of what is no UID
DIR/studies/STUDY/thumbnail.jpg       small picture for the worklist
DIR/studies/STUDY/dicom/              DICOM objects
DIR/reviews/                          readers' decisions
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from pydantic import ValidationError

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.reading.uid import is_uid
from ho_imaging.results.schema import StudyResult

__all__ = [
    "DICOM_FOLDER",
    "RESULT",
    "REVIEWS",
    "STUDIES",
    "THUMBNAIL",
    "batch_results",
    "default_store",
    "folder_name",
    "read_result",
    "result_paths",
]

STUDIES = "studies"
RESULT = "result.json"
REVIEWS = "reviews"
THUMBNAIL = "thumbnail.jpg"
DICOM_FOLDER = "dicom"

_MOST_RESULT_BYTES = 256 << 20


def folder_name(study_uid: str) -> str:
    """Return the name of a study's folder: its UID where that is one, else a hash of it.

    A UID from a file may hold anything.
    """
    if is_uid(study_uid):
        return study_uid
    return "uid-" + hashlib.sha256(study_uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def default_store(folder: Path) -> Path:
    """Return the folder of decisions that belongs to a batch's output folder."""
    return folder / REVIEWS


def read_result(path: str | PathLike[str]) -> StudyResult:
    """Read a ``result.json``.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    StudyResult
        The result, checked against its schema.

    Raises
    ------
    ReadError
        If it cannot be read, or is no result of a version that this program reads.

    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_RESULT_BYTES:
            raise ReadError(f"is larger than {_MOST_RESULT_BYTES >> 20} MiB", path=path, remedy="analyse it again")
        return StudyResult.from_json(path.read_bytes())
    except ValidationError as error:
        raise ReadError(
            f"is no result of this version ({error.error_count()} problems)", path=path, remedy="analyse it again"
        ) from error
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check your rights to it") from error


def result_paths(folder: Path) -> list[Path]:
    """Return the files of a batch's results, sorted by study folder; raises `UsageError` without any."""
    paths = sorted(folder.glob(f"{STUDIES}/*/{RESULT}"))
    if not paths:
        raise UsageError("holds no results", path=folder, remedy="give the --out of an earlier ho-imaging analyze")
    return paths


def batch_results(folder: Path) -> Iterator[tuple[Path, StudyResult]]:
    """Yield the folder and result of each study of a batch, in the order of their names.

    Raises
    ------
    UsageError
        If the folder holds none.
    ReadError
        If a result cannot be read.

    """
    for path in result_paths(folder):
        yield path.parent, read_result(path)
