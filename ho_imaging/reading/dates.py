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

_CLOCKS_APART = timedelta(days=1)
"""Somewhere it is tomorrow already."""

_MOST_APART = timedelta(days=31)
"""An exposure further than this from the date of its study points to a clock that was never set."""


def date_acquired(dataset: Dataset, *, today: date | None = None) -> tuple[date | None, tuple[QualityFlag, ...]]:
    """Return the first date that can be believed, and what makes the others or itself doubtful.

    A date in the future or before the patient's birth is passed over. Values that are no dates at all are passed over
    too, and said with all other values that are not understood (`ho_imaging.reading.attributes`).
    """
    latest = (date.today() if today is None else today) + _CLOCKS_APART
    born = _date(dataset, "PatientBirthDate")
    flags: list[QualityFlag] = []
    found: list[tuple[str, date]] = []
    for keyword in DATE_KEYWORDS:
        day = _date(dataset, keyword)
        if day is None:
            continue
        if day > latest or (born is not None and day < born):
            message = (
                Message("date_in_future", keyword=keyword)
                if day > latest
                else Message("date_before_birth", keyword=keyword)
            )
            flags.append(QualityFlag("date_implausible", message))
            continue
        found.append((keyword, day))
    if not found:
        return None, tuple(flags)
    keyword, day = found[0]
    study = next((other for name, other in found if name == "StudyDate"), day)
    if abs(day - study) > _MOST_APART:
        flags.append(QualityFlag("dates_disagree", Message("dates_disagree", keyword=keyword)))
    return day, tuple(flags)


def _date(dataset: Dataset, keyword: str) -> date | None:
    values = values_of(dataset, keyword)
    return read_date(values[0], with_time=keyword.endswith("DateTime")) if len(values) == 1 else None
