"""Flat rows of a result for tables: one a study, one a finding, one a side, one an input."""

from __future__ import annotations

import json
from typing import Any

from ho_imaging.files.output_names import FINDINGS_TABLE, INPUTS_TABLE, SIDES_TABLE, STUDIES_TABLE
from ho_imaging.files.path_text import path_text
from ho_imaging.messages import Message
from ho_imaging.reading import StudyRef
from ho_imaging.results.counting import area_mm2, counted_findings
from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema import IdentifiersResult, StudyResult

__all__ = [
    "FINDING_COLUMNS",
    "IDENTIFIER_COLUMNS",
    "INPUT_COLUMNS",
    "SIDE_COLUMNS",
    "STUDY_COLUMNS",
    "TABLES",
    "finding_rows",
    "given_up_rows",
    "input_rows",
    "result_rows",
    "side_rows",
    "study_row",
]

IDENTIFIER_COLUMNS = tuple(IdentifiersResult.model_fields)
"""Columns of ``studies`` that tell a study's order and patient."""

STUDY_COLUMNS: dict[str, str] = {
    "study_uid": "string",
    "path": "string",
    "folder": "string",
    "status": "string",
    "reason": "string",
    "reason_code": "string",
    "side": "string",
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
    **dict.fromkeys(IDENTIFIER_COLUMNS, "string"),
}
"""Columns of ``studies`` with their Arrow types.

``path``: the first file of the study as the user gave it; ``side``: the side of the patient that the grade is of.
At the end `IDENTIFIER_COLUMNS`, empty where they are not asked for.
"""

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

SIDE_COLUMNS: dict[str, str] = {
    "study_uid": "string",
    "side": "string",
    "sop_instance_uid": "string",
    "system": "string",
    "grade": "string",
    "alternatives": "string",
    "certainty": "double",
    "probabilities": "string",
    "gap_mm": "double",
    "gap_low_mm": "double",
    "gap_high_mm": "double",
    "gap_px": "double",
    "spacing_basis": "string",
    "score": "double",
    "category": "string",
    "findings": "int64",
    "area_mm2": "double",
}
"""Columns of ``sides``. ``probabilities``: of each grade, as a JSON object; ``certainty``: that of the grade given.

``gap_low_mm``, ``gap_high_mm``: hold the gap without magnification in nine of ten cases.
"""

INPUT_COLUMNS: dict[str, str] = {
    "path": "string",
    "study_uid": "string",
    "sop_instance_uid": "string",
    "status": "string",
    "reason": "string",
    "reason_code": "string",
}

TABLES = {
    STUDIES_TABLE: STUDY_COLUMNS,
    FINDINGS_TABLE: FINDING_COLUMNS,
    SIDES_TABLE: SIDE_COLUMNS,
    INPUTS_TABLE: INPUT_COLUMNS,
}
"""Columns of each table by its name."""


def result_rows(result: StudyResult, folder: str) -> dict[str, list[dict[str, Any]]]:
    """Describe a study in rows of each table; ``folder``: name of the study's folder."""
    return {
        STUDIES_TABLE: [study_row(result, folder)],
        FINDINGS_TABLE: finding_rows(result),
        SIDES_TABLE: side_rows(result),
        INPUTS_TABLE: input_rows(result),
    }


def side_rows(result: StudyResult) -> list[dict[str, Any]]:
    """Describe each side that was judged in a row; its nodules are counted by `counted_findings`."""
    counted = counted_findings(result)
    rows = []
    for side in () if result.severity is None else result.severity.sides:
        evidence, mine = side.evidence, [finding for finding in counted if finding.side == side.side]
        area = area_mm2(mine)
        low, high = evidence.gap_true_range_mm or (None, None)
        rows.append(
            {
                "study_uid": result.study_uid,
                "side": str(side.side),
                "sop_instance_uid": evidence.sop_instance_uid,
                "system": side.system,
                "grade": side.grade,
                "alternatives": " ".join(side.alternatives) or None,
                "certainty": side.probabilities.get(side.grade or "") if side.probabilities else None,
                "probabilities": json.dumps(side.probabilities) if side.probabilities else None,
                "gap_mm": evidence.gap_mm,
                "gap_low_mm": low,
                "gap_high_mm": high,
                "gap_px": evidence.gap_px,
                "spacing_basis": str(evidence.spacing_basis),
                "score": side.score,
                "category": side.category,
                "findings": len(mine),
                "area_mm2": None if area is None else round(area, 1),
            }
        )
    return rows


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
        "path": next((image.path for image in result.images if image.path is not None), None),
        "folder": folder,
        "status": str(result.status),
        **reason_cells(result.reason),
        "side": None if worst is None else str(worst.side),
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
        **(result.identifiers or IdentifiersResult()).model_dump(),
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
