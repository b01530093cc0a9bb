"""Keys of a query for studies: those of the levels of patient and study alone (PS3.4 C.6.2.1)."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.datadict import tag_for_keyword

from ho_imaging.errors import UsageError

__all__ = ["STUDY_KEYS", "check_query"]

STUDY_KEYS = frozenset({
    # PS3.4 Tables C.6-1 (patient) and C.6-5 (study), and PS3.18 Table 10.6.1-5
    "AccessionNumber", "AdditionalPatientHistory", "AdmittingDiagnosesCodeSequence", "AdmittingDiagnosesDescription",
    "AnatomicRegionsInStudyCodeSequence", "EthnicGroup", "InstanceAvailability", "IssuerOfAccessionNumberSequence",
    "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "ModalitiesInStudy", "NameOfPhysiciansReadingStudy",
    "NumberOfStudyRelatedInstances", "NumberOfStudyRelatedSeries", "Occupation", "OtherPatientIDs",
    "OtherPatientIDsSequence", "OtherPatientNames", "PatientAge", "PatientBirthDate", "PatientBirthTime",
    "PatientComments", "PatientID", "PatientName", "PatientSex", "PatientSize", "PatientWeight",
    "PhysiciansOfRecord", "ProcedureCodeSequence", "ReferringPhysicianName", "RequestingService",
    "SOPClassesInStudy", "StudyDate", "StudyDescription", "StudyID", "StudyInstanceUID", "StudyTime",
    "TimezoneOffsetFromUTC",
})  # fmt: skip
"""Keys to find studies by; an archive need not know all of them."""

_INSTEAD = {
    "Modality": "ask by ModalitiesInStudy",
    "BodyPartExamined": "ask by StudyDescription, or by AnatomicRegionsInStudyCodeSequence where the archive knows it",
    "SeriesDescription": "ask by StudyDescription",
    "ProtocolName": "ask by StudyDescription",
    "SeriesDate": "ask by StudyDate",
    "AcquisitionDate": "ask by StudyDate",
    "ContentDate": "ask by StudyDate",
    "SOPClassUID": "ask by SOPClassesInStudy",
    "SeriesInstanceUID": "ask by StudyInstanceUID",
    "SOPInstanceUID": "ask by StudyInstanceUID",
}


def check_query(query: Mapping[str, str]) -> None:
    """Refuse a key that DICOM does not have, or that lies below the level of a study.

    An archive may take a key of a lower level for one that matches nothing, or everything, with success either way.

    Raises
    ------
    UsageError
        With the key's name.

    """
    for keyword in query:
        if tag_for_keyword(keyword) is None:
            raise UsageError(f"{keyword!r} is no DICOM keyword", remedy="write for example StudyDate=20240101-20241231")
        if keyword not in STUDY_KEYS:
            raise UsageError(
                f"{keyword} is no key of a study, and studies are asked for by keys of studies alone (PS3.4 C.6.2.1.2)",
                remedy=_INSTEAD.get(keyword, "ask by StudyDate, ModalitiesInStudy, StudyDescription or PatientID"),
            )
