"""A film or an archive from standard input, kept in the output folder for later runs, readers and reports."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from ho_imaging.errors import HOImagingError, ReadError, TooLargeError, UsageError, WriteError
from ho_imaging.files.atomic import PART_SUFFIX
from ho_imaging.reading.archive import MAX_FILE_BYTES
from ho_imaging.reading.files import FileKind, is_zip, kind_of
from ho_imaging.results.folder import OutputFolder

__all__ = ["keep_standard_input"]

_CHUNK = 1 << 20
_HEAD_BYTES = 512
_NAME_DIGITS = 16
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
        If the stream is a terminal or holds nothing.
    ReadError
        If it cannot be read; `TooLargeError` if it holds more than 2 GiB.
    WriteError
        If the file cannot be written.

    """
    if stream.isatty():
        raise UsageError("standard input is a terminal", remedy="pipe a film into it, or give a path in place of '-'")
    folder = OutputFolder(out_dir).standard_input
    part: Path | None = None
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
    return kept


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_CHUNK)
    except (OSError, ValueError) as error:
        raise ReadError("standard input cannot be read", remedy="give a path in place of '-'") from error
