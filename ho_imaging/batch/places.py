"""Where the files of several runs lie, so that they can be compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

__all__ = ["Places"]


class Places:
    """Where files lie, so that those of several runs can be compared: from any folder, by any link to a folder.

    Only folders are followed to where links lead; a link to a file is a place of its own, whatever it leads to.
    """

    def __init__(self, given: Sequence[str | PathLike[str]]) -> None:
        self._folders: dict[Path, Path] = {}
        self._given = {self.of(path) for path in given} | {os.path.realpath(path) for path in given}

    def of(self, path: str | PathLike[str]) -> str:
        """Give a file's place."""
        path = Path(path)
        if path.parent not in self._folders:
            self._folders[path.parent] = Path(os.path.realpath(path.parent))
        return str(self._folders[path.parent] / path.name)

    def was_looked_at(self, place: str) -> bool:
        """Whether it is one of the paths given, or lies below one."""
        return any(str(path) in self._given for path in (Path(place), *Path(place).parents))

    def is_gone(self, place: str) -> bool:
        """Whether the paths given held it and do no longer; of other paths, such as a share that is off, none is."""
        if not self.was_looked_at(place):
            return False
        try:
            Path(place).lstat()
        except OSError as error:
            # One that may not be looked at may well be there.
            return isinstance(error, FileNotFoundError | NotADirectoryError)
        return False
