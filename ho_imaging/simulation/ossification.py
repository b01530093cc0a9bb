"""Ectopic bone grown in space: lumps along a muscle's line, from faintly mineralised clouds to mature bone.

Real nodules are irregular (observers distinguish spheres and ellipsoids from them, Litjens et al. 2010), so a nodule is
a chain of lobes of random size, warped and roughened by fractal noise. Mineral follows the zonal pattern of
heterotopic ossification: a mature rim around a less mineralised centre; early on a faint cloud without a rim.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ho_imaging.simulation.shape_model import Points
from ho_imaging.simulation.solids import Volume, smooth_noise_3d

__all__ = ["Styles", "bent_path", "grow"]

_MAX_VOXELS = 500_000


class Styles(StrEnum):
    """Sets of shapes to draw bone from.

    ``unseen`` shapes are for validation and tests, never for training. ``plain`` ones, smooth and in one piece, are for
    bone that is not ectopic: ossicles and callus.
    """

    USUAL = "usual"
    UNSEEN = "unseen"
    PLAIN = "plain"


def bent_path(rng: np.random.Generator, start: Points, end: Points, bend: float, points: int = 14) -> Points:
    """Return a gently curved path between two points.

    Parameters
    ----------
    rng
        Random generator.
    start, end
        (3,) in mm.
    bend
        Sag as a fraction of the length.
    points
        Number of points.

    Returns
    -------
    ndarray
        (points, 3) float64 in mm.

    """
    t = np.linspace(0.0, 1.0, points)[:, None]
    length = float(np.linalg.norm(end - start))
    sag = rng.normal(0.0, bend * length, 3)
    wobble = rng.normal(0.0, 0.25 * bend * length, 3)
    return np.asarray(
        start + t * (end - start) + 4.0 * t * (1.0 - t) * sag + np.sin(2.0 * np.pi * t) * wobble, dtype=np.float64
    )


def grow(
    rng: np.random.Generator,
    path: Points,
    radii_mm: NDArray[np.float64],
    *,
    maturity: float,
    flatness: float = 0.0,
    roughness: float = 1.0,
    styles: Styles = Styles.USUAL,
) -> Volume:
    """Grow a nodule around a path.

    Parameters
    ----------
    rng
        Random generator.
    path, radii_mm
        Points (n, 3) in mm and radius of the nodule there (n,).
    maturity
        From 0 (faint cloud) to 1 (cortical rim with trabeculae).
    flatness
        From 0 (round) to 0.8 (a plate).
    roughness
        Amplitude of the surface noise; 1.0 is usual.
    styles
        Set of shapes to draw from.

    Returns
    -------
    Volume
        Fraction of fully mineralised bone per voxel; 0 outside.

    """
    reach = float(radii_mm.max())
    margin = 1.9 * reach + 2.0
    low, high = path.min(axis=0) - margin, path.max(axis=0) + margin
    voxel = float(np.clip(reach / 7.0, 0.35, 1.2))
    voxel = max(voxel, float(np.prod(high - low) / _MAX_VOXELS) ** (1.0 / 3.0))
    nx, ny, nz = (int(n) for n in np.ceil((high - low) / voxel).astype(int) + 1)
    shape = (nx, ny, nz)
    axes = [low[i] + np.arange(shape[i], dtype=np.float32) * voxel for i in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=0).astype(np.float32)
    style = _sample_style(rng, styles)
    for axis in range(3):
        grid[axis] += style.warp * reach * smooth_noise_3d(rng, shape, max(1.6 * reach / voxel, 2.0))

    lobes = _lobes(rng, path, radii_mm)
    plate_normal = rng.normal(size=3)
    plate_normal /= np.linalg.norm(plate_normal)
    field = np.full(shape, -np.inf, np.float32)
    for center, radius in lobes:
        difference = grid - center[:, None, None, None].astype(np.float32)
        if flatness > 0.0:
            off_plate = np.tensordot(plate_normal.astype(np.float32), difference, axes=1)
            distance2 = (difference**2).sum(axis=0) + (1.0 / (1.0 - flatness) ** 2 - 1.0) * off_plate**2
        else:
            distance2 = (difference**2).sum(axis=0)
        np.maximum(field, 1.0 - np.sqrt(distance2) / np.float32(radius), out=field)
    # Early bone is ragged, and remodelling smooths the outline.
    noise = (0.26 - 0.16 * maturity) * smooth_noise_3d(rng, shape, max(style.grain * reach / voxel, 2.0), octaves=3)
    field += np.float32(roughness * style.rough) * noise
    solid = field > 0.0
    solid = _keep_large(solid, share=0.02)
    mineral = _mineral(rng, field, solid, maturity, voxel)
    if style.streaked > 0.0:
        streaks = _streaks(rng, grid - np.asarray(path[0], dtype=np.float32)[:, None, None, None], path, shape, reach)
        mineral *= np.clip(1.0 + style.streaked * streaks, 0.15, 2.0).astype(np.float32)
        np.minimum(mineral, np.float32(1.0), out=mineral)
    return Volume(mineral, low.astype(np.float64), voxel)


@dataclass(frozen=True)
class _Style:
    """Shape of a nodule: amplitude of its warp, size and height of its surface noise, fibres along a muscle."""

    warp: float = 0.32
    grain: float = 0.7
    rough: float = 1.0
    streaked: float = 0.0


def _sample_style(rng: np.random.Generator, styles: Styles) -> _Style:
    """Draw a style. Half of the usual ones are alike, the rest smoother, more ragged, more contorted, or streaked."""
    if styles is Styles.PLAIN:
        return _Style(warp=0.12, grain=0.9, rough=0.6)
    if styles is Styles.UNSEEN:
        return _sample_unseen_style(rng)
    if rng.random() < 0.5:
        return _Style()
    return _Style(
        warp=float(rng.uniform(0.08, 0.55)),
        grain=float(rng.uniform(0.3, 1.1)),
        rough=float(rng.uniform(0.4, 1.6)),
        streaked=float(rng.uniform(0.2, 0.7)) if rng.random() < 0.4 else 0.0,
    )


def _sample_unseen_style(rng: np.random.Generator) -> _Style:
    """Draw a style outside the range of training: smooth balls, knots, crumbs, or deep streaks."""
    smooth = _Style(warp=0.0, grain=1.6, rough=0.1)
    knotted = _Style(warp=float(rng.uniform(0.65, 0.9)), grain=0.7, rough=1.0)
    crumbly = _Style(warp=0.2, grain=float(rng.uniform(0.15, 0.25)), rough=float(rng.uniform(1.8, 2.4)))
    streaked = _Style(warp=0.2, grain=0.7, rough=0.6, streaked=float(rng.uniform(0.8, 1.1)))
    return (smooth, knotted, crumbly, streaked)[int(rng.integers(4))]


def _streaks(
    rng: np.random.Generator,
    offset: NDArray[np.float32],
    path: Points,
    shape: tuple[int, int, int],
    reach_mm: float,
) -> NDArray[np.float32]:
    """Return sheets of more and less mineral along the path, as in ossified muscle fibres; about unit variance."""
    along = path[-1] - path[0]
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    helper = rng.normal(size=3)
    across = np.cross(along, helper)
    across /= max(float(np.linalg.norm(across)), 1e-6)
    depth = np.tensordot(across.astype(np.float32), offset, axes=1)
    wave = np.sin(depth * np.float32(2.0 * np.pi / max(0.5 * reach_mm, 2.5)) + np.float32(rng.uniform(0.0, 6.3)))
    broken = smooth_noise_3d(rng, shape, max(0.25 * max(shape), 2.0))
    return np.asarray(1.2 * wave + 0.4 * broken, dtype=np.float32)


def _lobes(
    rng: np.random.Generator, path: Points, radii_mm: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], float]]:
    lengths = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    lobes, position = [], 0.0
    while position <= lengths[-1]:
        center = np.array([np.interp(position, lengths, path[:, i]) for i in range(3)])
        radius = float(np.interp(position, lengths, radii_mm))
        size = radius * float(np.clip(rng.lognormal(0.0, 0.22), 0.6, 1.5))
        lobes.append((center + rng.normal(0.0, 0.22 * radius, 3), size))
        if rng.random() < 0.35:
            lobes.append((center + rng.normal(0.0, 0.7 * radius, 3), 0.6 * size))
        position += max(0.55 * radius, lengths[-1] / 40.0, 0.2)
    return lobes


def _keep_large(solid: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Remove crumbs below ``share`` of the largest part; a nodule may keep a few satellites."""
    labels, count = ndimage.label(solid)
    if count <= 1:
        return solid
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(np.isin(labels, np.flatnonzero(sizes >= max(share * sizes.max(), 4))))


