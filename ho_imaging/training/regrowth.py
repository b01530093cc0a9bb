"""Variation of a patient's nodules: some removed, some transformed, some from another patient.

Attenuation adds along a ray, so nodules projected once can be added to any patient. Images without a nodule where one
would be typical teach most: without them a network learns where ectopic bone grows instead of what it looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.scene import FRINGE_MM, Layer
from ho_imaging.training.cases import MASK_BITS, Case, CaseInfo
from ho_imaging.vocabulary import Structure

__all__ = ["Place", "Regrown", "regrow", "turned"]

NONE_SHARE = 0.25
LEFT_OUT_SHARE = 0.2
GIVEN_SHARE = 0.5
WANDER_MM = 15.0
TRIES = 6


class Place(NamedTuple):
    """Rectangle on the image, in pixels, where a nodule is or could be."""

    top: int
    left: int
    height: int
    width: int


class Regrown(NamedTuple):
    """A case with its new nodules, and the places of old and new ones."""

    case: Case
    places: tuple[Place, ...]


def regrow(case: Case, donor: tuple[CaseInfo, Sequence[Layer]] | None, rng: np.random.Generator) -> Regrown:
    """Replace a patient's nodules by others.

    Parameters
    ----------
    case
        The case.
    donor
        Metadata and nodules of another patient's case, or ``None``.
    rng
        Random generator.

    Returns
    -------
    Regrown
        The case with its new nodules, not yet added to thickness and masks.

    """
    places = [_place(layer) for layer in case.nodules]
    grown: list[Layer] = []
    if rng.random() >= NONE_SHARE:
        for layer in case.nodules:
            if rng.random() < LEFT_OUT_SHARE:
                continue
            if layer.fixed:
                factor = np.float32(np.exp(rng.normal(-0.1, 0.4)))
                grown.append(Layer(layer.top, layer.left, layer.mineral_mm * factor, fixed=True))
            else:
                grown.extend(_settle(case, layer, _center(layer), rng))
        if donor is not None and case.info.heads_rc and rng.random() < GIVEN_SHARE:
            grown.extend(_from_donor(case, *donor, rng))
    places += [_place(layer) for layer in grown if not layer.fixed]
    return Regrown(case._replace(nodules=tuple(grown)), tuple(places))


def _from_donor(case: Case, info: CaseInfo, layers: Sequence[Layer], rng: np.random.Generator) -> list[Layer]:
    free = [layer for layer in layers if not layer.fixed]
    if not free or not info.heads_rc:
        return []
    grown = []
    for _ in range(int(rng.integers(1, 4))):
        layer = free[int(rng.integers(len(free)))]
        center = _center(layer)
        heads = np.asarray(info.heads_rc)
        away = center - heads[np.argmin(np.linalg.norm(heads - center, axis=1))]
        away[1] *= rng.choice([-1.0, 1.0])
        head = np.asarray(case.info.heads_rc[int(rng.integers(len(case.info.heads_rc)))])
        grown.extend(_settle(case, layer, head + away, rng))
    return grown


def _settle(case: Case, layer: Layer, center: NDArray[np.float64], rng: np.random.Generator) -> list[Layer]:
    """Transform a free nodule and place it near ``center``, inside the body and mostly off the bones."""
    patch = turned(layer.mineral_mm, rng)
    side = len(patch)
    solid = patch > FRINGE_MM
    area = int(solid.sum())
    if not area:
        return []
    rows, columns = case.bits.shape
    bones = sum(1 << MASK_BITS[s] for s in (Structure.PELVIS, Structure.FEMUR, Structure.IMPLANT))
    may_lie_on_bone = rng.random() < 0.2
    for _ in range(TRIES):
        corner = center + rng.normal(0.0, WANDER_MM / case.info.pixel_mm, 2) - (side - 1) / 2
        corner_row, corner_column = round(corner[0]), round(corner[1])
        top, left = max(corner_row, 0), max(corner_column, 0)
        bottom, right = min(corner_row + side, rows), min(corner_column + side, columns)
        if top >= bottom or left >= right:
            continue
        cut = (
            slice(top - corner_row, bottom - corner_row),
            slice(left - corner_column, right - corner_column),
        )
        under = case.bits[top:bottom, left:right][solid[cut]]
        inside = np.count_nonzero(under >> MASK_BITS[Structure.BODY] & 1) >= 0.98 * area
        on_bone = np.count_nonzero(under & bones) > 0.4 * area
        if inside and (may_lie_on_bone or not on_bone):
            return [Layer(top, left, np.ascontiguousarray(patch[cut]), fixed=False)]
    return []


def turned(mineral_mm: NDArray[np.float32], rng: np.random.Generator, *, scale: float = 1.0) -> NDArray[np.float32]:
    """Rotate, mirror and scale a nodule at random.

    Parameters
    ----------
    mineral_mm
        (rows, columns) float32, mm of cortex.
    rng
        Random generator.
    scale
        Pixels of the result per pixel of the input.

    Returns
    -------
    ndarray
        (side, side) float32, mm of cortex.

    """
    growth = float(np.exp(rng.uniform(np.log(0.45), np.log(1.4))))
    zoom = growth * scale
    side = int(np.ceil(np.hypot(*mineral_mm.shape) * zoom)) + 3
    turn = cv2.getRotationMatrix2D(
        ((mineral_mm.shape[1] - 1) / 2, (mineral_mm.shape[0] - 1) / 2), float(rng.uniform(0.0, 360.0)), zoom
    )
    shift = 0.5 * (side - np.array(mineral_mm.shape[::-1]))
    turn = turn + np.column_stack([np.zeros((2, 2)), shift])
    source = cv2.GaussianBlur(mineral_mm, (0, 0), 0.4 / zoom) if zoom < 0.8 else mineral_mm
    square = np.asarray(cv2.warpAffine(source, turn, (side, side)), dtype=np.float32)
    # A smaller nodule is thinner as well.
    square *= np.float32(growth * np.exp(rng.normal(0.0, 0.35)))
    return np.ascontiguousarray(square[:, ::-1]) if rng.random() < 0.5 else square


def _center(layer: Layer) -> NDArray[np.float64]:
    height, width = layer.mineral_mm.shape
    return np.array([layer.top + (height - 1) / 2, layer.left + (width - 1) / 2])


def _place(layer: Layer) -> Place:
    return Place(layer.top, layer.left, *layer.mineral_mm.shape)
