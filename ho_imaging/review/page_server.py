"""The reading room as a page in a browser on this machine, without a notebook.

The page and its script hold no secret and are served to whoever asks on this machine. A message needs the token, which
the page has from the fragment of its address: a browser sends that to nobody. An address by another name (DNS
rebinding) and pages of other servers are refused.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Iterable
from http.client import HTTP_PORT
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from ho_imaging.errors import UsageError
from ho_imaging.review.front_end import front_end, static_text, style
from ho_imaging.review.room import ReadingRoom
from ho_imaging.review.viewer_messages import ViewerMessage

__all__ = ["PORT", "PageServer"]

PORT = 8737
"""Always the same where it is free, since a browser remembers a reader's settings by address."""

_HOST = "127.0.0.1"
_MOST_BYTES = 8 << 20
_PORTS_TRIED = 20
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Site:
    """A room, its pages by path with their media types, and who may speak with it; one message at a time."""

    def __init__(self, room: ReadingRoom, token: str) -> None:
        self.token = token
        self.names: frozenset[str] = frozenset()
        self.pages = {
            "/": (static_text("page.html"), "text/html"),
            "/page.js": (static_text("page.js"), "text/javascript"),
            "/page.css": (static_text("page.css"), "text/css"),
            "/review.js": (front_end(), "text/javascript"),
            "/review.css": (style(), "text/css"),
        }
        self._room = room
        self._lock = threading.Lock()

    def answers(self, message: dict[str, Any]) -> bytes:
        """Return the room's answers to a message, packed."""
        with self._lock:
            return _packed(list(self._room.handle(message)))


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    site: ClassVar[_Site]
    protocol_version = "HTTP/1.1"  # a connection is kept: a message costs no handshake
    timeout = 600

    def do_GET(self) -> None:
        page = self.site.pages.get(self.path)
        if page is None or not self._is_for_us():
            self._answer(404, b"not found\n", "text/plain")
        else:
            self._answer(200, page[0].encode(), f"{page[1]}; charset=utf-8")

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > _MOST_BYTES:
            self.close_connection = True
            self._answer(413, b"too large\n", "text/plain")
            return
        body = self.rfile.read(int(size))
        if self.path != "/message" or not self._is_for_us():
            self._answer(404, b"not found\n", "text/plain")
            return
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.site.token.encode()):
            self._answer(403, b"the address of the page lacks its token\n", "text/plain")
            return
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):  # the latter of text nested too deeply
            message = None
        if not isinstance(message, dict):
            self._answer(400, b"no message\n", "text/plain")
            return
        self._answer(200, self.site.answers(message), "application/octet-stream")

    def _is_for_us(self) -> bool:
        """Return True if the page was asked for by this machine's own name."""
        return self.headers.get("Host", "") in self.site.names

    def _answer(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True  # the page was left; what was decided is kept

    def log_message(self, *_: Any) -> None:
        """Leave requests out of the log: every decision is in its store."""


class PageServer:
    """Serves one reading room on the loopback address.

    Parameters
    ----------
    room
        The room.
    port
        Port to listen on; 0 for any free one, ``None`` for `PORT` or the next free one.

    Attributes
    ----------
    url
        Address of the page, with the token.

    Raises
    ------
    UsageError
        If the port cannot be used.

    """

    def __init__(self, room: ReadingRoom, *, port: int | None = None) -> None:
        site = _Site(room, secrets.token_urlsafe(24))
        self._server = _listening(type("Handler", (_Handler,), {"site": site}), port)
        self._server.daemon_threads = True
        site.names = _host_names(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="page", daemon=True)
        self.url = f"http://{_HOST}:{self._server.server_address[1]}/#token={site.token}"

    def start(self) -> None:
        """Answer, in a thread."""
        self._thread.start()

    def wait(self) -> None:
        """Wait until the process is interrupted."""
        self._thread.join()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _host_names(port: int) -> frozenset[str]:
    """Return what the Host header may say; clients leave the port out where it is HTTP's own."""
    hosts = (_HOST, "localhost")
    return frozenset(f"{host}:{port}" for host in hosts) | frozenset(hosts if port == HTTP_PORT else ())


def _listening(handler: type[BaseHTTPRequestHandler], port: int | None) -> ThreadingHTTPServer:
    ports = range(PORT, PORT + _PORTS_TRIED) if port is None else (port,)
    problem = ""
    for number in ports:
        try:
            return ThreadingHTTPServer((_HOST, number), handler)
        except (OSError, OverflowError) as error:
            problem = str(error)
    raise UsageError(f"cannot listen on {_HOST}:{ports[0]}: {problem}", remedy="choose another --port")


def _packed(answers: Iterable[ViewerMessage]) -> bytes:
    """Join answers: of each the length of its JSON (4 bytes, little-endian), the JSON with its buffers' sizes, them."""
    parts: list[bytes] = []
    for answer in answers:
        head = json.dumps({"content": answer.content, "sizes": [len(buffer) for buffer in answer.buffers]}).encode()
        parts += [len(head).to_bytes(4, "little"), head, *answer.buffers]
    return b"".join(parts)
