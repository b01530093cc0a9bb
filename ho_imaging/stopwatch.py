"""Where the time of a study goes, stage by stage, for whoever asked; nobody has to hand a watch through the stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["observed", "stage", "timed"]

_seconds: ContextVar[dict[str, float] | None] = ContextVar("seconds", default=None)
_observer: ContextVar[Callable[[str, bool], None] | None] = ContextVar("observer", default=None)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Collect the seconds of each `stage` that runs inside, in this thread."""
    seconds: dict[str, float] = {}
    token = _seconds.set(seconds)
    try:
        yield seconds
    finally:
        _seconds.reset(token)


@contextmanager
def observed(observer: Callable[[str, bool], None]) -> Iterator[None]:
    """Call ``observer(name, begins)`` when a `stage` inside begins, and again when it ends, in this thread."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count the time inside towards a stage, if anybody wants to know."""
    seconds, observer = _seconds.get(), _observer.get()
    if observer is not None:
        observer(name, True)
    started = time.perf_counter()
    try:
        yield
    finally:
        if seconds is not None:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
        if observer is not None:
            observer(name, False)
