"""Entries of a folder by the end of their name, found without listing a large folder for each."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["name_with_end"]

_FEW = 1000
"""A folder of at most so many entries is listed each time: a third of a millisecond."""

_MOST_SHARE = 0.02
"""Share of the time that goes by in which a larger folder is listed."""

_MOST_KEPT = 8


class _Listing(NamedTuple):
    """Names in a folder by their last characters, and when the folder may be listed again (`time.monotonic`)."""

    names: Mapping[str, str]
    due_s: float


_listings: dict[tuple[Path, int], _Listing] = {}


def name_with_end(folder: Path, end: str) -> str | None:
    """Return the name of an entry of a folder by the end of that name.

    A folder of many entries is listed now and then only, or looking up each of them would take the square of their
    number: an entry that another process added within the last fifty times as long as a listing takes (milliseconds at
    ten thousand entries, half a minute at a million) may not be found.

    Parameters
    ----------
    folder
        A folder, whether it is there or not.
    end
        Last characters of the name; the first of them stands in few other names at that place.

    Returns
    -------
    str or None
        The name, ``None`` without one.

    """
    key = (folder, len(end))
    kept = _listings.get(key)
    if kept is not None:
        name = kept.names.get(end)
        if name is not None and os.path.lexists(folder / name):
            return name
        if time.monotonic() < kept.due_s:
            return None
    began_s = time.monotonic()
    try:
        found = os.listdir(folder)  # noqa: PTH208  names, not paths, of which there may be a million
    except OSError:
        found = []
    if len(found) <= _FEW:
        _listings.pop(key, None)
        return next((name for name in found if name.endswith(end)), None)
    names = {name[-len(end) :]: name for name in found if name[-len(end) :][:1] == end[:1]}
    ended_s = time.monotonic()
    if len(_listings) >= _MOST_KEPT:
        _listings.clear()
    _listings[key] = _Listing(names, ended_s + (ended_s - began_s) / _MOST_SHARE)
    return names.get(end)
