"""Flat rows of a result for tables: one a study, one a finding, one an input."""

from __future__ import annotations

from typing import Any

from ho_imaging.files.path_text import path_text
from ho_imaging.messages import Message
from ho_imaging.reading import StudyRef
from ho_imaging.results.counting import area_mm2, counted_findings
from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema import StudyResult

__all__ = [
    "FINDING_COLUMNS",
    "INPUT_COLUMNS",
    "STUDY_COLUMNS",
    "finding_rows",
    "given_up_rows",
    "input_rows",
    "reason_cells",
    "study_row",
]

STUDY_COLUMNS: dict[str, str] = {
    "study_uid": "string",
    "folder": "string",
    "status": "string",
    "reason": "string",
    "reason_code": "string",
    "system": "string",
    "grade": "string",
    "alternatives": "string",
    "certainty": "double",
    "score": "double",
    "category": "string",
    "findings": "int64",
    "area_mm2": "double",
    "longest_mm": "double",
    "films": "int64",
    "films_not_done": "int64",
    "incomplete": "string",
    "region": "string",
    "cause": "string",
    "days_since_event": "int64",
    "warnings": "string",
    "model": "string",
    "model_sha256": "string",
    "site_sha256": "string",
}
"""Columns of ``studies`` with their Arrow types."""

FINDING_COLUMNS: dict[str, str] = {
    "study_uid": "string",
    "id": "string",
    "sop_instance_uid": "string",
    "side": "string",
    "confidence": "double",
    "area_mm2": "double",
    "area_px": "double",
    "long_axis_mm": "double",
    "short_axis_mm": "double",
    "density_ratio": "double",
    "nearest_bone": "string",
    "distance_to_bone_mm": "double",
    "distance_to_joint_mm": "double",
    "periarticular": "bool",
    "joined_to": "string",
    "same_as": "string",
}

INPUT_COLUMNS: dict[str, str] = {
    "path": "string",
    "study_uid": "string",
    "sop_instance_uid": "string",
    "status": "string",
    "reason": "string",
    "reason_code": "string",
}


def reason_cells(reason: Message | MessageResult | None) -> dict[str, str | None]:
    """Return the cells of a reason: its text in English, and its code."""
    if reason is None:
        return {"reason": None, "reason_code": None}
    return {"reason": str(reason), "reason_code": reason.code}


def study_row(result: StudyResult, folder: str) -> dict[str, Any]:
    """Describe a study in one row; the grade is that of its worst side, nodules are counted by `counted_findings`."""
    severity = result.severity
    study = None if severity is None else severity.study
    sides = () if severity is None else severity.sides
    # Of two sides of one grade the one with more bone.
    worst = max(
        (side for side in sides if study is not None and (side.system, side.grade) == (study.system, study.grade)),
        key=lambda side: side.score or 0.0,
        default=None,
    )
    counted = counted_findings(result)
    area = area_mm2(counted)
    lengths = [finding.long_axis_mm for finding in counted if finding.long_axis_mm is not None]
    return {
        "study_uid": result.study_uid,
        "folder": folder,
        "status": str(result.status),
        **reason_cells(result.reason),
        "system": None if study is None else study.system,
        "grade": None if study is None else study.grade,
        "alternatives": None if worst is None else " ".join(worst.alternatives),
        "certainty": None if worst is None or not worst.probabilities else worst.probabilities.get(worst.grade or ""),
        "score": None if study is None else study.score,
        "category": None if study is None else study.category,
        "findings": len(counted),
        "area_mm2": None if area is None else round(area, 1),
        "longest_mm": max(lengths) if lengths and len(lengths) == len(counted) else None,
        "films": len(result.images),
        "films_not_done": sum(image.status != "done" for image in result.images),
        "incomplete": None if result.completeness is None else "; ".join(map(str, result.completeness.reasons)) or None,
        "region": next((str(image.region) for image in result.images if image.status == "done"), None),
        "cause": None if result.context is None else result.context.cause,
        "days_since_event": None if result.context is None else result.context.days_since_event,
        "warnings": " | ".join(map(str, result.warnings)) or None,
        "model": None if result.model is None else f"{result.model.name} {result.model.version}",
        "model_sha256": None if result.model is None else result.model.sha256,
        "site_sha256": None if result.model is None or result.model.site is None else result.model.site.sha256,
    }


def finding_rows(result: StudyResult) -> list[dict[str, Any]]:
    """Describe each finding in a row."""
    rows = []
    for finding in result.findings:
        # Without the outlines, which are long.
        values = finding.model_dump(mode="json", include=set(FINDING_COLUMNS))
        row = {name: values.get(name) for name in FINDING_COLUMNS}
        rows.append({**row, "study_uid": result.study_uid, "joined_to": " ".join(map(str, finding.joined_to)) or None})
    return rows


def given_up_rows(study: StudyRef, status: str, reason: Message | None) -> list[dict[str, Any]]:
    """Describe each film of a study that has no result of its own: it ended as its study did."""
    return [
        {
            "path": path_text(image.path),
            "study_uid": study.study_uid,
            "sop_instance_uid": image.sop_instance_uid,
            "status": status,
            **reason_cells(reason),
        }
        for image in study.images
    ]


def input_rows(result: StudyResult) -> list[dict[str, Any]]:
    """Describe each film of a study in a row."""
    return [
        {
            "path": image.path or "",
            "study_uid": result.study_uid,
            "sop_instance_uid": image.sop_instance_uid,
            "status": str(image.status),
            **reason_cells(image.reason),
        }
        for image in result.images
    ]
