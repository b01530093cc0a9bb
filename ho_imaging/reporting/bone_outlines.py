"""Outlines of bones and implants on a film, kept beside the result for pictures; no measurement is made from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ho_imaging.findings.outline import outlines
from ho_imaging.reporting.schema import PointPx
from ho_imaging.severity.film import FilmReading
from ho_imaging.vocabulary import Structure

__all__ = ["BONE_OUTLINES_SUFFIX", "BoneOutlines", "bone_outlines"]

BONE_OUTLINES_SUFFIX = ".bones.json"
"""A film's file lies beside ``result.json`` under the film's name with this suffix."""

_TOLERANCE_PX = 0.35
"""Outlines leave out points that are off a straight line by less than this, in prepared pixels (0.2 mm)."""

_FROM_MASKS = (Structure.IMPLANT,)
_SHOWN = (Structure.PELVIS, Structure.FEMUR, Structure.FEMORAL_HEAD, Structure.IMPLANT)

Outline = tuple[PointPx, ...]


class BoneOutlines(BaseModel):
    """What the network saw of bones and implants on one film.

    Outlines are closed rings of (row, column) in source pixels with pixel centres at whole numbers; a ring in a ring is
    a hole. ``model_sha256``: of the weights that saw them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_enum_values=True)

    schema_version: Literal["1.0"] = "1.0"
    sop_instance_uid: str
    model_sha256: str
    outlines: dict[Structure, tuple[Outline, ...]]

    def to_json(self) -> str:
        """Write them as JSON; the same outlines give the same text."""
        return json.dumps(self.model_dump(mode="json"), separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> BoneOutlines:
        """Read them back; raises ``pydantic.ValidationError`` (a ``ValueError``) for anything else."""
        return cls.model_validate_json(text)


def bone_outlines(reading: FilmReading, model_sha256: str) -> BoneOutlines:
    """Give the outlines of a film's anatomy in source pixels, with as few points as show them."""
    anatomy, grid = reading.anatomy, reading.prepared.grid
    found: dict[Structure, tuple[Outline, ...]] = {}
    for structure in _SHOWN:
        rings: Sequence[NDArray[np.float64]]
        if structure in _FROM_MASKS:
            rings = outlines(anatomy.masks[structure].astype(np.float32), 0.5)
        else:
            rings = anatomy.outlines[structure]
        kept = [_thinned(ring) for ring in rings]
        found[structure] = tuple(_points(grid.points_to_source(ring)) for ring in kept if len(ring) >= 3)
    uid = reading.prepared.radiograph.sop_instance_uid
    return BoneOutlines(sop_instance_uid=uid, model_sha256=model_sha256, outlines=found)


def _thinned(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    thin = cv2.approxPolyDP(ring.astype(np.float32)[:, None], _TOLERANCE_PX, True)
    return np.asarray(thin[:, 0], dtype=np.float64)


def _points(ring: NDArray[np.float64]) -> Outline:
    return tuple((float(r), float(c)) for r, c in np.round(ring, 1).tolist())
