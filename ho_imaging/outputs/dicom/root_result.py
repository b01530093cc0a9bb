"""References of a report to the other objects of its study: the one object from which all others are found.

Presentation states are named where the film that they show is referred to (PS3.3 C.18.4), segmentations as images with
their segments at the end of the report, which TID 1500 leaves room for: a measurement group has one region, its outline
(TID 1410), key objects and a document as composites there. All of them are in the evidence (PS3.3 C.17.2), and so are
the pictures, which no content item is made for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from highdicom.sr import CodedConcept, CompositeContentItem, ImageContentItem, RelationshipTypeValues
from pydicom.dataset import Dataset
from pydicom.uid import (
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SegmentationStorage,
)

__all__ = ["refer_to_others"]

_SEGMENT = CodedConcept("121191", "DCM", "Referenced Segment")
_COMPOSITES = {
    KeyObjectSelectionDocumentStorage: CodedConcept("113000", "DCM", "Of Interest"),
    EncapsulatedPDFStorage: CodedConcept("18748-4", "LN", "Diagnostic Imaging Report"),
}
"""What other documents of the study are, by SOP class: the title of the key objects, and the kind of the report."""


def refer_to_others(report: Dataset, others: Sequence[Dataset]) -> None:
    """Name the other objects of a study in its report.

    Parameters
    ----------
    report
        With its content, and with ``others`` in its evidence.
    others
        Segmentations, presentation states, pictures and documents of the same study.

    """
    shown = {
        str(image.ReferencedSOPInstanceUID): other
        for other in others
        if other.SOPClassUID == GrayscaleSoftcopyPresentationStateStorage
        for series in other.ReferencedSeriesSequence
        for image in series.ReferencedImageSequence
    }
    for item in _items(report):
        if item.ValueType == "IMAGE":
            (reference,) = item.ReferencedSOPSequence
            state = shown.get(str(reference.ReferencedSOPInstanceUID))
            if state is not None:
                reference.ReferencedSOPSequence = [_reference(state)]
    for other in others:
        if other.SOPClassUID == SegmentationStorage:
            report.ContentSequence.append(
                ImageContentItem(
                    name=_SEGMENT,
                    referenced_sop_class_uid=other.SOPClassUID,
                    referenced_sop_instance_uid=other.SOPInstanceUID,
                    referenced_segment_numbers=[int(segment.SegmentNumber) for segment in other.SegmentSequence],
                    relationship_type=RelationshipTypeValues.CONTAINS,
                )
            )
        elif other.SOPClassUID in _COMPOSITES:
            report.ContentSequence.append(
                CompositeContentItem(
                    name=_COMPOSITES[other.SOPClassUID],
                    referenced_sop_class_uid=other.SOPClassUID,
                    referenced_sop_instance_uid=other.SOPInstanceUID,
                    relationship_type=RelationshipTypeValues.CONTAINS,
                )
            )


def _items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence") or ():
        yield item
        yield from _items(item)


def _reference(other: Dataset) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = other.SOPClassUID, other.SOPInstanceUID
    return made
