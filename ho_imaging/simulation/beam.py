"""Settings of one exposure: tube, grid, detector and dose, and their distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Beam", "sample_beam"]

LIMBS = frozenset({"knee", "lower_leg", "ankle", "foot", "elbow", "forearm", "wrist", "hand", "residual_limb"})


@dataclass(frozen=True)
class Beam:
    """Settings of one exposure.

    Lengths are at the detector. ``detector_dose_ugy``: air kerma in uGy that automatic exposure control gives the
    median covered pixel, 1 to 5 in general radiography. ``scatter_to_primary``: behind the grid and 20 cm of soft
    tissue. ``grid_lines_per_mm``: 0 for none. ``heel_fraction``: loss from the cathode to the anode edge, towards
    ``heel_deg`` (0: along a row). Blurs are Gaussian standard deviations. ``saturation``: in units of the signal at the
    automatic exposure control.
    """

    kvp: float = 75.0
    aluminium_mm: float = 3.0
    copper_mm: float = 0.0
    detector_dose_ugy: float = 2.5
    scatter_to_primary: float = 0.8
    scatter_sigma_mm: float = 30.0
    grid_lines_per_mm: float = 0.0
    grid_line_amplitude: float = 0.0
    grid_deg: float = 90.0
    heel_fraction: float = 0.1
    heel_deg: float = 90.0
    source_detector_mm: float = 1150.0
    focal_blur_mm: float = 0.06
    detector_blur_mm: float = 0.13
    glare_fraction: float = 0.05
    glare_sigma_mm: float = 1.0
    electronic_noise_ugy: float = 0.02
    gain_noise: float = 0.003
    saturation: float = 60.0


def sample_beam(rng: np.random.Generator, region: str = "hip") -> Beam:
    """Draw the settings of an exposure, more variable than good practice.

    Adult pelvis and hip: 70 to 90 kVp with grid (European Commission, EUR 16260); limbs: 50 to 70 kVp, mostly without.

    Parameters
    ----------
    rng
        Random generator.
    region
        Body region, a value of `Region`.

    Returns
    -------
    Beam
        The settings.

    """
    limb = region in LIMBS
    with_grid = rng.random() < (0.25 if limb else 0.9)
    lines = with_grid and rng.random() < 0.12
    return Beam(
        kvp=float(rng.uniform(50.0, 75.0) if limb else rng.uniform(62.0, 105.0)),
        aluminium_mm=float(rng.uniform(2.5, 4.5)),
        copper_mm=float(rng.choice([0.0, 0.0, 0.1, 0.2])),
        detector_dose_ugy=float(np.exp(rng.uniform(np.log(0.8), np.log(8.0)))),
        scatter_to_primary=float(rng.uniform(0.3, 1.3) if with_grid else rng.uniform(1.2, 3.5)),
        scatter_sigma_mm=float(rng.uniform(18.0, 50.0)),
        grid_lines_per_mm=float(rng.uniform(2.5, 7.0)) if lines else 0.0,
        grid_line_amplitude=float(rng.uniform(0.002, 0.012)) if lines else 0.0,
        grid_deg=float(rng.choice([0.0, 90.0]) + rng.normal(0.0, 0.6)),
        heel_fraction=float(rng.uniform(0.0, 0.25)),
        heel_deg=float(rng.choice([0.0, 90.0, 180.0, 270.0]) + rng.normal(0.0, 5.0)),
        source_detector_mm=float(rng.uniform(1000.0, 1300.0)),
        focal_blur_mm=float(rng.uniform(0.02, 0.15)),
        detector_blur_mm=float(rng.uniform(0.08, 0.25)),
        glare_fraction=float(rng.uniform(0.0, 0.12)),
        glare_sigma_mm=float(rng.uniform(0.4, 4.0)),
        electronic_noise_ugy=float(np.exp(rng.uniform(np.log(0.005), np.log(0.08)))),
        gain_noise=float(rng.uniform(0.0, 0.006)),
        saturation=float(np.exp(rng.uniform(np.log(8.0), np.log(200.0)))),
    )
