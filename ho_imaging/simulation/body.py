"""Soft tissue of pelvis and thighs in projection: envelope, fat and muscle, fascia, bowel, bladder, folds."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.shape_model import Points
from ho_imaging.simulation.solids import smooth_noise_2d

__all__ = ["Body", "Habitus", "fascia", "project_body", "sample_habitus"]

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Habitus:
    """Build of a person: fat under the skin in mm (trunk, thigh), muscle bulk (1.0 is usual), front-to-back depth."""

    trunk_fat_mm: float
    thigh_fat_mm: float
    bulk: float
    half_depth_mm: float


@dataclass(frozen=True, eq=False)
class Body:
    """Muscle and fat along each ray in mm, before bone takes its place; ``mask``: inside the skin."""

    muscle_mm: Image
    fat_mm: Image
    mask: NDArray[np.bool_]


def sample_habitus(rng: np.random.Generator) -> Habitus:
    """From thin to obese."""
    fatness = float(np.clip(rng.gamma(2.2, 0.42), 0.08, 3.2))
    return Habitus(
        trunk_fat_mm=float(22.0 * fatness * rng.uniform(0.7, 1.3) + 3.0),
        thigh_fat_mm=float(14.0 * fatness * rng.uniform(0.7, 1.3) + 3.0),
        bulk=float(np.exp(rng.normal(0.0, 0.12))),
        half_depth_mm=float(86.0 + 26.0 * fatness * rng.uniform(0.6, 1.2) + rng.normal(0.0, 6.0)),
    )


def _chord(
    x: NDArray[np.float64], center: NDArray[np.float64] | float, half_width: Points, half_depth: Points | float
) -> NDArray[np.float64]:
    """Half of the depth at ``x`` of an ellipse; zero outside."""
    ratio = (x - center) / np.maximum(half_width, 1e-3)
    return np.asarray(half_depth * np.sqrt(np.clip(1.0 - np.abs(ratio) ** 2.3, 0.0, None)))


def project_body(
    camera: Camera,
    rng: np.random.Generator,
    habitus: Habitus,
    *,
    plane_y_mm: float,
    pelvis_half_width_mm: float,
    crotch_z_mm: float,
    middle_x_mm: float,
    shafts: tuple[tuple[Points, Points], ...],
) -> Body:
    """Project trunk and thighs.

    ``shafts``: for each leg the camera-space positions (3,) of the proximal and the distal end of the femoral shaft.
    Rays are taken as parallel within the body, so that each crossing is a chord of an ellipse at its height.
    """
    x, z = camera.plane_coordinates(plane_y_mm)
    grid_x, grid_z = np.meshgrid(x, z)
    # The trunk ends in an arch between the thighs, not in a straight line.
    above = grid_z - crotch_z_mm - 0.0022 * (grid_x - middle_x_mm) ** 2 + 6.0
    muscle_trunk, all_trunk = _trunk(rng, habitus, grid_x - middle_x_mm, above, pelvis_half_width_mm)
    muscle, total = muscle_trunk, all_trunk
    for start, end in shafts:
        thigh_muscle, thigh_total = _thigh(rng, habitus, grid_x, grid_z, start, end, crotch_z_mm)
        muscle = _blend_union(muscle, thigh_muscle)
        total = _blend_union(total, thigh_total)
    total = np.maximum(total, muscle)
    blur = max(1.2 / camera.pixel_mm, 0.5)
    lean = np.asarray(cv2.GaussianBlur(muscle.astype(np.float32), (0, 0), 2.0 * blur), dtype=np.float32)
    all_in = np.asarray(cv2.GaussianBlur(total.astype(np.float32), (0, 0), 0.5 * blur), dtype=np.float32)
    mask = np.asarray(all_in > 1.0)
    lean, fat = fascia(rng, camera, lean, np.maximum(all_in - lean, np.float32(0.0)))
    lean, fat = _viscera(rng, camera, lean, fat, grid_x - middle_x_mm, above, pelvis_half_width_mm)
    lean, fat = _folds(rng, camera, lean, fat, mask)
    return Body(lean, fat, mask)


def _blend_union(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth maximum: two bodies that share most of their depth."""
    sharp = 12.0
    return np.asarray(
        np.maximum(first, second) + sharp * np.exp(-np.abs(first - second) / sharp) * ((first > 0) & (second > 0)) * 0.7
    )


