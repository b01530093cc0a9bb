"""From files and folders to studies, reading headers only."""

from __future__ import annotations

import gzip
import io
import logging
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, ReadError, RefusedError, TooLargeError, UsageError
from ho_imaging.files.output_names import written_names
from ho_imaging.files.path_text import path_text
from ho_imaging.messages import Message
from ho_imaging.reading.archive import (
    MAX_FILE_BYTES,
    first_bytes,
    in_archive,
    is_document,
    list_archive,
    path_or_bytes,
)
from ho_imaging.reading.damaged_elements import drop_damaged
from ho_imaging.reading.dicom import content_uid
from ho_imaging.reading.dicomdir import images_listed
from ho_imaging.reading.files import FileKind, is_zip, kind_of
from ho_imaging.reading.identifiers import identifiers_of
from ho_imaging.reading.identity import NO_PATIENT, difference, patient_of
from ho_imaging.reading.open_dicom import open_dataset
from ho_imaging.reading.projection_check import check_is_radiograph
from ho_imaging.reading.raster import raster_uid
from ho_imaging.reading.raw_twins import Exposure, exposure_of, raw_twins
from ho_imaging.reading.read import ImageRef
from ho_imaging.reading.uid import usable_uid
from ho_imaging.vocabulary import Status

__all__ = ["Discovery", "Rejected", "StudyRef", "discover", "first_copies", "path_list"]

logger = logging.getLogger(__name__)

_HEAD_BYTES = 512
_GZIP = b"\x1f\x8b"
_WRITTEN = Message("folder_of_results")

_Seen = dict[tuple[int, int, str], Path]
"""Files that were found, by the numbers of their place on disk, and of their archive with their name in it."""


@dataclass(frozen=True)
class StudyRef:
    """Films of one study.

    Parameters
    ----------
    study_uid
        Study Instance UID; of a raster file one made from its bytes.
    images
        In the order of their series, instances and paths.

    """

    study_uid: str
    images: tuple[ImageRef, ...]

    def __repr__(self) -> str:
        return f"StudyRef({self.study_uid!r}, images={len(self.images)})"


@dataclass(frozen=True)
class Rejected:
    """An input that is no film of a study.

    Parameters
    ----------
    path
        The file or folder.
    status
        ``refused`` (not for this program) or ``failed`` (could not be read).
    reason
        Why, without patient data.
    stray
        True for a file such as a README that only lay in a folder and is no kind of image: it is listed, but nobody
        expects a result for it.

    """

    path: Path
    status: Status
    reason: Message
    stray: bool = False


@dataclass(frozen=True)
class Discovery:
    """Result of a search: every input ends either in a study or among the rejected.

    Parameters
    ----------
    studies
        Studies in the order in which their first film was found.
    rejected
        Inputs that are in no study, with their reasons.

    """

    studies: tuple[StudyRef, ...]
    rejected: tuple[Rejected, ...]

    def __repr__(self) -> str:
        return f"Discovery(studies={len(self.studies)}, rejected={len(self.rejected)})"


class _NoImageError(RefusedError):
    """A file that is no kind of image at all."""


_WHOLE_SHARE = 0.98
"""A copy below this share of another's bytes was cut off on its way; headers alone differ by less."""


@dataclass(frozen=True)
class _Candidate:
    image: ImageRef
    order: tuple[str, int, str]
    exposure: Exposure
    file_bytes: int = 0


