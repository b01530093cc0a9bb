"""Metal in and about hips: arthroplasties, cemented or not, nails, plates, screws and wires."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera, path_through
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.shape_model import Mesh, Points
from ho_imaging.simulation.solids import ball, cup, tube

__all__ = ["IMPLANT_KINDS", "Implant", "flat_plate", "implant_for", "resect_head", "screw"]

IMPLANT_KINDS = ("total_hip", "total_hip_cemented", "hemi", "nail", "sliding_screw", "neck_screws", "plate", "wires")


@dataclass(frozen=True, eq=False)
class Implant:
    """An implant in projection: mm of each material along each ray, its mask, and whether it replaces the head."""

    kind: str
    thickness_mm: dict[Material, NDArray[np.float32]]
    mask: NDArray[np.bool_]
    replaces_head: bool


def resect_head(femur: Mesh, hip: Hip) -> Mesh:
    """Cut off the femoral head and most of the neck: vertices beyond the cut are flattened onto it.

    Parameters
    ----------
    femur
        The femur in camera space.
    hip
        Its hip.

    Returns
    -------
    Mesh
        The cut femur.

    """
    base, neck = _neck(hip)
    beyond = (femur.vertices - base) @ neck - 0.42 * float(np.linalg.norm(hip.head_center - base))
    near = np.linalg.norm(femur.vertices - hip.head_center, axis=1) < 1.9 * hip.head_radius_mm
    shift = np.where(near & (beyond > 0.0), beyond, 0.0)
    return femur.moved(femur.vertices - shift[:, None] * neck)


def _down(hip: Hip) -> Points:
    axis = hip.shaft[1] - hip.shaft[0]
    return np.asarray(axis / np.linalg.norm(axis))


def _neck(hip: Hip) -> tuple[Points, Points]:
    base = hip.shaft[0] - 42.0 * _down(hip)
    axis = hip.head_center - base
    return base, axis / np.linalg.norm(axis)


def screw(start: Points, end: Points, radius_mm: float, threaded_from: float = 0.0) -> Mesh:
    """Make a screw with a head at ``start``, threaded from a fraction of its length on.

    Parameters
    ----------
    start, end
        (3,) in mm.
    radius_mm
        Radius of the shaft.
    threaded_from
        Fraction of the length where the thread begins.

    Returns
    -------
    Mesh
        The screw.

    """
    length = float(np.linalg.norm(end - start))
    t = np.linspace(0.0, 1.0, max(int(length / 0.45), 6))
    thread = 0.2 * radius_mm * np.sin(2.0 * np.pi * t * length / 1.75) * (t >= threaded_from)
    radii = radius_mm * 0.85 + thread
    radii[: max(2, int(3.0 / length * len(t)))] = 1.9 * radius_mm
    return tube(start + t[:, None] * (end - start), radii, sides=10)


def implant_for(rng: np.random.Generator, camera: Camera, hip: Hip, kind: str) -> Implant:
    """Build an implant for a hip and project it.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    hip
        The hip.
    kind
        One of `IMPLANT_KINDS`.

    Returns
    -------
    Implant
        The implant in projection.

    Raises
    ------
    ValueError
        If the kind is unknown.

    """
    metal = Material(rng.choice([Material.TITANIUM, Material.STEEL]))
    if kind in {"total_hip", "total_hip_cemented", "hemi"}:
        bodies = _arthroplasty(rng, hip, kind, metal)
    elif kind == "nail":
        bodies = _nail(rng, hip, metal)
    elif kind == "sliding_screw":
        bodies = _sliding_screw(rng, hip, metal)
    elif kind == "neck_screws":
        bodies = _neck_screws(rng, hip, metal)
    elif kind == "plate":
        bodies = _plate(rng, hip, metal)
    elif kind == "wires":
        bodies = _wires(rng, hip)
    else:
        raise ValueError(f"unknown implant kind {kind!r}")
    thickness: dict[Material, NDArray[np.float32]] = {}
    for material, mesh in bodies:
        path, _ = path_through(camera, mesh)
        thickness[material] = thickness[material] + path if material in thickness else path
    if Material.CONTRAST in thickness:
        solid = sum(path for material, path in thickness.items() if material is not Material.CONTRAST)
        thickness[Material.CONTRAST] = np.maximum(thickness[Material.CONTRAST] - solid, 0.0)
    mask = np.zeros(camera.shape, dtype=bool)
    for material, path in thickness.items():
        if material is not Material.PLASTIC:
            mask |= path > 0.2
    return Implant(kind, thickness, mask, kind in {"total_hip", "total_hip_cemented", "hemi"})


def _arthroplasty(rng: np.random.Generator, hip: Hip, kind: str, metal: Material) -> list[tuple[Material, Mesh]]:
    base, _ = _neck(hip)
    down = _down(hip)
    center = hip.head_center + rng.normal(0.0, 2.0, 3)
    shoulder = base + 0.30 * (center - base)
    opening = np.array([hip.outward * rng.uniform(0.55, 0.85), -rng.uniform(0.1, 0.45), -rng.uniform(0.45, 0.8)])
    radius = hip.head_radius_mm
    bodies: list[tuple[Material, Mesh]] = []
    if kind == "hemi":
        bodies.append((Material.STEEL, ball(center, radius * rng.uniform(0.95, 1.02))))
    else:
        outer = radius + rng.uniform(1.5, 5.0)
        shell = rng.uniform(2.5, 5.0)
        if kind == "total_hip_cemented" and rng.random() < 0.6:
            bodies.append((Material.PLASTIC, cup(center, opening, outer - 2.0, rng.uniform(14.2, 16.5))))
            bodies.append((Material.CONTRAST, cup(center, opening, outer + 1.5, outer - 2.0)))
        else:
            bodies.append((metal, cup(center, opening, outer, outer - shell)))
            bodies.append((Material.PLASTIC, cup(center, opening, outer - shell, rng.uniform(14.0, 16.5))))
        bodies.append(
            (Material(rng.choice([Material.STEEL, Material.TITANIUM])), ball(center, rng.uniform(11.0, 16.0)))
        )
        if rng.random() < 0.35:
            for _ in range(int(rng.integers(1, 4))):
                direction = -opening / np.linalg.norm(opening) + rng.normal(0.0, 0.3, 3)
                start = center + outer * direction / np.linalg.norm(direction)
                bodies.append((metal, screw(start, start + rng.uniform(18.0, 38.0) * direction, 2.6)))
    length = rng.uniform(95.0, 165.0)
    entry = base - rng.uniform(2.0, 14.0) * down
    stem = np.stack([entry + s * down for s in np.linspace(0.0, length, 24)])
    t = np.linspace(0.0, 1.0, 24)
    width = rng.uniform(7.5, 11.0)
    radii = width * np.interp(t, [0.0, 0.12, 0.4, 0.95, 1.0], [0.6, 1.05, 0.8, 0.5, 0.3])
    stem_metal = Material(rng.choice([Material.TITANIUM, Material.STEEL]))
    bodies.append((stem_metal, tube(stem, radii)))
    neck_path = np.stack([shoulder + s * (center - shoulder) for s in np.linspace(-0.35, 0.95, 10)])
    bodies.append((stem_metal, tube(neck_path, np.linspace(8.5, 5.5, 10))))
    if kind == "total_hip_cemented":
        mantle = np.stack([entry + s * down for s in np.linspace(4.0, length + 14.0, 24)])
        lumps = 1.0 + rng.normal(0.0, 0.05, 24)
        bodies.append((Material.CONTRAST, tube(mantle, (radii + rng.uniform(1.8, 3.8)) * lumps)))
    return bodies


def _nail(rng: np.random.Generator, hip: Hip, metal: Material) -> list[tuple[Material, Mesh]]:
    down = _down(hip)
    entry = hip.shaft[0] - rng.uniform(62.0, 72.0) * down
    length = rng.uniform(170.0, 380.0)
    path = np.stack([entry + s * down for s in np.linspace(0.0, length, 16)])
    lateral = hip.femur_marks["proximal_shaft_lateral"] - 25.0 * down
    tip = hip.head_center + rng.normal(0.0, 3.0, 3)
    start = lateral + 0.03 * (lateral - tip)
    radii = np.interp(np.linspace(0.0, 1.0, 16), [0.0, 0.3, 0.4, 1.0], [8.0, 8.0, 5.5, 5.5])
    bodies = [(metal, tube(path, radii)), (metal, screw(start, tip, rng.uniform(4.5, 5.6), 0.7))]
    if rng.random() < 0.5:
        above = -9.0 * down
        bodies.append((metal, screw(start + above, tip + above, 3.0, 0.7)))
    return bodies


def _sliding_screw(rng: np.random.Generator, hip: Hip, metal: Material) -> list[tuple[Material, Mesh]]:
    down = _down(hip)
    side = np.array([hip.outward, 0.0, 0.0])
    top = hip.femur_marks["proximal_shaft_lateral"] - 18.0 * down + 3.0 * side
    length = rng.uniform(75.0, 130.0)
    bodies = flat_plate(np.stack([top + s * down for s in np.linspace(-6.0, length, 20)]), metal)
    bodies.append((metal, screw(top, hip.head_center + rng.normal(0.0, 2.5, 3), 4.6, 0.72)))
    for s in np.arange(18.0, length, 18.0):
        start = top + s * down
        bodies.append((metal, screw(start, start - rng.uniform(32.0, 42.0) * side, 2.2)))
    return bodies


def flat_plate(path: Points, metal: Material) -> list[tuple[Material, Mesh]]:
    """Approximate a plate, seen edge on or flat, by three thin rods side by side along the ray.

    Parameters
    ----------
    path
        (n, 3) points in mm.
    metal
        Its material.

    Returns
    -------
    list of tuple of Material and Mesh
        The rods.

    """
    return [
        (metal, tube(path + np.array([0.0, offset, 0.0]), np.full(len(path), 2.4), sides=12))
        for offset in (-4.5, 0.0, 4.5)
    ]


def _neck_screws(rng: np.random.Generator, hip: Hip, metal: Material) -> list[tuple[Material, Mesh]]:
    down = _down(hip)
    start = hip.femur_marks["proximal_shaft_lateral"] - 22.0 * down
    bodies = []
    for offset in ((0.0, -7.0, 0.0), (0.0, 7.0, 4.0), (0.0, 0.0, -11.0)):
        jitter = np.asarray(offset) + rng.normal(0.0, 1.5, 3)
        bodies.append((metal, screw(start + jitter, hip.head_center + 0.8 * jitter, 3.2, 0.72)))
    return bodies


def _plate(rng: np.random.Generator, hip: Hip, metal: Material) -> list[tuple[Material, Mesh]]:
    """Build a reconstruction plate along the posterior column of the acetabulum, with screws."""
    top = hip.pelvis_marks["supraacetabular"] + np.array(
        [-hip.outward * rng.uniform(4.0, 22.0), 12.0, rng.uniform(0.0, 25.0)]
    )
    low = hip.head_center + np.array([-hip.outward * rng.uniform(8.0, 20.0), 25.0, -rng.uniform(28.0, 48.0)])
    middle = 0.5 * (top + low) + np.array([hip.outward * rng.uniform(4.0, 14.0), 8.0, 0.0])
    t = np.linspace(0.0, 1.0, 40)[:, None]
    path = (1 - t) ** 2 * top + 2 * t * (1 - t) * (2 * middle - 0.5 * (top + low)) + t**2 * low
    radii = 2.2 + 1.3 * np.abs(np.sin(np.pi * np.linspace(0.0, rng.integers(6, 10), 40)))
    bodies = [(metal, tube(path + np.array([0.0, o, 0.0]), radii, sides=12)) for o in (-2.0, 2.0)]
    for k in range(3, 38, 6):
        if rng.random() < 0.7:
            direction = np.array([-hip.outward * rng.uniform(0.2, 0.9), -rng.uniform(0.3, 1.0), rng.normal(0.0, 0.5)])
            bodies.append((metal, screw(path[k], path[k] + rng.uniform(16.0, 45.0) * direction, 1.9)))
    return bodies


def _wires(rng: np.random.Generator, hip: Hip) -> list[tuple[Material, Mesh]]:
    down = _down(hip)
    bodies = []
    for s in rng.uniform(-25.0, 90.0, int(rng.integers(1, 5))):
        center = hip.shaft[0] + s * down
        radius = 15.5 + 0.12 * max(0.0, 20.0 - s)
        angles = np.linspace(0.0, 2.0 * np.pi * 0.985, 40)
        first = np.cross(down, [0.0, 1.0, 0.0])
        first /= np.linalg.norm(first)
        second = np.cross(down, first) + rng.normal(0.0, 0.12, 3)
        ring = center + radius * (np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second)
        bodies.append((Material.STEEL, tube(ring, np.full(40, rng.uniform(0.6, 1.0)), sides=8)))
    return bodies
