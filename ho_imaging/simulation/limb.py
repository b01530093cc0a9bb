"""One leg in camera space: thigh, knee or the residual limb after a transfemoral amputation, positioned for a view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ho_imaging.simulation.bones import BoneQuality, femur_structure
from ho_imaging.simulation.shape_model import Mesh, Points, load_arrays
from ho_imaging.vocabulary import Region, Side, View

__all__ = ["Limb", "LimbBone", "pose_limb"]


@dataclass(frozen=True, eq=False)
class LimbBone:
    """A bone in camera space, with cortical thickness in mm and cancellous fraction at each vertex."""

    name: str
    mesh: Mesh
    cortex_mm: Points
    spongiosa: Points


@dataclass(frozen=True, eq=False)
class Limb:
    """A posed leg.

    ``axis``: points (n, 3) along its middle, ``radius_mm`` (n,) of the muscle there. ``outward`` and ``forward``: unit
    vectors to the patient's outside and front. ``marks``: attachments. ``cut``: end of the bone after an amputation,
    else ``None``.
    """

    bones: tuple[LimbBone, ...]
    axis: Points
    radius_mm: Points
    outward: Points
    forward: Points
    down: Points
    marks: dict[str, Points]
    cut: Points | None


@lru_cache(maxsize=1)
def _arrays() -> dict[str, NDArray[np.float64]]:
    return load_arrays("llp26.npz", ("femur", "tibiafibula", "patella"))


def pose_limb(  # noqa: PLR0915  (the recipe in order)
    rng: np.random.Generator,
    *,
    region: Region,
    view: View,
    side: Side,
    quality: BoneQuality,
    modes: slice,
    center: Points,
    half_height_mm: float,
) -> Limb:
    """Sample a leg and place its region of interest at ``center``, in camera space.

    The leg ends below the hip, because an image of the thigh with the hip would need a pelvis.

    Parameters
    ----------
    rng
        Random generator.
    region
        Thigh, knee or residual limb.
    view
        ``ap`` or ``lateral``.
    side
        Side of the patient.
    quality
        Bone quality.
    modes
        Shape modes that vary.
    center
        (3,) position in mm.
    half_height_mm
        Half of the height that fits on the image at the leg.

    Returns
    -------
    Limb
        The posed leg.

    """
    arrays = _arrays()
    count = len(arrays["femur_modes"])
    weights = np.zeros(count)
    weights[modes] = np.clip(rng.normal(0.0, 1.0, count), -2.5, 2.5)[modes]
    size = 1.0 + 0.05 * float(np.clip(rng.normal(), -2.0, 2.0))

    def shape(name: str) -> Points:
        return np.asarray(size * (arrays[f"{name}_mean"] + np.tensordot(weights, arrays[f"{name}_modes"], axes=1)))

    femur, tibia, patella = shape("femur"), shape("tibiafibula"), shape("patella")
    top = femur[np.argmax(femur[:, 2])]
    structure = femur_structure(femur, np.array([femur[:, 0].min() + 24.0, top[1], top[2] - 24.0]), quality)
    length = float(np.ptp(femur[:, 2]))
    knee = femur[femur[:, 2] < femur[:, 2].min() + 45.0 * size].mean(axis=0)
    hinge = np.array([1.0, 0.0, 0.0])
    flexion = rng.uniform(5.0, 40.0) if view is View.LATERAL else rng.uniform(0.0, 8.0)
    bend = Rotation.from_rotvec(hinge * np.deg2rad(flexion))
    tibia = bend.apply(tibia - knee) + knee
    patella = Rotation.from_rotvec(hinge * np.deg2rad(0.6 * flexion)).apply(patella - knee) + knee
    tibia_down = bend.apply([0.0, 0.0, -1.0])

    shaft_top = femur[(femur[:, 2] > knee[2] + 0.70 * length) & (femur[:, 2] < knee[2] + 0.76 * length)].mean(axis=0)
    cut: Points | None = None
    if region is Region.RESIDUAL_LIMB:
        level = knee[2] + rng.uniform(0.08, 0.5) * length
        tilt = rng.normal(0.0, 0.12, 2)
        plane = level + (femur[:, :2] - knee[:2]) @ tilt
        femur = np.column_stack([femur[:, :2], np.maximum(femur[:, 2], plane)])
        cut = shaft_top + (shaft_top[2] - level) / (shaft_top[2] - knee[2]) * (knee - shaft_top)
        focus = cut + np.array([0.0, 0.0, rng.uniform(-30.0, 50.0)])
    elif region is Region.KNEE:
        focus = knee + rng.normal(0.0, 12.0, 3)
    else:
        focus = 0.5 * (knee + shaft_top) + np.array([0.0, 0.0, rng.normal(0.0, 40.0)])

    focus[2] = min(focus[2], shaft_top[2] + 25.0 - half_height_mm)
    mirror = -1.0 if side is Side.RIGHT else 1.0
    around = rng.normal(0.0, 8.0) + (rng.choice([-90.0, 90.0]) if view is View.LATERAL else 0.0)
    turn = Rotation.from_euler("zyx", [around, rng.normal(0.0, 6.0), rng.normal(0.0, 5.0)], degrees=True)

    def place(points: Points) -> Points:
        moved = np.atleast_2d(points) - focus
        moved = moved * np.array([mirror, 1.0, 1.0])
        return np.asarray(turn.apply(moved) + center)

    def direction(vector: Points) -> Points:
        return np.asarray(turn.apply(np.asarray(vector) * np.array([mirror, 1.0, 1.0])))

    def mesh(name: str, points: Points) -> Mesh:
        faces = arrays[f"{name}_faces"].astype(np.int64)
        return Mesh(place(points), faces[:, ::-1] if mirror < 0 else faces)

    bones = [LimbBone("femur", mesh("femur", femur), *structure)]
    if cut is None:
        height = np.abs((tibia - knee) @ tibia_down)
        cortex = np.interp(height, [15.0, 60.0, 130.0, 300.0], [1.2, 2.4, 4.5, 4.5]) * quality.cortex
        inner = np.interp(height, [15.0, 60.0, 110.0, 300.0], [0.22, 0.12, 0.03, 0.02]) * quality.spongiosa
        bones.append(LimbBone("tibia", mesh("tibiafibula", tibia), cortex, inner))
        patella_count = len(patella)
        bones.append(
            LimbBone(
                "patella",
                mesh("patella", patella),
                np.full(patella_count, 1.1 * quality.cortex),
                np.full(patella_count, 0.22 * quality.spongiosa),
            )
        )
    up = shaft_top + np.array([0.0, 0.0, 220.0])
    if cut is None:
        axis = np.stack([up, shaft_top, 0.5 * (shaft_top + knee), knee, knee + 130.0 * tibia_down,
                         knee + 330.0 * tibia_down])  # fmt: skip
        axis[4:] += np.array([0.0, 18.0, 0.0])
        radius = np.array([86.0, 78.0, 66.0, 50.0, 52.0, 36.0])
    else:
        end = cut - np.array([0.0, 0.0, rng.uniform(18.0, 75.0)])
        axis = np.stack([up, shaft_top, 0.6 * cut + 0.4 * shaft_top, end + np.array([0.0, 0.0, 35.0])])
        radius = np.array([86.0, 78.0, 66.0, rng.uniform(38.0, 60.0)])
    t = np.linspace(0.0, len(axis) - 1.0, 48)
    index = np.arange(len(axis))
    axis = np.column_stack([np.interp(t, index, axis[:, k]) for k in range(3)])
    marks = {
        "knee": knee,
        "shaft_top": shaft_top,
        "middle": 0.5 * (shaft_top + knee),
        "medial_epicondyle": femur[np.argmin(np.where(femur[:, 2] < knee[2] + 40.0, femur[:, 0], np.inf))],
        "lateral_epicondyle": femur[np.argmax(np.where(femur[:, 2] < knee[2] + 40.0, femur[:, 0], -np.inf))],
        "patella": patella.mean(axis=0),
        "patella_top": patella[np.argmax(patella[:, 2])],
        "fabella": knee + size * np.array([18.0, 26.0, 6.0]),
        "tibial_tubercle": knee + 45.0 * tibia_down - np.array([0.0, 22.0, 0.0]),
    }
    return Limb(
        bones=tuple(bones),
        axis=place(axis),
        radius_mm=np.interp(t, index, radius) * float(np.exp(rng.normal(0.0, 0.12))),
        outward=direction(np.array([1.0, 0.0, 0.0])),
        forward=direction(np.array([0.0, -1.0, 0.0])),
        down=direction(np.array([0.0, 0.0, -1.0])),
        marks={name: place(mark)[0] for name, mark in marks.items()},
        cut=None if cut is None else place(cut)[0],
    )
