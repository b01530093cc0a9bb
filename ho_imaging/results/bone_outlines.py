"""Outlines of bones, implants and body on a film, with what maps and scales them.

They are kept beside the result: for pictures, and to grade a side again from outlines that a reader corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf
from pathlib import Path
from typing import Annotated, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from ho_imaging.findings.outline import outlines
from ho_imaging.results.points import PointXY, Ring, points_xy
from ho_imaging.results.schema_base import Part
from ho_imaging.results.versions import not_read, read_kept
from ho_imaging.severity.film import FilmReading
from ho_imaging.vocabulary import Side, SpacingBasis, Structure

__all__ = [
    "BONE_OUTLINES_VERSION",
    "BoneOutlines",
    "FilmGeometry",
    "KeptJoint",
    "bone_outlines",
    "read_bone_outlines",
]

BONE_OUTLINES_VERSION: Final = "2.0"

_TOLERANCE_PX = 0.1
"""Outlines leave out points that are off a straight line by less than this, in prepared pixels (0.06 mm).

What touches is judged to half a prepared pixel. Of 120 sides of simulated films one was graded otherwise again from
kept outlines; with 0.35 pixels it was two of 148.
"""

_MOST_CELLS = 1 << 14
_MOST_BYTES = 64 << 20
_JOINT_DIGITS = 6
"""A grade from kept outlines measures from the joint's centre as the first one did."""

_ANALYSE_AGAIN = "analyse the study again to have them"

_FROM_MASKS = (Structure.IMPLANT, Structure.BODY)

Cells = Annotated[int, Field(ge=1, le=_MOST_CELLS)]
Positive = Annotated[float, Field(gt=0.0)]


class KeptJoint(Part):
    """A joint: its landmark, or the implant in its place."""

    side: Side = Field(description="Side of the patient that it belongs to.")
    center_xy_px: PointXY = Field(
        description="Centre, (x, y) = (column, row) in source pixels, pixel centres at whole numbers."
    )
    radius_px: Positive = Field(description="Radius in source pixels of a column's width.")
    radius_mm: Positive | None = Field(description="Radius in mm; null without millimetres.")


class FilmGeometry(Part):
    """Data of a film for its grade besides outlines: the prepared grid, its scale, the joints, and the sides.

    The network sees a film on a prepared grid: source row = row_offset_px + row_scale * prepared row, and likewise for
    columns.
    """

    prepared_shape: tuple[Cells, Cells] = Field(description="Size of the prepared grid: rows, then columns.")
    row_scale: Positive = Field(description="Height of a prepared pixel in source pixels.")
    row_offset_px: float = Field(description="Source row, in pixels, of the centre of prepared row 0.")
    column_scale: Positive = Field(description="Width of a prepared pixel in source pixels.")
    column_offset_px: float = Field(description="Source column, in pixels, of the centre of prepared column 0.")
    prepared_pixel_mm: Positive = Field(
        description="Side of a prepared pixel in mm; what the grid was chosen for where the basis is none."
    )
    basis: SpacingBasis = Field(description="What the millimetres rest on.")
    joints: tuple[KeptJoint, ...] = Field(description="The joints seen on the film.")
    sides: tuple[Side, Side] = Field(
        description="Side of the patient of what lies left of middle_x_px on the film, and from it on."
    )
    middle_x_px: float | None = Field(
        description="x (column) in source pixels where two sides meet; null where the film shows one side."
    )


class BoneOutlines(Part):
    """Bones and implants on one film, as the network segmented them."""

    schema_version: Literal["2.0"] = Field(default=BONE_OUTLINES_VERSION, description="Version of this schema.")
    sop_instance_uid: str = Field(description="SOP Instance UID of the film.")
    model_sha256: str = Field(description="SHA-256 of the weights that saw them, in hex.")
    outlines_xy_px: dict[Structure, tuple[Ring, ...]] = Field(
        description="Closed rings by structure; a ring in a ring is a hole (even-odd rule). Points are (x, y) = "
        "(column, row) in source pixels, pixel centres at whole numbers."
    )
    geometry: FilmGeometry = Field(description="The prepared grid, its scale, the joints, and which side lies where.")

    @property
    def drawn(self) -> dict[str, tuple[Ring, ...]]:
        """Outlines that pictures show: bones in the order of the plan, and implants; the body's is kept for grades."""
        return {str(name): rings for name, rings in self.outlines_xy_px.items() if name != Structure.BODY}

    def to_json(self) -> str:
        """Return them as JSON; the same outlines give the same text."""
        return self.model_dump_json() + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> BoneOutlines:
        """Return what a text holds; raise ``pydantic.ValidationError`` (a ``ValueError``) for anything else."""
        return cls.model_validate_json(text)


def bone_outlines(reading: FilmReading, model_sha256: str) -> BoneOutlines:
    """Return the outlines of a film's anatomy in source pixels, with as few points as hold them, and its geometry."""
    anatomy, grid = reading.anatomy, reading.prepared.grid
    found: dict[Structure, tuple[Ring, ...]] = {}
    for structure in (*anatomy.plan.outlined, *_FROM_MASKS):
        rings: Sequence[NDArray[np.float64]]
        if structure in _FROM_MASKS:
            rings = outlines(anatomy.masks[structure].astype(np.float32), 0.5)
        else:
            rings = anatomy.outlines[structure]
        kept = [_thinned(ring) for ring in rings]
        found[structure] = tuple(points_xy(grid.points_to_source(ring)) for ring in kept if len(ring) >= 3)
    uid = reading.prepared.radiograph.sop_instance_uid
    return BoneOutlines(
        sop_instance_uid=uid, model_sha256=model_sha256, outlines_xy_px=found, geometry=_geometry(reading)
    )


def read_bone_outlines(path: Path) -> BoneOutlines:
    """Return the outlines kept in a file; raise `ReadError` where it cannot be read or holds something else."""
    text = read_kept(path, _MOST_BYTES, remedy=_ANALYSE_AGAIN)
    try:
        return BoneOutlines.from_json(text)
    except ValidationError as error:
        raise not_read(
            error, text, "outlines of bones", BONE_OUTLINES_VERSION, path=path, remedy=_ANALYSE_AGAIN
        ) from error


def _geometry(reading: FilmReading) -> FilmGeometry:
    anatomy, grid = reading.anatomy, reading.prepared.grid
    plan = anatomy.sides
    return FilmGeometry(
        prepared_shape=grid.prepared_shape,
        row_scale=grid.row_scale,
        row_offset_px=grid.row_offset,
        column_scale=grid.column_scale,
        column_offset_px=grid.column_offset,
        prepared_pixel_mm=anatomy.scale.cell_mm,
        basis=anatomy.scale.basis,
        joints=tuple(
            KeptJoint(
                side=joint.side,
                center_xy_px=points_xy([joint.center_px], _JOINT_DIGITS)[0],
                radius_px=joint.radius_px,
                radius_mm=joint.radius_mm,
            )
            for joint in anatomy.joints
        ),
        sides=(plan.first, plan.second),
        middle_x_px=None if isinf(plan.middle_px) else plan.middle_px,
    )


def _thinned(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    thin = cv2.approxPolyDP(ring.astype(np.float32)[:, None], _TOLERANCE_PX, True)
    return np.asarray(thin[:, 0], dtype=np.float64)
