"""What became of each nodule between two registered films, and of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from ho_imaging.findings.density import clarity
from ho_imaging.findings.finding import Finding
from ho_imaging.progression.register import Motion, Registration
from ho_imaging.severity.film import SideView
from ho_imaging.severity.layout import AS_REPORTED, LESS_SURE, shape_of
from ho_imaging.vocabulary import Structure

__all__ = ["NoduleChange", "NoduleCourse", "SideChange", "Verdict", "find_changes", "verdict_of"]


class NoduleCourse(StrEnum):
    """What became of a nodule."""

    NEW = "new"
    GROWN = "grown"
    STABLE = "stable"
    SHRUNK = "shrunk"
    GONE = "gone"
    UNCERTAIN = "uncertain"
    """Too faint on one of the films to say."""
    OUTSIDE = "outside"
    """Mostly outside the field of one of the films."""


class Verdict(StrEnum):
    """Whether the disease is spreading."""

    SPREADING = "spreading"
    STABLE = "stable"
    REGRESSING = "regressing"
    CANNOT_TELL = "cannot tell"


_MATCH_MM = 2.0
"""Outlines closer than this after registration, plus what the registration leaves, are of one nodule."""

_AREA_SD_SHARE, _AREA_SD_MM2 = 0.08, 4.0
"""What an area differs by between two films of the same nodule at least: exposure, noise, depth."""

_AREA_SD_DOUBT = 0.9
"""So much more where the nodule's own confidence is nothing, in proportion between."""

_CONTRAST_SD_SHARE = 0.1
"""So much of an area when one film is 2.7 times (e) clearer than the other: its outlines lie elsewhere.

These numbers and `_CERTAIN_NEW` were set on simulated pairs of visits, other ones than are reported on; with them the
changes of unchanged nodules and sides have about the spread that is stated.
"""

_CLEAR_FILM = 45.0
"""A nodule is new or gone only if the film without it is this clear (see `ho_imaging.findings.density.clarity`)."""

_SIGNIFICANT = 1.96
_LEAST_CHANGE_SHARE, _LEAST_CHANGE_MM2 = 0.12, 12.0
"""Less than this is no change, however well it is measured."""

_CERTAIN_NEW = 0.97

_SHARED_SHARE = 0.5
"""With more of a nodule in the field of both films, what both show of it is compared; with less it is left out."""

_CLEAR_SHARE = 0.35
"""With more of a nodule clear of native bone than this, only that part is compared: what lies over bone is seen on one
film and not on the next."""

_CLEAR_OF_EDGE_PX = 2

_RIM_MM = 3.0
"""As wide as the rim between a nodule's outline and where the model is less sure of it gets."""


@dataclass(frozen=True)
class NoduleChange:
    """One nodule, or one that split or merged, on two films; areas in mm of the earlier film, in the field of both."""

    course: NoduleCourse
    earlier_ids: tuple[str, ...]
    later_ids: tuple[str, ...]
    earlier_mm2: float
    later_mm2: float
    change_sd_mm2: float
    density_change: float | None


@dataclass(frozen=True)
class SideChange:
    """All nodules of a side; ``change_sd_mm2`` is the standard error of the total's change."""

    nodules: tuple[NoduleChange, ...]
    earlier_mm2: float
    later_mm2: float
    change_sd_mm2: float


