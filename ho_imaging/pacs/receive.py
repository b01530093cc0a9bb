"""The Storage SCP: takes films, writes each durably, then answers (PS3.4 Annex B); Verification (Annex A)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from ho_imaging.errors import UsageError
from ho_imaging.pacs.config import ServeConfig
from ho_imaging.pacs.contexts import SYNTAXES
from ho_imaging.pacs.disk import SpoolFullError
from ho_imaging.pacs.guard import MOST_HALF_OPEN, Guard
from ho_imaging.pacs.spool import Added, Spool
from ho_imaging.reading.classes import FILM_CLASSES
from ho_imaging.reading.identity import difference, patient_of
from ho_imaging.reading.own import is_own
from ho_imaging.reading.uid import is_uid

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.events import Event
    from pynetdicom.transport import ThreadedAssociationServer

__all__ = ["Receiver"]

logger = logging.getLogger(__name__)

MOST_ASKING_S = 30.0
"""A peer that connects has so long to ask for an association."""

_MOST_ABORTING_S = 1.0

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
NO_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
NOT_UNIQUE = 0xC001
"""Of the same group: its SOP Instance UID is that of another image, and taking it would lose that one."""
DISCARDED = 0xB006
"""Warning, elements discarded: the image is here already, with another header. All of PS3.4 Table B.2-1."""

_TAKEN = {SUCCESS, DISCARDED}


class Receiver:
    """Listens until stopped. ``count`` is called with the name of each thing that happens."""

    def __init__(self, config: ServeConfig, spool: Spool, count: Callable[[str], None]) -> None:
        self._config, self._spool, self._count = config, spool, count
        self._received: dict[Any, int] = {}
        self._lock = threading.Lock()
        accept = config.accept
        self._guard = Guard(
            associations=accept.associations,
            pdu_bytes=accept.pdu_bytes,
            asking_s=min(accept.network_timeout_s, MOST_ASKING_S),
            pdu_s=accept.network_timeout_s,
            count=count,
        )
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also where the configuration left the choice to the system (0)."""
        if self._server is None:
            raise UsageError("is not listening", remedy="start it first")
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        UsageError
            If the address cannot be used.

        """
        from pynetdicom import evt  # noqa: PLC0415  (an extra, and slow to load)

        listen = self._config.listen
        handlers: list[Any] = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_N_EVENT_REPORT, self._committed),
            (evt.EVT_CONN_OPEN, self._guard.opened),
            (evt.EVT_REQUESTED, self._guard.requested),
            (evt.EVT_DATA_RECV, self._data),
            (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_REJECTED, lambda _: self._count("associations_rejected")),
            (evt.EVT_ACCEPTED, lambda _: self._count("associations_accepted")),
        ]
        try:
            self._server = self._entity().start_server(
                (listen.host, listen.port),
                block=False,
                ssl_context=None if listen.tls is None else listen.tls.for_server(),
                evt_handlers=handlers,
            )
        except OSError as error:
            raise UsageError(
                f"listen: cannot listen on {listen.host}:{listen.port}: {error.strerror}", remedy="choose another port"
            ) from error
        logger.info("listening as %s on %s:%d", listen.ae_title, listen.host, self.port)

    def stop(self) -> None:
        """Stop listening and end the associations that are open; what was answered with success is kept."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        # All at once: each takes a tenth of a second, and much longer where its peer does not hang up.
        aborts = [threading.Thread(target=one.abort, daemon=True) for one in server.ae.active_associations]
        for abort in aborts:
            abort.start()
        until = time.monotonic() + _MOST_ABORTING_S
        for abort in aborts:
            abort.join(max(0.0, until - time.monotonic()))

    def _entity(self) -> AE:
        from pynetdicom import AE  # noqa: PLC0415
        from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
            StorageCommitmentPushModel,
            Verification,
        )

        accept = self._config.accept
        entity = AE(self._config.listen.ae_title)
        entity.require_called_aet = True
        entity.require_calling_aet = list(accept.calling)
        entity.maximum_associations = accept.associations + 2 * MOST_HALF_OPEN  # our own count is the closer one
        entity.maximum_pdu_size = accept.pdu_bytes
        entity.network_timeout = accept.network_timeout_s
        entity.acse_timeout = min(accept.network_timeout_s, MOST_ASKING_S)
        entity.dimse_timeout = accept.network_timeout_s
        entity.add_supported_context(Verification)
        # A peer that was asked to commit reports over an association of its own, as the provider (PS3.4 J.3.3).
        entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
        for film in FILM_CLASSES:
            entity.add_supported_context(film, list(SYNTAXES))
        return entity

    def _echo(self, _event: Event) -> int:
        self._count("echoes")
        return SUCCESS

    def _committed(self, event: Event) -> tuple[int, None]:
        """Take the word of a destination on what it keeps; what it does not is sent again."""
        report = event.event_information
        destination = self._spool.outbox.asked_to_commit(str(report.get("TransactionUID", "")))
        if destination is None:  # nobody was asked
            self._count("commitments_unknown")
            return SUCCESS, None
        for item in report.get("ReferencedSOPSequence", []):
            self._spool.outbox.committed(destination, str(item.ReferencedSOPInstanceUID))
            self._count("objects_committed")
        for item in report.get("FailedSOPSequence", []):
            self._spool.outbox.send_again(
                destination, str(item.ReferencedSOPInstanceUID), keep_hours=self._config.spool.keep_hours
            )
            self._count("objects_not_committed")
        return SUCCESS, None

    def _data(self, event: Event) -> None:
        """Bound what one instance may send before it is whole in memory."""
        with self._lock:
            received = self._received.get(event.assoc, 0) + len(event.data)
            self._received[event.assoc] = received
        if received > self._config.accept.instance_mb * 1e6:
            logger.warning("an instance over %.0f MB: association ended", self._config.accept.instance_mb)
            self._count("associations_aborted_for_size")
            event.assoc.abort()

    def _closed(self, event: Event) -> None:
        self._guard.closed(event)
        with self._lock:
            self._received.pop(event.assoc, None)

    def _store(self, event: Event) -> int:
        with self._lock:
            self._received[event.assoc] = 0
        instance = str(getattr(event.request, "AffectedSOPInstanceUID", "") or "")
        film = _Film(instance if is_uid(instance) else "without a UID", "", _sender(event))
        try:
            film, status, words = self._take(event, film)
        except SpoolFullError as error:
            status, words = OUT_OF_RESOURCES, f"refused for want of room: {error.problem}"
        except Exception as error:  # whatever arrives, the sender gets an answer and the service goes on
            logger.debug("trace", exc_info=True)
            status, words = CANNOT_UNDERSTAND, f"could not be understood ({type(error).__name__})"
        self._count("instances_stored" if status in _TAKEN else f"instances_refused_{status:04x}")
        level = logging.INFO if status == SUCCESS else logging.WARNING
        if status == OUT_OF_RESOURCES:
            level = logging.ERROR
        said = {"sender": film.sender, "study": film.study, "film": film.instance}
        of = f" of study {film.study}" if film.study else ""
        logger.log(
            level, "film %s%s from %s: %s (%04X)", film.instance, of, film.sender, words, status, extra=said
        )  # fmt: skip
        return status

    def _take(self, event: Event, film: _Film) -> tuple[_Film, int, str]:
        """Take a film; return what is known of it, the status of the answer, and a few words for the log."""
        dataset = event.dataset
        study, series, instance = (
            str(dataset.get(keyword, "") or "")
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        )
        if not (is_uid(study) and is_uid(series) and is_uid(instance)):
            return film, CANNOT_UNDERSTAND, "refused: a UID of it is none"
        film = replace(film, study=study)
        if (
            instance != getattr(event.request, "AffectedSOPInstanceUID", None)
            or dataset.get("SOPClassUID", "") != getattr(event.request, "AffectedSOPClassUID", None)
            or dataset.get("SOPClassUID", "") not in FILM_CLASSES
        ):
            return film, NO_MATCH, "refused: it is not what it was announced as"
        if is_own(dataset):
            self._count("own_objects_ignored")  # our pictures, sent back by a rule of the peer's
            return film, SUCCESS, "made by this program and ignored"
        return film, *self._keep(event, film, series)

    def _keep(self, event: Event, film: _Film, series: str) -> tuple[int, str]:
        """Put a film into the spool; return the status of the answer and a few words for the log."""
        known = self._spool.known(film.instance)
        if known is not None and known[0] != film.study:
            self._count("instances_not_unique")
            return NOT_UNIQUE, f"refused: kept is one of study {known[0]} with the same UID"
        data = event.encoded_dataset()
        modality = str(event.dataset.get("Modality", "") or "")[:16]
        added = self._spool.add(
            data,
            sop_uid=film.instance,
            study_uid=film.study,
            series_uid=series,
            modality=modality,
            sender=film.sender,
        )
        if added is Added.DIFFERENT:
            return self._differs(event.dataset, film.instance)
        if added is Added.REPEATED:
            self._count("instances_repeated")
            return SUCCESS, "kept already"
        return SUCCESS, f"kept, {len(data)} bytes"

    def _differs(self, dataset: Dataset, instance: str) -> tuple[int, str]:
        """Answer an image whose UID another one of its study has: that one is kept.

        The sender of the same image with another header (a corrected patient, another transfer syntax) is told so with
        a warning; that of another image is refused, for success would say that it is safe here.
        """
        self._count("instances_different")
        known = self._spool.known(instance)
        kept = None if known is None else pydicom.dcmread(known[1])
        if kept is not None and _same_pixels(kept, dataset):
            differs = difference(patient_of(kept), patient_of(dataset)).conflicts
            what = f"another patient ({', '.join(differs)})" if differs else "another header"
            return DISCARDED, f"came again with {what}: the first is kept (purge its study to take this one)"
        self._count("instances_not_unique")
        return NOT_UNIQUE, "refused: kept is one with the same UID and other pixels"


@dataclass(frozen=True)
class _Film:
    """Return the text of a film for the log; ``study`` is empty until it is known to be a UID."""

    instance: str
    study: str
    sender: str


def _sender(event: Event) -> str:
    """Return title and address of a peer."""
    title = str(event.assoc.requestor.ae_title).strip()
    return f"{title if title.isprintable() else '?'}@{event.assoc.requestor.address}"


def _same_pixels(one: Dataset, other: Dataset) -> bool:
    """Return True if two images show the same; one that cannot be decoded shows nothing that is known."""
    if one.get("PixelData") == other.get("PixelData"):
        return True
    try:
        return bool(np.array_equal(one.pixel_array, other.pixel_array))
    except Exception:  # noqa: BLE001  a decoder raises nearly anything
        return False
