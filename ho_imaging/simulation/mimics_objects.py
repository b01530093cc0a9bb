"""Objects on a patient: electrodes, buttons, zips, tubing."""

from __future__ import annotations

import cv2
import numpy as np

from ho_imaging.simulation.mimic_drawing import Mimic, draw_line, fixed_point
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.scene import Material

__all__ = ["buttons_or_zip", "electrode", "tubing"]


def electrode(rng: np.random.Generator, camera: Camera) -> list[Mimic]:
    """Draw an ECG electrode with its wire, on the skin."""
    rows, columns = camera.shape
    center = np.array([rng.uniform(0.0, 0.6) * rows, rng.uniform(0.05, 0.95) * columns])
    image = np.zeros(camera.shape, np.float32)
    cv2.circle(
        image,
        fixed_point(center),
        int(rng.uniform(2.5, 4.5) / camera.pixel_mm * 16),
        rng.uniform(0.5, 1.5),
        -1,
        cv2.LINE_AA,
        4,
    )
    t = np.linspace(0.0, 1.0, 60)[:, None]
    end = np.array([rng.uniform(-0.2, 0.2) * rows, rng.uniform(0.0, 1.0) * columns])
    sag = np.array([rng.normal(0.0, 0.2) * rows, rng.normal(0.0, 0.2) * columns])
    image += draw_line(
        camera, center + t * (end - center) + 4 * t * (1 - t) * sag, rng.uniform(0.8, 1.6), rng.uniform(0.2, 0.6)
    )
    return [Mimic("electrode", Material.STEEL, image)]


def buttons_or_zip(rng: np.random.Generator, camera: Camera) -> list[Mimic]:
    """Draw buttons, snaps, coins and zips."""
    image = np.zeros(camera.shape, np.float32)
    rows, columns = camera.shape
    material = Material(rng.choice([Material.PLASTIC, Material.STEEL, Material.TITANIUM]))
    thickness = rng.uniform(2.0, 4.0) if material is Material.PLASTIC else rng.uniform(0.4, 1.6)
    if rng.random() < 0.3:
        a = np.array([rng.uniform(0.2, 0.7) * rows, columns * rng.uniform(0.4, 0.6)])
        step = np.array([2.6, rng.normal(0.0, 0.3)]) / camera.pixel_mm
        for k in range(int(rng.integers(12, 45))):
            shift = np.array([0.0, (1.2 if k % 2 else -1.2) / camera.pixel_mm])
            image += draw_line(camera, np.stack([a + k * step + shift, a + k * step + 2.2 * shift]), 1.2, thickness)
        return [Mimic("zip", material, image)]
    for _ in range(int(rng.integers(1, 4))):
        center = np.array([rng.uniform(0.05, 0.95) * rows, rng.uniform(0.05, 0.95) * columns])
        radius = rng.uniform(4.0, 11.0) / camera.pixel_mm
        cv2.circle(image, fixed_point(center), int(radius * 16), thickness, -1, cv2.LINE_AA, 4)
        if rng.random() < 0.6:
            for k in range(4):
                hole = center + 0.3 * radius * np.array([np.cos(k * np.pi / 2), np.sin(k * np.pi / 2)])
                cv2.circle(image, fixed_point(hole), max(8, int(0.12 * radius * 16)), 0.0, -1, cv2.LINE_AA, 4)
    return [Mimic("button", material, image)]


def tubing(rng: np.random.Generator, camera: Camera) -> list[Mimic]:
    """Draw catheters, drains and cables: long smooth curves, some with a dense line."""
    rows, columns = camera.shape
    t = np.linspace(0.0, 1.0, 120)[:, None]
    ends = rng.uniform(-0.1, 1.1, (4, 2)) * np.array([rows, columns])
    path = (1 - t) ** 3 * ends[0] + 3 * t * (1 - t) ** 2 * ends[1] + 3 * t**2 * (1 - t) * ends[2] + t**3 * ends[3]
    return [
        Mimic("tubing", Material.PLASTIC, draw_line(camera, path, rng.uniform(2.0, 6.0), rng.uniform(1.0, 3.5)))
    ] + (
        [Mimic("tubing", Material.STEEL, draw_line(camera, path, 0.8, rng.uniform(0.05, 0.25)))]
        if rng.random() < 0.5
        else []
    )
