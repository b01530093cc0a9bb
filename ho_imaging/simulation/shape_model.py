"""Statistical shape model of pelvis and femur (LLP26, 26 people): sampling and measurement.

Coordinates are the patient's, in mm: x to the patient's left, y to the back, z to the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mesh", "Skeleton", "Sphere", "fit_sphere", "load_arrays", "lumbar_spine", "sample_skeleton"]

Points = NDArray[np.float64]

_HEAD_FIT_TOLERANCE_MM = 1.0


@dataclass(frozen=True, eq=False)
class Mesh:
    """A closed surface.

    ``vertices``: (n, 3) float64 in mm. ``faces``: (m, 3) int, outward by the right-hand rule.
    """

    vertices: Points
    faces: NDArray[np.int64]

    def moved(self, vertices: Points) -> Mesh:
        """Return the same surface with other vertex positions, (n, 3) in mm."""
        return Mesh(vertices, self.faces)

    def normals(self) -> Points:
        """Return unit vertex normals, outward, area-weighted over adjacent faces; (n, 3)."""
        corners = self.vertices[self.faces]
        face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        sums = np.stack(
            [
                np.bincount(self.faces.ravel(), np.repeat(face_normals[:, axis], 3), minlength=len(self.vertices))
                for axis in range(3)
            ],
            axis=1,
        )
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.maximum(lengths, 1e-12))

    def mirrored(self, x_plane_mm: float) -> Mesh:
        """Mirror at the sagittal plane ``x = x_plane_mm``; faces are reversed so that normals stay outward."""
        vertices = self.vertices.copy()
        vertices[:, 0] = 2.0 * x_plane_mm - vertices[:, 0]
        return Mesh(vertices, self.faces[:, ::-1])


@dataclass(frozen=True)
class Sphere:
    """A sphere fitted to a joint surface, in mm."""

    center: tuple[float, float, float]
    radius_mm: float


@dataclass(frozen=True, eq=False)
class Skeleton:
    """One sampled person in neutral pose: bones, joints and landmarks.

    ``landmarks[name]`` is a vertex index of the bone it lies on (see ``_landmark_vertices``), on the left side; the
    right femur mirrors the left one, and the pelvis has both.
    """

    pelvis: Mesh
    femur_left: Mesh
    femur_right: Mesh
    head_left: Sphere
    head_right: Sphere
    femur_landmarks: dict[str, int]
    pelvis_landmarks_left: dict[str, int]
    pelvis_landmarks_right: dict[str, int]
    x_middle_mm: float
    head_vertices: NDArray[np.int64]


def fit_sphere(points: Points) -> Sphere:
    """Fit a least-squares sphere, solved as a linear system in centre and offset.

    Parameters
    ----------
    points
        (n, 3) in mm.

    Returns
    -------
    Sphere
        The sphere.

    """
    design = np.c_[2.0 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(design, (points**2).sum(axis=1), rcond=None)[0]
    center = solution[:3]
    radius = float(np.sqrt(solution[3] + center @ center))
    return Sphere((float(center[0]), float(center[1]), float(center[2])), radius)


def load_arrays(name: str, bones: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    """Load the arrays of bones from one of the package's shape files.

    Parameters
    ----------
    name
        Name of the file.
    bones
        Names of the bones.

    Returns
    -------
    dict of str to ndarray
        Faces int64, all else float64.

    """
    source = resources.files("ho_imaging.simulation") / "data" / name
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        return {
            key: file[key].astype(np.int64 if key.endswith("faces") else np.float64)
            for key in file.files
            if key.startswith(bones)
        }


@lru_cache(maxsize=1)
def _arrays() -> dict[str, NDArray[np.float64]]:
    return load_arrays("llp26.npz", ("pelvis", "femur"))


@lru_cache(maxsize=1)
def _lumbar() -> dict[str, NDArray[np.float64]]:
    return load_arrays("lumbar.npz", ("l3", "l4", "l5"))


def lumbar_spine(rng: np.random.Generator, skeleton: Skeleton) -> list[Mesh]:
    """Stack L5 to L3 on the sacrum of a neutral skeleton, with lordosis, slight scoliosis and varying discs.

    Parameters
    ----------
    rng
        Random generator.
    skeleton
        The person.

    Returns
    -------
    list of Mesh
        The vertebrae.

    """
    arrays = _lumbar()
    pelvis = skeleton.pelvis.vertices
    middle = np.abs(pelvis[:, 0] - skeleton.x_middle_mm) < 14.0
    # The promontory is the highest point of the sacrum's front edge.
    top = pelvis[middle][np.argmax(pelvis[middle] @ np.array([0.0, -0.6, 1.0]))]
    size = float(np.clip(rng.normal(1.28, 0.06), 1.12, 1.45))
    position = np.array([skeleton.x_middle_mm, top[1] + 17.0, top[2] + rng.uniform(1.0, 6.0)])
    lean, bow = rng.normal(18.0, 6.0), rng.normal(0.0, 2.5)
    spine = []
    for name in ("l5", "l4", "l3"):
        a, b = np.deg2rad(lean), np.deg2rad(bow)
        about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        turn = about_y @ about_x
        spine.append(Mesh(position + size * arrays[f"{name}_mean"] @ turn.T, arrays[f"{name}_faces"].astype(np.int64)))
        position = position + turn @ np.array([0.0, 0.0, size * rng.uniform(27.5, 30.5)])
        lean -= rng.uniform(8.0, 16.0)
        bow *= 1.6
    return spine


@lru_cache(maxsize=1)
def _head_vertices() -> NDArray[np.int64]:
    """Find the articular vertices of the mean femoral head by trimmed sphere fits."""
    mean = _arrays()["femur_mean"]
    near_top = mean[:, 2] > mean[:, 2].max() - 40.0
    medial = mean[:, 0] < mean[mean[:, 2] > mean[:, 2].max() - 60.0, 0].mean()
    selected = near_top & medial
    for _ in range(30):
        head = fit_sphere(mean[selected])
        off_surface = np.abs(np.linalg.norm(mean - head.center, axis=1) - head.radius_mm)
        selected = (off_surface < _HEAD_FIT_TOLERANCE_MM) & (mean[:, 2] > head.center[2] - 15.0)
    return np.flatnonzero(selected)


@lru_cache(maxsize=1)
def _acetabulum_vertices() -> NDArray[np.int64]:
    pelvis, head = _arrays()["pelvis_mean"], fit_sphere(_arrays()["femur_mean"][_head_vertices()])
    return np.flatnonzero(np.linalg.norm(pelvis - head.center, axis=1) < head.radius_mm + 9.0)


def _furthest(points: Points, allowed: NDArray[np.bool_], direction: tuple[float, float, float]) -> int:
    reach = np.where(allowed, points @ np.asarray(direction), -np.inf)
    return int(np.argmax(reach))


@lru_cache(maxsize=1)
def _landmark_vertices() -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Find landmark vertices (femur, pelvis left, pelvis right) on the mean shape; they hold for every sample."""
    femur, pelvis = _arrays()["femur_mean"], _arrays()["pelvis_mean"]
    head = np.asarray(fit_sphere(femur[_head_vertices()]).center)
    x_middle = float(0.5 * (pelvis[:, 0].min() + pelvis[:, 0].max()))
    rel = femur - head
    everywhere = np.ones(len(femur), dtype=bool)
    below = (rel[:, 2] > -85.0) & (rel[:, 2] < -35.0)
    femur_marks = {
        "greater_trochanter_tip": _furthest(femur, rel[:, 0] > 25.0, (0.25, 0.2, 1.0)),
        "greater_trochanter_lateral": _furthest(femur, rel[:, 2] > -60.0, (1.0, 0.0, 0.1)),
        "lesser_trochanter": _furthest(femur, below & (rel[:, 0] < 30.0), (-1.0, 0.8, 0.0)),
        "proximal_shaft_lateral": _furthest(femur, (rel[:, 2] < -75.0) & (rel[:, 2] > -110.0), (1.0, 0.0, 0.0)),
        "proximal_shaft_medial": _furthest(femur, (rel[:, 2] < -85.0) & (rel[:, 2] > -130.0), (-1.0, 0.0, 0.0)),
        "lateral_epicondyle": _furthest(femur, rel[:, 2] < -350.0, (1.0, 0.0, 0.0)),
        "medial_epicondyle": _furthest(femur, rel[:, 2] < -350.0, (-1.0, 0.0, 0.0)),
        "distal_end": _furthest(femur, everywhere, (0.0, 0.0, -1.0)),
    }

    def pelvis_marks(side: float) -> dict[str, int]:
        # Landmarks are defined on the left; the right half is mirrored.
        points = pelvis.copy()
        points[:, 0] = x_middle + side * (points[:, 0] - x_middle)
        rel = points - head
        near = np.linalg.norm(rel, axis=1)
        lateral = points[:, 0] > x_middle + 15.0
        return {
            "acetabular_rim": _furthest(points, (near < 42.0) & (rel[:, 2] > 5.0) & lateral, (1.0, 0.0, 0.5)),
            "supraacetabular": _furthest(points, (rel[:, 2] > 30.0) & (rel[:, 2] < 50.0) & lateral, (1.0, -0.2, 0.0)),
            "iliac_wing": _furthest(points, (rel[:, 2] > 60.0) & (rel[:, 2] < 85.0) & lateral, (1.0, 0.2, 0.0)),
            "anterior_inferior_spine": _furthest(
                points, (rel[:, 2] > 18.0) & (rel[:, 2] < 48.0) & (near < 62.0) & lateral, (0.3, -1.0, 0.0)
            ),
            "anterior_superior_spine": _furthest(points, (rel[:, 2] > 60.0) & lateral, (0.3, -1.0, 0.0)),
            "ischial_tuberosity": _furthest(points, lateral, (0.3, 0.3, -1.0)),
            "pubis": _furthest(
                points, (rel[:, 2] < 5.0) & lateral & (points[:, 0] < x_middle + 60.0), (0.0, -1.0, 0.2)
            ),
        }

    return femur_marks, pelvis_marks(1.0), pelvis_marks(-1.0)


