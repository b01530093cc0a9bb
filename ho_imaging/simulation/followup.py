"""Two studies of one patient with known growth between them, as truth for progression.

The second image is a new exposure of the same person: rotated and shifted a little in space, at another magnification,
with another beam and processing. Nodules move with the bone they belong to and are scaled by a known factor.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ho_imaging.files.atomic import write_text
from ho_imaging.simulation.dicom_writer import write_dx, write_truth
from ho_imaging.simulation.film import make_film
from ho_imaging.simulation.growth import Nodule, project_nodule
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import Grown, Visit, sample_visit
from ho_imaging.simulation.pose import PosedSkeleton, Stir
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.scene import Scene
from ho_imaging.simulation.shape_model import Points
from ho_imaging.simulation.solids import Volume
from ho_imaging.vocabulary import Side

__all__ = ["COURSES", "Course", "sample_pair", "write_pair"]

Course = Literal["unchanged", "growing", "shrinking"]
COURSES: tuple[Course, ...] = ("unchanged", "growing", "shrinking")

PAIR_FILE = "pair.json"
_BEFORE, _AFTER = "baseline", "followup"

USUAL_GROWTH = (1.15, 1.8)
"""Least and largest factor of a nodule's area between the two studies."""


class _Motion(NamedTuple):
    """Rigid motion: ``rotation`` (3, 3) about ``origin``, then translation to ``target``."""

    rotation: Points
    origin: Points
    target: Points


def sample_pair(
    seed: int, course: Course, plan: HipPlan | None = None, *, area_factors: tuple[float, float] = USUAL_GROWTH
) -> tuple[Scene, Scene, dict[str, Any]]:
    """Sample two studies of one patient.

    Parameters
    ----------
    seed
        Seed of the patient.
    course
        ``growing``: each nodule grows by 15 to 80 % in area, one in five is unchanged. ``shrinking``: the reverse, and
        one in six is gone. ``unchanged``: the same nodules.
    plan
        Plan of the first scene.
    area_factors
        Least and largest factor of a growing nodule's area, in place of 1.15 and 1.8.

    Returns
    -------
    first, second : Scene
        The scenes of the two studies.
    truth : dict
        Changes between them as plain data.

    """
    plan = plan or HipPlan()
    rng = np.random.default_rng([seed, 2])
    before, first = sample_visit(seed, plan)
    factors: dict[tuple[Side, int], float] = {}
    for side, growth in first.growths:
        for number in range(len(growth.nodules)):
            factors[side, number] = _area_factor(rng, course, area_factors)
    stir = Stir(
        pelvis_deg=_three(rng, (2.0, 1.5, 1.5)),
        femurs_deg=(_three(rng, (2.0, 2.0, 4.0)), _three(rng, (2.0, 2.0, 4.0))),
        shift_mm=_three(rng, (10.0, 15.0, 12.0)),
    )

    def nodules(first: Grown, posed: PosedSkeleton, camera: Camera) -> dict[Side, tuple[Nodule, ...]]:
        hips = {hip.side: hip for hip in posed.hips}
        earlier = {hip.side: hip for hip in first.posed.hips}
        pelvis = _motion(first.posed.pelvis.vertices, posed.pelvis.vertices)
        changed: dict[Side, tuple[Nodule, ...]] = {}
        for side, growth in first.growths:
            femur = _motion(earlier[side].femur.vertices, hips[side].femur.vertices)
            kept = []
            for number, nodule in enumerate(growth.nodules):
                factor = factors[side, number]
                if factor > 0.0:
                    motion = femur if nodule.joined_to_femur and not nodule.joined_to_pelvis else pelvis
                    base = earlier[side].femur_tree if motion is femur else earlier[side].pelvis_tree
                    kept.append(_carried(nodule, motion, factor**0.5, base, camera))
            changed[side] = tuple(kept)
        return changed

    after, _ = sample_visit(seed, plan, Visit(first, stir, nodules))
    areas = [
        {
            "side": side.value,
            "factor": round(factors[side, number], 4),
            "kind": growth.nodules[number].kind,
        }
        for side, growth in first.growths
        for number in range(len(growth.nodules))
    ]
    truth = {
        "seed": seed,
        "course": course,
        "nodules": areas,
        "area_mm2_before": round(_total_area_mm2(before), 2),
        "area_mm2_after": round(_total_area_mm2(after), 2),
        "brooker_before": {side["side"]: side["brooker"] for side in before.truth["sides"]},
        "brooker_after": {side["side"]: side["brooker"] for side in after.truth["sides"]},
    }
    return before, after, truth


