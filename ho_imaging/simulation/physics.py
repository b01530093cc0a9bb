"""X-ray physics: from millimetres of material to the signal of a detector.

Primary: polyenergetic Beer-Lambert law in an energy-integrating detector. Scatter: the primary, weighted by its
attenuation, blurred and scaled to a scatter-to-primary ratio. Then shading, blur, noise and saturation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import UsageError
from ho_imaging.simulation.beam import Beam, sample_beam
from ho_imaging.simulation.detector import add_noise, blur, enlarge
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.spectrum import EnergyBins, detected_bins

__all__ = ["Beam", "Exposure", "expose", "primary_signal", "sample_beam", "scatter_signal"]

Image = NDArray[np.float32]
# A block of pixels for all energies fits into the second-level cache.
BLOCK_PX = 16384
# -ln(primary) behind 20 cm of soft tissue in diagnostic beams (transmission about 1 %).
LOG_ATTENUATION_20_CM = 4.5


@dataclass(frozen=True, eq=False)
class Exposure:
    """A raw image: bone dark.

    ``signal``: (rows, columns) float32, >= 0, linear in the absorbed energy; 1 is the signal at the automatic exposure
    control. ``open_field``: signal without an object in the beam, before saturation.
    """

    signal: Image
    open_field: float
    pixel_mm: float
    beam: Beam


def expose(
    thickness_mm: Mapping[Material, Image], pixel_mm: float, rng: np.random.Generator, beam: Beam | None = None
) -> Exposure:
    """Expose a patient given as mm of each material along each ray; equal states of ``rng`` give equal images.

    Parameters
    ----------
    thickness_mm
        (rows, columns) float32 of each material, all of one shape; muscle excludes what bone and metal fill.
    pixel_mm
        Pixel pitch at the detector in mm.
    rng
        Random generator.
    beam
        Settings of the exposure; ``None`` draws them.

    Returns
    -------
    Exposure
        The raw image.

    Raises
    ------
    UsageError
        If there is no material, the pitch is not positive or the shapes differ.

    """
    if not thickness_mm:
        raise UsageError("there is no material in the beam", remedy="give the thickness of at least one material")
    if not pixel_mm > 0.0:
        raise UsageError(f"the pixel pitch of {pixel_mm} mm is not valid", remedy="give a pitch above 0")
    beam = sample_beam(rng) if beam is None else beam
    bins = detected_bins(beam.kvp, beam.aluminium_mm, beam.copper_mm, list(thickness_mm))
    primary = primary_signal(list(thickness_mm.values()), bins)
    signal = primary + scatter_signal(primary, beam, pixel_mm)
    signal *= _shading(signal.shape, beam, pixel_mm)
    signal = blur(signal, beam, pixel_mm)
    nominal = _exposure_control(signal, primary)
    signal *= np.float32(1.0 / nominal)
    signal = add_noise(signal, beam, pixel_mm, bins.quanta_per_photon, rng)
    if beam.grid_line_amplitude > 0.0:
        signal *= _grid_lines(signal.shape, beam, pixel_mm)
    np.clip(signal, 0.0, beam.saturation, out=signal)
    return Exposure(signal, 1.0 / nominal, pixel_mm, beam)


def primary_signal(layers: list[Image], bins: EnergyBins) -> Image:
    """Return the primary (unscattered) signal; 1 in the open field.

    Parameters
    ----------
    layers
        (rows, columns) float32 in mm, in the order of the columns of ``bins.per_mm``.
    bins
        Energy bins of the beam.

    Returns
    -------
    ndarray
        (rows, columns) float32.

    Raises
    ------
    UsageError
        If the shapes differ.

    """
    shape = layers[0].shape
    if any(layer.shape != shape for layer in layers):
        raise UsageError("thickness maps differ in shape", remedy="project all materials onto one grid")
    flat = [np.ascontiguousarray(layer, dtype=np.float32).reshape(-1) for layer in layers]
    signal = np.empty(flat[0].size, dtype=np.float32)
    for start in range(0, signal.size, BLOCK_PX):
        block = np.stack([layer[start : start + BLOCK_PX] for layer in flat])
        # Metal and other rare materials are absent from most blocks.
        present = block.any(axis=1)
        exponent = -bins.per_mm[:, present] @ block[present]
        # Below e^-80 float32 becomes subnormal, which is slow and has no effect.
        np.maximum(exponent, np.float32(-80.0), out=exponent)
        np.exp(exponent, out=exponent)
        np.matmul(bins.weights, exponent, out=signal[start : start + BLOCK_PX])
    return signal.reshape(shape)


def scatter_signal(primary: Image, beam: Beam, pixel_mm: float) -> Image:
    """Return the scattered signal at the detector.

    Scatter arises where photons are removed from the primary and spreads over centimetres. Its ratio to the primary
    grows with attenuation and is ``beam.scatter_to_primary`` behind 20 cm of soft tissue in a wide field; the open
    field gives none.

    Parameters
    ----------
    primary
        (rows, columns) float32, from `primary_signal`.
    beam
        Settings of the exposure.
    pixel_mm
        Pixel pitch at the detector in mm.

    Returns
    -------
    ndarray
        (rows, columns) float32.

    """
    step = max(round(beam.scatter_sigma_mm / 4.0 / pixel_mm), 1)
    step = min(step, max(min(primary.shape) // 8, 1))
    rows, columns = primary.shape
    size = (max(columns // step, 1), max(rows // step, 1))
    small = np.asarray(cv2.resize(primary, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    born = -np.log(np.clip(small, 1e-6, 1.0)) * small * np.float32(beam.scatter_to_primary / LOG_ATTENUATION_20_CM)
    sigma_px = beam.scatter_sigma_mm / pixel_mm / step
    # Two widths, for single and multiple scatter. None arises outside the field.
    near = cv2.GaussianBlur(born, (0, 0), 0.6 * sigma_px, borderType=cv2.BORDER_CONSTANT)
    far = cv2.GaussianBlur(born, (0, 0), 1.4 * sigma_px, borderType=cv2.BORDER_CONSTANT)
    spread = np.asarray(0.5 * near + 0.5 * far, dtype=np.float32)
    return enlarge(spread, primary.shape)


def _exposure_control(signal: Image, primary: Image) -> float:
    """Return the signal at the chambers: the median of the covered part, from a sparse sample."""
    sparse = signal[::4, ::4]
    covered = sparse[primary[::4, ::4] < 0.5]
    level = float(np.median(covered)) if covered.size else float(np.median(sparse))
    return max(level, 1e-6)


def _shading(shape: tuple[int, ...], beam: Beam, pixel_mm: float) -> Image:
    """Return the heel effect across the field, and the effect of distance and obliquity (cosine cubed)."""
    rows, columns = shape
    y = (np.arange(rows, dtype=np.float32) - (rows - 1) / 2.0) * np.float32(pixel_mm)
    x = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2.0) * np.float32(pixel_mm)
    angle = np.deg2rad(beam.heel_deg)
    # Stated for a 430 mm field; loss grows quadratically towards the anode edge.
    along = (x[None, :] * np.cos(angle) + y[:, None] * np.sin(angle)) / 430.0 + 0.5
    heel = 1.0 - beam.heel_fraction * np.clip(along, 0.0, 1.2) ** 2
    oblique = 1.0 - 1.5 * (x[None, :] ** 2 + y[:, None] ** 2) / beam.source_detector_mm**2
    return np.asarray(heel * np.maximum(oblique, 0.2), dtype=np.float32)


def _grid_lines(shape: tuple[int, ...], beam: Beam, pixel_mm: float) -> Image:
    """Return the shadows of the grid's strips, aliased by the pixels as on real detectors."""
    rows, columns = shape
    angle = np.deg2rad(beam.grid_deg)
    turn = 2.0 * np.pi * beam.grid_lines_per_mm * pixel_mm
    phase_y = (np.arange(rows) * turn * np.sin(angle)).astype(np.float32)
    phase_x = (np.arange(columns) * turn * np.cos(angle)).astype(np.float32)
    # cos(a + b) is computed from rows and columns separately, instead of a cosine per pixel.
    waves = np.outer(np.cos(phase_y), np.cos(phase_x)) - np.outer(np.sin(phase_y), np.sin(phase_x))
    return np.asarray(1.0 + beam.grid_line_amplitude * waves, dtype=np.float32)
