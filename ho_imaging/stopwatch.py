"""Timing of the stages of a study, through context variables, so that no stage takes a timer as an argument."""

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
    """Collect the duration of each `stage` that runs inside, in this thread.

    Yields
    ------
    dict of str to float
        Seconds per stage, filled in as stages end.

    """
    seconds: dict[str, float] = {}
    token = _seconds.set(seconds)
    try:
        yield seconds
    finally:
        _seconds.reset(token)


@contextmanager
def observed(observer: Callable[[str, bool], None]) -> Iterator[None]:
    """Call an observer when a `stage` inside begins and when it ends, in this thread.

    Parameters
    ----------
    observer
        Called as ``observer(name, begins)``.

    """
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure the time inside as a stage, if `timed` or `observed` is active.

    Parameters
    ----------
    name
        Name of the stage.

    """
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
