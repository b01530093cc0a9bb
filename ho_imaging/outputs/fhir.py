"""A result for systems that speak HL7 FHIR (R4, R4B or R5): a report, an observation a side and one a nodule."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from ho_imaging.errors import UsageError
from ho_imaging.outputs.anatomic_codes import SIDE_CODES, SITE_CODES
from ho_imaging.outputs.fhir_resources import (
    LOINC,
    PRIVATE_CODES,
    SNOMED,
    UCUM,
    Release,
    body_structure,
    closed_outline,
    device,
    device_words,
    imaging_selection,
    private,
    tracking,
)
from ho_imaging.reading.uid import is_uid
from ho_imaging.results.analysis import StudyAnalysis, result_of
from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema import FindingResult, ImageResult, SideResult, StudyResult
from ho_imaging.vocabulary import Region, Side, Status

__all__ = ["to_fhir"]

_RADIOGRAPH = {"system": LOINC, "code": "43468-8", "display": "XR Unspecified body region Views"}
_ANY_STUDY = {"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}
"""Of a study that was not analysed nobody has said that it is a radiograph."""

_IMAGING = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}]}
_LATERALITY = {"system": SNOMED, "code": "272741003", "display": "Laterality"}
_STUDY_FIELD = {"R4": "imagingStudy", "R5": "study"}
"""Name of DiagnosticReport's reference to its study."""

_PATIENT = re.compile(
    r"((https?://[^\s]+/)?Patient/[A-Za-z0-9.-]{1,64}(/_history/[A-Za-z0-9.-]{1,64})?"
    r"|urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|urn:oid:[0-2](\.(0|[1-9][0-9]*))+)"
)
_BODY_SITE = "http://hl7.org/fhir/StructureDefinition/bodySite"
"""Extension of a body site of R4 that refers to a BodyStructure."""


def to_fhir(
    result: StudyResult | StudyAnalysis, *, subject: str | None = None, release: Release = "R4"
) -> dict[str, Any]:
    """Return a Bundle of a DiagnosticReport, its Observations and what they refer to, as JSON-able data.

    What was analysed is ``preliminary``: no reader has seen it; ``partial`` where films of the study did not come. The
    conclusion ends with the study's warnings. A study that was refused or failed is ``cancelled``,
    and its report is one of an imaging study, of whatever kind. The same result gives the same bundle.

    Parameters
    ----------
    result
        What is reported: a result, or what `Analyzer.analyze_films` returned.
    subject
        Reference to the patient, such as ``Patient/42``; a result holds no patient data, so without it there is none,
        and no BodyStructure, which belongs to a patient.
    release
        ``R4``, which R4B reads as well, or ``R5``.

    Raises
    ------
    UsageError
        If ``subject`` is no reference to a patient, or the release is none of the two.

    """
    result = result_of(result)
    if release not in _STUDY_FIELD:
        raise UsageError(f"{release!r} is no release of FHIR that is written", remedy="use R4 (also for R4B) or R5")
    if subject is not None and _PATIENT.fullmatch(subject) is None:
        raise UsageError("the subject is no reference to a patient", remedy="give one such as Patient/42")
    about = {} if subject is None else {"subject": {"reference": subject}}
    common: dict[str, Any] = {"status": "preliminary", "resourceType": "Observation", "category": [_IMAGING], **about}
    further = _Further(result)
    if result.model is not None:
        made = device(result.model, result.software, release)
        common["device"] = further.add("device", made) | {"display": device_words(result.model, result.software)}
    regions = {image.sop_instance_uid: Region(image.region) for image in result.images}
    sides = () if result.severity is None else result.severity.sides
    study = _study(result)
    observations = [{"derivedFrom": [study]} | _of_side(side, regions) for side in sides]
    observations += [
        _with_references(finding, result, release, subject, further, regions.get(finding.sop_instance_uid))
        for finding in result.findings
    ]
    entries = [
        {"fullUrl": _name(result, f"observation {number}"), "resource": common | observation}
        for number, observation in enumerate(observations)
    ]
    report = _report(result, study, release) | about
    if entries:
        report["result"] = [{"reference": entry["fullUrl"]} for entry in entries]
    first = {"fullUrl": _name(result, "report"), "resource": report}
    return {"resourceType": "Bundle", "type": "collection", "entry": [first, *entries, *further.entries]}


