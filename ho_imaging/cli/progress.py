"""How far a batch is: one live line on a terminal, a plain one now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from ho_imaging.logs import current, say

if TYPE_CHECKING:
    from ho_imaging.batch import Progress

__all__ = ["ProgressLine"]

_PLAIN_EVERY_S = 30.0


class ProgressLine:
    """Writes to standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        settings = current()
        as_json = settings is not None and settings.as_json
        self._live = sys.stderr.isatty() and not quiet and not as_json
        self._last = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Say where a run stands, if it is time to."""
        if self._quiet or not (self._live or time.monotonic() - self._last > _PLAIN_EVERY_S):
            return
        self._last = time.monotonic()
        rate = progress.ended / max(progress.seconds, 1e-6)
        left_s = (progress.total - progress.ended) / max(rate, 1e-6)
        text = (
            f"{progress.ended} of {progress.total} studies: {progress.done} done, {progress.refused} refused, "
            f"{progress.failed} failed; {rate:.1f} a second, {_duration(left_s)} left"
        )
        if self._live:
            sys.stderr.write(f"\r{text:<100}")
            sys.stderr.flush()
        else:
            say(text)

    def end(self) -> None:
        """End the live line."""
        if self._live:
            sys.stderr.write("\n")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