def _trunk(
    rng: np.random.Generator, habitus: Habitus, x: NDArray[np.float64], above: NDArray[np.float64], half_width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    waist = rng.uniform(0.78, 1.0)
    profile = np.interp(above, [-60.0, 0.0, 55.0, 120.0, 190.0, 300.0], [1.02, 1.1, 1.13, 1.08, 1.0, waist])
    muscle_half = (half_width + 28.0 * habitus.bulk) * profile
    depth = habitus.half_depth_mm * np.interp(
        above, [-42.0, -30.0, -10.0, 25.0, 120.0, 280.0], [0.0, 0.25, 0.7, 0.95, 1.0, 0.95]
    )
    muscle = 2.0 * _chord(x, 0.0, muscle_half, depth - 0.45 * habitus.trunk_fat_mm)
    wobble = 1.0 + 0.015 * smooth_noise_2d(rng, (x.shape[0], x.shape[1]), 0.35 * x.shape[0])
    total = 2.0 * _chord(x, 0.0, (muscle_half + habitus.trunk_fat_mm * (profile > 0)) * wobble, depth)
    return np.clip(muscle, 0.0, None), np.clip(total, 0.0, None)


def _thigh(
    rng: np.random.Generator,
    habitus: Habitus,
    x: NDArray[np.float64],
    z: NDArray[np.float64],
    start: Points,
    end: Points,
    crotch_z_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    axis = np.array([end[0] - start[0], end[2] - start[2]])
    length = float(np.linalg.norm(axis))
    axis /= max(length, 1e-6)
    along = (x - start[0]) * axis[0] + (z - start[2]) * axis[1]
    across = (x - start[0]) * axis[1] * -1.0 + (z - start[2]) * axis[0]
    medial = -np.sign(start[0]) * np.sign(-axis[1]) if axis[1] != 0 else 1.0
    radius = habitus.bulk * np.interp(along, [-190.0, -110.0, -30.0, 30.0, 140.0, 330.0, 480.0],
                                    [30.0, 60.0, 76.0, 80.0, 75.0, 57.0, 50.0])  # fmt: skip
    offset = -medial * np.interp(along, [-60.0, 60.0, 250.0], [8.0, 14.0, 4.0])
    wobble = 1.0 + 0.012 * smooth_noise_2d(rng, (x.shape[0], x.shape[1]), 0.3 * x.shape[0])
    muscle = 2.0 * _chord(across, offset, radius, radius * 1.02)
    total_radius = (radius + habitus.thigh_fat_mm * np.clip(radius / 60.0, 0.0, 1.0)) * wobble
    total = 2.0 * _chord(across, offset, total_radius, total_radius * 1.03)
    near = np.clip((crotch_z_mm + 150.0 - z) / 120.0, 0.0, 1.0)
    return muscle * near, total * near


def fascia(rng: np.random.Generator, camera: Camera, muscle: Image, fat: Image) -> tuple[Image, Image]:
    """Exchange muscle for fat along smooth lines (fat planes between muscles) and in soft patches."""
    shape = camera.shape
    exchange = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(2, 5))):
        scale = (rng.uniform(60.0, 150.0) / camera.pixel_mm, rng.uniform(22.0, 60.0) / camera.pixel_mm)
        field = smooth_noise_2d(rng, shape, scale)
        width = rng.uniform(0.02, 0.07)
        exchange += np.float32(rng.uniform(2.0, 11.0)) * np.exp(-((field / width) ** 2))
    exchange += 7.0 * smooth_noise_2d(rng, shape, (45.0 / camera.pixel_mm, 22.0 / camera.pixel_mm), octaves=2)
    exchange += 1.2 * smooth_noise_2d(rng, shape, (7.0 / camera.pixel_mm, 2.5 / camera.pixel_mm), octaves=2)
    exchange = np.clip(exchange, -0.4 * fat, 0.4 * muscle)
    return (muscle - exchange).astype(np.float32), (fat + exchange).astype(np.float32)


