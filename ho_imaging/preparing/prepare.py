"""Preparation of a radiograph for the network."""

from __future__ import annotations

import numpy as np

from ho_imaging.preparing.collimation import find_exposed_area
from ho_imaging.preparing.contract import PreparationContract
from ho_imaging.preparing.intensity import normalise_intensity
from ho_imaging.preparing.prepared import Prepared
from ho_imaging.preparing.resample import cells_to_prepared, grid_for, part_to_prepared, to_prepared
from ho_imaging.preparing.scale import Scale
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.reading.reduction import reduce_radiograph
from ho_imaging.reading.spacing import LARGEST_EXTENT_MM
from ho_imaging.regions import plan_of
from ho_imaging.vocabulary import SpacingBasis

__all__ = ["prepare"]


def prepare(
    radiograph: Radiograph, contract: PreparationContract | None = None, *, source_pixel_mm: float | None = None
) -> Prepared:
    """Crop a radiograph to its exposed area and bring it to the contract's pixel size and intensity scale.

    Parameters
    ----------
    radiograph
        The radiograph as read; its spacing determines the grid.
    contract
        Preparation that the weights were trained with; ``None`` takes the default.
    source_pixel_mm
        Width of a source pixel in mm for an image without spacing, for example estimated from the landmark of the
        joint; ``None`` assumes the usual field size of the region.

    Returns
    -------
    Prepared
        The image on the network's grid with its mapping to the source.

    """
    contract = contract or PreparationContract()
    # Grain that is finer than what is looked at must not hide a border, nor the way a film was read move it.
    seen = reduce_radiograph(radiograph, contract.coarsest_source_mm)
    area = find_exposed_area(seen.pixels, seen.padding, seen.reduction, seen.shape)
    spacing = radiograph.spacing
    aspect = radiograph.aspect_ratio
    if spacing.row_mm is not None and spacing.column_mm is not None:
        row_mm, column_mm, basis = spacing.row_mm, spacing.column_mm, spacing.basis
    else:
        basis = SpacingBasis.NONE
        height, width = (part.stop - part.start for part in (area.rows, area.columns))
        longest_px = max(height * aspect, width)
        column_mm = source_pixel_mm or plan_of(radiograph.region.value).long_side_mm / longest_px
        column_mm = min(column_mm, LARGEST_EXTENT_MM / longest_px)  # bounds what a wrong guess can allocate
        row_mm = column_mm * aspect
    grid = grid_for(
        radiograph.shape,
        area.rows,
        area.columns,
        (contract.pixel_mm / row_mm, contract.pixel_mm / column_mm),
    )
    # The grid covers the kept part and nothing else.
    if area.cells.all() and not area.has_padding:
        valid = np.ones(grid.prepared_shape, dtype=bool)
    elif area.has_padding or min(grid.row_scale, grid.column_scale) < 1.0:
        valid = part_to_prepared(area.valid, grid) > 0.5
    else:
        valid = cells_to_prepared(area.cells, grid) > 0.5
    return Prepared(
        radiograph=radiograph,
        pixels=normalise_intensity(to_prepared(radiograph.pixels, grid, radiograph.reduction), valid),
        valid=valid,
        scale=Scale(contract.pixel_mm, basis),
        grid=grid,
    )
