"""Detector model: blur, noise and saturation."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.beam import Beam

__all__ = ["PHOTONS_PER_MM2_UGY", "add_noise", "blur", "enlarge", "gaussian"]

Image = NDArray[np.float32]

PHOTONS_PER_MM2_UGY = 30174.0
"""Photons per mm2 and uGy of air kerma in the beam RQA5 (IEC 62220-1); other diagnostic beams differ by up to 20 %."""


def gaussian(image: Image, sigma_px: float) -> Image:
    """Blur an image, on a smaller grid where the blur is wide; below a quarter pixel nothing changes.

    Parameters
    ----------
    image
        (rows, columns) float32.
    sigma_px
        Standard deviation in pixels.

    Returns
    -------
    ndarray
        (rows, columns) float32.

    """
    if sigma_px < 0.25:
        return image
    if sigma_px < 6.0:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), dtype=np.float32)
    # At three pixels of blur per small pixel the interpolation is invisible, and a small image costs little.
    factor = min(max(int(sigma_px // 3.0), 1), max(min(image.shape) // 4, 1))
    rows, columns = image.shape
    small_size = (max(round(columns / factor), 1), max(round(rows / factor), 1))
    small = cv2.resize(image, small_size, interpolation=cv2.INTER_AREA)
    # Area averaging and enlargement blur too: four boxes of one small pixel, each of variance 1/12.
    remaining = float(np.sqrt(max((sigma_px / factor) ** 2 - 4.0 / 12.0, 0.05)))
    small = cv2.GaussianBlur(small, (0, 0), remaining, borderType=cv2.BORDER_REFLECT)
    return enlarge(np.asarray(small, dtype=np.float32), image.shape)


def enlarge(small: Image, shape: tuple[int, ...]) -> Image:
    """Enlarge a smooth image without the creases of linear or cubic interpolation.

    Creases are faint, but edge enhancement makes them visible as a lattice. Linear interpolation followed by a box of
    one small pixel is a quadratic B-spline.

    Parameters
    ----------
    small
        (rows, columns) float32.
    shape
        (rows, columns) of the result.

    Returns
    -------
    ndarray
        float32 of ``shape``.

    """
    rows, columns = shape
    large = cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR)
    # Boxes have an odd number of pixels; an even one would shift the image by half a pixel.
    box = (2 * (columns // small.shape[1] // 2) + 1, 2 * (rows // small.shape[0] // 2) + 1)
    return np.asarray(cv2.blur(large, box, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def blur(signal: Image, beam: Beam, pixel_mm: float) -> Image:
    """Blur the signal by focal spot and scintillator: a narrow core and a wide, faint glare.

    Parameters
    ----------
    signal
        (rows, columns) float32, linear in energy.
    beam
        Settings of the exposure.
    pixel_mm
        Pixel pitch in mm.

    Returns
    -------
    ndarray
        (rows, columns) float32.

    """
    core = float(np.hypot(beam.focal_blur_mm, beam.detector_blur_mm))
    spread = gaussian(signal, core / pixel_mm)
    if beam.glare_fraction <= 0.0:
        return spread
    veil = gaussian(signal, beam.glare_sigma_mm / pixel_mm)
    return np.asarray(
        cv2.addWeighted(spread, 1.0 - beam.glare_fraction, veil, beam.glare_fraction, 0.0), dtype=np.float32
    )


def add_noise(signal: Image, beam: Beam, pixel_mm: float, quanta_per_photon: float, rng: np.random.Generator) -> Image:
    """Add quantum, electronic and gain noise to a signal that is 1 at the detector's nominal dose.

    The variance in quanta is N from counting, a constant from the electronics, and (gain_noise * N)^2 from uncorrected
    gain. The scintillator's blur correlates the noise of neighbouring pixels where pixels are finer than it.

    Parameters
    ----------
    signal
        (rows, columns) float32.
    beam
        Settings of the exposure.
    pixel_mm
        Pixel pitch in mm.
    quanta_per_photon
        Noise-equivalent quanta per photon, see `EnergyBins`.
    rng
        Random generator.

    Returns
    -------
    ndarray
        (rows, columns) float32.

    """
    quanta_per_ugy = PHOTONS_PER_MM2_UGY * quanta_per_photon * pixel_mm**2
    quanta_at_one = beam.detector_dose_ugy * quanta_per_ugy
    # Electronic noise is per detector element (0.15 mm); averaging elements into a pixel reduces it.
    element_quanta = beam.electronic_noise_ugy * PHOTONS_PER_MM2_UGY * quanta_per_photon * 0.15**2
    electronic = element_quanta * pixel_mm / 0.15 / quanta_at_one
    variance = np.maximum(signal, 0.0)
    variance *= np.float32(1.0 / quanta_at_one)
    if beam.gain_noise > 0.0:
        # Gain is calibrated per element too.
        gain = beam.gain_noise * min(0.15 / pixel_mm, 1.0)
        variance += np.float32(gain**2) * signal * signal
    variance += np.float32(electronic**2)
    grain = rng.standard_normal(signal.shape, dtype=np.float32)
    sigma_px = 0.7 * beam.detector_blur_mm / pixel_mm
    if sigma_px >= 0.25:
        grain = gaussian(grain, sigma_px)
    np.sqrt(variance, out=variance)
    grain *= variance
    grain += signal
    return grain
