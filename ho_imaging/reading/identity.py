"""The one rule that tells whether two images are of one patient.

DICOM has no identifier of a person that holds everywhere, so several attributes are compared. Only what both images
state is compared: a value that is missing, empty or unusable never contradicts another.

=============================  =========================================================================  =========
attribute                      compared how                                                               differs
=============================  =========================================================================  =========
Patient ID                     without spaces around it; case and leading zeros count (LO is matched as   conflict
                               written, PS3.4 C.2.2.2.1). Placeholders (ANONYMOUS, UNKNOWN) are no ID
Issuer of Patient ID and its   only where both images state a Patient ID. A Universal Entity ID of one    conflict
Qualifiers Sequence            type decides; else the local name, in any case. Identifier type,
                               jurisdiction and agency too; not the assigning facility, which is history
                               and no part of the identifier (PS3.3 10.15)
Other Patient IDs (Sequence)   a Patient ID that the other image states among its other IDs is the same   none
                               patient's, whatever the issuer of the first
Original Attributes Sequence   not compared: a corrected ID may have been another person's                none
Patient's Birth Date           as a date; what is no date (19500000) or a day from which programs count    conflict
                               (19000101) is missing
Patient's Sex                  M against F alone; O, U and anything else is missing                       conflict
Patient's Name                 the words of family, given and middle name, in any case, order and         see below
                               accent, in groups (alphabetic, ideographic, phonetic) of one script;
                               prefix, suffix and trailing carets are not compared; placeholders and
                               names with lost letters (?) are missing, as is Unknown^Male
=============================  =========================================================================  =========

Names: one of which all words (or initials) are in the other is the same name. A different name is a conflict, unless
the birth dates agree and either the given names do too (a family name changes) or each word differs by one letter at
most (a typing error): that is a doubt, which is said and does not stop anything.

Nothing here is written anywhere: a conflict names attributes, never values.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from itertools import combinations
from typing import Generic, TypeVar

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

__all__ = [
    "NO_PATIENT",
    "Conflict",
    "Difference",
    "Issuer",
    "PatientIdentity",
    "difference",
    "first_conflict",
    "first_doubt",
    "patient_of",
    "stated_text",
]

T = TypeVar("T")

PATIENT_ID = "PatientID"
ISSUER = "IssuerOfPatientID"
QUALIFIERS = "IssuerOfPatientIDQualifiersSequence"
NAME = "PatientName"
BIRTH_DATE = "PatientBirthDate"
SEX = "PatientSex"

_PLACEHOLDERS = {
    "anon", "anonym", "anonymous", "anonymized", "anonymised", "deidentified", "na", "noid", "noname", "none", "null",
    "pseudonym", "unknown", "unbekannt", "inconnu", "desconocido", "x", "xx", "xxx", "xxxx",
}  # fmt: skip
"""Words that programs write in place of a missing value, without spaces and signs."""

_GENERAL_WORDS = {"patient", "name", "person", "male", "female", "man", "woman", "trauma", "test", "case"}
"""Words that stand beside a placeholder in the name of nobody, as in Unknown^Male."""

_NO_BIRTH_DATES = frozenset({date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1)})
"""Days from which programs count: they stand where no birth date was known."""

_LETTERS = str.maketrans({"ø": "o", "æ": "a", "œ": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_DIGRAPHS = re.compile(r"([aou])e")
_APOSTROPHES = re.compile(r"['\u2019\u2018`\u00b4]")
_LOST = re.compile(r"[?\ufffd]")
_LATIN_MARKS = range(0x0300, 0x0370)
_LEAST_TYPED = 4
"""A word of fewer letters has no typing error: it is another word."""


@dataclass(frozen=True, repr=False)
class Issuer:
    """Issuer of a Patient ID, in the form in which it is compared; empty where it is not stated."""

    local: str = ""
    universal: str = ""
    universal_type: str = ""
    identifier_type: str = ""
    jurisdiction: str = ""
    agency: str = ""


NO_ISSUER = Issuer()


@dataclass(frozen=True, repr=False)
class PatientIdentity:
    """The patient as an image states it, in the form in which it is compared. Never shown and never written.

    ``names``: of each group of the name all words, and those of given and middle name.
    """

    number: str = ""
    issuer: Issuer = NO_ISSUER
    others: frozenset[tuple[str, Issuer]] = frozenset()
    names: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    birth_date: date | None = None
    sex: str = ""


NO_PATIENT = PatientIdentity()
"""Of an image that states nothing of its patient, such as a picture file."""


@dataclass(frozen=True)
class Difference:
    """Attributes (DICOM keywords) in which two images contradict each other, and those that leave a doubt."""

    conflicts: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conflict(Generic[T]):
    """The first two of several images that are not of one patient, or may not be, and the attributes that say so."""

    first: T
    second: T
    attributes: tuple[str, ...] = field(default=())


def patient_of(dataset: Dataset) -> PatientIdentity:
    """Read what a header states of its patient; what cannot be read is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        return _patient_of(dataset)


