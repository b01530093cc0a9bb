"""Calibration of predicted probabilities and the net benefit of acting on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BINS", "NetBenefit", "ReliabilityBin", "calibration_error", "decision_curve", "reliability"]

BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """A bin of predicted probability: its limits, number of items, mean prediction and number of positives."""

    low: float
    high: float
    count: int
    stated: float
    true: int


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit at a threshold probability: of the model and of calling all positive. Calling none positive has 0."""

    probability: float
    model: float
    all: float


def _tenths(stated: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((stated * BINS).astype(np.int64), BINS - 1)


def reliability(stated: ArrayLike, true: ArrayLike) -> list[ReliabilityBin]:
    """Return the bins of a reliability diagram that are not empty.

    Parameters
    ----------
    stated
        (n,) predicted probabilities in [0, 1].
    true
        (n,) labels.

    Returns
    -------
    list of ReliabilityBin
        In increasing order, each `BINS`-th of the unit interval wide.

    """
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
    """Return the expected calibration error over equal-width bins (Naeini et al., AAAI 2015).

    Parameters
    ----------
    stated
        (n,) predicted probabilities in [0, 1].
    true
        (n,) labels.

    Returns
    -------
    float
        Absolute difference of mean prediction and observed frequency, averaged over items; NaN without items.

    """
    bins = reliability(stated, true)
    total = sum(found.count for found in bins)
    if not total:
        return float("nan")
    return sum(found.count / total * abs(found.stated - found.true / found.count) for found in bins)


def decision_curve(stated: Sequence[float], true: Sequence[bool], probabilities: Sequence[float]) -> list[NetBenefit]:
    """Return the net benefit at each threshold probability (Vickers and Elkin, Med Decis Making 2006;26:565).

    Net benefit is (true positives - false positives * p / (1 - p)) / items.

    Parameters
    ----------
    stated
        (n,) predicted probabilities in [0, 1].
    true
        (n,) labels.
    probabilities
        Threshold probabilities p, each below 1.

    Returns
    -------
    list of NetBenefit
        One per threshold; empty without items.

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
