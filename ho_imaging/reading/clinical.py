"""Why ectopic bone might have grown, as far as a file's own free text says so."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from ho_imaging.reading.radiograph import Sourced

__all__ = ["stated_cause"]

_KEYWORDS = (
    "ReasonForTheRequestedProcedure",
    "RequestedProcedureDescription",
    "AdmittingDiagnosesDescription",
    "AdditionalPatientHistory",
    "StudyDescription",
)

_CAUSES = (
    # More particular causes first: an arthroplasty after a fracture is an arthroplasty.
    ("spinal_cord_injury", r"spinal cord|parapleg|tetrapleg|quadripleg|querschnitt|l[ée]sion m[ée]dullaire"),
    ("brain_injury", r"brain injur|head injur|\btbi\b|sch[äa]del-?hirn|\bsht\b|traumatisme cr[âa]nien"),
    ("amputation", r"amputat|amputaci"),
    ("burn", r"\bburns?\b|verbrennung|br[ûu]lure|quemadura"),
    ("arthroplasty", r"arthroplast|\bth[ar]\b|\bhtep\b|hip replacement|proth[èe]se de hanche|pr[óo]tesis de cadera"),
    ("trauma", r"\btrauma|fractur|fraktur|dislocat|luxation"),
)
_DENIED = re.compile(
    r"\b(?:no|nil|not|without|denies|exclude|rule out|r/o|possible|query|family history|kein\w*|nicht|ohne|ausschluss|"
    r"frage|verdacht|sans|pas de|sin)\b[^.;]{0,40}$|\bv\.\s?a\.[^.;]{0,40}$|\bnon[- ]$|(?:^|[\s,;:(])\?\s*$"
)
_DENIED_AFTER = re.compile(
    r"[^.;,?]{0,20}\?|\w*[^.;,]{0,20}\b(?:excluded|ruled out|unlikely|ausgeschlossen|exclue?|descartad[ao])\b"
)


def stated_cause(dataset: Dataset) -> Sourced[str] | None:
    """Return the cause a file names, with its keyword; ``None`` where none is named, or it is denied or in question."""
    for keyword in _KEYWORDS:
        text = str(dataset.get(keyword, "") or "").lower()[:2000]
        for cause, pattern in _CAUSES:
            found = re.search(pattern, text)
            if found is None:
                continue
            before, after = text[: found.start()], text[found.end() :]
            if not _DENIED.search(before) and not _DENIED_AFTER.match(after):
                return Sourced(cause, keyword)
    return None