def discover(paths: str | PathLike[str] | Iterable[str | PathLike[str]]) -> Discovery:
    """Find the films under files and folders and group them into studies.

    Names and suffixes say nothing; a file's first bytes do. Folders are walked in the order of names, links are
    followed but no folder is entered twice. What an earlier run wrote (docs/output-folder.md) is no film; films beside
    it are. A zip archive that is given is looked into like a folder, without unpacking it; one in a folder, or in an
    archive, is refused. Of files with one SOP Instance UID the first counts, but not before one
    that is clearly larger; the others are refused (not where they name another patient in the same study: then the
    study holds both, and is refused when it is analysed). Where a series of a study is there raw and processed, the
    processed film counts. Each raster file is a study of its own. Of a DICOMDIR that is given the images count that it
    lists; one in a folder is left out, for the images beside it are found without it.

    Parameters
    ----------
    paths
        A file, a folder, a DICOMDIR, a zip archive, or several of these.

    Returns
    -------
    Discovery
        The studies, and every input that is in none with its reason.

    Raises
    ------
    ReadError
        If a path that was given does not exist. What is below a folder never raises.
    UsageError
        If a path is ``-``: standard input is not read.
    TypeError
        If no paths are given.

    """
    candidates: list[_Candidate] = []
    rejected: list[Rejected] = []
    given = path_list(paths)
    named = {Path(path) for path in given}
    for path in _files(given, rejected):
        try:
            candidates.append(_look(path))
        except _NoImageError as error:
            rejected.append(Rejected(path, Status.REFUSED, error.message, stray=path not in named))
        except HOImagingError as error:
            status = Status.REFUSED if isinstance(error, RefusedError) else Status.FAILED
            rejected.append(Rejected(path, status, error.message))
    kept = _without_doubles(candidates, rejected)
    kept = _without_raw_twins(kept, rejected)
    studies: dict[str, list[_Candidate]] = {}
    for candidate in kept:
        studies.setdefault(candidate.image.study_uid, []).append(candidate)
    return Discovery(
        studies=tuple(
            StudyRef(uid, tuple(c.image for c in sorted(members, key=lambda c: (c.order, str(c.image.path)))))
            for uid, members in studies.items()
        ),
        rejected=tuple(rejected),
    )


def path_list(paths: object) -> list[str | PathLike[str]]:
    """Return the paths that a caller gave, or the one, as a list."""
    if isinstance(paths, str | PathLike):
        return [paths]
    found: list[str | PathLike[str]] = []
    several = isinstance(paths, Iterable) and not isinstance(paths, bytes | bytearray) and not hasattr(paths, "read")
    for path in paths if several else [paths]:  # type: ignore[attr-defined]  # checked just before
        if not isinstance(path, str | PathLike):
            raise TypeError(f"{type(path).__name__} is not a path (give paths of files or folders)")
        found.append(path)
    return found


def _files(paths: Sequence[str | PathLike[str]], rejected: list[Rejected]) -> Iterator[Path]:
    seen_files: _Seen = {}
    archives = {_place(path) for path in map(Path, paths) if path.is_file() and _is_archive(path)}
    for given in paths:
        path = Path(given)
        if str(given) == "-":
            raise UsageError(
                "standard input is not read from '-'", remedy="save it to a file, or in Python give sys.stdin.buffer"
            )
        if not path.exists():
            raise ReadError(Message("file_missing"), path=given)
        if path.is_file() and _is_written(path):
            rejected.append(Rejected(path, Status.REFUSED, Message("own_output")))
            continue
        if path.is_file() and _is_archive(path):
            yield from _members(path, seen_files, rejected)
            continue
        before = len(rejected)
        files = tuple(_walk(path, rejected)) if path.is_dir() else _named_file(path, rejected)
        if not files and len(rejected) == before:
            rejected.append(Rejected(path, Status.REFUSED, Message("folder_empty")))
        for file in files:
            try:
                identity = file.stat()
            except OSError as error:
                rejected.append(Rejected(file, Status.FAILED, _unreadable(error)))
                continue
            if not stat.S_ISREG(identity.st_mode):
                rejected.append(Rejected(file, Status.REFUSED, Message("file_not_regular"), stray=True))
                continue
            if (identity.st_dev, identity.st_ino) in archives:
                continue  # it was given, too, and is looked into
            first = seen_files.setdefault((identity.st_dev, identity.st_ino, ""), file)
            if first is file:
                yield file
            elif file.absolute() != first.absolute():
                reason = Message("file_twice", path=path_text(first))
                rejected.append(Rejected(file, Status.REFUSED, reason))


def _place(path: Path) -> tuple[int, int]:
    identity = path.stat()
    return identity.st_dev, identity.st_ino


