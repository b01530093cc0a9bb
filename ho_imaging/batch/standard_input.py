"""A film or an archive from standard input, kept in the output folder for later runs, readers and reports."""

from __future__ import annotations

import contextlib
import hashlib
import io
import mmap
import os
import shutil
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import pydicom

from ho_imaging.errors import HOImagingError, ReadError, TooLargeError, UsageError, WriteError
from ho_imaging.files.atomic import PART_SUFFIX
from ho_imaging.reading.archive import MAX_FILE_BYTES
from ho_imaging.reading.files import FileKind, is_zip, kind_of
from ho_imaging.results.folder import OutputFolder

__all__ = ["forget_film", "forget_standard_input", "keep_standard_input"]

_CHUNK = 1 << 20
_HEAD_BYTES = 512
_NAME_DIGITS = 16
_PREAMBLE_BYTES = 128
_FILE_BEGINS = b"DICM\x02\x00\x00\x00UL\x04\x00"
"""What follows the preamble of a DICOM file: the prefix, and the group length of its meta information (PS3.10 7.1)."""
_ITEMS_END = (b"\xfe\xff\xdd\xe0" + bytes(4), b"\xff\xfe\xe0\xdd" + bytes(4))
_UNDEFINED = 0xFFFFFFFF
_SUFFIXES = {FileKind.DICOM: ".dcm", FileKind.PNG: ".png", FileKind.JPEG: ".jpg", FileKind.TIFF: ".tif"}


def keep_standard_input(stream: BinaryIO, out_dir: Path) -> Path:
    """Write what a stream holds to a file of the output folder; the same content is the same file, left as it is.

    Parameters
    ----------
    stream
        Standard input, open for reading bytes.
    out_dir
        Folder of the batch.

    Returns
    -------
    Path
        The file, named by a hash of its content.

    Raises
    ------
    UsageError
        If the stream is a terminal, holds nothing, or holds several DICOM files one behind the other.
    ReadError
        If it cannot be read; `TooLargeError` if it holds more than 2 GiB.
    WriteError
        If the file cannot be written.

    """
    if stream.isatty():
        raise UsageError("standard input is a terminal", remedy="pipe a film into it, or give a path in place of '-'")
    folder = OutputFolder(out_dir).standard_input
    part: Path | None = None
    there = out_dir.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Its name is known when it has been read.
        with NamedTemporaryFile(dir=folder, suffix=PART_SUFFIX, delete=False) as sink:
            part = Path(sink.name)
            digest, head, left = hashlib.sha256(), b"", MAX_FILE_BYTES
            while chunk := _read(stream):
                left -= len(chunk)
                if left < 0:
                    raise TooLargeError(f"standard input holds more than {MAX_FILE_BYTES >> 30} GiB", remedy="split it")
                head = head or chunk[:_HEAD_BYTES]
                digest.update(chunk)
                sink.write(chunk)
        if not head:
            raise UsageError("standard input is empty", remedy="pipe a film into it, or give a path in place of '-'")
        if kind_of(head) is FileKind.DICOM and _holds_another(part):
            raise UsageError("standard input holds more than one film", remedy="give an archive or files")
        suffix = ".zip" if is_zip(head) else _SUFFIXES.get(kind_of(head), "")
        kept = folder / f"{digest.hexdigest()[:_NAME_DIGITS]}{suffix}"
        if not kept.exists():
            # It is told by its content alone: what came once and was deleted is the same when it comes again.
            os.utime(part, ns=(0, 0))
            part.rename(kept)
    except HOImagingError:
        raise
    except OSError as error:
        raise WriteError(
            f"cannot be written: {error.strerror}", path=folder, remedy="check space and rights"
        ) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # nothing was kept, so nothing is left behind
            folder.rmdir()
            if not there:
                out_dir.rmdir()
    return kept


def forget_film(kept: Path) -> None:
    """Delete a film that `keep_standard_input` returned, and its folder if that was the last.

    Raises
    ------
    WriteError
        If it cannot be deleted.

    """
    try:
        kept.unlink(missing_ok=True)
    except OSError as error:
        raise _not_deleted(kept, error) from error
    with contextlib.suppress(OSError):  # it holds others
        kept.parent.rmdir()


def forget_standard_input(out_dir: Path) -> None:
    """Delete all that came by standard input, in this run and earlier ones.

    Raises
    ------
    WriteError
        If it cannot be deleted.

    """
    folder = OutputFolder(out_dir).standard_input
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _not_deleted(folder, error) from error


def _not_deleted(path: Path, error: OSError) -> WriteError:
    return WriteError(f"cannot be deleted: {error.strerror}", path=path, remedy="check your rights and delete it")


def _holds_another(path: Path) -> bool:
    """Return True if a second DICOM file begins where the data set of the first ends."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = _PREAMBLE_BYTES
        while (at := data.find(_FILE_BEGINS, at + 1)) >= 0:
            if _is_whole(data[: max(at - _PREAMBLE_BYTES, 0)]):
                return True
    return False


def _is_whole(data: bytes) -> bool:
    """Return True if a DICOM file ends with its last element: else what follows lies within that element."""
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
        last: object = dataset.get_item(list(dataset.keys())[-1])  # as it was read: its stub says less
    except Exception:  # noqa: BLE001  (pydicom raises errors of many kinds on torn files)
        return False
    if isinstance(last, pydicom.dataelem.RawDataElement) and last.length != _UNDEFINED:
        return last.value_tell + last.length == len(data)
    return data.endswith(_ITEMS_END)


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_CHUNK)
    except (OSError, ValueError) as error:
        raise ReadError("standard input cannot be read", remedy="give a path in place of '-'") from error
