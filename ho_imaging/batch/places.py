"""Places of the files of several runs, in a form that can be compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

__all__ = ["Places"]


class Places:
    """Places of files that can be compared between runs: from any folder, by any link to a folder.

    Only folders are followed to where links lead; a link to a file is a place of its own, whatever it leads to.
    """

    def __init__(self, given: Sequence[str | PathLike[str]]) -> None:
        self._folders: dict[Path, Path] = {}
        self._given = {self.of(path) for path in given} | {os.path.realpath(path) for path in given}

    def of(self, path: str | PathLike[str]) -> str:
        """Return a file's place."""
        path = Path(path)
        if path.parent not in self._folders:
            self._folders[path.parent] = Path(os.path.realpath(path.parent))
        return str(self._folders[path.parent] / path.name)

    def was_looked_at(self, place: str) -> bool:
        """Return True if it is one of the given paths, or lies below one."""
        return any(str(path) in self._given for path in (Path(place), *Path(place).parents))

    def is_gone(self, place: str) -> bool:
        """Return True if the file was below one of the given paths and no longer exists; no other file is gone."""
        if not self.was_looked_at(place):
            return False
        try:
            Path(place).lstat()
        except OSError as error:
            # One that may not be looked at may well be there.
            return isinstance(error, FileNotFoundError | NotADirectoryError)
        return False
