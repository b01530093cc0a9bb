"""Sending: results due to each destination, and the request for storage commitment."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

import pydicom

from ho_imaging.messages import Message
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination, ServeConfig
from ho_imaging.pacs.outbox import OutboxItem
from ho_imaging.pacs.room import Room
from ho_imaging.pacs.send import commit_objects, send_objects
from ho_imaging.pacs.spool import Spool

__all__ = ["Sending"]

logger = logging.getLogger(__name__)

_PAUSE_S = 0.2


class Sending:
    """Sends to one destination until ``stopping`` is set."""

    def __init__(
        self,
        config: ServeConfig,
        destination: DimseDestination | DicomwebDestination,
        spool: Spool,
        *,
        count: Callable[[str], None],
        stopping: threading.Event,
    ) -> None:
        self._own, self._keep_hours, self._destination = config.listen.ae_title, config.spool.keep_hours, destination
        self._spool, self._outbox, self._count, self._stopping = spool, spool.outbox, count, stopping
        self._room = Room(spool, count, stopping)
        self.on_its_way = False
        """True while an object is on its way or what became of it is not noted yet; stopping waits for it."""
        self._failing: tuple[float | None, Message | None] = (
            spool.outbox.failing_since(destination.name),
            Message("send_failed_before_stop"),
        )

    @property
    def silent(self) -> tuple[float, Message | None]:
        """Seconds that the destination has taken nothing of what it was sent, and the last reason; 0 where it takes."""
        since, why = self._failing
        return (0.0, None) if since is None else (max(0.0, time.time() - since), why)

    def run(self) -> None:
        """Send what is due, until the service stops."""
        while not self._stopping.is_set():
            # What was sent and could not be noted is sent again, under its own name.
            sent = self._room.wait_for(self._send)
            self.on_its_way = False
            if self._stopping.is_set():
                return
            asked = self._room.wait_for(self._commit)
            if not (sent or asked):
                self._stopping.wait(_PAUSE_S)

    def _send(self) -> bool:
        """Send what is due; ``False`` if nothing was."""
        destination = self._destination
        items = [item for item in self._outbox.due(destination.name) if self._is_to_send(item)]
        if not items:
            if self._failing[0] is not None and self._outbox.failing_since(destination.name) is None:
                self._failing = (None, None)  # given up or purged: nothing waits for it
            return False
        answers = send_objects(
            destination,
            {item.sop_uid: item.file for item in items},
            own_ae_title=self._own,
            stopped=self._stopped,
        )
        reasons = Counter[Message]()
        for item in items:
            if item.sop_uid not in answers:
                continue  # not tried: it is due still
            reason = answers[item.sop_uid]
            if reason is None:
                self._outbox.sent(destination.name, item.sop_uid)
                self._count("objects_sent")
                self._failing = (None, None)
                continue
            reasons[reason] += 1
            self._count("objects_not_sent")
            if self._failing[0] is None:
                self._failing = (time.time(), reason)
            self._failing = (self._failing[0], reason)
            if self._outbox.not_sent(destination.name, item, reason, keep_hours=self._keep_hours):
                logger.error("study %s: object %s was given up for %s: %s", item.study_uid, item.sop_uid,
                             destination.name, reason, extra={"study": item.study_uid})  # fmt: skip
        for reason, count in reasons.items():
            logger.warning("%d objects not sent to %s: %s", count, destination.name, reason)
        return True

    def _stopped(self) -> bool:
        """Return True if nothing more is to be sent; asked before each object."""
        stopping = self._stopping.is_set()
        self.on_its_way |= not stopping
        return stopping

    def _is_to_send(self, item: OutboxItem) -> bool:
        """Return False for what a newer result of its study replaced, or may replace: the study is at work.

        What is gone otherwise is tried all the same: that it cannot be read is noted, and in the end it is given up.
        """
        if item.file.exists():
            return True
        replaced = self._outbox.is_replaced(self._destination.name, item)
        if replaced:
            self._outbox.sent(self._destination.name, item.sop_uid)
        return replaced is False

    def _commit(self) -> bool:
        """Ask the destination to take charge of what it took; ``False`` if there is nothing to ask for.

        What it refuses to keep track of is asked for again, later each time.
        """
        destination = self._destination
        if not isinstance(destination, DimseDestination) or not destination.commit:
            return False
        items = self._outbox.to_commit(destination.name, keep_hours=self._keep_hours)
        if not items:
            return False
        references = [reference for item in items for reference in _references(item)]
        wrong = None
        if references:
            from ho_imaging.outputs.dicom.identity import stable_uid  # noqa: PLC0415

            made = str(stable_uid(str(time.time_ns()), destination.name, *(uid for _, uid in references)))
            transaction = self._outbox.begin_commitment(made, destination.name)
            wrong = commit_objects(destination, references, own_ae_title=self._own, transaction_uid=transaction)
            self._count("commitments_asked" if wrong is None else "commitments_refused")
            if wrong is not None:
                logger.warning("%s", wrong)
        if self._stopping.is_set():
            return False  # the ledger may be closed by now, and it is asked for again
        self._outbox.asked(destination.name, items, taken_up=wrong is None)
        return True


def _references(item: OutboxItem) -> list[tuple[str, str]]:
    """Return SOP class and instance of an object; nothing if a newer result of its study has replaced it."""
    try:
        header = pydicom.dcmread(item.file, stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"])
    except OSError:
        return []
    return [(str(header.SOPClassUID), str(header.SOPInstanceUID))]
