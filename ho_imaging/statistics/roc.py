"""Receiver operating characteristic (ROC): curve, area under it (AUC), and the area's confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ho_imaging.statistics.intervals import Interval, Z

__all__ = ["auroc", "auroc_interval", "roc_curve"]


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Return the area under the ROC curve (AUC).

    It is the probability that a positive scores above a negative, ties counting one half (Mann-Whitney).

    Parameters
    ----------
    scores
        (n,) scores, higher for positives.
    labels
        (n,) True for positives.

    Returns
    -------
    float
        In [0, 1]; NaN unless there are positives and negatives.

    """
    label = np.asarray(labels, dtype=bool)
    positives, negatives = int(label.sum()), int((~label).sum())
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    return float((ranks[label].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auroc_interval(scores: Sequence[float], labels: Sequence[bool]) -> Interval:
    """Return the AUC with DeLong's interval (DeLong et al., Biometrics 1988;44:837) on the logit scale.

    On that scale the limits stay within 0 and 1 (Pepe 2003).

    Parameters
    ----------
    scores
        (n,) scores, higher for positives.
    labels
        (n,) True for positives.

    Returns
    -------
    Interval
        The limits are NaN with fewer than two positives or two negatives, and where the estimated variance is 0, as
        with an AUC of 0 or 1.

    """
    area = auroc(scores, labels)
    label = np.asarray(labels, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    positives, negatives = values[label], values[~label]
    if min(len(positives), len(negatives)) < 2 or not 0.0 < area < 1.0:
        return Interval(area, math.nan, math.nan)
    # Placement values of each positive among the negatives, and of each negative among the positives.
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
    """Return the operating points of the ROC curve, from the highest threshold to the lowest.

    Parameters
    ----------
    scores
        (n,) scores, higher for positives.
    labels
        (n,) True for positives.

    Returns
    -------
    false_positive_rate, sensitivity, threshold : ndarray
        (points,) float64 each. The first point is (0, 0) with an infinite threshold. A rate is NaN if there are no
        negatives or no positives.

    """
    label = np.asarray(labels, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    thresholds = np.unique(values)[::-1]
    taken = values[None, :] >= thresholds[:, None]
    rates = [
        np.concatenate([[0.0], (taken & chosen).sum(axis=1)]) / (chosen.sum() or np.nan) for chosen in (~label, label)
    ]
    return rates[0], rates[1], np.concatenate([[np.inf], thresholds])
