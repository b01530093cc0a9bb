"""Images as the network sees them, made from cases: exposed, processed and normalised, random each time."""

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
    """An image and its truth on one grid.

    ``pixels`` (rows, columns) float32 in [0, 1], normalised, zero where not ``valid``; ``valid`` (rows, columns) bool;
    ``bits`` (rows, columns) uint16, the masks of `ho_imaging.training.cases`.
    """

    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_]
    bits: NDArray[np.uint16]


BURNT_OUT = 0.004
"""Tone below which an image is saturated black and shows nothing."""

FilmMaker = Callable[[Case, np.random.Generator], Film]


def on_grid(film: Film, pixel_mm: float, wanted_mm: float) -> Film:
    """Resample an image to the network's pixel size; masks by nearest neighbour.

    Parameters
    ----------
    film
        The image with its truth.
    pixel_mm
        Side of its pixels in mm.
    wanted_mm
        Side of the network's pixels in mm.

    Returns
    -------
    Film
        The resampled image.

    """
    if pixel_mm == wanted_mm:
        return film
    rows, columns = (max(1, round(side * pixel_mm / wanted_mm)) for side in film.pixels.shape)
    smooth = cv2.INTER_AREA if wanted_mm > pixel_mm else cv2.INTER_LINEAR
    valid = cv2.resize(film.valid.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST) == 1
    pixels = cv2.resize(film.pixels, (columns, rows), interpolation=smooth)
    bits = cv2.resize(film.bits, (columns, rows), interpolation=cv2.INTER_NEAREST)
    return Film(np.where(valid, pixels, np.float32(0.0)), valid, np.asarray(bits, dtype=BITS))


def simulate_film(case: Case, rng: np.random.Generator) -> Film:
    """Expose a case, process the image as a random manufacturer would, annotate it and normalise it.

    Normalisation is the same as for a real radiograph.

    Parameters
    ----------
    case
        The case.
    rng
        Random generator.

    Returns
    -------
    Film
        The image on the grid of the case.

    """
    # Imported here: the simulator needs the optional dependencies "simulate", reading a configuration does not.
    from ho_imaging.preparing import normalise_intensity  # noqa: PLC0415
    from ho_imaging.simulation.annotations import annotate  # noqa: PLC0415
    from ho_imaging.simulation.physics import expose, sample_beam  # noqa: PLC0415
    from ho_imaging.simulation.vendor import develop  # noqa: PLC0415

    case = case.with_nodules()
    exposure = expose(case.thickness_mm, case.info.pixel_mm, rng, sample_beam(rng, case.info.region))
    laterality = case.info.laterality
    display, valid, marks = annotate(develop(exposure, rng), rng, pixel_mm=case.info.pixel_mm, laterality=laterality)
    # Bone where the image is saturated black is invisible on every monitor, so its truth is left open.
    hidden = (display < BURNT_OUT) & (case.bits >> MASK_BITS[Structure.HO] & 1 == 1)
    bits = case.bits | as_bit(hidden, IGNORE_BIT) | as_bit(marks, MIMIC_BIT)
    return Film(normalise_intensity(display, valid), valid, bits)