@dataclass(frozen=True)
class _Further:
    """Entries of a bundle that observations refer to."""

    result: StudyResult
    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, part: str, resource: dict[str, Any]) -> dict[str, Any]:
        """Add a resource and return the reference to it."""
        self.entries.append({"fullUrl": _name(self.result, part), "resource": resource})
        return {"reference": self.entries[-1]["fullUrl"]}


def _with_references(
    finding: FindingResult,
    result: StudyResult,
    release: Release,
    subject: str | None,
    further: _Further,
    region: Region | None,
) -> dict[str, Any]:
    """Return a nodule's Observation; what it refers to is added to the bundle."""
    study = _study(result)
    image = next((image for image in result.images if image.sop_instance_uid == finding.sop_instance_uid), None)
    observation = {"derivedFrom": [study]} | _of_nodule(finding, region, image, outlines=release == "R4")
    if release == "R5" and image is not None and finding.contours_xy_px:
        about = {} if subject is None else {"subject": {"reference": subject}}
        selection = imaging_selection(finding, image, result, study, about)
        observation["derivedFrom"] = [study, further.add(f"selection {finding.id}", selection)]
    if subject is not None:
        structure = body_structure(finding, region, subject, release)
        _state_structure(observation, further.add(f"structure {finding.id}", structure), release)
    return observation


def _report(result: StudyResult, study: dict[str, Any], release: Release) -> dict[str, Any]:
    """Return the DiagnosticReport without its results and patient."""
    done = result.status == Status.DONE
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "status": _status(result),
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}],
        "code": {
            "coding": [_RADIOGRAPH if done else _ANY_STUDY],
            "text": "Heterotopic ossification on radiographs"
            if done
            else f"Not analysed for heterotopic ossification: {result.status}",
        },
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": _name(result, "report")}],
        _STUDY_FIELD[release]: [study],
        "conclusion": _conclusion(result),
    }
    if result.reason is not None:
        report["conclusionCode"] = [_told(result.reason)]
    return report


def _status(result: StudyResult) -> str:
    """Return the status of a report: ``partial`` of a study that was graded though films of it did not come."""
    if result.status != Status.DONE:
        return "cancelled"
    return "preliminary" if result.completeness is None or result.completeness.complete else "partial"


def _study(result: StudyResult) -> dict[str, Any]:
    """Return a reference to the study by its UID; what is no UID is named as text."""
    if is_uid(result.study_uid):
        return {
            "type": "ImagingStudy",
            "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{result.study_uid}"},
        }
    return {"type": "ImagingStudy", "display": f"Study {result.study_uid}"}


def _of_side(side: SideResult, regions: dict[str, Region]) -> dict[str, Any]:
    components: list[dict[str, Any]] = [
        {"code": private(system.system, system.title), "valueString": system.grade}
        for system in side.systems
        if system.grade is not None
    ]
    components.append(
        {
            "code": private("statement", "What the grade rests on"),
            "valueCodeableConcept": _told(side.evidence.statement),
        }
    )
    if side.score is not None:
        components.append(_measure("burden", "Burden of heterotopic ossification, 0 to 100", side.score, "{score}"))
    if side.evidence.gap_mm is not None:
        components.append(_measure("gap", "Least distance between opposing bone surfaces", side.evidence.gap_mm, "mm"))
    if side.category is not None:
        components.append({"code": private("severity", "Severity"), "valueString": side.category})
    made = _observation(
        private("ho-side", "Severity of heterotopic ossification"),
        {"valueString": "not graded" if side.grade is None else f"{side.system} {side.grade}"},
        components,
        regions.get(side.evidence.sop_instance_uid or ""),
        Side(side.side),
        str(side.evidence.statement),
    )
    if side.evidence.gap_mm is not None:
        made["method"] = _basis(str(side.evidence.spacing_basis))
    return made


def _basis(basis: str) -> dict[str, Any]:
    """Return what the millimetres of an Observation rest on."""
    return private(f"mm-{basis}", f"Basis of millimetres: {basis}")


