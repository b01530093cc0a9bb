"""What the millimetres of an object rest on, in the words that all objects of a study share."""

from __future__ import annotations

from pydicom.dataset import Dataset

from ho_imaging.results.schema import ImageResult
from ho_imaging.vocabulary import SpacingBasis

__all__ = ["basis_words", "state_calibration"]

_WORDS = {
    SpacingBasis.CALIBRATED: "calibrated pixel spacing of the film",
    SpacingBasis.DETECTOR: "pixel pitch at the detector",
    SpacingBasis.ANATOMICAL: "scaled to femoral heads of usual size",
    SpacingBasis.ASSUMED: "assumed spacing, reliability not known",
    SpacingBasis.NONE: "no believable spacing, sizes in pixels",
}
"""At most 64 characters with the magnification behind them, as a long string asks (PS3.5 6.2, LO)."""


def basis_words(image: ImageResult) -> str:
    """Return what the millimetres of an image's measures rest on, in at most 64 characters of ASCII."""
    basis = SpacingBasis(image.measured_basis)
    words = _WORDS[basis]
    if basis is not SpacingBasis.DETECTOR:
        return words
    if image.magnification is None:
        return f"{words}, magnification not known"
    return f"{words} over magnification {image.magnification:.4g}"


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
