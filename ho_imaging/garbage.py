"""Garbage collection in the program's own processes."""

from __future__ import annotations

import gc

__all__ = ["collect_seldom"]

_ALLOCATIONS = 50_000
"""Containers made, less those let go, until the youngest are looked at; Python's 700 or 2,000 suit small programs.

Loading the libraries makes half a million that all stay. Looking through them again and again took 0.2 s of a start's
2.4, and each look at all of them 0.12 s.
"""


def collect_seldom() -> None:
    """Let Python look for unreachable cycles less often, in this process."""
    gc.set_threshold(_ALLOCATIONS, 10, 10)