def _viscera(
    rng: np.random.Generator,
    camera: Camera,
    muscle: Image,
    fat: Image,
    x: NDArray[np.float64],
    above: NDArray[np.float64],
    half_width: float,
) -> tuple[Image, Image]:
    """Bowel gas and content over the upper pelvis, a bladder above the symphysis."""
    shape = camera.shape
    room = np.clip(1.0 - (x / (0.85 * half_width)) ** 4, 0.0, 1.0) * np.clip((above - 25.0) / 50.0, 0.0, 1.0)
    gas = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(0, 4))):
        scale = rng.uniform(10.0, 34.0) / camera.pixel_mm
        field = smooth_noise_2d(rng, shape, scale, octaves=int(rng.integers(1, 3)))
        where = smooth_noise_2d(rng, shape, 80.0 / camera.pixel_mm)
        lump = np.sqrt(np.clip(field - rng.uniform(0.5, 1.3), 0.0, None)) * np.clip(
            1.5 * (where + rng.uniform(-1.0, 0.6)), 0.0, 1.0
        )
        gas += np.float32(rng.uniform(12.0, 36.0)) * lump.astype(np.float32)
    content = smooth_noise_2d(rng, shape, 5.0 / camera.pixel_mm, octaves=3) * rng.uniform(0.5, 4.0)
    gas = np.clip((gas + content * (gas > 0.5)) * room, 0.0, 60.0).astype(np.float32)
    if rng.random() < 0.6:
        cx, cz = rng.normal(0.0, 8.0), rng.uniform(60.0, 85.0)
        ratio = ((x - cx) / rng.uniform(25.0, 52.0)) ** 2 + ((above - cz) / rng.uniform(18.0, 42.0)) ** 2
        bladder = rng.uniform(6.0, 28.0) * np.sqrt(np.clip(1.0 - ratio, 0.0, None))
        moved = np.minimum(cv2.GaussianBlur(bladder.astype(np.float32), (0, 0), 2.0), 0.8 * fat)
        muscle, fat = muscle + moved, fat - moved
    return np.maximum(muscle - gas, 0.0).astype(np.float32), fat.astype(np.float32)


def _folds(
    rng: np.random.Generator, camera: Camera, muscle: Image, fat: Image, mask: NDArray[np.bool_]
) -> tuple[Image, Image]:
    """Skin folds: an extra layer of fat ending in a long soft curve (abdominal apron, gluteal fold, buttock)."""
    rows, columns = camera.shape
    r, c = np.mgrid[0:rows, 0:columns].astype(np.float32)
    for _ in range(int(rng.integers(0, 4))):
        level = rows * rng.uniform(0.25, 0.95)
        sag = rng.normal(0.0, 0.18) * rows
        skew = rng.normal(0.0, 0.12) * rows
        u = (c - columns * rng.uniform(0.3, 0.7)) / columns
        edge = level - sag * 4.0 * u**2 + skew * u
        soft = rng.uniform(0.8, 7.0) / camera.pixel_mm
        above = 1.0 / (1.0 + np.exp(np.clip((r - edge) / soft, -30.0, 30.0)))
        fade = np.exp(-np.clip(edge - r, 0.0, None) / (rng.uniform(25.0, 120.0) / camera.pixel_mm))
        fat = fat + (mask * above * fade * rng.uniform(3.0, 22.0)).astype(np.float32)
    return muscle, fat
