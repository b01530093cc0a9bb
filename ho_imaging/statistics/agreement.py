"""Agreement of two raters on ordered classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["kappa", "quadratic_kappa"]


def kappa(table: NDArray[np.integer]) -> float:
    """Return Cohen's kappa of two raters (Cohen, Educ Psychol Meas 1960;20:37).

    Parameters
    ----------
    table
        (classes, classes) counts, a row per class of one rater and a column per class of the other.

    Returns
    -------
    float
        Kappa, or NaN for an empty table and for one in which agreement by chance is certain.

    """
    counts = np.asarray(table, dtype=np.float64)
    total = float(counts.sum())
    if not total:
        return float("nan")
    observed = float(np.trace(counts)) / total
    chance = float(counts.sum(axis=1) @ counts.sum(axis=0)) / total**2
    return (observed - chance) / (1.0 - chance) if chance < 1.0 else float("nan")


def quadratic_kappa(table: NDArray[np.int64]) -> float:
    """Return Cohen's kappa with quadratic weights (Cohen, Psychol Bull 1968;70:213).

    Parameters
    ----------
    table
        (classes, classes) counts, the classes in order.

    Returns
    -------
    float
        Weighted kappa, or NaN for an empty table and for one in which all weights by chance are 0.

    """
    total = float(table.sum())
    if not total:
        return float("nan")
    index = np.arange(len(table))
    weights = (index[:, None] - index[None, :]) ** 2
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    chance = float((weights * expected).sum())
    return 1.0 - float((weights * table).sum()) / chance if chance else float("nan")
