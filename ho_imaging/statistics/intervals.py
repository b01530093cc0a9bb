"""A figure with its 95 % interval: of a proportion (Wilson), or over resampled items (bootstrap)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

__all__ = ["NO_INTERVAL", "Interval", "Z", "bootstrap", "wilson"]

Item = TypeVar("Item")

Z = 1.959963984540054
"""Quantile of the normal distribution for two-sided 95 %."""


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval; NaN where it is not known."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return it as JSON-able data, ``None`` for NaN."""
        return {
            name: round(value, 4) if math.isfinite(value) else None
            for name, value in (("value", self.value), ("low", self.low), ("high", self.high))
        }


NO_INTERVAL = Interval(math.nan, math.nan, math.nan)


def wilson(count: int, total: int) -> Interval:
    """Return a proportion with its score interval (Wilson, J Am Stat Assoc 1927;22:209); NaN of nothing.

    It stays within 0 and 1 and holds for few items and for shares of 0 and 1.
    """
    if total == 0:
        return NO_INTERVAL
    share = count / total
    scale = 1.0 + Z**2 / total
    middle = (share + Z**2 / (2.0 * total)) / scale
    half = Z / scale * math.sqrt(share * (1.0 - share) / total + Z**2 / (4.0 * total**2))
    # At 0 and 1 the limit is exact; rounding must not cross it.
    low = 0.0 if count == 0 else max(middle - half, 0.0)
    high = 1.0 if count == total else min(middle + half, 1.0)
    return Interval(share, low, high)


def bootstrap(
    items: Sequence[Item], figure: Callable[[Sequence[Item]], float], *, seed: int = 0, resamples: int = 1000
) -> Interval:
    """Return a figure of some items with the percentile interval over resampled items (Efron 1979).

    Samples for which the figure is not defined (NaN) are left out; without items everything is NaN.
    """
    value = figure(items) if items else math.nan
    if not math.isfinite(value):
        return NO_INTERVAL
    rng = np.random.default_rng(seed)
    drawn = [figure([items[i] for i in rng.integers(len(items), size=len(items))]) for _ in range(resamples)]
    known = [value for value in drawn if math.isfinite(value)]
    low, high = np.percentile(known, [2.5, 97.5]) if known else (math.nan, math.nan)
    return Interval(value, float(low), float(high))
