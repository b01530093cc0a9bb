"""Scenes of a thigh, a knee or a residual limb: one sampled leg in front of the detector, with the complete truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.body import Habitus, fascia, sample_habitus
from ho_imaging.simulation.bones import BoneLayer, project_bone, sample_bone_quality
from ho_imaging.simulation.growth import Nodule
from ho_imaging.simulation.hip_scene import nodule_layer, nodule_truth
from ho_imaging.simulation.limb import Limb, pose_limb
from ho_imaging.simulation.limb_growth import grow_in_limb
from ho_imaging.simulation.limb_implants import implant_bodies
from ho_imaging.simulation.limb_mimics import sample_limb_mimics
from ho_imaging.simulation.mimic_drawing import Mimic
from ho_imaging.simulation.ossification import Styles
from ho_imaging.simulation.projection import Camera, path_through
from ho_imaging.simulation.scene import FRINGE_MM, Material, Scene
from ho_imaging.simulation.shape_model import Mesh
from ho_imaging.simulation.solids import smooth_noise_2d
from ho_imaging.vocabulary import Region, Side, View

__all__ = ["LIMB_REGIONS", "LimbPlan", "sample_limb_scene"]

Image = NDArray[np.float32]

LIMB_REGIONS = (Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB)
_MARROW_FAT = 0.6
_CAST_SHARE = 0.05


@dataclass(frozen=True)
class LimbPlan:
    """Constraints on a scene; ``None`` leaves a choice to chance. ``view``: ``ap`` or ``lateral``."""

    region: Region | None = None
    view: View | None = None
    side: Side | None = None
    pixel_mm: float = 0.6
    modes: tuple[int, int] = (0, 25)
    clutter: bool = True
    styles: Styles = Styles.USUAL


def sample_limb_scene(seed: int, plan: LimbPlan | None = None) -> Scene:
    """Sample a leg and project it; the same seed and plan give a bit-identical scene.

    Parameters
    ----------
    seed
        Seed of the scene.
    plan
        Constraints; ``None`` leaves all to chance.

    Returns
    -------
    Scene
        The projected scene with its truth.

    """
    plan = plan or LimbPlan()
    rng = np.random.default_rng([seed, 2])
    region = plan.region or Region(rng.choice(LIMB_REGIONS, p=[0.3, 0.3, 0.4]))
    view = plan.view or View(rng.choice([View.AP, View.LATERAL]))
    side = plan.side or Side(rng.choice([Side.LEFT, Side.RIGHT]))
    distance = float(rng.uniform(1000.0, 1200.0))
    magnification = float(np.clip(rng.normal(1.10, 0.03), 1.03, 1.2))
    plane = distance / magnification
    camera, center = _frame(rng, region, plan.pixel_mm, distance, plane)
    quality = sample_bone_quality(rng)
    limb = pose_limb(
        rng,
        region=region,
        view=view,
        side=side,
        quality=quality,
        modes=slice(*plan.modes),
        center=center,
        half_height_mm=camera.center_rc[0] * plan.pixel_mm / magnification,
    )
    layers = {
        bone.name: project_bone(camera, bone.mesh, bone.cortex_mm, bone.spongiosa, rng, quality.texture)
        for bone in limb.bones
    }
    # The order of these steps is that of their random draws: a seed gives the same scene for good.
    habitus = sample_habitus(rng)
    lean, fat, body = _envelope(rng, camera, limb, habitus)
    nodules = grow_in_limb(rng, camera, limb, body, _nodule_count(rng), plan.styles)
    mimics = sample_limb_mimics(rng, camera, limb, body) if plan.clutter else []
    cast = _cast(rng, camera, limb) if plan.clutter and rng.random() < _CAST_SHARE else None
    kind, bodies = implant_bodies(rng, limb) if plan.clutter else (None, [])
    thickness = _tissues(lean, fat, layers, nodules, mimics, cast)
    implant_mask = _lay_implants(thickness, camera, bodies)
    for mimic in mimics:
        if mimic.material is not Material.BONE:
            _lay(thickness, mimic.material, mimic.thickness_mm)
    return Scene(
        thickness_mm=thickness,
        masks=_masks(side, layers, nodules, mimics, implant_mask, body),
        pixel_mm=plan.pixel_mm,
        magnification=magnification,
        region=region.value,
        view=view.value,
        laterality=side.value,
        truth=_truth(seed, distance, side, nodules, plan.pixel_mm / magnification, mimics, kind)
        | {"habitus": {"fat_mm": habitus.thigh_fat_mm, "bulk": habitus.bulk}},
        nodules=[nodule_layer(nodule) for nodule in nodules if nodule.mask.any()],
    )


def _nodule_count(rng: np.random.Generator) -> int:
    """Draw how many nodules grow; about a third of the legs has none."""
    has_ho = rng.random() < 0.65
    return int(rng.choice([1, 1, 2, 3, 4])) if has_ho else 0


def _total(images: Iterable[Image], shape: tuple[int, int]) -> Image:
    return sum(images, np.zeros(shape, np.float32))


def _tissues(
    lean: Image,
    fat: Image,
    layers: Mapping[str, BoneLayer],
    nodules: Sequence[Nodule],
    mimics: Sequence[Mimic],
    cast: Image | None,
) -> dict[Material, Image]:
    """Return mm of fat, muscle and bone along each ray; bone and part of its marrow take the place of muscle."""
    mineral = _total((layer.mineral_mm for layer in layers.values()), lean.shape)
    occupied = _total((layer.occupied_mm for layer in layers.values()), lean.shape)
    marrow = np.maximum(occupied - mineral, 0.0)
    bone = np.asarray(mineral + _total((nodule.mineral_mm for nodule in nodules), lean.shape), dtype=np.float32)
    for mimic in mimics:
        if mimic.material is Material.BONE:
            bone = bone + mimic.thickness_mm
    if cast is not None:
        bone = bone + cast
    return {
        Material.FAT: (fat + _MARROW_FAT * marrow).astype(np.float32),
        Material.MUSCLE: np.maximum(lean - bone - _MARROW_FAT * marrow, 0.0).astype(np.float32),
        Material.BONE: bone,
    }


def _lay_implants(
    thickness: dict[Material, Image], camera: Camera, bodies: Sequence[tuple[Material, Mesh]]
) -> NDArray[np.bool_]:
    """Add implants to the tissues, and return where they show; plastic does not."""
    mask = np.zeros(camera.shape, dtype=bool)
    for material, mesh in bodies:
        path, _ = path_through(camera, mesh)
        _lay(thickness, material, path)
        if material is not Material.PLASTIC:
            mask |= path > 0.2
    return mask


def _masks(
    side: Side,
    layers: Mapping[str, BoneLayer],
    nodules: Sequence[Nodule],
    mimics: Sequence[Mimic],
    implant: NDArray[np.bool_],
    body: NDArray[np.bool_],
) -> dict[str, NDArray[np.bool_]]:
    """Return the truth as masks, (rows, columns) bool: structures, and a mask for each kind of mimic."""
    empty = np.zeros(body.shape, dtype=bool)
    ho = empty.copy()
    for nodule in nodules:
        ho |= nodule.mask
    mineral = _total((nodule.mineral_mm for nodule in nodules), body.shape)
    femur, other_bone = layers["femur"].mask.copy(), empty.copy()
    for name, layer in layers.items():
        if name != "femur":
            other_bone |= layer.mask
    masks: dict[str, NDArray[np.bool_]] = {}
    for mimic in mimics:
        name = f"mimic_{mimic.kind}"
        masks[name] = masks.get(name, empty) | mimic.mask
        if mimic.bone == "femur":
            femur |= mimic.mask
    return masks | {
        "ho": ho,
        "pelvis": empty,
        "femur": femur,
        f"femur_{side.value}": femur,
        "femoral_head": empty,
        "other_bone": other_bone,
        "implant": implant,
        "body": body,
        "ignore": ((mineral > FRINGE_MM) & ~ho) | (ho & implant),
    }


def _truth(
    seed: int,
    distance: float,
    side: Side,
    nodules: list[Nodule],
    pixel_mm: float,
    mimics: list[Mimic],
    implant: str | None,
) -> dict[str, Any]:
    return {
        "seed": seed,
        "source_detector_mm": distance,
        "nodules": [
            nodule_truth(side, nodule.kind, nodule.maturity, nodule, pixel_mm)
            for nodule in nodules
            if nodule.mask.any()
        ],
        "sides": [],
        "implants": [] if implant is None else [{"side": side.value, "kind": implant}],
        "mimics": sorted({mimic.kind for mimic in mimics}),
    }


def _lay(thickness: dict[Material, Image], material: Material, path: Image) -> None:
    thickness[material] = thickness[material] + path if material in thickness else path


def _frame(
    rng: np.random.Generator, region: Region, pixel_mm: float, distance: float, plane: float
) -> tuple[Camera, NDArray[np.float64]]:
    height = rng.uniform(200.0, 300.0) if region is Region.KNEE else rng.uniform(260.0, 430.0)
    width = rng.uniform(160.0, 280.0)
    shape = (round(height / pixel_mm), round(width / pixel_mm))
    axis = (shape[0] / 2 + rng.normal(0.0, 12.0) / pixel_mm, shape[1] / 2 + rng.normal(0.0, 12.0) / pixel_mm)
    to_axis = plane / distance * pixel_mm
    center = np.array(
        [
            rng.normal(0.0, 12.0) + (shape[1] / 2 - axis[1]) * to_axis,
            plane,
            rng.normal(0.0, 12.0) - (shape[0] / 2 - axis[0]) * to_axis,
        ]
    )
    return Camera(shape, pixel_mm, distance, (float(axis[0]), float(axis[1]))), center


def _envelope(
    rng: np.random.Generator, camera: Camera, limb: Limb, habitus: Habitus
) -> tuple[Image, Image, NDArray[np.bool_]]:
    """Return muscle and fat along each ray in mm, and the mask of the limb: a chain of balls along its axis."""
    scale = habitus.bulk * (0.75 if limb.cut is not None and rng.random() < 0.5 else 1.0)
    lean_radius = limb.radius_mm * scale
    skin = habitus.thigh_fat_mm * np.clip(limb.radius_mm / 60.0, 0.3, 1.2)
    lean = _chain(camera, limb.axis, lean_radius)
    total = _chain(camera, limb.axis, lean_radius + skin)
    total *= 1.0 + 0.02 * smooth_noise_2d(rng, camera.shape, 60.0 / camera.pixel_mm)
    blur = 1.2 / camera.pixel_mm
    lean = np.asarray(cv2.GaussianBlur(lean, (0, 0), 2.0 * blur), dtype=np.float32)
    total = np.maximum(np.asarray(cv2.GaussianBlur(total, (0, 0), 0.5 * blur), dtype=np.float32), lean)
    mask = np.asarray(total > 1.0)
    lean, fat = fascia(rng, camera, lean, total - lean)
    return lean, fat, mask


def _chain(camera: Camera, axis: NDArray[np.float64], radius_mm: NDArray[np.float64]) -> Image:
    """Return chords through a chain of balls, the longest of those a ray meets."""
    step = 2
    rows = np.arange(0, camera.shape[0], step, dtype=np.float32)[:, None]
    columns = np.arange(0, camera.shape[1], step, dtype=np.float32)[None, :]
    deepest = np.zeros((rows.size, columns.size), np.float32)
    # Points are interpolated, so that no waist shows between two balls.
    t = np.linspace(0.0, len(axis) - 1.0, 4 * len(axis))
    index = np.arange(len(axis))
    points = np.column_stack([np.interp(t, index, axis[:, k]) for k in range(3)])
    for point, radius in zip(points, np.interp(t, index, radius_mm), strict=True):
        row, column = camera.project(point[None])[0]
        scale = camera.pixel_mm / camera.magnification(float(point[1]))
        away2 = ((rows - np.float32(row)) ** 2 + (columns - np.float32(column)) ** 2) * np.float32(scale**2)
        np.maximum(deepest, np.float32(radius**2) - away2, out=deepest)
    chord = 2.0 * np.sqrt(deepest)
    size = (camera.shape[1], camera.shape[0])
    return np.asarray(cv2.resize(chord, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _cast(rng: np.random.Generator, camera: Camera, limb: Limb) -> Image:
    """Return a plaster cast: a shell about the limb, as mm of cortex (gypsum attenuates about a third as much)."""
    radius = limb.radius_mm + rng.uniform(12.0, 22.0)
    wall = rng.uniform(3.0, 7.0)
    shell = _chain(camera, limb.axis, radius + wall) - _chain(camera, limb.axis, radius)
    wrinkles = 1.0 + 0.15 * smooth_noise_2d(
        rng, camera.shape, (3.0 / camera.pixel_mm, 14.0 / camera.pixel_mm), octaves=2
    )
    return np.asarray(np.clip(shell * wrinkles, 0.0, None) * np.float32(rng.uniform(0.12, 0.35)), dtype=np.float32)
