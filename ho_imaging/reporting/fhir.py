"""A result for systems that speak HL7 FHIR (R4): a report, an observation a side and one a nodule."""

from __future__ import annotations

import uuid
from typing import Any

from ho_imaging.reporting.schema import FindingResult, SideResult, StudyResult

__all__ = ["to_fhir"]

PRIVATE_CODES = "urn:ho-imaging:codes"
SNOMED, LOINC, UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"
_SIDES = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}
_SITES = {"hip": ("29836001", "Hip"), "pelvis": ("29836001", "Hip"), "thigh": ("68367000", "Thigh"),
          "residual_limb": ("68367000", "Thigh"), "knee": ("72696002", "Knee")}  # fmt: skip


def to_fhir(result: StudyResult, *, subject: str | None = None) -> dict[str, Any]:
    """Give a Bundle of a DiagnosticReport and its Observations as JSON-able data.

    ``subject``: reference to the patient, such as ``Patient/42``; a result holds no patient data, so without it there
    is none. Everything is ``preliminary``: no reader has seen it. The same result gives the same bundle.
    """
    common: dict[str, Any] = {"status": "preliminary", "resourceType": "Observation"}
    if subject is not None:
        common["subject"] = {"reference": subject}
    study = {
        "type": "ImagingStudy",
        "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{result.study_uid}"},
    }
    if result.model is not None:
        words = [
            f"ho_imaging {result.software.version}",
            f"model {result.model.name} {result.model.version}",
            f"sha256 {result.model.sha256}",
            result.model.site_words(),
        ]
        common["device"] = {"display": ", ".join(filter(None, words))}
    regions = {image.sop_instance_uid: str(image.region) for image in result.images}
    sides = () if result.severity is None else result.severity.sides
    observations = [_of_side(side, regions) for side in sides]
    observations += [_of_nodule(finding, regions) for finding in result.findings]
    entries = []
    for number, observation in enumerate(observations):
        made = common | {"derivedFrom": [study]} | observation
        entries.append({"fullUrl": _name(result, f"observation {number}"), "resource": made})
    report = {
        "resourceType": "DiagnosticReport",
        "status": "preliminary",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}],
        "code": {
            "coding": [{"system": LOINC, "code": "43468-8", "display": "X-Ray Report"}],
            "text": "Heterotopic ossification on radiographs",
        },
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": _name(result, "report")}],
        "result": [{"reference": entry["fullUrl"]} for entry in entries],
        "conclusion": _conclusion(result),
    }
    if subject is not None:
        report["subject"] = {"reference": subject}
    first = {"fullUrl": _name(result, "report"), "resource": {k: v for k, v in report.items() if v != []}}
    return {"resourceType": "Bundle", "type": "collection", "entry": [first, *entries]}


def _of_side(side: SideResult, regions: dict[str, str]) -> dict[str, Any]:
    components: list[dict[str, Any]] = [
        {"code": _private(system.system, system.title), "valueString": system.grade}
        for system in side.systems
        if system.grade is not None
    ]
    if side.score is not None:
        components.append(_measure("burden", "Burden of heterotopic ossification, 0 to 100", side.score, "{score}"))
    if side.evidence.gap_mm is not None:
        components.append(_measure("gap", "Least distance between opposing bone surfaces", side.evidence.gap_mm, "mm"))
    if side.category is not None:
        components.append({"code": _private("severity", "Severity"), "valueString": side.category})
    return _observation(
        _private("ho-side", "Severity of heterotopic ossification"),
        {"valueString": "not graded" if side.grade is None else f"{side.system} {side.grade}"},
        components,
        regions.get(side.evidence.sop_instance_uid or ""),
        str(side.side),
        side.evidence.statement,
    )


def _of_nodule(finding: FindingResult, regions: dict[str, str]) -> dict[str, Any]:
    components = [_measure("confidence", "Confidence", round(100.0 * finding.confidence, 1), "%")]
    for code, text, value, unit in (
        ("area", "Area", finding.area_mm2, "mm2"),
        ("long-axis", "Long axis", finding.long_axis_mm, "mm"),
        ("short-axis", "Short axis", finding.short_axis_mm, "mm"),
        ("density-ratio", "Brightness relative to cortex", finding.density_ratio, "{ratio}"),
    ):
        if value is not None:
            components.append(_measure(code, text, value, unit))
    return _observation(
        _private("ho-nodule", "Suspected heterotopic ossification"),
        {"valueString": finding.id},
        components,
        regions.get(finding.sop_instance_uid),
        str(finding.side),
        f"On film {finding.sop_instance_uid}",
    )


def _observation(
    code: dict[str, Any],
    value: dict[str, Any],
    components: list[dict[str, Any]],
    region: str | None,
    side: str,
    note: str,
) -> dict[str, Any]:
    made: dict[str, Any] = {"code": code, **value, "note": [{"text": note}]}
    if components:
        made["component"] = components
    site, lateral = _SITES.get(region or ""), _SIDES.get(side)
    if site is not None:
        text = site[1] if lateral is None else f"{lateral[1]} {site[1].lower()}"
        made["bodySite"] = {"coding": [{"system": SNOMED, "code": site[0], "display": site[1]}], "text": text}
    return made


def _private(code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": PRIVATE_CODES, "code": code, "display": text}], "text": text}


def _measure(code: str, text: str, value: float, unit: str) -> dict[str, Any]:
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return {"code": _private(code, text), "valueQuantity": quantity}


def _name(result: StudyResult, part: str) -> str:
    weights = "" if result.model is None else result.model.sha256
    if result.model is not None and result.model.site is not None:
        weights += f"|{result.model.site.sha256}"
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{result.study_uid}|{weights}|{part}')}"


def _conclusion(result: StudyResult) -> str:
    if result.severity is None:
        return f"{result.status}: {result.reason}. {result.research_use}"
    said = [f"{str(side.side).capitalize()}: {side.evidence.statement}" for side in result.severity.sides]
    return " ".join([*said, result.research_use])
