"""A mimic, a structure that looks like ectopic bone, and the shapes that mimics are drawn with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.shape_model import Points
from ho_imaging.simulation.solids import smooth_noise_2d

__all__ = ["Mimic", "bead", "draw_line", "either_hip", "fixed_point", "lesser_pelvis_point", "pixels_per_mm", "rails"]


Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mimic:
    """One mimic: ``kind``, ``material`` and mm of it along each ray. ``bone``: the bone it is a part of, if any."""

    kind: str
    material: Material
    thickness_mm: Image
    bone: str | None = None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels where it shows, (rows, columns) bool."""
        return np.asarray(self.thickness_mm > 0.15)


def either_hip(rng: np.random.Generator, hips: tuple[Hip, Hip]) -> Hip:
    """Draw one of the two hips."""
    return hips[int(rng.integers(2))]


def pixels_per_mm(camera: Camera, y_mm: float) -> float:
    """Return pixels per mm at a depth."""
    return camera.magnification(y_mm) / camera.pixel_mm


def _stamp(camera: Camera, center_rc: Points, radius_px: float) -> tuple[slice, slice, Image, Image] | None:
    """Return the pixel window about a point with row and column offsets from it; ``None`` outside the image."""
    reach = int(np.ceil(radius_px)) + 2
    r0, c0 = round(float(center_rc[0])) - reach, round(float(center_rc[1])) - reach
    r1, c1 = r0 + 2 * reach + 1, c0 + 2 * reach + 1
    if r1 <= 0 or c1 <= 0 or r0 >= camera.shape[0] or c0 >= camera.shape[1]:
        return None
    rows, columns = slice(max(r0, 0), min(r1, camera.shape[0])), slice(max(c0, 0), min(c1, camera.shape[1]))
    dr = (np.arange(rows.start, rows.stop) - center_rc[0])[:, None].astype(np.float32)
    dc = (np.arange(columns.start, columns.stop) - center_rc[1])[None, :].astype(np.float32)
    return rows, columns, dr, dc


def bead(
    rng: np.random.Generator,
    camera: Camera,
    image: Image,
    center_rc: Points,
    radius_mm: float,
    px_a_mm: float,
    density: float,
    hollow: float,
) -> None:
    """Add a smooth round calcification to an image of thickness.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    image
        (rows, columns) float32 in mm, changed in place.
    center_rc
        (row, column) of the centre.
    radius_mm
        Radius.
    px_a_mm
        Pixels per mm at its depth.
    density
        Fraction of full mineral.
    hollow
        From 0 (solid) to 1 (shell).

    """
    window = _stamp(camera, center_rc, 1.5 * radius_mm * px_a_mm)
    if window is None:
        return
    rows, columns, dr, dc = window
    angle = np.arctan2(dr, dc)
    stretch = (
        1.0
        + 0.18 * np.cos(2.0 * (angle + rng.uniform(0.0, np.pi)))
        + 0.05 * np.cos(3.0 * (angle + rng.uniform(0.0, 6.3)))
    )
    radius = np.hypot(dr, dc) / px_a_mm / stretch
    outer = 2.0 * np.sqrt(np.clip(radius_mm**2 - radius**2, 0.0, None))
    inner = 2.0 * np.sqrt(np.clip((0.65 * radius_mm) ** 2 - radius**2, 0.0, None))
    image[rows, columns] += density * (outer - hollow * inner)


def rails(rng: np.random.Generator, camera: Camera, knots: Points) -> Image:
    """Draw calcified walls of an artery: two broken lines a vessel's width apart.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    knots
        (5, 3) points along the artery, in mm.

    Returns
    -------
    ndarray
        (rows, columns) float32, mm of bone.

    """
    from scipy.interpolate import CubicSpline  # noqa: PLC0415  (rare)

    image = np.zeros(camera.shape, np.float32)
    t = np.linspace(0.0, 4.0, 500)

    path = camera.project(CubicSpline(np.arange(5), knots)(t))
    path += (
        np.stack([2.5 * np.sin(3.1 * t + rng.uniform(0, 6)), 2.5 * np.sin(2.3 * t + rng.uniform(0, 6))], 1)
        / camera.pixel_mm
    )
    tangent = np.gradient(path, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / np.maximum(
        np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6
    )
    half = rng.uniform(2.8, 4.8) / camera.pixel_mm
    start, stop = np.sort(rng.uniform(0.0, 1.0, 2))
    for sign in (-1.0, 1.0):
        on = smooth_noise_2d(rng, (500, 4), (rng.uniform(5.0, 40.0), 4.0))[:, 0] > rng.uniform(-0.6, 0.9)
        on &= (np.linspace(0, 1, 500) > start - 0.15) & (np.linspace(0, 1, 500) < stop + 0.15)
        layer = np.zeros(camera.shape, np.float32)
        line = path + sign * half * normal
        for k in np.flatnonzero(on[:-1]):
            a, b = line[k], line[k + 1]
            cv2.line(
                layer,
                fixed_point(a),
                fixed_point(b),
                1.0,
                max(1, round(rng.uniform(0.8, 2.2) / camera.pixel_mm)),
                cv2.LINE_AA,
                4,
            )
        grain = np.clip(1.0 + 0.5 * smooth_noise_2d(rng, camera.shape, max(1.5 / camera.pixel_mm, 1.0)), 0.1, 2.5)
        image += cv2.GaussianBlur(layer, (0, 0), 0.6) * grain * np.float32(rng.uniform(0.4, 2.2))
    return image


def fixed_point(rc: Points) -> tuple[int, int]:
    """Return (column, row) in sixteenths of a pixel, for OpenCV's ``shift=4``; bounded so that it fits."""
    return int(np.clip(rc[1] * 16, -1e6, 1e6)), int(np.clip(rc[0] * 16, -1e6, 1e6))


def lesser_pelvis_point(
    rng: np.random.Generator, hips: tuple[Hip, Hip], spread_mm: float, up_mm: tuple[float, float]
) -> Points:
    """Draw a point of the lesser pelvis, between the hips."""
    middle = 0.5 * (hips[0].head_center + hips[1].head_center)
    return np.asarray(middle + np.array([rng.normal(0.0, spread_mm), rng.uniform(-30.0, 30.0), rng.uniform(*up_mm)]))


def draw_line(camera: Camera, points_rc: Points, width_mm: float, thickness_mm: float) -> Image:
    """Draw a line through points (row, column); return (rows, columns) float32, mm of material."""
    layer = np.zeros(camera.shape, np.float32)
    pixels = max(1, round(width_mm / camera.pixel_mm))
    for a, b in itertools.pairwise(points_rc):
        cv2.line(layer, fixed_point(a), fixed_point(b), 1.0, pixels, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.5) * np.float32(thickness_mm), dtype=np.float32)