def _is_archive(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return is_zip(stream.read(_HEAD_BYTES))
    except OSError:
        return False


def _members(archive: Path, seen: _Seen, rejected: list[Rejected]) -> Iterator[Path]:
    """Yield the files of an archive; one that cannot be opened is rejected as a whole."""
    try:
        identity, listing = archive.stat(), list_archive(archive)
    except HOImagingError as error:
        rejected.append(Rejected(archive, Status.FAILED, error.message))
        return
    rejected += [Rejected(path, Status.FAILED, reason) for path, reason in listing.failed]
    if not (listing.files or listing.failed):
        rejected.append(Rejected(archive, Status.REFUSED, Message("archive_empty")))
    for file in listing.files:
        name = file.relative_to(archive).as_posix()
        first = seen.setdefault((identity.st_dev, identity.st_ino, name), file)
        if first is file:
            yield file
        elif file.absolute() != first.absolute():
            rejected.append(Rejected(file, Status.REFUSED, Message("file_twice", path=path_text(first))))


def _named_file(path: Path, rejected: list[Rejected]) -> tuple[Path, ...]:
    """Return a file that was given, or the images that it lists if it is a DICOMDIR."""
    listed = images_listed(path)
    if listed is None:
        return (path,)
    there, missing = listed
    reason = Message("dicomdir_file_missing", dicomdir=path_text(path))
    rejected += [Rejected(file, Status.FAILED, reason) for file in missing]
    if not (there or missing):
        rejected.append(Rejected(path, Status.REFUSED, Message("dicomdir_empty")))
    return tuple(there)


def _is_written(path: Path) -> bool:
    """Return True for a file that an earlier run wrote where it lies."""
    try:
        return path.name in written_names(os.listdir(path.parent))  # noqa: PTH208  (names alone)
    except OSError:
        return False


def _walk(folder: Path, rejected: list[Rejected]) -> Iterator[Path]:
    """Files below a folder in the order of names; each folder once, however links lead to it."""
    entered: set[tuple[int, int]] = set()

    def note(error: OSError) -> None:
        rejected.append(Rejected(Path(error.filename or folder), Status.FAILED, _unreadable(error)))

    for root, folders, files in os.walk(folder, followlinks=True, onerror=note):
        written = written_names([*folders, *files])
        if written:
            rejected.append(Rejected(Path(root), Status.REFUSED, _WRITTEN, stray=True))
            folders[:] = [name for name in folders if name not in written]
            files = [name for name in files if name not in written]  # noqa: PLW2901
        try:
            identity = Path(root).stat()
        except OSError as error:
            note(error)
            continue
        key = (identity.st_dev, identity.st_ino)
        if key in entered:
            folders.clear()
            continue
        entered.add(key)
        folders.sort()
        yield from (Path(root) / name for name in sorted(files))


def _unreadable(error: OSError) -> Message:
    return Message("file_unreadable", detail=error.strerror or type(error).__name__)


def _look(path: Path) -> _Candidate:
    try:
        # Of a file in an archive no more is unpacked before it is known to be an image.
        head = first_bytes(path, _HEAD_BYTES)
        kind = kind_of(head)
        if not head:
            raise ReadError(Message("file_empty"))
        if kind is FileKind.PACKED:
            raise _why_packed(path, head)
        if kind is FileKind.OTHER:
            raise _NoImageError(Message("file_of_other_kind"))
        found = path_or_bytes(path)
        size = path.stat().st_size if isinstance(found, Path) else len(found)
        if size > MAX_FILE_BYTES:
            raise TooLargeError(Message("file_too_large", most_gib=MAX_FILE_BYTES >> 30))
        if kind in {FileKind.PNG, FileKind.JPEG, FileKind.TIFF}:
            with path.open("rb") if isinstance(found, Path) else io.BytesIO(found) as stream:
                data = stream.read()
                uids = raster_uid(data, "study"), raster_uid(data, "series"), raster_uid(data)
                image = ImageRef(path, kind, *uids, "", NO_PATIENT)
                return _Candidate(image, ("", 0, ""), Exposure(image.sop_instance_uid), file_bytes=len(data))
    except OSError as error:
        if isinstance(error, HOImagingError):
            raise
        raise ReadError(_unreadable(error)) from error
    dataset = open_dataset(found, header_only=True)
    if "DirectoryRecordSequence" in dataset:
        raise _NoImageError(Message("dicomdir"))
    drop_damaged(dataset)
    check_is_radiograph(dataset)
    return _candidate(path, dataset, size)


def _why_packed(path: Path, head: bytes) -> RefusedError:
    """Return why a packed file is not read; for one that may hold films, in a way that nobody overlooks."""
    if in_archive(path) is not None:
        return RefusedError(Message("archive_nested"))
    if is_zip(head) and not is_document(path):
        return RefusedError(Message("archive_in_folder"))
    packed = Message("file_packed")
    return RefusedError(packed) if _is_packed_film(path, head) else _NoImageError(packed)


def _is_packed_film(path: Path, head: bytes) -> bool:
    """Return True for an image that is packed by gzip."""
    if not head.startswith(_GZIP):
        return False
    try:
        with gzip.open(path) as unpacked:
            return kind_of(unpacked.read(_HEAD_BYTES)) not in {FileKind.OTHER, FileKind.PACKED}
    except (OSError, EOFError, zlib.error):
        return False


def _candidate(path: Path, dataset: Dataset, size: int) -> _Candidate:
    def text(keyword: str) -> str:
        return str(dataset.get(keyword, "") or "").strip()

    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    study, series, sop = (usable_uid(text(keyword)) for keyword in keywords)
    if not (study and series and sop):
        # Rare: the pixel data is read after all, so that the UIDs are those that reading the film will make.
        whole = open_dataset(path)
        study, series, sop = (usable_uid(text(keyword)) or content_uid(whole, keyword) for keyword in keywords)
    number = text("InstanceNumber")
    patient, identifiers = patient_of(dataset), identifiers_of(dataset)
    image = ImageRef(path, FileKind.DICOM, study, series, sop, text("Modality"), patient, identifiers)
    order = (series, int(number) if number.isdigit() else 0, sop)
    return _Candidate(image, order, exposure_of(dataset, sop), file_bytes=size)


def first_copies(uids: Sequence[str | None], sizes: Sequence[int]) -> list[int]:
    """Return for each of several images the place of the one of its SOP Instance UID that is used.

    That is the first, but not before one that is clearly larger. An image without a UID has no copies.
    """
    used: dict[str, int] = {}
    for place, (uid, size) in enumerate(zip(uids, sizes, strict=True)):
        if uid is not None and sizes[used.setdefault(uid, place)] < _WHOLE_SHARE * size:
            used[uid] = place
    return [place if uid is None else used[uid] for place, uid in enumerate(uids)]


def _without_doubles(candidates: list[_Candidate], rejected: list[Rejected]) -> list[_Candidate]:
    """Leave out copies. One that names another patient in the same study stays: it speaks against the whole study."""
    used = first_copies([c.image.sop_instance_uid for c in candidates], [c.file_bytes for c in candidates])
    kept = []
    for place, candidate in enumerate(candidates):
        copy = candidates[used[place]]
        if candidate is copy or (candidate.image.study_uid == copy.image.study_uid and _differ(candidate, copy)):
            kept.append(candidate)
            continue
        used_path = path_text(copy.image.path)
        if candidate.image.kind is not FileKind.DICOM:
            reason = Message("copy_of_picture", used=used_path)
        elif candidate.file_bytes < _WHOLE_SHARE * copy.file_bytes:
            reason = Message("copy_of_larger", used=used_path)
        else:
            reason = Message("copy_of_first", used=used_path)
        rejected.append(Rejected(candidate.image.path, Status.REFUSED, reason))
    return kept


def _differ(one: _Candidate, other: _Candidate) -> bool:
    patients = one.image.patient or NO_PATIENT, other.image.patient or NO_PATIENT
    return bool(difference(*patients).conflicts)


def _without_raw_twins(candidates: list[_Candidate], rejected: list[Rejected]) -> list[_Candidate]:
    """Leave out raw images whose processed film is there too."""
    studies: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        studies.setdefault(candidate.image.study_uid, []).append(candidate)
    twins = {uid for members in studies.values() for uid in raw_twins([member.exposure for member in members])}
    kept = []
    for candidate in candidates:
        members = studies[candidate.image.study_uid]
        # A raw image of another patient speaks against the whole study.
        if candidate.image.sop_instance_uid in twins and not any(_differ(candidate, other) for other in members):
            rejected.append(Rejected(candidate.image.path, Status.REFUSED, Message("raw_twin")))
        else:
            kept.append(candidate)
    return kept
