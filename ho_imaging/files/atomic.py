"""Write a file whole or not at all: beside its place first, then renamed into it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ho_imaging.errors import WriteError

__all__ = ["PART_SUFFIX", "sync_folder", "write_bytes", "write_text", "writing"]

PART_SUFFIX = ".part"
"""Suffix of a file that is being written; one that was left behind by a crash may be deleted."""


@contextmanager
def writing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Hand out a path to write to, and rename it to ``path`` when the block ends without an error.

    Parameters
    ----------
    path
        The file to be written. Its folder must exist.
    durable
        Bring data and names to disk before returning, so that the file survives a power cut.

    Yields
    ------
    Path
        A path beside ``path``, of this process and thread alone. What is left of it after an error is deleted.

    Raises
    ------
    WriteError
        If the file cannot be written or renamed.

    """
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PART_SUFFIX}")
    try:
        yield part
        if durable:
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
        part.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        why = error.strerror or type(error).__name__
        raise WriteError(f"cannot be written: {why}", path=path, remedy="check space and rights") from error
    finally:
        with suppress(OSError):  # what failed is said already
            part.unlink()  # half of it, on a full disk


def write_bytes(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write bytes whole or not at all; see `writing` for the parameters and errors."""
    with writing(path, durable=durable) as part:
        part.write_bytes(data)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write a text as UTF-8, whole or not at all; see `writing` for the parameters and errors."""
    with writing(path, durable=durable) as part:
        part.write_text(text, encoding="utf-8")


def sync_folder(folder: Path) -> None:
    """Bring the entries of a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
