"""A report that a study was not analysed, and why (Enhanced SR, PS3.3 A.35.2)."""

from __future__ import annotations

from collections.abc import Mapping

from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    ContentSequence,
    EnhancedSR,
    RelationshipTypeValues,
    TextContentItem,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as standard

from ho_imaging.outputs.dicom import codes
from ho_imaging.outputs.dicom.identity import Maker, as_reference, series_words, take_over
from ho_imaging.outputs.dicom.message_items import message_text
from ho_imaging.results.schema import ImageResult, StudyResult

__all__ = ["refusal_report"]

SERIES_NUMBER = 8805
_CONTAINS = RelationshipTypeValues.CONTAINS


def refusal_report(result: StudyResult, sources: Mapping[str, Dataset], maker: Maker) -> EnhancedSR:
    """Write that no film of a study was analysed, with the reason of the study and of each film.

    Nothing is said of ectopic bone: its absence least of all.
    """
    root = ContainerContentItem(name=standard.LN.DiagnosticImagingReport, is_content_continuous=False)
    words = f"Not analysed for heterotopic ossification ({result.status}): {result.reason or 'no reason is known'}"
    items = [
        CodeContentItem(codes.ANALYSIS, codes.NOT_ANALYSED, _CONTAINS),
        message_text(standard.DCM.Summary, words, result.reason),
    ]
    items += [message_text(standard.DCM.Comment, _of_film(image), image.reason) for image in result.images]
    items.append(TextContentItem(standard.DCM.Comment, result.research_use, _CONTAINS))
    root.ContentSequence = ContentSequence(items)
    first = next(iter(sources.values()))
    made = EnhancedSR(
        evidence=[as_reference(source) for source in sources.values()],
        content=root,
        series_instance_uid=maker.uid("series", "refusal", str(first.StudyInstanceUID)),
        series_number=SERIES_NUMBER,
        sop_instance_uid=maker.uid("refusal", *sorted(sources)),
        instance_number=1,
        **maker.equipment(),
        is_complete=False,
        is_final=False,
        is_verified=False,
        series_description=series_words("not analysed", maker),
    )
    made.CodingSchemeIdentificationSequence = [codes.CODING_SCHEME]
    take_over(made, first, maker)
    return made


def _of_film(image: ImageResult) -> str:
    return f"Film {image.sop_instance_uid}: {image.status}, {image.reason or 'no reason is known'}"
