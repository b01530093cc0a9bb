"""Zip archives of images: a file in one is read where it lies, by the archive's path and its name, within bounds.

Nothing is unpacked to disk. ``films.zip/study/IM1`` is the path of the file ``study/IM1`` in ``films.zip``.
"""

from __future__ import annotations

import functools
import io
import os
import struct
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ho_imaging.errors import HOImagingError, ReadError, TooLargeError
from ho_imaging.files.output_names import written_names
from ho_imaging.messages import Message
from ho_imaging.reading.files import is_zip

__all__ = [
    "MAX_FILE_BYTES",
    "MOST_BYTES",
    "MOST_MEMBERS",
    "Listing",
    "file_state",
    "first_bytes",
    "in_archive",
    "is_document",
    "list_archive",
    "path_or_bytes",
]

MAX_FILE_BYTES = 2 * 1024**3
"""Of one file, in an archive or not."""

MOST_MEMBERS = 10_000
"""Files in an archive."""

MOST_BYTES = 4 * 1024**3
"""Bytes of all files in an archive, unpacked."""

_MOST_DIRECTORY_BYTES = MOST_MEMBERS * 1024
"""Of the list of files at an archive's end, which is read at once: more than 46 bytes and a path a file."""

_ENCRYPTED = 0x1
_OF_DOCUMENTS = ("[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF")
"""A file by one of these names is in every Office Open XML file, OpenDocument file and Java archive."""

_DAMAGED = (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError, struct.error, RuntimeError)
_REMEDY = "send the archive again, or unpack it and give the folder"
_TOO_LARGE_REMEDY = "unpack it and give the folder"


@dataclass(frozen=True)
class Listing:
    """Files of an archive that can be read, by their paths, and why others cannot be."""

    files: tuple[Path, ...]
    failed: tuple[tuple[Path, Message], ...]


def list_archive(path: Path) -> Listing:
    """List the files of a zip archive, in the order of their names.

    Names are taken as paths below the archive, whatever they say. What an earlier run of this program wrote is left
    out.

    Raises
    ------
    ReadError
        If it is no zip archive or is damaged; `TooLargeError` if it holds more than 10 000 files or 4 GiB.

    """
    infos = _archive(path).members
    files, failed = [], []
    for name in sorted(_without_outputs(infos)):
        info = infos[name]
        if info.flag_bits & _ENCRYPTED:
            failed.append((path / name, Message("archive_member_encrypted")))
        elif info.file_size > MAX_FILE_BYTES:
            failed.append((path / name, Message("file_too_large", most_gib=MAX_FILE_BYTES >> 30)))
        else:
            files.append(path / name)
    return Listing(tuple(files), tuple(failed))


def is_document(path: Path) -> bool:
    """Return True for a zip archive that another program keeps a text, a table, arrays or code in, and no films."""
    try:
        members = _archive(path).members
    except ReadError:
        return False
    return not members.keys().isdisjoint(_OF_DOCUMENTS) or all(name.endswith(".npy") for name in members)


def in_archive(path: Path) -> tuple[Path, str] | None:
    """Return the archive and the name in it that a path leads to; ``None`` for any other path."""
    if os.path.lexists(path):
        return None
    for parent in path.parents:
        if os.path.isfile(parent):  # noqa: PTH113  (never raises)
            try:
                with parent.open("rb") as stream:
                    found = is_zip(stream.read(4))
            except OSError:
                return None
            return (parent, path.relative_to(parent).as_posix()) if found else None
        if os.path.lexists(parent):
            return None
    return None


def path_or_bytes(path: Path) -> Path | bytes:
    """Return a path as it is, or the bytes of a file in an archive.

    Raises
    ------
    ReadError
        If the archive or the file in it cannot be read, or there is no such file in it.

    """
    place = in_archive(path)
    if place is None:
        return path
    return _read_member(path, *place)


