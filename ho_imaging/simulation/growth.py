"""Ectopic bone about a hip, grown to planned Brooker classes.

Nodules follow the lines of the muscles that run from pelvis to femur. An island lies free on such a line, a spur
starts on a bone and points along it, a bridge joins both ends. Classes are planned; the gap is then measured in
projection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ho_imaging.simulation.ossification import Styles, bent_path, grow
from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera, path_through_volume
from ho_imaging.simulation.scene import VISIBLE_MM
from ho_imaging.simulation.shape_model import Points
from ho_imaging.simulation.solids import Volume

__all__ = [
    "Growth",
    "Nodule",
    "grow_about_hip",
    "head_disc",
    "inside",
    "measure_gap",
    "project_nodule",
    "regrade",
    "sample_maturity",
]

GAP_LIMIT_MM = 10.0
"""At least 1 cm between opposing surfaces is class II, less is class III (Brooker et al., J Bone Joint Surg
1973;55-A:1629)."""

_GAP_REACH_MM = 60.0
"""Gaps are measured up to this distance; wider ones get this value."""

_ALONG = (
    # (pelvis landmark, femur landmark, weight); the abductors are by far the most frequent site about a hip.
    ("supraacetabular", "greater_trochanter_tip", 3.0),
    ("iliac_wing", "greater_trochanter_tip", 1.5),
    ("acetabular_rim", "greater_trochanter_tip", 3.0),
    ("supraacetabular", "greater_trochanter_lateral", 1.5),
    ("anterior_inferior_spine", "lesser_trochanter", 1.2),
    ("anterior_inferior_spine", "greater_trochanter_tip", 1.0),
    ("pubis", "lesser_trochanter", 1.0),
    ("ischial_tuberosity", "lesser_trochanter", 1.5),
    ("ischial_tuberosity", "proximal_shaft_medial", 1.0),
    ("pubis", "proximal_shaft_medial", 0.8),
)
_ISLAND_ONLY = (
    ("greater_trochanter_lateral", "proximal_shaft_lateral"),
    ("lesser_trochanter", "proximal_shaft_medial"),
)


@dataclass(frozen=True, eq=False)
class Nodule:
    """One nodule of ectopic bone: its voxels, projection and properties."""

    kind: str
    maturity: float
    volume: Volume
    mineral_mm: NDArray[np.float32]
    mask: NDArray[np.bool_]
    joined_to_pelvis: bool
    joined_to_femur: bool


@dataclass(frozen=True, eq=False)
class Growth:
    """All nodules about one hip, with the Brooker class on this image and the gap that determines it.

    ``grade``: class as this image shows it. ``gap_mm``: in the plane of the hip, ``None`` without a spur.
    """

    nodules: tuple[Nodule, ...]
    grade: str
    gap_mm: float | None


def _choose_line(rng: np.random.Generator, hip: Hip) -> tuple[Points, Points]:
    weights = np.array([weight for _, _, weight in _ALONG])
    pelvis_name, femur_name, _ = _ALONG[int(rng.choice(len(_ALONG), p=weights / weights.sum()))]
    return hip.pelvis_marks[pelvis_name], hip.femur_marks[femur_name]


def _clearance(hip: Hip, points: Points) -> float:
    return float(min(hip.femur_tree.query(points)[0].min(), hip.pelvis_tree.query(points)[0].min()))


def project_nodule(camera: Camera, kind: str, maturity: float, volume: Volume, joined: tuple[bool, bool]) -> Nodule:
    """Project a grown volume.

    Parameters
    ----------
    camera
        Source and detector.
    kind
        Island, spur or bridge, as in the truth.
    maturity
        0 to 1, see `grow`.
    volume
        The voxels in camera space.
    joined
        Whether it is joined to the pelvis and to the femur.

    Returns
    -------
    Nodule
        The nodule in projection.

    """
    mineral = path_through_volume(camera, volume.fraction, volume.origin, volume.voxel_mm)
    return Nodule(kind, maturity, volume, mineral, np.asarray(mineral > VISIBLE_MM), *joined)


def sample_maturity(rng: np.random.Generator) -> float:
    """Draw a maturity, from a faint cloud to mature bone."""
    return float(rng.beta(1.6, 1.1))


def _island(rng: np.random.Generator, camera: Camera, hip: Hip, styles: Styles) -> Nodule | None:
    length = float(np.clip(rng.lognormal(np.log(14.0), 0.65), 3.0, 60.0))
    for _ in range(25):
        if rng.random() < 0.2:
            names = _ISLAND_ONLY[int(rng.integers(len(_ISLAND_ONLY)))]
            start, end = (hip.femur_marks[name] for name in names)
            push = np.array([hip.outward * (1.0 if "lateral" in names[0] else -1.0) * rng.uniform(8.0, 30.0), 0.0, 0.0])
        else:
            start, end = _choose_line(rng, hip)
            push = np.zeros(3)
        center = start + rng.uniform(0.15, 0.85) * (end - start) + push + rng.normal(0.0, 8.0, 3)
        direction = (end - start) / np.linalg.norm(end - start) + rng.normal(0.0, 0.5, 3)
        direction /= np.linalg.norm(direction)
        slimness = rng.uniform(0.16, 0.42)
        radius = slimness * length
        half = max(0.5 * length - radius, 0.05 * length)
        path = bent_path(rng, center - half * direction, center + half * direction, 0.12)
        if _clearance(hip, path) > 1.15 * radius + 1.5:
            t = np.linspace(0.0, 1.0, len(path))
            radii = radius * (0.65 + 0.35 * np.sin(np.pi * t) + rng.normal(0.0, 0.08, len(path))).clip(0.3)
            maturity = sample_maturity(rng)
            flat = float(rng.choice([0.0, 0.0, rng.uniform(0.2, 0.6)]))
            volume = grow(rng, path, radii, maturity=maturity, flatness=flat, styles=styles)
            return project_nodule(camera, "island", maturity, volume, (False, False))
    return None


def _surface_start(rng: np.random.Generator, tree: object, vertices: Points, near: Points) -> Points:
    nearby = np.flatnonzero(np.linalg.norm(vertices - near, axis=1) < 9.0)
    return np.asarray(vertices[int(rng.choice(nearby))] if len(nearby) else near)


def _spur(
    rng: np.random.Generator, camera: Camera, hip: Hip, pelvis: Points, remaining_mm: float, styles: Styles
) -> Nodule:
    pelvis_end, femur_end = _choose_line(rng, hip)
    from_femur = rng.random() < 0.6
    if from_femur:
        start = _surface_start(rng, hip.femur_tree, hip.femur.vertices, femur_end)
        goal = pelvis_end
    else:
        start = _surface_start(rng, hip.pelvis_tree, pelvis, pelvis_end)
        goal = femur_end
    span = float(np.linalg.norm(goal - start))
    direction = (goal - start) / span
    sideways = rng.normal(0.0, 0.12, 3)
    length = max(span - remaining_mm, 5.0)
    tip = start + length * (direction + sideways) / np.linalg.norm(direction + sideways)
    base = start - 2.0 * direction
    path = bent_path(rng, base, tip, 0.08)
    width = float(np.clip(rng.uniform(0.10, 0.30) * length, 2.0, 13.0))
    radii = width * np.interp(np.linspace(0, 1, len(path)), [0.0, 0.3, 0.8, 1.0], [1.0, 0.9, 0.65, 0.35])
    maturity = float(np.clip(sample_maturity(rng) + 0.15, 0.0, 1.0))
    flat = float(rng.choice([0.0, 0.3]))
    volume = grow(rng, path, radii, maturity=maturity, flatness=flat, roughness=0.8, styles=styles)
    return project_nodule(camera, "spur", maturity, volume, (not from_femur, from_femur))


def _bridge(rng: np.random.Generator, camera: Camera, hip: Hip, pelvis: Points, styles: Styles) -> Nodule:
    pelvis_end, femur_end = _choose_line(rng, hip)
    start = _surface_start(rng, hip.pelvis_tree, pelvis, pelvis_end)
    end = _surface_start(rng, hip.femur_tree, hip.femur.vertices, femur_end)
    direction = (end - start) / np.linalg.norm(end - start)
    path = bent_path(rng, start - 2.0 * direction, end + 2.0 * direction, 0.12)
    width = float(rng.uniform(4.5, 15.0))
    radii = width * (0.85 + 0.2 * np.cos(2 * np.pi * np.linspace(0, 1, len(path))) + rng.normal(0, 0.06, len(path)))
    maturity = float(np.clip(sample_maturity(rng) + 0.25, 0.3, 1.0))
    flat = float(rng.choice([0.0, 0.35]))
    volume = grow(rng, path, radii.clip(2.5), maturity=maturity, flatness=flat, roughness=0.7, styles=styles)
    return project_nodule(camera, "bridge", maturity, volume, (True, True))


def measure_gap(
    pelvis: NDArray[np.bool_], femur: NDArray[np.bool_], nodules: tuple[Nodule, ...], pixel_mm: float
) -> float | None:
    """Return the shortest distance between ossified pelvis and ossified femur with at least one end on ectopic bone.

    Parameters
    ----------
    pelvis, femur
        (rows, columns) bool, native bone.
    nodules
        Nodules about the hip.
    pixel_mm
        Side of a pixel in mm in the plane of the hip.

    Returns
    -------
    float or None
        In mm; ``None`` if no nodule is joined to either bone.

    """
    on_pelvis = _union([n.mask for n in nodules if n.joined_to_pelvis], pelvis.shape)
    on_femur = _union([n.mask for n in nodules if n.joined_to_femur], pelvis.shape)
    if not (on_pelvis.any() or on_femur.any()):
        return None
    # Distances beyond a few centimetres do not matter, so only the surroundings of nodules are searched.
    near = _window(on_pelvis | on_femur, round(_GAP_REACH_MM / pixel_mm))
    gaps = [_GAP_REACH_MM / pixel_mm]
    if on_femur.any() and (pelvis | on_pelvis)[near].any():
        away = ndimage.distance_transform_edt(~(pelvis | on_pelvis)[near])
        gaps.append(float(away[on_femur[near]].min()))
    if on_pelvis.any() and (femur | on_femur)[near].any():
        away = ndimage.distance_transform_edt(~(femur | on_femur)[near])
        gaps.append(float(away[on_pelvis[near]].min()))
    # Two bodies whose pixel centres are one pixel apart touch.
    return max(min(gaps) - 1.0, 0.0) * pixel_mm


def regrade(
    nodules: tuple[Nodule, ...],
    camera: Camera,
    hip: Hip,
    pelvis_mask: NDArray[np.bool_],
    femur_mask: NDArray[np.bool_],
    pixel_mm: float,
) -> Growth:
    """Grade given nodules as this image shows them.

    Parameters
    ----------
    nodules
        Nodules about the hip.
    camera, hip
        Projection of the hip.
    pelvis_mask, femur_mask
        (rows, columns) bool, native bone.
    pixel_mm
        Side of a pixel in mm in the plane of the hip.

    Returns
    -------
    Growth
        The nodules with class and gap.

    """
    shown = tuple(nodule for nodule in nodules if nodule.mask.any())
    if not shown:
        return Growth(shown, "0", None)
    gap = measure_gap(pelvis_mask, femur_mask & ~head_disc(camera, hip), shown, pixel_mm)
    if any(nodule.joined_to_pelvis and nodule.joined_to_femur for nodule in shown):
        return Growth(shown, "IV", 0.0)
    if gap is None:
        return Growth(shown, "I", None)
    if gap <= 0.0:
        return Growth(shown, "IV", 0.0)
    return Growth(shown, "II" if gap >= GAP_LIMIT_MM else "III", gap)


def head_disc(camera: Camera, hip: Hip) -> NDArray[np.bool_]:
    """Return the projection of the sphere of a femoral head.

    Parameters
    ----------
    camera
        Source and detector.
    hip
        The hip.

    Returns
    -------
    ndarray
        (rows, columns) bool.

    """
    rows, columns = np.ogrid[0 : camera.shape[0], 0 : camera.shape[1]]
    row, column = camera.project(hip.head_center[None])[0]
    radius = hip.head_radius_mm * camera.magnification(float(hip.head_center[1])) / camera.pixel_mm
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


def _window(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _union(masks: list[NDArray[np.bool_]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    total = np.zeros(shape, dtype=bool)
    for mask in masks:
        total |= mask
    return total


def inside(mask: NDArray[np.bool_], body: NDArray[np.bool_]) -> bool:
    """Return True if ectopic bone is under the skin.

    Parameters
    ----------
    mask
        (rows, columns) bool, ectopic bone.
    body
        (rows, columns) bool, inside the skin.

    Returns
    -------
    bool
        True as well if all of it is outside the image.

    """
    return bool(mask.sum() * 0.02 >= (mask & ~body).sum())


def _touches(mask: NDArray[np.bool_], bone: NDArray[np.bool_]) -> bool:
    near = _window(mask, 3)
    return bool((ndimage.binary_dilation(mask[near], iterations=2) & bone[near]).any())


def grow_about_hip(
    rng: np.random.Generator,
    camera: Camera,
    hip: Hip,
    pelvis_vertices: Points,
    pelvis_mask: NDArray[np.bool_],
    femur_mask: NDArray[np.bool_],
    body_mask: NDArray[np.bool_],
    grade: str,
    pixel_mm: float,
    styles: Styles = Styles.USUAL,
) -> Growth:
    """Grow nodules that make a Brooker class on this image.

    Islands are kept clear of the bones' outlines eleven times out of twelve; spurs are redrawn until the projected gap
    is on the planned side of 1 cm. If a plan cannot be realised in this patient, the result gets the class that it
    shows.

    Parameters
    ----------
    rng
        Random generator.
    camera, hip
        Projection of the hip.
    pelvis_vertices
        (n, 3) vertices of the pelvis in camera space.
    pelvis_mask, femur_mask, body_mask
        (rows, columns) bool.
    grade
        Planned class, ``0`` to ``IV``.
    pixel_mm
        Side of a pixel in mm in the plane of the hip.
    styles
        Set of shapes to draw from.

    Returns
    -------
    Growth
        The nodules with the class and gap that the image shows.

    """
    if grade == "0":
        return Growth((), "0", None)
    bone = pelvis_mask | femur_mask
    islands = _islands(rng, camera, hip, bone, body_mask, alone=grade == "I", styles=styles)
    without_spurs = Growth(islands, "I" if islands else "0", None)
    if grade == "I":
        return without_spurs
    if grade == "IV":
        drawn = [_bridge(rng, camera, hip, pelvis_vertices, styles) for _ in range(int(rng.choice([2, 3])))]
        bridges = [bridge for bridge in drawn if inside(bridge.mask, body_mask)][: int(rng.choice([1, 1, 2]))]
        return Growth((*bridges, *islands), "IV", 0.0) if bridges else without_spurs
    best: tuple[tuple[Nodule, ...], float] | None = None
    # The head is inside the socket: no spur can oppose its surface.
    opposing_femur = femur_mask & ~head_disc(camera, hip)
    for _ in range(8):
        spurs = _spurs(rng, camera, hip, pelvis_vertices, grade, styles)
        nodules = tuple(spur for spur in spurs if inside(spur.mask, body_mask))
        gap = measure_gap(pelvis_mask, opposing_femur, nodules, pixel_mm)
        if gap is None:
            continue
        best = (nodules, gap)
        if (grade == "II" and gap >= GAP_LIMIT_MM) or (grade == "III" and 0.8 <= gap < GAP_LIMIT_MM):
            break
    if best is None:
        return without_spurs
    nodules, gap = best
    if gap <= 0.0:
        # No gap on this image, whatever the gap in space: apparent ankylosis, as Brooker defines class IV.
        return Growth((*nodules, *islands), "IV", 0.0)
    return Growth((*nodules, *islands), "II" if gap >= GAP_LIMIT_MM else "III", gap)


def _islands(
    rng: np.random.Generator,
    camera: Camera,
    hip: Hip,
    bone: NDArray[np.bool_],
    body_mask: NDArray[np.bool_],
    *,
    alone: bool,
    styles: Styles,
) -> tuple[Nodule, ...]:
    """Grow nodules in the soft tissue; ``alone``: at least one is wanted."""
    islands: list[Nodule] = []
    wanted = int(rng.choice([1, 1, 2, 3, 4])) if alone else int(rng.choice([0, 0, 1, 2]))
    for _ in range(6 * wanted):
        if len(islands) == wanted:
            break
        island = _island(rng, camera, hip, styles)
        if island is None or not island.mask.any():
            continue
        if not inside(island.mask, body_mask):
            continue
        if rng.random() < 0.92 and _touches(island.mask, bone):
            continue
        islands.append(island)
    return tuple(islands)


def _spurs(
    rng: np.random.Generator, camera: Camera, hip: Hip, pelvis_vertices: Points, grade: str, styles: Styles
) -> list[Nodule]:
    """Grow a spur that leaves a gap of the class in space, and in a third of hips a second one that leaves more."""
    remaining = rng.uniform(10.0, 38.0) if grade == "II" else rng.uniform(1.0, 11.0)
    spurs = [_spur(rng, camera, hip, pelvis_vertices, remaining, styles)]
    if rng.random() < 0.3:
        spurs.append(_spur(rng, camera, hip, pelvis_vertices, rng.uniform(20.0, 40.0), styles))
    return spurs
