"""The Storage SCP: takes films, writes each durably, then answers (PS3.4 Annex B); Verification (Annex A)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.dataset import Dataset

from ho_imaging.errors import UsageError
from ho_imaging.pacs.config import ServeConfig
from ho_imaging.pacs.contexts import SYNTAXES
from ho_imaging.pacs.guard import MOST_HALF_OPEN, Guard
from ho_imaging.pacs.spool import Spool, SpoolFullError
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

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
NO_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
NOT_UNIQUE = 0xC001
"""Of the same group: its SOP Instance UID is that of another image, and taking it would lose that one."""

"""PS3.4 Table B.2-1."""


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
        if self._server is not None:
            self._server.ae.shutdown()
            self._server = None

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
        destination = self._spool.asked_to_commit(str(report.get("TransactionUID", "")))
        if destination is None:  # nobody was asked
            self._count("commitments_unknown")
            return SUCCESS, None
        for item in report.get("ReferencedSOPSequence", []):
            self._spool.committed(destination, str(item.ReferencedSOPInstanceUID))
            self._count("objects_committed")
        for item in report.get("FailedSOPSequence", []):
            self._spool.send_again(
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
        try:
            status = self._take(event)
        except SpoolFullError as error:
            logger.error("refused for want of room: %s", error.problem)
            status = OUT_OF_RESOURCES
        except Exception as error:  # whatever arrives, the sender gets an answer and the service goes on
            logger.warning("an instance could not be understood (%s)", type(error).__name__)
            logger.debug("trace", exc_info=True)
            status = CANNOT_UNDERSTAND
        self._count("instances_stored" if status == SUCCESS else f"instances_refused_{status:04x}")
        return status

    def _take(self, event: Event) -> int:
        dataset = event.dataset
        study, series, instance = (
            str(dataset.get(keyword, "") or "")
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        )
        if not (is_uid(study) and is_uid(series) and is_uid(instance)):
            return CANNOT_UNDERSTAND
        if (
            instance != getattr(event.request, "AffectedSOPInstanceUID", None)
            or dataset.get("SOPClassUID", "") != getattr(event.request, "AffectedSOPClassUID", None)
            or dataset.get("SOPClassUID", "") not in FILM_CLASSES
        ):
            return NO_MATCH
        if is_own(dataset):
            self._count("own_objects_ignored")  # our pictures, sent back by a rule of the peer's
            return SUCCESS
        clash = self._clash(dataset, instance, study)
        if clash is not None:
            logger.warning("instance %s %s: it is left to its sender", instance, clash)
            self._count("instances_not_unique")
            return NOT_UNIQUE
        data = event.encoded_dataset()
        modality = str(dataset.get("Modality", "") or "")[:16]
        new = self._spool.add(data, sop_uid=instance, study_uid=study, series_uid=series, modality=modality)
        if not new:
            self._count("instances_repeated")
        return SUCCESS

    def _clash(self, dataset: Dataset, instance: str, study: str) -> str | None:
        """Return why an instance is not the one that is kept under its UID; ``None`` where it may be.

        An archive sends an instance again when its patient was corrected: then the later one counts. With other pixels
        too it is another image.
        """
        known = self._spool.known(instance)
        if known is None:
            return None
        if known[0] != study:
            return f"is kept of study {known[0]} and was sent as one of study {study}"
        try:
            kept = pydicom.dcmread(known[1])
        except (OSError, pydicom.errors.InvalidDicomError):
            return None  # gone or damaged: it is replaced
        differs = difference(patient_of(kept), patient_of(dataset)).conflicts
        if not differs or kept.get("PixelData") == dataset.get("PixelData"):
            return None
        return f"was sent again with other pixels and another patient ({', '.join(differs)})"