def find_changes(earlier: SideView, later: SideView, registration: Registration) -> SideChange:
    """Match the nodules of two registered films and say what became of each."""
    before, after = [*earlier.findings, *earlier.possible], [*later.findings, *later.possible]
    shapes_before = [_shape(finding, earlier, None) for finding in before]
    shapes_after = [_shape(finding, later, registration) for finding in after]
    wide_before = [_shape(finding, earlier, None, LESS_SURE) for finding in before]
    wide_after = [_shape(finding, later, registration, LESS_SURE) for finding in after]
    reach = _MATCH_MM + registration.residual_mm
    pairs = [
        (i, j)
        for i, a in enumerate(shapes_before)
        for j, b in enumerate(shapes_after)
        if float(shapely.distance(a, b)) <= reach
    ]
    fields = {bone: _shared_field(earlier, later, motion) for bone, motion in registration.motions.items()}
    bones = _bones(earlier, later, registration)
    exposure_share = _CONTRAST_SD_SHARE * _contrast_apart(earlier, later)
    own_variance, changes = 0.0, []
    for members_before, members_after in _together(len(before), len(after), pairs):
        old = [(before[i], shapes_before[i]) for i in members_before]
        new = [(after[j], shapes_after[j]) for j in members_after]
        certain_before = [item for item in old if item[0] in earlier.findings]
        certain_after = [item for item in new if item[0] in later.findings]
        if not (certain_before or certain_after):
            continue
        faint = (len(old) > 0 and not certain_before) or (len(new) > 0 and not certain_after)
        missing_from = None if old and new else later if old else earlier
        unclear = missing_from is not None and not _is_clear(missing_from)
        largest = max((*old, *new), key=lambda item: float(shapely.area(item[1])))
        field = fields[_bone_of(largest[0])]
        everything = shapely.union_all([shape for _, shape in (*old, *new)])
        visible = _share_in(everything, field) >= _SHARED_SHARE
        clear_of_bone = shapely.difference(field, bones)
        where = clear_of_bone if _share_in(everything, clear_of_bone) >= _CLEAR_SHARE else field
        seen = (
            _within(_recalled(certain_before, [wide_before[i] for i in members_before], certain_after), where),
            _within(_recalled(certain_after, [wide_after[j] for j in members_after], certain_before), where),
        )
        # What lies at the edge of where it is compared is cut a little elsewhere on each film.
        cut_sd = registration.residual_mm * float(shapely.length(shapely.intersection(where.boundary, everything)))
        own_sd = float(np.hypot(np.hypot(_area_sd(seen[0]), _area_sd(seen[1])), cut_sd))
        shared_sd = _shared_sd(seen, registration.scale_sd, exposure_share)
        change = _change(
            *(seen if visible else (certain_before, certain_after)),
            sd=float(np.hypot(own_sd, shared_sd)),
            visible=visible,
            faint=faint or unclear,
        )
        changes.append(change)
        own_variance += own_sd**2 if _counts(change) else 0.0
    counted = [c for c in changes if _counts(c)]
    total_before, total_after = sum(c.earlier_mm2 for c in counted), sum(c.later_mm2 for c in counted)
    # Errors of outlines are each nodule's own, those of scale and exposure are shared.
    scale = 2.0 * registration.scale_sd * total_after
    exposure = exposure_share * 0.5 * (total_before + total_after)
    sd = float(np.sqrt(own_variance + scale**2 + exposure**2))
    return SideChange(tuple(changes), total_before, total_after, sd)


def _counts(change: NoduleChange) -> bool:
    """Whether a nodule is seen well enough on both films to count."""
    return change.course not in {NoduleCourse.UNCERTAIN, NoduleCourse.OUTSIDE}


def verdict_of(change: SideChange) -> tuple[Verdict, str]:
    """Say whether ectopic bone of a side is spreading, and why."""
    counted = [c for c in change.nodules if _counts(c)]
    if change.nodules and not counted:
        return Verdict.CANNOT_TELL, "No nodule is seen well enough on both films."
    difference = change.later_mm2 - change.earlier_mm2
    course = _course(change.earlier_mm2, change.later_mm2, change.change_sd_mm2)
    news = sum(c.course is NoduleCourse.NEW for c in counted)
    gone = sum(c.course is NoduleCourse.GONE for c in counted)
    said = (
        f"{change.earlier_mm2:.0f} to {change.later_mm2:.0f} sq mm, {difference:+.0f} +- "
        f"{_SIGNIFICANT * change.change_sd_mm2:.0f}; {news} new, {gone} gone."
    )
    if course is NoduleCourse.GROWN or (news and not gone and difference > 0.0):
        return Verdict.SPREADING, said
    if course is NoduleCourse.SHRUNK or (gone and not news and difference < 0.0):
        return Verdict.REGRESSING, said
    return Verdict.STABLE, said


