"""Numbers, words and dates that a header states, read strictly as the standard writes them (DICOM PS3.5 6.2).

Python's own conversions are too generous for this: ``float`` takes ``1_0`` and ``nan``, ``int`` takes digits of other
scripts. What cannot be read is never guessed; `ho_imaging.reading.attributes` says so for every attribute in use.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from ho_imaging.messages import Message

__all__ = [
    "REPAIRED",
    "Stated",
    "numbers_of",
    "one_number",
    "one_whole",
    "read_date",
    "read_number",
    "stated_number",
    "stated_whole",
    "stated_word",
    "values_of",
]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})(?:([0-9]{2})([0-9]{2})|\.([0-9]{2})\.([0-9]{2}))")
_DATE_TIME = re.compile(r"[0-9]{8}(?:[0-9]{2}){0,3}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?")
_TIME = re.compile(r"[0-9]{8}([0-9]{2})?([0-9]{2})?([0-9]{2})?.*")
_MOST_OF_TIME = (23, 59, 60)
_FIRST_X_RAY = 1895
"""Year of the first radiograph; an earlier date of one is no date."""


REPAIRED = frozenset({"wrong.decimal_comma", "wrong.repeated"})
"""Codes of what is wrong with a number that was understood all the same."""


class Stated(NamedTuple):
    """A number that a header states; ``wrong`` says what is wrong with the way it is written.

    ``value`` is ``None`` where it cannot be read. Both are ``None`` where nothing is stated.
    """

    value: float | None
    wrong: Message | None


def values_of(dataset: Dataset, keyword: str) -> list[object]:
    """Return the values of an attribute, none where it is absent or empty."""
    value = dataset.get(keyword)
    if isinstance(value, list | tuple | MultiValue | Sequence):
        return list(value)
    if isinstance(value, str):
        value = value.strip(" \0")
    return [] if value is None or (isinstance(value, str | bytes) and not value) else [value]


def read_number(value: object) -> float | None:
    """Return a finite number written as a decimal string or held as a number, else ``None``."""
    written = getattr(value, "original_string", value)
    if isinstance(written, str):
        written = written.strip(" \0")
        if _NUMBER.fullmatch(written) is None:
            return None
    elif isinstance(written, bool) or not isinstance(written, int | float | np.number):
        return None
    try:
        number = float(written)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def one_number(values: Iterable[object]) -> Stated:
    """Return the one number of an attribute that holds grey values.

    A decimal comma is read as a point and said: writers get it from their locale, which never groups thousands.
    Leaving such a number out may exchange black and white. Lengths are read by `numbers_of`, without that repair.
    """
    given = list(values)
    if not given:
        return Stated(None, None)
    found, comma = [], False
    for value in given:
        number = read_number(value)
        if number is None and isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip(" \0")):
            number, comma = read_number(value.replace(",", ".")), True
        if number is None:
            return Stated(None, Message("wrong.no_number"))
        found.append(number)
    if len(set(found)) > 1:
        return Stated(None, Message("wrong.several"))
    if comma:
        return Stated(found[0], Message("wrong.decimal_comma"))
    return Stated(found[0], Message("wrong.repeated") if len(found) > 1 else None)


def one_whole(values: Iterable[object]) -> Stated:
    """Likewise for a whole number."""
    given = [read_number(value) for value in values]
    if not given:
        return Stated(None, None)
    if any(number is None or number != int(number) for number in given):
        return Stated(None, Message("wrong.no_whole_number"))
    return Stated(given[0], None) if len(given) == 1 else Stated(None, Message("wrong.several"))


def numbers_of(values: Iterable[object]) -> list[float] | None:
    """Return all numbers of an attribute, ``None`` where one of them is none."""
    found = [read_number(value) for value in values]
    return None if None in found else [number for number in found if number is not None]


def stated_number(dataset: Dataset, keyword: str) -> float | None:
    """Return the one number that an attribute states, ``None`` where there is none that can be read."""
    return one_number(values_of(dataset, keyword)).value


def stated_whole(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """Return the one whole number that an attribute states, ``default`` where there is none that can be read."""
    value = one_whole(values_of(dataset, keyword)).value
    return default if value is None else int(value)


def stated_word(dataset: Dataset, keyword: str) -> str:
    """Return a coded string in capitals and without spaces around it, empty where there is none or several."""
    values = values_of(dataset, keyword)
    return str(values[0]).strip(" \0").upper() if len(values) == 1 and isinstance(values[0], str) else ""


def _is_time(text: str) -> bool:
    """Return True if hours, minutes and seconds of a date and time are ones of a day (PS3.5 6.2, DT)."""
    found = _TIME.fullmatch(text)
    parts = found.groups() if found is not None else ()
    return all(part is None or int(part) <= most for part, most in zip(parts, _MOST_OF_TIME, strict=True))


def read_date(value: object, *, with_time: bool = False) -> date | None:
    """Return a date written as YYYYMMDD, or YYYY.MM.DD as before DICOM 3.0, else ``None``.

    ``with_time``: the value is a date and time (DT) with an optional offset; the date is the one where it was written.
    A day that no calendar has, or before radiographs were known, is no date.
    """
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        value = f"{value:%Y%m%d}"
    text = str(value if value is not None else "").strip(" \0")
    if with_time:
        text = text[:8] if _DATE_TIME.fullmatch(text) and _is_time(text) else ""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups() if part is not None)
    try:
        return date(year, month, day) if year >= _FIRST_X_RAY else None
    except ValueError:
        return None
