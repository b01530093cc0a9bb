"""Check that the file system can hold a path at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ho_imaging.errors import UsageError

__all__ = ["check_name_length"]


def check_name_length(out: Path) -> None:
    """Raise `UsageError` if the name of an output is too long for its file system.

    Parameters
    ----------
    out
        File or folder that is to be written; it need not exist.

    Raises
    ------
    UsageError
        If a part of the path, or the whole path, is too long.

    """
    try:
        os.lstat(out)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError("the name is too long", path=out, remedy="choose a shorter --out") from error
