"""Options and progress of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ho_imaging.batch.work import Outcome
from ho_imaging.errors import UsageError
from ho_imaging.reading import Rejected

__all__ = ["BatchCounts", "BatchOptions", "OnStudy", "Progress"]


@dataclass(frozen=True)
class BatchOptions:
    """Options of a run; none of them changes a result.

    ``workers``: processes, 0 for this one, ``None`` for as many as fit. ``retry_failed``: try failed studies again.
    ``again``: analyse every study again. ``since``: only studies with a file changed at or after this time (seconds
    since 1970). ``limit``: analyse at most so many studies now. ``shard``: ``(i, n)`` with 1 <= i <= n takes one of n
    parts of the studies. ``limit_s``: time after which a study's worker is ended, in seconds.
    """

    workers: int | None = None
    retry_failed: bool = False
    again: bool = False
    since: float | None = None
    limit: int | None = None
    shard: tuple[int, int] | None = None
    limit_s: float = 900.0
    dask: str | None = None
    """Address of a Dask scheduler, to work there instead of here."""

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        for name in ("workers", "limit"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"{name} is {value}", remedy="give 0 or more, or leave it out")


@dataclass(frozen=True)
class Progress:
    """Progress of a run: studies ended so far, by status, and the total."""

    done: int
    refused: int
    failed: int
    total: int
    seconds: float

    @property
    def ended(self) -> int:
        """Studies that have ended."""
        return self.done + self.refused + self.failed


@dataclass(frozen=True)
class BatchCounts:
    """Counts of the inputs by status, from this run or an earlier one that it resumed.

    ``rejected``: files that are no film of a study. ``analysed``: studies analysed now; the rest was done before.
    ``left``: studies put off by a limit. ``outputs_missing``: outputs, each of a study or of all of them, that could
    not be added to results of earlier runs.
    """

    done: int
    refused: int
    failed: int
    incomplete: int = 0
    """Studies that are done although some of their films are not."""
    rejected: tuple[Rejected, ...] = field(default=(), repr=False)
    analysed: int = 0
    left: int = 0
    outputs_missing: int = 0

    @property
    def all_done(self) -> bool:
        """True if every input was analysed, and every output written."""
        return self.refused == self.failed == self.incomplete == self.left == self.outputs_missing == 0


OnStudy = Callable[[Outcome, Path, Progress], None]
