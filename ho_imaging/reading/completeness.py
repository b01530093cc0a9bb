"""Completeness of a study, where its source states the number of images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from pydicom.dataset import Dataset

from ho_imaging.messages import Message

__all__ = ["Completeness", "StudyFilms"]


@dataclass(frozen=True)
class Completeness:
    """Completeness of a study: the number of images by its source, and those known to be missing.

    ``received``: images that came. ``expected``: images that there are, by the source's own count of what could be a
    film; ``None`` where it counts nothing. ``reasons``: a message for each thing that is missing, without patient
    data; empty where nothing is known to be missing.
    """

    received: int
    expected: int | None = None
    reasons: tuple[Message, ...] = ()

    @property
    def complete(self) -> bool:
        """Return True unless something is known to be missing."""
        return not self.reasons


class StudyFilms(Sequence[Dataset]):
    """The films of one study as its source gave them, and what it says of how many there are."""

    def __init__(self, films: Iterable[Dataset], completeness: Completeness) -> None:
        self._films = tuple(films)
        self.completeness = completeness

    @overload
    def __getitem__(self, index: int) -> Dataset: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Dataset]: ...
    def __getitem__(self, index: int | slice) -> Dataset | Sequence[Dataset]:
        return self._films[index]

    def __len__(self) -> int:
        return len(self._films)
