"""The order that a film was made for, in every object alike (PS3.3 10.6, C.17.2)."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from pydicom.dataset import Dataset

__all__ = ["state_requests"]

_SR = frozenset({"SR", "KO"})
_OF_A_REPORT = (
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
)
"""Of type 2 in the Referenced Request Sequence, as `ReferencedStudySequence` and the procedure's code are."""

_ISSUERS = (
    "IssuerOfAccessionNumberSequence",
    "OrderPlacerIdentifierSequence",
    "OrderFillerIdentifierSequence",
)
_OF_AN_IMAGE = (
    "RequestedProcedureID",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "StudyInstanceUID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
    "ReasonForTheRequestedProcedure",
    "ScheduledProcedureStepID",
    "ScheduledProcedureStepDescription",
)


def state_requests(made: Dataset, source: Dataset) -> None:
    """State the requests of a source: as Request Attributes, in a report or key object as Referenced Requests."""
    requests = list(_requests(source))
    if not requests:
        return
    if made.get("Modality") in _SR:
        made.ReferencedRequestSequence = [_of_a_report(request, source) for request in requests]
    else:
        made.RequestAttributesSequence = [_taken(request, _OF_AN_IMAGE) for request in requests]


def _requests(source: Dataset) -> Iterator[Dataset]:
    try:
        items = source.get("RequestAttributesSequence") or ()
        yield from (item for item in items if item.get("RequestedProcedureID") or item.get("AccessionNumber"))
    except (ValueError, TypeError, AttributeError):  # no sequence at all: a film says nothing of its order
        return


def _taken(request: Dataset, keywords: tuple[str, ...]) -> Dataset:
    made = Dataset()
    for keyword in keywords:
        if request.get(keyword):
            made[keyword] = deepcopy(request[keyword])
    return made


def _of_a_report(request: Dataset, source: Dataset) -> Dataset:
    made = _taken(request, (*_OF_A_REPORT, *_ISSUERS, "RequestedProcedureCodeSequence"))
    made.StudyInstanceUID = request.get("StudyInstanceUID") or source.StudyInstanceUID
    for keyword in (*_OF_A_REPORT, "ReferencedStudySequence", "RequestedProcedureCodeSequence"):
        if keyword not in made:
            setattr(made, keyword, [] if keyword.endswith("Sequence") else "")
    if not made.AccessionNumber:
        made.AccessionNumber = source.get("AccessionNumber") or ""
    if "IssuerOfAccessionNumberSequence" not in made and source.get("IssuerOfAccessionNumberSequence"):
        made.IssuerOfAccessionNumberSequence = deepcopy(source.IssuerOfAccessionNumberSequence)
    return made
