"""A comparison as a DICOM report: an Enhanced SR of the later study, in words that any viewer shows (PS3.3 A.35.2)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime

from highdicom.sr import (
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    EnhancedSR,
    RelationshipTypeValues,
    TextContentItem,
    UIDRefContentItem,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from ho_imaging.errors import UsageError
from ho_imaging.outputs.dicom.codes import CODING_SCHEME
from ho_imaging.outputs.dicom.headers import without_unsound
from ho_imaging.outputs.dicom.identity import Maker, as_reference, series_words, take_over
from ho_imaging.outputs.dicom.message_items import message_text
from ho_imaging.progression.schema import IntervalResult, ProgressionResult, SideIntervalResult

__all__ = ["comparison_report"]

SERIES_NUMBER = 8809
_CONTAINS = RelationshipTypeValues.CONTAINS
_EARLIER_STUDY = CodedConcept("121018", "DCM", "Procedure Study Instance UID")


def comparison_report(result: ProgressionResult, sources: Sequence[Dataset]) -> EnhancedSR:
    """Write what changed since an earlier study.

    Parameters
    ----------
    result
        Of the later study against the earlier one.
    sources
        Headers of the later study's films: the report is of their patient and study.

    Raises
    ------
    UsageError
        If there is no film, or no weights that both studies were analysed with.

    """
    if not sources or result.model is None or result.software is None:
        raise UsageError("a comparison without films cannot be reported", remedy="give films of the later study")
    maker = Maker(result.model, result.software, datetime.now())
    interval = result.intervals[-1]
    root = ContainerContentItem(name=codes.LN.DiagnosticImagingReport, is_content_continuous=False)
    items = [
        TextContentItem(codes.DCM.Summary, f"Ectopic bone: {result.verdict}. {_when(interval)}", _CONTAINS),
        UIDRefContentItem(_EARLIER_STUDY, interval.earlier_study_uid, _CONTAINS),
    ]
    for side in interval.sides:
        first, *others = _words(side)
        items.append(message_text(codes.DCM.Finding, first, side.statement))
        items += [TextContentItem(codes.DCM.Finding, text, _CONTAINS) for text in others]
    items += [message_text(codes.DCM.Comment, str(warning), warning) for warning in result.warnings]
    items.append(TextContentItem(codes.DCM.Comment, result.research_use, _CONTAINS))
    root.ContentSequence = ContentSequence(items)
    uids = sorted(str(source.SOPInstanceUID) for source in sources)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of pydicom and highdicom quote values, which may be the patient's
        sound = [without_unsound(source)[0] for source in sources]
        made = EnhancedSR(
            evidence=[as_reference(source) for source in sound],
            content=root,
            series_instance_uid=maker.uid("series", "comparison", str(sound[0].StudyInstanceUID)),
            series_number=SERIES_NUMBER,
            sop_instance_uid=maker.uid("comparison", interval.earlier_study_uid, *uids),
            instance_number=1,
            **maker.equipment(),
            is_complete=False,
            is_final=False,
            is_verified=False,
            series_description=series_words("change since last", maker),
        )
        made.CodingSchemeIdentificationSequence = [CODING_SCHEME]
        take_over(made, sound[0], maker)
    return made


def _when(interval: IntervalResult) -> str:
    return "Days between: not known." if interval.days is None else f"Days between: {interval.days}."


def _words(side: SideIntervalResult) -> Iterator[str]:
    yield f"{side.side}: {side.verdict}. {side.statement}"
    if side.earlier_mm2 is not None and side.later_mm2 is not None:
        yield f"{side.side}: area {side.earlier_mm2:.0f} mm2, later {side.later_mm2:.0f} mm2 (projected)."
    if side.earlier_grade or side.later_grade:
        yield f"{side.side}: grade {side.earlier_grade or 'none'}, later {side.later_grade or 'none'}."
