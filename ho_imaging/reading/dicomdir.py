"""The images that a DICOMDIR lists (PS3.3 F, PS3.10 8)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from ho_imaging.errors import HOImagingError
from ho_imaging.reading.files import is_dicomdir
from ho_imaging.reading.open_dicom import open_dataset

__all__ = ["images_listed"]

_HEAD_BYTES = 512


def images_listed(path: Path) -> tuple[list[Path], list[Path]] | None:
    """Return the images that a DICOMDIR lists, and those of them that are not there; ``None`` for any other file.

    Names are upper case on the medium (PS3.10 8.5); copies of it, and some systems, have them in lower case. A name
    that leads out of the DICOMDIR's folder counts as one that is not there.
    """
    try:
        with path.open("rb") as stream:
            if not is_dicomdir(stream.read(_HEAD_BYTES)):
                return None
        directory = open_dataset(path)
        named = list(_named(directory))
    except (HOImagingError, OSError):  # a damaged one ends as any damaged file does
        return None
    there: list[Path] = []
    missing: list[Path] = []
    for parts in named:
        found = _find(path.parent, parts)
        if found is None:
            missing.append(path.parent.joinpath(*(part.replace("/", "_").replace("\0", "_") for part in parts)))
        else:
            there.append(found)
    return there, missing


def _named(directory: Dataset) -> Iterator[tuple[str, ...]]:
    for record in directory.get("DirectoryRecordSequence") or ():
        try:
            name, kind = record.get("ReferencedFileID"), str(record.get("DirectoryRecordType", "")).strip()
        except Exception:  # noqa: BLE001  a damaged value makes pydicom raise nearly anything
            continue
        if kind == "IMAGE" and name:
            yield tuple(map(str, name)) if isinstance(name, MultiValue | list | tuple) else (str(name),)


def _find(folder: Path, parts: tuple[str, ...]) -> Path | None:
    for spelt in (parts, tuple(part.lower() for part in parts)):
        if any(part in {"", ".", ".."} or "/" in part or "\\" in part or "\0" in part for part in spelt):
            return None
        try:
            found = folder.joinpath(*spelt)
            if found.is_file() and found.resolve().is_relative_to(folder.resolve()):
                return found
        except OSError:
            return None
    return None
