"""Material of medical care: contrast medium, staples, clips, seeds, stents, gonad shields."""

from __future__ import annotations

import cv2
import numpy as np

from ho_imaging.simulation.mimic_drawing import (
    Mimic,
    draw_line,
    either_hip,
    fixed_point,
    lesser_pelvis_point,
    pixels_per_mm,
)
from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.solids import smooth_noise_2d

__all__ = ["clips", "contrast_medium", "gonad_shield", "seeds", "staples", "stent"]


def contrast_medium(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw contrast medium in bowel or bladder: smooth, pooled, in the middle of the pelvis."""
    middle = 0.5 * (hips[0].head_center + hips[1].head_center) + np.array(
        [rng.normal(0.0, 30.0), -20.0, rng.uniform(-10.0, 120.0)]
    )
    row, column = camera.project(middle[None])[0]
    r, c = np.mgrid[0 : camera.shape[0], 0 : camera.shape[1]].astype(np.float32)
    px = pixels_per_mm(camera, float(middle[1]))
    distance = np.hypot((r - row) / (px * rng.uniform(8.0, 38.0)), (c - column) / (px * rng.uniform(8.0, 45.0)))
    field = 1.0 - distance + 0.25 * smooth_noise_2d(rng, camera.shape, 14.0 * px, octaves=2)
    pool = np.sqrt(np.clip(field, 0.0, None)) * rng.uniform(1.0, 10.0)
    return [Mimic("contrast_medium", Material.CONTRAST, cv2.GaussianBlur(pool.astype(np.float32), (0, 0), 1.0))]


def seeds(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw brachytherapy seeds in the prostate: many short, similar rods."""
    image = np.zeros(camera.shape, np.float32)
    center = lesser_pelvis_point(rng, hips, 4.0, (-30.0, 0.0))
    for _ in range(int(rng.integers(25, 90))):
        at = camera.project((center + rng.normal(0.0, 11.0, 3))[None])[0]
        along = np.array([1.0, 0.0]) + rng.normal(0.0, 0.25, 2)
        along *= 2.3 / camera.pixel_mm / np.linalg.norm(along)
        image += draw_line(camera, np.stack([at - along, at + along]), 0.8, rng.uniform(0.4, 0.8))
    return [Mimic("seeds", Material.TITANIUM, image)]


def stent(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a stent in an iliac or femoral artery: a tube of crossed struts."""
    hip = either_hip(rng, hips)
    inward = -hip.outward
    top = hip.head_center + np.array([inward * rng.uniform(8.0, 55.0), -40.0, rng.uniform(0.0, 110.0)])
    low = top + np.array([-inward * rng.uniform(0.0, 22.0), 0.0, -rng.uniform(30.0, 90.0)])
    ends = camera.project(np.stack([top, low]))
    t = np.linspace(0.0, 1.0, int(rng.integers(40, 120)))[:, None]
    axis = ends[0] + t * (ends[1] - ends[0]) + np.sin(np.pi * t) * rng.normal(0.0, 6.0, 2)
    across = np.array([ends[1][1] - ends[0][1], ends[0][0] - ends[1][0]])
    across /= max(float(np.linalg.norm(across)), 1e-6)
    wave = rng.uniform(2.6, 4.6) / camera.pixel_mm * np.cos(2.0 * np.pi * t * rng.uniform(6.0, 18.0))
    image = np.zeros(camera.shape, np.float32)
    for sign in (1.0, -1.0):
        image += draw_line(camera, axis + sign * wave * across, 0.5, rng.uniform(0.15, 0.4))
    return [Mimic("stent", Material.STEEL, image)]


def gonad_shield(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a gonad shield: a sheet of lead between the hips, well placed or not."""
    center = camera.project(lesser_pelvis_point(rng, hips, 15.0, (-70.0, 60.0))[None])[0]
    half = rng.uniform(22.0, 50.0) / camera.pixel_mm
    shapes = (
        [(-1.0, -0.9), (-1.0, 0.9), (0.9, 0.25), (0.9, -0.25)],
        [(-0.7, -0.6), (-0.7, 0.6), (0.7, 0.6), (0.7, -0.6)],
        [(np.sin(a), 0.8 * np.cos(a)) for a in np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)],
    )
    outline = center + half * np.asarray(shapes[int(rng.integers(len(shapes)))])
    image = np.zeros(camera.shape, np.float32)
    cv2.fillPoly(image, [np.array([fixed_point(point) for point in outline])], rng.uniform(1.5, 5.0), cv2.LINE_AA, 4)
    return [Mimic("gonad_shield", Material.STEEL, image)]


def staples(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a row of skin staples along an incision beside the hip."""
    hip = either_hip(rng, hips)
    start = camera.project(
        (hip.head_center + np.array([hip.outward * rng.uniform(10.0, 60.0), 40.0, rng.uniform(0.0, 70.0)]))[None]
    )[0]
    angle = rng.normal(0.0, 0.35)
    step = rng.uniform(6.0, 12.0) / camera.pixel_mm
    image = np.zeros(camera.shape, np.float32)
    half = 3.3 / camera.pixel_mm
    for k in range(int(rng.integers(5, 22))):
        center = start + k * step * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0.0, 1.0, 2)
        across = np.array([-np.sin(angle), np.cos(angle)]) * half + rng.normal(0.0, 0.5, 2)
        legs = rng.uniform(0.1, 1.0) * half * np.array([np.cos(angle), np.sin(angle)])
        image += draw_line(
            camera,
            np.stack([center - across + legs, center - across, center + across, center + across + legs]),
            0.6,
            0.6,
        )
    return [Mimic("staples", Material.STEEL, image)]


def clips(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw vascular clips: short bright V's and bars along the vessels."""
    image = np.zeros(camera.shape, np.float32)
    hip = either_hip(rng, hips)
    for _ in range(int(rng.integers(1, 9))):
        position = hip.head_center + np.array(
            [-hip.outward * rng.uniform(-20.0, 60.0), -20.0, rng.uniform(-60.0, 90.0)]
        )
        center = camera.project(position[None])[0]
        arm = rng.normal(0.0, 1.0, 2)
        arm *= rng.uniform(2.0, 4.5) / camera.pixel_mm / np.linalg.norm(arm)
        other = arm * 0.9 + rng.normal(0.0, 0.25, 2) * np.linalg.norm(arm)
        image += draw_line(camera, np.stack([center + arm, center, center + other]), 0.8, 0.8)
    return [Mimic("clips", Material(rng.choice([Material.TITANIUM, Material.STEEL])), image)]
