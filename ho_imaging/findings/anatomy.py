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
from ho_imaging.vocabulary import SpacingBasis, Structure

__all__ = ["HEAD_DIAMETER_MM", "HEAD_DIAMETER_SD_MM", "read_anatomy"]

HEAD_DIAMETER_MM = 48.0
HEAD_DIAMETER_SD_MM = 3.8
"""Femoral head of adults: women about 45 mm, men about 51 mm. Common values; no single source was confirmed."""

_HEAD_RADIUS_RANGE_MM = (14.0, 40.0)
"""On the detector: the smallest adult head unmagnified to the largest under 1.3."""

_LEAST_PROSTHESIS_RADIUS_MM = 10.5
"""Prostheses have heads from 22 mm on."""

_SMALLEST_PART_MM2 = {Structure.PELVIS: 150.0, Structure.FEMUR: 150.0, Structure.IMPLANT: 12.0, Structure.BODY: 400.0}
"""Specks under this area are no bone of a hip."""


_OUTLINED = (Structure.PELVIS, Structure.FEMUR, Structure.FEMORAL_HEAD)


def read_anatomy(prediction: Prediction) -> Anatomy:
    """Read bones, implant, body and joints off the probability maps.

    Where the film has no spacing, millimetres come from the femoral heads if any is seen (basis ``anatomical``),
    which a film with none cannot have.
    """
    prepared = prediction.prepared
    working_mm = prepared.pixel_mm if prepared.pixel_mm is not None else prepared.assumed_pixel_mm
    masks: dict[Structure, NDArray[np.bool_]] = {}
    for structure in (Structure.PELVIS, Structure.FEMUR, Structure.IMPLANT, Structure.BODY):
        above = prediction.probabilities[structure] >= prediction.thresholds.get(structure, 0.5)
        masks[structure] = _without_specks(above, _SMALLEST_PART_MM2[structure] / working_mm**2)
    heads = prediction.probabilities[Structure.FEMORAL_HEAD] >= prediction.thresholds.get(Structure.FEMORAL_HEAD, 0.5)
    joints, sides, masks[Structure.FEMORAL_HEAD] = _joints(heads, masks[Structure.IMPLANT], prepared, working_mm)
    basis = prepared.radiograph.spacing.basis
    pixel_mm = prepared.pixel_mm
    if pixel_mm is None and joints:
        radius_px = float(np.mean([joint.radius_px for joint in joints])) / _mean_scale(prepared)
        pixel_mm = 0.5 * HEAD_DIAMETER_MM / radius_px
        basis = SpacingBasis.ANATOMICAL
    if pixel_mm is not None:
        to_mm = pixel_mm / _mean_scale(prepared)
        joints = tuple(Joint(joint.side, joint.center_px, joint.radius_px, joint.radius_px * to_mm) for joint in joints)
    return Anatomy(
        masks=masks,
        outlines={structure: _bone_outlines(prediction, structure, masks[structure]) for structure in _OUTLINED},
        joints=joints,
        sides=sides,
        pixel_mm=pixel_mm,
        basis=basis,
    )


def _bone_outlines(prediction: Prediction, structure: Structure, mask: NDArray[np.bool_]) -> Outlines:
    """Where the map of a bone crosses its threshold, without the parts that its mask leaves out."""
    if not mask.any():
        return ()
    rows, columns = (_reach(np.asarray(mask.any(axis=axis))) for axis in (1, 0))
    near = cv2.dilate(mask[rows, columns].view(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0
    alone = np.where(near, prediction.probabilities[structure][rows, columns], np.float32(0.0))
    shift = np.array([rows.start, columns.start], dtype=np.float64)
    return tuple(outline + shift for outline in outlines(alone, prediction.thresholds.get(structure, 0.5)))


def _reach(there: NDArray[np.bool_]) -> slice:
    """From the first to the last cell that is there, and two more on each side."""
    cells = np.flatnonzero(there)
    return slice(max(int(cells[0]) - 2, 0), int(cells[-1]) + 3)


def _mean_scale(prepared: Prepared) -> float:
    """Source pixels along the columns' direction per prepared pixel, the direction radii are given in."""
    return prepared.grid.column_scale


def _without_specks(mask: NDArray[np.bool_], least_px: float) -> NDArray[np.bool_]:
    # Counting alone takes a third of the time of OpenCV's statistics.
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    keep = np.bincount(labels.ravel(), minlength=count) >= least_px
    keep[0] = False
    return mask if keep[1:].all() else np.asarray(keep[labels])


def _joints(
    heads: NDArray[np.bool_], metal: NDArray[np.bool_], prepared: Prepared, working_mm: float
) -> tuple[tuple[Joint, ...], SidePlan, NDArray[np.bool_]]:
    """Up to two round parts of plausible size, largest first, the sides they tell apart, and a mask of just these."""
    _, labels, statistics, centroids = cv2.connectedComponentsWithStats(heads.view(np.uint8), connectivity=8)
    found: list[tuple[float, int]] = []
    for label in range(1, len(statistics)):
        area = float(statistics[label, cv2.CC_STAT_AREA])
        width, height = statistics[label, cv2.CC_STAT_WIDTH], statistics[label, cv2.CC_STAT_HEIGHT]
        radius_mm = float(np.sqrt(area / np.pi)) * working_mm
        # Without spacing the first look may be at any size; only shape counts then.
        least_mm, most_mm = _HEAD_RADIUS_RANGE_MM
        if _LEAST_PROSTHESIS_RADIUS_MM <= radius_mm < least_mm and 2.0 * (metal & (labels == label)).sum() >= area:
            least_mm = _LEAST_PROSTHESIS_RADIUS_MM
        plausible = prepared.pixel_mm is None or least_mm <= radius_mm <= most_mm
        round_enough = area >= 0.5 * width * height and max(width, height) <= 1.6 * min(width, height)
        if plausible and round_enough and area >= 60.0:
            found.append((area, label))
    found.sort(reverse=True)
    kept = [label for area, label in found[:2] if area >= 0.35 * found[0][0]]
    mask = np.isin(labels, kept)
    centers = [prepared.grid.points_to_source(centroids[label][::-1][None])[0] for label in kept]
    areas = [float(statistics[label, cv2.CC_STAT_AREA]) for label in kept]
    radii_px = [float(np.sqrt(area / np.pi)) * prepared.grid.column_scale for area in areas]
    sides = plan_sides(prepared, [(float(center[1]), radius) for center, radius in zip(centers, radii_px, strict=True)])
    joints = tuple(
        Joint(sides.at(float(center[1])), (float(center[0]), float(center[1])), radius_px, None)
        for center, radius_px in zip(centers, radii_px, strict=True)
    )
    return joints, sides, mask
