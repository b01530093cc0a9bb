"""Image registration of a later to an earlier image by the native bone about a joint, never by ectopic bone.

Pelvis and femur rotate against each other between two visits, so each has its own motion; the scale is common to both
and compensates magnification. Iterative closest points (Besl and McKay, IEEE Trans Pattern Anal Mach Intell
1992;14:239) with the worst fifth trimmed in each iteration (Chetverikov et al., ICPR 2002) and a least-squares
similarity (Umeyama, IEEE Trans Pattern Anal Mach Intell 1991;13:376).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from ho_imaging.findings.shapes import shape_of
from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.vocabulary import Structure

__all__ = ["Motion", "NotComparableError", "Registration", "register"]

Points = NDArray[np.float64]

_CLEAR_OF_NODULES_MM = 3.0
_CLEAR_OF_EDGE_PX = 4.0
_KEPT_SHARE = 0.8
_ROUNDS = 60
_LEAST_POINTS = 80

_MOST_RESIDUAL_MM = 2.5
_MOST_TURN_DEG = 15.0
_SCALE_RANGE = (0.75, 1.35)


class NotComparableError(ValueError):
    """Two images that cannot be registered; ``why`` states the reason for the result."""

    def __init__(self, why: Message) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, eq=False)
class Motion:
    """Similarity from ``later`` to ``earlier`` points (row, column) in mm: ``scale * rotation @ point + shift``."""

    rotation: Points
    scale: float
    shift: Points

    def apply(self, points: Points) -> Points:
        """Transform points of the later image to the earlier one.

        Parameters
        ----------
        points
            (n, 2) float64, (row, column) in mm of the later image.

        Returns
        -------
        ndarray
            (n, 2) float64, (row, column) in mm of the earlier image.

        """
        return np.asarray(self.scale * points @ self.rotation.T + self.shift, dtype=np.float64)

    @property
    def angle_deg(self) -> float:
        """Angle of rotation in degrees."""
        return float(np.degrees(np.arctan2(self.rotation[1, 0], self.rotation[0, 0])))


@dataclass(frozen=True, eq=False)
class Registration:
    """Registration of a later to an earlier image, bone by bone, in mm of the earlier image.

    ``residual_mm``: typical distance between the outlines of native bone. ``scale_sd``: relative standard error of the
    scale. ``turn_deg``: difference of rotation between the opposing bones.
    """

    motions: Mapping[Structure, Motion]
    scale: float
    scale_sd: float
    residual_mm: float
    turn_deg: float


def register(earlier: SideView, later: SideView) -> Registration:
    """Register one side of two images.

    Parameters
    ----------
    earlier, later
        The side on the two images.

    Returns
    -------
    Registration
        Motion of each bone, and residual error.

    Raises
    ------
    NotComparableError
        If there is too little native bone on both, or it does not fit: another pose, view or person.

    """
    if earlier.joint is None or later.joint is None:
        raise NotComparableError(Message("apart.no_joint"))
    fixed, moving = _bone_points(earlier), _bone_points(later)
    bones = earlier.film.anatomy.plan.opposing
    shared = [bone for bone in bones if min(len(fixed[bone]), len(moving[bone])) >= _LEAST_POINTS]
    if not shared:
        raise NotComparableError(Message("apart.little_bone"))
    start = _start(earlier, later)
    both = _closest_points({b: fixed[b] for b in shared}, {b: moving[b] for b in shared}, start, scaled=True)
    if not _SCALE_RANGE[0] <= both.scale <= _SCALE_RANGE[1]:
        raise NotComparableError(Message("apart.size"))
    motions, residuals = {}, []
    for bone in shared:
        motions[bone] = _closest_points({bone: fixed[bone]}, {bone: moving[bone]}, both, scaled=False)
        residuals.append(_residual(fixed[bone], moving[bone], motions[bone]))
    residual = float(np.sqrt(np.mean(np.square(residuals))))
    if residual > _MOST_RESIDUAL_MM:
        raise NotComparableError(Message("apart.outlines", residual_mm=residual))
    turn = 0.0
    if len(shared) == 2:
        first, second = shared
        turn = abs(motions[first].angle_deg - motions[second].angle_deg)
        if turn > _MOST_TURN_DEG:
            raise NotComparableError(Message("apart.turned", turn_deg=turn))
    for bone in bones:
        motions.setdefault(bone, both)
    points = np.concatenate([moving[bone] for bone in shared])
    spread = float(np.sqrt(np.mean(np.sum((points - points.mean(axis=0)) ** 2, axis=1))))
    # Errors of neighbouring points are correlated; about one in fifty is independent.
    scale_sd = residual / max(spread, 1.0) / np.sqrt(max(len(points) / 50.0, 1.0))
    return Registration(motions, both.scale, float(scale_sd), residual, turn)


def _bone_points(view: SideView) -> dict[Structure, Points]:
    """Return outlines of native bone near the joint in mm, about a point per prepared pixel, off nodules and edges."""
    film = view.film
    mm = _mm(view)
    valid = ndimage.distance_transform_edt(np.pad(film.prepared.valid, 1))[1:-1, 1:-1]
    center, radius = _joint(view)
    nodules = shapely.union_all([shape_of(f.levels[2]) for f in (*view.findings, *view.possible)])
    near = shapely.buffer(nodules, _CLEAR_OF_NODULES_MM / mm)
    found: dict[Structure, Points] = {}
    landmark = film.anatomy.plan.landmark
    reach_radii = 0.0 if landmark is None else landmark.registered_radii
    for bone in film.anatomy.plan.opposing:
        outlines = [_evenly(outline) for outline in film.anatomy.outlines[bone] if len(outline) >= 4]
        points = np.concatenate(outlines) if outlines else np.zeros((0, 2))
        rows, columns = np.rint(points).astype(int).T
        inside = (rows >= 0) & (columns >= 0) & (rows < valid.shape[0]) & (columns < valid.shape[1])
        keep = inside.copy()
        keep[inside] = valid[rows[inside], columns[inside]] > _CLEAR_OF_EDGE_PX
        keep &= (points[:, 1] > view.columns[0]) & (points[:, 1] < view.columns[1])
        keep &= np.linalg.norm(points * mm - center, axis=1) < reach_radii * radius
        keep &= ~shapely.contains_xy(near, points[:, 1], points[:, 0])
        found[bone] = points[keep] * mm
    return found


def _evenly(outline: Points) -> Points:
    """Return points about one pixel apart along a closed outline."""
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(outline, axis=0), axis=1))])
    at = np.arange(0.0, steps[-1], 1.0)
    return np.stack([np.interp(at, steps, outline[:, axis]) for axis in range(2)], axis=1)


def _mm(view: SideView) -> float:
    cell_mm = view.film.anatomy.scale.measured_mm
    if cell_mm is None:
        landmark = view.film.anatomy.plan.landmark
        raise NotComparableError(
            Message("apart.no_spacing") if landmark is None else Message("apart.no_scale", landmark=landmark.structure)
        )
    return cell_mm


def _joint(view: SideView) -> tuple[Points, float]:
    """Return centre (row, column) and radius of the landmark, in mm on the prepared grid."""
    if view.joint is None:
        raise NotComparableError(Message("apart.no_joint"))
    grid, mm = view.film.prepared.grid, _mm(view)
    center = grid.points_to_prepared(np.array([view.joint.center_px]))[0] * mm
    return center, view.joint.radius_px / grid.column_scale * mm


def _start(earlier: SideView, later: SideView) -> Motion:
    """Return the motion that maps landmark to landmark, scaled by the ratio of their sizes."""
    (to, to_radius), (origin, origin_radius) = _joint(earlier), _joint(later)
    scale = float(np.clip(to_radius / origin_radius, *_SCALE_RANGE))
    return Motion(np.eye(2), scale, to - scale * origin)


def _closest_points(
    fixed: Mapping[Structure, Points], moving: Mapping[Structure, Points], start: Motion, *, scaled: bool
) -> Motion:
    trees = {bone: cKDTree(points) for bone, points in fixed.items()}
    motion = start
    for _ in range(_ROUNDS):
        sources, targets, distances = [], [], []
        for bone, points in moving.items():
            away, index = trees[bone].query(motion.apply(points))
            sources.append(points)
            targets.append(fixed[bone][index])
            distances.append(away)
        source, target, away = np.concatenate(sources), np.concatenate(targets), np.concatenate(distances)
        kept = away <= np.quantile(away, _KEPT_SHARE)
        again = _similarity(source[kept], target[kept], None if scaled else motion.scale)
        moved = float(np.abs(again.apply(source) - motion.apply(source)).max())
        motion = again
        if moved < 1e-3:
            break
    return motion


def _similarity(source: Points, target: Points, scale: float | None) -> Motion:
    """Return the least-squares similarity; ``scale`` if it is fixed."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, singular, v = np.linalg.svd(b.T @ a)
    flip = np.array([1.0, np.sign(np.linalg.det(u @ v))])
    rotation = (u * flip) @ v
    size = float((singular * flip).sum() / (a**2).sum()) if scale is None else scale
    return Motion(rotation, size, target.mean(axis=0) - size * rotation @ source.mean(axis=0))


def _residual(fixed: Points, moving: Points, motion: Motion) -> float:
    away, _ = cKDTree(fixed).query(motion.apply(moving))
    return float(np.sqrt(np.mean(np.sort(away)[: max(int(_KEPT_SHARE * len(away)), 1)] ** 2)))
