"""Worker processes that may die: each has one study at a time, so it is known which one a death cost."""

from __future__ import annotations

import logging
import multiprocessing as mp
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from ho_imaging.batch.work import Job, Outcome, WorkFunction, prepare_worker
from ho_imaging.errors import HOImagingError

__all__ = ["Died", "Pool", "available_cores"]

logger = logging.getLogger(__name__)

_MOST_FAILED_STARTS = 3
_OUT_OF_MEMORY = 71
"""Exit status of a worker that could not get the memory it needed: EX_OSERR of ``sysexits.h``."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Died(Exception):  # noqa: N818  (what happened, not an error of this program)
    """A worker ended with its study; ``str`` says how."""


@dataclass
class _Worker:
    """A process, whether it has started up, and the study it has since when."""

    process: BaseProcess
    ready: bool = False
    job: Job | None = None
    since: float = 0.0


class Pool:
    """Runs ``function`` over jobs in ``workers`` processes; a worker that dies is replaced."""

    def __init__(self, workers: int, threads: int, function: WorkFunction, *, limit_s: float) -> None:
        # Fresh interpreters: a forked one would share the parent's threads and locks.
        self._context = mp.get_context("spawn")
        self._threads, self._function, self._limit_s = threads, function, limit_s
        self._workers: dict[Connection, _Worker] = {}
        self._failed_starts = 0
        for _ in range(workers):
            self._add()

    def run(
        self, take: Callable[[], Job | None], *, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Job, Outcome | Died]]:
        """Give every job with how it ended, in the order they end.

        ``take`` gives the next job, ``None`` when there is none now; it is over when nothing is at work either, or,
        with jobs still at work, soon after ``stopped`` says so.

        Raises
        ------
        HOImagingError
            If workers cannot be started.

        """
        ended: list[tuple[Job, Outcome | Died]] = []
        while True:
            # Before what has ended is looked at: no worker should wait while its last result is noted.
            more = self._hand_out(take, ended)
            yield from ended
            if stopped():
                return
            if not more and not ended and not any(worker.job for worker in self._workers.values()):
                return
            # What ended may have to be done again, so ask for work once more before waiting.
            ended = self._collect() if more or not ended else []

    def _hand_out(self, take: Callable[[], Job | None], ended: list[tuple[Job, Outcome | Died]]) -> bool:
        """Give every idle worker a job; whether there was one for each."""
        for connection, worker in list(self._workers.items()):
            if worker.ready and worker.job is None:
                following = take()
                if following is None:
                    return False
                worker.job, worker.since = following, time.monotonic()
                try:
                    connection.send(following)
                except OSError:  # it died idle
                    ended.append((following, self._bury(connection, "its worker ended before it began")))
        return True

    def _collect(self) -> list[tuple[Job, Outcome | Died]]:
        """Wait a little for workers that end their job, their life or their time."""
        ended: list[tuple[Job, Outcome | Died]] = []
        ready = wait(list(self._workers), timeout=1.0)
        for connection, worker in list(self._workers.items()):
            job = worker.job
            if connection in ready:
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    worker.process.join(5.0)
                    died = self._bury(connection, _how(worker.process.exitcode))
                    if job is None:
                        self._failed_starts += 1
                        if self._failed_starts > _MOST_FAILED_STARTS:
                            raise HOImagingError(
                                f"workers cannot be started: {died}", remedy="try --workers 0"
                            ) from None
                    else:
                        ended.append((job, died))
                    continue
                if not worker.ready:
                    worker.ready, self._failed_starts = True, 0
                elif job is not None:
                    worker.job = None
                    ended.append((job, message))
            elif job is not None and time.monotonic() - worker.since > self._limit_s:
                ended.append((job, self._bury(connection, f"it took longer than {self._limit_s:.0f} s")))
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
        process = self._context.Process(target=_serve, args=(theirs, self._threads, self._function), daemon=True)
        # The parent decides what an interrupt means, also while a worker starts up: it inherits what is blocked here.
        resource_tracker.ensure_running()  # it would lift the block
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()
        self._workers[ours] = _Worker(process)

    def _bury(self, connection: Connection, how: str) -> Died:
        worker = self._workers.pop(connection)
        connection.close()
        worker.process.kill()
        worker.process.join()
        self._add()
        return Died(how)


def _serve(connection: Connection, threads: int, function: WorkFunction) -> None:
    """Work until told to stop or until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_worker(threads)
    connection.send("ready")
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        if job is None:
            return
        try:
            outcome = function(job)
        except MemoryError:
            # Whatever is left half done goes with the process.
            os._exit(_OUT_OF_MEMORY)
        connection.send(outcome)


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"its worker was killed ({name}), as for want of memory"
    if exit_code == _OUT_OF_MEMORY:
        return "its worker had not enough memory"
    return f"its worker ended (exit status {exit_code})"
