"""Millimetres on a film and what they rest on (DICOM PS3.3 10.7)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from ho_imaging.messages import Message
from ho_imaging.reading.radiograph import QualityFlag, Spacing
from ho_imaging.reading.values import numbers_of, stated_whole, stated_word, values_of
from ho_imaging.vocabulary import SpacingBasis

__all__ = ["LARGEST_EXTENT_MM", "MOST_ANISOTROPY", "NO_SPACING", "aspect_ratio", "read_spacing"]

NO_SPACING = Spacing(None, None, SpacingBasis.NONE, "none")

_PITCH_RANGE_MM = (0.02, 2.0)
LARGEST_EXTENT_MM = 1500.0
"""Larger than any film, and more than can be laid on the network's grid."""
_EXTENT_RANGE_MM = (20.0, LARGEST_EXTENT_MM)
MOST_ANISOTROPY = 2.0
_MOST_MAGNIFICATION = 2.0
_LEAST_MAGNIFICATION = 0.95
"""Pixel Spacing over the detector's by a little more than rounding is still a calibration, not a contradiction."""
_SAME = 0.002
"""Two spacings that differ by less than this share are the same number, rounded differently."""


def read_spacing(  # noqa: PLR0911  (one return a basis)
    dataset: Dataset, shape: tuple[int, int]
) -> tuple[Spacing, tuple[QualityFlag, ...]]:
    """Read the spacing that can be believed, in the patient plane as far as the file allows.

    Pixel Spacing with a calibration, or different from the detector's, is ``calibrated``; the detector's pitch is
    ``detector``, divided by the magnification where that is stated or follows from the distances; Pixel Spacing alone
    is ``assumed``; anything missing, zero, absurd or plainly a placeholder is ``none``.
    """
    flags: list[QualityFlag] = []
    pixel = _pair(dataset, "PixelSpacing", shape, flags)
    imager = _pair(dataset, "ImagerPixelSpacing", shape, flags)
    scanned = _pair(dataset, "NominalScannedPixelSpacing", shape, flags)
    calibration = stated_word(dataset, "PixelSpacingCalibrationType")
    detector, detector_source = (imager, "ImagerPixelSpacing") if imager else (scanned, "NominalScannedPixelSpacing")
    if pixel and calibration in {"GEOMETRY", "FIDUCIAL"}:
        return Spacing(*pixel, SpacingBasis.CALIBRATED, f"PixelSpacing ({calibration})"), tuple(flags)
    if pixel and detector and not _same(pixel, detector):
        implied = max(detector[0] / pixel[0], detector[1] / pixel[1])
        if not _LEAST_MAGNIFICATION <= implied <= _MOST_MAGNIFICATION:
            # A placeholder beside the detector's pitch, or a pitch that was not rescaled with the film.
            flags.append(
                QualityFlag("spacing_contradictory", Message("spacing_contradictory", keyword=detector_source))
            )
            if pixel == (1.0, 1.0):
                return Spacing(*detector, SpacingBasis.DETECTOR, detector_source), tuple(flags)
            return Spacing(*pixel, SpacingBasis.ASSUMED, "PixelSpacing"), tuple(flags)
        return Spacing(*pixel, SpacingBasis.CALIBRATED, f"PixelSpacing (differs from {detector_source})"), tuple(flags)
    if detector:
        magnification, source = _magnification(dataset, flags)
        if magnification is None:
            flags.append(QualityFlag("magnification_unknown"))
            return Spacing(*detector, SpacingBasis.DETECTOR, detector_source), tuple(flags)
        row, column = (value / magnification for value in detector)
        return Spacing(row, column, SpacingBasis.DETECTOR, f"{detector_source} / {source}", magnification), tuple(flags)
    if pixel:
        if _is_placeholder(dataset, pixel):
            flags.append(QualityFlag("spacing_implausible", Message("spacing_placeholder")))
            return NO_SPACING, tuple(flags)
        flags.append(QualityFlag("spacing_assumed"))
        return Spacing(*pixel, SpacingBasis.ASSUMED, "PixelSpacing"), tuple(flags)
    if not flags:
        flags.append(QualityFlag("spacing_missing"))
    return NO_SPACING, tuple(flags)


def aspect_ratio(dataset: Dataset) -> float:
    """Height over width of a pixel by Pixel Aspect Ratio (0028,0034), 1.0 where it is absent or absurd."""
    values = numbers_of(values_of(dataset, "PixelAspectRatio"))
    if values is None or len(values) != 2 or min(values) <= 0.0:
        return 1.0
    ratio = values[0] / values[1]
    return ratio if 1.0 / MOST_ANISOTROPY <= ratio <= MOST_ANISOTROPY else 1.0


def _length(dataset: Dataset, keyword: str) -> float | None:
    values = numbers_of(values_of(dataset, keyword))
    return values[0] if values is not None and len(values) == 1 else None


def _pair(
    dataset: Dataset, keyword: str, shape: tuple[int, int], flags: list[QualityFlag]
) -> tuple[float, float] | None:
    given = values_of(dataset, keyword)
    if not given:
        return None
    values = numbers_of(given)
    row, column = values if values is not None and len(values) == 2 else (0.0, 0.0)
    if values is None or len(values) != 2:
        wrong = Message("wrong.no_pair")
    elif row <= 0.0 or column <= 0.0:
        wrong = Message("wrong.not_positive")
    elif not all(_PITCH_RANGE_MM[0] <= number <= _PITCH_RANGE_MM[1] for number in (row, column)):
        wrong = Message("wrong.pitch", least_mm=_PITCH_RANGE_MM[0], most_mm=_PITCH_RANGE_MM[1])
    elif max(row / column, column / row) > MOST_ANISOTROPY:
        wrong = Message("wrong.anisotropy")
    elif not all(
        _EXTENT_RANGE_MM[0] <= extent <= _EXTENT_RANGE_MM[1] for extent in (row * shape[0], column * shape[1])
    ):
        wrong = Message("wrong.extent")
    else:
        return row, column
    taken = Message("taken.not_believed")
    message = Message("attribute_not_understood", keyword=keyword, wrong=wrong, taken=taken)
    flags.append(QualityFlag("spacing_implausible", message))
    return None


def _same(first: tuple[float, float], second: tuple[float, float]) -> bool:
    return all(abs(a - b) <= _SAME * max(a, b) for a, b in zip(first, second, strict=True))


def _is_placeholder(dataset: Dataset, pixel: tuple[float, float]) -> bool:
    colour = stated_whole(dataset, "SamplesPerPixel", 1) > 1
    secondary = "ConversionType" in dataset or "SecondaryCapture" in str(
        getattr(dataset.get("SOPClassUID"), "name", "")
    )
    return pixel == (1.0, 1.0) and (colour or secondary or not dataset.get("DetectorType"))


def _magnification(dataset: Dataset, flags: list[QualityFlag]) -> tuple[float | None, str]:
    """Magnification from Estimated Radiographic Magnification Factor, else from source distances (PS3.3 C.8.7.10)."""
    stated = _length(dataset, "EstimatedRadiographicMagnificationFactor")
    if stated is not None:
        if 1.0 <= stated <= _MOST_MAGNIFICATION:
            return stated, "EstimatedRadiographicMagnificationFactor"
        flags.append(QualityFlag("magnification_implausible"))
    detector = _length(dataset, "DistanceSourceToDetector")
    patient = _length(dataset, "DistanceSourceToPatient")
    if detector and patient and 1.0 < detector / patient <= _MOST_MAGNIFICATION:
        return detector / patient, "source distances"
    return None, ""
