"""The same work on a Dask cluster: workers may come and go, die with their study, or lack the model.

Films and results are on a file system that all workers see. The model is looked up on each worker; where it is missing
or another one, the files that were shipped are used.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ho_imaging.batch.pool import MOST_DEATHS_ALONE, Died, given_up
from ho_imaging.batch.work import Job, Outcome, WorkFunction
from ho_imaging.errors import HOImagingError, ModelError, UsageError
from ho_imaging.extras import missing_extra
from ho_imaging.files.atomic import write_bytes
from ho_imaging.messages import Message
from ho_imaging.pipeline import LOADING
from ho_imaging.stopwatch import observed

__all__ = ["Cluster", "check_address"]

logger = logging.getLogger(__name__)

_CONNECT = "20s"
_MOST_FAILED_STARTS = 3
_AHEAD = 2
"""Studies handed out for each thread of the cluster: the next one waits where the last one ends."""


class Cluster:
    """Runs ``function`` over jobs on an existing cluster, or over one alone."""

    def __init__(self, address: str, function: WorkFunction, settings_model: str) -> None:
        try:
            from distributed import Client  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise missing_extra(error, "dask", "--dask") from error
        try:
            self._client = _untyped(Client)(address, timeout=_CONNECT)
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(f"no Dask scheduler answers at {address}", remedy="check the address") from error
        self._function, self._model_name = function, settings_model
        self._model: Any = None
        self._run = uuid.uuid4().hex

    def run(self, take: Callable[[], Job | None]) -> Iterator[tuple[Job, Outcome | Died]]:
        """Yield every job with how it ended, in the order they end.

        The scheduler counts the death of a worker against all tasks that wait there, and begins them again by itself.
        Here a study that was begun when its worker died is not begun again, and one that was not begun is no suspect.
        """
        from distributed import as_completed  # noqa: PLC0415

        working = _untyped(as_completed)()
        jobs: dict[Any, Job] = {}
        again: list[Job] = []
        failed_starts = 0
        while True:
            ahead = max(1, _AHEAD * sum(self._client.nthreads().values()))
            while len(jobs) < ahead and (job := again.pop() if again else take()) is not None:
                future = self._submit(job, self._run, alone=False)
                jobs[future.key] = job
                working.add(future)
            if not jobs:
                return
            future = next(working)
            job = jobs.pop(future.key)
            outcome = self._ended(future)
            if outcome is None:
                again.append(job)
            elif isinstance(outcome, Died) and not _times_begun(job, self._run):
                again.append(job)
                failed_starts += 1
                if failed_starts > _MOST_FAILED_STARTS:
                    raise _cannot_start(outcome)
            else:
                failed_starts = 0
                yield job, outcome

    def try_alone(self, job: Job) -> Outcome:
        """Try a study when nothing else is at work on the cluster; give it up when it kills a few workers in a row."""
        trial, deaths = uuid.uuid4().hex, 0
        try:
            while True:
                outcome = self._ended(self._submit(job, trial, alone=True))
                if outcome is None:
                    continue
                if not isinstance(outcome, Died):
                    return outcome
                # Of a scheduler that allows few failures, or none.
                before, deaths = deaths, _times_begun(job, trial)
                if deaths >= MOST_DEATHS_ALONE:
                    return given_up(job.study.study_uid, outcome)
                if deaths == before:
                    raise _cannot_start(outcome)
        finally:
            _mark(job).unlink(missing_ok=True)

    def _submit(self, job: Job, trial: str, *, alone: bool) -> Any:
        if self._model is None or self._model.status in {"error", "cancelled", "lost"}:
            # A task, not scattered data: it is made again when every worker that held it has died.
            self._model = _untyped(self._client).submit(dict, _model_files(self._model_name), pure=False)
        # Not pure: the same study may have to be done again.
        return _untyped(self._client).submit(_work, self._function, job, self._model, trial, alone=alone, pure=False)

    def _ended(self, future: Any) -> Outcome | Died | None:
        """Return how a task ended; None if its result was lost with the worker that held it.

        Raises
        ------
        HOImagingError
            If the scheduler is gone, or a worker cannot use the model.

        """
        from distributed import CancelledError  # noqa: PLC0415

        try:
            outcome: Outcome | Died = future.result()
        except HOImagingError:
            raise
        except CancelledError:
            if self._client.status != "running":
                raise HOImagingError(
                    "the Dask scheduler is gone", remedy="start it and run the same command again"
                ) from None
            return None
        except Exception as error:  # whatever ends one study on a cluster must not cost the others
            logger.debug("a task failed", exc_info=True)
            return Died(Message("died.worker_kind", kind=type(error).__name__))
        return outcome

    def close(self) -> None:
        """Leave the cluster; what is at work there is cancelled."""
        self._client.close()


def _untyped(thing: object) -> Any:
    """Say that a thing of Dask's carries no types."""
    return thing