def _change(
    before: Sequence[tuple[Finding, shapely.Geometry]],
    after: Sequence[tuple[Finding, shapely.Geometry]],
    *,
    sd: float,
    visible: bool,
    faint: bool,
) -> NoduleChange:
    area_before, area_after = _area(before), _area(after)
    if not visible:
        course = NoduleCourse.OUTSIDE
    elif faint:
        course = NoduleCourse.UNCERTAIN
    elif not before or not after:
        seen = before or after
        sure = max(finding.confidence for finding, _ in seen) >= _CERTAIN_NEW
        large = max(area_before, area_after) >= max(_LEAST_CHANGE_MM2, _SIGNIFICANT * sd)
        course = (NoduleCourse.GONE if before else NoduleCourse.NEW) if sure and large else NoduleCourse.UNCERTAIN
    else:
        course = _course(area_before, area_after, sd)
    densities = [np.average([f.density_ratio for f, _ in side if f.density_ratio is not None] or [np.nan])
                 for side in (before, after) if side]  # fmt: skip
    change = float(densities[1] - densities[0]) if len(densities) == 2 else np.nan
    return NoduleChange(
        course=course,
        earlier_ids=tuple(finding.id for finding, _ in before),
        later_ids=tuple(finding.id for finding, _ in after),
        earlier_mm2=area_before,
        later_mm2=area_after,
        change_sd_mm2=sd,
        density_change=None if np.isnan(change) else float(change),
    )


def _course(before_mm2: float, after_mm2: float, sd_mm2: float) -> NoduleCourse:
    change = after_mm2 - before_mm2
    least = max(_SIGNIFICANT * sd_mm2, _LEAST_CHANGE_SHARE * before_mm2, _LEAST_CHANGE_MM2)
    if change > least:
        return NoduleCourse.GROWN
    return NoduleCourse.SHRUNK if change < -least else NoduleCourse.STABLE


def _area_sd(seen: Sequence[tuple[Finding, shapely.Geometry]]) -> float:
    """Give the standard error of the area of nodules on one film."""
    total = 0.0
    for finding, shape in seen:
        share = _AREA_SD_SHARE + _AREA_SD_DOUBT * (1.0 - finding.confidence)
        total += (share * float(shapely.area(shape))) ** 2 + _AREA_SD_MM2**2
    return float(np.sqrt(total))


def _clarity(view: SideView) -> float | None:
    return clarity(view.film.prepared.pixels, view.film.anatomy, view.film.prepared.valid)


def _is_clear(view: SideView) -> bool:
    """Whether a film shows bone so clearly that a nodule would not be missed for want of contrast."""
    found = _clarity(view)
    return found is None or found >= _CLEAR_FILM


def _contrast_apart(earlier: SideView, later: SideView) -> float:
    """Logarithm of how many times clearer one film is than the other; 0 where that cannot be told."""
    pair = _clarity(earlier), _clarity(later)
    if pair[0] is None or pair[1] is None or min(pair[0], pair[1]) <= 0.0:
        return 0.0
    return float(abs(np.log(pair[0] / pair[1])))


def _bone_of(finding: Finding) -> Structure:
    """Bone that a nodule moves with."""
    if finding.joined_to:
        return finding.joined_to[0]
    return finding.nearest_bone if finding.nearest_bone is Structure.FEMUR else Structure.PELVIS


def _recalled(
    seen: Sequence[tuple[Finding, shapely.Geometry]],
    wide: Sequence[shapely.Geometry],
    on_other: Sequence[tuple[Finding, shapely.Geometry]],
) -> list[tuple[Finding, shapely.Geometry]]:
    """Nodules of one film, with what is less sure there but surely seen on the other film.

    Readers do so with the other film beside them. Without it, a part that one film only just does not show is growth.
    A rim is not added: there, less sure only means further out.
    """
    if not seen or not on_other:
        return list(seen)
    known = shapely.intersection(shapely.union_all(wide), shapely.union_all([shape for _, shape in on_other]))
    added = shapely.difference(known, shapely.union_all([shape for _, shape in seen]))
    added = shapely.buffer(shapely.buffer(added, -_RIM_MM / 2), _RIM_MM / 2)
    finding, shape = max(seen, key=lambda item: float(shapely.area(item[1])))
    return [item for item in seen if item[0] is not finding] + [(finding, shapely.union(shape, added))]


