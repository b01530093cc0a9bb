"""Brooker class of a hip from geometry (Brooker et al., J Bone Joint Surg Am 1973;55:1629).

0: none. I: islands of bone in soft tissue. II: spurs from pelvis or proximal femur with at least 1 cm between
opposing bone surfaces. III: the gap is under 1 cm. IV: apparent bony ankylosis. What the definition leaves open is
settled by the rules in ``docs/severity.md``, which this module follows in order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ho_imaging.findings.finding import Finding
from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Evidence, Gap
from ho_imaging.vocabulary import Region, SpacingBasis, Structure, View

__all__ = ["GAP_LIMIT_MM", "GRADES", "BrookerReading", "grade_brooker"]

GRADES = ("0", "I", "II", "III", "IV")
GAP_LIMIT_MM = 10.0

_TOUCH_PX = 2.0
"""Nodules with no more than one prepared pixel between them are one piece: a narrower cleft cannot be resolved."""

_LEAST_BONE_MM2 = 400.0
"""Less pelvis or femur than this on a side and there is no hip to grade."""
_GAP_REACH_MM = 120.0

_RELATIVE_ERROR = {
    # (true length over measured length: least, most), see docs/severity.md
    SpacingBasis.CALIBRATED: (0.97, 1.03),
    SpacingBasis.ANATOMICAL: (0.92, 1.08),
    SpacingBasis.ASSUMED: (0.80, 1.10),
    SpacingBasis.NONE: (0.80, 1.10),
}
_DETECTOR_KNOWN = (0.95, 1.05)
_DETECTOR_UNKNOWN = (0.80, 1.0)
"""Magnification 14 +- 4 %, up to 25 %: a length at the detector is too long, never too short."""


@dataclass(frozen=True)
class BrookerReading:
    """Class of one side on one film; ``grade`` is ``None`` where the film cannot carry one."""

    grade: str | None
    alternatives: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class _Group:
    """Nodules that touch each other, as one piece of bone."""

    findings: tuple[Finding, ...]
    mask: NDArray[np.bool_]
    on_pelvis: bool
    on_femur: bool


def grade_brooker(view: SideView) -> BrookerReading:
    """Grade one side of one film."""
    refusal = _why_not(view)
    if refusal is not None:
        return BrookerReading(None, (), _evidence(view, [], None, refusal))
    if not view.findings:
        return BrookerReading("0", (), _evidence(view, [], None, "No ectopic bone about this hip."))
    groups = _groups(view)
    if any(group.on_pelvis and group.on_femur for group in groups):
        statement = (
            "Ectopic bone is continuous from pelvis to femur on this film: apparent ankylosis. Overlap in one view "
            "can look the same (all of 33 neurogenic hips were read III-IV, 14 were ankylosed; Mavrogenis 2012)."
        )
        return BrookerReading("IV", (), _evidence(view, groups, None, statement))
    if not any(group.on_pelvis or group.on_femur for group in groups):
        statement = "Islands of ectopic bone in soft tissue, none joined to pelvis or femur."
        return BrookerReading("I", (), _evidence(view, groups, None, statement))
    return _by_gap(view, groups)


def _why_not(view: SideView) -> str | None:
    """Why a film cannot carry a Brooker class of this side, or ``None``."""
    region = view.film.prepared.radiograph.region.value
    if region in {Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB, Region.EXTREMITY} and view.joint is None:
        return f"Brooker classes are of hips; this film shows another part ({region.value.replace('_', ' ')})."
    shown = view.film.prepared.radiograph.view.value
    if shown not in {View.AP, View.PA, View.FROG_LEG, View.OBLIQUE, View.OTHER, View.UNKNOWN}:
        return f"Brooker classes are defined on an AP film; this one is {shown.value.replace('_', ' ')}."
    anatomy = view.film.anatomy
    cell_mm = anatomy.pixel_mm if anatomy.pixel_mm is not None else view.film.prepared.assumed_pixel_mm
    least = _LEAST_BONE_MM2 / cell_mm**2
    has_implant = bool(anatomy.masks[Structure.IMPLANT].any())
    if view.pelvis.sum() < least:
        return "Not enough of the pelvis is seen on this side."
    if view.femur.sum() < least:
        hidden = " behind the implant" if has_implant else ""
        return f"Not enough of the proximal femur is seen on this side{hidden}."
    if view.joint is None:
        return "The hip joint of this side is not seen."
    return None


def _groups(view: SideView) -> list[_Group]:
    """Join nodules that touch: a chain of touching nodules is one piece of bone."""
    findings = list(view.findings)
    parent = list(range(len(findings)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    for i, finding in enumerate(findings):
        away = ndimage.distance_transform_edt(~finding.mask)
        for j in range(i):
            if float(away[findings[j].mask].min()) <= _TOUCH_PX:
                parent[root(i)] = root(j)
    groups = []
    for index in sorted({root(i) for i in range(len(findings))}):
        members = tuple(finding for i, finding in enumerate(findings) if root(i) == index)
        groups.append(
            _Group(
                findings=members,
                mask=np.logical_or.reduce([member.mask for member in members]),
                on_pelvis=any(Structure.PELVIS in member.joined_to for member in members),
                on_femur=any(Structure.FEMUR in member.joined_to for member in members),
            )
        )
    return groups


def _by_gap(view: SideView, groups: list[_Group]) -> BrookerReading:
    gap = _shortest_gap(view, groups)
    mm = view.film.anatomy.pixel_mm
    if gap is None:
        statement = "Spurs from bone; no opposing bone surface within reach, so at least 1 cm is left."
        return BrookerReading("II", (), _evidence(view, groups, None, statement))
    if mm is None or gap.length_mm is None:
        if gap.length_px == 0.0:
            return BrookerReading("III", (), _evidence(view, groups, gap, "Spurs reach the opposing bone surface."))
        statement = (
            "Spurs from bone, but without a spacing or a femoral head to scale by the gap cannot be given in mm."
        )
        return BrookerReading(None, ("II", "III"), _evidence(view, groups, gap, statement))
    grade = "II" if gap.length_mm >= GAP_LIMIT_MM - 1e-6 else "III"
    least, most = _gap_range_mm(view, gap.length_mm, mm)
    other = "III" if grade == "II" else "II"
    open_question = least < GAP_LIMIT_MM <= most
    side = "at least" if grade == "II" else "less than"
    statement = f"Spurs leave {gap.length_mm:.1f} mm between opposing bone surfaces, {side} 1 cm"
    if open_question:
        statement += f"; with what is known of the scale ({least:.1f} to {most:.1f} mm) it may be class {other}"
    return BrookerReading(grade, (other,) if open_question else (), _evidence(view, groups, gap, statement + "."))


def _gap_range_mm(view: SideView, gap_mm: float, pixel_mm: float) -> tuple[float, float]:
    """Range of the true gap: the scale's error by its basis, and one prepared pixel of outline."""
    basis = view.film.anatomy.basis
    if basis is SpacingBasis.DETECTOR:
        known = view.film.prepared.radiograph.spacing.magnification is not None
        low, high = _DETECTOR_KNOWN if known else _DETECTOR_UNKNOWN
    else:
        low, high = _RELATIVE_ERROR[basis]
    return max(low * (gap_mm - pixel_mm), 0.0), high * (gap_mm + pixel_mm)


