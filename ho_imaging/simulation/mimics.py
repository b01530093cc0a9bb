"""Mimics, structures that look like ectopic bone: each kind drawn as mm of material, with its own mask."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.ossification import Styles, grow
from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera, path_through_volume
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.shape_model import Points
from ho_imaging.simulation.solids import smooth_noise_2d

__all__ = ["Mimic", "bead", "healed_fracture", "rails", "sample_mimics", "sample_objects", "wear"]

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


def sample_mimics(
    rng: np.random.Generator,
    camera: Camera,
    hips: tuple[Hip, Hip],
    bone: NDArray[np.bool_],
    abundance: float = 1.0,
) -> list[Mimic]:
    """Draw mimics with their usual frequency times ``abundance``, each kind independently.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    hips
        Right and left hip.
    bone
        (rows, columns) bool, native bone.
    abundance
        Factor on the frequency of each kind.

    Returns
    -------
    list of Mimic
        The mimics in projection.

    """
    mimics: list[Mimic] = []
    chances = (
        (_phleboliths, 0.40),
        (_arterial, 0.22),
        (_node, 0.10),
        (_granuloma, 0.10),
        (_ossicle, 0.08),
        (_contrast, 0.06),
        (_staples, 0.10),
        (_clips, 0.08),
        (_fibroid, 0.04),
        (_stones, 0.04),
        (_seeds, 0.03),
        (_stent, 0.03),
        (_shield, 0.03),
    )
    for draw, chance in chances:
        if rng.random() < chance * abundance:
            mimics.extend(draw(rng, camera, hips))
    if rng.random() < 0.06 * abundance:
        mimics.extend(_bone_islands(rng, camera, hips, bone))
    for thing, chance in ((_electrode, 0.08), (_buttons, 0.07), (_tubing, 0.08)):
        if rng.random() < chance * abundance:
            mimics.extend(thing(rng, camera))
    for hip in hips:
        if rng.random() < 0.30 * abundance:
            mimics.extend(_outgrowths(rng, camera, hip))
        if rng.random() < 0.03 * abundance:
            mimics.append(healed_fracture(rng, camera, hip.shaft))
        if rng.random() < 0.04 * abundance:
            mimics.append(_avulsion(rng, camera, hip))
    return [mimic for mimic in mimics if mimic.mask.any()]


def sample_objects(rng: np.random.Generator, camera: Camera) -> list[Mimic]:
    """Draw objects on or in a patient that may be anywhere: electrodes, buttons, tubing.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.

    Returns
    -------
    list of Mimic
        The objects in projection.

    """
    found: list[Mimic] = []
    for draw, chance in ((_electrode, 0.2), (_buttons, 0.12), (_tubing, 0.15)):
        if rng.random() < chance:
            found.extend(draw(rng, camera))
    return found


def _hip(rng: np.random.Generator, hips: tuple[Hip, Hip]) -> Hip:
    return hips[int(rng.integers(2))]


def _scale(camera: Camera, y_mm: float) -> float:
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


def _phleboliths(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    image = np.zeros(camera.shape, np.float32)
    for _ in range(int(rng.integers(1, 7))):
        hip = _hip(rng, hips)
        inward = -hip.outward
        position = hip.head_center + np.array(
            [inward * rng.uniform(22.0, 55.0), rng.uniform(0.0, 40.0), rng.uniform(-35.0, 18.0)]
        )
        bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(1.0, 3.4),
              _scale(camera, float(position[1])),
              rng.uniform(0.25, 0.75), rng.uniform(0.0, 1.0))  # fmt: skip
    return [Mimic("phlebolith", Material.BONE, image)]


def _arterial(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw tram-track calcification and plaques along the femoral and iliac arteries."""
    image = np.zeros(camera.shape, np.float32)
    chosen = hips if rng.random() < 0.6 else (_hip(rng, hips),)
    for hip in chosen:
        inward = -hip.outward
        knots = hip.head_center + np.array(
            [
                [inward * rng.uniform(42.0, 62.0), -30.0, rng.uniform(85.0, 130.0)],
                [inward * rng.uniform(16.0, 30.0), -45.0, 35.0],
                [inward * rng.uniform(2.0, 16.0), -50.0, -12.0],
                [inward * rng.uniform(6.0, 20.0), -45.0, -80.0],
                [inward * rng.uniform(15.0, 35.0), -20.0, -190.0],
            ]
        )
        image += rails(rng, camera, knots)
    return [Mimic("arterial_calcification", Material.BONE, image)]


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
                _fixed(a),
                _fixed(b),
                1.0,
                max(1, round(rng.uniform(0.8, 2.2) / camera.pixel_mm)),
                cv2.LINE_AA,
                4,
            )
        grain = np.clip(1.0 + 0.5 * smooth_noise_2d(rng, camera.shape, max(1.5 / camera.pixel_mm, 1.0)), 0.1, 2.5)
        image += cv2.GaussianBlur(layer, (0, 0), 0.6) * grain * np.float32(rng.uniform(0.4, 2.2))
    return image


