"""Files of the spool on disk: written for good, deleted only inside it, and a reserve for when the disk is full."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

from ho_imaging.errors import HOImagingError
from ho_imaging.files.atomic import sync_folder, write_bytes
from ho_imaging.results.folder import OutputFolder

__all__ = [
    "Reserve",
    "SpoolFullError",
    "delete",
    "file_name",
    "free_bytes",
    "is_full",
    "results_folder",
    "write_durably",
]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

_BLOCK_BYTES = 2**20


class SpoolFullError(HOImagingError, OSError):
    """There is no room: a sender is to keep its instance, the service its note, and try again."""


class Reserve:
    """A file that keeps some bytes of the disk for the service's own notes and results.

    It is given up when the disk is full, so that studies at work can end and be delivered, and made again when there
    is room. Films are not taken while it is spent: they would take what it was kept for.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._file, self._size = folder / "reserve", size
        self.spent = False

    def make(self, *, beside: float = 0.0) -> bool:
        """Make the reserve where the disk has twice its size and ``beside`` bytes; return True if it is there."""
        if self._size <= 0 or self._is_whole():
            self.spent = False
            return True
        if free_bytes(self._file.parent) < 2 * self._size + beside:
            return False
        try:
            with self._file.open("wb") as stream:
                for start in range(0, self._size, _BLOCK_BYTES):  # written: a sparse file reserves nothing
                    stream.write(bytes(min(_BLOCK_BYTES, self._size - start)))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            self._file.unlink(missing_ok=True)
            return False
        self.spent = False
        return True

    def spend(self) -> bool:
        """Release the reserve; return True if there was one."""
        if not self._file.exists():
            return False
        self._file.unlink()
        self.spent = True
        return True

    def _is_whole(self) -> bool:
        return self._file.exists() and self._file.stat().st_size == self._size


def free_bytes(folder: Path) -> int:
    """Return the bytes that this user may still write to the disk of a folder."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def is_full(error: OSError) -> bool:
    """Return True for an error that says that the disk, or this user's share of it, is full."""
    return error.errno in _NO_ROOM


def write_durably(path: Path, data: bytes) -> None:
    """Write a file into a folder that may be new, so that both are there, whole, after a power cut.

    Raises
    ------
    WriteError
        If it cannot be written.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data, durable=True)
    sync_folder(path.parent.parent)


def delete(place: Path) -> list[str]:
    """Delete a file or folder, as much as possible; return what stands in the way. Links are not followed."""
    try:
        if place.is_symlink() or not place.is_dir():
            place.unlink(missing_ok=True)
            return []
        left = [wrong for inner in list(place.iterdir()) for wrong in delete(inner)]
        if not left:
            place.rmdir()
    except OSError as error:
        return [f"{place}: {error.strerror}"]
    return left


def file_name(uid: str) -> str:
    """Return a file name for a UID from the network, which may hold anything."""
    return hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def results_folder(folder: Path, study_uid: str) -> Path:
    """Return the folder of a spool that the analysis of a study writes to."""
    return OutputFolder(folder / "out").study(study_uid).path
