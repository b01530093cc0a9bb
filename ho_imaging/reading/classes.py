"""DICOM objects that may hold a projection radiograph: one list for reading, fetching and receiving."""

from __future__ import annotations

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalIntraOralXRayImageStorageForPresentation,
    DigitalIntraOralXRayImageStorageForProcessing,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
)

__all__ = ["FILM_CLASSES", "FILM_MODALITIES", "class_name", "may_be_film"]

FILM_MODALITIES = frozenset({"CR", "DX", "RF", "RG", "SC", "OT", "PX", "IO", "MG", "DR", "RX", "CX"})
"""Modalities of series that may hold a radiograph."""

FILM_CLASSES: tuple[UID, ...] = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
    XRayRadiofluoroscopicImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    DigitalIntraOralXRayImageStorageForPresentation,
    DigitalIntraOralXRayImageStorageForProcessing,
    XRayAngiographicImageStorage,
)
"""Standard SOP classes (PS3.6 A) that may hold one; some mobile C-arms write theirs (RF) as angiographic images."""


def may_be_film(sop_class: str, modality: str) -> bool:
    """Return True unless SOP class or modality say that an object is no projection radiograph.

    An empty class or modality is not known. A private class has no name in the standard and may be anything.
    """
    modality = modality.strip().upper()
    if modality and modality not in FILM_MODALITIES:
        return False
    return not sop_class or sop_class in FILM_CLASSES or not class_name(sop_class)


def class_name(sop_class: str) -> str:
    """Name a SOP class as the standard does; empty for a private one."""
    return UID_dictionary.get(sop_class, ("",))[0]
