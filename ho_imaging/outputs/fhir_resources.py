"""Resources that an Observation of a result refers to: the program, a nodule's body structure, and its outline.

By the HL7 guide "DICOM SR to FHIR Resource Mapping" (STU1): the device observer is a Device, a tracked finding a
BodyStructure under its tracking identifiers, and a region of an image an ImagingSelection, which FHIR has from R5 on.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from skimage.measure import approximate_polygon

from ho_imaging.outputs.anatomic_codes import SIDE_CODES, SITE_CODES
from ho_imaging.outputs.tracking import nodule_uid, stable_uid
from ho_imaging.reading.own import MANUFACTURER, MODEL_NAME
from ho_imaging.reading.uid import is_uid
from ho_imaging.results.schema import FindingResult, ImageResult, ModelResult, SoftwareResult, StudyResult
from ho_imaging.vocabulary import Region, Side

__all__ = [
    "DICOM",
    "LOINC",
    "PRIVATE_CODES",
    "SNOMED",
    "UCUM",
    "Release",
    "body_structure",
    "closed_outline",
    "device",
    "device_words",
    "imaging_selection",
    "private",
    "tracking",
]

Release = Literal["R4", "R5"]

PRIVATE_CODES = "urn:ho-imaging:codes"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
SNOMED, LOINC, UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"

_REGION = {"system": DICOM, "code": "111030", "display": "Image Region"}
_ABNORMAL = {"system": SNOMED, "code": "49755003", "display": "Morphologically abnormal structure"}
_OUTLINE_TOLERANCE_PX = 0.25


def private(code: str, text: str) -> dict[str, Any]:
    """Return a concept of this program's own codes."""
    return {"coding": [{"system": PRIVATE_CODES, "code": code, "display": text}], "text": text}


def device_words(model: ModelResult, software: SoftwareResult) -> str:
    """Return program, weights and site file in words."""
    words = [
        f"ho_imaging {software.version}",
        f"model {model.name} {model.version}",
        f"sha256 {model.sha256}",
        model.site_words(),
    ]
    return ", ".join(filter(None, words))


def device(model: ModelResult, software: SoftwareResult, release: Release) -> dict[str, Any]:
    """Return the program with its weights as a Device.

    Parameters
    ----------
    model, software
        Of the result.
    release
        ``R4`` or ``R5``, which name its parts differently.

    Returns
    -------
    dict
        The resource; its identifier is the UID of the device observer in the DICOM report.

    """
    site = () if model.site is None else ("site", model.site.sha256)
    uid = stable_uid(model.sha256, *site, software.version, "device")
    kind = {"text": "Software, research use only"}
    name = f"{MODEL_NAME}, {model.name}"
    parts: dict[str, Any] = {"deviceName": [{"name": name, "type": "user-friendly-name"}], "type": kind}
    if release == "R5":
        parts = {"name": [{"value": name, "type": "user-friendly-name"}], "type": [kind]}
    return {
        "resourceType": "Device",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
        "manufacturer": MANUFACTURER,
        "modelNumber": model.name,
        "version": [
            {"type": {"text": "software"}, "value": software.version},
            {"type": {"text": "weights"}, "value": model.version},
            {"type": {"text": "sha256 of the weights"}, "value": model.sha256},
        ],
        **parts,
    }


def tracking(finding: FindingResult) -> list[dict[str, Any]]:
    """Return the tracking identifier and UID of the nodule's group in the DICOM report (TID 4108)."""
    codes = (("112039", "Tracking Identifier"), ("112040", "Tracking Unique Identifier"))
    named, unique = (
        {"coding": [{"system": DICOM, "code": code, "display": display}], "text": display} for code, display in codes
    )
    return [
        {"type": named, "value": f"HO {finding.id}"},
        {"type": unique, "system": "urn:dicom:uid", "value": f"urn:oid:{nodule_uid(finding)}"},
    ]


def body_structure(finding: FindingResult, region: Region | None, subject: str, release: Release) -> dict[str, Any]:
    """Return a nodule as a BodyStructure of its patient, which FHIR asks for.

    Parameters
    ----------
    finding
        The nodule.
    region
        Of its film, ``None`` where that is not known.
    subject
        Reference to the patient.
    release
        ``R4`` or ``R5``, which name its parts differently.

    """
    site, lateral = SITE_CODES.get(region or Region.UNKNOWN), SIDE_CODES.get(Side(finding.side))
    where: dict[str, Any] = {"text": "Site not known"}
    if site is not None:
        where = {"coding": [{"system": SNOMED, "code": site[0], "display": site[1]}], "text": site[1]}
    made: dict[str, Any] = {
        "resourceType": "BodyStructure",
        "identifier": tracking(finding),
        "morphology": {"coding": [_ABNORMAL], "text": "Suspected heterotopic ossification"},
        "patient": {"reference": subject},
    }
    side = None
    if lateral is not None:
        side = {"coding": [{"system": SNOMED, "code": lateral[0], "display": lateral[1]}], "text": lateral[1]}
    if release == "R5":
        made["includedStructure"] = [{"structure": where} | ({} if side is None else {"laterality": side})]
    else:
        made["location"] = where
        if side is not None:
            made["locationQualifier"] = [side]
    return made


def imaging_selection(
    finding: FindingResult, image: ImageResult, result: StudyResult, study: dict[str, Any], about: dict[str, Any]
) -> dict[str, Any]:
    r"""Return a nodule's outlines on its film as an ImagingSelection (R5).

    Coordinates are column and row with 0\0 at the top left corner of the top left pixel, as in the DICOM report.

    Parameters
    ----------
    finding, image, result
        The nodule, its film and their study.
    study
        Reference to the study.
    about
        The patient as ``subject``, or nothing.

    """
    regions = [
        {"regionType": "polyline", "coordinate": [round(float(part) + 0.5, 2) for point in ring for part in point]}
        for ring in map(closed_outline, finding.contours_xy_px)
    ]
    made: dict[str, Any] = {
        "resourceType": "ImagingSelection",
        "status": "available",
        "code": {"coding": [_REGION], "text": _REGION["display"]},
        "derivedFrom": [study],
        "instance": [{"uid": finding.sop_instance_uid, "imageRegion2D": regions}],
        **about,
    }
    if is_uid(result.study_uid):
        made["studyUid"] = result.study_uid
    if image.series_uid is not None and is_uid(image.series_uid):
        made["seriesUid"] = image.series_uid
    return made


def closed_outline(contour: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Return an outline (x, y) that ends where it begins, without points on a straight line."""
    closed = np.asarray([*contour, contour[0]], dtype=np.float64)
    thin = approximate_polygon(closed, _OUTLINE_TOLERANCE_PX)
    return [(float(x), float(y)) for x, y in (thin if len(thin) >= 4 else closed)]
