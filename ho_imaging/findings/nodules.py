"""From the map of ectopic bone to nodules with their measures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from ho_imaging.findings.boxes import Box, bounds, framed, grown, moved, within
from ho_imaging.findings.density import DensityScale
from ho_imaging.findings.finding import Anatomy, Finding, Outlines
from ho_imaging.findings.outline import enclosed_area, enclosed_areas, extent, outlines
from ho_imaging.network.calibration import recalibrate
from ho_imaging.network.prediction import Prediction
from ho_imaging.preparing.prepared import GridMap
from ho_imaging.vocabulary import Side, Structure

__all__ = [
    "GROW_SHARE",
    "POSSIBLE_LEVEL",
    "SMALLEST_NODULE_MM2",
    "Surroundings",
    "find_nodules",
    "find_possible_nodules",
    "highest_probabilities",
]

SMALLEST_NODULE_MM2 = 4.0
"""Smaller marks are left out: about 2.3 mm across, near the resolution of the prepared film."""

GROW_SHARE = 0.6
"""A nodule grows from its seed down to this share of the operating threshold."""

_SURER, _LESS_SURE = 1.5, 0.5
"""A nodule's outline may as well lie where the map has so many times the probability of the reported outline."""

_HIGHEST_LEVEL = 0.95
_PEAK_STEP = 1e-4
_MOST_GROWN_PX = 5.0

CORE_LEVEL, FRINGE_LEVEL = 0.95, 0.05
"""The map is steep at the edge of a nodule that reaches the one where it reaches the other."""

POSSIBLE_LEVEL = 0.2
"""A probability from here to the operating threshold is not reported, but counts in the probability of a grade."""

_TOUCH_PX = 1.5
"""Bone closer than this on the prepared grid is touched: neighbours, also across a corner."""

_REACHES_PX = (24, 120)
"""Bone is looked for so many cells around a nodule, before the whole film is."""

_INSIDE_SHARE = 0.9
"""With more of it over native bone than this, a nodule lies in front of or behind the bones and is joined to none."""


def find_nodules(
    prediction: Prediction, anatomy: Anatomy, surroundings: Surroundings | None = None
) -> tuple[Finding, ...]:
    """Find and measure the nodules of a film, most certain first.

    A nodule is an 8-connected part of the map that reaches the operating threshold somewhere, taken down to 60 % of it
    (hysteresis). Its outline is the sub-pixel crossing of that level. Where a site file raises the operating threshold,
    outlines stay where the model's own threshold puts them.

    Parameters
    ----------
    prediction, anatomy
        Of the film.
    surroundings
        The film's, where possible nodules are found on it as well; measured here by default.

    Returns
    -------
    tuple of Finding
        With the ids ``F1``, ``F2``, ...

    """
    seed_level = prediction.thresholds.get(Structure.HO, 0.5)
    level = _outline_level(prediction, seed_level)
    around = surroundings or Surroundings(prediction, anatomy)
    found = _find(prediction, anatomy, around, level=level, seed_from=seed_level, seed_to=np.inf)
    return tuple(replace(finding, id=f"F{number}") for number, finding in enumerate(found, start=1))


def find_possible_nodules(
    prediction: Prediction, anatomy: Anatomy, surroundings: Surroundings | None = None
) -> tuple[Finding, ...]:
    """Find what may be a nodule but does not reach the operating threshold; its ids are ``P1``, ``P2``, ..."""
    around = surroundings or Surroundings(prediction, anatomy)
    seed_level = prediction.thresholds.get(Structure.HO, 0.5)
    level = GROW_SHARE * POSSIBLE_LEVEL
    found = _find(prediction, anatomy, around, level=level, seed_from=POSSIBLE_LEVEL, seed_to=seed_level)
    return tuple(replace(finding, id=f"P{number}") for number, finding in enumerate(found, start=1))


