"""Logging of the command line and its workers: one format for all lines, without patient data.

Messages of other libraries, and of warnings and errors they raise, may quote header values. Of those records only the
logger, level and source location are written, and of a traceback only the frames and the type of the error. The text is
withheld at every log level.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ho_imaging.errors import HOImagingError

__all__ = ["LIBRARIES", "LogSettings", "current", "forget", "one_line", "say", "set_up"]

_OURS = "ho_imaging"
LIBRARIES = {
    "pydicom": logging.ERROR,
    "highdicom": logging.WARNING,
    "pynetdicom": logging.CRITICAL,  # repeats for every packet what the service logs once
    "PIL": logging.ERROR,
    "tifffile": logging.CRITICAL,  # the same problems appear as an image's status and reason
    "py.warnings": logging.ERROR,
}
"""Lowest level of each library's records that is written without ``-v``."""

_WARNING_PLACE = re.compile(r"(?P<file>[^\n]*?):(?P<line>[0-9]+): (?P<kind>[A-Za-z_.]+):")

_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that begin a line, move the cursor or turn the direction of writing: a file's name may hold them."""

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


@dataclass(frozen=True)
class LogSettings:
    """Format of records on standard error: least level, and JSON lines or text with time."""

    level: int = logging.INFO
    as_json: bool = False
    times: bool = False


_current: list[LogSettings] = []


def set_up(settings: LogSettings) -> None:
    """Configure logging to standard error in this process, in place of an earlier configuration.

    Parameters
    ----------
    settings
        Level and format.

    """
    logging.basicConfig(level=settings.level, stream=sys.stderr, force=True)
    logging.getLogger().handlers[0].setFormatter(_JsonLines() if settings.as_json else _Plain(times=settings.times))
    logging.captureWarnings(True)
    for name, level in LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.NOTSET if settings.level <= logging.DEBUG else level)
    _current[:] = [settings]


def current() -> LogSettings | None:
    """Return the settings of this process, for its workers; ``None`` if `set_up` was not called.

    Returns
    -------
    LogSettings or None
        ``None`` where an application configures logging itself.

    """
    return _current[0] if _current else None


def forget() -> None:
    """Forget the settings, for applications that run the command line within their own process."""
    _current.clear()


def one_line(text: str) -> str:
    """Return a text as one line that a terminal shows as it is: control characters become JSON's escapes.

    Parameters
    ----------
    text
        A text that may hold names of files.

    Returns
    -------
    str
        The line.

    """
    return _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str) -> None:
    """Write a line of progress to standard error, as JSON where the log is JSON.

    Parameters
    ----------
    text
        The line, without patient data.

    """
    settings = current()
    if settings is not None and settings.as_json:
        logging.getLogger(f"{_OURS}.cli").info("%s", text)
    else:
        sys.stderr.write(one_line(text) + "\n")
        sys.stderr.flush()


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == _OURS


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))


def _message(record: logging.LogRecord) -> str:
    if _is_ours(record):
        return one_line(record.getMessage())
    where = f"{Path(record.pathname).name}:{record.lineno}"
    what = "message"
    found = _WARNING_PLACE.match(record.getMessage()) if record.name == "py.warnings" else None
    if found is not None:
        where, what = f"{Path(found['file']).name}:{found['line']}", found["kind"]
    return f"{record.name}: {what} at {where} (text withheld: it may hold patient data)"


def _trace(exc_info: _ExcInfo) -> str:
    """Format the frames of an error and its causes; messages only of this package's own errors."""
    lines: list[str] = []
    error = exc_info[1]
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        words = f": {error}" if isinstance(error, HOImagingError) else ""
        frames = "".join(traceback.format_tb(error.__traceback__))
        lines.append(f"{frames}{type(error).__module__}.{type(error).__qualname__}{words}")
        error = error.__cause__ or error.__context__
    return "\ncaused by\n".join(lines)


_FIELDS = ("sender", "study", "film")
"""Extra fields of a record beside its message; all of them titles, addresses and UIDs."""


class _Plain(logging.Formatter):
    """A record as its level and message, after its time where that is wanted."""

    def __init__(self, *, times: bool = False) -> None:
        super().__init__()
        self._times = times

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {_message(record)}"
        if self._times:
            line = f"{_time(record)} {line}"
        return f"{line}\n{_trace(record.exc_info)}" if record.exc_info else line


class _JsonLines(logging.Formatter):
    """Formatter of a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        line |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) and _is_ours(record)}
        if record.exc_info:
            line["trace"] = _trace(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
