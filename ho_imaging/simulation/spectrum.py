"""X-ray spectrum of the tube, attenuation of materials, and absorption in the detector."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import UsageError
from ho_imaging.extras import missing_extra
from ho_imaging.simulation.scene import Material

__all__ = [
    "COMPOSITIONS",
    "ENERGIES_KEV",
    "Composition",
    "EnergyBins",
    "attenuation_per_mm",
    "detected_bins",
    "scintillator_absorption",
    "tube_spectrum",
]


class Composition(NamedTuple):
    """Density in g/cm3 and mass fraction of each element."""

    density: float
    mass_fractions: MappingProxyType[str, float]


def _composition(density: float, **fractions: float) -> Composition:
    return Composition(density, MappingProxyType(fractions))


COMPOSITIONS = MappingProxyType(
    {
        # Adipose tissue, skeletal muscle, cortical bone: ICRU Report 44 (1989), as tabulated by NIST (NISTIR 5632).
        Material.FAT: _composition(0.95, H=0.114, C=0.598, N=0.007, O=0.278, Na=0.001, S=0.001, Cl=0.001),
        Material.MUSCLE: _composition(
            1.05, H=0.102, C=0.143, N=0.034, O=0.710, Na=0.001, P=0.002, S=0.003, Cl=0.001, K=0.004
        ),
        Material.BONE: _composition(
            1.92, H=0.034, C=0.155, N=0.042, O=0.435, Na=0.001, Mg=0.002, P=0.103, S=0.003, Ca=0.225
        ),
        # Ti-6Al-4V, ASTM F136.
        Material.TITANIUM: _composition(4.43, Ti=0.90, Al=0.06, V=0.04),
        # 316L stainless steel, ASTM F138; cobalt-chromium attenuates within a few percent of it.
        Material.STEEL: _composition(8.0, Fe=0.655, Cr=0.17, Ni=0.13, Mo=0.025, Mn=0.02),
        # Bone cement: 10 % by mass of BaSO4 (4.5 g/cm3) in PMMA (1.19 g/cm3).
        Material.CONTRAST: _composition(1.285, H=0.0725, C=0.5399, O=0.3151, Ba=0.0588, S=0.0137),
        # PMMA, C5H8O2.
        Material.PLASTIC: _composition(1.19, H=0.0805, C=0.5998, O=0.3196),
    }
)

ENERGIES_KEV = np.arange(10.0, 151.0)
"""Centres of the 1 keV steps at which spectra and coefficients are tabulated."""

# Columnar CsI:Tl of general radiography, 0.5 to 0.6 mm packed to about 80 %.
SCINTILLATOR_G_PER_CM2 = 0.2
# Photons pass about this much tungsten on their way out of the anode (mean depth over the sine of the anode angle).
ANODE_SELF_FILTRATION_MM = 0.007
# Characteristic K photons per continuum photon at 100 kVp behind 3 mm Al; grows with overvoltage as (U - 1)^1.63
# (exponent: Green and Cosslett, J. Phys. D 1968).
K_LINE_SHARE_AT_100_KVP = 0.09
TUNGSTEN_K_EDGE_KEV = 69.5
TUNGSTEN_K_LINES_KEV = ((58.0, 0.29), (59.3, 0.50), (67.2, 0.17), (69.1, 0.04))


@lru_cache(maxsize=64)
def _mass_attenuation_cm2_per_g(element: str) -> NDArray[np.float64]:
    # Includes coherent scatter, which also removes photons from the primary (Elam, Ravel and Sieber 2002).
    try:
        import xraydb  # noqa: PLC0415  # optional dependency, a second to import
    except ImportError as error:
        raise missing_extra(error, "simulate", "simulation") from error
    values = np.asarray(xraydb.mu_elam(element, ENERGIES_KEV * 1000.0, kind="total"), dtype=np.float64)
    values.flags.writeable = False
    return values


@lru_cache(maxsize=16)
def attenuation_per_mm(material: Material) -> NDArray[np.float64]:
    """Return the linear attenuation coefficient of a material.

    Parameters
    ----------
    material
        The material.

    Returns
    -------
    ndarray
        (energies,) float64 in 1/mm at `ENERGIES_KEV`, read-only.

    """
    density, fractions = COMPOSITIONS[material]
    total = sum(fractions.values())
    per_cm = sum(share / total * _mass_attenuation_cm2_per_g(element) for element, share in fractions.items())
    values = np.asarray(per_cm * density / 10.0, dtype=np.float64)
    values.flags.writeable = False
    return values


def tube_spectrum(kvp: float, aluminium_mm: float, copper_mm: float = 0.0) -> NDArray[np.float64]:
    """Return the spectrum of a tungsten tube behind its filter.

    Kramers' continuum (Phil Mag 1923;46:836), filtered by the anode itself, with the K lines above the K edge. Real
    tubes differ by some percent; the tests of contrast state the effect on the image.

    Parameters
    ----------
    kvp
        Tube voltage in kV, 40 to 150.
    aluminium_mm, copper_mm
        Filter.

    Returns
    -------
    ndarray
        (energies,) float64, photons per 1 keV step at `ENERGIES_KEV`, summing to 1.

    Raises
    ------
    UsageError
        If the voltage is out of range.

    """
    if not 40.0 <= kvp <= 150.0:
        raise UsageError(f"tube voltage of {kvp} kV is outside 40 to 150 kV", remedy="give a diagnostic voltage")
    filtration = np.exp(
        -_mass_attenuation_cm2_per_g("Al") * 2.70 * aluminium_mm / 10.0
        - _mass_attenuation_cm2_per_g("Cu") * 8.96 * copper_mm / 10.0
    )
    anode = np.exp(-_mass_attenuation_cm2_per_g("W") * 19.3 * ANODE_SELF_FILTRATION_MM / 10.0)
    continuum = np.clip(kvp / ENERGIES_KEV - 1.0, 0.0, None) * anode
    spectrum = continuum.copy()
    if kvp > TUNGSTEN_K_EDGE_KEV:
        overvoltage = (kvp / TUNGSTEN_K_EDGE_KEV - 1.0) / (100.0 / TUNGSTEN_K_EDGE_KEV - 1.0)
        behind_3_mm = continuum * np.exp(-_mass_attenuation_cm2_per_g("Al") * 2.70 * 0.3)
        lines = K_LINE_SHARE_AT_100_KVP * overvoltage**1.63 * float(behind_3_mm.sum())
        for energy, share in TUNGSTEN_K_LINES_KEV:
            spectrum[round(energy - ENERGIES_KEV[0])] += lines * share
    spectrum = spectrum * filtration
    return np.asarray(spectrum / spectrum.sum(), dtype=np.float64)


def scintillator_absorption() -> NDArray[np.float64]:
    """Return the fraction of photons absorbed in a CsI layer; escape of its own fluorescence is neglected.

    Returns
    -------
    ndarray
        (energies,) float64 in [0, 1] at `ENERGIES_KEV`.

    """
    caesium, iodine = 132.905, 126.904
    both = caesium * _mass_attenuation_cm2_per_g("Cs") + iodine * _mass_attenuation_cm2_per_g("I")
    return np.asarray(1.0 - np.exp(-both / (caesium + iodine) * SCINTILLATOR_G_PER_CM2), dtype=np.float64)


class EnergyBins(NamedTuple):
    """A beam as weighted by the detector, in few bins.

    ``weights``: (bins,) fraction of the detected energy in the open field, summing to 1. ``per_mm``: (bins, materials)
    attenuation coefficients. ``quanta_per_photon``: noise-equivalent quanta per photon that reaches the detector.
    """

    weights: NDArray[np.float32]
    per_mm: NDArray[np.float32]
    quanta_per_photon: float


def detected_bins(
    kvp: float, aluminium_mm: float, copper_mm: float, materials: Sequence[Material], *, bins: int = 10
) -> EnergyBins:
    """Group a spectrum into bins of equal width, weighted by the energy that the detector absorbs.

    Coefficients are averaged within a bin with their weight behind 10 cm of muscle, so that beam hardening inside a bin
    does not bias thick parts.

    Parameters
    ----------
    kvp, aluminium_mm, copper_mm
        Tube and filter, see `tube_spectrum`.
    materials
        Materials in the order of the columns of ``per_mm``.
    bins
        Number of bins.

    Returns
    -------
    EnergyBins
        The bins.

    Raises
    ------
    UsageError
        If the voltage is out of range.

    """
    photons = tube_spectrum(kvp, aluminium_mm, copper_mm)
    absorbed = photons * scintillator_absorption()
    energy = absorbed * ENERGIES_KEV
    # Energy-integrating detector: variance adds as the square of each quantum's energy (Swank 1973).
    quanta = float(energy.sum() ** 2 / (absorbed * ENERGIES_KEV**2).sum())
    behind = energy * np.exp(-100.0 * attenuation_per_mm(Material.MUSCLE))
    used = np.flatnonzero(energy > 1e-5 * energy.max())
    weights, rows = [], []
    table = np.stack([attenuation_per_mm(material) for material in materials])
    for part in np.array_split(used, min(bins, used.size)):
        weights.append(float(energy[part].sum()))
        rows.append(table[:, part] @ behind[part] / behind[part].sum())
    shares = np.asarray(weights) / sum(weights)
    return EnergyBins(shares.astype(np.float32), np.asarray(rows, dtype=np.float32), quanta)
