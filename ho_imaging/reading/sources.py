"""Sources of images that a caller may pass, converted to the few forms that reading takes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, ReadError, TooLargeError, UsageError
from ho_imaging.reading.discover import StudyRef
from ho_imaging.reading.files import is_dicomdir, is_zip
from ho_imaging.reading.open_dicom import MAX_FILE_BYTES
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.reading.read import ImageRef

__all__ = [
    "BinaryReader",
    "ImageSource",
    "PlainSource",
    "check_list",
    "container",
    "one_image",
    "plain_source",
    "several",
]


class BinaryReader(Protocol):
    """A file that is open for reading bytes."""

    def read(self, size: int = ..., /) -> bytes:
        """Read at most ``size`` bytes."""
        ...


ImageSource: TypeAlias = (
    str | PathLike[str] | bytes | bytearray | memoryview | BinaryReader | Dataset | ImageRef | Radiograph
)
"""One image as a caller may give it: a path, the bytes of a file, a file open for reading bytes, a pydicom data set,
what `discover` found, or a radiograph that was read already."""

PlainSource: TypeAlias = str | PathLike[str] | bytes | Dataset | ImageRef | Radiograph
"""One image as the stages take it."""

_HEAD_BYTES = 512
_TAKEN = "a path, bytes, an open binary file or a pydicom Dataset"


def plain_source(source: object) -> PlainSource:
    """Bring one image that a caller gave to the form that reading takes.

    Parameters
    ----------
    source
        What the caller gave. A binary file is read from where it stands to its end, and stays open.

    Returns
    -------
    str, os.PathLike, bytes, pydicom.Dataset, ImageRef or Radiograph
        The same image.

    Raises
    ------
    TypeError
        If it can be no image.
    UsageError
        If it is ``"-"``, or a file that is open as text.
    ReadError
        If the file cannot be read; `TooLargeError` if it holds more than 2 GiB.

    """
    if isinstance(source, str) and source == "-":
        raise UsageError(
            "standard input is not read from '-'", remedy="save it to a file, or in Python give sys.stdin.buffer"
        )
    if isinstance(source, str | PathLike | bytes | Dataset | ImageRef | Radiograph):
        return source
    if isinstance(source, bytearray | memoryview):
        return _copied(memoryview(source))
    if isinstance(source, io.TextIOBase):
        raise UsageError("the file is open as text", remedy="open it with 'rb'; for standard input: sys.stdin.buffer")
    if callable(getattr(source, "read", None)):
        return _read_all(source)
    if source is None:
        raise TypeError(f"an image is missing: None was given (give {_TAKEN})")
    if isinstance(source, np.ndarray):
        raise TypeError(
            "an array says nothing of its spacing and region "
            "(use ho_imaging.analyze_array(pixels, spacing_mm=..., region=...))"
        )
    if isinstance(source, StudyRef):
        raise TypeError("StudyRef is a study, not an image (use Analyzer.analyze_study)")
    raise TypeError(f"{type(source).__name__} is not an image (give {_TAKEN})")


def one_image(source: object) -> PlainSource:
    """Bring what must be exactly one image to the form that reading takes.

    Raises
    ------
    TypeError
        If it can be no image, or is a list of several.
    UsageError
        If it holds several: a folder, a DICOMDIR or a zip archive.
    ReadError
        If it does not exist or cannot be read.

    """
    if isinstance(source, Sequence) and not isinstance(source, str | bytes | bytearray | memoryview):
        raise TypeError(f"{type(source).__name__} may hold several images (use analyze_all for several)")
    plain = plain_source(source)
    kind = container(plain)
    if kind is not None:
        path = plain if isinstance(plain, str | PathLike) else None
        raise UsageError(f"is a {kind}, which may hold several images", path=path, remedy="use analyze_all")
    return plain


def several(sources: object) -> list[PlainSource]:
    """Bring one or several images, folders or archives to a list of what reading takes.

    Raises
    ------
    TypeError
        If one of them can be no image.
    UsageError
        If one of them is ``"-"``, or a file that is open as text.
    ReadError
        If one of them cannot be read.

    """
    if not isinstance(sources, Iterable) or _is_one(sources):
        return [plain_source(sources)]
    return [plain_source(source) for source in sources]


def check_list(sources: object) -> None:
    """Check that a caller gave a list of images and not one image.

    Raises
    ------
    TypeError
        If it is one image, or nothing.

    """
    if _is_one(sources) or not isinstance(sources, Sequence):
        raise TypeError(f"a list of the images of one study is wanted, not {type(sources).__name__} (give [image])")


def _is_one(sources: object) -> bool:
    if isinstance(sources, str | PathLike | bytes | bytearray | memoryview | Dataset | np.ndarray):
        return True
    return isinstance(sources, Radiograph | ImageRef) or callable(getattr(sources, "read", None))


def container(source: PlainSource) -> str | None:
    """Return in a word what a source is that holds several images: folder, DICOMDIR or zip archive; ``None`` if not."""
    if isinstance(source, bytes):
        head = source[:_HEAD_BYTES]
    elif isinstance(source, str | PathLike):
        path = Path(source)
        if path.is_dir():
            return "folder"
        try:
            with path.open("rb") as stream:
                head = stream.read(_HEAD_BYTES)
        except (OSError, ValueError):  # reading says what is wrong
            return None
    else:
        return None
    if is_dicomdir(head):
        return "DICOMDIR"
    return "zip archive" if is_zip(head) else None


def _copied(view: memoryview) -> bytes:
    if view.nbytes > MAX_FILE_BYTES:
        raise TooLargeError(f"is larger than {MAX_FILE_BYTES >> 30} GiB", remedy="split it")
    return view.tobytes()


def _read_all(stream: object) -> bytes:
    parts: list[bytes] = []
    left = MAX_FILE_BYTES + 1
    try:
        # A pipe or a socket may give less than it was asked for.
        while left > 0 and (part := stream.read(left)):  # type: ignore[attr-defined]  # checked by the caller
            if isinstance(part, str):
                raise UsageError("the file is open as text", remedy="open it with mode 'rb'")
            if not isinstance(part, bytes | bytearray | memoryview):
                raise TypeError(f"read() of {type(stream).__name__} returns no bytes (give an open binary file)")
            parts.append(bytes(part))
            left -= len(part)
    except HOImagingError:
        raise
    except (OSError, ValueError) as error:
        raise ReadError(
            f"the open file cannot be read ({type(error).__name__})", remedy="open it with mode 'rb'"
        ) from error
    if left <= 0:
        raise TooLargeError(f"is larger than {MAX_FILE_BYTES >> 30} GiB", remedy="split it")
    return parts[0] if len(parts) == 1 else b"".join(parts)
