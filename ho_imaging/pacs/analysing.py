"""The analysis of a service: studies out of the spool when they are quiet, their results and objects back into it."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pydicom

from ho_imaging.batch.pool import Alone, Died, Pool, available_cores
from ho_imaging.batch.work import Job, Outcome, Settings, WorkFunction
from ho_imaging.files.atomic import sync_folder
from ho_imaging.files.output_names import DICOM_FOLDER
from ho_imaging.messages import Message
from ho_imaging.pacs.config import ServeConfig
from ho_imaging.pacs.disk import SpoolFullError
from ho_imaging.pacs.room import Room
from ho_imaging.pacs.spool import Spool
from ho_imaging.reading import StudyRef
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.read import ImageRef

__all__ = ["Analysing"]

logger = logging.getLogger(__name__)

_PAUSE_S = 0.2
_NOT_WRITTEN_PAUSE_S = 5.0


class Analysing:
    """Runs ``function`` over studies until ``stopping`` is set; ``model`` names the weights that it uses."""

    def __init__(
        self,
        config: ServeConfig,
        spool: Spool,
        settings: Settings,
        function: WorkFunction,
        *,
        model: str,
        count: Callable[[str], None],
        stopping: threading.Event,
    ) -> None:
        self._config, self._spool, self._settings, self._function = config, spool, settings, function
        self._model, self._count, self._stopping = model, count, stopping
        self._room = Room(spool, count, stopping)
        self._at_work: set[str] = set()
        self.not_written: str | None = None
        """Why the last study's results could not be written; ``None`` where they could."""

    def run(self) -> None:
        """Analyse what is ready, until the service stops; then let go of what is at work."""
        analysis, stopped = self._config.analysis, self._stopping.is_set
        threads = max(1, available_cores() // analysis.workers)
        pool = Pool(analysis.workers, threads, self._function, limit_s=analysis.limit_s)
        try:
            while not stopped():
                for job, outcome in pool.run(self._take, stopped=stopped):
                    self._note(job.study.study_uid, outcome)
                # Nothing is at work now, and nothing is begun before a suspect has ended.
                with contextlib.closing(Alone(available_cores(), self._function, limit_s=analysis.limit_s)) as alone:
                    while (suspect := self._take(suspect=True)) is not None:
                        self._note(suspect.study.study_uid, alone.run(suspect, stopped=stopped))
                self._stopping.wait(_PAUSE_S)
        finally:
            pool.close()
            for uid in self._at_work:
                with contextlib.suppress(SpoolFullError):  # the next start takes it up
                    self._spool.put_back(uid)

    def _take(self, *, suspect: bool = False) -> Job | None:
        if self._stopping.is_set():
            return None
        ready = self._room.wait_for(lambda: self._spool.take_ready(self._config.spool.quiet_s, suspect=suspect))
        if ready is None:
            return None
        uid, rows = ready
        images = tuple(
            ImageRef(
                self._spool.folder / row["file"],
                FileKind.DICOM,
                uid,
                row["series_uid"],
                row["sop_uid"],
                row["modality"],
            )
            for row in rows
        )
        self._at_work.add(uid)
        return Job(StudyRef(uid, images), str(self._spool.folder / "out"), self._settings, None, "")

    def _note(self, uid: str, outcome: Outcome | Died) -> None:
        self._at_work.discard(uid)
        self._room.wait_for(lambda: self._ended(uid, outcome))

    def _ended(self, uid: str, outcome: Outcome | Died) -> None:
        if isinstance(outcome, Died):
            logger.warning("study %s: %s; it is tried again alone", uid, outcome, extra={"study": uid})
            self._spool.put_back(uid, suspect=True)
            return
        if outcome.status == "changed":
            self._spool.put_back(uid)
            return
        if outcome.status == "stopped":
            self._spool.put_back(uid)
            if not self._stopping.is_set():
                self.not_written = None if outcome.reason is None else str(outcome.reason)
                logger.error("study %s waits: %s", uid, outcome.reason, extra={"study": uid})
                if not self._spool.find_room():
                    self._stopping.wait(_NOT_WRITTEN_PAUSE_S)
            return
        self.not_written = None
        status, reason = outcome.status, outcome.reason
        # A study whose worker died has no result, and what lies there is of an earlier one.
        reported = status in {"done", "refused"} or (self._config.analysis.refusals and bool(outcome.rows))
        objects = self._objects(uid) if reported else []
        if status == "done" and not objects:
            # Nobody would ever see the result.
            status, reason = "failed", Message("no_objects_made").with_also(*outcome.problems)
        elif status == "done" and outcome.problems:
            first, *others = outcome.problems
            reason = first.with_also(*others)
            self._count("studies_with_missing_objects")
        self._spool.end(
            uid,
            status=status,
            reason=reason,
            objects=objects,
            destinations=[destination.name for destination in self._config.send],
            model=self._model,
        )
        self._count(f"studies_{status}")
        level = logging.ERROR if status == "failed" else logging.WARNING if outcome.problems else logging.INFO
        logger.log(level, "study %s: %s, %d objects%s", uid, status, len(objects), f" ({reason})" if reason else "",
                   extra={"study": uid})  # fmt: skip

    def _objects(self, study_uid: str) -> list[tuple[str, Path]]:
        """Return a study's objects, on disk for good."""
        place = self._spool.results_folder(study_uid) / DICOM_FOLDER
        found = []
        for path in sorted(place.glob("*.dcm")):
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
            found.append((str(header.SOPInstanceUID), path))
        if found:
            sync_folder(place)
        return found
