"""Contrast-to-noise ratio of a nodule: its contrast over the noise and clutter around it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["contrast_to_noise"]

Image = NDArray[np.float32]

_EYE_MM = 0.5
"""Standard deviation of the blur before tones are compared: a reader averages out finer grain."""

_SURROUND_MM = 5.0
_LEAST_NOISE = 0.005
"""Lower limit of the noise, half a percent of the grey scale: no monitor shows smaller differences."""


def contrast_to_noise(shown: Image, without: Image, mask: NDArray[np.bool_], pixel_mm: float) -> float:
    """Return the contrast-to-noise ratio of a nodule on a processed image.

    Contrast is the mean change of tone that the nodule makes, over its mask. Noise is the standard deviation of tone on
    the same image without it, within 5 mm of the nodule, after removal of a plane. Bone edges below a nodule count as
    noise, as they do for a reader (anatomical noise: Burgess et al., Med Phys 2001;28:419).

    Parameters
    ----------
    shown, without
        (rows, columns) float32 in [0, 1]: the image, and the same image of the same patient without any nodule.
    mask
        (rows, columns) bool, not empty: the nodule.
    pixel_mm
        Pixel pitch in mm.

    Returns
    -------
    float
        The ratio.

    """
    margin = round(_SURROUND_MM / pixel_mm) + 1
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    window = (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )
    here = mask[window]
    sigma = 0.5 * _EYE_MM / pixel_mm
    # A nodule changes nothing where the image is saturated.
    change = cv2.GaussianBlur(shown[window] - without[window], (0, 0), sigma)
    background = cv2.GaussianBlur(without[window], (0, 0), sigma)
    near = ndimage.distance_transform_edt(~here) <= margin
    r, c = np.nonzero(near)
    plane = np.column_stack([r, c, np.ones_like(r)]).astype(np.float64)
    tones = background[near].astype(np.float64)
    rest = tones - plane @ np.linalg.lstsq(plane, tones, rcond=None)[0]
    offset = float(np.median(change[near & ~here])) if (near & ~here).any() else 0.0
    contrast = float(change[here].mean()) - offset
    return max(contrast, 0.0) / max(float(rest.std()), _LEAST_NOISE)
