"""A result as a reader left it, in the form that reports, tables and DICOM objects are written from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ho_imaging.findings.outline import extent
from ho_imaging.messages import Message
from ho_imaging.readings.outlines import outline_shape
from ho_imaging.readings.readings import Nodule, Reading
from ho_imaging.results.messages import message_result
from ho_imaging.results.schema import (
    FindingResult,
    ImageResult,
    SeverityResult,
    SideResult,
    StudyResult,
    StudySeverityResult,
    SystemGradeResult,
)
from ho_imaging.severity.burden import category_of
from ho_imaging.severity.grade import Category
from ho_imaging.severity.systems import SYSTEMS

__all__ = ["reviewed_result"]

_WORDS = tuple(word.value for word in Category)
"""From none to worst."""


def reviewed_result(result: StudyResult, reading: Reading) -> StudyResult:
    """Return the result as the reader left it, in the form that writers of results take.

    Only for them: a nodule that a reader drew has no probability, and its confidence of one is never written.
    """
    images = {image.sop_instance_uid: image for image in result.images}
    known = {finding.id: finding for finding in result.findings}
    findings = tuple(_finding(nodule, known.get(nodule.id), images[nodule.image_uid]) for nodule in reading.nodules)
    severity = result.severity
    if severity is not None:
        sides = tuple(_side(side, reading, findings) for side in severity.sides)
        severity = SeverityResult(sides=sides, study=_worst(sides))
    return result.model_copy(update={"findings": findings, "severity": severity})


def _finding(nodule: Nodule, known: FindingResult | None, image: ImageResult) -> FindingResult:
    if known is not None and not nodule.drawn:
        return known.model_copy(update={"side": nodule.side.value})
    row_mm, column_mm = image.measured_spacing_mm or (1.0, 1.0)
    points = np.array([point for ring in nodule.outline_xy_px for point in ring], dtype=np.float64)
    scale = np.array([column_mm, row_mm])
    reach = extent(points * scale)
    long_ends, short_ends = reach.long_ends / scale, reach.short_ends / scale
    in_mm = image.measured_spacing_mm is not None
    middle = outline_shape(nodule.outline_xy_px).centroid
    return FindingResult(
        id=nodule.id,
        sop_instance_uid=nodule.image_uid,
        side=nodule.side,
        confidence=1.0,
        mean_probability=1.0,
        area_px=round(nodule.area_px, 1),
        area_mm2=None if nodule.area_mm2 is None else round(nodule.area_mm2, 1),
        long_axis_px=round(float(np.linalg.norm(long_ends[1] - long_ends[0])), 2),
        long_axis_mm=round(reach.long_axis, 2) if in_mm else None,
        short_axis_px=round(float(np.linalg.norm(short_ends[1] - short_ends[0])), 2),
        short_axis_mm=round(reach.short_axis, 2) if in_mm else None,
        long_axis_ends_xy_px=_ends(long_ends),
        short_axis_ends_xy_px=_ends(short_ends),
        centroid_xy_px=(round(middle.x, 2), round(middle.y, 2)),
        contours_xy_px=nodule.outline_xy_px,
        density_ratio=None,
        nearest_bone=None,
        distance_to_bone_mm=None,
        distance_to_joint_mm=None,
        distance_to_joint_radii=None,
        periarticular=None,
        joined_to=(),
        same_as=None if known is None else known.same_as,
    )


def _ends(points: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    (x0, y0), (x1, y1) = np.round(points, 2).tolist()
    return (x0, y0), (x1, y1)


def _side(side: SideResult, reading: Reading, findings: Sequence[FindingResult]) -> SideResult:
    """Put the reader's grade and what follows from it in place of the model's; a gap needs its bone."""
    name = str(side.side)
    kept = {finding.id for finding in findings}
    grade, score = reading.grades.get(name), reading.burdens.get(name)
    evidence = side.evidence
    spurs = {name for names in evidence.joined_to.values() for name in names}
    regraded = name in reading.regraded or grade != side.grade
    changed: dict[str, object] = {
        "finding_ids": tuple(
            finding.id
            for finding in findings
            if finding.side == side.side and finding.sop_instance_uid == evidence.sop_instance_uid
        ),
        "joined_to": {
            bone: tuple(name for name in names if name in kept) for bone, names in evidence.joined_to.items()
        },
    }
    if evidence.gap_ends_xy_px is not None and not spurs & kept:
        changed |= {"gap_mm": None, "gap_px": None, "gap_ends_xy_px": None, "gap_true_range_mm": None}
    if regraded:
        changed["statement"] = message_result(Message("graded_by", reader=reading.reader))
    update: dict[str, object] = {"score": score, "evidence": evidence.model_copy(update=changed)}
    word = category_of(grade, score)
    update["category"] = None if word is None else word.value
    if regraded:
        system = next((system for system in SYSTEMS if system.name == side.system), None)
        update |= {"grade": grade, "alternatives": (), "probabilities": {}}
        update["systems"] = () if system is None else (
            SystemGradeResult(
                system=system.name,
                title=system.title,
                citation=system.citation,
                definition_confirmed=system.confirmed,
                grade=grade,
                statement=message_result(Message("graded_by", reader=reading.reader)),
            ),
        )  # fmt: skip
    return side.model_copy(update=update)


def _worst(sides: Sequence[SideResult]) -> StudySeverityResult:
    """Return the worst side's grade, and the highest score and word of any."""
    worst = max(sides, key=_rank, default=None)
    scores = [side.score for side in sides if side.score is not None]
    words = [side.category for side in sides if side.category is not None]
    return StudySeverityResult(
        grade=None if worst is None else worst.grade,
        system=None if worst is None or worst.grade is None else worst.system,
        score=max(scores, default=None),
        category=max(words, key=_WORDS.index, default=None),
    )


def _rank(side: SideResult) -> tuple[int, int, float]:
    grades = next((system.grades for system in SYSTEMS if system.name == side.system), ())
    word = -1 if side.grade is None or side.category is None else _WORDS.index(side.category)
    return word, grades.index(side.grade) if side.grade in grades else -1, side.score or 0.0
