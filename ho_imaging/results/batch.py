"""The results of a batch as a sequence that reads each when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import overload

from ho_imaging.files.given_path import given_path
from ho_imaging.results.folder import read_result, result_paths
from ho_imaging.results.schema import StudyResult

__all__ = ["BatchResults", "read_batch"]


class BatchResults(Sequence[StudyResult]):
    """The results of an output folder; nothing is read before it is asked for, and nothing is kept.

    Parameters
    ----------
    paths
        The files of the results.

    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    @overload
    def __getitem__(self, index: int) -> StudyResult: ...
    @overload
    def __getitem__(self, index: slice) -> BatchResults: ...
    def __getitem__(self, index: int | slice) -> StudyResult | BatchResults:
        if isinstance(index, slice):
            return BatchResults(self.paths[index])
        return read_result(self.paths[index])

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"BatchResults({len(self)} studies)"


def read_batch(folder: str | PathLike[str]) -> BatchResults:
    """Return the results of an output folder, each read when it is asked for.

    Parameters
    ----------
    folder
        What ``--out`` of ``ho-imaging analyze`` or `ho_imaging.batch.run_batch` was given.

    Returns
    -------
    BatchResults
        A sequence of `StudyResult` in the order of the studies' folders; its ``paths`` are the files. A study that
        comes or goes later does not change it.

    Raises
    ------
    TypeError
        If it is no path.
    UsageError
        If the folder holds no results.
    ReadError
        When a result is asked for, if it cannot be read.

    Examples
    --------
    >>> import ho_imaging
    >>> for result in ho_imaging.read_batch("out"):  # doctest: +SKIP
    ...     print(result.study_uid, result.status)

    """
    return BatchResults(result_paths(given_path(folder, "the --out of an earlier ho-imaging analyze")))
