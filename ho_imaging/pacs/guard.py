"""Limits on a peer: bytes of one PDU, time for one, and connections without a request.

pynetdicom reads a PDU as long as its header says (up to 4 GiB), waits for its end as long as the peer likes, and counts
connections that never ask for an association as associations.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynetdicom.events import Event

__all__ = ["MOST_HALF_OPEN", "Guard"]

logger = logging.getLogger(__name__)

MOST_HALF_OPEN = 32
"""Connections that have not asked for an association yet; the oldest gives way to a new one."""

_MOST_OTHER_PDU_BYTES = 2**18
"""An A-ASSOCIATE-RQ with every context and item a real peer sends is well below (PS3.8 9.3.2)."""

_LIMIT_EXCEEDED = (0x02, 0x03, 0x02)
"""Rejected for now, by the presentation service, local limit exceeded (PS3.8 Table 9-21)."""

_READ_BYTES = 2**16


class Guard:
    """Bounds for every connection of a listener; ``count`` is called with the name of each thing that happens."""

    def __init__(
        self, *, associations: int, pdu_bytes: int, asking_s: float, pdu_s: float, count: Callable[[str], None]
    ) -> None:
        self._associations, self._pdu_bytes = associations, max(pdu_bytes, _MOST_OTHER_PDU_BYTES)
        self._asking_s, self._pdu_s, self._count = asking_s, pdu_s, count
        self._lock = threading.Lock()
        self._silent: dict[Any, socket.socket] = {}
        self._asked: set[Any] = set()

    def opened(self, event: Event) -> None:
        """Take a new connection under watch."""
        transport: Any = event.assoc.dul.socket
        line: socket.socket = transport.socket
        line.settimeout(self._asking_s)
        transport.recv = lambda count: self._read(event.assoc, line, count)
        provider: Any = event.assoc.dul
        reactor = provider.run
        provider.run = lambda: self._run(event.assoc, line, reactor)
        with self._lock:
            self._silent = {a: line for a, line in self._silent.items() if a.is_alive() or a.ident is None}
            self._silent[event.assoc] = line
            gone = [self._silent.pop(next(iter(self._silent))) for _ in range(len(self._silent) - MOST_HALF_OPEN)]
        for oldest in gone:
            self._count("connections_cut_for_silence")
            _cut(oldest)

    def requested(self, event: Event) -> None:
        """Turn away an association over the limit."""
        with self._lock:
            self._silent.pop(event.assoc, None)
            self._asked = {association for association in self._asked if association.is_alive()}
            full = len(self._asked) >= self._associations
            if not full:
                self._asked.add(event.assoc)
        if full:
            self._count("associations_rejected")
            event.assoc.acse.send_reject(*_LIMIT_EXCEEDED)
            event.assoc.kill()  # waits until that is sent

    def closed(self, event: Event) -> None:
        """Forget a connection."""
        with self._lock:
            self._silent.pop(event.assoc, None)
            self._asked.discard(event.assoc)

    def _run(self, association: Any, line: socket.socket, reactor: Callable[[], None]) -> None:
        """Run the thread that reads PDUs; what it cannot take ends its association, which would wait for ever else."""
        try:
            reactor()
        except Exception as error:  # pynetdicom raises for some PDUs that are not as they should be
            logger.warning("a PDU could not be understood (%s): connection cut", type(error).__name__)
            logger.debug("trace", exc_info=True)
            self._count("connections_cut_for_errors")
            association.is_aborted, association.is_established, association._kill = True, False, True
            _cut(line)

    def _read(self, association: Any, line: socket.socket, count: int) -> bytearray:
        """Read a PDU's header or body whole; less if the peer hangs up, an `OSError` if it is too long or too slow."""
        data = bytearray()
        try:
            if count > self._pdu_bytes:
                self._count("connections_cut_for_size")
                raise OSError(f"a PDU of {count} bytes")
            end = time.monotonic() + (self._pdu_s if association in self._asked else self._asking_s)
            while len(data) < count:
                line.settimeout(max(end - time.monotonic(), 1e-3))
                part = line.recv(min(_READ_BYTES, count - len(data)))
                if not part:
                    break
                data += part
        except TimeoutError:
            self._count("connections_cut_for_slowness")
            raise
        finally:
            if len(data) < count and association not in self._asked:
                association.dul.to_user_queue.put(None)  # its thread need not wait for a request any longer
        line.settimeout(self._pdu_s)  # for the answer
        return data


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):  # its peer was faster
        line.shutdown(socket.SHUT_RDWR)
