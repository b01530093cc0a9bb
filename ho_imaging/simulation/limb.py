"""One leg in camera space: thigh, knee or the residual limb after a transfemoral amputation, positioned for a view."""

from __future__ import annotations

from dataclasses import dataclass, replace
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


@dataclass(frozen=True, eq=False)
class _Leg:
    """A leg in the shape model's space, in mm and z up, its knee bent; ``size`` is relative to the mean leg.

    ``structure``: cortical thickness in mm and cancellous fraction at each vertex of the femur.
    """

    size: float
    femur: Points
    tibia: Points
    patella: Points
    knee: Points
    shaft_top: Points
    tibia_down: Points
    structure: tuple[Points, Points]


@dataclass(frozen=True, eq=False)
class _Placing:
    """The way from the shape model's space into that of the camera: ``focus`` goes to ``center``."""

    focus: Points
    mirror: float
    turn: Rotation
    center: Points

    def points(self, points: Points) -> Points:
        moved = np.atleast_2d(points) - self.focus
        moved = moved * np.array([self.mirror, 1.0, 1.0])
        return np.asarray(self.turn.apply(moved) + self.center)

    def direction(self, vector: Points) -> Points:
        return np.asarray(self.turn.apply(np.asarray(vector) * np.array([self.mirror, 1.0, 1.0])))

    def mesh(self, name: str, points: Points) -> Mesh:
        faces = _arrays()[f"{name}_faces"].astype(np.int64)
        return Mesh(self.points(points), faces[:, ::-1] if self.mirror < 0 else faces)


@lru_cache(maxsize=1)
def _arrays() -> dict[str, NDArray[np.float64]]:
    return load_arrays("llp26.npz", ("femur", "tibiafibula", "patella"))