def sample_skeleton(
    rng: np.random.Generator,
    *,
    modes: slice = slice(0, 25),
    spread: float = 1.0,
    asymmetry: float = 0.25,
    head_shift_mm: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0)),
) -> Skeleton:
    """Sample a person: Gaussian weights on the shape modes, clipped at 2.5 standard deviations.

    Parameters
    ----------
    rng
        Random generator.
    modes
        Shape modes that vary, of 25; different modes keep training, validation and test apart.
    spread
        Standard deviation of the weights; 1.0 is the spread of the 26 people.
    asymmetry
        Standard deviation of the difference between the right and the left femur's weights.
    head_shift_mm
        Displacement of the head outward and upward from the position in a sound joint, for the left and the right hip:
        upward when cartilage is lost, outward and upward in dysplasia.

    Returns
    -------
    Skeleton
        The person in neutral pose.

    """
    arrays = _arrays()
    count = len(arrays["pelvis_modes"])
    weights = np.zeros(count)
    weights[modes] = np.clip(rng.normal(0.0, spread, count), -2.5, 2.5)[modes]
    right_weights = np.zeros(count)
    right_weights[modes] = (weights + rng.normal(0.0, asymmetry, count))[modes]
    size = 1.0 + 0.05 * float(np.clip(rng.normal(), -2.0, 2.0))

    def shape(bone: str, by: NDArray[np.float64]) -> Points:
        return np.asarray(size * (arrays[f"{bone}_mean"] + np.tensordot(by, arrays[f"{bone}_modes"], axes=1)))

    pelvis = shape("pelvis", weights)
    x_middle = float(0.5 * (pelvis[:, 0].min() + pelvis[:, 0].max()))
    pelvis_mesh = Mesh(pelvis, arrays["pelvis_faces"].astype(np.int64))
    femur_marks, left_marks, right_marks = _landmark_vertices()
    socket_left = fit_sphere(pelvis[_acetabulum_vertices()])

    def seated(femur: Points, socket: Sphere, shift: tuple[float, float]) -> tuple[Mesh, Sphere]:
        head = fit_sphere(femur[_head_vertices()])
        # Weight bearing raises the head in its socket; half of the offset stays visible as joint space.
        target = np.asarray(socket.center) + rng.normal(0.0, 0.6, 3) + (shift[0], 0.0, 0.8 + shift[1])
        return Mesh(femur + (target - head.center), arrays["femur_faces"].astype(np.int64)), Sphere(
            (float(target[0]), float(target[1]), float(target[2])), head.radius_mm
        )

    femur_left, head_left = seated(shape("femur", weights), socket_left, head_shift_mm[0])
    mirrored_socket = _mirrored_socket(pelvis_mesh, x_middle)
    femur_right, head_right_mirrored = seated(shape("femur", right_weights), mirrored_socket, head_shift_mm[1])
    center = head_right_mirrored.center
    return Skeleton(
        pelvis=pelvis_mesh,
        femur_left=femur_left,
        femur_right=femur_right.mirrored(x_middle),
        head_left=head_left,
        head_right=Sphere((2.0 * x_middle - center[0], center[1], center[2]), head_right_mirrored.radius_mm),
        femur_landmarks=femur_marks,
        pelvis_landmarks_left=left_marks,
        pelvis_landmarks_right=right_marks,
        x_middle_mm=x_middle,
        head_vertices=_head_vertices(),
    )


@lru_cache(maxsize=1)
def _right_acetabulum_vertices() -> NDArray[np.int64]:
    """Find the right socket on the mean pelvis: vertices nearest to the mirrored left socket."""
    from scipy.spatial import cKDTree  # noqa: PLC0415  (only when a skeleton is sampled)

    pelvis = _arrays()["pelvis_mean"]
    x_middle = 0.5 * (pelvis[:, 0].min() + pelvis[:, 0].max())
    mirrored = pelvis[_acetabulum_vertices()].copy()
    mirrored[:, 0] = 2.0 * x_middle - mirrored[:, 0]
    return np.unique(cKDTree(pelvis).query(mirrored)[1])


def _mirrored_socket(pelvis: Mesh, x_middle_mm: float) -> Sphere:
    """Fit the right socket and return it in the mirrored (left) frame, in which the right femur is built."""
    socket = fit_sphere(pelvis.vertices[_right_acetabulum_vertices()])
    return Sphere((2.0 * x_middle_mm - socket.center[0], socket.center[1], socket.center[2]), socket.radius_mm)
