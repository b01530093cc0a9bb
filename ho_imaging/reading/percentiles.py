"""Percentiles of many grey values, found by counting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["percentiles"]

_FEW = 20_000
_COARSE_BITS = 16


def percentiles(values: NDArray[np.float32], *percents: float) -> list[float]:
    """Return the percentiles that `numpy.percentile` finds, in a fraction of its time for a film's pixels.

    Parameters
    ----------
    values
        float32 of any shape, not empty, without NaN.
    percents
        0 to 100.

    Returns
    -------
    list of float
        In the order of ``percents``.

    """
    flat = values.ravel()
    last = flat.size - 1
    places = [percent / 100.0 * last for percent in percents]
    ranks = sorted({min(int(place) + step, last) for place in places for step in (0, 1)})
    at = dict(zip(ranks, _of_rank(flat, ranks), strict=True))
    found = []
    for place in places:
        below, share = int(place), place - int(place)
        low, high = at[below], at[min(below + 1, last)]
        found.append(low + (high - low) * share)
    return found


def _of_rank(flat: NDArray[np.float32], ranks: list[int]) -> list[float]:
    """Return the values of some ranks, counted from 0."""
    if flat.size <= _FEW:
        return [float(value) for value in np.partition(flat, ranks)[ranks]]
    # The first half of a float's bits orders numbers that far apart, once those of negative ones are turned round.
    bits = np.ascontiguousarray(flat).view(np.int32) >> _COARSE_BITS
    if flat.min() < 0.0:
        bits = np.where(bits < 0, bits ^ 0x7FFF, bits)
    coarse = bits.astype(np.int16).view(np.uint16) ^ np.uint16(0x8000)
    until = np.cumsum(np.bincount(coarse, minlength=1 << _COARSE_BITS))
    found = []
    for rank in ranks:
        bin_ = int(np.searchsorted(until, rank, side="right"))
        inside = flat[coarse == bin_]
        place = rank - (int(until[bin_ - 1]) if bin_ else 0)
        found.append(float(np.partition(inside, place)[place]))
    return found
