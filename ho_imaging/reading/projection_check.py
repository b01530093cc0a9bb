"""Check that a DICOM object is a projection radiograph."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset
from pydicom.uid import XRayAngiographicImageStorage

from ho_imaging.errors import NotARadiographError, ReadError
from ho_imaging.messages import Message
from ho_imaging.reading.classes import FILM_CLASSES, FILM_MODALITIES, class_name, may_be_film
from ho_imaging.reading.own import is_own

__all__ = ["check_is_radiograph"]


def check_is_radiograph(dataset: Dataset) -> None:
    """Refuse what is no projection radiograph, by name.

    Raises
    ------
    NotARadiographError
        For objects without an image and for images of other modalities.

    """
    sop_class = str(dataset.get("SOPClassUID", "") or "")
    name = class_name(sop_class)
    modality = str(dataset.get("Modality", "") or "").upper().strip()
    if not re.fullmatch(r"[A-Z0-9_ ]{0,16}", modality):
        raise ReadError(Message("modality_damaged"))
    if name == "Media Storage Directory Storage" or "DirectoryRecordSequence" in dataset:
        raise NotARadiographError(Message("dicomdir"))
    if is_own(dataset):
        raise NotARadiographError(Message("own_result"))
    if "Rows" not in dataset or "Columns" not in dataset:
        if sop_class in FILM_CLASSES:
            raise ReadError(Message("rows_missing", object=name))
        what = name or modality
        raise NotARadiographError(Message("not_an_image", object=what) if what else Message("no_pixels"))
    # An angiographic image is one where its modality says that it is no angiography.
    is_other = not may_be_film(sop_class, modality) or (sop_class == XRayAngiographicImageStorage and not modality)
    if is_other:
        what = modality if modality and modality not in FILM_MODALITIES else name
        raise NotARadiographError(Message("not_a_projection", object=what))
