"""The output folder of a batch: the names of what it holds, and its results read back.

DIR/studies/STUDY/result.json         result of a study; STUDY is its UID, or a hash of what is no UID
DIR/studies/STUDY/thumbnail.jpg       small picture for the worklist
DIR/studies/STUDY/dicom/              DICOM objects
DIR/reviews/                          readers' decisions
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from ho_imaging.errors import UsageError
from ho_imaging.reading.uid import is_uid
from ho_imaging.results.schema import SCHEMA_VERSION, StudyResult
from ho_imaging.results.versions import not_read, read_kept

__all__ = [
    "DICOM_FOLDER",
    "RESULT",
    "REVIEWS",
    "STUDIES",
    "THUMBNAIL",
    "batch_results",
    "check_schema",
    "default_store",
    "folder_name",
    "read_result",
]

STUDIES = "studies"
RESULT = "result.json"
REVIEWS = "reviews"
THUMBNAIL = "thumbnail.jpg"
DICOM_FOLDER = "dicom"

_MOST_RESULT_BYTES = 256 << 20
_FIRST_BYTES = 256
_FIRST_LINES = re.compile(rb'^\s*\{\s*"schema_version"\s*:\s*"([0-9.]{1,9})"')

_ANALYSE_AGAIN = "analyse the films again into a new folder"


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


def read_result(path: Path) -> StudyResult:
    """Return the result that a file holds.

    Raises
    ------
    ReadError
        If it cannot be read, is of another schema version, or is something else.

    """
    text = read_kept(path, _MOST_RESULT_BYTES, remedy=_ANALYSE_AGAIN)
    try:
        return StudyResult.from_json(text)
    except ValidationError as error:
        raise not_read(error, text, "a result", SCHEMA_VERSION, path=path, remedy=_ANALYSE_AGAIN) from error


def check_schema(folder: Path) -> None:
    """Raise `UsageError` if an output folder holds results of another schema version: the two cannot be mixed."""
    for path in folder.glob(f"{STUDIES}/*/{RESULT}"):
        with contextlib.suppress(OSError), path.open("rb") as stream:
            # The version is the first thing that a result says.
            found = _FIRST_LINES.search(stream.read(_FIRST_BYTES))
            if found is None:
                continue
            stated = found[1].decode("ascii")
            if stated == SCHEMA_VERSION:
                return
            raise UsageError(
                f"holds results of schema {stated}; this version of ho_imaging writes schema {SCHEMA_VERSION}",
                path=folder,
                remedy="give another --out, or go on with the version of ho_imaging that wrote them",
            )


def batch_results(folder: Path) -> Iterator[tuple[Path, StudyResult]]:
    """Yield the folder and result of each study of a batch, in the order of their names.

    Raises
    ------
    UsageError
        If the folder holds none.
    ReadError
        If a result cannot be read.

    """
    paths = sorted(folder.glob(f"{STUDIES}/*/{RESULT}"))
    if not paths:
        raise UsageError("holds no results", path=folder, remedy="give the --out of an earlier ho-imaging analyze")
    for path in paths:
        yield path.parent, read_result(path)
