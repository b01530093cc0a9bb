"""The service: films in by C-STORE, studies analysed when quiet, objects out to every destination."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ho_imaging.batch.ledger import hold_folder
from ho_imaging.batch.work import Settings, WorkFunction, work
from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.network.site import Site, read_site
from ho_imaging.pacs.alarms import Alarm, Alarms, Situation, alarms_of
from ho_imaging.pacs.analysing import Analysing
from ho_imaging.pacs.config import ServeConfig, within
from ho_imaging.pacs.disk import Reserve, SpoolFullError, is_full
from ho_imaging.pacs.health import Counters, HealthServer
from ho_imaging.pacs.receive import Receiver
from ho_imaging.pacs.room import PAUSE_S, Room
from ho_imaging.pacs.send import check_destination
from ho_imaging.pacs.sending import Sending
from ho_imaging.pacs.spool import Spool, check_folder

__all__ = ["Service", "check_config", "hold_spool", "model_of", "open_spool"]

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_SWEEP_EVERY_S = 600.0
_MOST_STOPPING_S, _STEP_S = 60.0, 0.2
_TO = "to "
"""Beginning of the names of threads that send."""


def check_config(config: ServeConfig) -> None:
    """Check that all a configuration names is there: model, secrets, certificates, and a place for the spool.

    Nothing is sent, and nothing new is left on the disk. A disk that is full for now is logged: the service would
    start and wait.

    Raises
    ------
    HOImagingError
        If something is not there or cannot be used; the message begins with the entry.

    """
    _check_named(config)
    try:
        check_folder(config.spool.folder)
    except SpoolFullError as error:
        logger.warning("%s: the service will start and wait", error)


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
    """Receiver, analysis and senders around one spool. ``function`` stands in for the analysis in tests.

    `spool`, `receiver` and `analysing` are there once it has started.
    """

    spool: Spool
    receiver: Receiver
    analysing: Analysing

    def __init__(self, config: ServeConfig, *, function: WorkFunction | None = None) -> None:
        self.config, self.counters = config, Counters()
        self._function = function
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sendings: dict[str, Sending] = {}
        self._alarms = Alarms(self.counters.add)
        self._health: HealthServer | None = None
        self._started, self._stopped_parts = False, list[str]()
        self._held = contextlib.ExitStack()

    @property
    def health_port(self) -> int | None:
        """Port of the health endpoint, ``None`` without one."""
        return None if self._health is None else self._health.port

    def start(self) -> None:
        """Start everything and return; on a full disk, wait until there is room for the spool or `interrupt` is called.

        Raises
        ------
        HOImagingError
            If an address, a secret, a certificate or the model cannot be used, or another service holds the spool.

        """
        # Better said now than with the first study, or for days with each that is not sent. The site file is read once:
        # one that changes while the service runs would give results of two kinds.
        site = _check_named(self.config)
        with contextlib.ExitStack() as undo:
            health = self.config.health
            if health.port is not None:
                self._health = HealthServer(
                    health.host, health.port, alarms=self._alarms.now, counters=self.counters, gauges=self._gauges
                )
                self._health.start()
                undo.callback(self._health.stop)
            if not self._open(undo):
                return
            self.receiver = Receiver(self.config, self.spool, self.counters.add)
            self.receiver.start()
            self._held = undo.pop_all()
        self.analysing = Analysing(
            self.config,
            self.spool,
            _settings(self.config, site),
            self._function or _function(self.config),
            model=model_of(self.config),
            count=self.counters.add,
            stopping=self._stopping,
        )
        for destination in self.config.send:
            self._sendings[destination.name] = Sending(
                self.config, destination, self.spool, count=self.counters.add, stopping=self._stopping
            )
        self._started = True
        self._begin("analysis", self.analysing.run)
        self._begin("watch", self._watch)
        for name, sending in self._sendings.items():
            self._begin(f"{_TO}{name}", sending.run)

    def interrupt(self) -> None:
        """Let a start that waits for room, and everything else, come to its end; `stop` waits for it."""
        self._stopping.set()

    def wait_for_interrupt(self, seconds: float) -> bool:
        """Wait for `interrupt` or `stop`, for so long at most; return True if one was called."""
        return self._stopping.wait(seconds)

    def stop(self) -> None:
        """Stop taking films, end studies at work (they will be taken up again), and let go of the spool.

        What is on its way to a destination is sent to its end, within a minute.
        """
        self._stopping.set()
        if not self._started:
            return
        self.receiver.stop()
        until = time.monotonic() + _MOST_STOPPING_S
        for thread in self._threads:
            sending = self._sendings.get(thread.name.removeprefix(_TO))
            while thread.is_alive() and time.monotonic() < until:
                thread.join(_STEP_S)
                if sending is not None and not sending.on_its_way:
                    break  # it waits for a peer to answer the call, maybe long, and has nothing to note
        self._held.close()

    def check(self) -> None:
        """Raise `HOImagingError` if a part of the service has stopped by itself."""
        if self._stopped_parts:
            raise HOImagingError(self._stopped_parts[0], remedy="see the log; what was received is safe in the spool")

    def _open(self, undo: contextlib.ExitStack) -> bool:
        """Take the spool, and up what the last process left; ``False`` if the service stops before there is room."""
        reserve = Reserve(self.config.spool.folder, _reserve_bytes(self.config))
        while True:
            with contextlib.ExitStack() as opened:
                try:
                    hold_spool(self.config.spool.folder, opened)
                    self.spool = open_spool(self.config)
                    opened.callback(self.spool.close)
                    self.spool.reserve.spent |= reserve.spent
                    Room(self.spool, self.counters.add, self._stopping).wait_for(self.spool.recover)
                except HOImagingError as error:
                    if not (isinstance(error, SpoolFullError) or _says_full(error)):
                        raise
                    self._alarms.update((Alarm("disk_full", f"the service cannot start: {error}"),))
                    if reserve.spend():
                        continue
                else:
                    undo.push(opened.pop_all())
                    return not self._stopping.is_set()
            if self._stopping.wait(PAUSE_S):
                return False

    def _begin(self, name: str, task: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                task()
            except Exception as error:  # a thread that died silently would look like a quiet night
                logger.exception("%s stopped", name)
                why = f": {error}" if isinstance(error, HOImagingError) else f" ({type(error).__name__})"
                self._stopped_parts.append(f"{name} stopped{why}")

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _gauges(self) -> dict[str, float]:
        return self._alarms.gauges() | (dict(self.spool.counts()) if self._started else {})

    def _situation(self) -> Situation:
        counts = self.spool.counts()
        return Situation(
            stopped=tuple(self._stopped_parts),
            no_room=self.spool.room(),
            not_written=self.analysing.not_written,
            longest_wait_s=self.spool.longest_wait_s(),
            silent_s={name: sending.silent for name, sending in self._sendings.items()},
            given_up=counts.get("objects_given_up", 0),
            failed=counts.get("failed_studies", 0),
        )

    def _watch(self) -> None:
        """Keep the alarms true, the reserve whole, and the spool free of what is over."""
        health, room = self.config.health, Room(self.spool, self.counters.add, self._stopping)
        swept = -_SWEEP_EVERY_S
        while not self._stopping.is_set():
            if time.monotonic() - swept >= _SWEEP_EVERY_S:
                gone = room.wait_for(lambda: self.spool.removal.sweep(self.config.spool.keep_hours))
                if gone:
                    logger.info("%d studies ended long ago and left the spool", gone)
                swept = time.monotonic()
            if room.wait_for(self.spool.removal.let_go):
                logger.info("studies that were purged have left the spool")
            self.spool.keep_reserve()
            alarms = alarms_of(
                self._situation(), stuck_s=health.stuck_minutes * 60, silent_s=health.destination_minutes * 60
            )
            self._alarms.update(alarms)
            self._stopping.wait(_LOOK_EVERY_S)


def model_of(config: ServeConfig) -> str:
    """Return the name of the weights that a configuration analyses with: two names, two kinds of results.

    Raises
    ------
    HOImagingError
        If they are not there.

    """
    from ho_imaging.network.model_store import find_model, read_description  # noqa: PLC0415

    identity = read_description(find_model(config.analysis.model)).identity
    threshold = None if config.analysis.site is None else read_site(config.analysis.site).threshold
    return f"{identity.sha256}" if threshold is None else f"{identity.sha256} at {threshold:g}"


def open_spool(config: ServeConfig) -> Spool:
    """Open the spool of a configuration; for the one process that holds it."""
    accept = config.accept
    return Spool(
        config.spool.folder,
        most_bytes=accept.spool_gb * 1e9,
        least_free_bytes=accept.free_gb * 1e9,
        most_instances=accept.study_instances,
        reserve_bytes=_reserve_bytes(config),
        again=config.analysis.resent,
    )


def _reserve_bytes(config: ServeConfig) -> int:
    """Return the size of the reserve that a configuration asks for."""
    return int(config.spool.reserve_mb * 1e6)


def _settings(config: ServeConfig, site: Site | None) -> Settings:
    analysis, options = config.analysis, ("probability", "anatomy", "refusals")
    return Settings(
        model=analysis.model,
        site=site,
        device=analysis.device,
        outputs=("dicom" + "".join(f":{name}" for name in options if getattr(analysis, name)),),
    )


def _function(config: ServeConfig) -> WorkFunction:
    """Return what workers do with a study."""
    peer = next((one for one in config.send if one.name == config.priors.archive), None)
    if peer is None:
        return work
    from ho_imaging.pacs.priors import WorkWithPriors  # noqa: PLC0415  (needs all of the analysis)

    return WorkWithPriors(peer, config.priors, config.listen.ae_title)


def _says_full(error: HOImagingError) -> bool:
    return isinstance(error.__cause__, OSError) and is_full(error.__cause__)


def hold_spool(folder: Path, until: contextlib.ExitStack) -> None:
    """Keep another service out of a spool: it would put studies at work back to waiting."""
    try:
        until.enter_context(hold_folder(folder, "serve"))
    except UsageError as error:
        raise UsageError(error.problem, path=folder, remedy="stop it, or give each service its own spool") from error
