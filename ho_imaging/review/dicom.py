"""A reading as DICOM: a segmentation a film and a report, with the reader as the observer (PS3.16 TID 1002)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from ho_imaging.errors import UsageError
from ho_imaging.findings.outline import extent
from ho_imaging.reporting.dicom import read_sources
from ho_imaging.reporting.dicom.identity import Maker, Observer
from ho_imaging.reporting.dicom.measurements import structured_report
from ho_imaging.reporting.dicom.segmentation import nodule_segmentation
from ho_imaging.reporting.schema import (
    FindingResult,
    ImageResult,
    SeverityResult,
    SideResult,
    StudyResult,
    SystemGradeResult,
)
from ho_imaging.review.readings import Nodule, Reading, outline_shape
from ho_imaging.severity.burden import category_of
from ho_imaging.severity.systems import SYSTEMS
from ho_imaging.vocabulary import Status

__all__ = ["observer_of", "reading_objects", "reviewed_result"]

_LONGEST_NAME = 64


def reading_objects(
    result: StudyResult, reading: Reading, sources: Sequence[Dataset | str | PathLike[str]] | None = None
) -> list[Dataset]:
    """Make the DICOM objects of a committed reading: a segmentation a film that shows bone, and a report.

    Nodules the reader left as the model has them keep the model's tracking identifiers and name its algorithm, reshaped
    ones keep the identifiers; what a reader drew is marked so. The same reading gives the same UIDs, another reading
    others.

    Raises
    ------
    UsageError
        If the reading is not committed, or a source is missing or is no single-frame DICOM object.
    ReadError
        If a source cannot be read.

    """
    if not reading.committed or result.model is None:
        raise UsageError("the reading is not committed", remedy="commit it in the review")
    reviewed = reviewed_result(result, reading)
    opened = read_sources(result, None if sources is None else [_path(source) for source in sources])
    at = reading.committed_at
    # DICOM's times without an offset are local ones.
    created = datetime.now() if at is None else at.astimezone().replace(tzinfo=None)
    maker = Maker(result.model, result.software, created, observer_of(result, reading))
    made: list[Dataset] = []
    for image in reviewed.images:
        if image.status == Status.DONE:
            here = [finding for finding in reviewed.findings if finding.sop_instance_uid == image.sop_instance_uid]
            segmentation = nodule_segmentation(opened[image.sop_instance_uid], image, here, maker)
            made += [] if segmentation is None else [segmentation]
    done = {image.sop_instance_uid for image in result.images if image.status == Status.DONE}
    made.append(structured_report(reviewed, {uid: opened[uid] for uid in opened if uid in done}, maker))
    counts: dict[str, int] = {}
    for item in made:
        series = str(item.SeriesInstanceUID)
        item.InstanceNumber = counts[series] = counts.get(series, 0) + 1
    return made


def observer_of(result: StudyResult, reading: Reading) -> Observer:
    """Say who read, and which parts are the reader's own."""
    theirs = {finding.id for finding in result.findings}
    content = json.dumps(
        {
            "nodules": [[nodule.id, nodule.image_uid, nodule.outline] for nodule in reading.nodules],
            "grades": dict(reading.grades),
            "at": None if reading.committed_at is None else reading.committed_at.isoformat(),
        },
        sort_keys=True,
    )
    # A backslash parts values, an equals sign parts the forms of a name; a name of one part says so (PS3.5 6.2).
    name = reading.reader.replace("\\", " ").replace("=", " ").strip()[: _LONGEST_NAME - 1] or "reader"
    name += "" if "^" in name else "^"
    return Observer(
        name=name,
        digest=hashlib.sha256(content.encode()).hexdigest(),
        drawn=frozenset(nodule.id for nodule in reading.nodules if nodule.id not in theirs),
        reshaped={finding.id: finding for finding in result.findings if finding.id in reading.reshaped},
        regraded=reading.regraded,
    )


def reviewed_result(result: StudyResult, reading: Reading) -> StudyResult:
    """Give the result as the reader left it, in the form the writers of DICOM take.

    Only for them: a nodule that a reader drew has no probability, and its confidence of one is never written.
    """
    images = {image.sop_instance_uid: image for image in result.images}
    known = {finding.id: finding for finding in result.findings}
    findings = tuple(_finding(nodule, known.get(nodule.id), images[nodule.image_uid]) for nodule in reading.nodules)
    severity = result.severity
    if severity is not None:
        sides = tuple(_side(side, reading, {finding.id for finding in findings}) for side in severity.sides)
        severity = SeverityResult(sides=sides, study=severity.study)
    return result.model_copy(update={"findings": findings, "severity": severity})


def _finding(nodule: Nodule, known: FindingResult | None, image: ImageResult) -> FindingResult:
    if known is not None and not nodule.drawn:
        return known
    row_mm, column_mm = image.measured_spacing_mm or (1.0, 1.0)
    points = np.array([point for ring in nodule.outline for point in ring], dtype=np.float64)[:, ::-1]
    scale = np.array([row_mm, column_mm])
    reach = extent(points * scale)
    long_ends, short_ends = reach.long_ends / scale, reach.short_ends / scale
    in_mm = image.measured_spacing_mm is not None
    middle = outline_shape(nodule.outline).centroid
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
        long_axis_ends_px=_ends(long_ends),
        short_axis_ends_px=_ends(short_ends),
        centroid_px=(round(middle.y, 2), round(middle.x, 2)),
        contours_px=tuple(tuple((y, x) for x, y in ring) for ring in nodule.outline),
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
    (r0, c0), (r1, c1) = np.round(points, 2).tolist()
    return (r0, c0), (r1, c1)


def _side(side: SideResult, reading: Reading, kept: set[str]) -> SideResult:
    """Put the reader's grade and what follows from it in place of the model's; a gap needs its bone."""
    name = str(side.side)
    grade, score = reading.grades.get(name), reading.burdens.get(name)
    evidence = side.evidence
    spurs = {*evidence.joined_to_pelvis, *evidence.joined_to_femur}
    update: dict[str, object] = {"score": score}
    if evidence.gap_mm is not None and not spurs & kept:
        update["evidence"] = evidence.model_copy(update={"gap_mm": None, "gap_px": None, "gap_ends_px": None})
    word = category_of(grade, score)
    update["category"] = None if word is None else word.value
    if name in reading.regraded or grade != side.grade:
        system = next((system for system in SYSTEMS if system.name == side.system), None)
        update |= {"grade": grade, "alternatives": (), "probabilities": {}}
        update["systems"] = () if system is None else (
            SystemGradeResult(
                system=system.name,
                title=system.title,
                citation=system.citation,
                definition_confirmed=system.confirmed,
                grade=grade,
                statement=f"Graded by {reading.reader}.",
            ),
        )  # fmt: skip
    return side.model_copy(update=update)


def _path(source: Dataset | str | PathLike[str]) -> Dataset | Path:
    return source if isinstance(source, Dataset) else Path(source)
