"""Texts, names and identifiers of a header, brought to the lengths and characters that the standard allows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

__all__ = ["in_form"]

_MOST_LETTERS: Mapping[str, int] = MappingProxyType({"SH": 16, "LO": 64, "PN": 64, "ST": 1024, "LT": 10_240})
"""Most characters of a value, in a name of each group (PS3.5 6.2)."""

_LINES = frozenset({"ST", "LT"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]+")
_MOST_COMPONENTS, _MOST_GROUPS = 5, 3

_IDENTIFIERS = frozenset(
    {
        "PatientID", "IssuerOfPatientID", "AccessionNumber", "StudyID", "AdmissionID", "LocalNamespaceEntityID",
        "RequestedProcedureID", "ScheduledProcedureStepID", "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest", "ClinicalTrialProtocolID", "ClinicalTrialSiteID",
        "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID",
    }
)  # fmt: skip
"""Attributes a part of which is something else: emptied rather than cut."""

_GROUPS = frozenset({0x0008, 0x0010, 0x0012, 0x0020, 0x0032, 0x0038, 0x0040})
"""Groups of what describes patient, study and order."""

_NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "IssuerOfAccessionNumberSequence": ("LocalNamespaceEntityID", "UniversalEntityID"),
        "OtherPatientIDsSequence": ("PatientID",),
    }
)
"""Attributes of which an item states one, or says nothing."""

_OF_AN_ANIMAL = (
    "PatientBreedDescription", "PatientBreedCodeSequence", "BreedRegistrationSequence", "ResponsiblePerson",
    "ResponsibleOrganization", "PatientSexNeutered",
)  # fmt: skip
"""There, if only empty, where a species is stated (PS3.3 C.7.1.1 and C.7.2.2, type 2C)."""


def in_form(source: Dataset) -> tuple[Dataset, set[str]]:
    """Return a data set whose texts have the form of the standard; the source itself where they have it already.

    Returns
    -------
    The data set, and the keywords of what was cut, emptied or left out.

    """
    changed: dict[str, DataElement | None] = {}
    for tag in source.keys():  # noqa: SIM118  (a data set iterates over its elements)
        if tag.group not in _GROUPS or tag.is_private:
            continue
        try:
            element = source[tag]
        except (ValueError, TypeError, NotImplementedError):
            continue  # of an attribute that nothing here takes over
        found = _element(element)
        if found is not element:
            changed[element.keyword] = found
    added = [keyword for keyword in _OF_AN_ANIMAL if keyword not in source] if _is_animal(source) else []
    if not changed and not added:
        return source, set()
    made = Dataset()
    for tag in source.keys():  # noqa: SIM118  (as above)
        made[tag] = source.get_item(tag)
    for keyword, changed_element in changed.items():
        if changed_element is None:
            del made[keyword]
        else:
            made[keyword] = changed_element
    for keyword in added:
        setattr(made, keyword, [] if keyword.endswith("Sequence") else "")
    if hasattr(source, "file_meta"):
        made.file_meta = source.file_meta
    made.set_original_encoding(*source.original_encoding)
    return made, set(changed)


def _is_animal(source: Dataset) -> bool:
    return bool(source.get("PatientSpeciesDescription") or source.get("PatientSpeciesCodeSequence"))


def _element(element: DataElement) -> DataElement | None:
    """Return an element in form, itself where it is so already, ``None`` where nothing of it can be taken over."""
    if element.VR == "SQ":
        return _sequence(element)
    if element.VR not in _MOST_LETTERS or not element.value:
        return element
    several = isinstance(element.value, list | MultiValue)
    values = [str(value) for value in (element.value if several else [element.value])]
    good = [_text(value, element.VR) for value in values]
    if good == values:
        return element
    if element.keyword in _IDENTIFIERS:
        return DataElement(element.tag, element.VR, "")
    return DataElement(element.tag, element.VR, good if several else good[0])


def _text(value: str, kind: str) -> str:
    if kind == "PN":
        return "=".join(_group(group) for group in value.split("=")[:_MOST_GROUPS])
    control = _CONTROL_BUT_LINES if kind in _LINES else _CONTROL
    return control.sub(" ", value)[: _MOST_LETTERS[kind]]


def _group(group: str) -> str:
    parts = _CONTROL.sub(" ", group).split("^")[:_MOST_COMPONENTS]
    return "^".join(parts)[: _MOST_LETTERS["PN"]]


def _sequence(element: DataElement) -> DataElement | None:
    """Bring the items of a sequence to their form; items that say nothing are left out."""
    try:
        items = list(element.value or ())
    except TypeError:
        return None
    good = list(_items(element.keyword, items))
    if len(good) == len(items) and all(one is other for one, other in zip(good, items, strict=True)):
        return element
    return DataElement(element.tag, "SQ", Sequence(good)) if good else None


def _items(keyword: str, items: Iterable[Dataset]) -> Iterable[Dataset]:
    needed = _NEEDED.get(keyword, ())
    for item in items:
        made, _ = in_form(item)
        if len(made) == 0 or (needed and not any(made.get(name) for name in needed)):
            continue
        if keyword == "OtherPatientIDsSequence" and not made.get("TypeOfPatientID"):
            made = Dataset(made)
            made.TypeOfPatientID = "TEXT"
        yield made
