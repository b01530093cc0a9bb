"""Resampling between the source grid and the prepared grid."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.preparing.prepared import GridMap

__all__ = [
    "cells_to_prepared",
    "grid_for",
    "mask_to_prepared",
    "mask_to_source",
    "part_to_prepared",
    "probability_to_source",
    "to_prepared",
]


def grid_for(source_shape: tuple[int, int], rows: slice, columns: slice, pixel_px: tuple[float, float]) -> GridMap:
    """Lay a grid over a part of the source.

    Prepared pixels tile the kept part exactly: ``pixel_px`` is rounded so that a whole number of them fits.

    Parameters
    ----------
    source_shape
        (rows, columns) of the source.
    rows, columns
        Part of the source to cover.
    pixel_px
        Source pixels per prepared pixel, along rows and columns.

    Returns
    -------
    GridMap
        Mapping between the two grids.

    """
    height, width = rows.stop - rows.start, columns.stop - columns.start
    shape = (max(1, round(height / pixel_px[0])), max(1, round(width / pixel_px[1])))
    row_scale, column_scale = height / shape[0], width / shape[1]
    return GridMap(
        source_shape=source_shape,
        prepared_shape=shape,
        row_scale=row_scale,
        row_offset=rows.start + 0.5 * row_scale - 0.5,
        column_scale=column_scale,
        column_offset=columns.start + 0.5 * column_scale - 0.5,
    )


def kept_part(grid: GridMap) -> tuple[slice, slice]:
    """Return the rows and columns of the source that the grid covers."""
    top = round(grid.row_offset - 0.5 * grid.row_scale + 0.5)
    left = round(grid.column_offset - 0.5 * grid.column_scale + 0.5)
    height = round(grid.row_scale * grid.prepared_shape[0])
    width = round(grid.column_scale * grid.prepared_shape[1])
    return slice(top, top + height), slice(left, left + width)


def to_prepared(image: NDArray[np.float32], grid: GridMap, reduction: int = 1) -> NDArray[np.float32]:
    """Resample a source image, (rows, columns) float32: mean over each cell when shrinking, cubic when enlarging.

    ``reduction``: source pixels along a side of one of the image, where these are means of blocks of them.
    """
    rows, columns = kept_part(grid)
    if reduction > 1:
        by_rows, by_columns = (
            _weights_of_blocks(part.start, scale, count, held, reduction)
            for part, scale, count, held in zip(
                (rows, columns), (grid.row_scale, grid.column_scale), grid.prepared_shape, image.shape, strict=True
            )
        )
        return by_columns.of_rows(by_rows.of_rows(image).T).T.copy()
    return _resize(image[rows, columns], grid, enlarging=cv2.INTER_CUBIC)


_MOST_PRODUCTS = 1 << 18
"""Products of numbers in one multiplication of matrices: OpenBLAS, which NumPy comes with, shares more among threads.

