"""Result of preparation: a radiograph on the network's grid and the mapping back to the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ho_imaging.preparing.scale import Scale
from ho_imaging.reading.radiograph import Radiograph

__all__ = ["GridMap", "Prepared"]


@dataclass(frozen=True)
class GridMap:
    """Axis-aligned mapping between prepared and source pixels: ``source = offset + scale * prepared`` for each axis.

    Coordinates are (row, column); pixel centres have integer coordinates.

    Parameters
    ----------
    source_shape, prepared_shape
        (rows, columns) of the two grids; the source's are those of the stored image.
    row_scale, column_scale
        Source pixels per prepared pixel.
    row_offset, column_offset
        Source coordinate of the centre of the first prepared row and column.

    """

    source_shape: tuple[int, int]
    prepared_shape: tuple[int, int]
    row_scale: float
    row_offset: float
    column_scale: float
    column_offset: float

    def points_to_source(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map prepared points to the source grid.

        Parameters
        ----------
        points
            (n, 2) float64, (row, column) in prepared pixels.

        Returns
        -------
        ndarray
            (n, 2) float64, (row, column) in source pixels.

        """
        return np.asarray(points, dtype=np.float64) * self._scale + self._offset

    def points_to_prepared(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map source points to the prepared grid.

        Parameters
        ----------
        points
            (n, 2) float64, (row, column) in source pixels.

        Returns
        -------
        ndarray
            (n, 2) float64, (row, column) in prepared pixels.

        """
        return (np.asarray(points, dtype=np.float64) - self._offset) / self._scale

    @property
    def _scale(self) -> NDArray[np.float64]:
        return np.array([self.row_scale, self.column_scale])

    @property
    def _offset(self) -> NDArray[np.float64]:
        return np.array([self.row_offset, self.column_offset])


@dataclass(frozen=True, eq=False)
class Prepared:
    """A radiograph prepared for the network.

    Parameters
    ----------
    radiograph
        The radiograph as read.
    pixels
        (rows, columns) float32 in [0, 1], bone bright, cropped to the exposed area, normalised as the contract says.
    valid
        (rows, columns) bool, False where there is no image (collimation, padding).
    scale
        Side of a prepared pixel by the source's spacing; an assumption without one.
    grid
        Mapping between prepared and source pixels.

    """

    radiograph: Radiograph
    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_]
    scale: Scale
    grid: GridMap
