"""Mimics in a leg: structures that look like ectopic bone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.limb import Limb
from ho_imaging.simulation.mimic_drawing import Mimic, bead, rails
from ho_imaging.simulation.mimics import sample_objects
from ho_imaging.simulation.mimics_bony import healed_fracture
from ho_imaging.simulation.ossification import Styles, grow
from ho_imaging.simulation.projection import Camera, path_through_volume
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.shape_model import Points

__all__ = ["sample_limb_mimics"]


def sample_limb_mimics(rng: np.random.Generator, camera: Camera, limb: Limb, body: NDArray[np.bool_]) -> list[Mimic]:
    """Draw mimics with their usual frequency, each kind independently.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    limb
        The posed leg.
    body
        (rows, columns) bool, inside the skin.

    Returns
    -------
    list of Mimic
        The mimics in projection.

    """
    found: list[Mimic] = []
    if rng.random() < 0.3:
        found.extend(_artery(rng, camera, limb))
    if limb.cut is None:
        if rng.random() < 0.25:
            found.append(_ossicle(rng, camera, "fabella", limb.marks["fabella"], rng.uniform(2.5, 5.0)))
        if rng.random() < 0.12:
            where = limb.marks["knee"] + rng.normal(0.0, 16.0, 3)
            found.append(_ossicle(rng, camera, "loose_body", where, rng.uniform(2.0, 5.5)))
        if rng.random() < 0.4:
            found.extend(_outgrowths(rng, camera, limb))
    if limb.cut is None and rng.random() < 0.08:
        found.append(healed_fracture(rng, camera, (limb.marks["shaft_top"], limb.marks["knee"])))
    if rng.random() < 0.12:
        found.append(_beads(rng, camera, limb))
    # An amputation removes the vessels too.
    found = [replace(mimic, thickness_mm=mimic.thickness_mm * body) for mimic in found]
    return [mimic for mimic in [*found, *sample_objects(rng, camera)] if mimic.mask.any()]


def _artery(rng: np.random.Generator, camera: Camera, limb: Limb) -> list[Mimic]:
    """Draw calcified femoral and popliteal arteries: from the front and inside to behind the knee."""
    top, middle, knee = limb.marks["shaft_top"], limb.marks["middle"], limb.marks["knee"]
    inward, back = -limb.outward, -limb.forward
    knots = np.stack(
        [
            top + rng.uniform(25.0, 45.0) * inward - 30.0 * back - 40.0 * limb.down,
            middle + rng.uniform(22.0, 40.0) * inward + 5.0 * back,
            0.5 * (middle + knee) + rng.uniform(10.0, 25.0) * inward + 22.0 * back,
            knee + rng.uniform(-6.0, 8.0) * inward + 34.0 * back,
            knee + 110.0 * limb.down + 26.0 * back,
        ]
    )
    return [Mimic("arterial_calcification", Material.BONE, rails(rng, camera, knots))]


def _ossicle(rng: np.random.Generator, camera: Camera, kind: str, center: Points, radius_mm: float) -> Mimic:
    """Draw a smooth corticated ossicle: a sesamoid or a loose body in the joint."""
    center = center + rng.normal(0.0, 2.0, 3)
    along = rng.normal(size=3)
    path = center + np.linspace(-0.4, 0.4, 5)[:, None] * radius_mm * along / np.linalg.norm(along)
    volume = grow(rng, path, np.full(5, radius_mm), maturity=1.0, roughness=0.2, styles=Styles.PLAIN)
    return Mimic(kind, Material.BONE, path_through_volume(camera, volume.fraction, volume.origin, volume.voxel_mm))


def _outgrowths(rng: np.random.Generator, camera: Camera, limb: Limb) -> list[Mimic]:
    """Draw osteophytes of the condyles and enthesophytes of patella and tubercle: short, part of their bone."""
    sites: tuple[tuple[str, str, Points, NDArray[np.float64]], ...] = (
        ("osteophyte", "femur", limb.marks["medial_epicondyle"] + 14.0 * limb.down, limb.down - limb.outward),
        ("osteophyte", "femur", limb.marks["lateral_epicondyle"] + 14.0 * limb.down, limb.down + limb.outward),
        ("enthesophyte", "patella", limb.marks["patella_top"], -limb.down + 0.2 * limb.forward),
        ("enthesophyte", "tibia", limb.marks["tibial_tubercle"], limb.forward - 0.5 * limb.down),
    )
    found = []
    for kind, bone, start, direction in sites:
        if rng.random() > 0.4:
            continue
        heading = direction / np.linalg.norm(direction) + rng.normal(0.0, 0.2, 3)
        path = start + np.linspace(-0.3, 1.0, 6)[:, None] * rng.uniform(2.5, 8.0) * heading
        radii = rng.uniform(1.3, 2.8) * np.linspace(1.2, 0.35, 6)
        volume = grow(rng, path, radii, maturity=1.0, roughness=0.3, styles=Styles.PLAIN)
        projected = path_through_volume(camera, volume.fraction, volume.origin, volume.voxel_mm)
        found.append(Mimic(kind, Material.BONE, projected, bone))
    return found


def _beads(rng: np.random.Generator, camera: Camera, limb: Limb) -> Mimic:
    """Draw phleboliths of the leg and old injection sites."""
    image = np.zeros(camera.shape, np.float32)
    for _ in range(int(rng.integers(1, 7))):
        position = limb.marks["middle"] + limb.down * rng.uniform(-120.0, 200.0) + rng.normal(0.0, 24.0, 3)
        scale = camera.magnification(float(position[1])) / camera.pixel_mm
        bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(1.0, 3.2), scale,
             rng.uniform(0.25, 0.75), rng.uniform(0.0, 1.0))  # fmt: skip
    return Mimic("phlebolith", Material.BONE, image)
