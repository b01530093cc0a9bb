"""Health and counters over HTTP, for a monitor on the same machine (Prometheus text format 0.0.4)."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ho_imaging.errors import UsageError
from ho_imaging.pacs.alarms import Alarm

__all__ = ["Counters", "HealthServer"]

_LOOK_EVERY_S = 0.1
"""Longest time that stopping takes."""


class Counters:
    """Counts of what happened, safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, by: int = 1) -> None:
        """Count something that happened."""
        with self._lock:
            self._counts[name] += by

    def values(self) -> dict[str, int]:
        """Return all counts."""
        with self._lock:
            return dict(self._counts)


class HealthServer:
    """Answers ``/health`` and ``/live`` (200 or 503) and ``/metrics``; holds no patient data.

    ``/health`` is 503 while there is any alarm, ``/live`` only when the service has to be started anew.

    Raises
    ------
    UsageError
        If the address cannot be used.

    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        alarms: Callable[[], Sequence[Alarm]],
        counters: Counters,
        gauges: Callable[[], Mapping[str, float]],
    ) -> None:
        def told(found: Sequence[Alarm]) -> tuple[int, str, str]:
            body: dict[str, object] = {"status": "ok"}
            if found:
                said = [{"code": alarm.code, "text": alarm.text} for alarm in found]
                body = {"status": "failing", "reason": found[0].text, "alarms": said}
            return (503 if found else 200), "application/json", json.dumps(body) + "\n"

        def health() -> tuple[int, str, str]:
            return told(alarms())

        def live() -> tuple[int, str, str]:
            return told([alarm for alarm in alarms() if alarm.code == "part_stopped"])

        def metrics() -> tuple[int, str, str]:
            lines = []
            for name, value in sorted(counters.values().items()):
                lines += [f"# TYPE ho_imaging_{name}_total counter", f"ho_imaging_{name}_total {value}"]
            for name, gauge in sorted(gauges().items()):
                lines += [f"# TYPE ho_imaging_{name} gauge", f"ho_imaging_{name} {gauge:g}"]
            return 200, "text/plain; version=0.0.4", "\n".join(lines) + "\n"

        pages = {"/health": health, "/live": live, "/metrics": metrics}

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                page = pages.get(self.path)
                status, kind, body = (404, "text/plain", "not found\n") if page is None else page()
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing: a monitor asks every few seconds."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise UsageError(
                f"health: cannot listen on {host}:{port}: {error.strerror}", remedy="choose another port"
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_EVERY_S,), name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
