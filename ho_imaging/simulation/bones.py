"""Bone in projection: cortex of varying thickness around cancellous bone of varying density."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.projection import Camera, path_through
from ho_imaging.simulation.shape_model import Mesh, Points
from ho_imaging.simulation.solids import smooth_noise_2d

__all__ = ["BoneLayer", "BoneQuality", "femur_structure", "pelvis_structure", "project_bone", "sample_bone_quality"]


@dataclass(frozen=True)
class BoneQuality:
    """Bone quality of a person: factors on cortical thickness and cancellous density; 1.0 is a healthy adult."""

    cortex: float
    spongiosa: float
    texture: float


@dataclass(frozen=True, eq=False)
class BoneLayer:
    """One bone in projection, (rows, columns) each.

    ``mineral_mm``: float32, mm of fully mineralised cortex along the ray. ``occupied_mm``: float32, mm inside the
    bone's surface, which replace soft tissue. ``mask``: bool.
    """

    mineral_mm: NDArray[np.float32]
    occupied_mm: NDArray[np.float32]
    mask: NDArray[np.bool_]


def sample_bone_quality(rng: np.random.Generator) -> BoneQuality:
    """Draw a bone quality from osteoporotic to dense; older bone loses cancellous bone before cortex."""
    strength = float(np.clip(rng.normal(0.0, 1.0), -2.0, 2.0))
    return BoneQuality(
        cortex=float(np.exp(0.16 * strength + rng.normal(0.0, 0.06))),
        spongiosa=float(np.exp(0.32 * strength + rng.normal(0.0, 0.12))),
        texture=float(rng.uniform(0.5, 1.5)),
    )


def femur_structure(vertices: Points, head_center: Points, quality: BoneQuality) -> tuple[Points, Points]:
    """Return cortical thickness in mm and cancellous volume fraction at each femur vertex, in neutral pose.

    The cortex is thin at the head (about 1 mm), thick along the shaft (about 6 mm at the isthmus), thin again at the
    condyles.

    Parameters
    ----------
    vertices
        (n, 3) float64 in mm.
    head_center
        (3,) in mm.
    quality
        Bone quality.

    Returns
    -------
    cortex_mm, spongiosa : ndarray
        (n,) float64 each.

    """
    height = vertices[:, 2] - head_center[2]
    lateral = vertices[:, 0] - head_center[0]
    cortex = np.interp(height, [-400.0, -340.0, -260.0, -150.0, -95.0, -60.0, -35.0, 40.0],
                       [1.2, 2.0, 5.0, 6.2, 5.0, 2.6, 1.5, 1.0])  # fmt: skip
    # The calcar, the medial cortex below the neck, bears load and is thicker.
    calcar = np.exp(-(((height + 45.0) / 22.0) ** 2) - ((lateral - 15.0) / 18.0) ** 2)
    spongiosa = np.interp(height, [-400.0, -350.0, -280.0, -130.0, -80.0, -50.0, -25.0, 0.0, 40.0],
                          [0.20, 0.14, 0.03, 0.01, 0.05, 0.13, 0.20, 0.27, 0.27])  # fmt: skip
    return (cortex + 1.8 * calcar) * quality.cortex, spongiosa * quality.spongiosa


def pelvis_structure(
    vertices: Points, socket_left: Points, socket_right: Points, quality: BoneQuality
) -> tuple[Points, Points]:
    """Return cortical thickness in mm and cancellous volume fraction at each pelvis vertex; denser above the sockets.

    Parameters
    ----------
    vertices
        (n, 3) float64 in mm.
    socket_left, socket_right
        (3,) centres of the sockets in mm.
    quality
        Bone quality.

    Returns
    -------
    cortex_mm, spongiosa : ndarray
        (n,) float64 each.

    """
    near = np.minimum(
        np.linalg.norm(vertices - socket_left - (0.0, 0.0, 22.0), axis=1),
        np.linalg.norm(vertices - socket_right - (0.0, 0.0, 22.0), axis=1),
    )
    roof = np.exp(-((near / 26.0) ** 2))
    return (1.15 + 1.2 * roof) * quality.cortex, (0.11 + 0.12 * roof) * quality.spongiosa


def project_bone(
    camera: Camera, mesh: Mesh, cortex_mm: Points, spongiosa: Points, rng: np.random.Generator, texture: float
) -> BoneLayer:
    """Project a bone as its outer surface minus an inner surface that bounds the cancellous space.

    The inner surface lies ``cortex_mm`` below the outer one along the normals. Where the bone is thinner than two
    cortices the inner body is inverted and has no positive length, so the bone is all cortex there.

    Parameters
    ----------
    camera
        Source and detector.
    mesh
        Outer surface in camera space.
    cortex_mm, spongiosa
        (n,) cortical thickness and cancellous volume fraction at each vertex.
    rng
        Random generator.
    texture
        Amplitude of the trabecular pattern.

    Returns
    -------
    BoneLayer
        The bone in projection.

    """
    outer, _ = path_through(camera, mesh)
    inner_mesh = mesh.moved(mesh.vertices - cortex_mm[:, None] * mesh.normals())
    inner, density = path_through(camera, inner_mesh, spongiosa)
    inner = np.minimum(inner, outer)
    if density is None:  # pragma: no cover  (weights were given)
        raise AssertionError
    # Projected trabeculae are fine and slightly streaky, and stronger where there is little bone between them.
    fine = max(0.9 / camera.pixel_mm, 1.0)
    angle_noise = smooth_noise_2d(rng, camera.shape, (2.2 * fine, fine), octaves=2)
    cross_noise = smooth_noise_2d(rng, camera.shape, (fine, 2.0 * fine), octaves=2)
    patch = smooth_noise_2d(rng, camera.shape, 12.0 / camera.pixel_mm)
    struts = _struts(rng, camera, fine)
    grain = 1.0 + texture * (0.13 * angle_noise + 0.09 * cross_noise + 0.10 * patch + 0.11 * struts)
    mineral = (outer - inner) + inner * density * np.clip(grain, 0.2, 2.5)
    return BoneLayer(mineral.astype(np.float32), outer, np.asarray(outer > 0.3))


def _struts(rng: np.random.Generator, camera: Camera, fine_px: float) -> NDArray[np.float32]:
    """Return groups of trabeculae along lines of load: long thin streaks whose direction varies with position."""
    rows, columns = np.indices(camera.shape, dtype=np.float32)
    heading = rng.uniform(0.0, 2.0 * np.pi)
    turned = np.zeros(camera.shape, np.float32)
    for angle in (heading, heading + rng.uniform(0.9, 1.8)):
        # The grid is bent gently, so that the streaks curve like the arcades of a femoral neck.
        bend = 14.0 / camera.pixel_mm * smooth_noise_2d(rng, camera.shape, 50.0 / camera.pixel_mm)
        along = rows * np.cos(angle) + columns * np.sin(angle)
        across = columns * np.cos(angle) - rows * np.sin(angle) + bend
        side = int(np.hypot(*camera.shape)) + 8
        streaks = smooth_noise_2d(rng, (side, side), (14.0 * fine_px, 1.1 * fine_px))
        turned += cv2.remap(
            streaks,
            ((across - across.min()) % (side - 1)).astype(np.float32),
            ((along - along.min()) % (side - 1)).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        ) * np.clip(1.0 + smooth_noise_2d(rng, camera.shape, 25.0 / camera.pixel_mm), 0.0, 2.0)
    return np.asarray(0.6 * turned, dtype=np.float32)