def first_bytes(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, which may lie in an archive.

    Raises
    ------
    OSError
        If it cannot be read; `ReadError` for one in an archive.

    """
    place = in_archive(path)
    if place is None:
        with path.open("rb") as stream:
            return stream.read(count)
    return _read_member(path, *place, count)


def _read_member(path: Path, archive: Path, name: str, count: int | None = None) -> bytes:
    """Return a file in an archive, or its first bytes; errors name ``path``."""
    found = _archive(archive)
    info = found.members.get(name)
    if info is None:
        raise ReadError(Message("file_missing"), path=path)
    if info.flag_bits & _ENCRYPTED:
        raise ReadError(Message("archive_member_encrypted"), path=path)
    if info.file_size > MAX_FILE_BYTES:
        raise TooLargeError(Message("file_too_large", most_gib=MAX_FILE_BYTES >> 30), path=path)
    try:
        with found.file.open(info) as source:
            data = source.read(info.file_size + 1 if count is None else count)
        if count is None and len(data) != info.file_size:
            raise zipfile.BadZipFile("not as long as declared")
    except _DAMAGED + _compression_errors() as error:
        raise ReadError(Message("archive_member_damaged", error=type(error).__name__), path=path) from error
    return data


def file_state(path: Path, *, read: bool = False) -> tuple[int, int]:
    """Return size and time of change (ns) of a file; of one in an archive size and checksum.

    ``read``: make sure that it can be read.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.

    """
    place = in_archive(path)
    if place is not None:
        info = _archive(place[0]).members.get(place[1])
        if info is None:
            raise FileNotFoundError(path)
        return info.file_size, info.CRC
    if read:
        with path.open("rb") as stream:
            stream.read(1)
            state = os.fstat(stream.fileno())
    else:
        state = path.stat()
    return state.st_size, state.st_mtime_ns


@dataclass(frozen=True)
class _Archive:
    """An open archive and its files by the names that they have here."""

    file: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]


def _archive(path: Path) -> _Archive:
    """Open an archive, or return it as it was opened before."""
    try:
        state = path.stat()
        return _kept(path, state.st_mtime_ns, state.st_size)
    except HOImagingError as error:
        raise type(error)(error.message, path=path) from error
    except zipfile.BadZipFile as error:
        raise ReadError("is a damaged zip archive", path=path, remedy=_REMEDY) from error
    except OSError as error:
        raise ReadError(
            f"cannot be read: {error.strerror}", path=path, remedy="check the path and your rights to it"
        ) from error


@functools.lru_cache(maxsize=2)
def _kept(path: Path, mtime_ns: int, size: int) -> _Archive:
    with path.open("rb") as stream:
        _check_directory(stream)
    file = zipfile.ZipFile(path)
    infos = [info for info in file.infolist() if not info.is_dir()]
    _check_sizes(infos)
    names = [_safe(info.filename) for info in infos]
    taken = set(names)
    members: dict[str, zipfile.ZipInfo] = {}
    for number, (name, info) in enumerate(zip(names, infos, strict=True), start=1):
        place = name
        if place in members:
            while place in taken:
                place = f"file {number}/{place}"
            taken.add(place)
        members[place] = info
    return _Archive(file, members)


def _check_directory(stream: BinaryIO) -> None:
    """Check the size of the archive's list of files, which is read into memory at once (APPNOTE.TXT 4.3.14 and 4.3.16).

    The record that ends an archive may be followed by a comment of at most 65535 bytes.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - (22 + 0xFFFF + 76)))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) - end < 22:
        raise ReadError("is a damaged zip archive", remedy=_REMEDY)
    directory = struct.unpack_from("<L", tail, end + 12)[0]
    if end >= 76 and tail[end - 20 : end - 16] == b"PK\x06\x07":
        directory = struct.unpack_from("<Q", tail, end - 76 + 40)[0]
    if directory > _MOST_DIRECTORY_BYTES:
        raise TooLargeError(f"holds more than {MOST_MEMBERS:,} files", remedy=_TOO_LARGE_REMEDY)


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_MEMBERS:
        raise TooLargeError(f"holds more than {MOST_MEMBERS:,} files", remedy=_TOO_LARGE_REMEDY)
    if sum(info.file_size for info in members) > MOST_BYTES:
        raise TooLargeError(f"holds more than {MOST_BYTES >> 30} GiB when unpacked", remedy=_TOO_LARGE_REMEDY)


def _compression_errors() -> tuple[type[Exception], ...]:
    import lzma  # noqa: PLC0415  (only for archives)
    import zlib  # noqa: PLC0415

    return (zlib.error, lzma.LZMAError)


def _safe(name: str) -> str:
    """Return a name as a path that leads nowhere else, on any system."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in {"/", "..", "."}]
    return "/".join(part.replace(":", "_").replace("\0", "_")[-200:] for part in parts) or "file"


def _without_outputs(names: Iterable[str]) -> set[str]:
    """Leave out what an earlier run wrote, which would be read as films."""
    kept = set(names)
    folders: dict[str, set[str]] = {}
    for name in kept:
        parts = name.split("/")
        for depth, part in enumerate(parts):
            folders.setdefault("/".join(parts[:depth]), set()).add(part)
    for folder, entries in folders.items():
        for entry in written_names(entries):
            place = f"{folder}/{entry}" if folder else entry
            kept = {name for name in kept if name != place and not name.startswith(f"{place}/")}
    return kept