def _mineral(
    rng: np.random.Generator,
    field: NDArray[np.float32],
    solid: NDArray[np.bool_],
    maturity: float,
    voxel_mm: float,
) -> NDArray[np.float32]:
    shape = (solid.shape[0], solid.shape[1], solid.shape[2])
    depth = ndimage.distance_transform_edt(solid).astype(np.float32) * np.float32(voxel_mm)
    strut = smooth_noise_3d(rng, shape, max(rng.uniform(1.0, 1.8) / voxel_mm, 1.2))
    cloud = smooth_noise_3d(rng, shape, max(4.0 / voxel_mm, 2.0), octaves=3)
    rim_mm = rng.uniform(0.5, 1.8) * (0.4 + 0.6 * maturity)
    rim = np.exp(-((depth / rim_mm) ** 2)) * rng.uniform(0.45, 0.95) * np.clip(0.7 + 0.35 * cloud, 0.15, 1.0)
    core = rng.uniform(0.18, 0.55) * np.clip(0.8 + 0.7 * strut + 0.3 * cloud, 0.05, 2.5)
    mature = np.clip(np.maximum(rim, core), 0.0, 1.0)
    # Early mineral is woven bone of low volume fraction, denser towards the outside, without an edge.
    fade = np.clip(field / rng.uniform(0.25, 0.6), 0.0, 1.0)
    level = rng.uniform(0.09, 0.34)
    early = level * fade * np.clip(0.9 + 0.8 * cloud, 0.05, 2.5)
    blend = float(np.clip((maturity - 0.15) / 0.5, 0.0, 1.0))
    strength = float(np.clip(rng.lognormal(0.15, 0.3), 0.6, 2.0))
    mixed = np.clip(strength * (blend * mature + (1.0 - blend) * early), 0.0, 1.0)
    return np.where(solid, mixed, 0.0).astype(np.float32)
