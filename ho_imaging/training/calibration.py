"""Calibration of logits to probabilities, and choice of operating thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from ho_imaging.network.calibration import Calibration

__all__ = ["best_dice_threshold", "fit_platt", "scope_cut"]

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def fit_platt(logits: FloatArray, labels: Mask, *, weights: FloatArray | None = None) -> Calibration:
    """Fit ``sigmoid(logit / temperature + bias)`` by maximum likelihood (Platt 1999; Guo et al., ICML 2017).

    Parameters
    ----------
    logits
        (n,) logits.
    labels
        (n,) bool.
    weights
        (n,) weight of each, not all 0; by default all count alike.

    Returns
    -------
    Calibration
        Temperature and bias; the identity if there is only one class.

    """
    x = np.asarray(logits, dtype=np.float64)
    y = np.asarray(labels, dtype=np.float64)
    if len(x) == 0 or y.min() == y.max():
        return Calibration()
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.sum()

    def cost(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope = np.exp(parameters[0])
        z = slope * x + parameters[1]
        wrong = expit(z) - y
        likelihood = float(w @ (np.logaddexp(0.0, z) - y * z))
        # A weak prior on the identity keeps the fit finite where the classes separate perfectly.
        pull = 1e-4 * float(parameters @ parameters)
        gradient = np.array([w @ (wrong * x) * slope, w @ wrong]) + 2e-4 * parameters
        return likelihood + pull, gradient

    fitted = minimize(cost, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-3.0, 3.0), (-20.0, 20.0)]).x
    return Calibration(temperature=float(np.exp(-fitted[0])), bias=float(fitted[1]))


def best_dice_threshold(probabilities: FloatArray, labels: Mask) -> float:
    """Return the threshold with the highest Dice coefficient, from 0.05 to 0.95 in steps of 0.01.

    Of equally good thresholds the middle one is taken: it is the most robust to a shift.

    Parameters
    ----------
    probabilities
        (n,) in [0, 1].
    labels
        (n,) bool.

    Returns
    -------
    float
        The threshold; 0.5 without positives.

    """
    if not labels.any():
        return 0.5
    edges = np.arange(0.05, 0.951, 0.01)
    bins = np.append(edges, np.inf)
    found = np.histogram(probabilities, bins)[0][::-1].cumsum()[::-1]
    right = np.histogram(probabilities[labels], bins)[0][::-1].cumsum()[::-1]
    scores = 2 * right / np.maximum(found + int(labels.sum()), 1)
    return round(float(np.median(edges[scores >= scores.max() - 1e-9])), 3)


def scope_cut(probabilities: FloatArray, in_scope: Mask, *, kept: float = 0.99) -> float:
    """Return the threshold on the scope probability that accepts a fraction of the images in scope.

    Parameters
    ----------
    probabilities
        (n,) scope probability of each image.
    in_scope
        (n,) bool.
    kept
        Fraction of the images in scope to accept.

    Returns
    -------
    float
        The threshold; 0, which accepts everything, if there are no images out of scope.

    """
    if in_scope.all() or not in_scope.any():
        return 0.0
    lowest_kept = float(np.quantile(probabilities[in_scope], 1.0 - kept))
    # Halfway to the nearest image out of scope below it, for a margin on both sides.
    others = probabilities[~in_scope]
    below = others[others < lowest_kept]
    cut = (lowest_kept + float(below.max())) / 2 if len(below) else lowest_kept
    return float(np.clip(cut, 0.01, 0.9))
