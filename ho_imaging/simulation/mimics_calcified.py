"""Calcifications in soft tissue: veins, arteries, lymph nodes, injection sites, fibroids, stones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.mimic_drawing import Mimic, bead, either_hip, lesser_pelvis_point, pixels_per_mm, rails
from ho_imaging.simulation.mimics_bony import ossicle
from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.shape_model import Points

__all__ = [
    "CALCIFIED",
    "calcified_arteries",
    "calcified_fibroid",
    "calcified_node",
    "calcify",
    "injection_granulomas",
    "phleboliths",
    "stones",
]

CALCIFIED = 0.6
"""Value of `HipPlan.calcified` for images of the old and of the often injected."""


def phleboliths(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw phleboliths: round calcifications in the veins of the lesser pelvis."""
    image = np.zeros(camera.shape, np.float32)
    for _ in range(int(rng.integers(1, 7))):
        hip = either_hip(rng, hips)
        inward = -hip.outward
        position = hip.head_center + np.array(
            [inward * rng.uniform(22.0, 55.0), rng.uniform(0.0, 40.0), rng.uniform(-35.0, 18.0)]
        )
        bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(1.0, 3.4),
              pixels_per_mm(camera, float(position[1])),
              rng.uniform(0.25, 0.75), rng.uniform(0.0, 1.0))  # fmt: skip
    return [Mimic("phlebolith", Material.BONE, image)]


