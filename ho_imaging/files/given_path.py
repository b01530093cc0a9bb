"""Paths as callers give them: what is none is said with what to give."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

__all__ = ["given_path"]


def given_path(path: object, wanted: str) -> Path:
    """Return a path that a caller gave.

    Parameters
    ----------
    path
        What was given.
    wanted
        What to give, as in "the --out of an earlier ho-imaging analyze".

    Raises
    ------
    TypeError
        If it is no path.

    """
    if not isinstance(path, str | PathLike):
        raise TypeError(f"{type(path).__name__} is not a path (give {wanted})")
    return Path(path)
