"""Basis of the millimetres of an object, in the words that all objects of a study share."""

from __future__ import annotations

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.valuerep import DS

from ho_imaging.outputs.dicom import codes
from ho_imaging.results.schema import ImageResult
from ho_imaging.vocabulary import SpacingBasis

__all__ = ["basis_code", "basis_words", "state_calibration", "state_presentation_spacing"]


def basis_words(image: ImageResult) -> str:
    """Return what the millimetres of an image's measures rest on, in at most 64 characters of ASCII (PS3.5 6.2, LO)."""
    basis = SpacingBasis(image.measured_basis)
    words = str(codes.BASES[basis].meaning)
    if basis is not SpacingBasis.DETECTOR:
        return words
    if image.magnification is None:
        return f"{words}, magnification not known"
    return f"{words} over magnification {image.magnification:.4g}"


def basis_code(image: ImageResult) -> CodedConcept:
    """Return the same as a code, with the words beside it."""
    return codes.named(codes.BASES[SpacingBasis(image.measured_basis)], basis_words(image))


def state_presentation_spacing(made: Dataset, image: ImageResult, source: Dataset) -> None:
    """State the size of a pixel where it is believable, else the shape of one (PS3.3 C.10.4)."""
    for area in made.DisplayedAreaSelectionSequence:
        if image.measured_spacing_mm is not None:
            area.pop("PresentationPixelAspectRatio", None)
            area.PresentationPixelSpacing = [DS(size_mm, auto_format=True) for size_mm in image.measured_spacing_mm]
            continue
        stated = source.get("PixelAspectRatio")
        if stated is not None and len(stated) == 2 and all(int(part) > 0 for part in stated):
            area.PresentationPixelAspectRatio = [int(part) for part in stated]


def state_calibration(item: Dataset, image: ImageResult, source: Dataset) -> None:
    """State beside a spacing what it rests on (PS3.3 10.7.1.3): type, where there is one, and words.

    FIDUCIAL and GEOMETRY say how a spacing was corrected. A scale by femoral heads is none of them: nobody has measured
    those heads.
    """
    basis = SpacingBasis(image.measured_basis)
    stated = str(source.get("PixelSpacingCalibrationType") or "")
    if basis is SpacingBasis.CALIBRATED and stated in {"FIDUCIAL", "GEOMETRY"}:
        item.PixelSpacingCalibrationType = stated
    elif basis is SpacingBasis.DETECTOR and image.magnification is not None:
        item.PixelSpacingCalibrationType = "GEOMETRY"
    item.PixelSpacingCalibrationDescription = basis_words(image)
