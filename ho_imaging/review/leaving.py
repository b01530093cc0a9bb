"""Names of films, studies and readers in an export: as they are, or as pseudonyms by a site's key."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.reading.deidentify import burned_in_warning, deidentify, pseudonym, pseudonym_uid

__all__ = ["Leaving"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)
class Leaving:
    """Names as they leave; without a ``key`` they stay as they are.

    ``burned_in``: films whose header says that text is burned into the picture leave too (a side marker is text).
    """

    key: bytes | None = None
    burned_in: bool = False

    def uid(self, uid: str) -> str:
        """Return the UID of a film or study."""
        return uid if self.key is None else str(pseudonym_uid(self.key, uid))

    def reader(self, name: str) -> str:
        """Return the name of a reader."""
        return name if self.key is None else pseudonym(self.key, "reader-", name)

    def made(self, item: Dataset) -> Dataset:
        """Return a DICOM object that was made of a reading."""
        return item if self.key is None else deidentify(item, self.key)

    def check(self, path: Path) -> None:
        """Refuse a film that may not leave: its header says that text is burned into the picture.

        Raises
        ------
        UsageError
            If it does, or the film is a picture file, of which nothing says what it shows beside the patient.
        ReadError
            If it cannot be read.

        """
        if self.key is None:
            return
        try:
            header = pydicom.dcmread(path, specific_tags=["BurnedInAnnotation", "PixelData"], defer_size=1024)
        except (OSError, pydicom.errors.InvalidDicomError) as error:
            if isinstance(error, pydicom.errors.InvalidDicomError):
                raise UsageError("is not a DICOM image and cannot be de-identified", path=path) from error
            raise ReadError(f"cannot be read: {error.strerror}", path=path) from error
        warning = burned_in_warning(header)
        if str(header.get("BurnedInAnnotation", "")).upper() == "YES" and not self.burned_in:
            raise UsageError("text is burned into the picture", path=path, remedy="look at it; --burned-in takes it")
        if warning is not None:
            logger.warning("%s: %s", path, warning)

    def film(self, path: Path, folder: Path) -> str | None:
        """Return where a film lies for those who get the truth; ``None`` for beside it, as ``film.dcm``."""
        if self.key is None:
            return str(path.resolve())
        deidentify(pydicom.dcmread(path), self.key).save_as(folder / "film.dcm", enforce_file_format=True)
        return None