def _patient_of(dataset: Dataset) -> PatientIdentity:
    others = [(_number(value), NO_ISSUER) for value in _values(dataset, "OtherPatientIDs")]
    others += [
        (_number(stated_text(item, "PatientID")), _issuer(item)) for item in _items(dataset, "OtherPatientIDsSequence")
    ]
    return PatientIdentity(
        number=_number(stated_text(dataset, "PatientID")),
        issuer=_issuer(dataset),
        others=frozenset((number, issuer) for number, issuer in others if number),
        names=tuple(_names(stated_text(dataset, "PatientName"))),
        birth_date=_date(stated_text(dataset, "PatientBirthDate")),
        sex=sex if (sex := stated_text(dataset, "PatientSex").upper()) in {"M", "F"} else "",
    )


def difference(one: PatientIdentity, other: PatientIdentity) -> Difference:
    """Compare two patients by the rule of this module."""
    conflicts: list[str] = []
    doubts: list[str] = []
    if one.number and other.number and not (_is_also(one, other) or _is_also(other, one)):
        if one.number != other.number:
            conflicts.append(PATIENT_ID)
        issuer = _issuers_differ_in(one.issuer, other.issuer)
        if issuer is not None:
            conflicts.append(issuer)
    both_born = one.birth_date is not None and other.birth_date is not None
    name = _compare_names(one.names, other.names)
    if name is not _Name.SAME:
        may_be_one = both_born and one.birth_date == other.birth_date and name is not _Name.OTHER
        (doubts if may_be_one else conflicts).append(NAME)
    if both_born and one.birth_date != other.birth_date:
        conflicts.append(BIRTH_DATE)
    if one.sex and other.sex and one.sex != other.sex:
        conflicts.append(SEX)
    return Difference(tuple(conflicts), tuple(doubts))


def first_conflict(images: Iterable[tuple[T, PatientIdentity]]) -> Conflict[T] | None:
    """Find the first two images that are not of one patient; ``None`` where all may be of one."""
    return _first(images, lambda found: found.conflicts)


def first_doubt(images: Iterable[tuple[T, PatientIdentity]]) -> Conflict[T] | None:
    """Find the first two images of which it is doubtful that they are of one patient."""
    return _first(images, lambda found: found.doubts)


def _first(
    images: Iterable[tuple[T, PatientIdentity]], attributes_of: Callable[[Difference], tuple[str, ...]]
) -> Conflict[T] | None:
    # Images that state the same are compared once: most studies have one patient, stated one way.
    distinct: dict[PatientIdentity, T] = {}
    for image, patient in images:
        distinct.setdefault(patient, image)
    for (one, first), (other, second) in combinations(distinct.items(), 2):
        attributes = attributes_of(difference(one, other))
        if attributes:
            return Conflict(first, second, attributes)
    return None


def stated_text(dataset: Dataset, keyword: str) -> str:
    """Return an attribute as text in one form of Unicode, without padding; empty where it is missing or damaged."""
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001  a damaged value makes pydicom raise nearly anything; it is missing
        return ""
    return "" if value is None else _decoded(str(value)).strip("\0 \t\r\n")


def _values(dataset: Dataset, keyword: str) -> Sequence[str]:
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001  as above
        return ()
    return [_decoded(str(one)) for one in (value if isinstance(value, list | MultiValue) else [value or ""])]


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    try:
        return list(dataset.get(keyword) or [])
    except Exception:  # noqa: BLE001  as above
        return ()


def _decoded(text: str) -> str:
    """Bring a text to one form, also one in UTF-8 whose file does not say so and was read as Latin-1."""
    with contextlib.suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return unicodedata.normalize("NFKC", text)


def _number(text: str) -> str:
    number = text.strip("\0 \t\r\n")
    return "" if re.sub(r"[\W_]", "", number).casefold() in _PLACEHOLDERS else number


def _issuer(dataset: Dataset) -> Issuer:
    local = stated_text(dataset, "IssuerOfPatientID").casefold()
    universal = universal_type = identifier_type = jurisdiction = agency = ""
    if local.count("&") == 2:  # HL7's form, name&universal ID&type, as some archives write it
        local, universal, universal_type = (part.strip() for part in local.split("&"))
    for item in _items(dataset, "IssuerOfPatientIDQualifiersSequence")[:1]:
        universal = stated_text(item, "UniversalEntityID").casefold() or universal
        universal_type = stated_text(item, "UniversalEntityIDType").casefold() or universal_type
        jurisdiction = _code(item, "AssigningJurisdictionCodeSequence")
        agency = _code(item, "AssigningAgencyOrDepartmentCodeSequence")
        identifier_type = stated_text(item, "IdentifierTypeCode").casefold()
    return Issuer(local, universal, universal_type, identifier_type, jurisdiction, agency)


