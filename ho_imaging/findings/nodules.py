"""From the map of ectopic bone to nodules with their measures."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ho_imaging.findings.anatomy import side_of
from ho_imaging.findings.density import density_ratio
from ho_imaging.findings.finding import Anatomy, Finding
from ho_imaging.findings.outline import enclosed_area, extent, outlines
from ho_imaging.network.prediction import Prediction
from ho_imaging.preparing.prepared import GridMap
from ho_imaging.vocabulary import Side, Structure

__all__ = ["GROW_SHARE", "PERIARTICULAR_RADII", "SMALLEST_NODULE_MM2", "find_nodules"]

SMALLEST_NODULE_MM2 = 4.0
"""Smaller marks are left out: about 2.3 mm across, near the resolution of the prepared film."""

PERIARTICULAR_RADII = 3.5
"""A nodule is periarticular when its nearest point lies within so many head radii (about 84 mm) of the joint's centre.

The capsule reaches about two radii, the insertions of the muscles that cross the joint (trochanters, anterior spines)
lie at three to three and a half: ossification between them can restrict the joint, ossification further down the
thigh cannot.
"""

GROW_SHARE = 0.6
"""A nodule grows from its seed down to this share of the operating threshold."""

_TOUCH_PX = 1.5
"""Bone closer than this on the prepared grid is touched: neighbours, also across a corner."""

_INSIDE_SHARE = 0.9
"""With more of it over native bone than this, a nodule lies in front of or behind the bones and is joined to none."""

_BONES = (Structure.PELVIS, Structure.FEMUR)


def find_nodules(prediction: Prediction, anatomy: Anatomy) -> tuple[Finding, ...]:
    """Find and measure the nodules of a film, most certain first.

    A nodule is an 8-connected part of the map that reaches the operating threshold somewhere, taken down to 60 % of it
    (hysteresis). Its outline is the sub-pixel crossing of that level.
    """
    probability = prediction.probabilities[Structure.HO]
    seed_level = prediction.thresholds.get(Structure.HO, 0.5)
    level = GROW_SHARE * seed_level
    count, labels = cv2.connectedComponents((probability >= level).astype(np.uint8), connectivity=8)
    if count <= 1:
        return ()
    away = {bone: ndimage.distance_transform_edt(~anatomy.masks[bone]) for bone in _BONES if anatomy.masks[bone].any()}
    boxes = ndimage.find_objects(labels)
    found = []
    for label, box in enumerate(boxes, start=1):
        mask = labels == label
        if float(probability[box][mask[box]].max()) < seed_level:
            continue
        finding = _measure(prediction, anatomy, mask, box, level, away)
        if finding is not None:
            found.append(finding)
    found.sort(key=lambda f: (-round(f.confidence, 4), f.centroid_px))
    return tuple(replace(finding, id=f"F{number}") for number, finding in enumerate(found, start=1))


def _measure(
    prediction: Prediction,
    anatomy: Anatomy,
    mask: NDArray[np.bool_],
    box: tuple[slice, ...],
    level: float,
    away: dict[Structure, NDArray[np.float64]],
) -> Finding | None:
    prepared = prediction.prepared
    grid = prepared.grid
    probability = prediction.probabilities[Structure.HO]
    rows, columns = (slice(max(part.start - 1, 0), part.stop + 1) for part in box)
    alone = np.where(mask[rows, columns] | ~(probability[rows, columns] >= level), probability[rows, columns], 0.0)
    shift = np.array([rows.start, columns.start], dtype=np.float64)
    prepared_outlines = [contour + shift for contour in outlines(alone.astype(np.float32), level)]
    if not prepared_outlines:
        return None
    cell_mm = anatomy.pixel_mm if anatomy.pixel_mm is not None else prepared.assumed_pixel_mm
    area_cells = enclosed_area(prepared_outlines)
    if area_cells * cell_mm**2 < SMALLEST_NODULE_MM2:
        return None
    contours = tuple(grid.points_to_source(contour) for contour in prepared_outlines)
    # The prepared grid has square pixels in mm, so extents are measured there and taken back.
    size = extent(np.concatenate(prepared_outlines))
    inside = mask[box]
    values = probability[box][inside]
    weights = ndimage.center_of_mass(inside)
    centroid = grid.points_to_source(np.array([[weights[0] + box[0].start, weights[1] + box[1].start]]))[0]
    long_ends, short_ends = grid.points_to_source(size.long_ends), grid.points_to_source(size.short_ends)
    mm = anatomy.pixel_mm
    nearest, distance_px, joined = _bones(mask, anatomy, away)
    joint_px, joint_radii, side = _joint(mask, anatomy, prediction, (float(centroid[0]), float(centroid[1])))
    return Finding(
        id="",
        sop_instance_uid=prepared.radiograph.sop_instance_uid,
        side=side,
        contours_px=contours,
        centroid_px=(float(centroid[0]), float(centroid[1])),
        long_axis_ends_px=_ends(long_ends),
        short_axis_ends_px=_ends(short_ends),
        area_px=enclosed_area(list(contours)),
        area_mm2=None if mm is None else area_cells * mm**2,
        long_axis_px=float(np.linalg.norm(long_ends[1] - long_ends[0])),
        long_axis_mm=None if mm is None else size.long_axis * mm,
        short_axis_px=float(np.linalg.norm(short_ends[1] - short_ends[0])),
        short_axis_mm=None if mm is None else size.short_axis * mm,
        mean_probability=float(values.mean()),
        confidence=_confidence(values),
        density_ratio=density_ratio(prepared.pixels, mask, anatomy, prepared.valid),
        nearest_bone=nearest,
        distance_to_bone_mm=None if mm is None or distance_px is None else distance_px * mm,
        distance_to_joint_mm=None if mm is None or joint_px is None else joint_px * mm,
        distance_to_joint_radii=joint_radii,
        periarticular=None if joint_radii is None else joint_radii <= PERIARTICULAR_RADII,
        joined_to=joined,
        mask=mask,
    )


def _confidence(values: NDArray[np.float32]) -> float:
    """Confidence that a nodule is ectopic bone: the mean of its upper quartile, on the calibrated scale of the map."""
    upper = np.partition(values, int(0.75 * (values.size - 1)))[int(0.75 * (values.size - 1)) :]
    return float(np.clip(upper.mean(), 0.0, 1.0))


def _ends(points: NDArray[np.float64]) -> tuple[tuple[float, float], tuple[float, float]]:
    return (float(points[0, 0]), float(points[0, 1])), (float(points[1, 0]), float(points[1, 1]))


def _bones(
    mask: NDArray[np.bool_], anatomy: Anatomy, away: dict[Structure, NDArray[np.float64]]
) -> tuple[Structure | None, float | None, tuple[Structure, ...]]:
    """Nearest native bone, its distance in prepared pixels (0 when touching), and the bones the nodule is joined to."""
    nearest: Structure | None = None
    least: float | None = None
    joined = []
    bones = anatomy.masks[Structure.PELVIS] | anatomy.masks[Structure.FEMUR]
    superimposed = float(bones[mask].mean()) > _INSIDE_SHARE
    for bone, distance in away.items():
        closest = float(distance[mask].min())
        gap = 0.0 if closest <= _TOUCH_PX else closest - 1.0
        if least is None or gap < least:
            nearest, least = bone, gap
        if gap == 0.0 and not superimposed and (bone is not Structure.FEMUR or _touches_below_the_head(mask, anatomy)):
            joined.append(bone)
    return nearest, least, tuple(joined)


def _touches_below_the_head(mask: NDArray[np.bool_], anatomy: Anatomy) -> bool:
    """Whether a nodule touches the femur outside the head, which lies in the joint and overlaps the socket anyway."""
    femur = anatomy.masks[Structure.FEMUR] & ~anatomy.masks[Structure.FEMORAL_HEAD]
    return bool((ndimage.binary_dilation(mask, structure=np.ones((3, 3), dtype=bool)) & femur).any())


def _joint(
    mask: NDArray[np.bool_], anatomy: Anatomy, prediction: Prediction, centroid_px: tuple[float, float]
) -> tuple[float | None, float | None, Side]:
    """Distance from the nearest joint's centre to the nodule in prepared pixels and head radii; the nodule's side."""
    grid: GridMap = prediction.prepared.grid
    columns = tuple(joint.center_px[1] for joint in anatomy.joints)
    side = side_of(centroid_px[1], prediction.prepared, columns)
    candidates = [joint for joint in anatomy.joints if side in {Side.UNKNOWN, joint.side} or joint.side is Side.UNKNOWN]
    if not candidates:
        return None, None, side
    cells = np.argwhere(mask)
    best: tuple[float, float, Side] | None = None
    for joint in candidates:
        center = grid.points_to_prepared(np.array([joint.center_px]))[0]
        distance = float(np.linalg.norm(cells - center, axis=1).min())
        if best is None or distance < best[0]:
            best = (distance, distance / (joint.radius_px / grid.column_scale), joint.side)
    if best is None:  # pragma: no cover  (candidates is not empty)
        return None, None, side
    return best[0], best[1], side if side is not Side.UNKNOWN else best[2]
