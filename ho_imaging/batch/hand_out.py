"""Hand the studies of a run out to workers, and note how each ends."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Protocol

from ho_imaging.batch.ledger import Ledger
from ho_imaging.batch.options import BatchOptions, OnStudy, Progress
from ho_imaging.batch.plan import Queue
from ho_imaging.batch.pool import Alone, Died, Pool, available_cores
from ho_imaging.batch.work import Job, Outcome, WorkFunction, fingerprint, given_up
from ho_imaging.errors import HOImagingError
from ho_imaging.messages import Message
from ho_imaging.outputs.study_folder import forget_study

__all__ = ["work_through"]

logger = logging.getLogger(__name__)

MOST_CHANGES = 2
"""A study whose files change so often while they are read waits for the next run."""

SMALL_BATCH = 2
"""So many studies are analysed without workers: starting one takes longer."""


def work_through(
    ledger: Ledger,
    queue: Queue,
    options: BatchOptions,
    function: WorkFunction,
    model_digest: str,
    on_study: OnStudy | None,
    started: float,
) -> Progress:
    """Do the studies of a queue, note how each ends, and return how far it came.

    Raises
    ------
    HOImagingError
        If results cannot be written, workers cannot start, or the cluster is gone.
    KeyboardInterrupt
        If it is interrupted, with how far it came.

    """
    counts = dict.fromkeys(("done", "refused", "failed"), 0)
    total = len(queue)
    changes: Counter[str] = Counter()
    if queue.suspects:
        logger.info(
            "%d studies were at work when their worker or a run died: they come last, each alone", len(queue.suspects)
        )

    def take(waiting: deque[Job]) -> Job | None:
        if not waiting:
            return None
        ledger.start(waiting[0].study.study_uid)
        return waiting.popleft()

    def end(job: Job, outcome: Outcome) -> None:
        if "inputs" not in outcome.rows:
            rows = given_up(job.study, outcome.status, outcome.reason, job.identifiers)
            outcome = replace(outcome, rows={**outcome.rows, **rows})
        if "study" not in outcome.rows:
            forget_study(job.folder.path)  # else reports and outputs would show what is left of an earlier analysis
        ledger.finish(outcome)
        counts[outcome.status] += 1
        if on_study is not None:
            on_study(outcome, job.folder.path, Progress(**counts, total=total, seconds=time.monotonic() - started))

    def note(job: Job, outcome: Outcome | Died) -> None:
        uid = job.study.study_uid
        if isinstance(outcome, Died):
            # Others were at work beside it: its death is no evidence.
            logger.warning("study %s: %s; it is tried again alone, after all others", uid, outcome)
            ledger.suspect(uid)
            queue.suspects.append(job)
        elif outcome.status == "stopped":
            raise HOImagingError(outcome.reason or Message("program_told_to_end"))
        elif outcome.status == "changed":
            changes[uid] += 1
            if changes[uid] >= MOST_CHANGES:
                end(job, Outcome(uid, "failed", Message("files_changing"), again=True))
                return
            again = fingerprint(job.study, job.settings, job.context, model_digest)
            ledger.renew(uid, again)
            queue.untried.append(Job(job.study, job.out_dir, job.settings, job.context, again))
        else:
            end(job, outcome)

    try:
        # Closed at once when interrupted: nobody is to be at work while the tables are written.
        with contextlib.closing(_outcomes(queue, take, options, function)) as outcomes:
            for job, outcome in outcomes:
                note(job, outcome)
    except KeyboardInterrupt:
        ended = sum(counts.values())
        raise KeyboardInterrupt(
            f"interrupted after {ended} of {total} studies; run the same command again to resume"
        ) from None
    return Progress(**counts, total=total, seconds=time.monotonic() - started)


Outcomes = Generator[tuple[Job, Outcome | Died], None, None]


def _outcomes(
    queue: Queue, take: Callable[[deque[Job]], Job | None], options: BatchOptions, function: WorkFunction
) -> Outcomes:
    """Do the studies of a queue: those never begun side by side, then the suspects one by one."""
    if not queue:
        return
    with contextlib.closing(_place_of_work(queue, options, function)) as place:
        while queue:
            if queue.untried:
                yield from place.run(lambda: take(queue.untried))
            elif (suspect := take(queue.suspects)) is not None:
                yield suspect, place.try_alone(suspect)


class _PlaceOfWork(Protocol):
    def run(self, take: Callable[[], Job | None]) -> Iterator[tuple[Job, Outcome | Died]]: ...
    def try_alone(self, job: Job) -> Outcome: ...
    def close(self) -> None: ...


def _place_of_work(queue: Queue, options: BatchOptions, function: WorkFunction) -> _PlaceOfWork:
    if options.dask is not None:
        from ho_imaging.batch.cluster import Cluster  # noqa: PLC0415  (an extra)

        job = (queue.untried or queue.suspects)[0]
        return Cluster(options.dask, function, job.settings.model)
    workers = options.workers
    if workers is None:
        workers = 0 if len(queue) <= SMALL_BATCH else available_cores()
    return _Here(min(workers, len(queue)), function, options.limit_s)


class _Here:
    """Studies run on this machine in ``workers`` processes, or in this one if there are none.

    A suspect runs in a process of its own even then: what has ended this program once must not do so again and again.
    """

    def __init__(self, workers: int, function: WorkFunction, limit_s: float) -> None:
        self._workers, self._function, self._limit_s = workers, function, limit_s
        self._alone = Alone(available_cores(), function, limit_s=limit_s)

    def run(self, take: Callable[[], Job | None]) -> Outcomes:
        """Yield every job that ``take`` returns with how it ended."""
        self._alone.close()
        if self._workers == 0:
            while (job := take()) is not None:
                yield job, self._function(job)
            return
        threads = max(1, available_cores() // self._workers)
        with contextlib.closing(Pool(self._workers, threads, self._function, limit_s=self._limit_s)) as pool:
            yield from pool.run(take)

    def try_alone(self, job: Job) -> Outcome:
        """Return how a suspect ended."""
        return self._alone.run(job)

    def close(self) -> None:
        """End the worker of suspects; the others end with `run`."""
        self._alone.close()
