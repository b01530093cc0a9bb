"""Paths in the output folder of a batch, and its results read back; see docs/output-folder.md."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from pydantic import ValidationError

from ho_imaging.errors import ReadError, UsageError, WriteError
from ho_imaging.files import output_names as names
from ho_imaging.files.name_endings import name_with_end
from ho_imaging.reading.discover import StudyRef
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.raster import NO_HEADER
from ho_imaging.reading.uid import MADE, is_uid
from ho_imaging.results.schema import READABLE_VERSIONS, SCHEMA_VERSION, StudyResult
from ho_imaging.results.versions import not_read, read_kept

__all__ = [
    "OutputFolder",
    "StudyFolder",
    "batch_results",
    "check_schema",
    "film_file",
    "film_name",
    "folder_name",
    "forget_names",
    "is_film_name",
    "read_result",
    "result_paths",
    "study_file",
]

_MOST_RESULT_BYTES = 256 << 20
_FIRST_BYTES = 256
_FIRST_LINES = re.compile(rb'^\s*\{\s*"schema_version"\s*:\s*"([0-9.]{1,9})"')

_PICTURES = {FileKind.PNG, FileKind.JPEG, FileKind.TIFF}
_FILM_SUFFIXES = (
    names.BONE_OUTLINES_SUFFIX, names.PROBABILITY_SUFFIX, names.OVERLAY_SUFFIX, names.PLAIN_SUFFIX,
)  # fmt: skip

_ANALYSE_AGAIN = "analyse the films again into a new folder"


def folder_name(uid: str) -> str:
    """Return the name of a study's folder, or of a film's files: its UID where that is one, else a hash of it.

    A UID from a file may hold anything.
    """
    if is_uid(uid):
        return uid
    return "uid-" + hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def study_file(study: StudyRef) -> str | None:
    """Return the picture file that a study is; ``None`` for DICOM, whose names may tell of the patient."""
    (first, *others) = study.images
    return None if others or first.kind not in _PICTURES else str(first.path)


def film_file(result: StudyResult, film_uid: str) -> str | None:
    """Return the picture file of a film, where the result says it; ``None`` for DICOM and for films from memory."""
    for image in result.images:
        if image.sop_instance_uid == film_uid and any(flag.code == NO_HEADER.code for flag in image.quality_flags):
            return image.path
    return None


def film_name(result: StudyResult, film_uid: str) -> str:
    """Return the name of a film's files without their suffix: that of its picture file, else its UID.

    Parameters
    ----------
    result
        The study's result. One without paths (``--anonymous``) gives names of UIDs alone.
    film_uid
        SOP Instance UID of the film.

    Returns
    -------
    str
        ``FILM`` of docs/output-folder.md.

    """
    file = film_file(result, film_uid)
    return folder_name(film_uid) if file is None else names.name_of_file(file, film_uid)


def is_film_name(name: str, film_uid: str) -> bool:
    """Return True for a name that `film_name` gives a film, whatever its file was called then."""
    return name in {film_uid, folder_name(film_uid)} or name.endswith(names.tail_of(film_uid))


def forget_names(batch: OutputFolder, study_uid: str) -> StudyFolder:
    """Name the folder of a study and the files in it by UID alone, and return it.

    Raises
    ------
    WriteError
        If something cannot be renamed.

    """
    study, plain = batch.study(study_uid), StudyFolder(batch.studies / folder_name(study_uid))
    if not study.path.exists():
        return plain
    try:
        images = read_result(study.result).images
    except ReadError:  # a study that was given up has none
        images = ()
    try:
        for uid in (image.sop_instance_uid for image in images):
            for suffix in _FILM_SUFFIXES:
                found = _place(study.path, uid, None, suffix)
                if found.exists():
                    found.rename(study.path / f"{folder_name(uid)}{suffix}")
        if study != plain:
            study.path.rename(plain.path)
    except OSError as error:
        raise WriteError(f"cannot be renamed: {error.strerror}", path=study.path, remedy="check your rights") from error
    return plain


def _place(folder: Path, uid: str, file: str | None, suffix: str = "") -> Path:
    """Return where something of a UID is, or where it goes: named by the UID, or by the picture file it is made of."""
    plain = folder / f"{folder_name(uid)}{suffix}"
    # Only a UID that was made from a file's content has the name of a file.
    if not uid.startswith(MADE) or os.path.lexists(plain):
        return plain
    named = plain if file is None else folder / f"{names.name_of_file(file, uid)}{suffix}"
    if file is not None and os.path.lexists(named):
        return named
    # Made when the file had another name, or of a result that does not say its name.
    found = name_with_end(folder, names.tail_of(uid) + suffix)
    return named if found is None else folder / found


@dataclass(frozen=True)
class StudyFolder:
    """Paths in a study's folder, whether anything is there or not; films are named by their SOP Instance UID.

    ``file``: the picture file of a film (`film_file`), which names what is not there yet. What is there is found by the
    UID alone.
    """

    path: Path

    @property
    def result(self) -> Path:
        """Return the path of the result, which is written last."""
        return self.path / names.RESULT

    @property
    def thumbnail(self) -> Path:
        """Return the path of the small picture."""
        return self.path / names.THUMBNAIL

    @property
    def dicom(self) -> Path:
        """Return the folder of DICOM objects."""
        return self.path / names.DICOM_FOLDER

    @property
    def report(self) -> Path:
        """Return the path of the report."""
        return self.path / names.REPORT

    @property
    def comparison(self) -> Path:
        """Return the path of a comparison that was put here."""
        return self.path / names.COMPARISON

    @property
    def mark(self) -> Path:
        """Return the path of the file that tells how often a worker has begun the study."""
        return self.path / names.MARK

    @property
    def outputs(self) -> Path:
        """Return the folder of what further outputs write."""
        return self.path / names.OUTPUTS

    @property
    def batch(self) -> OutputFolder | None:
        """Return the batch that the study's folder lies in, or ``None``."""
        parent = self.path.absolute().parent
        return OutputFolder(parent.parent) if parent.name == names.STUDIES else None

    def probability(self, film_uid: str, file: str | None = None) -> Path:
        """Return the path of a film's probability of ectopic bone."""
        return _place(self.path, film_uid, file, names.PROBABILITY_SUFFIX)

    def overlay(self, film_uid: str, file: str | None = None) -> Path:
        """Return the path of a film's picture with outlines."""
        return _place(self.path, film_uid, file, names.OVERLAY_SUFFIX)

    def overlays(self) -> list[Path]:
        """Return the pictures with outlines that are there, in the order of their names."""
        return sorted(self.path.glob(f"*{names.OVERLAY_SUFFIX}"))

    def plain(self, film_uid: str, file: str | None = None) -> Path:
        """Return the path of a film's picture without outlines."""
        return _place(self.path, film_uid, file, names.PLAIN_SUFFIX)

    def bone_outlines(self, film_uid: str, file: str | None = None) -> Path:
        """Return the path of a film's outlines of bones."""
        return _place(self.path, film_uid, file, names.BONE_OUTLINES_SUFFIX)

    def that_show_identifiers(self) -> list[Path]:
        """Return the pictures, reports and objects that are there, which may show a path, an order or a patient."""
        patterns = (
            f"*{names.OVERLAY_SUFFIX}", f"*{names.PLAIN_SUFFIX}", names.REPORT, names.REPORT_PDF,
            f"{names.DICOM_FOLDER}/*.dcm", f"{names.OUTPUTS}/**/*",
        )  # fmt: skip
        return [path for pattern in patterns for path in self.path.glob(pattern) if not path.is_dir()]

    def of_the_result(self) -> list[Path]:
        """Return the files that are there, show the result and would be wrong beside another."""
        patterns = (
            f"*{names.BONE_OUTLINES_SUFFIX}", f"*{names.PROBABILITY_SUFFIX}", f"*{names.OVERLAY_SUFFIX}",
            f"*{names.PLAIN_SUFFIX}", names.THUMBNAIL, names.REPORT, names.REPORT_PDF, f"{names.DICOM_FOLDER}/*.dcm",
            f"{names.OUTPUTS}/**/*", f"{names.COMPARED}/*",
        )  # fmt: skip
        found = [path for pattern in patterns for path in self.path.glob(pattern)]
        return [path for path in found if path.is_symlink() or not path.is_dir()]


