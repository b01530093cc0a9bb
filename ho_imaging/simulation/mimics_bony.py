"""Bone that is not ectopic bone: accessory ossicles, outgrowths, healed injuries, bone islands."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.mimic_drawing import Mimic, bead, either_hip, pixels_per_mm
from ho_imaging.simulation.ossification import Styles, grow
from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera, path_through_volume
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.shape_model import Points

__all__ = ["avulsion", "bone_islands", "healed_fracture", "ossicle", "outgrowths", "wear"]


def ossicle(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw an os acetabuli: a smooth corticated ossicle at the lateral rim of the socket."""
    hip = either_hip(rng, hips)
    length = rng.uniform(4.0, 10.0)
    direction = np.array([hip.outward * 0.75, rng.normal(0.0, 0.2), 0.66])
    center = hip.head_center + (hip.head_radius_mm + 4.0 + 0.4 * length) * direction / np.linalg.norm(direction)
    along = np.array([hip.outward * 0.66, 0.0, -0.75])
    path = center + np.linspace(-0.3, 0.3, 5)[:, None] * length * along
    volume = grow(rng, path, np.full(5, 0.3 * length), maturity=1.0, roughness=0.25, styles=Styles.PLAIN)
    return [
        Mimic(
            "os_acetabuli", Material.BONE, path_through_volume(camera, volume.fraction, volume.origin, volume.voxel_mm)
        )
    ]


def outgrowths(rng: np.random.Generator, camera: Camera, hip: Hip) -> list[Mimic]:
    """Draw osteophytes at the joint's margin and enthesophytes at tendon insertions, as part of their bone."""
    return _grow_from(rng, camera, _outgrowth_sites(hip), chance=0.3, length_mm=(2.5, 7.5), radius_mm=(1.4, 2.8))


def wear(rng: np.random.Generator, camera: Camera, hip: Hip) -> list[Mimic]:
    """Draw the outgrowths of severe arthrosis and of long-standing tendon traction: long, broad, many.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    hip
        The hip.

    Returns
    -------
    list of Mimic
        The outgrowths in projection.

    """
    return _grow_from(rng, camera, _outgrowth_sites(hip), chance=0.55, length_mm=(4.0, 15.0), radius_mm=(1.6, 5.0))


def _outgrowth_sites(hip: Hip) -> tuple[tuple[str, str, Points, Points], ...]:
    """Return kind, bone, start and direction of the usual outgrowths about a hip."""
    return (
        ("osteophyte", "pelvis", hip.pelvis_marks["acetabular_rim"], np.array([hip.outward, 0.0, -0.4])),
        ("osteophyte", "femur", hip.head_center + 0.8 * hip.head_radius_mm * np.array([hip.outward, 0.0, 0.6]),
         np.array([hip.outward, 0.0, 0.9])),
        ("osteophyte", "femur",
         hip.head_center + 0.95 * hip.head_radius_mm * np.array([-hip.outward * 0.5, 0.0, -0.85]),
         np.array([-hip.outward, 0.0, -0.6])),
        ("enthesophyte", "femur", hip.femur_marks["greater_trochanter_tip"], np.array([hip.outward * 0.2, 0.0, 1.0])),
        ("enthesophyte", "femur", hip.femur_marks["greater_trochanter_lateral"], np.array([hip.outward, 0.0, 0.6])),
        ("enthesophyte", "femur", hip.femur_marks["lesser_trochanter"], np.array([-hip.outward, 0.0, 0.7])),
        ("enthesophyte", "pelvis", hip.pelvis_marks["ischial_tuberosity"], np.array([hip.outward, 0.0, -0.8])),
        ("enthesophyte", "pelvis", hip.pelvis_marks["anterior_superior_spine"], np.array([hip.outward, 0.0, -0.3])),
        ("enthesophyte", "pelvis", hip.pelvis_marks["iliac_wing"], np.array([hip.outward, 0.0, 0.5])),
    )  # fmt: skip


