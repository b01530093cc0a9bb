"""Every code that the DICOM objects use, with where it comes from; ``docs/conformance.md`` lists them.

Standard codes are those of DICOM PS3.16 (context groups named beside each). No standard code says heterotopic
ossification, a Brooker class or this program's score: those are private, in a scheme that every object declares
(Coding Scheme Identification Sequence, PS3.3 C.12.1). The codes for calcification do not mean bone and are not used.
"""

from __future__ import annotations

import re

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept

from ho_imaging.outputs.anatomic_codes import SIDE_CODES, SITE_CODES
from ho_imaging.regions import bone_codes
from ho_imaging.results.messages import MessageResult
from ho_imaging.severity.systems import grade_scale
from ho_imaging.vocabulary import SpacingBasis, Structure

__all__ = [
    "ALGORITHM_FAMILY",
    "ANALYSIS",
    "ANATOMICAL_STRUCTURE",
    "AREA",
    "BASES",
    "BURDEN",
    "CERTAINTY",
    "CODING_SCHEME",
    "COUNT",
    "DENSITY_RATIO",
    "GAP",
    "GRADE_PROBABILITY",
    "HETEROTOPIC_OSSIFICATION",
    "LESION",
    "LONG_AXIS",
    "MESSAGE",
    "MM",
    "MM2",
    "MORPHOLOGICALLY_ABNORMAL",
    "NODULES",
    "NOT_ANALYSED",
    "NOT_GRADED",
    "PERCENT",
    "PIXELS",
    "PLAIN_RADIOGRAPHY",
    "RATIO",
    "SCORE_POINTS",
    "SEVERITY",
    "SEVERITY_WORDS",
    "SHORT_AXIS",
    "SIDES",
    "SITES",
    "STATEMENT",
    "STRUCTURES",
    "grade_code",
    "message_code",
    "named",
    "system_code",
]

PRIVATE = "99HOIMG"
CODING_SCHEME = CodingSchemeIdentificationItem(
    designator=PRIVATE, name="ho_imaging private codes", version="1", responsible_organization="ho_imaging"
)


def _standard(value: str, scheme: str, meaning: str) -> CodedConcept:
    return CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)


def _private(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value=value, scheme_designator=PRIVATE, meaning=meaning)


HETEROTOPIC_OSSIFICATION = _private("HO", "Suspected heterotopic ossification")
BURDEN = _private("BURDEN", "Burden of heterotopic ossification, 0 to 100")
COUNT = _private("COUNT", "Number of nodules")
GAP = _private("BONE-GAP", "Least distance between opposing bone surfaces outside the joint")
DENSITY_RATIO = _private("DENSITY-RATIO", "Brightness over soft tissue relative to cortical bone")
GRADE_PROBABILITY = _private("GRADE-PROB", "Probability of the grade")
ANALYSIS = _private("ANALYSIS", "Analysis for heterotopic ossification")
NOT_ANALYSED = _private("NOT-ANALYSED", "Not analysed")
NOT_GRADED = _private("NOT-GRADED", "Cannot be graded on this film")
STATEMENT = _private("STATEMENT", "What the grade rests on")
MESSAGE = _private("MESSAGE", "Code of a message in the text")

BASES = {
    SpacingBasis.CALIBRATED: _private("MM-CALIBRATED", "calibrated pixel spacing of the film"),
    SpacingBasis.DETECTOR: _private("MM-DETECTOR", "pixel pitch at the detector"),
    SpacingBasis.ANATOMICAL: _private("MM-ANATOMICAL", "scaled to the heads of bones of usual size"),
    SpacingBasis.ASSUMED: _private("MM-ASSUMED", "assumed spacing, reliability not known"),
    SpacingBasis.NONE: _private("MM-NONE", "no believable spacing, sizes in pixels"),
}
"""Basis of the millimetres of a group of measures, as its method."""

LESION = _standard("52988006", "SCT", "Lesion")  # CID 7151
MORPHOLOGICALLY_ABNORMAL = _standard("49755003", "SCT", "Morphologically Abnormal Structure")  # CID 7150
ANATOMICAL_STRUCTURE = _standard("91723000", "SCT", "Anatomical Structure")  # CID 7150
PHYSICAL_OBJECT = _standard("260787004", "SCT", "Physical object")  # CID 7150
AREA = _standard("42798000", "SCT", "Area")  # CID 7461
LONG_AXIS = _standard("103339001", "SCT", "Long axis")  # CID 7470
SHORT_AXIS = _standard("103340004", "SCT", "Short axis")  # CID 7470
CERTAINTY = _standard("111012", "DCM", "Certainty of Finding")
SEVERITY = _standard("246112005", "SCT", "Severity")
SEVERITY_WORDS = {  # CID 3716
    "none": _standard("260413007", "SCT", "None"),
    "mild": _standard("255604002", "SCT", "Mild"),
    "moderate": _standard("6736007", "SCT", "Moderate"),
    "severe": _standard("24484000", "SCT", "Severe"),
}
PLAIN_RADIOGRAPHY = _standard("168537006", "SCT", "Plain radiography")  # CID 10005
ALGORITHM_FAMILY = _standard("123110", "DCM", "Artificial Intelligence")  # CID 7162

MM = _standard("mm", "UCUM", "mm")
MM2 = _standard("mm2", "UCUM", "mm2")
PERCENT = _standard("%", "UCUM", "%")
RATIO = _standard("{ratio}", "UCUM", "ratio")
SCORE_POINTS = _standard("{score}", "UCUM", "score")
NODULES = _standard("{nodules}", "UCUM", "nodules")
PIXELS = _standard("{pixels}", "UCUM", "pixels")

SIDES = {side: _standard(value, "SCT", meaning) for side, (value, meaning) in SIDE_CODES.items()}
SITES = {region: _standard(value, "SCT", meaning) for region, (value, meaning) in SITE_CODES.items()}
STRUCTURES = {  # category (CID 7150) and type (CID 7304, 7151)
    structure: (ANATOMICAL_STRUCTURE, _standard(value, "SCT", meaning))
    for structure, (value, meaning) in bone_codes().items()
} | {Structure.IMPLANT: (PHYSICAL_OBJECT, _standard("53350007", "SCT", "Prosthesis"))}


def named(code: CodedConcept, meaning: str) -> CodedConcept:
    """Return a code with words of its own beside it, at most 64 characters (PS3.3 8.3); it stays the same code."""
    return CodedConcept(value=code.value, scheme_designator=code.scheme_designator, meaning=meaning[:64])


def message_code(message: MessageResult) -> CodedConcept:
    """Return the code of a message, a word of docs/messages.md, with the beginning of its text.

    Words of more than 16 characters become a Long Code Value (PS3.3 8.1).
    """
    return _private(message.code, str(message)[:64].strip())


def system_code(system: str, title: str) -> CodedConcept:
    """Return the code of a grading system."""
    scale = grade_scale(system)
    return _private(system[:12].upper() if scale is None else scale.code, title[:64])


def grade_code(system: str, title: str, grade: str) -> CodedConcept:
    """Return the code of one grade of a system: at most 16 characters, as Code Value asks (PS3.5 6.2, SH)."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", grade).strip("_").upper()
    scale = grade_scale(system)
    prefix = system[:8].upper() if scale is None else scale.code
    return _private(f"{prefix}-{words}"[:16], f"{title} {grade}"[:64])
