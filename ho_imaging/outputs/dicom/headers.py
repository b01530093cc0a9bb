"""A source's header as its derived objects can take it over."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

from ho_imaging.outputs.dicom.header_text import in_form

__all__ = ["sop_class_of", "without_unsound"]

_AGE = re.compile(r"[0-9]{3}[DWMY]")
_DIRECTIONS = re.compile(r"[APRLHF]{1,3}")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?(\.\d{1,6})?)?")


def without_unsound(source: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """Return a source whose patient, study and geometry attributes are of the standard's form, or empty.

    One value of wrong form, or one attribute that is missing, must not keep a whole study without objects. Values that
    cannot be read, come several where there is one, or are no date, time, sex or pair of numbers (PS3.5 6.2) are left
    out, never guessed; attributes of type 2 are there, if only empty. Texts that are too long, and names of too many
    parts, are cut; identifiers are emptied, for a part of one is another one. The source stays as it is.

    Returns
    -------
    The data set, and the keywords of what was left out or cut.

    """
    whole, cut = _without_wrong(source)
    made, cut_texts = in_form(whole)
    return made, tuple(sorted({*cut, *cut_texts}))


def sop_class_of(source: Dataset) -> str:
    """Return the SOP class of a source, by its file's meta information where the data set lacks it."""
    meta = getattr(source, "file_meta", None)
    return str(source.get("SOPClassUID") or (meta.get("MediaStorageSOPClassUID") if meta is not None else "") or "")


def _without_wrong(source: Dataset) -> tuple[Dataset, set[str]]:
    wrong = {name for name, is_sound in _CHECKS.items() if name in source and not _holds(source, name, is_sound)}
    missing = {name for name in _REQUIRED if name not in source}
    asked_for = {**_ASKED_FOR, "SOPClassUID": sop_class_of(source)}
    if not wrong and not missing and all(source.get(keyword) for keyword in asked_for):
        return source, set()
    made = Dataset()
    for tag in list(source.keys()):
        keyword = keyword_for_tag(tag)
        if keyword not in wrong:
            made[tag] = source[tag]
    for keyword in missing | (wrong & _REQUIRED):
        # New elements: those of the source are its own.
        tag = Tag(keyword)
        made[tag] = DataElement(tag, dictionary_VR(tag), None)
    for keyword, value in asked_for.items():
        if not made.get(keyword):
            setattr(made, keyword, value)
    if hasattr(source, "file_meta"):
        made.file_meta = source.file_meta
    made.set_original_encoding(*source.original_encoding)
    return made, wrong


def _holds(source: Dataset, keyword: str, is_sound: Callable[[object], bool]) -> bool:
    try:
        value = source[keyword].value
    except (ValueError, TypeError, NotImplementedError):
        return False
    return value is None or value == "" or is_sound(value)


def _is_one(value: object) -> bool:
    return not isinstance(value, list | MultiValue)


def _is_date(value: object) -> bool:
    text = str(value)
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    # It takes months and days of one digit, too.
    return len(text) == 8 and text.isdigit()


def _is_time(value: object) -> bool:
    return _TIME.fullmatch(str(value)) is not None


def _is_age(value: object) -> bool:
    return _AGE.fullmatch(str(value)) is not None


def _is_side(value: object) -> bool:
    return str(value) in {"R", "L"}


def _are_directions(value: object) -> bool:
    """Return True for two directions (PS3.3 C.7.6.1.1.1)."""
    return (
        isinstance(value, list | MultiValue)
        and len(value) == 2
        and all(_DIRECTIONS.fullmatch(str(one)) is not None for one in value)
    )


def _is_sex(value: object) -> bool:
    return str(value) in {"M", "F", "O"}


def _numbers(value: object) -> list[float] | None:
    """Return the numbers that a value holds, one or several; ``None`` where one is none."""
    try:
        return [float(str(one)) for one in (value if isinstance(value, list | MultiValue) else (value,))]
    except ValueError:
        return None


def _are_numbers(value: object) -> bool:
    return _numbers(value) is not None


def _are_two_lengths(value: object) -> bool:
    numbers = _numbers(value)
    return numbers is not None and len(numbers) == 2 and all(number > 0.0 for number in numbers)


_REQUIRED = {
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
}  # fmt: skip
"""Of type 2 in Patient and General Study (PS3.3 C.7.1.1, C.7.2.1): there, if only empty."""

_ASKED_FOR: dict[str, object] = {"Modality": "OT", "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
"""Values that highdicom requires of a source and no object takes over, as for a film that does not state them."""

_CHECKS: dict[str, Callable[[object], bool]] = {
    "PatientName": _is_one,
    "PatientID": _is_one,
    "PatientBirthDate": _is_date,
    "PatientSex": _is_sex,
    "PatientAge": _is_age,
    "PatientOrientation": _are_directions,
    "Laterality": _is_side,
    "StudyDate": _is_date,
    "StudyTime": _is_time,
    "StudyID": _is_one,
    "AccessionNumber": _is_one,
    "ReferringPhysicianName": _is_one,
    "SeriesNumber": _are_numbers,
    "InstanceNumber": _are_numbers,
    "ImagerPixelSpacing": _are_two_lengths,
    "PixelSpacing": _are_two_lengths,
    "NominalScannedPixelSpacing": _are_two_lengths,
}
