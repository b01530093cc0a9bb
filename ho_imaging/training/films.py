"""From a case to a film as the network sees it: expose, develop, normalise; new randomness every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.training.cases import BITS, IGNORE_BIT, MASK_BITS, MIMIC_BIT, Case, as_bit
from ho_imaging.vocabulary import Structure

__all__ = ["Film", "FilmMaker", "on_grid", "simulate_film"]


class Film(NamedTuple):
    """A film and its truth on one grid.

    ``pixels`` (rows, columns) float32 in [0, 1], normalised, zero where not ``valid``; ``valid`` bool; ``bits`` uint16,
    the masks of `ho_imaging.training.cases`.
    """

    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_]
    bits: NDArray[np.uint16]


BURNT_OUT = 0.004
"""Tones this near to black hold nothing more to see."""

FilmMaker = Callable[[Case, np.random.Generator], Film]


def on_grid(film: Film, pixel_mm: float, wanted_mm: float) -> Film:
    """Bring a film from pixels of ``pixel_mm`` to those the network sees; masks take their nearest pixel."""
    if pixel_mm == wanted_mm:
        return film
    rows, columns = (max(1, round(side * pixel_mm / wanted_mm)) for side in film.pixels.shape)
    smooth = cv2.INTER_AREA if wanted_mm > pixel_mm else cv2.INTER_LINEAR
    valid = cv2.resize(film.valid.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST) == 1
    pixels = cv2.resize(film.pixels, (columns, rows), interpolation=smooth)
    bits = cv2.resize(film.bits, (columns, rows), interpolation=cv2.INTER_NEAREST)
    return Film(np.where(valid, pixels, np.float32(0.0)), valid, np.asarray(bits, dtype=BITS))


def simulate_film(case: Case, rng: np.random.Generator) -> Film:
    """Expose a case, develop it as some vendor would, annotate it, and normalise it exactly as a real film is."""
    # Imported here: the simulator needs the optional dependencies of "simulate", reading a config does not.
    from ho_imaging.preparing import normalise_intensity  # noqa: PLC0415
    from ho_imaging.simulation.annotations import annotate  # noqa: PLC0415
    from ho_imaging.simulation.physics import expose, sample_beam  # noqa: PLC0415
    from ho_imaging.simulation.vendor import develop  # noqa: PLC0415

    case = case.with_nodules()
    exposure = expose(case.thickness_mm, case.info.pixel_mm, rng, sample_beam(rng, case.info.region))
    laterality = case.info.laterality
    display, valid, marks = annotate(develop(exposure, rng), rng, pixel_mm=case.info.pixel_mm, laterality=laterality)
    # Bone where the film is black all the same shows on no monitor: whether to mark it is left open.
    hidden = (display < BURNT_OUT) & (case.bits >> MASK_BITS[Structure.HO] & 1 == 1)
    bits = case.bits | as_bit(hidden, IGNORE_BIT) | as_bit(marks, MIMIC_BIT)
    return Film(normalise_intensity(display, valid), valid, bits)