def _grow_from(
    rng: np.random.Generator,
    camera: Camera,
    sites: tuple[tuple[str, str, Points, Points], ...],
    *,
    chance: float,
    length_mm: tuple[float, float],
    radius_mm: tuple[float, float],
) -> list[Mimic]:
    found = []
    for kind, bone, start, direction in sites:
        if rng.random() > chance:
            continue
        heading = direction / np.linalg.norm(direction) + rng.normal(0.0, 0.2, 3)
        length = rng.uniform(*length_mm)
        path = start + np.linspace(-0.3, 1.0, 6)[:, None] * length * heading
        radii = rng.uniform(*radius_mm) * np.linspace(1.2, 0.35, 6)
        volume = grow(rng, path, radii, maturity=1.0, roughness=0.3, styles=Styles.PLAIN)
        projected = path_through_volume(camera, volume.fraction, volume.origin, volume.voxel_mm)
        found.append(Mimic(kind, Material.BONE, projected, bone))
    return found


def healed_fracture(rng: np.random.Generator, camera: Camera, shaft: tuple[Points, Points]) -> Mimic:
    """Draw the callus of a healed fracture of the femoral shaft: a spindle of bone, part of the femur.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    shaft
        (3,) positions of the proximal and the distal end of the shaft, in mm.

    Returns
    -------
    Mimic
        The callus in projection.

    """
    start, end = shaft
    along = (end - start) / np.linalg.norm(end - start)
    middle = start + rng.uniform(5.0, 130.0) * along + rng.normal(0.0, 2.5, 3)
    half = rng.uniform(14.0, 32.0)
    path = middle + np.linspace(-half, half, 12)[:, None] * along
    radii = rng.uniform(11.5, 15.0) * np.sin(np.linspace(0.25, np.pi - 0.25, 12))
    maturity = float(rng.uniform(0.7, 1.0))
    volume = grow(rng, path, radii, maturity=maturity, roughness=0.15, styles=Styles.PLAIN)
    projected = path_through_volume(camera, volume.fraction, volume.origin, volume.voxel_mm)
    return Mimic("healed_fracture", Material.BONE, projected, "femur")


def avulsion(rng: np.random.Generator, camera: Camera, hip: Hip) -> Mimic:
    """Draw a flake avulsed by a tendon and healed a little away from its bed: an old injury, not new bone."""
    name = str(rng.choice(["ischial_tuberosity", "anterior_inferior_spine", "anterior_superior_spine"]))
    away = rng.normal(size=3) * (0.6, 0.3, 0.6) + np.array([hip.outward * 0.6, 0.0, -0.8])
    bed = hip.pelvis_marks[name] + rng.uniform(3.0, 9.0) * away / np.linalg.norm(away)
    length = rng.uniform(6.0, 18.0)
    direction = rng.normal(size=3)
    path = bed + np.linspace(-0.5, 0.5, 6)[:, None] * length * direction / np.linalg.norm(direction)
    radii = np.full(6, rng.uniform(1.2, 2.6))
    volume = grow(rng, path, radii, maturity=1.0, flatness=0.5, roughness=0.3, styles=Styles.PLAIN)
    projected = path_through_volume(camera, volume.fraction, volume.origin, volume.voxel_mm)
    return Mimic("avulsion_fragment", Material.BONE, projected)


def bone_islands(
    rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip], bone: NDArray[np.bool_]
) -> list[Mimic]:
    """Draw enostoses: small dense spots of cortex inside a bone, never beside it."""
    scale = pixels_per_mm(camera, float(hips[0].head_center[1]))
    found = []
    for _ in range(int(rng.integers(1, 4))):
        radius_mm = float(rng.uniform(1.5, 5.0))
        # `bead` stretches by a fifth at most.
        inside = np.argwhere(cv2.distanceTransform(bone.astype(np.uint8), cv2.DIST_L2, 3) > 1.3 * radius_mm * scale)
        if not len(inside):
            continue
        image = np.zeros(camera.shape, np.float32)
        center = inside[int(rng.integers(len(inside)))].astype(np.float64)
        bead(rng, camera, image, center, radius_mm, scale, float(rng.uniform(0.3, 0.9)), 0.0)
        found.append(Mimic("bone_island", Material.BONE, image))
    return found
