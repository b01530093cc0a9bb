"""From a case to a film as the network sees it: expose, develop, normalise; new randomness every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ho_imaging.training.cases import Case

__all__ = ["Film", "FilmMaker", "simulate_film"]


class Film(NamedTuple):
    """A film and its truth on one grid.

    ``pixels`` (rows, columns) float32 in [0, 1], normalised, zero where not ``valid``; ``valid`` bool; ``bits`` uint8,
    the masks of `ho_imaging.training.cases`.
    """

    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_]
    bits: NDArray[np.uint8]


FilmMaker = Callable[[Case, np.random.Generator], Film]


def simulate_film(case: Case, rng: np.random.Generator) -> Film:
    """Expose a case, develop it as some vendor would, and normalise it exactly as a real film is."""
    # Imported here: the simulator needs the optional dependencies of "simulate", reading a config does not.
    from ho_imaging.preparing import normalise_intensity  # noqa: PLC0415
    from ho_imaging.simulation.physics import expose  # noqa: PLC0415
    from ho_imaging.simulation.vendor import develop  # noqa: PLC0415

    display = develop(expose(case.thickness_mm, case.info.pixel_mm, rng), rng)
    valid = np.ones(display.shape, dtype=bool)
    return Film(normalise_intensity(display, valid), valid, case.bits)
