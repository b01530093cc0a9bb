"""A result as a reader left it, in the form that reports, tables and DICOM objects are written from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ho_imaging.findings.finding import Finding
from ho_imaging.messages import Message
from ho_imaging.readings.readings import Nodule, Reading
from ho_imaging.results.build import finding_result
from ho_imaging.results.messages import message_result
from ho_imaging.results.points import rows_columns
from ho_imaging.results.schema import (
    FindingResult,
    ImageResult,
    SeverityResult,
    SideResult,
    StudyResult,
    StudySeverityResult,
    SystemGradeResult,
)
from ho_imaging.severity.grade import Category
from ho_imaging.severity.study import another_may_be_worse
from ho_imaging.severity.systems import grade_scale, system_named

__all__ = ["reviewed_result"]

_WORDS = tuple(word.value for word in Category)
"""From none to worst."""

_LEAST_POINTS = 3


def reviewed_result(result: StudyResult, reading: Reading) -> StudyResult:
    """Return the result as the reader left it, in the form that writers of results take.

    Only for them: a nodule that a reader drew has no probability, and its confidence of one is never written.
    """
    images = {image.sop_instance_uid: image for image in result.images}
    known = {finding.id: finding for finding in result.findings}
    findings = tuple(_finding(nodule, known.get(nodule.id), images[nodule.image_uid]) for nodule in reading.nodules)
    severity = result.severity
    if severity is not None:
        sides = tuple(_side(side, reading, findings, result.findings) for side in severity.sides)
        severity = SeverityResult(sides=sides, study=_worst(sides))
    return result.model_copy(update={"findings": findings, "severity": severity})


def _finding(nodule: Nodule, known: FindingResult | None, image: ImageResult) -> FindingResult:
    if known is not None and not nodule.drawn:
        return known.model_copy(update={"side": nodule.side.value, "same_as": nodule.same_as})
    drawn = Finding.outlined(
        [_closed(rows_columns(ring)) for ring in nodule.outline_xy_px if len(ring) >= _LEAST_POINTS],
        name=nodule.id,
        sop_instance_uid=nodule.image_uid,
        side=nodule.side,
        spacing_mm=image.measured_spacing_mm,
        confidence=1.0,
    )
    found = finding_result(drawn, nodule.id, nodule.same_as)
    area_mm2 = None if nodule.area_mm2 is None else round(nodule.area_mm2, 1)
    update = {"contours_xy_px": nodule.outline_xy_px, "area_px": round(nodule.area_px, 1), "area_mm2": area_mm2}
    return found.model_copy(update=update)


def _closed(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    return ring if np.array_equal(ring[0], ring[-1]) else np.vstack([ring, ring[:1]])


def _side(
    side: SideResult, reading: Reading, findings: Sequence[FindingResult], before: Sequence[FindingResult]
) -> SideResult:
    """Put the reader's grade and what follows from it in place of the model's; a gap needs its bone.

    ``before``: the model's findings. Where a reader changed nodules and left the grade, that is all that is left of the
    model's: its probabilities, its evidence and its grades by other systems are of other nodules.
    """
    name = str(side.side)
    kept = {finding.id for finding in findings}
    grade, score = reading.grades.get(name), reading.burdens.get(name)
    evidence = side.evidence
    spurs = {name for names in evidence.joined_to.values() for name in names}
    replaced = name in reading.regraded or grade != side.grade
    told = Message("graded_by", reader=reading.reader)
    if not replaced and _has_other_nodules(name, reading, before):
        replaced, told = True, Message("grade_left_by", reader=reading.reader)
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
    if replaced:
        changed["statement"] = message_result(told)
    update: dict[str, object] = {"score": score, "evidence": evidence.model_copy(update=changed)}
    system = system_named(side.system)
    word = None if system is None else system.category(grade, score)
    update["category"] = None if word is None else word.value
    if replaced:
        update |= {"grade": grade, "alternatives": (), "probabilities": {}, "possible": None}
        update["systems"] = () if system is None else (
            SystemGradeResult(
                system=system.name,
                title=system.title,
                citation=system.citation,
                definition_confirmed=system.confirmed,
                grade=grade,
                statement=message_result(told),
            ),
        )  # fmt: skip
    return side.model_copy(update=update)


def _has_other_nodules(side: str, reading: Reading, before: Sequence[FindingResult]) -> bool:
    """Return True if a reader took a nodule from a side, drew one on it, or drew one of its outlines anew."""
    here = [nodule for nodule in reading.nodules if nodule.side == side]
    theirs = {finding.id for finding in before if finding.side == side}
    return any(nodule.drawn for nodule in here) or {nodule.id for nodule in here} != theirs


def _worst(sides: Sequence[SideResult]) -> StudySeverityResult:
    """Return the worst side's grade, and the highest score and word of any, by the rule that grades the model's."""
    worst = max(sides, key=_rank, default=None)
    if worst is not None and another_may_be_worse(worst, sides):
        worst = None
    scores = [side.score for side in sides if side.score is not None]
    words = [side.category for side in sides if side.category is not None]
    return StudySeverityResult(
        grade=None if worst is None else worst.grade,
        system=None if worst is None or worst.grade is None else worst.system,
        score=max(scores, default=None),
        category=max(words, key=_WORDS.index, default=None),
    )


def _rank(side: SideResult) -> tuple[int, int, float]:
    scale = grade_scale(side.system)
    word = -1 if side.grade is None or side.category is None else _WORDS.index(side.category)
    return word, -1 if scale is None else scale.rank(side.grade), side.score or 0.0