def write_pair(
    out_dir: Path,
    seed: int,
    course: Course,
    plan: HipPlan | None = None,
    *,
    days: int = 90,
    area_factors: tuple[float, float] = USUAL_GROWTH,
) -> Path:
    """Write two studies of one patient below ``out_dir/pair_<seed>/``: ``baseline``, ``followup`` and ``pair.json``.

    Parameters
    ----------
    out_dir
        Folder to write to.
    seed
        Seed of the patient.
    course
        Course of the nodules, see `sample_pair`.
    plan
        Plan of the first scene.
    days
        Days between the studies.
    area_factors
        Least and largest factor of a nodule's area, see `sample_pair`.

    Returns
    -------
    Path
        Folder of the pair.

    """
    before, after, truth = sample_pair(seed, course, plan, area_factors=area_factors)
    folder = out_dir / f"pair_{seed:06d}"
    for name, scene, film_seed, date in (
        (_BEFORE, before, 2 * seed, "20250101"),
        (_AFTER, after, 2 * seed + 1, _later("20250101", days)),
    ):
        study = folder / name
        study.mkdir(parents=True, exist_ok=True)
        film = make_film(scene, film_seed)
        # Both studies have one patient; the number tells them apart.
        write_dx(film, scene, study / "film.dcm", seed=seed, study_number=1 + (name == _AFTER), study_date=date)
        write_truth(scene, study / "truth", film)
    text = json.dumps({**truth, "days": days}, indent=1, sort_keys=True)
    write_text(folder / PAIR_FILE, text + "\n")
    return folder


def _later(date: str, days: int) -> str:
    return str(np.datetime64(f"{date[:4]}-{date[4:6]}-{date[6:]}") + np.timedelta64(days, "D")).replace("-", "")


def _area_factor(rng: np.random.Generator, course: Course, growing: tuple[float, float]) -> float:
    chance, size = rng.random(), float(rng.uniform(*growing))
    if course == "growing":
        return 1.0 if chance < 0.2 else size
    if course == "shrinking":
        return 0.0 if chance < 1.0 / 6.0 else 1.0 / size
    return 1.0


def _three(rng: np.random.Generator, spread: tuple[float, float, float]) -> tuple[float, float, float]:
    a, b, c = rng.normal(0.0, spread)
    return float(a), float(b), float(c)


def _total_area_mm2(scene: Scene) -> float:
    """Return the area that all nodules together cover on the image, in the plane of the joint."""
    return float(scene.masks["ho"].sum()) * (scene.pixel_mm / scene.magnification) ** 2


def _motion(before: Points, after: Points) -> _Motion:
    origin, target = before.mean(axis=0), after.mean(axis=0)
    rotation, _ = Rotation.align_vectors(after - target, before - origin)
    return _Motion(rotation.as_matrix(), origin, target)


def _carried(nodule: Nodule, motion: _Motion, scale: float, base: cKDTree, camera: Camera) -> Nodule:
    """Move a nodule with its bone and scale it about its attachment (an island about its centre)."""
    volume = nodule.volume
    positions = volume.positions()
    center = positions.mean(axis=0)
    if nodule.kind != "island":
        away, _ = base.query(positions)
        center = positions[np.argsort(away, kind="stable")[: max(len(positions) // 50, 1)]].mean(axis=0)
    moved = motion.rotation @ (positions - motion.origin).T
    moved = motion.target + moved.T
    anchor = motion.target + motion.rotation @ (center - motion.origin)
    moved = anchor + scale * (moved - anchor)
    low = moved.min(axis=0) - 2.0 * volume.voxel_mm
    shape = np.ceil((moved.max(axis=0) - low) / volume.voxel_mm).astype(int) + 3
    # Maps new voxels to old voxels.
    back = motion.rotation.T / scale
    offset = motion.rotation.T @ (anchor + (low - anchor) / scale - motion.target) + motion.origin - volume.origin
    fraction, solid = (
        ndimage.affine_transform(
            block, back, offset / volume.voxel_mm, output_shape=tuple(int(n) for n in shape), order=1
        )
        for block in (volume.fraction, volume.solid.astype(np.float32))
    )
    # Interpolation widens the surface by a voxel, half of which is inside.
    carried = Volume(np.where(solid >= 0.5, fraction, 0.0).astype(np.float32), low, volume.voxel_mm)
    return project_nodule(
        camera, nodule.kind, nodule.maturity, carried, (nodule.joined_to_pelvis, nodule.joined_to_femur)
    )
