"""Whether stated probabilities hold, and what acting on them is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BINS", "NetBenefit", "ReliabilityBin", "calibration_error", "decision_curve", "reliability"]

BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """A tenth of the stated probability: its ends, how many fall into it, their mean, and how many are true."""

    low: float
    high: float
    count: int
    stated: float
    true: int


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit at a threshold probability: by the stated probabilities, of calling all positive, or none (0)."""

    probability: float
    model: float
    all: float


def _tenths(stated: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((stated * BINS).astype(np.int64), BINS - 1)


def reliability(stated: ArrayLike, true: ArrayLike) -> list[ReliabilityBin]:
    """Return the tenths of stated probability that hold anything."""
    values, truth = np.asarray(stated, dtype=np.float64), np.asarray(true, dtype=bool)
    tenths = _tenths(values)
    return [
        ReliabilityBin(
            low=number / BINS,
            high=(number + 1) / BINS,
            count=int((tenths == number).sum()),
            stated=float(values[tenths == number].mean()),
            true=int(truth[tenths == number].sum()),
        )
        for number in np.unique(tenths).tolist()
    ]


def calibration_error(stated: ArrayLike, true: ArrayLike) -> float:
    """Return the expected calibration error over tenths of stated probability (Naeini et al. 2015); NaN of nothing."""
    bins = reliability(stated, true)
    total = sum(found.count for found in bins)
    if not total:
        return float("nan")
    return sum(found.count / total * abs(found.stated - found.true / found.count) for found in bins)


def decision_curve(stated: Sequence[float], true: Sequence[bool], probabilities: Sequence[float]) -> list[NetBenefit]:
    """Return the net benefit at each threshold probability (Vickers and Elkin, Med Decis Making 2006;26:565).

    Net benefit is true positives less false positives weighted by p / (1 - p), a share of all items. Empty of nothing.
    """
    values, truth = np.asarray(stated, dtype=np.float64), np.asarray(true, dtype=bool)
    total = len(values)
    if not total:
        return []
    curve = []
    for probability in probabilities:
        odds = probability / (1.0 - probability)
        called = values >= probability
        curve.append(
            NetBenefit(
                probability=probability,
                model=float((called & truth).sum() - odds * (called & ~truth).sum()) / total,
                all=float(truth.sum() - odds * (~truth).sum()) / total,
            )
        )
    return curve
