"""A film as the severity rules see it, made again from what is kept beside a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from ho_imaging.findings.finding import Anatomy, Finding, Joint, Outlines
from ho_imaging.findings.outline import filled
from ho_imaging.findings.sides import SidePlan
from ho_imaging.preparing.prepared import GridMap, Prepared
from ho_imaging.preparing.scale import Scale
from ho_imaging.reading.radiograph import Radiograph, Sourced, Spacing
from ho_imaging.regions import plan_of
from ho_imaging.results.bone_outlines import BoneOutlines, FilmGeometry
from ho_imaging.results.points import PointXY, rows_columns
from ho_imaging.results.schema import ImageResult
from ho_imaging.severity.film import FilmReading
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Structure, View

__all__ = ["kept_reading", "outlined_finding"]

_COMMON = (Structure.IMPLANT, Structure.BODY)

Points = NDArray[np.float64]


def kept_reading(image: ImageResult, bones: BoneOutlines) -> FilmReading | None:
    """Return a film's anatomy without nodules, or ``None`` of a film whose size is not known.

    Its pixels are not there: density cannot be measured on it, everything that a grade rests on can.
    """
    geometry = bones.geometry
    if image.rows is None or image.columns is None:
        return None
    grid = _grid(image.rows, image.columns, geometry)
    scale = Scale(geometry.prepared_pixel_mm, SpacingBasis(geometry.basis))
    plan = plan_of(Region(image.region))
    prepared = Prepared(
        radiograph=_radiograph(image, image.rows, image.columns),
        pixels=np.broadcast_to(np.float32(0.0), grid.prepared_shape),
        valid=np.broadcast_to(np.True_, grid.prepared_shape),
        scale=scale,
        grid=grid,
    )
    kept = (*plan.outlined, *_COMMON)
    rings = {structure: _prepared_rings(bones.outlines_xy_px.get(structure, ()), grid) for structure in kept}
    first, second = (Side(side) for side in geometry.sides)
    anatomy = Anatomy(
        masks={structure: _mask(shape, grid) for structure, shape in rings.items()},
        outlines={structure: rings[structure] for structure in plan.outlined},
        joints=tuple(
            Joint(Side(joint.side), _row_column(joint.center_xy_px), joint.radius_px, joint.radius_mm)
            for joint in geometry.joints
        ),
        sides=SidePlan(first, second, inf if geometry.middle_x_px is None else geometry.middle_x_px),
        scale=scale,
        plan=plan,
    )
    return FilmReading(prepared, anatomy, ())


def outlined_finding(
    film: FilmReading,
    contours_xy_px: Sequence[Sequence[PointXY]],
    *,
    name: str,
    confidence: float,
    density_ratio: float | None = None,
) -> Finding:
    """Return a nodule of a film from its outline, (x, y) in source pixels, measured as a found one is.

    Its three outlines are one and the same: how sure the network was of an edge is not known of an outline alone.
    """
    grid, cell_mm = film.prepared.grid, film.anatomy.scale.measured_mm
    rings = _prepared_rings(contours_xy_px, grid)
    contours_px = tuple(grid.points_to_source(ring) for ring in rings)
    found = Finding.outlined(
        contours_px,
        name=name,
        sop_instance_uid=film.prepared.radiograph.sop_instance_uid,
        side=Side.UNKNOWN,
        spacing_mm=None if cell_mm is None else (cell_mm / grid.row_scale, cell_mm / grid.column_scale),
        confidence=confidence,
        density_ratio=density_ratio,
        mask=_mask(rings, grid),
        levels=(rings, rings, rings),
    )
    return replace(found, side=film.anatomy.sides.at(found.centroid_px[1]))


def _grid(rows: int, columns: int, geometry: FilmGeometry) -> GridMap:
    return GridMap(
        source_shape=(rows, columns),
        prepared_shape=geometry.prepared_shape,
        row_scale=geometry.row_scale,
        row_offset=geometry.row_offset_px,
        column_scale=geometry.column_scale,
        column_offset=geometry.column_offset_px,
    )


def _radiograph(image: ImageResult, rows: int, columns: int) -> Radiograph:
    """Return what the result says of a film, over pixels that are not there."""
    row_mm, column_mm = image.spacing_mm or (None, None)
    basis = SpacingBasis(image.spacing_basis)
    return Radiograph(
        pixels=np.broadcast_to(np.float32(0.0), (rows, columns)),
        padding=None,
        spacing=Spacing(row_mm, column_mm, basis, image.spacing_source, image.magnification),
        region=Sourced(Region(image.region), image.region_source),
        view=Sourced(View(image.view), image.view_source),
        laterality=Sourced(Laterality(image.laterality), image.laterality_source),
        study_uid="",
        series_uid=image.series_uid or "",
        sop_instance_uid=image.sop_instance_uid,
        frame=image.frame,
        path=image.path,
        modality="",
    )


def _prepared_rings(contours_xy_px: Sequence[Sequence[PointXY]], grid: GridMap) -> Outlines:
    """Return outlines (x, y) in source pixels as closed rings of (row, column) on the prepared grid."""
    rings = [grid.points_to_prepared(rows_columns(ring)) for ring in contours_xy_px if len(ring) >= 3]
    return tuple(ring if np.array_equal(ring[0], ring[-1]) else np.vstack([ring, ring[:1]]) for ring in rings)


def _mask(rings: Outlines, grid: GridMap) -> NDArray[np.bool_]:
    return filled(rings, grid.prepared_shape)


def _row_column(point_xy_px: PointXY) -> tuple[float, float]:
    row, column = rows_columns(point_xy_px).tolist()
    return row, column
