"""Logging of the command line and of its workers: one form for every line, and no patient data in any.

What a library logs, warns of or raises may quote header values. Of such a record only its logger, level and place are
written, and of a trace only its frames and the kind of the error; the text is withheld, in every mode.
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

__all__ = ["LIBRARIES", "LogSettings", "current", "forget", "say", "set_up"]

_OURS = "ho_imaging"
LIBRARIES = {
    "pydicom": logging.ERROR,
    "highdicom": logging.WARNING,
    "pynetdicom": logging.CRITICAL,  # says per packet what the service says once
    "PIL": logging.ERROR,
    "tifffile": logging.CRITICAL,  # what it warns of ends as a film's status and reason
    "py.warnings": logging.ERROR,
}
"""The least level of each that is written without ``-v``."""

_WARNING_PLACE = re.compile(r"(?P<file>[^\n]*?):(?P<line>[0-9]+): (?P<kind>[A-Za-z_.]+):")

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


@dataclass(frozen=True)
class LogSettings:
    """How records are written to standard error: from which level on, and whether as JSON lines."""

    level: int = logging.INFO
    as_json: bool = False


_current: list[LogSettings] = []


def set_up(settings: LogSettings) -> None:
    """Write records to standard error, in this process, in place of what was set up before."""
    logging.basicConfig(level=settings.level, stream=sys.stderr, force=True)
    logging.getLogger().handlers[0].setFormatter(_JsonLines() if settings.as_json else _Plain())
    logging.captureWarnings(True)
    for name, level in LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.NOTSET if settings.level <= logging.DEBUG else level)
    _current[:] = [settings]


def current() -> LogSettings | None:
    """Return what was set up in this process, for its workers; ``None`` where a caller keeps logging to itself."""
    return _current[0] if _current else None


def forget() -> None:
    """Forget what was set up; a caller that runs the command line within its own process may want to."""
    _current.clear()


def say(text: str) -> None:
    """Write a line of progress to standard error, as JSON where log lines are."""
    settings = current()
    if settings is not None and settings.as_json:
        logging.getLogger(f"{_OURS}.cli").info("%s", text)
    else:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def _message(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] == _OURS:
        return record.getMessage()
    where = f"{Path(record.pathname).name}:{record.lineno}"
    what = "message"
    found = _WARNING_PLACE.match(record.getMessage()) if record.name == "py.warnings" else None
    if found is not None:
        where, what = f"{Path(found['file']).name}:{found['line']}", found["kind"]
    return f"{record.name}: {what} at {where} (text withheld: it may hold patient data)"


def _trace(exc_info: _ExcInfo) -> str:
    """Write the frames of an error and of what caused it, with the words of our own errors only."""
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


class _Plain(logging.Formatter):
    """A record as its level and message."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {_message(record)}"
        return f"{line}\n{_trace(record.exc_info)}" if record.exc_info else line


class _JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info:
            line["trace"] = _trace(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
