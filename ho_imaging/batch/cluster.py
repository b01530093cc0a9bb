"""The same work on a Dask cluster: workers may come and go, die with their study, or lack the model.

Films and results are on a file system that all workers see. The model is looked up on each worker; where it is missing
or another one, the files that were shipped are used.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ho_imaging.batch.work import Job, Outcome, WorkFunction
from ho_imaging.batch.write import folder_name
from ho_imaging.errors import HOImagingError, ModelError, UsageError

__all__ = ["Cluster", "check_address"]

logger = logging.getLogger(__name__)

MOST_TRIES = 2
_MOST_LOST = 5
_AHEAD = 2
"""Studies handed out for each thread of the cluster: the next one waits where the last one ends."""


class Cluster:
    """Runs ``function`` over jobs on an existing cluster, with the interface of `ho_imaging.batch.pool.Pool`."""

    def __init__(self, address: str, function: WorkFunction, settings_model: str) -> None:
        try:
            from distributed import Client  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise UsageError("needs Dask", remedy="pip install ho-imaging[dask]") from error
        try:
            self._client = _untyped(Client)(address, timeout="20s")
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(f"no Dask scheduler answers at {address}", remedy="check the address") from error
        self._function = function
        # A task, not scattered data: it is made again when every worker that held it has died.
        self._model = _untyped(self._client).submit(dict, _model_files(settings_model), pure=False)

    def run(self, take: Callable[[], Job | None]) -> Iterator[tuple[Job, Outcome]]:
        """Give every job with how it ended, in the order they end."""
        from distributed import CancelledError, as_completed  # noqa: PLC0415

        working = _untyped(as_completed)()
        jobs: dict[Any, Job] = {}
        lost: dict[str, int] = {}
        again: list[Job] = []
        while True:
            ahead = max(1, _AHEAD * sum(self._client.nthreads().values()))
            while len(jobs) < ahead and (job := again.pop() if again else take()) is not None:
                # Not pure: the same study may have to be done again.
                future = self._client.submit(_work, self._function, job, self._model, pure=False)
                jobs[future.key] = job
                working.add(future)
            if not jobs:
                return
            future = next(working)
            job = jobs.pop(future.key)
            uid = job.study.study_uid
            try:
                outcome: Outcome = future.result()
            except HOImagingError:
                raise
            except CancelledError:
                # Its result was on a worker that died with another study.
                lost[uid] = lost.get(uid, 0) + 1
                if lost[uid] <= _MOST_LOST:
                    again.append(job)
                    continue
                outcome = Outcome(uid, "failed", f"its result was lost {lost[uid]} times with dying workers")
            except Exception as error:  # whatever ends one study on a cluster must not cost the others
                logger.debug("study %s", uid, exc_info=True)
                outcome = Outcome(uid, "failed", f"its worker died ({type(error).__name__})")
            yield job, outcome

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


def _work(function: WorkFunction, job: Job, model: Mapping[str, bytes]) -> Outcome:
    """Do one study on a worker, unless it has cost workers their lives before."""
    uid = job.study.study_uid
    mark = Path(job.out_dir) / "studies" / folder_name(uid) / ".trying"
    mark.parent.mkdir(parents=True, exist_ok=True)
    tries = 1 + (mark.stat().st_size if mark.exists() else 0)
    if tries > MOST_TRIES:
        mark.unlink()
        return Outcome(uid, "failed", f"given up after {MOST_TRIES} tries: its worker died each time")
    mark.write_bytes(b"." * tries)
    outcome = function(replace(job, settings=replace(job.settings, model=_model_here(job.settings.model, model))))
    mark.unlink(missing_ok=True)
    return outcome


def _model_here(name: str, shipped: Mapping[str, bytes]) -> str:
    """Give the name of the model on this worker, or the folder the shipped files are put into."""
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
            part = folder / f"{file}.{os.getpid()}.part"
            part.write_bytes(data)
            part.replace(folder / file)
    return str(folder)


def check_address(address: str) -> None:
    """Raise `UsageError` for what is no address of a scheduler."""
    scheme, _, rest = address.partition("://")
    if scheme not in {"tcp", "tls"} or not rest:
        raise UsageError(f"--dask {address!r} is no scheduler's address", remedy="write tcp://HOST:PORT")
