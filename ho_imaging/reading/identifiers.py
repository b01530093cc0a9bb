"""Statements of a header that tell which order, and whose, a study is: for tables that a hospital joins to its own.

Never logged, and never part of a file name or an error.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from dataclasses import astuple, dataclass

from pydicom.dataset import Dataset

from ho_imaging.messages import Message
from ho_imaging.reading.identity import stated_text
from ho_imaging.reading.values import read_date

__all__ = ["NO_IDENTIFIERS", "UNNAMED_FILE", "StudyIdentifiers", "identifiers_of", "of_one_study"]

_MOST_CHARACTERS = 324
"""Of a value: a Person Name has three groups of at most 64 characters of up to four bytes; the others are shorter."""

_BETWEEN = "\\"
"""Between several values, as in DICOM."""


@dataclass(frozen=True, repr=False)
class StudyIdentifiers:
    """Identifiers of a study; empty where nothing is stated. Dates are written YYYY-MM-DD.

    Several values, where images of one study differ, have a backslash between them, as in DICOM.
    """

    accession_number: str = ""
    patient_id: str = ""
    patient_name: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    study_date: str = ""


UNNAMED_FILE = Message("file_unnamed")
"""Stands for a file where paths are left out."""

NO_IDENTIFIERS = StudyIdentifiers()
"""Of an image that states none, such as a picture file."""


def identifiers_of(dataset: Dataset) -> StudyIdentifiers:
    """Read the identifiers that a header states; what cannot be read, or is no date, is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        return StudyIdentifiers(
            accession_number=_text(dataset, "AccessionNumber"),
            patient_id=_text(dataset, "PatientID"),
            patient_name=_text(dataset, "PatientName").rstrip("^="),
            patient_birth_date=_date(dataset, "PatientBirthDate"),
            patient_sex=_text(dataset, "PatientSex"),
            study_date=_date(dataset, "StudyDate"),
        )


def of_one_study(images: Iterable[StudyIdentifiers]) -> StudyIdentifiers:
    """Return what the images of a study state together: each different value once, in their order."""
    columns = zip(*(astuple(image) for image in images), strict=True)
    return StudyIdentifiers(*(_BETWEEN.join(dict.fromkeys(filter(None, column))) for column in columns))


def _text(dataset: Dataset, keyword: str) -> str:
    text = "".join(
        " " if unicodedata.category(one) in {"Cc", "Cf", "Cs"} else one for one in stated_text(dataset, keyword)
    )
    return " ".join(text.split())[:_MOST_CHARACTERS]


def _date(dataset: Dataset, keyword: str) -> str:
    day = read_date(stated_text(dataset, keyword))
    return "" if day is None else day.isoformat()
