"""Who, what and by whom: unique identifiers, and what every object takes over from its source."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any

from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag
from pydicom.uid import UID, ComputedRadiographyImageStorage, RLELossless

from ho_imaging.outputs.dicom.greys import GREY_KEYWORDS
from ho_imaging.outputs.dicom.requests import state_requests
from ho_imaging.outputs.tracking import stable_uid
from ho_imaging.reading.own import MANUFACTURER, MODEL_NAME
from ho_imaging.results.schema import FindingResult, ModelResult, SoftwareResult

__all__ = [
    "Maker",
    "Observer",
    "as_reference",
    "as_single_frame",
    "compress_runs",
    "restore_class",
    "series_words",
    "stable_uid",
    "take_over",
]

_TAKEN_OVER = (
    # Patient and study attributes that highdicom leaves out (PS3.3 C.7.1, C.7.2): what a PACS matches and shows.
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "TypeOfPatientID",
    "OtherPatientIDsSequence",
    "PatientSpeciesDescription",
    "PatientAge",
    "StudyDescription",
    "IssuerOfAccessionNumberSequence",
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
)


_NOT_LENT = {
    *GREY_KEYWORDS,
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "PixelSpacing",
    "PixelData",
    "SpecificCharacterSet",
}

_WORDS = (
    "PatientName",
    "PatientID",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "ReferringPhysicianName",
    "IssuerOfPatientID",
)

_NOT_SAID = {
    *_TAKEN_OVER,
    *_WORDS,
    "SpecificCharacterSet",
    "DimensionOrganizationUID",
    "SeriesDescription",
    "PredecessorDocumentsSequence",
    "RequestAttributesSequence",
    "ReferencedRequestSequence",
}
_SOP_CLASS = Tag("SOPClassUID")
_TIMES = {"DA", "DT", "TM"}
_PATIENT_GROUP = 0x0010


@dataclass(frozen=True)
class Observer:
    """A reader whose reading an object states.

    ``name``: of DICOM's form, family^given, or a code. ``digest``: of the reading, so that another reading is another
    object. ``drawn``: ids of nodules the reader outlined alone. ``reshaped``: nodules whose outline the reader changed,
    as the model has them, by id.
    """

    name: str
    digest: str
    drawn: frozenset[str] = frozenset()
    reshaped: Mapping[str, FindingResult] = field(default_factory=dict)
    regraded: frozenset[str] = frozenset()
    """Sides whose grade is the reader's."""


@dataclass(frozen=True)
class Maker:
    """The program and the weights an object is made by, and when; ``observer``: the reader who has reviewed it."""

    model: ModelResult
    software: SoftwareResult
    created: datetime
    observer: Observer | None = None

    def equipment(self) -> dict[str, Any]:
        """Return the arguments that every highdicom object requires."""
        return {
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": MODEL_NAME,
            "software_versions": self.software.version,
            "device_serial_number": f"{self.model.name} {self.model.version} {self.model.sha256[:16]}",
        }

    def uid(self, *parts: str) -> UID:
        """Return a UID that is the same for the same input, model, site file, program and reading.

        An object's own is made from it and from what the object says, by `take_over`.
        """
        reading = () if self.observer is None else ("reading", self.observer.name, self.observer.digest)
        site = () if self.model.site is None else ("site", self.model.site.sha256)
        return stable_uid(self.model.sha256, *site, self.software.version, *parts, *reading)


def series_words(what: str, maker: Maker) -> str:
    """Return a series description that tells versions of one object apart by when they were made.

    At most 64 characters (PS3.5 6.2, LO), with what an object is in at most 24.
    """
    reviewed = "" if maker.observer is None else ", reviewed"
    return f"HO imaging{reviewed}: {what}, {maker.created:%Y-%m-%d %H:%M} (research)"


def as_reference(source: Dataset) -> Dataset:
    """Return a source's header in the form highdicom takes, without what a projection cannot lend to its derivations.

    A frame of reference without positions says nothing, spacing at the detector is not that of a plane in the patient,
    and several character sets are declared afterwards, by `take_over`.
    """
    header = Dataset()
    for element in source:
        if element.keyword not in _NOT_LENT:
            header.add(element)
    if hasattr(source, "file_meta"):
        header.file_meta = source.file_meta
    return header


def as_single_frame(source: Dataset) -> Dataset:
    """Return a source's header as `as_reference` does, under a class whose images have one frame.

    highdicom looks for functional groups in every image of a class that may have several frames, and fluoroscopy,
    angiography and secondary captures have none. `restore_class` puts the class back.
    """
    header = as_reference(source)
    # A new element: the others are the source's own.
    header[_SOP_CLASS] = DataElement(_SOP_CLASS, "UI", ComputedRadiographyImageStorage)
    return header


