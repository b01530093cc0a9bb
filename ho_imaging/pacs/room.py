"""Handling of a full disk: delivered studies go first, then the reserve, then the service waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from ho_imaging.pacs.disk import SpoolFullError
from ho_imaging.pacs.spool import Spool

__all__ = ["Room"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

PAUSE_S = 2.0
_SAY_AGAIN_AFTER = 30


class Room:
    """Does what writes to a spool, again and again until there is room or ``stopping`` is set."""

    def __init__(self, spool: Spool, count: Callable[[str], None], stopping: threading.Event) -> None:
        self._spool, self._count, self._stopping = spool, count, stopping

    def wait_for(self, task: Callable[[], T]) -> T | None:
        """Return what a task returns when it has found room, ``None`` if the service stops before."""
        tries = 0
        while True:
            try:
                return task()
            except SpoolFullError as error:
                self._count("waits_for_room")
                if tries % _SAY_AGAIN_AFTER == 0:
                    logger.error("%s", error)
                tries += 1
                if not self._spool.find_room() and self._stopping.wait(PAUSE_S):
                    return None
