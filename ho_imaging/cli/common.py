"""What several commands share: words as people write them, and where results may go."""

from __future__ import annotations

import os
from pathlib import Path

from ho_imaging.errors import UsageError

__all__ = ["check_out", "is_page", "side", "word"]

_SIDES = {"r": "right", "l": "left", "b": "bilateral"}
"""The letters of DICOM."""


def word(text: str) -> str:
    """Spell a word of the vocabulary as results do: ``Frog-Leg`` becomes ``frog_leg``."""
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def side(text: str) -> str:
    """Spell a side as results do, which may be a letter."""
    return _SIDES.get(word(text), word(text))


def is_page(out: Path | None) -> bool:
    """Whether an output, if there is any, is named as one HTML file."""
    return out is not None and out.suffix.lower() in {".html", ".htm"}


def check_out(out: Path, *, page: bool = False) -> None:
    """Refuse, before any work, an output folder that a file is in the way of; ``page``: it is to be one file.

    Raises
    ------
    UsageError
        If no folder can be made there, or the page is a folder.

    """
    if page and out.is_dir():
        raise UsageError("is a folder, not a file", path=out, remedy="choose another --out")
    # Not Path.exists, which raises where a folder may not be looked into.
    for place in (out.parent, *out.parents) if page else (out, *out.parents):
        if os.path.isdir(place):  # noqa: PTH112
            return
        if os.path.lexists(place):
            raise UsageError("is a file, not a folder", path=place, remedy="choose another --out")