They would spin beside those of the network and of other workers, which takes longer than all of it.
"""

_ROWS_AT_A_TIME = 8


class _Weights(NamedTuple):
    """Weights (cells, near) float32 of the rows of an image whose numbers, of the same shape, stand beside them."""

    weights: NDArray[np.float32]
    rows: NDArray[np.intp]

    def of_rows(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weighted sums of rows: those of a few cells lie together, and are multiplied as a small matrix."""
        image = np.ascontiguousarray(image)
        sums = np.empty((len(self.rows), image.shape[1]), dtype=np.float32)
        for start in range(0, len(sums), _ROWS_AT_A_TIME):
            some = slice(start, start + _ROWS_AT_A_TIME)
            first = int(self.rows[some].min())
            places = self.rows[some] - first
            matrix = np.zeros((len(places), int(places.max()) + 1), dtype=np.float32)
            np.add.at(matrix, (np.arange(len(places))[:, None], places), self.weights[some])
            wide = max(1, _MOST_PRODUCTS // matrix.size)
            for left in range(0, image.shape[1], wide):
                part = slice(left, left + wide)
                np.matmul(matrix, image[first : first + matrix.shape[1], part], out=sums[some, part])
        return sums


def _weights_of_blocks(start: int, scale: float, count: int, blocks: int, reduction: int) -> _Weights:
    """Return the weights (cells, blocks) float32 that make means over cells of means over blocks, along one axis.

    The sum of all pixels up to the edge of a block is known; between edges it is interpolated by a cubic through the
    nearest four, and its difference over a cell is the cell's. Taking blocks for flat instead blurs what the network
    was trained on: on nine films the root mean square difference from the mean over stored pixels was two to five times
    as large.
    """
    edges = np.clip((start + scale * np.arange(count + 1)) / reduction, 0.0, blocks)
    first = np.clip(np.floor(edges).astype(np.intp) - 1, 0, blocks - 3)
    x = edges - first
    through = np.stack(
        [
            -(x - 1.0) * (x - 2.0) * (x - 3.0) / 6.0,
            x * (x - 2.0) * (x - 3.0) / 2.0,
            -x * (x - 1.0) * (x - 3.0) / 2.0,
            x * (x - 1.0) * (x - 2.0) / 6.0,
        ],
        axis=1,
    )
    # The weight of a block in a sum up to an edge is that of all edges after it.
    after = np.pad(np.cumsum(through[:, ::-1], axis=1)[:, ::-1], ((0, 0), (0, 1)))
    near = first[:-1, None] + np.arange(int((first[1:] - first[:-1]).max()) + 4)
    end, begin = (
        np.take_along_axis(after[part], np.clip(near + 1 - first[part, None], 0, 4), axis=1)
        for part in (slice(1, None), slice(None, -1))
    )
    weights = np.where(near < blocks, end - begin, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return _Weights(weights.astype(np.float32), np.minimum(near, blocks - 1))


def mask_to_prepared(mask: NDArray[np.bool_], grid: GridMap) -> NDArray[np.float32]:
    """Return the fraction of each prepared pixel that a source mask covers.

    Parameters
    ----------
    mask
        (rows, columns) bool on the source grid.
    grid
        Mapping between the two grids.

    Returns
    -------
    ndarray
        (rows, columns) float32 in [0, 1] on the prepared grid.

    """
    rows, columns = kept_part(grid)
    return part_to_prepared(mask[rows, columns], grid)


def part_to_prepared(part: NDArray[np.bool_], grid: GridMap) -> NDArray[np.float32]:
    """Return the same as `mask_to_prepared` for a mask of only the part of the source that the grid covers."""
    return _resize(part.astype(np.float32), grid, enlarging=cv2.INTER_LINEAR)


def cells_to_prepared(cells: NDArray[np.bool_], grid: GridMap) -> NDArray[np.float32]:
    """Return the fraction of each prepared pixel that a mask of the part that the grid covers fills.

    ``cells``: the mask in coarser cells, each of which stands for the source pixels nearest to it.
    """
    by_rows, by_columns = (
        _weights_of_cells(count, scale, held)
        for count, scale, held in zip(
            grid.prepared_shape, (grid.row_scale, grid.column_scale), cells.shape, strict=True
        )
    )
    return by_columns.of_rows(by_rows.of_rows(cells.astype(np.float32)).T).T


def _weights_of_cells(count: int, scale: float, cells: int) -> _Weights:
    """Return the share (count, cells) float32 of each prepared pixel that lies in each cell, along one axis."""
    length = round(count * scale)
    # As OpenCV finds the nearest, rounding included.
    nearest = np.floor(np.arange(length) * (1.0 / (length / cells)))
    edges = np.searchsorted(nearest, np.arange(cells + 1))
    low = scale * np.arange(count + 1)
    first = np.clip(np.searchsorted(edges, low, side="right") - 1, 0, cells - 1)
    near = first[:-1, None] + np.arange(int((first[1:] - first[:-1]).max()) + 1)
    inside = np.minimum(near, cells - 1)
    share = np.minimum(low[1:, None], edges[inside + 1]) - np.maximum(low[:-1, None], edges[inside])
    share = np.where(near < cells, np.maximum(share, 0.0), 0.0) / scale
    return _Weights(share.astype(np.float32), inside)


def _resize(part: NDArray[np.float32], grid: GridMap, *, enlarging: int) -> NDArray[np.float32]:
    """Resample the kept part, each direction by its own method: pixels need not be square."""
    height, width = grid.prepared_shape
    by_rows = cv2.INTER_AREA if grid.row_scale >= 1.0 else enlarging
    by_columns = cv2.INTER_AREA if grid.column_scale >= 1.0 else enlarging
    if by_rows != by_columns:
        part = np.asarray(cv2.resize(part, (part.shape[1], height), interpolation=by_rows), dtype=np.float32)
    return np.asarray(cv2.resize(part, (width, height), interpolation=by_columns), dtype=np.float32)


def probability_to_source(probability: NDArray[np.float32], grid: GridMap) -> NDArray[np.float32]:
    """Resample a prepared map to the source grid, linearly between pixel centres.

    Parameters
    ----------
    probability
        (rows, columns) float32 on the prepared grid.
    grid
        Mapping between the two grids.

    Returns
    -------
    ndarray
        (rows, columns) float32 on the source grid; 0 outside the kept part.

    """
    rows, columns = kept_part(grid)
    whole = np.zeros(grid.source_shape, np.float32)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    whole[rows, columns] = cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR)
    return whole


def mask_to_source(share: NDArray[np.float32], grid: GridMap) -> NDArray[np.bool_]:
    """Resample a prepared mask or coverage to the source grid and threshold it at one half.

    Parameters
    ----------
    share
        (rows, columns) bool, or float32 coverage in [0, 1], on the prepared grid.
    grid
        Mapping between the two grids.

    Returns
    -------
    ndarray
        (rows, columns) bool on the source grid.

    """
    return np.asarray(probability_to_source(share.astype(np.float32), grid) >= 0.5)
