"""Procedural solids: tubes, balls and cups as closed surfaces, and grown lumps as blocks of voxels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.shape_model import Mesh, Points

__all__ = ["Volume", "ball", "cup", "smooth_noise_2d", "smooth_noise_3d", "tube"]


@dataclass(frozen=True, eq=False)
class Volume:
    """A block of voxels.

    ``fraction``: (nx, ny, nz) float32 in [0, 1] of full bone. ``origin``: (3,) in mm. ``voxel_mm``: side of a voxel.
    """

    fraction: NDArray[np.float32]
    origin: Points
    voxel_mm: float

    @property
    def solid(self) -> NDArray[np.bool_]:
        """Voxels that contain any material, (nx, ny, nz) bool."""
        return np.asarray(self.fraction > 0.0)

    @property
    def volume_mm3(self) -> float:
        """Volume of the voxels that contain any material."""
        return float(self.solid.sum()) * self.voxel_mm**3

    def positions(self) -> Points:
        """Return the centres of the solid voxels, (n, 3) in mm."""
        return self.origin + np.argwhere(self.solid) * self.voxel_mm


def _frame(direction: Points) -> tuple[Points, Points]:
    helper = np.array([0.0, 1.0, 0.0]) if abs(direction[1]) < 0.8 else np.array([1.0, 0.0, 0.0])
    first = np.cross(direction, helper)
    first /= np.linalg.norm(first)
    return first, np.cross(direction, first)


def tube(path: Points, radii_mm: Points, sides: int = 24) -> Mesh:
    """Make a closed tube along a path; the ends are flat.

    Parameters
    ----------
    path
        (n, 3) in mm.
    radii_mm
        (n,) radius at each point.
    sides
        Number of sides of the cross-section.

    Returns
    -------
    Mesh
        The tube.

    """
    path = np.asarray(path, dtype=np.float64)
    n = len(path)
    angles = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
    rings = []
    for i in range(n):
        direction = path[min(i + 1, n - 1)] - path[max(i - 1, 0)]
        direction = direction / np.linalg.norm(direction)
        first, second = _frame(direction)
        rings.append(path[i] + radii_mm[i] * (np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second))
    vertices = np.concatenate([*rings, path[:1], path[-1:]])
    faces = []
    j = np.arange(sides)
    k = (j + 1) % sides
    for i in range(n - 1):
        a, b = i * sides, (i + 1) * sides
        faces += [np.stack([a + j, b + j, a + k], 1), np.stack([a + k, b + j, b + k], 1)]
    first_cap, last_cap, last = n * sides, n * sides + 1, (n - 1) * sides
    faces += [
        np.stack([np.full(sides, first_cap), j, k], 1),
        np.stack([np.full(sides, last_cap), last + k, last + j], 1),
    ]
    mesh = Mesh(vertices, np.concatenate(faces).astype(np.int64))
    return mesh if _signed_volume(mesh) > 0 else Mesh(mesh.vertices, mesh.faces[:, ::-1])


def _signed_volume(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


def ball(center: Points, radius_mm: float, rings: int = 24) -> Mesh:
    """Make a closed sphere.

    Parameters
    ----------
    center
        (3,) in mm.
    radius_mm
        Radius.
    rings
        Number of rings of faces.

    Returns
    -------
    Mesh
        The sphere.

    """
    polar = np.linspace(0.02, np.pi - 0.02, rings)
    path = np.asarray(center) + np.stack([np.zeros(rings), np.zeros(rings), radius_mm * np.cos(polar)], 1)
    return tube(path, radius_mm * np.sin(polar), sides=2 * rings)


def cup(center: Points, axis: Points, outer_mm: float, inner_mm: float, opening: float = 1.5, rings: int = 20) -> Mesh:
    """Make a hemispherical shell (an acetabular cup).

    Parameters
    ----------
    center
        (3,) in mm.
    axis
        (3,) direction of its opening.
    outer_mm, inner_mm
        Radii.
    opening
        Polar angle of its rim in radians.
    rings
        Number of rings of faces.

    Returns
    -------
    Mesh
        The shell.

    """
    axis = np.asarray(axis, dtype=np.float64)
    axis = axis / np.linalg.norm(axis)
    polar_out = np.linspace(np.pi - 0.02, opening, rings)
    polar_in = np.linspace(opening, np.pi - 0.02, rings)
    along = np.concatenate([outer_mm * np.cos(polar_out), inner_mm * np.cos(polar_in)])
    radius = np.concatenate([outer_mm * np.sin(polar_out), inner_mm * np.sin(polar_in)])
    sides = 2 * rings
    angles = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
    first, second = _frame(axis)
    ring = np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second
    vertices = (np.asarray(center) + along[:, None, None] * axis + radius[:, None, None] * ring[None]).reshape(-1, 3)
    n = len(along)
    j = np.arange(sides)
    k = (j + 1) % sides
    faces = []
    for i in range(n):
        a, b = i * sides, ((i + 1) % n) * sides
        faces += [np.stack([a + j, b + j, a + k], 1), np.stack([a + k, b + j, b + k], 1)]
    mesh = Mesh(vertices, np.concatenate(faces).astype(np.int64))
    return mesh if _signed_volume(mesh) > 0 else Mesh(mesh.vertices, mesh.faces[:, ::-1])


def smooth_noise_2d(
    rng: np.random.Generator, shape: tuple[int, int], scale_px: float | tuple[float, float], octaves: int = 1
) -> NDArray[np.float32]:
    """Draw a Gaussian random field with unit variance.

    Further octaves halve scale and amplitude. Drawn on a coarse grid and interpolated, so large scales cost little.

    Parameters
    ----------
    rng
        Random generator.
    shape
        (rows, columns).
    scale_px
        Correlation length, for both directions or (row, column).
    octaves
        Number of octaves.

    Returns
    -------
    ndarray
        float32 of ``shape``.

    """
    scale_row, scale_column = (scale_px, scale_px) if isinstance(scale_px, int | float) else scale_px
    total = np.zeros(shape, np.float32)
    amplitude = 1.0
    for _ in range(octaves):
        coarse = (int(np.ceil(shape[0] / scale_row)) + 4, int(np.ceil(shape[1] / scale_column)) + 4)
        coarse = (min(coarse[0], shape[0] + 4), min(coarse[1], shape[1] + 4))
        field = rng.standard_normal(coarse).astype(np.float32)
        shift = rng.uniform(0.0, 1.0, 2)
        step = (shape[0] / max(coarse[0] - 3, 1), shape[1] / max(coarse[1] - 3, 1))
        move = np.array([[1.0 / step[1], 0.0, 1.0 + shift[1]], [0.0, 1.0 / step[0], 1.0 + shift[0]]])
        total += amplitude * cv2.warpAffine(
            field,
            move,
            (shape[1], shape[0]),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        scale_row, scale_column, amplitude = max(scale_row / 2, 1.0), max(scale_column / 2, 1.0), amplitude / 2
    return np.asarray(total / max(float(total.std()), 1e-6), dtype=np.float32)


def smooth_noise_3d(
    rng: np.random.Generator, shape: tuple[int, int, int], scale: float, octaves: int = 1
) -> NDArray[np.float32]:
    """Draw a Gaussian random field with about unit variance.

    Parameters
    ----------
    rng
        Random generator.
    shape
        (nx, ny, nz).
    scale
        Correlation length in voxels.
    octaves
        Number of octaves.

    Returns
    -------
    ndarray
        float32 of ``shape``.

    """
    total = np.zeros(shape, np.float32)
    amplitude = 1.0
    for _ in range(octaves):
        field = rng.standard_normal([int(np.ceil(n / scale)) + 2 for n in shape]).astype(np.float32)
        for axis, length in enumerate(shape):
            # One axis is interpolated at a time: the others are the columns of an image.
            front = np.moveaxis(field, axis, 0)
            flat = np.ascontiguousarray(front.reshape(front.shape[0], -1))
            large = cv2.resize(flat, (flat.shape[1], length), interpolation=cv2.INTER_LINEAR)
            field = np.moveaxis(np.asarray(large, dtype=np.float32).reshape(length, *front.shape[1:]), 0, axis)
        total += amplitude * field
        scale, amplitude = max(scale / 2, 1.0), amplitude / 2
    return np.asarray(total / max(float(total.std()), 1e-6), dtype=np.float32)
