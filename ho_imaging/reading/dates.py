"""When a film was taken, as far as its dates can be believed."""

from __future__ import annotations

from datetime import date, timedelta

from pydicom.dataset import Dataset

from ho_imaging.messages import Message
from ho_imaging.reading.radiograph import QualityFlag
from ho_imaging.reading.values import read_date, values_of

__all__ = ["DATE_FLAGS", "DATE_KEYWORDS", "date_acquired"]

DATE_KEYWORDS = ("AcquisitionDate", "AcquisitionDateTime", "ContentDate", "SeriesDate", "StudyDate")
"""From the most exact one to the least."""

DATE_FLAGS = frozenset({"date_invalid", "date_implausible", "dates_disagree"})
"""Codes that say that an interval between films may rest on a wrong date."""

_NEVER_SET = frozenset({date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1), date(1970, 1, 1), date(1980, 1, 1)})
"""Days from which programs and clocks count: they stand where nobody set a date."""

_CLOCKS_APART = timedelta(days=1)
"""Somewhere it is tomorrow already."""

_MOST_APART = timedelta(days=31)
"""An exposure further than this from the date of its study points to a clock that was never set."""


def date_acquired(dataset: Dataset, *, today: date | None = None) -> tuple[date | None, tuple[QualityFlag, ...]]:
    """Return the first date that can be believed, and what makes the others or itself doubtful.

    A date in the future, before the patient's birth, or from which clocks count is passed over. Values that are no
    dates at all are passed over too, and said with all other values that are not understood
    (`ho_imaging.reading.attributes`).
    """
    latest = (date.today() if today is None else today) + _CLOCKS_APART
    born = _date(dataset, "PatientBirthDate")
    flags: list[QualityFlag] = []
    found: list[tuple[str, date]] = []
    for keyword in DATE_KEYWORDS:
        day = _date(dataset, keyword)
        if day is None:
            continue
        wrong = _wrong(keyword, day, latest, born)
        if wrong is not None:
            flags.append(QualityFlag("date_implausible", wrong))
            continue
        found.append((keyword, day))
    if not found:
        return None, tuple(flags)
    keyword, day = found[0]
    study = next((other for name, other in found if name == "StudyDate"), day)
    if abs(day - study) > _MOST_APART:
        flags.append(QualityFlag("dates_disagree", Message("dates_disagree", keyword=keyword)))
    return day, tuple(flags)


def _wrong(keyword: str, day: date, latest: date, born: date | None) -> Message | None:
    """Return what is wrong with the date of an exposure."""
    if day > latest:
        return Message("date_in_future", keyword=keyword)
    if born is not None and day < born:
        return Message("date_before_birth", keyword=keyword)
    return Message("date_never_set", keyword=keyword) if day in _NEVER_SET else None


def _date(dataset: Dataset, keyword: str) -> date | None:
    values = values_of(dataset, keyword)
    return read_date(values[0], with_time=keyword.endswith("DateTime")) if len(values) == 1 else None
