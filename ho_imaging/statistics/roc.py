"""The receiver operating characteristic: curve, area, and the area's interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ho_imaging.statistics.intervals import Interval, Z

__all__ = ["auroc", "auroc_interval", "roc_curve"]


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Return the probability that a positive scores above a negative, ties by half (Mann-Whitney); NaN without both."""
    label = np.asarray(labels, dtype=bool)
    positives, negatives = int(label.sum()), int((~label).sum())
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    return float((ranks[label].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auroc_interval(scores: Sequence[float], labels: Sequence[bool]) -> Interval:
    """Return the area under the curve with DeLong's interval (Biometrics 1988;44:837) on the logit scale.

    On that scale the limits stay within 0 and 1 (Pepe 2003). Without two positives and two negatives there is no
    variance, and where every positive scores above every negative it is 0: then the limits are NaN.
    """
    area = auroc(scores, labels)
    label = np.asarray(labels, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    positives, negatives = values[label], values[~label]
    if min(len(positives), len(negatives)) < 2 or not 0.0 < area < 1.0:
        return Interval(area, math.nan, math.nan)
    # Placement values: of each positive among the negatives, and of each negative among the positives.
    above = (positives[:, None] > negatives[None, :]) + 0.5 * (positives[:, None] == negatives[None, :])
    variance = float(np.var(above.mean(axis=1), ddof=1) / len(positives))
    variance += float(np.var(above.mean(axis=0), ddof=1) / len(negatives))
    if variance == 0.0:
        return Interval(area, math.nan, math.nan)
    logit, half = math.log(area / (1.0 - area)), Z * math.sqrt(variance) / (area * (1.0 - area))
    return Interval(area, *(1.0 / (1.0 + math.exp(-(logit + way * half))) for way in (-1.0, 1.0)))


def roc_curve(
    scores: Sequence[float], labels: Sequence[bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return false positive rate, sensitivity and threshold of every operating point, strict to lenient.

    Begins at (0, 0) with an infinite threshold. NaN where there is no negative or no positive.
    """
    label = np.asarray(labels, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    thresholds = np.unique(values)[::-1]
    taken = values[None, :] >= thresholds[:, None]
    rates = [
        np.concatenate([[0.0], (taken & chosen).sum(axis=1)]) / (chosen.sum() or np.nan) for chosen in (~label, label)
    ]
    return rates[0], rates[1], np.concatenate([[np.inf], thresholds])