def _shortest_gap(view: SideView, groups: list[_Group]) -> Gap | None:
    """Shortest way between ossified pelvis and ossified femur with at least one end on ectopic bone.

    The native joint space never counts: neither of its ends is ectopic.
    """
    on_pelvis = [group for group in groups if group.on_pelvis]
    on_femur = [group for group in groups if group.on_femur]
    pelvis = np.logical_or.reduce([view.pelvis, *(group.mask for group in on_pelvis)])
    # The head lies in the socket: no spur opposes it.
    native_femur = view.femur & ~view.film.anatomy.masks[Structure.FEMORAL_HEAD]
    femur = np.logical_or.reduce([native_femur, *(group.mask for group in on_femur)])
    found: list[tuple[float, NDArray[np.int64], NDArray[np.int64]]] = []
    for spurs, opposing in ((on_femur, pelvis), (on_pelvis, femur)):
        if not spurs or not opposing.any():
            continue
        cells = np.argwhere(np.logical_or.reduce([group.mask for group in spurs]))
        _, nearest = ndimage.distance_transform_edt(~opposing, return_indices=True)
        targets = np.stack([nearest[axis][cells[:, 0], cells[:, 1]] for axis in range(2)], axis=1)
        # Between cell edges, not centres: neighbours have no gap.
        apart = np.maximum(np.abs(cells - targets) - 1, 0)
        lengths = np.hypot(apart[:, 0], apart[:, 1])
        best = int(np.argmin(lengths))
        found.append((float(lengths[best]), cells[best], targets[best]))
    if not found:
        return None
    length, start, end = min(found, key=lambda item: item[0])
    anatomy, grid = view.film.anatomy, view.film.prepared.grid
    cell_mm = anatomy.pixel_mm if anatomy.pixel_mm is not None else view.film.prepared.assumed_pixel_mm
    if length * cell_mm > _GAP_REACH_MM:
        return None
    ends = grid.points_to_source(np.stack([start, end]).astype(np.float64))
    direction = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    source_px = length * float(np.hypot(direction[0] * grid.row_scale, direction[1] * grid.column_scale))
    return Gap(
        length_px=source_px,
        length_mm=None if anatomy.pixel_mm is None else length * anatomy.pixel_mm,
        ends_px=((float(ends[0, 0]), float(ends[0, 1])), (float(ends[1, 0]), float(ends[1, 1]))),
    )


def _evidence(view: SideView, groups: list[_Group], gap: Gap | None, statement: str) -> Evidence:
    return Evidence(
        sop_instance_uid=view.film.prepared.radiograph.sop_instance_uid,
        finding_ids=tuple(finding.id for finding in view.findings),
        joined_to_pelvis=tuple(f.id for group in groups if group.on_pelvis for f in group.findings),
        joined_to_femur=tuple(f.id for group in groups if group.on_femur for f in group.findings),
        gap=gap,
        spacing_basis=view.film.anatomy.basis.value,
        statement=statement,
    )