def highest_probabilities(prediction: Prediction, anatomy: Anatomy) -> dict[Side, float]:
    """Return, for each side of the film, the highest operating threshold at which something is outlined there.

    That is the highest probability of any part that is large enough to be a nodule, before it is recalibrated to a
    confidence; 0 where nothing would be outlined at any threshold.
    """
    plan = anatomy.sides
    whole = prediction.probabilities[Structure.HO]
    grid = prediction.prepared.grid
    columns_px = grid.column_offset + grid.column_scale * np.arange(whole.shape[1])
    before = int(np.searchsorted(columns_px, plan.middle_px))
    return {
        side: _highest(prediction, anatomy, part)
        for side, part in ((plan.first, whole[:, :before]), (plan.second, whole[:, before:]))
        if part.size
    }


def _highest(prediction: Prediction, anatomy: Anatomy, probability: NDArray[np.float32]) -> float:
    """Return the highest threshold at which a part of a map is outlined: what is, is at every lower one too."""
    peak = float(probability.max(initial=0.0))
    if peak <= 0.0:
        return peak
    kept = _cut_to_outlined(prediction, anatomy, probability, peak)
    if kept is not None:
        return peak
    low, high = 0.0, peak
    while high - low > _PEAK_STEP:
        middle = 0.5 * (low + high)
        kept = _cut_to_outlined(prediction, anatomy, probability, middle)
        if kept is not None:
            # What is outlined at a higher threshold lies within what is outlined at this one.
            low, probability = middle, kept
        else:
            high = middle
    return low


def _cut_to_outlined(
    prediction: Prediction, anatomy: Anatomy, probability: NDArray[np.float32], threshold: float
) -> NDArray[np.float32] | None:
    """Return the part of a map around all that becomes a nodule at a threshold; ``None`` where nothing does.

    All parts are measured in one pass: one with many specks has hundreds of them.
    """
    level = _outline_level(prediction, threshold)
    box = bounds(probability >= level)
    if box is None:
        return None
    near = probability[framed(box)]
    labels, boxes = _parts(near, level)
    large = _are_large_enough(near, labels, len(boxes) + 1, level, _cell_mm(anatomy))
    reached = np.zeros(large.shape, dtype=bool)
    reached[labels[near >= threshold]] = True
    inside = bounds((large & reached)[labels])
    return None if inside is None else near[framed(inside)]


def _parts(probability: NDArray[np.float32], level: float) -> tuple[NDArray[np.int32], list[Box]]:
    """Return a map of labels of the 8-connected parts that reach a level, and the box of each from label 1 on."""
    _, labels, sides, _ = cv2.connectedComponentsWithStats((probability >= level).view(np.uint8), connectivity=8)
    boxes: list[Box] = [
        (slice(top, top + height), slice(left, left + width)) for left, top, width, height, _ in sides[1:].tolist()
    ]
    return np.asarray(labels, dtype=np.int32), boxes


def _are_large_enough(
    probability: NDArray[np.float32], labels: NDArray[np.int32], count: int, level: float, cell_mm: float
) -> NDArray[np.bool_]:
    """Return for each label, the background's included, whether the outline at a level is that of a nodule."""
    return enclosed_areas(probability, labels, count, level) * cell_mm**2 >= SMALLEST_NODULE_MM2


def _outline_level(prediction: Prediction, threshold: float) -> float:
    """Return the probability at which nodules that reach an operating threshold are outlined."""
    own = prediction.outline_threshold
    return GROW_SHARE * (threshold if own is None else min(threshold, own))


def _cell_mm(anatomy: Anatomy) -> float:
    return anatomy.scale.cell_mm


