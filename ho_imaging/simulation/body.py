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
    """Build of a person: subcutaneous fat in mm (trunk, thigh), muscle bulk (1.0 is usual), half of the depth in mm."""

    trunk_fat_mm: float
    thigh_fat_mm: float
    bulk: float
    half_depth_mm: float


@dataclass(frozen=True, eq=False)
class Body:
    """Muscle and fat along each ray in mm, before bone replaces part of them; ``mask``: inside the skin."""

    muscle_mm: Image
    fat_mm: Image
    mask: NDArray[np.bool_]


def sample_habitus(rng: np.random.Generator) -> Habitus:
    """Draw a habitus, from thin to obese."""
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
    """Return half of the depth of an ellipse at ``x``; zero outside."""
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

    Rays are treated as parallel within the body, so that each crossing is a chord of an ellipse at its height.

    Parameters
    ----------
    camera
        Source and detector.
    rng
        Random generator.
    habitus
        Build of the person.
    plane_y_mm
        Distance of the body's middle plane from the source.
    pelvis_half_width_mm
        Half of the width of the bony pelvis.
    crotch_z_mm
        Height of the crotch in camera space.
    middle_x_mm
        Midline in camera space.
    shafts
        For each leg the camera-space positions (3,) of the proximal and the distal end of the femoral shaft.

    Returns
    -------
    Body
        Muscle, fat and mask.

    """
    x, z = camera.plane_coordinates(plane_y_mm)
    grid_x, grid_z = np.meshgrid(x, z)
    # The trunk ends in an arch between the thighs, not a straight line.
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
    lean, fat = _bowel(rng, camera, lean, fat, (grid_x - middle_x_mm) / pelvis_half_width_mm, above)
    lean = lean + _genitals(rng, camera, grid_x - middle_x_mm, above)
    lean, fat = _folds(rng, camera, lean, fat, mask)
    return Body(lean, fat, np.asarray(mask | (lean + fat > 1.0)))


def _blend_union(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a smooth maximum of two bodies that share most of their depth; a single one keeps its own."""
    soft_mm = 20.0
    return np.asarray(soft_mm * np.log(np.exp(first / soft_mm) + np.exp(second / soft_mm) - 1.0))


