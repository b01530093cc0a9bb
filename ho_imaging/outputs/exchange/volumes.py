"""A film's label map as a volume of one slice, for 3D Slicer and ITK-SNAP.

Convention of both: a voxel's index and place are those of its centre. The first pixel lies at (0, 0, 0), x grows along
the columns and y along the rows, as ITK reads a radiograph. Lengths are those that the findings are measured with; a
film without millimetres has a spacing of 1 and says so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ho_imaging.outputs.exchange.shapes import LABEL, Film

__all__ = ["Volume", "volume_of"]


class Volume(NamedTuple):
    """``labels``: (columns, rows, 1), uint16. ``spacing_mm``: along x and y. ``basis``: of the mm, ``none`` without."""

    labels: NDArray[np.uint16]
    spacing_mm: tuple[float, float]
    basis: str
    names: dict[int, str]


def volume_of(film: Film) -> Volume:
    """Return a film's label map with its spacing and the name of each label."""
    row_mm, column_mm = film.image.measured_spacing_mm or (1.0, 1.0)
    basis = "none" if film.image.measured_spacing_mm is None else str(film.image.measured_basis)
    names = {nodule.number: f"{LABEL} {nodule.finding.id}" for nodule in film.nodules}
    return Volume(np.ascontiguousarray(film.labels().T)[:, :, None], (column_mm, row_mm), basis, names)