def _alone(
    probability: NDArray[np.float32], mask: NDArray[np.bool_], box: Box, level: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Cut one part out of a map without its neighbours above the level; and where the cut begins (row, column)."""
    rows, columns = framed(box)
    near = probability[rows, columns]
    alone = np.where(mask[rows, columns] | ~(near >= level), near, np.float32(0.0))
    return alone, np.array([rows.start, columns.start], dtype=np.float64)


def _find(
    prediction: Prediction,
    anatomy: Anatomy,
    surroundings: Surroundings,
    *,
    level: float,
    seed_from: float,
    seed_to: float,
) -> list[Finding]:
    """Measure the large parts above ``level`` whose highest probability lies in the range given."""
    probability = prediction.probabilities[Structure.HO]
    there = bounds(probability >= level)
    if there is None:
        return []
    window = framed(there)
    near = probability[window]
    labels, boxes = _parts(near, level)
    large = _are_large_enough(near, labels, len(boxes) + 1, level, _cell_mm(anatomy))
    if not large.any():
        return []
    chosen = []
    for label in np.flatnonzero(large):
        box = boxes[label - 1]
        inside = labels[box] == label
        if seed_from <= float(near[box][inside].max()) < seed_to:
            box = moved(box, window)
            mask = np.zeros(probability.shape, dtype=bool)
            mask[box] = inside
            chosen.append((mask, box))
    if not chosen:
        return []
    wider = _wider(probability, _LESS_SURE * level)
    found = [
        surroundings.steepness.noted(_measure(prediction, anatomy, mask, box, level, surroundings, wider), box)
        for mask, box in chosen
    ]
    found.sort(key=lambda f: (-round(f.confidence, 4), f.centroid_px))
    return found


def _measure(
    prediction: Prediction,
    anatomy: Anatomy,
    mask: NDArray[np.bool_],
    box: Box,
    level: float,
    surroundings: Surroundings,
    wider: _Wider,
) -> Finding:
    prepared = prediction.prepared
    grid = prepared.grid
    probability = prediction.probabilities[Structure.HO]
    alone, shift = _alone(probability, mask, box, level)
    prepared_outlines = [contour + shift for contour in outlines(alone, level)]
    surer = outlines(alone, min(_SURER * level, _HIGHEST_LEVEL))
    levels = (
        tuple(contour + shift for contour in surer),
        tuple(prepared_outlines),
        wider.outline(probability, mask, box),
    )
    area_cells = enclosed_area(prepared_outlines)
    contours = tuple(grid.points_to_source(contour) for contour in prepared_outlines)
    # The prepared grid has square pixels in mm, so extents are measured there and taken back.
    size = extent(np.concatenate(prepared_outlines))
    inside = mask[box]
    values = probability[box][inside]
    middle = np.argwhere(inside).mean(axis=0) + np.array([part.start for part in box])
    centroid = grid.points_to_source(middle[None])[0]
    long_ends, short_ends = grid.points_to_source(size.long_ends), grid.points_to_source(size.short_ends)
    mm = anatomy.scale.measured_mm
    nearest, distance_px, joined = _bones(mask, box, anatomy, surroundings.bones)
    joint_px, joint_radii, side = _joint(mask, box, anatomy, prediction, (float(centroid[0]), float(centroid[1])))
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
        area_range_mm2=None if mm is None else _area_range(levels, area_cells, mm),
        long_axis_px=float(np.linalg.norm(long_ends[1] - long_ends[0])),
        long_axis_mm=None if mm is None else size.long_axis * mm,
        short_axis_px=float(np.linalg.norm(short_ends[1] - short_ends[0])),
        short_axis_mm=None if mm is None else size.short_axis * mm,
        mean_probability=float(values.mean()),
        confidence=recalibrate(float(values.max()), prediction.finding_confidence),
        density_ratio=surroundings.density.ratio(mask, box),
        nearest_bone=nearest,
        distance_to_bone_mm=None if mm is None or distance_px is None else distance_px * mm,
        distance_to_joint_mm=None if mm is None or joint_px is None else joint_px * mm,
        distance_to_joint_radii=joint_radii,
        periarticular=_is_periarticular(joint_radii, anatomy),
        joined_to=joined,
        mask=mask,
        levels=levels,
    )


class Surroundings:
    """Surroundings that every nodule of a film is measured against: measured once, with the first one.

    Parameters
    ----------
    prediction, anatomy
        Of the film.

    """

    def __init__(self, prediction: Prediction, anatomy: Anatomy) -> None:
        self._prediction = prediction
        self._anatomy = anatomy

    @cached_property
    def bones(self) -> dict[Structure, NDArray[np.bool_]]:
        """Masks of the bones that are seen."""
        masks = self._anatomy.masks
        return {bone: masks[bone] for bone in self._anatomy.plan.bone_structures if masks[bone].any()}

    @cached_property
    def density(self) -> DensityScale:
        """Brightness of cortex."""
        prepared = self._prediction.prepared
        return DensityScale(prepared.pixels, self._anatomy, prepared.valid)

    @cached_property
    def steepness(self) -> _Steepness:
        """Steepness of the map of ectopic bone."""
        return _steepness(self._prediction.probabilities[Structure.HO])


@dataclass(frozen=True, eq=False)
class _Wider:
    """The parts of the map above the less sure level, which a nodule's less sure outline is taken from."""

    level: float
    labels: NDArray[np.int32]
    boxes: list[Box]

    def outline(self, probability: NDArray[np.float32], mask: NDArray[np.bool_], box: Box) -> Outlines:
        part = int(self.labels[box][mask[box]][0])
        rows, columns = framed(self.boxes[part - 1])
        mine = self.labels[rows, columns] == part
        near = probability[rows, columns]
        alone = np.where(mine | (near < self.level), near, np.float32(0.0))
        shift = np.array([rows.start, columns.start], dtype=np.float64)
        return tuple(contour + shift for contour in outlines(alone, self.level))


def _wider(probability: NDArray[np.float32], level: float) -> _Wider:
    return _Wider(level, *_parts(probability, level))


@dataclass(frozen=True, eq=False)
class _Steepness:
    """The parts of the map above `FRINGE_LEVEL`, and the cells of each that reach it and `CORE_LEVEL`."""

    labels: NDArray[np.int32]
    core: NDArray[np.int64]
    fringe: NDArray[np.int64]

    def noted(self, finding: Finding, box: Box) -> Finding:
        parts = np.unique(self.labels[box][finding.mask[box]])
        parts = parts[parts > 0]
        return replace(finding, core_cells=int(self.core[parts].sum()), fringe_cells=int(self.fringe[parts].sum()))


def _steepness(probability: NDArray[np.float32]) -> _Steepness:
    labels, boxes = _parts(probability, FRINGE_LEVEL)
    core = np.bincount(labels[probability >= CORE_LEVEL], minlength=len(boxes) + 1)
    return _Steepness(labels, core, np.bincount(labels.ravel(), minlength=len(boxes) + 1))


def _area_range(levels: tuple[Outlines, Outlines, Outlines], area_cells: float, mm: float) -> tuple[float, float]:
    """Area between the surer and the less sure outline; a neighbour taken in is not this nodule's area."""
    surer = min(enclosed_area(list(levels[0])), area_cells)
    rim = np.concatenate(levels[1])
    grown = 0.0
    if levels[2]:
        _, away = shapely.STRtree(shapely.points(rim)).query_nearest(
            shapely.points(np.concatenate(levels[2])), return_distance=True, all_matches=False
        )
        # The wider outline's median distance along the reported one's length; a merger's far side does not count.
        grown = float(np.median(np.minimum(away, _MOST_GROWN_PX))) * sum(
            float(np.linalg.norm(np.diff(contour, axis=0), axis=1).sum()) for contour in levels[1]
        )
    return surer * mm**2, (area_cells + grown) * mm**2


def _distance(mask: NDArray[np.bool_], box: Box, other: NDArray[np.bool_]) -> float:
    """Return the least distance between cells of a mask, which lies in ``box``, and of another, between centres."""
    inside = mask[box]
    if (other[box] & inside).any():
        return 0.0
    closest = np.inf
    for reach in (*_REACHES_PX, max(mask.shape)):
        window = grown(box, mask.shape, reach)
        if other[window].any():
            away = cv2.distanceTransform((~other[window]).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            closest = float(away[within(box, window)][inside].min())
        # Nearer than that no cell lies outside the window.
        if closest <= reach:
            break
    return closest


def _ends(points: NDArray[np.float64]) -> tuple[tuple[float, float], tuple[float, float]]:
    return (float(points[0, 0]), float(points[0, 1])), (float(points[1, 0]), float(points[1, 1]))


def _bones(
    mask: NDArray[np.bool_], box: Box, anatomy: Anatomy, seen: dict[Structure, NDArray[np.bool_]]
) -> tuple[Structure | None, float | None, tuple[Structure, ...]]:
    """Nearest native bone, its distance in prepared pixels (0 when touching), and the bones the nodule is joined to."""
    nearest: Structure | None = None
    least: float | None = None
    joined = []
    inside = mask[box]
    bones = [anatomy.masks[bone][box][inside] for bone in anatomy.plan.bone_structures]
    superimposed = bool(bones) and float(np.logical_or.reduce(bones).mean()) > _INSIDE_SHARE
    for bone, bone_mask in seen.items():
        closest = _distance(mask, box, bone_mask)
        gap = 0.0 if closest <= _TOUCH_PX else closest - 1.0
        if least is None or gap < least:
            nearest, least = bone, gap
        if gap == 0.0 and not superimposed and _touches_outside_the_landmark(mask, box, anatomy, bone):
            joined.append(bone)
    return nearest, least, tuple(joined)


def _is_periarticular(joint_radii: float | None, anatomy: Anatomy) -> bool | None:
    landmark = anatomy.plan.landmark
    return None if joint_radii is None or landmark is None else joint_radii <= landmark.periarticular_radii


def _touches_outside_the_landmark(mask: NDArray[np.bool_], box: Box, anatomy: Anatomy, bone: Structure) -> bool:
    """Return False for a nodule that touches a bone's round end alone: it lies in the joint and overlaps the socket."""
    landmark = anatomy.plan.landmark
    if landmark is None or bone is not landmark.bone:
        return True
    near = framed(box)
    shaft = anatomy.masks[bone][near] & ~anatomy.masks[landmark.structure][near]
    return bool((cv2.dilate(mask[near].view(np.uint8), np.ones((3, 3), np.uint8)).view(bool) & shaft).any())


def _joint(
    mask: NDArray[np.bool_],
    box: Box,
    anatomy: Anatomy,
    prediction: Prediction,
    centroid_px: tuple[float, float],
) -> tuple[float | None, float | None, Side]:
    """Distance from the nearest joint's centre to the nodule in prepared pixels and head radii; the nodule's side."""
    grid: GridMap = prediction.prepared.grid
    side = anatomy.sides.at(centroid_px[1])
    candidates = [joint for joint in anatomy.joints if side in {Side.UNKNOWN, joint.side} or joint.side is Side.UNKNOWN]
    if not candidates:
        return None, None, side
    cells = np.argwhere(mask[box]) + np.array([part.start for part in box])
    best: tuple[float, float, Side] | None = None
    for joint in candidates:
        center = grid.points_to_prepared(np.array([joint.center_px]))[0]
        distance = float(np.linalg.norm(cells - center, axis=1).min())
        if best is None or distance < best[0]:
            best = (distance, distance / (joint.radius_px / grid.column_scale), joint.side)
    if best is None:  # pragma: no cover  (candidates is not empty)
        return None, None, side
    return best[0], best[1], side if side is not Side.UNKNOWN else best[2]
