"""Check by headers alone that images belong to one study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, RefusedError, UsageError
from ho_imaging.files.path_text import path_text
from ho_imaging.messages import Message
from ho_imaging.reading.archive import MAX_FILE_BYTES, path_or_bytes
from ho_imaging.reading.dicom import content_uid
from ho_imaging.reading.discover import first_copies
from ho_imaging.reading.files import FileKind, kind_of
from ho_imaging.reading.identity import NO_PATIENT, PatientIdentity, first_conflict, first_doubt, patient_of
from ho_imaging.reading.open_dicom import open_dataset
from ho_imaging.reading.projection_check import check_is_radiograph
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.reading.raster import NO_HEADER, raster_uid
from ho_imaging.reading.raw_twins import Exposure, exposure_of, raw_twins
from ho_imaging.reading.read import ImageRef
from ho_imaging.reading.sources import PlainSource
from ho_imaging.reading.uid import usable_uid

__all__ = [
    "FilmHeader",
    "by_study",
    "copies_elsewhere",
    "doubts",
    "film_headers",
    "left_out",
    "one_patient",
    "why_not_one",
]

Label = str | Message
"""Name of an image for its user: a path, or a message with its number."""

_HEAD_BYTES = 256


@dataclass(frozen=True)
class FilmHeader:
    """An image's statements on its study; ``None`` where the header states nothing.

    ``label``: how the image is named to its user, a path, or its number and UID. ``size``: bytes of the file or of the
    pixel data, to tell a copy that was cut off. ``picture``: it is no DICOM, and its UID was made from its bytes.
    ``exposure``: ``None`` for what `ho_imaging.reading.discover` found, which has left raw images out.
    """

    label: Label
    study_uid: str | None = None
    sop_uid: str | None = None
    patient: PatientIdentity = NO_PATIENT
    size: int = 0
    picture: bool = False
    exposure: Exposure | None = None


def film_headers(sources: Sequence[PlainSource]) -> list[FilmHeader]:
    """Read the header of each source; one that cannot be read or is no film says nothing, and ends when analysed."""
    return [_header(source, number) for number, source in enumerate(sources, start=1)]


def why_not_one(headers: Sequence[FilmHeader], study_uid: str | None = None) -> RefusedError | None:
    """Return why images are not one study of one patient; ``None`` where nothing speaks against it.

    ``study_uid``: the study they are said to be of.
    """
    conflict = first_conflict((header.label, header.patient) for header in headers)
    if conflict is not None:
        return RefusedError(
            Message("two_patients", attributes=conflict.attributes, first=conflict.first, second=conflict.second)
        )
    stated = {header.study_uid: header.label for header in reversed(headers) if header.study_uid is not None}
    other = next((uid for uid in stated if study_uid is not None and uid != study_uid), None)
    if other is not None:
        return RefusedError(Message("other_study", image=stated[other], stated=other, study=study_uid))
    if len(stated) > 1:
        (one, first), (two, second) = sorted(stated.items(), key=lambda item: _place(headers, item[1]))[:2]
        return RefusedError(
            Message(
                "several_studies",
                count=len(stated),
                first=first,
                first_study=one,
                second=second,
                second_study=two,
            )
        )
    return None


def one_patient(images: Iterable[tuple[Label, PatientIdentity]], *, allow_other: bool) -> list[Message]:
    """Check that images of several studies may be of one patient; give what a reader has to know all the same.

    Parameters
    ----------
    images
        How each image is named to its user, and its patient.
    allow_other
        Take them for one patient although they contradict each other.

    Raises
    ------
    UsageError
        If they are of different patients.

    """
    named = list(images)
    conflict = first_conflict(named)
    if conflict is None:
        return _doubts(named)
    attributes, first, second = conflict.attributes, conflict.first, conflict.second
    if not allow_other:
        raise UsageError(Message("patients_contradict", attributes=attributes, first=first, second=second))
    return [Message("one_patient_as_asked", attributes=attributes, first=first, second=second)]


def doubts(headers: Sequence[FilmHeader]) -> list[Message]:
    """Warn of images that are taken for one patient's although their names differ in part."""
    return _doubts((header.label, header.patient) for header in headers)


def _doubts(images: Iterable[tuple[Label, PatientIdentity]]) -> list[Message]:
    found = first_doubt(images)
    if found is None:
        return []
    return [Message("patients_in_doubt", attributes=found.attributes, first=found.first, second=found.second)]


