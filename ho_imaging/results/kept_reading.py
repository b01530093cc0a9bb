"""A film as the severity rules see it, made again from what is kept beside a result."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from ho_imaging.findings.finding import Anatomy, Finding, Joint, Outlines
from ho_imaging.findings.outline import extent, filled
from ho_imaging.findings.sides import SidePlan
from ho_imaging.preparing.prepared import GridMap, Prepared
from ho_imaging.reading.radiograph import Radiograph, Sourced, Spacing
from ho_imaging.results.bone_outlines import BoneOutlines, FilmGeometry
from ho_imaging.results.points import PointXY, rows_columns
from ho_imaging.results.schema import ImageResult
from ho_imaging.severity.film import FilmReading
from ho_imaging.severity.layout import shape_of
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Structure, View

__all__ = ["kept_reading", "outlined_finding"]

_OUTLINED = (Structure.PELVIS, Structure.FEMUR, Structure.FEMORAL_HEAD)
_MASKED = (*_OUTLINED, Structure.IMPLANT, Structure.BODY)

Points = NDArray[np.float64]


def kept_reading(image: ImageResult, bones: BoneOutlines) -> FilmReading | None:
    """Return a film's anatomy without nodules, or ``None`` of a film whose size is not known.

    Its pixels are not there: density cannot be measured on it, everything that a grade rests on can.
    """
    geometry = bones.geometry
    if image.rows is None or image.columns is None:
        return None
    grid = _grid(image.rows, image.columns, geometry)
    prepared = Prepared(
        radiograph=_radiograph(image, image.rows, image.columns),
        pixels=np.broadcast_to(np.float32(0.0), grid.prepared_shape),
        valid=np.broadcast_to(np.True_, grid.prepared_shape),
        pixel_mm=geometry.pixel_mm,
        assumed_pixel_mm=geometry.assumed_pixel_mm,
        grid=grid,
    )
    rings = {structure: _prepared_rings(bones.outlines_xy_px.get(structure, ()), grid) for structure in _MASKED}
    first, second = (Side(side) for side in geometry.sides)
    anatomy = Anatomy(
        masks={structure: _mask(rings[structure], grid) for structure in _MASKED},
        outlines={structure: rings[structure] for structure in _OUTLINED},
        joints=tuple(
            Joint(Side(joint.side), _row_column(joint.center_xy_px), joint.radius_px, joint.radius_mm)
            for joint in geometry.joints
        ),
        sides=SidePlan(first, second, inf if geometry.middle_x_px is None else geometry.middle_x_px),
        pixel_mm=geometry.pixel_mm,
        basis=SpacingBasis(geometry.basis),
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
    grid, mm = film.prepared.grid, film.anatomy.pixel_mm
    rings = _prepared_rings(contours_xy_px, grid)
    shape = shape_of(rings)
    size = extent(np.concatenate(rings))
    middle = grid.points_to_source(np.array([[shape.centroid.y, shape.centroid.x]]))[0]
    long_ends, short_ends = (grid.points_to_source(ends) for ends in (size.long_ends, size.short_ends))
    cells = float(shape.area)
    source_cells = grid.row_scale * grid.column_scale
    return Finding(
        id=name,
        sop_instance_uid=film.prepared.radiograph.sop_instance_uid,
        side=film.anatomy.sides.at(float(middle[1])),
        contours_px=tuple(grid.points_to_source(ring) for ring in rings),
        centroid_px=(float(middle[0]), float(middle[1])),
        long_axis_ends_px=_ends(long_ends),
        short_axis_ends_px=_ends(short_ends),
        area_px=cells * source_cells,
        area_mm2=None if mm is None else cells * mm**2,
        area_range_mm2=None,
        long_axis_px=float(np.linalg.norm(long_ends[1] - long_ends[0])),
        long_axis_mm=None if mm is None else size.long_axis * mm,
        short_axis_px=float(np.linalg.norm(short_ends[1] - short_ends[0])),
        short_axis_mm=None if mm is None else size.short_axis * mm,
        mean_probability=confidence,
        confidence=confidence,
        density_ratio=density_ratio,
        nearest_bone=None,
        distance_to_bone_mm=None,
        distance_to_joint_mm=None,
        distance_to_joint_radii=None,
        periarticular=None,
        joined_to=(),
        mask=_mask(rings, grid),
        levels=(rings, rings, rings),
    )


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


def _ends(points: Points) -> tuple[tuple[float, float], tuple[float, float]]:
    return (float(points[0, 0]), float(points[0, 1])), (float(points[1, 0]), float(points[1, 1]))
