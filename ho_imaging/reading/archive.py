"""Zip archives of images: unpacked into a folder that is deleted again, within bounds."""

from __future__ import annotations

import io
import shutil
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO

from ho_imaging.errors import HOImagingError, ReadError, TooLargeError, WriteError
from ho_imaging.messages import Message
from ho_imaging.reading.open_dicom import MAX_FILE_BYTES

__all__ = ["MOST_BYTES", "MOST_MEMBERS", "Unpacked", "unpacked"]

MOST_MEMBERS = 10_000
"""Files in an archive."""

MOST_BYTES = 4 * 1024**3
"""Bytes of all files in an archive, unpacked."""

_MOST_DIRECTORY_BYTES = MOST_MEMBERS * 1024
"""Of the list of files at an archive's end, which is read at once: more than 46 bytes and a path a file."""

_CHUNK = 1 << 20
_ENCRYPTED = 0x1
_DAMAGED = (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError, struct.error, RuntimeError)
_REMEDY = "send the archive again, or unpack it and give the folder"


@dataclass(frozen=True)
class Unpacked:
    """An archive's files below a folder of their own, and why others are not there, by their name in the archive."""

    folder: Path
    failed: tuple[tuple[str, Message], ...]


@contextmanager
def unpacked(archive: str | PathLike[str] | bytes) -> Iterator[Unpacked]:
    """Unpack a zip archive into a temporary folder, which is deleted at the end.

    Names are taken as paths below that folder, whatever they say. Nothing is written before the declared sizes have
    been added up, and no file becomes larger than it was declared.

    Parameters
    ----------
    archive
        Path or bytes of a zip archive.

    Yields
    ------
    Unpacked
        The folder, and the files that could not be unpacked.

    Raises
    ------
    ReadError
        If it is no zip archive or is damaged; `TooLargeError` if it holds more than 10 000 files or 4 GiB.
    WriteError
        If there is no room for it.

    """
    with TemporaryDirectory(prefix="ho_imaging-") as name:
        try:
            failed = _unpack_all(archive, Path(name))
        except HOImagingError as error:
            if error.path is None and not isinstance(archive, bytes):
                raise type(error)(error.problem, path=archive, remedy=error.remedy) from error
            raise
        yield Unpacked(Path(name), failed)


def _unpack_all(archive: str | PathLike[str] | bytes, folder: Path) -> tuple[tuple[str, Message], ...]:
    with _opened(archive) as stream:
        _check_directory(stream)
        try:
            with zipfile.ZipFile(stream) as file:
                members = [info for info in file.infolist() if not info.is_dir()]
                _check_sizes(members)
                return tuple(_unpack(file, members, folder))
        except zipfile.BadZipFile as error:
            raise ReadError("is a damaged zip archive", remedy=_REMEDY) from error


@contextmanager
def _opened(archive: str | PathLike[str] | bytes) -> Iterator[BinaryIO]:
    if isinstance(archive, bytes):
        yield io.BytesIO(archive)
        return
    try:
        stream = Path(archive).open("rb")  # noqa: SIM115  (closed below; only opening it is read here)
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}", remedy="check the path and your rights to it") from error
    with stream:
        yield stream


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
        raise TooLargeError(f"holds more than {MOST_MEMBERS:,} files", remedy="unpack it and give the folder")
    stream.seek(0)


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_MEMBERS:
        raise TooLargeError(f"holds more than {MOST_MEMBERS:,} files", remedy="unpack it and give the folder")
    if sum(info.file_size for info in members) > MOST_BYTES:
        raise TooLargeError(
            f"holds more than {MOST_BYTES >> 30} GiB when unpacked", remedy="unpack it and give the folder"
        )


def _unpack(file: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path) -> Iterator[tuple[str, Message]]:
    """Write each file; yield name and reason of one that cannot be had."""
    if sum(info.file_size for info in members) > shutil.disk_usage(folder).free:
        raise WriteError("no room to unpack the archive", path=folder, remedy="free space, or set TMPDIR")
    for number, info in enumerate(members, start=1):
        if info.flag_bits & _ENCRYPTED:
            yield info.filename, Message("archive_member_encrypted")
            continue
        if info.file_size > MAX_FILE_BYTES:
            yield info.filename, Message("file_too_large", most_gib=MAX_FILE_BYTES >> 30)
            continue
        try:
            _write(file, info, _target(folder, info.filename, number))
        except _DAMAGED + _compression_errors() as error:
            yield info.filename, Message("archive_member_damaged", error=type(error).__name__)


def _write(file: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as sink:
        try:
            with file.open(info) as source:
                left = info.file_size
                while chunk := source.read(min(_CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise zipfile.BadZipFile("longer than declared")
                    sink.write(chunk)
        except BaseException:
            target.unlink()
            raise


def _compression_errors() -> tuple[type[Exception], ...]:
    import lzma  # noqa: PLC0415  (only for archives)
    import zlib  # noqa: PLC0415

    return (zlib.error, lzma.LZMAError)


def _target(folder: Path, name: str, number: int) -> Path:
    """Return where a file of the archive goes: below the folder, and where no other one is."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in {"/", "..", "."}]
    parts = [part.replace(":", "_").replace("\0", "_")[-200:] for part in parts] or ["file"]
    target = folder.joinpath(*parts)
    return folder.joinpath(f"file {number}", *parts) if target.exists() else target
