"""What preparing hands on: a film on the network's grid, and the exact way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ho_imaging.preparing.scale import Scale
from ho_imaging.reading.radiograph import Radiograph

__all__ = ["GridMap", "Prepared"]


@dataclass(frozen=True)
class GridMap:
    """Axis-aligned map between prepared and source pixels.

    Pixel centres lie at whole numbers, coordinates are (row, column): ``source = offset + scale * prepared`` for each
    axis.
    """

    source_shape: tuple[int, int]
    prepared_shape: tuple[int, int]
    row_scale: float
    row_offset: float
    column_scale: float
    column_offset: float

    def points_to_source(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map an (n, 2) array of prepared (row, column) points to the source grid."""
        return np.asarray(points, dtype=np.float64) * self._scale + self._offset

    def points_to_prepared(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map an (n, 2) array of source (row, column) points to the prepared grid."""
        return (np.asarray(points, dtype=np.float64) - self._offset) / self._scale

    @property
    def _scale(self) -> NDArray[np.float64]:
        return np.array([self.row_scale, self.column_scale])

    @property
    def _offset(self) -> NDArray[np.float64]:
        return np.array([self.row_offset, self.column_offset])


@dataclass(frozen=True, eq=False)
class Prepared:
    """A film ready for the network.

    ``pixels``: (rows, columns) float32 in [0, 1], bone bright, collimated border left out, normalised as the model's
    contract asks. ``valid``: bool, same shape, False where the film carries no image (collimation, padding).
    ``scale``: how large a cell of the grid is, by the source's spacing; without one it is assumed, since the grid was
    chosen from the picture's extent alone.
    """

    radiograph: Radiograph
    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_]
    scale: Scale
    grid: GridMap
