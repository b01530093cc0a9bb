"""Name of a film's file without its suffix."""

from __future__ import annotations

from pathlib import PurePath

__all__ = ["film_stem"]

_SUFFIXES = frozenset(
    {
        ".dcm", ".dicom", ".dic", ".ima", ".png", ".jpg", ".jpeg", ".jpe", ".jp2", ".jls", ".tif", ".tiff", ".bmp",
        ".gif", ".webp",
    }
)  # fmt: skip


def film_stem(name: str) -> str:
    """Return the name of a film's file without folder and suffix.

    Only what names a format is a suffix: DICOM files are often named by a UID or a number alone, and ``1.2.3.4`` and
    ``1.2.3.5`` are two films.
    """
    path = PurePath(name)
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name