def _shape(
    finding: Finding, view: SideView, registration: Registration | None, level: int = AS_REPORTED
) -> shapely.Geometry:
    """Outline of a nodule in mm of the earlier film, (row, column)."""
    mm = view.film.anatomy.pixel_mm or 1.0

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        in_mm = points[:, ::-1] * mm
        return in_mm if registration is None else registration.motions[_bone_of(finding)].apply(in_mm)

    return shapely.transform(shape_of(finding.levels[level]), place)


def _shared_field(earlier: SideView, later: SideView, motion: Motion) -> shapely.Geometry:
    """What both films show of what moves with a bone, in mm of the earlier film, (row, column)."""
    shared = shapely.intersection(_field(earlier), shapely.transform(_field(later), motion.apply))
    # Without the lines and points that fields which only touch have in common.
    return shapely.buffer(shared, 0.0)


def _field(view: SideView) -> shapely.Geometry:
    """What a film shows, in its own mm, (row, column)."""
    mm = view.film.anatomy.pixel_mm or 1.0
    valid = np.pad(view.film.prepared.valid.astype(np.uint8), 1)
    contours, _ = cv2.findContours(valid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    rings = [contour[:, 0, ::-1] - 1.0 for contour in contours if len(contour) >= 4]
    polygons = [shapely.make_valid(shapely.polygons(ring * mm)) for ring in rings]
    return shapely.buffer(shapely.union_all(polygons), -_CLEAR_OF_EDGE_PX * mm)


def _bones(earlier: SideView, later: SideView, registration: Registration) -> shapely.Geometry:
    """Native bone of either film, in mm of the earlier one, (row, column)."""
    shapes = []
    for bone, motion in registration.motions.items():
        for view, move in ((earlier, None), (later, motion)):
            mm = view.film.anatomy.pixel_mm or 1.0
            shape = shape_of(view.film.anatomy.outlines[bone])
            in_mm = shapely.transform(shape, lambda points, mm=mm: points[:, ::-1] * mm)
            shapes.append(in_mm if move is None else shapely.transform(in_mm, move.apply))
    return shapely.buffer(shapely.union_all([shapely.make_valid(shape) for shape in shapes]), 0.0)


def _within(
    seen: Sequence[tuple[Finding, shapely.Geometry]], where: shapely.Geometry
) -> list[tuple[Finding, shapely.Geometry]]:
    return [(finding, shapely.intersection(shape, where)) for finding, shape in seen]


def _share_in(shape: shapely.Geometry, where: shapely.Geometry) -> float:
    return float(shapely.area(shapely.intersection(shape, where))) / max(float(shapely.area(shape)), 1e-9)


def _area(seen: Sequence[tuple[Finding, shapely.Geometry]]) -> float:
    return float(shapely.area(shapely.union_all([shape for _, shape in seen])))


def _shared_sd(
    seen: tuple[Sequence[tuple[Finding, shapely.Geometry]], Sequence[tuple[Finding, shapely.Geometry]]],
    scale_sd: float,
    exposure_share: float,
) -> float:
    """Give the standard error that all nodules of two films have together."""
    before, after = (_area(side) for side in seen)
    return float(np.hypot(2.0 * scale_sd * after, exposure_share * 0.5 * (before + after)))


def _together(before: int, after: int, pairs: Sequence[tuple[int, int]]) -> list[tuple[list[int], list[int]]]:
    """Groups of nodules that belong together, where one has split or several have merged."""
    parent = list(range(before + after))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    for i, j in pairs:
        parent[root(before + j)] = root(i)
    groups: dict[int, tuple[list[int], list[int]]] = {}
    for index in range(before + after):
        old, new = groups.setdefault(root(index), ([], []))
        (old if index < before else new).append(index if index < before else index - before)
    return list(groups.values())
