"""Positioning of patients: rotation of pelvis and femora, and placement in front of the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ho_imaging.simulation.shape_model import Mesh, Points, Skeleton
from ho_imaging.vocabulary import Side, View

__all__ = ["Hip", "PosedSkeleton", "Stir", "pose_skeleton"]


@dataclass(frozen=True, eq=False)
class Hip:
    """One hip in camera space: the femur, its joint, the landmarks where muscles attach, and search trees of the bones.

    ``outward`` is +1 if the patient's outside is at larger x, else -1. ``femur_marks`` and ``pelvis_marks`` are
    positions (3,) in mm; ``shaft`` the ends of the femoral shaft.
    """

    side: Side
    outward: float
    femur: Mesh
    head_center: Points
    head_radius_mm: float
    femur_marks: dict[str, Points]
    pelvis_marks: dict[str, Points]
    shaft: tuple[Points, Points]
    femur_tree: cKDTree
    pelvis_tree: cKDTree


@dataclass(frozen=True, eq=False)
class PosedSkeleton:
    """A person in camera space."""

    pelvis: Mesh
    hips: tuple[Hip, Hip]
    skeleton: Skeleton
    rotation: Rotation
    offset: Points

    def place(self, points: Points) -> Points:
        """Transform points (n, 3) of the neutral pelvis frame to camera space."""
        return np.asarray(self.rotation.apply(points - self._origin) + self.offset)

    @property
    def _origin(self) -> Points:
        left, right = (np.asarray(head.center) for head in (self.skeleton.head_left, self.skeleton.head_right))
        return np.asarray(0.5 * (left + right), dtype=np.float64)


@dataclass(frozen=True)
class Stir:
    """Difference in position between two studies of a person: rotations in degrees, shifts in mm.

    ``pelvis_deg``: about x, y and z. ``femurs_deg``: the same for the right and the left femur about its head.
    ``shift_mm``: of the whole, along x, y (towards the detector) and z.
    """

    pelvis_deg: tuple[float, float, float]
    femurs_deg: tuple[tuple[float, float, float], tuple[float, float, float]]
    shift_mm: tuple[float, float, float]


def _femur_rotation(rng: np.random.Generator, view: str, outward: float, *, shown: bool) -> Rotation:
    """Return the rotation of a femur about its head; flexion lifts the knee forwards, abduction moves it outward."""
    if view == View.FROG_LEG:
        flexion, abduction, internal = rng.normal(32.0, 9.0), rng.normal(34.0, 8.0), rng.normal(-25.0, 8.0)
    elif view == View.CROSS_TABLE_LATERAL and not shown:
        # The other leg is raised out of the beam.
        flexion, abduction, internal = rng.normal(88.0, 8.0), rng.normal(25.0, 8.0), rng.normal(0.0, 8.0)
    else:
        flexion, abduction, internal = rng.normal(4.0, 5.0), rng.normal(2.0, 6.0), rng.normal(6.0, 11.0)
    # Patient axes: x left, y back, z head. Forward is -y.
    about_x = Rotation.from_euler("x", -flexion, degrees=True)
    about_y = Rotation.from_euler("y", -outward * abduction, degrees=True)
    about_z = Rotation.from_euler("z", -outward * internal, degrees=True)
    turned: Rotation = about_y * about_x * about_z
    return turned


def pose_skeleton(
    rng: np.random.Generator,
    skeleton: Skeleton,
    *,
    view: str,
    hip_plane_y_mm: float,
    center_mm: tuple[float, float],
    shown: Side | None = None,
    stir: Stir | None = None,
) -> PosedSkeleton:
    """Position a person for a view, with the midpoint between the hips at ``center_mm`` in the plane of the hips.

    In a lateral view the hip ``shown`` is placed there; the beam comes from the other side, tilted towards the head.

    Parameters
    ----------
    rng
        Random generator.
    skeleton
        The person in neutral pose.
    view
        A value of `View`.
    hip_plane_y_mm
        Distance of the plane of the hips from the source.
    center_mm
        (x, z) in camera space.
    shown
        The hip to show in a lateral view.
    stir
        Small change of position, as between two studies; ``None`` for none.

    Returns
    -------
    PosedSkeleton
        The person in camera space.

    """
    tilt, turn, obliquity = rng.normal(0.0, 7.0), rng.normal(0.0, 4.0), rng.normal(0.0, 3.0)
    rotation = Rotation.from_euler("xzy", [tilt, turn, obliquity], degrees=True)
    lateral = view == View.CROSS_TABLE_LATERAL
    if lateral:
        around = (1.0 if shown is Side.LEFT else -1.0) * rng.uniform(62.0, 95.0)
        rotation = Rotation.from_euler("zx", [around, rng.uniform(-40.0, 0.0)], degrees=True) * rotation
    heads = {Side.LEFT: skeleton.head_left, Side.RIGHT: skeleton.head_right}
    origin = 0.5 * (np.asarray(heads[Side.LEFT].center) + np.asarray(heads[Side.RIGHT].center))
    offset = np.array([center_mm[0], hip_plane_y_mm, center_mm[1]])
    if lateral and shown is not None:
        offset = offset - rotation.apply(np.asarray(heads[shown].center) - origin)
    if stir is not None:
        rotation = Rotation.from_euler("xyz", stir.pelvis_deg, degrees=True) * rotation
        offset = offset + np.asarray(stir.shift_mm)

    def place(points: Points) -> Points:
        return np.asarray(rotation.apply(points - origin) + offset)

    pelvis = skeleton.pelvis.moved(place(skeleton.pelvis.vertices))
    pelvis_tree = cKDTree(pelvis.vertices)
    hips = []
    for number, (side, outward, neutral, marks) in enumerate(
        (
            (Side.RIGHT, -1.0, skeleton.femur_right, skeleton.pelvis_landmarks_right),
            (Side.LEFT, 1.0, skeleton.femur_left, skeleton.pelvis_landmarks_left),
        )
    ):
        turn_femur = _femur_rotation(rng, view, outward, shown=side is shown)
        if stir is not None:
            turn_femur = Rotation.from_euler("xyz", stir.femurs_deg[number], degrees=True) * turn_femur
        head = np.asarray(heads[side].center)
        femur = neutral.moved(place(turn_femur.apply(neutral.vertices - head) + head))
        pelvis_marks = {name: pelvis.vertices[index] for name, index in marks.items()}
        hips.append(_hip(skeleton, side, outward, femur, place(head[None])[0], pelvis_marks, pelvis_tree))
    return PosedSkeleton(pelvis, (hips[0], hips[1]), skeleton, rotation, offset)


def _hip(
    skeleton: Skeleton,
    side: Side,
    outward: float,
    femur: Mesh,
    head_center: Points,
    pelvis_marks: dict[str, Points],
    pelvis_tree: cKDTree,
) -> Hip:
    """Return a hip whose bones are in place, with its marks and shaft."""
    positions = {name: femur.vertices[index] for name, index in skeleton.femur_landmarks.items()}
    head = skeleton.head_left if side is Side.LEFT else skeleton.head_right
    return Hip(
        side=side,
        outward=outward,
        femur=femur,
        head_center=head_center,
        head_radius_mm=head.radius_mm,
        femur_marks=positions,
        pelvis_marks=pelvis_marks,
        shaft=(
            0.5 * (positions["proximal_shaft_lateral"] + positions["proximal_shaft_medial"]),
            0.5 * (positions["lateral_epicondyle"] + positions["medial_epicondyle"]),
        ),
        femur_tree=cKDTree(femur.vertices),
        pelvis_tree=pelvis_tree,
    )