def _trunk(
    rng: np.random.Generator, habitus: Habitus, x: NDArray[np.float64], above: NDArray[np.float64], half_width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    waist = rng.uniform(0.78, 1.0)
    profile = np.interp(above, [-60.0, 0.0, 55.0, 120.0, 190.0, 300.0], [1.02, 1.1, 1.13, 1.08, 1.0, waist])
    muscle_half = (half_width + 28.0 * habitus.bulk) * profile
    # Buttocks and perineum pass into the thighs over a distance that varies between people.
    ease = rng.uniform(1.0, 2.8)
    depth = habitus.half_depth_mm * np.interp(
        above, [-42.0 * ease, -30.0 * ease, -10.0 * ease, 25.0, 120.0, 280.0], [0.0, 0.25, 0.7, 0.95, 1.0, 0.95]
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
    # No edge towards the trunk: radiographs show none there.
    near = np.clip((crotch_z_mm + rng.uniform(120.0, 190.0) - z) / rng.uniform(150.0, 240.0), 0.0, 1.0)
    near = near**2 * (3.0 - 2.0 * near)
    return muscle * near, total * near


def fascia(rng: np.random.Generator, camera: Camera, muscle: Image, fat: Image) -> tuple[Image, Image]:
    """Exchange muscle for fat along smooth lines (fat planes between muscles) and in soft patches.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    muscle, fat
        (rows, columns) float32, mm along each ray.

    Returns
    -------
    muscle, fat : ndarray
        (rows, columns) float32, mm along each ray.

    """
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
    """Add bowel gas and content over the upper pelvis, and a bladder above the symphysis."""
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


def _bowel(
    rng: np.random.Generator,
    camera: Camera,
    muscle: Image,
    fat: Image,
    x: NDArray[np.float64],
    above: NDArray[np.float64],
) -> tuple[Image, Image]:
    """Add loops of colon and the rectum: haustrated tubes with gas, stool or both; ``x`` in half pelvis widths."""
    shape = camera.shape
    air, stool = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    loops = []
    if rng.random() < 0.5:  # rectum and sigmoid, before the sacrum
        loops.append(([rng.normal(0.0, 0.04), rng.normal(0.0, 0.1), rng.normal(0.15, 0.25)], [15.0, 75.0, 130.0], 17.0))
    for side in (-1.0, 1.0):
        if rng.random() < 0.45:  # ascending or descending colon, over the wing of the ilium
            wander = rng.normal(0.0, 0.08, 3)
            loops.append((list(side * np.array([0.35, 0.62, 0.7]) + wander), [95.0, 150.0, 260.0], 20.0))
    if rng.random() < 0.3:  # small bowel
        ends = rng.uniform(-0.5, 0.5, 3)
        loops.append((list(ends), list(rng.uniform(90.0, 230.0) + rng.normal(0.0, 18.0, 3)), 11.0))
    t = np.linspace(0.0, 1.0, 70)
    half_width_px = max(1.0, 1.0 / max(float(np.abs(np.diff(x[0])).mean()), 1e-6))
    middle = float(np.interp(0.0, x[0], np.arange(shape[1])))
    levels = above[:, shape[1] // 2]
    for across, up, usual_mm in loops:
        radius = usual_mm * float(np.exp(rng.normal(0.0, 0.25)))
        columns = middle + half_width_px * np.polynomial.Polynomial.fit([0.0, 0.5, 1.0], across, 2)(t)
        rows = np.interp(-np.polynomial.Polynomial.fit([0.0, 0.5, 1.0], up, 2)(t), -levels, np.arange(shape[0]))
        pouches = 1.0 + rng.uniform(0.05, 0.25) * np.sin(2.0 * np.pi * t * rng.uniform(4.0, 9.0))
        canvas = np.zeros(shape, np.float32)
        for column, row, swell in zip(columns, rows, pouches, strict=True):
            size = max(1, int(radius * swell / camera.pixel_mm * 16))
            at = (int(np.clip(column * 16, -1e6, 1e6)), int(np.clip(row * 16, -1e6, 1e6)))
            cv2.circle(canvas, at, size, 1.0, -1, cv2.LINE_AA, 4)
        inside = cv2.distanceTransform((canvas > 0.5).astype(np.uint8), cv2.DIST_L2, 3) * camera.pixel_mm
        depth = 2.0 * np.sqrt(np.clip(inside * (2.0 * radius - inside), 0.0, None))
        mottled = smooth_noise_2d(rng, shape, rng.uniform(3.0, 8.0) / camera.pixel_mm, octaves=3)
        gassy = rng.uniform(-1.2, 1.2)
        share = np.clip(0.5 + 0.8 * gassy + rng.uniform(0.1, 0.5) * mottled, 0.0, 1.0)
        air += (depth * share * rng.uniform(0.4, 1.0)).astype(np.float32)
        stool += (depth * (1.0 - share) * rng.uniform(0.0, 0.25) * (1.0 + 0.4 * mottled)).astype(np.float32)
    if not loops:
        return muscle, fat
    blur = 0.8 / camera.pixel_mm
    taken = np.minimum(cv2.GaussianBlur(air, (0, 0), blur), 0.85 * muscle)
    moved = np.minimum(np.clip(cv2.GaussianBlur(stool, (0, 0), blur), 0.0, None), 0.8 * fat)
    return (muscle - taken + moved).astype(np.float32), (fat - moved).astype(np.float32)


def _genitals(rng: np.random.Generator, camera: Camera, x: NDArray[np.float64], above: NDArray[np.float64]) -> Image:
    """Return soft tissue below the symphysis, between and over the thighs, in mm of muscle; most images show it."""
    if rng.random() < 0.25:
        return np.zeros(camera.shape, np.float32)
    total = np.zeros(x.shape)
    for _ in range(int(rng.integers(1, 4))):
        cx, cz = rng.normal(0.0, 14.0), rng.uniform(-75.0, -5.0)
        wide, tall = rng.uniform(12.0, 38.0), rng.uniform(16.0, 48.0)
        turn = rng.normal(0.0, 0.5)
        u = ((x - cx) * np.cos(turn) + (above - cz) * np.sin(turn)) / wide
        v = ((above - cz) * np.cos(turn) - (x - cx) * np.sin(turn)) / tall
        lump = rng.uniform(8.0, 45.0) * np.sqrt(np.clip(1.0 - np.abs(u) ** 2.2 - np.abs(v) ** 2.2, 0.0, None))
        total = np.maximum(total, lump)
    return np.asarray(cv2.GaussianBlur(total.astype(np.float32), (0, 0), 1.0), dtype=np.float32)


def _folds(
    rng: np.random.Generator, camera: Camera, muscle: Image, fat: Image, mask: NDArray[np.bool_]
) -> tuple[Image, Image]:
    """Add skin folds: a layer of fat that ends in a long soft curve (abdominal apron, gluteal fold, buttock)."""
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
