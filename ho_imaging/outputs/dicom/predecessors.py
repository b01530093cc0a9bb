"""Earlier reports that a report replaces (Predecessor Documents Sequence, PS3.3 C.17.2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ComprehensiveSRStorage

__all__ = ["kept_reports", "name_predecessors"]


def kept_reports(folder: Path) -> list[Dataset]:
    """Return the reports in a folder of DICOM objects; what cannot be read is no predecessor."""
    found: list[Dataset] = []
    for path in sorted(folder.glob("sr-*.dcm")):
        try:
            found.append(dcmread(path))
        except (InvalidDicomError, OSError, ValueError, EOFError):
            continue
    return found


def name_predecessors(report: Dataset, earlier: Sequence[Dataset]) -> None:
    """Name the reports of the same study that a report replaces.

    A report that was there before names what it named then; none names itself, nor one that came after it.
    """
    uid = str(report.SOPInstanceUID)
    reports = [
        item
        for item in earlier
        if item.get("SOPClassUID") == ComprehensiveSRStorage and item.get("StudyInstanceUID") == report.StudyInstanceUID
    ]
    same = next((item for item in reports if item.SOPInstanceUID == uid), None)
    if same is not None:
        items = list(same.get("PredecessorDocumentsSequence") or ())
    else:
        items = [_reference(item) for item in reports if uid not in _named(item)]
    if items:
        report.PredecessorDocumentsSequence = items


def _named(report: Dataset) -> set[str]:
    return {
        str(reference.ReferencedSOPInstanceUID)
        for study in report.get("PredecessorDocumentsSequence") or ()
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }


def _reference(report: Dataset) -> Dataset:
    study, series, reference = Dataset(), Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = report.SOPClassUID, report.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = report.SeriesInstanceUID, [reference]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = report.StudyInstanceUID, [series]
    return study