def left_out(headers: Sequence[FilmHeader]) -> Mapping[int, Message]:
    """Return the images of a study, by their place, that are not used, and why.

    These are further copies of an image, and raw images whose processed film is there too.
    """
    kept = first_copies([header.sop_uid for header in headers], [header.size for header in headers])
    copies = {place: _copy_of(headers[first]) for place, first in enumerate(kept) if first != place}
    used = {place: header.exposure for place, header in enumerate(headers) if place not in copies}
    twins = raw_twins([exposure for exposure in used.values() if exposure is not None])
    raw = {place: Message("raw_twin") for place, one in used.items() if one is not None and one.sop_uid in twins}
    return copies | raw


def copies_elsewhere(headers: Sequence[FilmHeader]) -> Mapping[int, Message]:
    """Return the images, by their place, that are another copy of an image of another study: it counts there."""
    kept = first_copies([header.sop_uid for header in headers], [header.size for header in headers])
    return {
        place: _copy_of(headers[first])
        for place, first in enumerate(kept)
        if first != place and headers[first].study_uid != headers[place].study_uid
    }


def _copy_of(used: FilmHeader) -> Message:
    return Message("copy_of_picture", used=used.label) if used.picture else Message("copy", used=used.label)


def by_study(headers: Iterable[FilmHeader]) -> list[list[int]]:
    """Group images, by their place, into studies; each that states none is a study of its own."""
    studies: dict[str, list[int]] = {}
    for place, header in enumerate(headers):
        studies.setdefault(header.study_uid or f"none {place}", []).append(place)
    return list(studies.values())


def _place(headers: Sequence[FilmHeader], label: Label) -> int:
    return next(place for place, header in enumerate(headers) if header.label == label)


def _header(source: PlainSource, number: int) -> FilmHeader:
    if isinstance(source, ImageRef) and source.patient is not None:
        size = source.path.stat().st_size if source.path.exists() else 0
        name, picture = path_text(str(source.path)), source.kind is not FileKind.DICOM
        return FilmHeader(name, source.study_uid, source.sop_instance_uid, source.patient, size, picture)
    if isinstance(source, Radiograph):
        uid, picture = source.sop_instance_uid, NO_HEADER in source.quality
        study = None if picture else source.study_uid
        return FilmHeader(f"image {number} ({uid})", study, uid, source.patient, source.pixels.nbytes, picture)
    where = source.path if isinstance(source, ImageRef) else source
    try:
        if isinstance(where, Dataset):
            return _of_dataset(where, number, None, len(where.get("PixelData", b"") or b""), whole=where)
        data = where if isinstance(where, bytes) else path_or_bytes(Path(where))
        label = None if isinstance(where, bytes) else path_text(str(where))
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        kind = kind_of(_head(data)) if size <= MAX_FILE_BYTES else FileKind.OTHER
        if kind in {FileKind.PNG, FileKind.JPEG, FileKind.TIFF}:
            uid = raster_uid(data if isinstance(data, bytes) else data.read_bytes())
            named = label or Message("image.numbered_uid", number=number, uid=uid)
            return FilmHeader(named, None, uid, size=size, picture=True)
        if kind is FileKind.DICOM:
            return _of_dataset(open_dataset(data, header_only=True), number, label, size, whole=data)
    except (HOImagingError, OSError):
        pass
    in_memory = isinstance(where, bytes | Dataset)
    return FilmHeader(Message("image.numbered", number=number) if in_memory else path_text(str(where)))


def _of_dataset(
    dataset: Dataset, number: int, label: str | None, size: int, *, whole: Dataset | Path | bytes
) -> FilmHeader:
    check_is_radiograph(dataset)
    study, sop = (usable_uid(_text(dataset, keyword)) for keyword in ("StudyInstanceUID", "SOPInstanceUID"))
    if not sop:
        sop = content_uid(whole if isinstance(whole, Dataset) else open_dataset(whole), "SOPInstanceUID")
    named = label or Message("image.numbered_uid", number=number, uid=sop)
    return FilmHeader(named, study or None, sop, patient_of(dataset), size, exposure=exposure_of(dataset, sop))


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        return str(dataset.get(keyword, "") or "").strip()
    except Exception:  # noqa: BLE001  a damaged value makes pydicom raise nearly anything; reading says so
        return ""


def _head(data: bytes | Path) -> bytes:
    if isinstance(data, bytes):
        return data[:_HEAD_BYTES]
    with data.open("rb") as stream:
        return stream.read(_HEAD_BYTES)
