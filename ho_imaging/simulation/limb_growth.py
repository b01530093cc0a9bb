"""Ectopic bone in a thigh, about a knee or in a residual limb."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ho_imaging.simulation.growth import Nodule, inside, project_nodule, sample_maturity
from ho_imaging.simulation.limb import Limb
from ho_imaging.simulation.ossification import Styles, bent_path, grow
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.shape_model import Points

__all__ = ["grow_in_limb"]


def grow_in_limb(
    rng: np.random.Generator,
    camera: Camera,
    limb: Limb,
    body_mask: NDArray[np.bool_],
    count: int,
    styles: Styles = Styles.USUAL,
) -> list[Nodule]:
    """Grow up to ``count`` nodules under the skin: islands and plates in muscle, spurs from bone.

    Parameters
    ----------
    rng
        Random generator.
    camera
        Source and detector.
    limb
        The posed leg.
    body_mask
        (rows, columns) bool, inside the skin.
    count
        Largest number of nodules.
    styles
        Set of shapes to draw from.

    Returns
    -------
    list of Nodule
        The nodules in projection.

    """
    grown: list[Nodule] = []
    for _ in range(4 * count):
        if len(grown) == count:
            break
        one = _spur if rng.random() < _spur_share(limb) else _island
        nodule = one(rng, camera, limb, styles)
        if nodule is not None and nodule.mask.any() and inside(nodule.mask, body_mask):
            grown.append(nodule)
    return grown


def _spur_share(limb: Limb) -> float:
    """Return the fraction of spurs; after an amputation bone mostly grows from the cut (Potter et al. 2007)."""
    return 0.55 if limb.cut is not None else 0.3


def _island(rng: np.random.Generator, camera: Camera, limb: Limb, styles: Styles) -> Nodule | None:
    """Grow an island, or a plate along the shaft as after a contusion (myositis ossificans)."""
    tree = cKDTree(np.concatenate([bone.mesh.vertices for bone in limb.bones]))
    plate = limb.cut is None and rng.random() < 0.35
    length = float(np.clip(rng.lognormal(np.log(38.0 if plate else 14.0), 0.6), 3.0, 130.0))
    slimness = rng.uniform(0.07, 0.16) if plate else rng.uniform(0.16, 0.42)
    radius = slimness * length
    for _ in range(20):
        across = rng.normal(size=3)
        across -= (across @ limb.down) * limb.down
        across /= np.linalg.norm(across)
        if limb.cut is not None:
            start = limb.cut + limb.down * rng.uniform(-60.0, 22.0) + across * rng.uniform(0.0, 45.0)
        else:
            anchor = limb.marks[str(rng.choice(["knee", "shaft_top", "medial_epicondyle", "patella_top", "middle"]))
                                ] if rng.random() < 0.5 else None  # fmt: skip
            start = (
                anchor + rng.normal(0.0, 16.0, 3)
                if anchor is not None
                else limb.marks["middle"] + limb.down * rng.uniform(-90.0, 90.0) + across * rng.uniform(16.0, 55.0)
            )
        along = limb.down if plate else limb.down + rng.normal(0.0, 0.5, 3)
        along = along / np.linalg.norm(along)
        half = max(0.5 * length - radius, 0.05 * length)
        path = bent_path(rng, start - half * along, start + half * along, 0.1)
        if tree.query(path)[0].min() > radius + 1.5:
            t = np.linspace(0.0, 1.0, len(path))
            radii = radius * (0.65 + 0.35 * np.sin(np.pi * t) + rng.normal(0.0, 0.08, len(path))).clip(0.3)
            maturity = sample_maturity(rng)
            flat = float(rng.uniform(0.2, 0.6)) if plate or rng.random() < 0.3 else 0.0
            volume = grow(rng, path, radii, maturity=maturity, flatness=flat, styles=styles)
            return project_nodule(camera, "plate" if plate else "island", maturity, volume, (False, False))
    return None


def _spur(rng: np.random.Generator, camera: Camera, limb: Limb, styles: Styles) -> Nodule | None:
    femur = limb.bones[0].mesh
    if limb.cut is not None:
        near = np.flatnonzero(np.linalg.norm(femur.vertices - limb.cut, axis=1) < 22.0)
    else:
        near = np.flatnonzero((femur.vertices - limb.marks["shaft_top"]) @ limb.down > 0.0)
    if not near.size:
        return None
    start = femur.vertices[int(rng.choice(near))]
    outward = _away_from_axis(start, limb)
    heading = outward * rng.uniform(0.2, 1.0) + limb.down * rng.normal(0.5 if limb.cut is not None else 0.0, 0.6)
    heading = heading + rng.normal(0.0, 0.2, 3)
    heading /= np.linalg.norm(heading)
    length = float(np.clip(rng.lognormal(np.log(18.0), 0.55), 6.0, 70.0))
    path = bent_path(rng, start - 2.0 * heading, start + length * heading, 0.12)
    width = float(np.clip(rng.uniform(0.12, 0.32) * length, 1.8, 11.0))
    radii = width * np.interp(np.linspace(0.0, 1.0, len(path)), [0.0, 0.3, 0.8, 1.0], [1.0, 0.9, 0.65, 0.35])
    maturity = float(np.clip(sample_maturity(rng) + 0.15, 0.0, 1.0))
    volume = grow(rng, path, radii, maturity=maturity, roughness=0.8, styles=styles)
    return project_nodule(camera, "spur", maturity, volume, (False, True))


def _away_from_axis(point: Points, limb: Limb) -> Points:
    nearest = limb.axis[np.argmin(np.linalg.norm(limb.axis - point, axis=1))]
    away = point - nearest
    away = away - (away @ limb.down) * limb.down
    return np.asarray(away / max(float(np.linalg.norm(away)), 1e-6))
