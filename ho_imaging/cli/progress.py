"""Progress of a batch: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from ho_imaging.logs import current, one_line, say

if TYPE_CHECKING:
    from tqdm import tqdm

    from ho_imaging.batch import Progress

__all__ = ["ProgressLine"]

_PLAIN_EVERY_S = 30.0
_BAR = "{n_fmt} of {total_fmt} studies |{bar:24}| {rate_fmt}, {remaining} left{postfix}"


class ProgressLine:
    """Writes how far a batch is to standard error, and answers to standard output without a clash of the two."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        settings = current()
        as_json = settings is not None and settings.as_json
        self._live = sys.stderr.isatty() and not quiet and not as_json
        self._last = time.monotonic()
        self._bar: tqdm[NoReturn] | None = None
        self._open = contextlib.ExitStack()

    def show(self, progress: Progress) -> None:
        """Say where a run stands, if it is time to."""
        if self._live:
            self._move(progress)
        elif not self._quiet and time.monotonic() - self._last > _PLAIN_EVERY_S:
            self._last = time.monotonic()
            rate = progress.ended / max(progress.seconds, 1e-6)
            left_s = (progress.total - progress.ended) / max(rate, 1e-6)
            say(
                f"{progress.ended} of {progress.total} studies: {progress.done} done, {progress.refused} refused, "
                f"{progress.failed} failed; {_rate(rate)}, {_duration(left_s)} left"
            )

    def write(self, line: str) -> None:
        """Write a line of the answer to standard output."""
        line = one_line(line)
        if self._bar is None:
            sys.stdout.write(line + "\n")
        else:
            self._bar.write(line, file=sys.stdout)
        sys.stdout.flush()

    def end(self) -> None:
        """Leave the bar as it stands and end its line."""
        self._open.close()
        self._bar = None

    def _move(self, progress: Progress) -> None:
        bar = self._bar = self._bar or self._start(progress)
        bar.set_postfix_str(f"{progress.refused} refused, {progress.failed} failed", refresh=False)
        bar.total = progress.total
        bar.update(progress.ended - bar.n)
        bar.refresh()

    def _start(self, progress: Progress) -> tqdm[NoReturn]:
        """Open the bar; log messages go above it until `end`."""
        from tqdm import tqdm  # noqa: PLC0415  (only for a terminal)
        from tqdm.contrib.logging import logging_redirect_tqdm  # noqa: PLC0415

        # Without smoothing the rate is that of the whole run: it moves little, and so does the time left.
        bar = self._open.enter_context(
            tqdm(total=progress.total, unit="study", bar_format=_BAR, smoothing=0, dynamic_ncols=True, file=sys.stderr)
        )
        bar.start_t -= progress.seconds  # the bar comes with the first study that has ended
        self._open.enter_context(logging_redirect_tqdm())
        return bar


def _rate(a_second: float) -> str:
    return f"{a_second:.1f} a second" if a_second >= 1.0 else f"{1.0 / max(a_second, 1e-6):.1f} s a study"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
