"""Normalisation of intensity across manufacturers, for raw and processed images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ho_imaging.reading.percentiles import percentiles

__all__ = ["normalise_intensity"]

_LOW_PERCENT, _HIGH_PERCENT = 0.5, 99.7
_BINS = 512
_STEEPEST = 3.0
"""Greatest slope of the equalising curve relative to a linear scale, as in contrast-limited equalisation."""
_EQUALISED = 0.6
"""Weight of equalisation in the result; the linear rest keeps every difference at 40 % of its size or more."""
_SAMPLES = 200_000


def normalise_intensity(pixels: NDArray[np.float32], valid: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Map a radiograph to a common intensity scale.

    The robust range of the valid pixels is mapped to [0, 1] and blended with a contrast-limited histogram equalisation
    (Pizer et al., Comput Vis Graph Image Process 1987;39:355, without tiles). Manufacturers' tone curves differ by a
    monotone map, which equalisation undoes; the limit and the blend preserve faint differences. The result is invariant
    under ``a * pixels + b`` with a > 0.

    Parameters
    ----------
    pixels
        (rows, columns) float32, any range, bone bright.
    valid
        (rows, columns) bool, True where there is an image; ``None`` for all.

    Returns
    -------
    ndarray
        (rows, columns) float32 in [0, 1]; 0 where not valid.

    """
    inside = pixels[valid] if valid is not None else pixels.ravel()
    if inside.size == 0:
        return np.zeros(pixels.shape, np.float32)
    sample = inside[:: max(1, inside.size // _SAMPLES)]
    low, high = percentiles(sample, _LOW_PERCENT, _HIGH_PERCENT)
    if not high > low:
        return np.zeros(pixels.shape, np.float32)
    within = (sample.astype(np.float64) - low) / (high - low)
    curve = _limited_equalisation(within[(within > 0.0) & (within < 1.0)])
    knots = np.linspace(0.0, 1.0, _BINS + 1)
    tone = (1.0 - _EQUALISED) * knots + _EQUALISED * curve
    result = _through(pixels, low, high, tone)
    if valid is not None and not valid.all():
        result[~valid] = 0.0
    return result


def _through(pixels: NDArray[np.float32], low: float, high: float, tone: NDArray[np.float64]) -> NDArray[np.float32]:
    """Map the range to [0, 1] and that through a tone curve of equal steps, linearly between them.

    In float32, and without looking for the step of each pixel, this takes a fifth of the time of `numpy.interp`.
    """
    step = np.subtract(pixels, np.float32(low))
    step *= np.float32(_BINS / (high - low))
    np.clip(step, 0.0, _BINS, out=step)
    below = np.minimum(step.astype(np.int32), _BINS - 1)
    step -= below
    curve = tone.astype(np.float32)
    step *= np.take(np.diff(curve), below)
    step += np.take(curve, below)
    return step


def _limited_equalisation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cumulative curve (bins + 1,) from 0 to 1 of a histogram with capped bins, the excess spread evenly."""
    counts = np.histogram(values, bins=_BINS, range=(0.0, 1.0))[0].astype(np.float64)
    if counts.sum() == 0:
        return np.linspace(0.0, 1.0, _BINS + 1)
    share = counts / counts.sum() * _BINS
    for _ in range(8):
        excess = np.clip(share - _STEEPEST, 0.0, None).sum()
        share = np.minimum(share, _STEEPEST) + excess / _BINS
    curve = np.concatenate([[0.0], np.cumsum(share)])
    return np.asarray(curve / curve[-1])
