"""Native bone, implants and joints as the network sees them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.findings.finding import Anatomy, Joint, Outlines
from ho_imaging.findings.outline import outlines
from ho_imaging.findings.sides import SidePlan, plan_sides
from ho_imaging.network.prediction import Prediction
from ho_imaging.preparing.prepared import Prepared
from ho_imaging.preparing.scale import Scale
from ho_imaging.regions import Landmark, RegionPlan, plan_of
from ho_imaging.vocabulary import SpacingBasis, Structure

__all__ = ["read_anatomy"]

_IMPLANT_PART_MM2, _BODY_PART_MM2 = 12.0, 400.0
"""Parts of implant and body under this area are specks."""

_MOST_JOINTS = 2
_LEAST_JOINT_PX = 60.0
_LEAST_OF_LARGEST = 0.35
"""A second landmark that is smaller than this share of the first, by area, is none."""


def read_anatomy(prediction: Prediction) -> Anatomy:
    """Read bones, implant, body and joints off the probability maps, by the plan of the film's region.

    Parameters
    ----------
    prediction
        Maps of the plan's structures, on the prepared grid.

    Returns
    -------
    Anatomy
        Where the film has no spacing, millimetres come from the plan's landmark if it is seen (basis ``anatomical``).

    """
    prepared = prediction.prepared
    plan = plan_of(prepared.radiograph.region.value)
    scale = prepared.scale
    masks = {
        structure: _without_specks(_above(prediction, structure), least_mm2 / scale.cell_mm**2)
        for structure, least_mm2 in _smallest_parts(plan).items()
    }
    joints: tuple[Joint, ...] = ()
    sides = plan_sides(prepared, [])
    if plan.landmark is not None:
        name = plan.landmark.structure
        joints, sides, masks[name] = _joints(
            _above(prediction, name), masks[Structure.IMPLANT], prepared, plan.landmark
        )
        if scale.is_assumed and joints:
            radius_px = float(np.mean([joint.radius_px for joint in joints])) / _mean_scale(prepared)
            scale = Scale(0.5 * plan.landmark.diameter_mm / radius_px, SpacingBasis.ANATOMICAL)
    if scale.measured_mm is not None:
        to_mm = scale.measured_mm / _mean_scale(prepared)
        joints = tuple(Joint(joint.side, joint.center_px, joint.radius_px, joint.radius_px * to_mm) for joint in joints)
    return Anatomy(
        masks=masks,
        outlines={structure: _bone_outlines(prediction, structure, masks[structure]) for structure in plan.outlined},
        joints=joints,
        sides=sides,
        scale=scale,
        plan=plan,
    )


def _above(prediction: Prediction, structure: Structure) -> NDArray[np.bool_]:
    """Return where a map reaches its threshold."""
    return np.asarray(prediction.probabilities[structure] >= prediction.thresholds.get(structure, 0.5))


def _smallest_parts(plan: RegionPlan) -> dict[Structure, float]:
    """Return the area, in mm2, under which parts of each map are specks."""
    return {bone.structure: bone.least_part_mm2 for bone in plan.bones} | {
        Structure.IMPLANT: _IMPLANT_PART_MM2,
        Structure.BODY: _BODY_PART_MM2,
    }


def _bone_outlines(prediction: Prediction, structure: Structure, mask: NDArray[np.bool_]) -> Outlines:
    """Return where the map of a bone crosses its threshold, without the parts that its mask leaves out."""
    if not mask.any():
        return ()
    rows, columns = (_reach(np.asarray(mask.any(axis=axis))) for axis in (1, 0))
    near = cv2.dilate(mask[rows, columns].view(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0
    alone = np.where(near, prediction.probabilities[structure][rows, columns], np.float32(0.0))
    shift = np.array([rows.start, columns.start], dtype=np.float64)
    return tuple(outline + shift for outline in outlines(alone, prediction.thresholds.get(structure, 0.5)))


def _reach(there: NDArray[np.bool_]) -> slice:
    """Return the range from the first to the last cell that is there, and two more on each side."""
    cells = np.flatnonzero(there)
    return slice(max(int(cells[0]) - 2, 0), int(cells[-1]) + 3)


def _mean_scale(prepared: Prepared) -> float:
    """Return source pixels along the columns' direction per prepared pixel, the direction radii are given in."""
    return prepared.grid.column_scale


def _without_specks(mask: NDArray[np.bool_], least_px: float) -> NDArray[np.bool_]:
    # Counting alone takes a third of the time of OpenCV's statistics.
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    keep = np.bincount(labels[mask], minlength=count) >= least_px
    keep[0] = False
    return mask if keep[1:].all() else np.asarray(keep[labels])


def _joints(
    heads: NDArray[np.bool_], metal: NDArray[np.bool_], prepared: Prepared, landmark: Landmark
) -> tuple[tuple[Joint, ...], SidePlan, NDArray[np.bool_]]:
    """Return up to two round parts of plausible size, largest first, the sides they tell apart, and their mask."""
    _, labels, statistics, centroids = cv2.connectedComponentsWithStats(heads.view(np.uint8), connectivity=8)
    found: list[tuple[float, int]] = []
    for label in range(1, len(statistics)):
        area = float(statistics[label, cv2.CC_STAT_AREA])
        width, height = statistics[label, cv2.CC_STAT_WIDTH], statistics[label, cv2.CC_STAT_HEIGHT]
        radius_mm = float(np.sqrt(area / np.pi)) * prepared.scale.cell_mm
        # Without spacing the first look may be at any size; only shape counts then.
        least_mm, most_mm = landmark.radius_range_mm
        least_metal_mm = landmark.least_prosthesis_radius_mm
        if least_metal_mm <= radius_mm < least_mm and 2.0 * (metal & (labels == label)).sum() >= area:
            least_mm = least_metal_mm
        plausible = prepared.scale.is_assumed or least_mm <= radius_mm <= most_mm
        round_enough = area >= 0.5 * width * height and max(width, height) <= 1.6 * min(width, height)
        if plausible and round_enough and area >= _LEAST_JOINT_PX:
            found.append((area, label))
    found.sort(reverse=True)
    kept = [label for area, label in found[:_MOST_JOINTS] if area >= _LEAST_OF_LARGEST * found[0][0]]
    is_kept = np.zeros(len(statistics), dtype=bool)
    is_kept[kept] = True
    mask = is_kept[labels]
    centers = [prepared.grid.points_to_source(centroids[label][::-1][None])[0] for label in kept]
    areas = [float(statistics[label, cv2.CC_STAT_AREA]) for label in kept]
    radii_px = [float(np.sqrt(area / np.pi)) * prepared.grid.column_scale for area in areas]
    columns = [(float(center[1]), radius) for center, radius in zip(centers, radii_px, strict=True)]
    sides = plan_sides(prepared, columns)
    joints = tuple(
        Joint(sides.at(float(center[1])), (float(center[0]), float(center[1])), radius_px, None)
        for center, radius_px in zip(centers, radii_px, strict=True)
    )
    return joints, sides, mask