def _model_files(name: str) -> dict[str, bytes]:
    from ho_imaging.network.model_store import DESCRIPTION_FILE, WEIGHTS_FILE, find_model  # noqa: PLC0415

    folder = find_model(Path(name) if os.sep in name else name)
    return {file: (folder / file).read_bytes() for file in (DESCRIPTION_FILE, WEIGHTS_FILE)}


def _mark(job: Job) -> Path:
    """Return the file that tells how often a study was begun: the scheduler does not."""
    return job.folder.mark


def _times_begun(job: Job, trial: str) -> int:
    """Return how often a study was begun, and did not end, in one trial; other runs and trials do not count."""
    try:
        return _mark(job).read_text().split().count(trial)
    except FileNotFoundError:
        return 0


def _cannot_start(died: Died) -> HOImagingError:
    return HOImagingError(f"workers die before they begin: {died}", remedy="look at their logs, give them more memory")


def _work(function: WorkFunction, job: Job, model: Mapping[str, bytes], trial: str, *, alone: bool) -> Outcome | Died:
    """Do one study on a worker, unless it was begun in this trial and its worker died, alone a few times."""
    begun = _times_begun(job, trial)
    died = Died(Message("died.worker"))
    if begun and not alone:
        return died
    if begun >= MOST_DEATHS_ALONE:
        return given_up(job.study.study_uid, died)
    mark = _mark(job)
    mark.parent.mkdir(parents=True, exist_ok=True)

    def note(stage: str, begins: bool) -> None:
        # Who dies while it loads the model does so with any study.
        if stage == LOADING:
            mark.write_text(f"{trial}\n" * (begun if begins else begun + 1))

    mark.write_text(f"{trial}\n" * (begun + 1))
    with observed(note):
        outcome = function(replace(job, settings=replace(job.settings, model=_model_here(job.settings.model, model))))
    mark.unlink(missing_ok=True)
    return outcome


def _model_here(name: str, shipped: Mapping[str, bytes]) -> str:
    """Return the name of the model on this worker, or the folder of the shipped files."""
    from ho_imaging.network.model_store import DESCRIPTION_FILE, find_model  # noqa: PLC0415

    try:
        here = find_model(Path(name) if os.sep in name else name)
        if (here / DESCRIPTION_FILE).read_bytes() == shipped[DESCRIPTION_FILE]:
            return name
    except ModelError:
        logger.debug("the model is not on this worker")
    digest = hashlib.sha256(shipped[DESCRIPTION_FILE]).hexdigest()[:32]
    folder = Path(tempfile.gettempdir()) / f"ho_imaging_models_{os.getuid()}" / digest
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file, data in shipped.items():
        if not (folder / file).exists():
            write_bytes(folder / file, data)
    return str(folder)


def check_address(address: str) -> None:
    """Raise `UsageError` for what is no address of a scheduler."""
    scheme, _, rest = address.partition("://")
    if scheme not in {"tcp", "tls"} or not rest:
        raise UsageError(f"--dask {address!r} is not the address of a scheduler", remedy="write tcp://HOST:PORT")