def _state_structure(observation: dict[str, Any], structure: dict[str, Any], release: Release) -> None:
    """Let an observation refer to a BodyStructure: in R5 in place of its site, in R4 as an extension of that."""
    if release == "R5":
        observation.pop("bodySite", None)
        observation["bodyStructure"] = structure
    else:
        site = observation.setdefault("bodySite", {"text": "Site not known"})
        site["extension"] = [{"url": _BODY_SITE, "valueReference": structure}]


def _of_nodule(
    finding: FindingResult, region: Region | None, image: ImageResult | None, *, outlines: bool
) -> dict[str, Any]:
    components = [_measure("confidence", "Confidence", round(100.0 * finding.confidence, 1), "%")]
    for code, text, value, unit in (
        ("area", "Area", finding.area_mm2, "mm2"),
        ("long-axis", "Long axis", finding.long_axis_mm, "mm"),
        ("short-axis", "Short axis", finding.short_axis_mm, "mm"),
        ("density-ratio", "Brightness relative to cortex", finding.density_ratio, "{ratio}"),
    ):
        if value is not None:
            components.append(_measure(code, text, value, unit))
    components += [
        {"code": private("outline", "Outline: column,row in source pixels"), "valueString": _outline(contour)}
        for contour in finding.contours_xy_px
        if outlines and len(contour) >= 3
    ]
    made = _observation(
        private("ho-nodule", "Suspected heterotopic ossification"),
        {"valueString": finding.id},
        components,
        region,
        Side(finding.side),
        f"On film {finding.sop_instance_uid}"
        + ("" if finding.same_as is None else f"; the same nodule as {finding.same_as}, not to be added to it"),
    )
    made["identifier"] = tracking(finding)
    if image is not None:
        made["method"] = _basis(str(image.measured_basis))
    return made


def _observation(
    code: dict[str, Any],
    value: dict[str, Any],
    components: list[dict[str, Any]],
    region: Region | None,
    side: Side,
    note: str,
) -> dict[str, Any]:
    made: dict[str, Any] = {"code": code, **value, "note": [{"text": note}]}
    site, lateral = SITE_CODES.get(region or Region.UNKNOWN), SIDE_CODES.get(side)
    if lateral is not None:
        coded = {"coding": [{"system": SNOMED, "code": lateral[0], "display": lateral[1]}], "text": lateral[1]}
        components.insert(0, {"code": {"coding": [_LATERALITY], "text": "Laterality"}, "valueCodeableConcept": coded})
    if components:
        made["component"] = components
    if site is not None:
        text = site[1] if lateral is None else f"{lateral[1]} {site[1].lower()}"
        made["bodySite"] = {"coding": [{"system": SNOMED, "code": site[0], "display": site[1]}], "text": text}
    return made


def _told(message: MessageResult) -> dict[str, Any]:
    """Return a message as a concept: its code in docs/messages.md and its text in English."""
    return {"coding": [{"system": PRIVATE_CODES, "code": message.code}], "text": str(message)}


def _measure(code: str, text: str, value: float, unit: str) -> dict[str, Any]:
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    return {"code": private(code, text), "valueQuantity": quantity}


def _outline(contour: tuple[tuple[float, float], ...]) -> str:
    """Return a closed outline as "column,row column,row ..."."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in closed_outline(contour))


def _name(result: StudyResult, part: str) -> str:
    """Return a name that is the same for the same study, weights and part."""
    weights = "" if result.model is None else result.model.sha256
    if result.model is not None and result.model.site is not None:
        weights += f"|{result.model.site.sha256}"
    of_films = "" if is_uid(result.study_uid) else "|".join(image.sop_instance_uid for image in result.images)
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{result.study_uid}|{weights}|{part}{of_films}')}"


def _conclusion(result: StudyResult) -> str:
    if result.status != Status.DONE:
        return f"{result.status}: {result.reason}. {result.research_use}"
    said = [f"{str(side.side).capitalize()}: {side.evidence.statement}" for side in _sides(result)]
    # A film that was left out may show what the others do not.
    said += [
        f"Film {image.sop_instance_uid} was {image.status}: {image.reason}."
        for image in result.images
        if image.status != Status.DONE
    ]
    said += [str(warning) for warning in result.warnings]
    return " ".join([*said, result.research_use])


def _sides(result: StudyResult) -> tuple[SideResult, ...]:
    return () if result.severity is None else result.severity.sides