def restore_class(made: Dataset, source: Dataset) -> None:
    """State a source's own SOP class in all that refers to it."""
    for item in _items_of(made):
        if item.get("ReferencedSOPInstanceUID") == source.SOPInstanceUID:
            item.ReferencedSOPClassUID = source.SOPClassUID


def _items_of(dataset: Dataset) -> Iterator[Dataset]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from _items_of(item)


def take_over(made: Dataset, source: Dataset, maker: Maker) -> None:
    """Set an object's character set, the patient and study attributes it lacks and its own UID, from its source.

    Our own text is ASCII, which every DICOM character set holds, so names stay as they were written; a reader's name
    may not be. To be called when all that an object says is in it and its pixels are not compressed yet.
    """
    for keyword in _TAKEN_OVER:
        if keyword in source and keyword not in made:
            made[keyword] = source[keyword]
    state_requests(made, source)
    charset = source.get("SpecificCharacterSet")
    is_ours = maker.observer is None or maker.observer.name.isascii()
    if charset is None and is_ours and _is_ascii(made):
        made.pop("SpecificCharacterSet", None)
    elif charset is not None and is_ours and _survives(made, charset):
        made.SpecificCharacterSet = charset
    else:
        made.SpecificCharacterSet = "ISO_IR 192"
    _settle(made, maker)


def compress_runs(made: Dataset) -> None:
    """Compress pixels losslessly, in a syntax that every viewer reads (RLE, PS3.5 Annex G).

    By pylibjpeg: the encoder that highdicom would take first aborts the process on pictures of some sizes.
    """
    made.compress(RLELossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)


def _settle(made: Dataset, maker: Maker) -> None:
    """Put one time and stable identifiers where highdicom puts the clock's and random ones."""
    # An archive may keep the first object under a UID, so what says something else needs another (PS3.5 9).
    made.SOPInstanceUID = stable_uid(str(made.SOPInstanceUID), _digest(made))
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    # Of one series OHIF opens one segmentation, and no outline where there are two versions of a report.
    made.SeriesInstanceUID = stable_uid("series", str(made.SOPInstanceUID))
    stamp = maker.created
    made.SeriesDate, made.SeriesTime = stamp.strftime("%Y%m%d"), stamp.strftime("%H%M%S")
    made.InstanceCreationDate, made.InstanceCreationTime = stamp.strftime("%Y%m%d"), stamp.strftime("%H%M%S")
    for element in made.iterall():
        if element.keyword in {"ContentDate", "DateOfSecondaryCapture"}:
            element.value = stamp.strftime("%Y%m%d")
        elif element.keyword in {"ContentTime", "TimeOfSecondaryCapture"}:
            element.value = stamp.strftime("%H%M%S")
        elif element.keyword == "ContributionDateTime":
            element.value = stamp.strftime("%Y%m%d%H%M%S")
        elif element.keyword == "DimensionOrganizationUID":
            element.value = maker.uid("dimensions", str(made.SOPInstanceUID))


def _digest(made: Dataset) -> str:
    digest = hashlib.sha256()
    for part in _said(made):
        digest.update(part)
    return digest.hexdigest()


def _said(dataset: Dataset) -> Iterator[bytes]:
    """Return the content of an object, part by part: not when it was made, and not whose study it is of.

    An archive that corrects a patient or an order does so in every object of the study, under the names they have.
    """
    for element in dataset:
        if element.VR in _TIMES or element.tag.group == _PATIENT_GROUP or element.keyword in _NOT_SAID:
            continue
        yield f"{element.tag}\0".encode()
        if element.VR == "SQ":
            for item in element.value:
                yield from _said(item)
                yield b"item\0"
        else:
            yield element.value if isinstance(element.value, bytes) else f"{element.value}\0".encode()


def _is_ascii(made: Dataset) -> bool:
    return all(str(made[keyword].value).isascii() for keyword in _WORDS if made.get(keyword))


def _survives(made: Dataset, charset: str | Sequence[str]) -> bool:
    """Return whether names and words come back as they are when written in a character set of the standard."""
    terms = [charset] if isinstance(charset, str) else list(charset)
    if not all(term in python_encoding for term in terms):
        return False
    words = Dataset()
    words.SpecificCharacterSet = charset
    for keyword in _WORDS:
        if made.get(keyword):
            setattr(words, keyword, str(made[keyword].value))
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of what is found out here anyway
        write_dataset(buffer, words)
        back = read_dataset(BytesIO(buffer.getvalue()), is_implicit_VR=False, is_little_endian=True)
        return all(str(back[element.tag].value) == str(element.value) for element in words)