def calcified_arteries(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw tram-track calcification and plaques along the femoral and iliac arteries."""
    image = np.zeros(camera.shape, np.float32)
    chosen = hips if rng.random() < 0.6 else (either_hip(rng, hips),)
    for hip in chosen:
        image += rails(rng, camera, _femoral_artery(rng, hip))
    return [Mimic("arterial_calcification", Material.BONE, image)]


def _femoral_artery(rng: np.random.Generator, hip: Hip) -> Points:
    """Draw (5, 3) points in mm along the external iliac and femoral artery of a hip."""
    inward = -hip.outward
    offsets_mm = np.array(
        [
            [inward * rng.uniform(42.0, 62.0), -30.0, rng.uniform(85.0, 130.0)],
            [inward * rng.uniform(16.0, 30.0), -45.0, 35.0],
            [inward * rng.uniform(2.0, 16.0), -50.0, -12.0],
            [inward * rng.uniform(6.0, 20.0), -45.0, -80.0],
            [inward * rng.uniform(15.0, 35.0), -20.0, -190.0],
        ]
    )
    return np.asarray(hip.head_center + offsets_mm)


def calcify(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw what makes an image rich in calcification: arteries with plaques, solid bodies in fat, an os acetabuli.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    hips
        Right and left hip.

    Returns
    -------
    list of Mimic
        The mimics in projection, of the kinds that images have more rarely and less of.

    """
    found: list[Mimic] = []
    if rng.random() < 0.6:
        found.append(_plaques(rng, camera, hips))
    if rng.random() < 0.5:
        found.append(_solid_bodies(rng, camera, hips))
    if rng.random() < 0.35:
        found.extend(ossicle(rng, camera, hips))
    return found


def _plaques(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> Mimic:
    """Draw flecks of plaque along the walls of the arteries and a second, deeper branch, some without any rails."""
    image = np.zeros(camera.shape, np.float32)
    for hip in hips if rng.random() < 0.6 else (either_hip(rng, hips),):
        for deep_mm in (0.0, rng.uniform(15.0, 35.0))[: 1 + int(rng.random() < 0.5)]:
            knots = _femoral_artery(rng, hip) + np.array([0.0, deep_mm, 0.0])
            if rng.random() < 0.5:
                image += rails(rng, camera, knots)
            for point in _polyline(knots, rng.uniform(0.0, 1.0, int(rng.integers(2, 16)))):
                _fleck(rng, camera, image, point + rng.normal(0.0, 2.6, 3))
    return Mimic("arterial_calcification", Material.BONE, image)


def _fleck(rng: np.random.Generator, camera: Camera, image: NDArray[np.float32], start: Points) -> None:
    """Add a fleck of plaque to an image of mm of bone: a row of beads along the vessel."""
    count = int(rng.integers(1, 5))
    along = np.array([rng.normal(0.0, 0.25), 0.0, 1.0])
    for step in range(count):
        position = start + along * (1.2 * step)
        bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(0.5, 1.9),
             pixels_per_mm(camera, float(position[1])), rng.uniform(0.2, 0.9), 0.0)  # fmt: skip


def _polyline(knots: Points, share: Points) -> Points:
    """Return the points at each share, 0 to 1, of a line through knots."""
    at = share * (len(knots) - 1)
    return np.stack([np.interp(at, np.arange(len(knots)), knots[:, axis]) for axis in range(3)], axis=1)


def _solid_bodies(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> Mimic:
    """Draw old injection sites that are calcified throughout: smooth, dense lumps behind the ilium.

    Only there: beside the joint nothing on the image would tell such a lump from ectopic bone.
    """
    image = np.zeros(camera.shape, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        hip = either_hip(rng, hips)
        center = hip.head_center + np.array([hip.outward * rng.uniform(-30.0, 55.0), 60.0, rng.uniform(50.0, 130.0)])
        size, density = rng.uniform(1.5, 6.0), rng.uniform(0.25, 0.8)
        for _ in range(int(rng.integers(1, 4))):
            position = center + rng.normal(0.0, 0.3 * size, 3)
            bead(rng, camera, image, camera.project(position[None])[0], size * rng.uniform(0.5, 1.0),
                 pixels_per_mm(camera, float(position[1])), density, rng.uniform(0.0, 0.5))  # fmt: skip
    return Mimic("injection_granuloma", Material.BONE, image)


def calcified_node(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a calcified lymph node: a mulberry of grains along the iliac or inguinal chain."""
    image = np.zeros(camera.shape, np.float32)
    for _ in range(int(rng.integers(1, 3))):
        hip = either_hip(rng, hips)
        center = hip.head_center + np.array([-hip.outward * rng.uniform(0.0, 55.0), -30.0, rng.uniform(-30.0, 110.0)])
        size = rng.uniform(3.0, 7.0)
        for _ in range(int(rng.integers(6, 22))):
            position = center + rng.normal(0.0, 0.5 * size, 3)
            bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(0.6, 1.6),
              pixels_per_mm(camera, float(position[1])),
                  rng.uniform(0.2, 0.7), 0.0)  # fmt: skip
    return [Mimic("calcified_node", Material.BONE, image)]


def injection_granulomas(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw old injection sites in the buttock: eggshell rings, high and lateral, behind the ilium."""
    image = np.zeros(camera.shape, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        hip = either_hip(rng, hips)
        position = hip.head_center + np.array([hip.outward * rng.uniform(-30.0, 55.0), 60.0, rng.uniform(45.0, 130.0)])
        bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(2.5, 8.0),
              pixels_per_mm(camera, float(position[1])),
              rng.uniform(0.08, 0.25), rng.uniform(0.85, 1.0))  # fmt: skip
    return [Mimic("injection_granuloma", Material.BONE, image)]


def calcified_fibroid(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a calcified uterine fibroid: a mulberry or popcorn of coarse grains in the middle of the pelvis."""
    image = np.zeros(camera.shape, np.float32)
    center = lesser_pelvis_point(rng, hips, 18.0, (10.0, 70.0))
    size = rng.uniform(7.0, 26.0)
    for _ in range(int(rng.integers(25, 90))):
        direction = rng.normal(size=3)
        position = center + size * direction / np.linalg.norm(direction) * rng.uniform(0.2, 1.0) ** 0.4
        bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(0.8, 3.4),
              pixels_per_mm(camera, float(position[1])), rng.uniform(0.1, 0.5), rng.uniform(0.0, 0.8))  # fmt: skip
    return [Mimic("calcified_fibroid", Material.BONE, image)]


def stones(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw bladder stones, smooth and layered, or fine grains in the prostate behind the symphysis."""
    image = np.zeros(camera.shape, np.float32)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            position = lesser_pelvis_point(rng, hips, 14.0, (-5.0, 40.0))
            bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(3.0, 13.0),
                  pixels_per_mm(camera, float(position[1])), rng.uniform(0.1, 0.4), rng.uniform(0.0, 0.6))  # fmt: skip
    else:
        center = lesser_pelvis_point(rng, hips, 4.0, (-30.0, -8.0))
        for _ in range(int(rng.integers(6, 40))):
            position = center + rng.normal(0.0, 6.0, 3)
            bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(0.4, 1.4),
                  pixels_per_mm(camera, float(position[1])), rng.uniform(0.3, 0.8), 0.0)  # fmt: skip
    return [Mimic("stone", Material.BONE, image)]