def pose_limb(
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
    # The order of these steps is that of their random draws: a seed gives the same leg for good.
    leg = _bent_leg(rng, view, quality, modes)
    cut: Points | None = None
    if region is Region.RESIDUAL_LIMB:
        leg, cut = _amputated(rng, leg)
    focus = _focus(rng, region, leg, cut)
    focus[2] = min(focus[2], leg.shaft_top[2] + 25.0 - half_height_mm)
    around = rng.normal(0.0, 8.0) + (rng.choice([-90.0, 90.0]) if view is View.LATERAL else 0.0)
    turn = Rotation.from_euler("zyx", [around, rng.normal(0.0, 6.0), rng.normal(0.0, 5.0)], degrees=True)
    placing = _Placing(focus, -1.0 if side is Side.RIGHT else 1.0, turn, center)
    axis, radius_mm = _soft_tissue(rng, leg, cut)
    return Limb(
        bones=_bones(leg, placing, quality, whole=cut is None),
        axis=placing.points(axis),
        radius_mm=radius_mm,
        outward=placing.direction(np.array([1.0, 0.0, 0.0])),
        forward=placing.direction(np.array([0.0, -1.0, 0.0])),
        down=placing.direction(np.array([0.0, 0.0, -1.0])),
        marks={name: placing.points(mark)[0] for name, mark in _marks(leg).items()},
        cut=None if cut is None else placing.points(cut)[0],
    )


def _bent_leg(rng: np.random.Generator, view: View, quality: BoneQuality, modes: slice) -> _Leg:
    """Sample a leg's shape and size, and bend its knee as it lies for the view."""
    arrays = _arrays()
    count = len(arrays["femur_modes"])
    weights = np.zeros(count)
    weights[modes] = np.clip(rng.normal(0.0, 1.0, count), -2.5, 2.5)[modes]
    size = 1.0 + 0.05 * float(np.clip(rng.normal(), -2.0, 2.0))

    def shape(name: str) -> Points:
        return np.asarray(size * (arrays[f"{name}_mean"] + np.tensordot(weights, arrays[f"{name}_modes"], axes=1)))

    femur, tibia, patella = shape("femur"), shape("tibiafibula"), shape("patella")
    top = femur[np.argmax(femur[:, 2])]
    length = float(np.ptp(femur[:, 2]))
    knee = femur[femur[:, 2] < femur[:, 2].min() + 45.0 * size].mean(axis=0)
    hinge = np.array([1.0, 0.0, 0.0])
    flexion = rng.uniform(5.0, 40.0) if view is View.LATERAL else rng.uniform(0.0, 8.0)
    bend = Rotation.from_rotvec(hinge * np.deg2rad(flexion))
    return _Leg(
        size=size,
        femur=femur,
        tibia=bend.apply(tibia - knee) + knee,
        patella=Rotation.from_rotvec(hinge * np.deg2rad(0.6 * flexion)).apply(patella - knee) + knee,
        knee=knee,
        shaft_top=femur[(femur[:, 2] > knee[2] + 0.70 * length) & (femur[:, 2] < knee[2] + 0.76 * length)].mean(axis=0),
        tibia_down=bend.apply([0.0, 0.0, -1.0]),
        structure=femur_structure(femur, np.array([femur[:, 0].min() + 24.0, top[1], top[2] - 24.0]), quality),
    )


def _amputated(rng: np.random.Generator, leg: _Leg) -> tuple[_Leg, Points]:
    """Cut the femur across; return the leg, and the middle of the end of its bone."""
    knee, top = leg.knee, leg.shaft_top
    level = knee[2] + rng.uniform(0.08, 0.5) * float(np.ptp(leg.femur[:, 2]))
    tilt = rng.normal(0.0, 0.12, 2)
    plane = level + (leg.femur[:, :2] - knee[:2]) @ tilt
    femur = np.column_stack([leg.femur[:, :2], np.maximum(leg.femur[:, 2], plane)])
    return replace(leg, femur=femur), top + (top[2] - level) / (top[2] - knee[2]) * (knee - top)


def _focus(rng: np.random.Generator, region: Region, leg: _Leg, cut: Points | None) -> Points:
    """Choose the point of the leg that the image is centred on."""
    if cut is not None:
        return np.asarray(cut + np.array([0.0, 0.0, rng.uniform(-30.0, 50.0)]))
    if region is Region.KNEE:
        return np.asarray(leg.knee + rng.normal(0.0, 12.0, 3))
    return np.asarray(0.5 * (leg.knee + leg.shaft_top) + np.array([0.0, 0.0, rng.normal(0.0, 40.0)]))


def _soft_tissue(rng: np.random.Generator, leg: _Leg, cut: Points | None) -> tuple[Points, Points]:
    """Return points (n, 3) along the middle of the leg, and the radius (n,) of its muscle in mm."""
    knee, top, tibia_down = leg.knee, leg.shaft_top, leg.tibia_down
    up = top + np.array([0.0, 0.0, 220.0])
    if cut is None:
        axis = np.stack([up, top, 0.5 * (top + knee), knee, knee + 130.0 * tibia_down, knee + 330.0 * tibia_down])
        axis[4:] += np.array([0.0, 18.0, 0.0])
        radius = np.array([86.0, 78.0, 66.0, 50.0, 52.0, 36.0])
    else:
        end = cut - np.array([0.0, 0.0, rng.uniform(18.0, 75.0)])
        axis = np.stack([up, top, 0.6 * cut + 0.4 * top, end + np.array([0.0, 0.0, 35.0])])
        radius = np.array([86.0, 78.0, 66.0, rng.uniform(38.0, 60.0)])
    t = np.linspace(0.0, len(axis) - 1.0, 48)
    index = np.arange(len(axis))
    along = np.column_stack([np.interp(t, index, axis[:, k]) for k in range(3)])
    return along, np.interp(t, index, radius) * float(np.exp(rng.normal(0.0, 0.12)))


def _bones(leg: _Leg, placing: _Placing, quality: BoneQuality, *, whole: bool) -> tuple[LimbBone, ...]:
    """Return the bones in camera space; below a cut there are none but the femur."""
    femur = LimbBone("femur", placing.mesh("femur", leg.femur), *leg.structure)
    if not whole:
        return (femur,)
    height = np.abs((leg.tibia - leg.knee) @ leg.tibia_down)
    tibia = LimbBone(
        "tibia",
        placing.mesh("tibiafibula", leg.tibia),
        np.interp(height, [15.0, 60.0, 130.0, 300.0], [1.2, 2.4, 4.5, 4.5]) * quality.cortex,
        np.interp(height, [15.0, 60.0, 110.0, 300.0], [0.22, 0.12, 0.03, 0.02]) * quality.spongiosa,
    )
    count = len(leg.patella)
    patella = LimbBone(
        "patella",
        placing.mesh("patella", leg.patella),
        np.full(count, 1.1 * quality.cortex),
        np.full(count, 0.22 * quality.spongiosa),
    )
    return femur, tibia, patella


def _marks(leg: _Leg) -> dict[str, Points]:
    """Return the places where ectopic bone, implants and mimics attach."""
    femur, knee = leg.femur, leg.knee
    return {
        "knee": knee,
        "shaft_top": leg.shaft_top,
        "middle": 0.5 * (leg.shaft_top + knee),
        "medial_epicondyle": femur[np.argmin(np.where(femur[:, 2] < knee[2] + 40.0, femur[:, 0], np.inf))],
        "lateral_epicondyle": femur[np.argmax(np.where(femur[:, 2] < knee[2] + 40.0, femur[:, 0], -np.inf))],
        "patella": leg.patella.mean(axis=0),
        "patella_top": leg.patella[np.argmax(leg.patella[:, 2])],
        "fabella": knee + leg.size * np.array([18.0, 26.0, 6.0]),
        "tibial_tubercle": knee + 45.0 * leg.tibia_down - np.array([0.0, 22.0, 0.0]),
    }
