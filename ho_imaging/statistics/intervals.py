"""Confidence intervals (95 %): Wilson's for a proportion, the bootstrap for any figure."""

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
    """A figure and its 95 % confidence interval; NaN where unknown."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return value and limits for JSON.

        Returns
        -------
        dict of str to float or None
            Rounded to four decimals, ``None`` for NaN.

        """
        return {
            name: round(value, 4) if math.isfinite(value) else None
            for name, value in (("value", self.value), ("low", self.low), ("high", self.high))
        }


NO_INTERVAL = Interval(math.nan, math.nan, math.nan)


def wilson(count: int, total: int) -> Interval:
    """Return a proportion with its score interval (Wilson, J Am Stat Assoc 1927;22:209).

    The interval stays within 0 and 1 and is valid for few items and for proportions of 0 and 1.

    Parameters
    ----------
    count
        Number of items that have the property.
    total
        Number of items.

    Returns
    -------
    Interval
        `NO_INTERVAL` if ``total`` is 0.

    """
    if total == 0:
        return NO_INTERVAL
    share = count / total
    scale = 1.0 + Z**2 / total
    middle = (share + Z**2 / (2.0 * total)) / scale
    half = Z / scale * math.sqrt(share * (1.0 - share) / total + Z**2 / (4.0 * total**2))
    # Exact at 0 and 1, where rounding could cross the limit.
    low = 0.0 if count == 0 else max(middle - half, 0.0)
    high = 1.0 if count == total else min(middle + half, 1.0)
    return Interval(share, low, high)


def bootstrap(
    items: Sequence[Item], figure: Callable[[Sequence[Item]], float], *, seed: int = 0, resamples: int = 1000
) -> Interval:
    """Return a figure with its percentile interval over resampled items (Efron, Ann Stat 1979;7:1).

    Parameters
    ----------
    items
        The sample, for example a record per image.
    figure
        Function that computes the figure from items; NaN where it is undefined.
    seed
        Seed of the resampling.
    resamples
        Number of resamples. Those with an undefined figure are left out.

    Returns
    -------
    Interval
        `NO_INTERVAL` if there are no items or the figure of the sample is undefined.

    """
    value = figure(items) if items else math.nan
    if not math.isfinite(value):
        return NO_INTERVAL
    rng = np.random.default_rng(seed)
    drawn = [figure([items[i] for i in rng.integers(len(items), size=len(items))]) for _ in range(resamples)]
    known = [value for value in drawn if math.isfinite(value)]
    low, high = np.percentile(known, [2.5, 97.5]) if known else (math.nan, math.nan)
    return Interval(value, float(low), float(high))
