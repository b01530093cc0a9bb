"""Worker processes that may die: each has one study at a time, so it is known which one a death cost."""

from __future__ import annotations

import logging
import multiprocessing as mp
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from ho_imaging.batch.work import Job, Outcome, WorkFunction, prepare_worker
from ho_imaging.errors import HOImagingError
from ho_imaging.garbage import collect_seldom
from ho_imaging.logs import LogSettings, current, set_up
from ho_imaging.messages import Message
from ho_imaging.pipeline import LOADING
from ho_imaging.stopwatch import observed

__all__ = ["MOST_DEATHS_ALONE", "Alone", "Died", "Pool", "available_cores", "given_up"]

logger = logging.getLogger(__name__)

MOST_DEATHS_ALONE = 2
"""A study that kills so many fresh workers in a row, alone, is given up."""

_MOST_FAILED_STARTS = 3
_OUT_OF_MEMORY = 71
"""Exit status of a worker that could not get the memory it needed: EX_OSERR of ``sysexits.h``."""

_DIED_TOGETHER_S = 0.5
"""Time within which whoever ends a worker together with the program ends the program."""

_LOOK_EVERY_S = 0.2
"""Longest time until it is seen that the program is told to end."""

_READY, _LOADING, _LOADED = "ready", "loading", "loaded"
"""Messages of a worker beside the outcomes of its studies."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Died(Exception):  # noqa: N818  (what happened, not an error of this program)
    """A worker ended with its study; ``how`` says so. ``fresh``: it was the first study of the worker."""

    def __init__(self, how: Message, *, fresh: bool = True) -> None:
        super().__init__(how)
        self.how = how
        self.fresh = fresh


def given_up(study_uid: str, died: Died) -> Outcome:
    """Return the outcome of a study that killed its worker each time it was tried alone."""
    return Outcome(study_uid, "failed", Message("given_up", tries=MOST_DEATHS_ALONE, died=died.how))


@dataclass
class _Worker:
    """A process, whether it has started up, loads its model and has done studies, and the one it has since when."""

    process: BaseProcess
    ready: bool = False
    loading: bool = False
    fresh: bool = True
    job: Job | None = None
    since: float = 0.0


class Pool:
    """Runs ``function`` over jobs in ``workers`` processes; a worker that dies is replaced.

    A worker that dies before it is ready, idle, or while it loads its model has failed to start. That is no fault of
    the study it was given, which goes to the next worker.
    """

    def __init__(self, workers: int, threads: int, function: WorkFunction, *, limit_s: float) -> None:
        # Fresh interpreters: a forked one would share the parent's threads and locks.
        self._context = mp.get_context("spawn")
        self._threads, self._function, self._limit_s = threads, function, limit_s
        self._workers: dict[Connection, _Worker] = {}
        self._given_back: deque[Job] = deque()
        self._failed_starts, self._most_failed_starts = 0, max(_MOST_FAILED_STARTS, workers)
        for _ in range(workers):
            self._add()

    def run(
        self, take: Callable[[], Job | None], *, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Job, Outcome | Died]]:
        """Yield every job with how it ended, in the order they end.

        ``take`` returns the next job, ``None`` when there is none now; it is over when nothing is at work either, or,
        with jobs still at work, soon after ``stopped`` returns True.

        Raises
        ------
        HOImagingError
            If workers cannot be started.

        """
        ended: list[tuple[Job, Outcome | Died]] = []
        while True:
            # Before what has ended is looked at: no worker should wait while its last result is noted.
            more = self._hand_out(take)
            yield from ended
            if stopped():
                return
            if not more and not ended and not any(worker.job for worker in self._workers.values()):
                return
            # What ended may have to be done again, so ask for work once more before waiting.
            ended = self._collect() if more or not ended else []

    def _hand_out(self, take: Callable[[], Job | None]) -> bool:
        """Hand every idle worker a job; return whether there was one for each."""
        for connection, worker in list(self._workers.items()):
            if worker.ready and worker.job is None:
                following = self._given_back.popleft() if self._given_back else take()
                if following is None:
                    return False
                worker.job, worker.since = following, time.monotonic()
                try:
                    connection.send(following)
                except OSError:
                    self._failed_to_start(connection, worker)
        return True

    def _collect(self) -> list[tuple[Job, Outcome | Died]]:
        """Wait a little for workers that end their job, their life or their time."""
        ended: list[tuple[Job, Outcome | Died]] = []
        ready = wait(list(self._workers), timeout=_LOOK_EVERY_S)
        for connection, worker in list(self._workers.items()):
            job = worker.job
            if connection in ready:
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    if job is None or worker.loading:
                        self._failed_to_start(connection, worker)
                    else:
                        ended.append((job, self._bury(connection)))
                    continue
                worker.since, worker.loading = time.monotonic(), message == _LOADING
                if message == _READY:
                    worker.ready = True
                elif message != _LOADING:
                    self._failed_starts = 0
                if job is not None and isinstance(message, Outcome):
                    worker.job, worker.fresh = None, False
                    ended.append((job, message))
            elif job is not None and time.monotonic() - worker.since > self._limit_s:
                late = Message("died.late", limit_s=self._limit_s)
                if worker.loading:
                    self._failed_to_start(connection, worker, late)
                else:
                    ended.append((job, self._bury(connection, late)))
        return ended

    def close(self) -> None:
        """End the workers, in the middle of their work if need be."""
        for connection, worker in self._workers.items():
            if worker.ready and worker.job is None:
                try:
                    connection.send(None)
                except OSError:
                    logger.debug("a worker had ended already")
            else:
                worker.process.kill()
            connection.close()
        for worker in self._workers.values():
            worker.process.join(10.0)
            if worker.process.is_alive():
                worker.process.kill()
        self._workers.clear()

    def _add(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._threads, self._function, current()), daemon=True
        )
        # The parent decides what an interrupt means, also while a worker starts up: it inherits what is blocked here.
        resource_tracker.ensure_running()  # it would lift the block
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()
        self._workers[ours] = _Worker(process)

    def _bury(self, connection: Connection, how: Message | None = None) -> Died:
        """Replace a worker; ``how`` it ended is, by default, what its exit status says."""
        worker = self._workers.pop(connection)
        process = worker.process
        connection.close()
        if how is None:
            process.join(5.0)
            how = _how(process.exitcode)
        process.kill()
        process.join()
        self._add()
        return Died(how, fresh=worker.fresh)

    def _failed_to_start(self, connection: Connection, worker: _Worker, how: Message | None = None) -> None:
        """Replace a worker that could not start, unless too many could not, and keep its study for the next."""
        if worker.job is not None:
            self._given_back.append(worker.job)
        died = self._bury(connection, how)
        self._failed_starts += 1
        logger.warning("a worker could not be started: %s", died)
        if self._failed_starts > self._most_failed_starts:
            raise HOImagingError(f"workers cannot be started: {died}", remedy="use fewer workers or free memory")


class Alone:
    """Tries suspects one by one, each in a process that has nothing beside it, and in a fresh one before it is blamed.

    For when no other study is at work: only then is a worker's death evidence against its study, and not against a
    neighbour that took the memory. Deaths are not kept over the end of the program.
    """

    def __init__(self, threads: int, function: WorkFunction, *, limit_s: float) -> None:
        self._threads, self._function, self._limit_s = threads, function, limit_s
        self._pool: Pool | None = None

    def run(self, job: Job, *, stopped: Callable[[], bool] = lambda: False) -> Outcome:
        """Return how a study ended; it is given up when it kills a few fresh workers in a row.

        The status is ``stopped`` if the function of that name returned True before the study ended.

        Raises
        ------
        HOImagingError
            If workers cannot be started.

        """
        if self._pool is None:
            self._pool = Pool(1, self._threads, self._function, limit_s=self._limit_s)
        waiting, deaths = deque([job]), 0
        for _, outcome in self._pool.run(lambda: waiting.popleft() if waiting else None, stopped=stopped):
            if not isinstance(outcome, Died):
                return outcome
            logger.warning("study %s, alone: %s", job.study.study_uid, outcome)
            # Who ends the program ends its workers too, maybe first.
            time.sleep(_DIED_TOGETHER_S)
            if stopped():
                break
            # Not what an earlier study left behind in the process.
            deaths += outcome.fresh
            if deaths >= MOST_DEATHS_ALONE:
                return given_up(job.study.study_uid, outcome)
            waiting.append(job)
        self.close()  # a study may be at work there still
        return Outcome(job.study.study_uid, "stopped", Message("program_told_to_end"))

    def close(self) -> None:
        """End the worker."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def _serve(connection: Connection, threads: int, function: WorkFunction, logs: LogSettings | None) -> None:
    """Work until told to stop or until the parent is gone; ``logs``: how the parent logs."""
    collect_seldom()
    set_up(LogSettings(logging.WARNING) if logs is None else logs)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def note(stage: str, begins: bool) -> None:
        if stage == LOADING:
            connection.send(_LOADING if begins else _LOADED)

    prepare_worker(threads)
    connection.send(_READY)
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        if job is None:
            os._exit(0)  # nothing is left to do, and taking down what a model loaded takes seconds
        try:
            with observed(note):
                outcome = function(job)
        except MemoryError:
            # Whatever is left half done goes with the process.
            os._exit(_OUT_OF_MEMORY)
        except HOImagingError as error:
            # Nothing about a film raises: it is the model that cannot be used.
            outcome = Outcome(job.study.study_uid, "stopped", Message("unclassified", problem=str(error), remedy=""))
        connection.send(outcome)


def _end_with_parent() -> None:
    """End this process with the one that started it: the next run may be given the same study."""
    parent = mp.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _how(exit_code: int | None) -> Message:
    if exit_code == -signal.SIGKILL:
        return Message("died.out_of_memory_kill")
    if exit_code is not None and exit_code < 0:
        names = {int(number): number.name for number in signal.Signals}
        return Message("died.killed", signal=names.get(-exit_code, str(-exit_code)))
    if exit_code == _OUT_OF_MEMORY:
        return Message("died.memory")
    return Message("died.ended", status=str(exit_code))
