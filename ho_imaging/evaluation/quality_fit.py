"""Fit how much less sure a finding is on a poor film, from candidates that are nodules or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ho_imaging.network.quality_correction import QualityCorrection

__all__ = ["fit_quality_correction"]

_LARGEST = 10.0

Values = NDArray[np.float64]


def fit_quality_correction(
    logits: Values, qualities: Values, truth: Values, *, ridge: float = 1.0
) -> QualityCorrection:
    """Fit the coefficients by penalised maximum likelihood.

    A logistic regression, ``logit(nodule) = a + b * (logit(p) - w @ quality)``, so that the coefficients are in units
    of the logit that they lower. They are held at zero or more, with a ridge towards zero: what the candidates do not
    show is not corrected.

    Parameters
    ----------
    logits
        (n,) logit of each candidate's highest probability.
    qualities
        (n, 3) what its film lacks, see `ho_imaging.network.quality_correction.features`.
    truth
        (n,) 1 for a nodule, 0 for none.
    ridge
        Penalty on the sum of squared coefficients.

    """

    def loss(values: Values) -> float:
        intercept, log_slope, *weights = values
        score = intercept + np.exp(log_slope) * (logits - qualities @ np.array(weights))
        return float((np.logaddexp(0.0, score) - truth * score).sum() + ridge * np.square(weights).sum())

    bounds = [(None, None), (-3.0, 3.0), *[(0.0, _LARGEST)] * qualities.shape[1]]
    found = minimize(loss, np.zeros(len(bounds)), method="L-BFGS-B", bounds=bounds)
    resolution, compression, noise = (round(float(value), 4) for value in found.x[2:])
    return QualityCorrection(resolution=resolution, compression=compression, noise=noise)
