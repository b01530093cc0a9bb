"""Assignment of answers to requests of an association, on a loaded machine too.

pynetdicom reads answers from a queue that the association's own thread empties as well, when it is late in noticing
that a request is on its way: that answer is dropped, and its request waits until it times out. And the request that
follows one that timed out takes the late answer of the one before for its own.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any

from pydicom.dataset import Dataset

__all__ = ["Answers"]

_MOST_IDS = 65_535
"""Message IDs are of 16 bits (PS3.7 E.1); 0 is left out."""


class Answers:
    """Keeps the answers of one association apart by the Message ID that each responds to (0000,0120)."""

    def __init__(self) -> None:
        self._ids = itertools.cycle(range(1, _MOST_IDS + 1))
        self._lock = threading.Lock()
        self._statuses: dict[int, int] = {}

    def watch(self, association: Any) -> None:
        """Keep the association's own thread from taking answers: it asks without waiting, and serves requests only."""
        get, waiting = association.dimse.get_msg, association.dimse.msg_queue

        def get_own(block: bool = False) -> Any:
            if not block:
                with waiting.mutex:
                    message = waiting.queue[0][1] if waiting.queue else None
                if message is None or not message.is_valid_request:
                    return None, None
            return get(block=block)

        association.dimse.get_msg = get_own

    def received(self, event: Any) -> None:
        """Note the status of an answer; for `pynetdicom.evt.EVT_DIMSE_RECV`."""
        command = event.message.command_set
        responds_to, status = command.get("MessageIDBeingRespondedTo"), command.get("Status")
        if responds_to is not None and status is not None:
            with self._lock:
                self._statuses[int(responds_to)] = int(status)

    def store(self, association: Any, dataset: Dataset) -> int | None:
        """Send an object by C-STORE; return the status of its own answer, ``None`` where there was none."""
        message_id = next(self._ids)
        with self._lock:
            self._statuses.pop(message_id, None)
        answer = association.send_c_store(dataset, msg_id=message_id)
        with self._lock:
            own = self._statuses.pop(message_id, None)
        return own if answer.get("Status") is not None else None
