"""The report that people read, as an Encapsulated PDF (PS3.3 A.45.1)."""

from __future__ import annotations

from collections.abc import Mapping

from highdicom.base import SOPClass
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from ho_imaging.outputs.dicom.identity import Maker, series_words, take_over

__all__ = ["pdf_document"]

SERIES_NUMBER = 8807
_TITLE = "Heterotopic ossification on radiographs (research)"


def pdf_document(html: str, pdf: bytes, sources: Mapping[str, Dataset], maker: Maker) -> Dataset:
    """Wrap a report, printed from ``html``, as a document of its study.

    A printer puts the hour into a PDF, so the object is named by the page that was printed: the same page gives the
    same object.
    """
    first = next(iter(sources.values()))
    made = SOPClass(
        study_instance_uid=str(first.StudyInstanceUID),
        series_instance_uid=maker.uid("series", "pdf", str(first.StudyInstanceUID)),
        series_number=SERIES_NUMBER,
        sop_instance_uid=maker.uid("pdf", html),
        sop_class_uid=EncapsulatedPDFStorage,
        instance_number=1,
        modality="DOC",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        series_description=series_words("report as PDF", maker),
        patient_id=first.get("PatientID"),
        patient_name=first.get("PatientName"),
        patient_birth_date=first.get("PatientBirthDate") or None,
        patient_sex=first.get("PatientSex") or None,
        accession_number=first.get("AccessionNumber"),
        study_id=first.get("StudyID"),
        study_date=first.get("StudyDate") or None,
        study_time=first.get("StudyTime") or None,
        referring_physician_name=first.get("ReferringPhysicianName"),
        **maker.equipment(),
    )
    made.ConversionType, made.BurnedInAnnotation = "WSD", "YES"
    for keyword in ("ContentDate", "ContentTime", "AcquisitionDateTime"):
        setattr(made, keyword, "")
    made.DocumentTitle, made.ConceptNameCodeSequence = _TITLE, []
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.SourceInstanceSequence = [_reference(source) for source in sources.values()]
    take_over(made, first, maker)
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return made


def _reference(source: Dataset) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    return made
