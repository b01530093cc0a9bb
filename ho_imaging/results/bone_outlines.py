"""Outlines of bones, implants and body on a film, with what maps and scales them.

They are kept beside the result: for pictures, and to grade a side again from outlines that a reader corrected.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isinf
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ho_imaging.findings.outline import outlines
from ho_imaging.results.schema import PointPx
from ho_imaging.severity.film import FilmReading
from ho_imaging.vocabulary import Side, SpacingBasis, Structure

__all__ = ["DRAWN", "BoneOutlines", "FilmGeometry", "KeptJoint", "bone_outlines"]

_TOLERANCE_PX = 0.1
"""Outlines leave out points that are off a straight line by less than this, in prepared pixels (0.06 mm).

What touches is judged to half a prepared pixel. Of 120 sides of simulated films one was graded otherwise again from
kept outlines; with 0.35 pixels it was two of 148.
"""

_DIGITS = 2
_MOST_CELLS = 1 << 14

DRAWN = (Structure.PELVIS, Structure.FEMUR, Structure.FEMORAL_HEAD, Structure.IMPLANT)
"""What pictures show; the body's outline is kept for grades of residual limbs."""

_FROM_MASKS = (Structure.IMPLANT, Structure.BODY)

Outline = tuple[PointPx, ...]
Cells = Annotated[int, Field(ge=1, le=_MOST_CELLS)]
Positive = Annotated[float, Field(gt=0.0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_enum_values=True)


class KeptJoint(_Part):
    """A femoral head, or that of an implant: side, centre (row, column) and radius in source pixels."""

    side: Side
    center_px: PointPx
    radius_px: Positive
    radius_mm: Positive | None


class FilmGeometry(_Part):
    """What a grade needs besides outlines: the prepared grid, its scale, the joints, and which side lies where.

    A prepared point is (source point - offset) / scale on each axis. ``pixel_mm``: side of a prepared pixel,
    ``None`` without millimetres; ``assumed_pixel_mm`` is what the grid was then chosen for. ``sides``: of the columns
    before ``middle_px`` and from it on, ``None`` where the film shows one side.
    """

    prepared_shape: tuple[Cells, Cells]
    scale: tuple[Positive, Positive]
    offset: PointPx
    pixel_mm: Positive | None
    assumed_pixel_mm: Positive
    basis: SpacingBasis
    joints: tuple[KeptJoint, ...]
    sides: tuple[Side, Side]
    middle_px: float | None


class BoneOutlines(_Part):
    """What the network saw of bones and implants on one film.

    Outlines are closed rings of (row, column) in source pixels with pixel centres at whole numbers; a ring in a ring is
    a hole. ``model_sha256``: of the weights that saw them. ``geometry``: since 1.1.
    """

    schema_version: Literal["1.0", "1.1"] = "1.1"
    sop_instance_uid: str
    model_sha256: str
    outlines: dict[Structure, tuple[Outline, ...]]
    geometry: FilmGeometry | None = None

    def to_json(self) -> str:
        """Write them as JSON; the same outlines give the same text."""
        return json.dumps(self.model_dump(mode="json"), separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> BoneOutlines:
        """Read them back; raises ``pydantic.ValidationError`` (a ``ValueError``) for anything else."""
        return cls.model_validate_json(text)


def bone_outlines(reading: FilmReading, model_sha256: str) -> BoneOutlines:
    """Return the outlines of a film's anatomy in source pixels, with as few points as hold them, and its geometry."""
    anatomy, grid = reading.anatomy, reading.prepared.grid
    found: dict[Structure, tuple[Outline, ...]] = {}
    for structure in (*DRAWN, Structure.BODY):
        rings: Sequence[NDArray[np.float64]]
        if structure in _FROM_MASKS:
            rings = outlines(anatomy.masks[structure].astype(np.float32), 0.5)
        else:
            rings = anatomy.outlines[structure]
        kept = [_thinned(ring) for ring in rings]
        found[structure] = tuple(_points(grid.points_to_source(ring)) for ring in kept if len(ring) >= 3)
    uid = reading.prepared.radiograph.sop_instance_uid
    return BoneOutlines(sop_instance_uid=uid, model_sha256=model_sha256, outlines=found, geometry=_geometry(reading))


def _geometry(reading: FilmReading) -> FilmGeometry:
    anatomy, prepared, grid = reading.anatomy, reading.prepared, reading.prepared.grid
    plan = anatomy.sides
    return FilmGeometry(
        prepared_shape=grid.prepared_shape,
        scale=(grid.row_scale, grid.column_scale),
        offset=(grid.row_offset, grid.column_offset),
        pixel_mm=anatomy.pixel_mm,
        assumed_pixel_mm=prepared.assumed_pixel_mm,
        basis=anatomy.basis,
        joints=tuple(
            KeptJoint(side=joint.side, center_px=joint.center_px, radius_px=joint.radius_px, radius_mm=joint.radius_mm)
            for joint in anatomy.joints
        ),
        sides=(plan.first, plan.second),
        middle_px=None if isinf(plan.middle_px) else plan.middle_px,
    )


def _thinned(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    thin = cv2.approxPolyDP(ring.astype(np.float32)[:, None], _TOLERANCE_PX, True)
    return np.asarray(thin[:, 0], dtype=np.float64)


def _points(ring: NDArray[np.float64]) -> Outline:
    return tuple((float(r), float(c)) for r, c in np.round(ring, _DIGITS).tolist())
