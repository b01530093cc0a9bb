"""Fresh fractures of the proximal femur and the pelvis, with displaced parts and fragments.

A fracture is made in projection: the bone's layers are cut along a ragged line, one part is moved over or away from the
other, and splinters are cut from the edges and moved. A radiograph shows the sum of what each ray passes, which the
moved layers give; rotation out of the plane is not modelled.

Kinds after the regions of the AO/OTA classification (Meinberg et al., J Orthop Trauma 2018;32 Suppl 1): trochanteric
(31A), femoral neck (31B), shaft (32), and avulsions of the trochanters; of the pelvis, small displaced pieces of rami,
rim and crest.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.bones import BoneLayer
from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.solids import smooth_noise_2d

__all__ = ["FEMUR_KINDS", "Broken", "break_femur", "chip_pelvis"]

FEMUR_KINDS = ("neck", "trochanteric", "subtrochanteric", "greater_trochanter", "lesser_trochanter")
_KIND_SHARE = (0.34, 0.34, 0.12, 0.10, 0.10)

_SHOWN_MM = 0.3
"""Bone thinner than this along a ray is in no mask, as in `project_bone`."""

Point = NDArray[np.float64]
Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Broken:
    """A bone after its fracture. ``fragments``: bool, loose fragments, which are part of ``layer`` too."""

    kind: str
    layer: BoneLayer
    fragments: NDArray[np.bool_]


def break_femur(
    rng: np.random.Generator, camera: Camera, hip: Hip, layer: BoneLayer, kind: str | None = None
) -> Broken:
    """Break a femur in projection.

    Parameters
    ----------
    rng
        Random generator.
    camera, hip
        Projection of the femur's landmarks.
    layer
        The whole femur.
    kind
        One of `FEMUR_KINDS`; ``None`` draws one.

    Returns
    -------
    Broken
        The femur with displaced parts.

    """
    kind = kind or str(rng.choice(FEMUR_KINDS, p=_KIND_SHARE))
    marks = {name: camera.project(mark[None])[0] for name, mark in hip.femur_marks.items()}
    head = camera.project(hip.head_center[None])[0]
    knee = camera.project(hip.shaft[1][None])[0]
    a_mm = camera.magnification(float(hip.head_center[1])) / camera.pixel_mm
    lateral, lesser = marks["greater_trochanter_lateral"], marks["lesser_trochanter"]
    base = 0.5 * (lateral + lesser)
    down = _unit(knee - base)
    if kind in {"greater_trochanter", "lesser_trochanter"}:
        tip = marks["greater_trochanter_tip"] if kind == "greater_trochanter" else lesser
        pieces = [_piece(rng, layer, tip, rng.uniform(9.0, 17.0) * a_mm)]
        pull = _unit(head - base) if kind == "lesser_trochanter" else -down
        return _scatter(rng, kind, layer, pieces, a_mm, pull, (2.0, 14.0))
    if kind == "neck":
        through = head + rng.uniform(0.45, 0.95) * (base - head)
        towards = _turned(_unit(base - head), rng.normal(0.0, 18.0))
    elif kind == "trochanteric":
        tip = marks["greater_trochanter_tip"] + rng.normal(0.0, 5.0, 2) * a_mm
        end = lesser + rng.normal(0.0, 7.0, 2) * a_mm
        through, along = 0.5 * (tip + end), _unit(end - tip)
        towards = np.array([-along[1], along[0]])
        towards = towards if towards @ (knee - through) > 0 else -towards
    else:
        through = lesser + down * rng.uniform(8.0, 70.0) * a_mm
        towards = _turned(down, rng.uniform(-55.0, 55.0))
    distal = _far_side(rng, layer.mask.shape, through, towards, rng.uniform(0.5, 3.0) * a_mm, a_mm)
    displaced = float(rng.choice([0.15, 0.5, 1.0], p=[0.25, 0.35, 0.4]))
    move = (-down * rng.uniform(-1.5, 16.0) + _turned(down, 90.0) * rng.normal(0.0, 7.0)) * displaced * a_mm
    turn = float(rng.normal(0.0, 12.0)) * displaced
    moved = _moved(_part(layer, distal), through, move, turn)
    whole = _sum(_part(layer, 1.0 - distal), moved)
    pieces = []
    if rng.random() < 0.65:
        across = np.array([-towards[1], towards[0]])
        for _ in range(int(rng.integers(1, 5))):
            at = through + across * rng.normal(0.0, 13.0) * a_mm + towards * rng.normal(0.0, 5.0) * a_mm
            at = lesser if kind == "trochanteric" and rng.random() < 0.25 else at
            pieces.append(_piece(rng, whole, at, rng.uniform(3.0, 12.0) * a_mm))
    return _scatter(rng, kind, whole, pieces, a_mm, None, (1.0, 14.0))


def chip_pelvis(rng: np.random.Generator, camera: Camera, hip: Hip, layer: BoneLayer) -> Broken:
    """Break small pieces off the pelvis at its rim, crest, spine or tuberosity and move each by a few millimetres.

    Parameters
    ----------
    rng
        Random generator.
    camera, hip
        Projection of the pelvis's landmarks.
    layer
        The whole pelvis.

    Returns
    -------
    Broken
        The pelvis with displaced pieces.

    """
    a_mm = camera.magnification(float(hip.head_center[1])) / camera.pixel_mm
    names = ["acetabular_rim", "ischial_tuberosity", "anterior_inferior_spine", "anterior_superior_spine", "iliac_wing"]
    pieces = []
    for _ in range(int(rng.integers(1, 4))):
        at = camera.project(hip.pelvis_marks[str(rng.choice(names))][None])[0] + rng.normal(0.0, 6.0, 2) * a_mm
        pieces.append(_piece(rng, layer, at, rng.uniform(4.0, 13.0) * a_mm))
    return _scatter(rng, "pelvis", layer, pieces, a_mm, None, (1.0, 11.0))


def _unit(vector: Point) -> Point:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float64)


def _turned(vector: Point, degrees: float) -> Point:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(turn @ vector, dtype=np.float64)


def _far_side(
    rng: np.random.Generator, shape: tuple[int, ...], through: Point, towards: Point, ragged_px: float, a_mm: float
) -> Image:
    """Return the fraction of each pixel (rows, columns) that lies beyond a ragged line through a point."""
    rows, columns = np.indices(shape, dtype=np.float32)
    beyond = (rows - np.float32(through[0])) * np.float32(towards[0])
    beyond += (columns - np.float32(through[1])) * np.float32(towards[1])
    beyond += np.float32(ragged_px) * smooth_noise_2d(rng, (shape[0], shape[1]), 5.0 * a_mm, octaves=3)
    return np.asarray(np.clip(beyond + 0.5, 0.0, 1.0), dtype=np.float32)


def _piece(rng: np.random.Generator, layer: BoneLayer, at: Point, radius_px: float) -> Image:
    """Return the fraction of each pixel that belongs to a splinter: an angular blob of bone about a point."""
    shape = layer.mask.shape
    corners = int(rng.integers(4, 9))
    angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, corners))
    reach = radius_px * rng.uniform(0.45, 1.2, corners)
    stretch, turn = rng.uniform(0.4, 1.0), rng.uniform(0.0, 180.0)
    outline = np.stack([np.sin(angles) * reach * stretch, np.cos(angles) * reach], axis=1)
    outline = np.array([_turned(point, turn) for point in outline]) + at
    ink = np.zeros(shape, np.uint8)
    fixed = np.clip(outline[:, ::-1] * 16.0, -1e6, 1e6).astype(np.int32)
    cv2.fillPoly(ink, [fixed], 255, cv2.LINE_AA, 4)
    return np.asarray(ink.astype(np.float32) / np.float32(255.0))


def _part(layer: BoneLayer, share: Image) -> BoneLayer:
    occupied = layer.occupied_mm * share
    return BoneLayer(layer.mineral_mm * share, occupied, np.asarray(occupied > _SHOWN_MM))


def _sum(first: BoneLayer, second: BoneLayer) -> BoneLayer:
    occupied = first.occupied_mm + second.occupied_mm
    return BoneLayer(first.mineral_mm + second.mineral_mm, occupied, np.asarray(occupied > _SHOWN_MM))


def _moved(layer: BoneLayer, about: Point, move_px: Point, degrees: float) -> BoneLayer:
    """Rotate a part about a point and move it, both in the image plane."""
    matrix = np.asarray(cv2.getRotationMatrix2D((float(about[1]), float(about[0])), degrees, 1.0), dtype=np.float64)
    matrix[:, 2] += move_px[::-1]
    size = layer.mask.shape[::-1]
    mineral, occupied = (
        np.asarray(cv2.warpAffine(image, matrix, (size[0], size[1])), dtype=np.float32)
        for image in (layer.mineral_mm, layer.occupied_mm)
    )
    return BoneLayer(mineral, occupied, np.asarray(occupied > _SHOWN_MM))


def _scatter(
    rng: np.random.Generator,
    kind: str,
    layer: BoneLayer,
    pieces: list[Image],
    a_mm: float,
    pull: Point | None,
    away_mm: tuple[float, float],
) -> Broken:
    """Cut pieces out of a bone and place them nearby, along ``pull`` or in any direction."""
    fragments = np.zeros(layer.mask.shape, dtype=bool)
    for share in pieces:
        piece = _part(layer, share)
        if not piece.mask.any():
            continue
        kept = float(rng.choice([0.0, 0.5], p=[0.7, 0.3]))  # some splinters leave the far cortex in place
        layer = _part(layer, 1.0 - (1.0 - kept) * share)
        heading = rng.normal(0.0, 1.0, 2)
        heading = _unit(heading if pull is None else _unit(pull) + 0.35 * heading)
        about = np.argwhere(piece.mask).mean(axis=0)
        moved = _moved(piece, about, heading * rng.uniform(*away_mm) * a_mm, float(rng.normal(0.0, 30.0)))
        fragments |= moved.mask
        layer = _sum(layer, moved)
    # A later piece may be cut from the place of an earlier one.
    return Broken(kind, layer, fragments & layer.mask)
