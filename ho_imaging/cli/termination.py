"""SIGTERM as an interrupt: a command that is told to end deletes what is temporary and writes what it has."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["told_to_end"]


@contextmanager
def told_to_end() -> Iterator[Callable[[], bool]]:
    """Raise ``KeyboardInterrupt`` on SIGTERM while it is open; yields what tells whether one came.

    A handler that somebody else has set stays, and so does everything outside the main thread.
    """
    came = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield lambda: False
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