def _code(dataset: Dataset, keyword: str) -> str:
    codes = [
        f"{stated_text(item, 'CodingSchemeDesignator')}:{stated_text(item, 'CodeValue')}"
        for item in _items(dataset, keyword)
    ]
    return "" if codes[:1] in ([], [":"]) else codes[0].casefold()


def _issuers_differ_in(one: Issuer, other: Issuer) -> str | None:
    """Name the attribute by which two issuers are not one."""
    types = {one.universal_type, other.universal_type} - {""}
    if one.universal and other.universal and len(types) < 2:
        if one.universal != other.universal:
            return QUALIFIERS
    elif one.local and other.local and one.local != other.local:
        return ISSUER
    pairs = (
        (one.identifier_type, other.identifier_type),
        (one.jurisdiction, other.jurisdiction),
        (one.agency, other.agency),
    )
    return QUALIFIERS if any(a and b and a != b for a, b in pairs) else None


def _is_also(one: PatientIdentity, other: PatientIdentity) -> bool:
    """Return True if one image states the other's Patient ID among its other ones."""
    return any(
        number == other.number and _issuers_differ_in(issuer, other.issuer) is None for number, issuer in one.others
    )


def _date(text: str) -> date | None:
    found = re.fullmatch(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})", text)
    try:
        day = None if found is None else date(*(int(part) for part in found.groups()))
    except ValueError:
        return None
    return None if day in _NO_BIRTH_DATES else day


class _Name(IntEnum):
    """Similarity of two names; of several comparisons the most similar counts."""

    SAME = 0
    NEAR = 1
    OTHER = 2


def _names(text: str) -> Iterable[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Part a name into the words of its groups (PS3.5 6.2.1)."""
    for group in text.split("="):
        components = group.split("^")[:3]
        words = tuple(word for component in components for word in _words(component))
        if words and not _LOST.search(group) and not _is_nobody(words):
            yield words, tuple(word for component in components[1:] for word in _words(component))


def _is_nobody(words: Sequence[str]) -> bool:
    known = set(words) & _PLACEHOLDERS
    return "".join(words) in _PLACEHOLDERS or bool(known and set(words) <= _PLACEHOLDERS | _GENERAL_WORDS)


def _words(text: str) -> list[str]:
    """Part a component into words without case and accents, so that Müller, MUELLER and Muller are one."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    bare = unicodedata.normalize("NFC", "".join(c for c in folded if ord(c) not in _LATIN_MARKS))
    bare = _APOSTROPHES.sub("", bare.translate(_LETTERS))
    return [_DIGRAPHS.sub(r"\1", word) for word in re.split(r"[\W_]+", bare) if word]


def _compare_names(
    one: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], other: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]
) -> _Name:
    """Compare names in every pair of groups of one script; without such a pair nothing contradicts."""
    found = [
        _compare_words(a, b) for a in one for b in other if _script("".join(a[0])) == _script("".join(b[0]))
    ]  # fmt: skip
    return min(found, default=_Name.SAME)


def _compare_words(
    one: tuple[tuple[str, ...], tuple[str, ...]], other: tuple[tuple[str, ...], tuple[str, ...]]
) -> _Name:
    (words, given), (other_words, other_given) = one, other
    if _one_in_the_other(words, other_words) or "".join(words) == "".join(other_words):
        return _Name.SAME
    same_given = given and other_given and _one_in_the_other(given, other_given)
    typed = len(words) == len(other_words) and all(map(_is_typing_error, sorted(words), sorted(other_words)))
    return _Name.NEAR if same_given or typed else _Name.OTHER


def _one_in_the_other(one: Sequence[str], other: Sequence[str]) -> bool:
    return _all_in(one, other) or _all_in(other, one)


def _all_in(words: Sequence[str], others: Sequence[str]) -> bool:
    """Return True if each word is one of the others, each used once, or the initial of one."""
    left = list(others)
    for word in sorted(words, key=len, reverse=True):
        match = next((w for w in left if w == word), None)
        match = match or next((w for w in left if 1 in {len(w), len(word)} and w[0] == word[0]), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _is_typing_error(word: str, other: str) -> bool:
    """Return True for words that are equal or differ by one letter: another, one more, one less, or two swapped."""
    if word == other:
        return True
    if min(len(word), len(other)) < _LEAST_TYPED or not (word.isalpha() and other.isalpha()):
        return False
    start = next((n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    rest, other_rest = word[start:], other[start:]
    return (
        rest[1:] in {other_rest, other_rest[1:]}
        or rest == other_rest[1:]
        or (rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:])
    )


def _script(text: str) -> str:
    """Name the script of a text by its first letter: names in different ones cannot be compared."""
    letter = next((c for c in text if c.isalpha()), "")
    return unicodedata.name(letter, "").partition(" ")[0] if letter else ""