@dataclass(frozen=True)
class OutputFolder:
    """Paths in the output folder of a batch, whether anything is there or not."""

    path: Path

    @property
    def studies(self) -> Path:
        """Return the folder of the studies' folders."""
        return self.path / names.STUDIES

    @property
    def reviews(self) -> Path:
        """Return the folder of readers' decisions."""
        return self.path / names.REVIEWS

    @property
    def outputs(self) -> Path:
        """Return the folder of outputs of all studies together."""
        return self.path / names.OUTPUTS

    @property
    def standard_input(self) -> Path:
        """Return the folder of what came by standard input."""
        return self.path / names.STANDARD_INPUT

    @property
    def worklist(self) -> Path:
        """Return the path of the worklist."""
        return self.path / names.WORKLIST

    @property
    def run(self) -> Path:
        """Return the path of the summary of the last run."""
        return self.path / names.RUN

    def study(self, study_uid: str, file: str | None = None) -> StudyFolder:
        """Return the folder of a study by its UID.

        ``file``: the picture file that the study is (`study_file`), which names a folder that is not there yet.
        """
        return StudyFolder(_place(self.studies, study_uid, file))

    def study_folders(self) -> list[StudyFolder]:
        """Return the folders that hold a result, in the order of their names."""
        return [StudyFolder(path.parent) for path in sorted(self.studies.glob(f"*/{names.RESULT}"))]

    def table(self, name: str) -> Path:
        """Return the path of a table without its suffix, which is one of ``TABLE_SUFFIXES``."""
        return self.path / name

    def ledger(self, shard: tuple[int, int] | None = None) -> Path:
        """Return the path of the ledger, or of the one of part i of n of the studies."""
        part = "" if shard is None else f"-{shard[0]}-of-{shard[1]}"
        return self.path / f"{names.LEDGER}{part}{names.LEDGER_SUFFIX}"

    def ledgers(self) -> list[Path]:
        """Return the ledgers that are there: one, or one a part."""
        return sorted(self.path.glob(f"{names.LEDGER}*{names.LEDGER_SUFFIX}"))

    def holds_results(self) -> bool:
        """Return True if a batch worked here: there is a ledger, or a result."""
        return self.studies.is_dir() and bool(self.ledgers() or self.study_folders())


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
        If it cannot be read, is of another schema version, or is something else.

    """
    path = Path(path)
    text = read_kept(path, _MOST_RESULT_BYTES, remedy=_ANALYSE_AGAIN)
    try:
        return StudyResult.from_json(text)
    except ValidationError as error:
        raise not_read(error, text, "a result", SCHEMA_VERSION, path=path, remedy=_ANALYSE_AGAIN) from error


def check_schema(folder: Path) -> None:
    """Raise `UsageError` if an output folder holds results of another schema version: the two cannot be mixed."""
    for path in OutputFolder(folder).studies.glob(f"*/{names.RESULT}"):
        with contextlib.suppress(OSError), path.open("rb") as stream:
            # The version is the first thing that a result says.
            found = _FIRST_LINES.search(stream.read(_FIRST_BYTES))
            if found is None:
                continue
            stated = found[1].decode("ascii")
            if stated in READABLE_VERSIONS:
                return
            raise UsageError(
                f"holds results of schema {stated}; this version of ho_imaging writes schema {SCHEMA_VERSION}",
                path=folder,
                remedy="give another --out, or go on with the version of ho_imaging that wrote them",
            )


def result_paths(folder: Path) -> list[Path]:
    """Return the files of a batch's results, sorted by study folder; raises `UsageError` without any."""
    found = [study.result for study in OutputFolder(folder).study_folders()]
    if not found:
        raise UsageError("holds no results", path=folder, remedy="give the --out of an earlier ho-imaging analyze")
    return found


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