def _fixed(rc: Points) -> tuple[int, int]:
    """Return (column, row) in sixteenths of a pixel, for OpenCV's ``shift=4``; bounded so that it fits."""
    return int(np.clip(rc[1] * 16, -1e6, 1e6)), int(np.clip(rc[0] * 16, -1e6, 1e6))


def _node(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a calcified lymph node: a mulberry of grains along the iliac or inguinal chain."""
    image = np.zeros(camera.shape, np.float32)
    for _ in range(int(rng.integers(1, 3))):
        hip = _hip(rng, hips)
        center = hip.head_center + np.array([-hip.outward * rng.uniform(0.0, 55.0), -30.0, rng.uniform(-30.0, 110.0)])
        size = rng.uniform(3.0, 7.0)
        for _ in range(int(rng.integers(6, 22))):
            position = center + rng.normal(0.0, 0.5 * size, 3)
            bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(0.6, 1.6),
              _scale(camera, float(position[1])),
                  rng.uniform(0.2, 0.7), 0.0)  # fmt: skip
    return [Mimic("calcified_node", Material.BONE, image)]


def _granuloma(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw old injection sites in the buttock: eggshell rings, high and lateral, behind the ilium."""
    image = np.zeros(camera.shape, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        hip = _hip(rng, hips)
        position = hip.head_center + np.array([hip.outward * rng.uniform(-30.0, 55.0), 60.0, rng.uniform(45.0, 130.0)])
        bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(2.5, 8.0),
              _scale(camera, float(position[1])),
              rng.uniform(0.08, 0.25), rng.uniform(0.85, 1.0))  # fmt: skip
    return [Mimic("injection_granuloma", Material.BONE, image)]


def _ossicle(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw an os acetabuli: a smooth corticated ossicle at the lateral rim of the socket."""
    hip = _hip(rng, hips)
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


def _outgrowths(rng: np.random.Generator, camera: Camera, hip: Hip) -> list[Mimic]:
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


def _avulsion(rng: np.random.Generator, camera: Camera, hip: Hip) -> Mimic:
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


def _contrast(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw contrast medium in bowel or bladder: smooth, pooled, in the middle of the pelvis."""
    middle = 0.5 * (hips[0].head_center + hips[1].head_center) + np.array(
        [rng.normal(0.0, 30.0), -20.0, rng.uniform(-10.0, 120.0)]
    )
    row, column = camera.project(middle[None])[0]
    r, c = np.mgrid[0 : camera.shape[0], 0 : camera.shape[1]].astype(np.float32)
    px = _scale(camera, float(middle[1]))
    distance = np.hypot((r - row) / (px * rng.uniform(8.0, 38.0)), (c - column) / (px * rng.uniform(8.0, 45.0)))
    field = 1.0 - distance + 0.25 * smooth_noise_2d(rng, camera.shape, 14.0 * px, octaves=2)
    pool = np.sqrt(np.clip(field, 0.0, None)) * rng.uniform(1.0, 10.0)
    return [Mimic("contrast_medium", Material.CONTRAST, cv2.GaussianBlur(pool.astype(np.float32), (0, 0), 1.0))]


def _middle(rng: np.random.Generator, hips: tuple[Hip, Hip], spread_mm: float, up_mm: tuple[float, float]) -> Points:
    """Draw a point of the lesser pelvis, between the hips."""
    middle = 0.5 * (hips[0].head_center + hips[1].head_center)
    return np.asarray(middle + np.array([rng.normal(0.0, spread_mm), rng.uniform(-30.0, 30.0), rng.uniform(*up_mm)]))


def _fibroid(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a calcified uterine fibroid: a mulberry or popcorn of coarse grains in the middle of the pelvis."""
    image = np.zeros(camera.shape, np.float32)
    center = _middle(rng, hips, 18.0, (10.0, 70.0))
    size = rng.uniform(7.0, 26.0)
    for _ in range(int(rng.integers(25, 90))):
        direction = rng.normal(size=3)
        position = center + size * direction / np.linalg.norm(direction) * rng.uniform(0.2, 1.0) ** 0.4
        bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(0.8, 3.4),
              _scale(camera, float(position[1])), rng.uniform(0.1, 0.5), rng.uniform(0.0, 0.8))  # fmt: skip
    return [Mimic("calcified_fibroid", Material.BONE, image)]


def _stones(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw bladder stones, smooth and layered, or fine grains in the prostate behind the symphysis."""
    image = np.zeros(camera.shape, np.float32)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            position = _middle(rng, hips, 14.0, (-5.0, 40.0))
            bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(3.0, 13.0),
                  _scale(camera, float(position[1])), rng.uniform(0.1, 0.4), rng.uniform(0.0, 0.6))  # fmt: skip
    else:
        center = _middle(rng, hips, 4.0, (-30.0, -8.0))
        for _ in range(int(rng.integers(6, 40))):
            position = center + rng.normal(0.0, 6.0, 3)
            bead(rng, camera, image, camera.project(position[None])[0], rng.uniform(0.4, 1.4),
                  _scale(camera, float(position[1])), rng.uniform(0.3, 0.8), 0.0)  # fmt: skip
    return [Mimic("stone", Material.BONE, image)]


def _seeds(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw brachytherapy seeds in the prostate: many short, similar rods."""
    image = np.zeros(camera.shape, np.float32)
    center = _middle(rng, hips, 4.0, (-30.0, 0.0))
    for _ in range(int(rng.integers(25, 90))):
        at = camera.project((center + rng.normal(0.0, 11.0, 3))[None])[0]
        along = np.array([1.0, 0.0]) + rng.normal(0.0, 0.25, 2)
        along *= 2.3 / camera.pixel_mm / np.linalg.norm(along)
        image += _line(camera, np.stack([at - along, at + along]), 0.8, rng.uniform(0.4, 0.8))
    return [Mimic("seeds", Material.TITANIUM, image)]


def _stent(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a stent in an iliac or femoral artery: a tube of crossed struts."""
    hip = _hip(rng, hips)
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
        image += _line(camera, axis + sign * wave * across, 0.5, rng.uniform(0.15, 0.4))
    return [Mimic("stent", Material.STEEL, image)]


def _bone_islands(
    rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip], bone: NDArray[np.bool_]
) -> list[Mimic]:
    """Draw enostoses: small dense spots of cortex inside a bone, never beside it."""
    scale = _scale(camera, float(hips[0].head_center[1]))
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


def _shield(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a gonad shield: a sheet of lead between the hips, well placed or not."""
    center = camera.project(_middle(rng, hips, 15.0, (-70.0, 60.0))[None])[0]
    half = rng.uniform(22.0, 50.0) / camera.pixel_mm
    shapes = (
        [(-1.0, -0.9), (-1.0, 0.9), (0.9, 0.25), (0.9, -0.25)],
        [(-0.7, -0.6), (-0.7, 0.6), (0.7, 0.6), (0.7, -0.6)],
        [(np.sin(a), 0.8 * np.cos(a)) for a in np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)],
    )
    outline = center + half * np.asarray(shapes[int(rng.integers(len(shapes)))])
    image = np.zeros(camera.shape, np.float32)
    cv2.fillPoly(image, [np.array([_fixed(point) for point in outline])], rng.uniform(1.5, 5.0), cv2.LINE_AA, 4)
    return [Mimic("gonad_shield", Material.STEEL, image)]


def _line(camera: Camera, points_rc: Points, width_mm: float, thickness_mm: float) -> Image:
    layer = np.zeros(camera.shape, np.float32)
    pixels = max(1, round(width_mm / camera.pixel_mm))
    for a, b in itertools.pairwise(points_rc):
        cv2.line(layer, _fixed(a), _fixed(b), 1.0, pixels, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.5) * np.float32(thickness_mm), dtype=np.float32)


def _staples(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw a row of skin staples along an incision beside the hip."""
    hip = _hip(rng, hips)
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
        image += _line(
            camera,
            np.stack([center - across + legs, center - across, center + across, center + across + legs]),
            0.6,
            0.6,
        )
    return [Mimic("staples", Material.STEEL, image)]


def _clips(rng: np.random.Generator, camera: Camera, hips: tuple[Hip, Hip]) -> list[Mimic]:
    """Draw vascular clips: short bright V's and bars along the vessels."""
    image = np.zeros(camera.shape, np.float32)
    hip = _hip(rng, hips)
    for _ in range(int(rng.integers(1, 9))):
        position = hip.head_center + np.array(
            [-hip.outward * rng.uniform(-20.0, 60.0), -20.0, rng.uniform(-60.0, 90.0)]
        )
        center = camera.project(position[None])[0]
        arm = rng.normal(0.0, 1.0, 2)
        arm *= rng.uniform(2.0, 4.5) / camera.pixel_mm / np.linalg.norm(arm)
        other = arm * 0.9 + rng.normal(0.0, 0.25, 2) * np.linalg.norm(arm)
        image += _line(camera, np.stack([center + arm, center, center + other]), 0.8, 0.8)
    return [Mimic("clips", Material(rng.choice([Material.TITANIUM, Material.STEEL])), image)]


def _electrode(rng: np.random.Generator, camera: Camera) -> list[Mimic]:
    """Draw an ECG electrode with its wire, on the skin."""
    rows, columns = camera.shape
    center = np.array([rng.uniform(0.0, 0.6) * rows, rng.uniform(0.05, 0.95) * columns])
    image = np.zeros(camera.shape, np.float32)
    cv2.circle(
        image,
        _fixed(center),
        int(rng.uniform(2.5, 4.5) / camera.pixel_mm * 16),
        rng.uniform(0.5, 1.5),
        -1,
        cv2.LINE_AA,
        4,
    )
    t = np.linspace(0.0, 1.0, 60)[:, None]
    end = np.array([rng.uniform(-0.2, 0.2) * rows, rng.uniform(0.0, 1.0) * columns])
    sag = np.array([rng.normal(0.0, 0.2) * rows, rng.normal(0.0, 0.2) * columns])
    image += _line(
        camera, center + t * (end - center) + 4 * t * (1 - t) * sag, rng.uniform(0.8, 1.6), rng.uniform(0.2, 0.6)
    )
    return [Mimic("electrode", Material.STEEL, image)]


def _buttons(rng: np.random.Generator, camera: Camera) -> list[Mimic]:
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
            image += _line(camera, np.stack([a + k * step + shift, a + k * step + 2.2 * shift]), 1.2, thickness)
        return [Mimic("zip", material, image)]
    for _ in range(int(rng.integers(1, 4))):
        center = np.array([rng.uniform(0.05, 0.95) * rows, rng.uniform(0.05, 0.95) * columns])
        radius = rng.uniform(4.0, 11.0) / camera.pixel_mm
        cv2.circle(image, _fixed(center), int(radius * 16), thickness, -1, cv2.LINE_AA, 4)
        if rng.random() < 0.6:
            for k in range(4):
                hole = center + 0.3 * radius * np.array([np.cos(k * np.pi / 2), np.sin(k * np.pi / 2)])
                cv2.circle(image, _fixed(hole), max(8, int(0.12 * radius * 16)), 0.0, -1, cv2.LINE_AA, 4)
    return [Mimic("button", material, image)]


def _tubing(rng: np.random.Generator, camera: Camera) -> list[Mimic]:
    """Draw catheters, drains and cables: long smooth curves, some with a dense line."""
    rows, columns = camera.shape
    t = np.linspace(0.0, 1.0, 120)[:, None]
    ends = rng.uniform(-0.1, 1.1, (4, 2)) * np.array([rows, columns])
    path = (1 - t) ** 3 * ends[0] + 3 * t * (1 - t) ** 2 * ends[1] + 3 * t**2 * (1 - t) * ends[2] + t**3 * ends[3]
    return [Mimic("tubing", Material.PLASTIC, _line(camera, path, rng.uniform(2.0, 6.0), rng.uniform(1.0, 3.5)))] + (
        [Mimic("tubing", Material.STEEL, _line(camera, path, 0.8, rng.uniform(0.05, 0.25)))]
        if rng.random() < 0.5
        else []
    )
