"""The service: films in by C-STORE, studies analysed when quiet, objects out to every destination."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pydicom

from ho_imaging.batch.ledger import hold_folder
from ho_imaging.batch.pool import Alone, Died, Pool, available_cores
from ho_imaging.batch.work import Job, Outcome, Settings, WorkFunction, work
from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.network.site import Site, read_site
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination, ServeConfig, within
from ho_imaging.pacs.health import Counters, HealthServer
from ho_imaging.pacs.receive import Receiver
from ho_imaging.pacs.send import check_destination, commit_objects, send_objects
from ho_imaging.pacs.spool import OutboxItem, Spool, SpoolFullError, check_folder, sync_folder
from ho_imaging.reading import StudyRef
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.read import ImageRef
from ho_imaging.results.folder import DICOM_FOLDER

__all__ = ["Service", "check_config"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PAUSE_S = 0.2
_ROOM_PAUSE_S = 2.0
_SWEEP_EVERY_S = 600.0
_MOST_STOPPING_S = 60.0


def check_config(config: ServeConfig) -> None:
    """Check that all a configuration names is there: model, secrets, certificates, and a place for the spool.

    Nothing is sent, and nothing new is left on the disk.

    Raises
    ------
    HOImagingError
        If something is not there or cannot be used; the message begins with the entry.

    """
    _check_named(config)
    check_folder(config.spool.folder)


def _check_named(config: ServeConfig) -> Site | None:
    """Check what a configuration names, and return its site file."""
    from ho_imaging.network.model_store import find_model, read_description  # noqa: PLC0415

    with within("analysis.model: "):
        identity = read_description(find_model(config.analysis.model)).identity
    site = None
    if config.analysis.site is not None:
        with within("analysis.site: "):
            site = read_site(config.analysis.site)
            site.check(identity)
    if config.listen.tls is not None:
        with within("listen.tls."):
            config.listen.tls.for_server()
    for destination in config.send:
        with within(f"send.{destination.name}."):
            check_destination(destination)
    return site


class Service:
    """Receiver, analysis and senders around one spool. ``function`` stands in for the analysis in tests."""

    def __init__(self, config: ServeConfig, *, function: WorkFunction = work) -> None:
        self.config, self.counters = config, Counters()
        accept = config.accept
        self.spool = Spool(
            config.spool.folder,
            most_bytes=accept.spool_gb * 1e9,
            least_free_bytes=accept.free_gb * 1e9,
            most_instances=accept.study_instances,
        )
        self.receiver = Receiver(config, self.spool, self.counters.add)
        self._function = function
        self._site: Site | None = None
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._health: HealthServer | None = None
        self._wrong: str | None = None
        self._held = contextlib.ExitStack()

    @property
    def health_port(self) -> int | None:
        """Port of the health endpoint, ``None`` without one."""
        return None if self._health is None else self._health.port

    def start(self) -> None:
        """Start everything and return.

        Raises
        ------
        HOImagingError
            If an address, a secret, a certificate or the model cannot be used, or another service holds the spool.

        """
        # Better said now than with the first study, or for days with each that is not sent. The site file is read once:
        # one that changes while the service runs would give results of two kinds.
        self._site = _check_named(self.config)
        with contextlib.ExitStack() as undo:
            _hold(self.config.spool.folder, undo)
            self.spool.recover()
            health = self.config.health
            if health.port is not None:
                self._health = HealthServer(
                    health.host,
                    health.port,
                    healthy=lambda: self._wrong,
                    counters=self.counters,
                    gauges=self.spool.counts,
                )
                self._health.start()
                undo.callback(self._health.stop)
            self.receiver.start()
            self._held = undo.pop_all()
        self._begin("analysis", self._analyse)
        self._begin("sweep", self._sweep)
        for destination in self.config.send:
            self._begin(f"to {destination.name}", lambda d=destination: self._send_all(d))  # type: ignore[misc]  # binds d

    def stop(self) -> None:
        """Stop taking films, end studies at work (they will be taken up again), and let go of the spool.

        What is on its way to a destination is sent to its end, within a minute.
        """
        self._stopping.set()
        self.receiver.stop()
        until = time.monotonic() + _MOST_STOPPING_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self.spool.close()
        self._held.close()

    def check(self) -> None:
        """Raise `HOImagingError` if a part of the service has stopped by itself."""
        if self._wrong is not None:
            raise HOImagingError(self._wrong, remedy="see the log; what was received is safe in the spool")

    def _begin(self, name: str, task: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                task()
            except Exception as error:  # a thread that died silently would look like a quiet night
                logger.exception("%s stopped", name)
                why = f": {error}" if isinstance(error, HOImagingError) else f" ({type(error).__name__})"
                self._wrong = f"{name} stopped{why}"

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _with_room(self, task: Callable[[], T]) -> T | None:
        """Do what writes to the spool; on a full disk again and again until there is room or the service stops."""
        while True:
            try:
                return task()
            except SpoolFullError as error:
                self.counters.add("waits_for_room")
                logger.error("%s", error)
                if self._stopping.wait(_ROOM_PAUSE_S):
                    return None

    def _analyse(self) -> None:
        analysis = self.config.analysis
        settings = Settings(
            model=analysis.model,
            site=self._site,
            device=analysis.device,
            dicom=True,
            dicom_probability=analysis.probability,
            dicom_anatomy=analysis.anatomy,
        )
        threads = max(1, available_cores() // analysis.workers)
        pool = Pool(analysis.workers, threads, self._function, limit_s=analysis.limit_s)
        at_work: set[str] = set()

        def take(*, suspect: bool = False) -> Job | None:
            if self._stopping.is_set():
                return None
            ready = self._with_room(lambda: self.spool.take_ready(self.config.spool.quiet_s, suspect=suspect))
            if ready is None:
                return None
            uid, rows = ready
            images = tuple(
                ImageRef(
                    self.spool.folder / row["file"],
                    FileKind.DICOM,
                    uid,
                    row["series_uid"],
                    row["sop_uid"],
                    row["modality"],
                )
                for row in rows
            )
            at_work.add(uid)
            return Job(StudyRef(uid, images), str(self.spool.folder / "out"), settings, None, "")

        def ended(uid: str, outcome: Outcome | Died) -> None:
            at_work.discard(uid)
            self._with_room(lambda: self._ended(uid, outcome))

        stopped = self._stopping.is_set
        try:
            while not stopped():
                for job, outcome in pool.run(take, stopped=stopped):
                    ended(job.study.study_uid, outcome)
                # Nothing is at work now, and nothing is begun before a suspect has ended.
                with contextlib.closing(Alone(available_cores(), self._function, limit_s=analysis.limit_s)) as alone:
                    while (suspect := take(suspect=True)) is not None:
                        ended(suspect.study.study_uid, alone.run(suspect, stopped=stopped))
                self._stopping.wait(_PAUSE_S)
        finally:
            pool.close()
            for uid in at_work:
                with contextlib.suppress(SpoolFullError):  # the next start takes it up
                    self.spool.put_back(uid)

    def _ended(self, uid: str, outcome: Outcome | Died) -> None:
        if isinstance(outcome, Died):
            logger.warning("study %s: %s; it is tried again alone", uid, outcome)
            self.spool.put_back(uid, suspect=True)
            return
        if outcome.status == "changed":
            self.spool.put_back(uid)
            return
        if outcome.status == "stopped":
            self.spool.put_back(uid)
            if not self._stopping.is_set():
                logger.error("study %s waits: %s", uid, outcome.reason)
                self._stopping.wait(5.0)
            return
        objects = [] if outcome.status != "done" else self._objects(uid)
        self.spool.end(
            uid,
            status=outcome.status,
            reason=None if outcome.reason is None else str(outcome.reason),
            objects=objects,
            destinations=[destination.name for destination in self.config.send],
        )
        self.counters.add(f"studies_{outcome.status}")
        logger.info("study %s: %s, %d objects%s", uid, outcome.status, len(objects),
                    f" ({outcome.reason})" if outcome.reason else "")  # fmt: skip

    def _objects(self, study_uid: str) -> list[tuple[str, Path]]:
        """Give a study's objects, on disk for good."""
        place = self.spool.results_folder(study_uid) / DICOM_FOLDER
        found = []
        for path in sorted(place.glob("*.dcm")):
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
            found.append((str(header.SOPInstanceUID), path))
        if found:
            sync_folder(place)
        return found

    def _send_all(self, destination: DimseDestination | DicomwebDestination) -> None:
        while not self._stopping.is_set():
            # What was sent and could not be noted is sent again, under its own name.
            if not self._with_room(lambda: self._send(destination)):
                self._stopping.wait(_PAUSE_S)

    def _send(self, destination: DimseDestination | DicomwebDestination) -> bool:
        """Send what is due; ``False`` if nothing was."""
        items = [item for item in self.spool.due(destination.name) if self._exists(destination.name, item)]
        if not items:
            return False
        answers = send_objects(
            destination,
            {item.sop_uid: item.file for item in items},
            own_ae_title=self.config.listen.ae_title,
            stopped=self._stopping.is_set,
        )
        taken, reasons = [], Counter[str]()
        for item in items:
            if item.sop_uid not in answers:
                continue  # not tried: it is due still
            reason = answers[item.sop_uid]
            if reason is None:
                self.spool.sent(destination.name, item.sop_uid)
                self.counters.add("objects_sent")
                taken.append(item)
            else:
                reasons[reason] += 1
                self.spool.not_sent(destination.name, item, reason, keep_hours=self.config.spool.keep_hours)
                self.counters.add("objects_not_sent")
        for reason, count in reasons.items():
            logger.warning("%d objects not sent: %s", count, reason)
        if taken and isinstance(destination, DimseDestination) and destination.commit:
            self._commit(destination, taken)
        return True

    def _exists(self, destination: str, item: OutboxItem) -> bool:
        if item.file.exists():
            return True
        # Replaced by a newer result of the same study, whose objects are in the outbox too.
        self.spool.sent(destination, item.sop_uid)
        return False

    def _commit(self, destination: DimseDestination, taken: list[OutboxItem]) -> None:
        from ho_imaging.outputs.dicom.identity import stable_uid  # noqa: PLC0415

        references = []
        for item in taken:
            try:
                header = pydicom.dcmread(
                    item.file, stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"]
                )
            except OSError:
                continue  # replaced since by a newer result of its study
            references.append((str(header.SOPClassUID), str(header.SOPInstanceUID)))
        if not references:
            return
        made = str(stable_uid(str(time.time_ns()), destination.name, *(uid for _, uid in references)))
        transaction = self._with_room(lambda: self.spool.begin_commitment(made, destination.name))
        if transaction is None:
            return
        wrong = commit_objects(
            destination, references, own_ae_title=self.config.listen.ae_title, transaction_uid=transaction
        )
        self.counters.add("commitments_asked" if wrong is None else "commitments_refused")
        if wrong is not None:
            logger.warning("%s", wrong)

    def _sweep(self) -> None:
        while not self._stopping.is_set():
            swept = self._with_room(lambda: self.spool.sweep(self.config.spool.keep_hours))
            if swept:
                logger.info("%d studies ended long ago and left the spool", swept)
            self._stopping.wait(_SWEEP_EVERY_S)


def _hold(folder: Path, until: contextlib.ExitStack) -> None:
    """Keep another service out of a spool: it would put studies at work back to waiting."""
    try:
        until.enter_context(hold_folder(folder, "serve"))
    except UsageError as error:
        raise UsageError(error.problem, path=folder, remedy="stop it, or give each service its own spool") from error
