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
_NO_MAGNIFICATION = 1.01
"""Up to this a magnification is 1, rounded: no joint lies so near to the detector, so nobody entered it."""
_LEAST_MAGNIFICATION = 0.95
"""Pixel Spacing over the detector's by a little more than rounding is still a calibration, not a contradiction."""
_SAME = 0.002
"""Two spacings that differ by less than this share are the same number, rounded differently."""
_AXES_APART = 0.02
"""A magnification is the same along rows and columns, but for rounding."""
_FACTORS_APART = 0.1
"""Two magnifications that differ by less may be those of two depths in the patient."""
_SCREEN_PITCHES_MM = (25.4 / 72.0, 25.4 / 96.0)
"""Of programs that take a picture's resolution for a film's."""


def read_spacing(dataset: Dataset, shape: tuple[int, int]) -> tuple[Spacing, tuple[QualityFlag, ...]]:
    """Read the spacing that can be believed, in the patient plane as far as the file allows.

    Pixel Spacing that differs from the detector's by a believable magnification, or has a calibration type, is
    ``calibrated``; the detector's pitch is ``detector``, divided by the magnification where that is stated or follows
    from the distances; Pixel Spacing alone is ``assumed``; anything missing, zero, absurd or plainly a placeholder is
    ``none``. Statements that contradict each other are flagged.
    """
    flags: list[QualityFlag] = []
    pixel = _pair(dataset, "PixelSpacing", shape, flags)
    imager = _pair(dataset, "ImagerPixelSpacing", shape, flags)
    scanned = _pair(dataset, "NominalScannedPixelSpacing", shape, flags)
    if imager and scanned and not _same(imager, scanned):
        flags.append(
            _contradiction(Message("spacings_differ", taken="ImagerPixelSpacing", other="NominalScannedPixelSpacing"))
        )
    detector, source = (imager, "ImagerPixelSpacing") if imager else (scanned, "NominalScannedPixelSpacing")
    stated = pixel or detector
    if stated is not None and _contradicts_aspect(dataset, stated):
        flags.append(QualityFlag("aspect_ratio_invalid", Message("aspect_ratio_contradicts")))
    calibration = stated_word(dataset, "PixelSpacingCalibrationType")
    calibration = calibration if calibration in {"GEOMETRY", "FIDUCIAL"} else ""
    if pixel and detector and not _same(pixel, detector):
        spacing = _differing(dataset, pixel, detector, (source, calibration), flags)
    elif detector and not (pixel and calibration):
        spacing = _of_detector(dataset, detector, source, flags)
    elif pixel and calibration:
        if detector:
            # Values that were calibrated differ from the detector's (PS3.3 10.7.1.1), unless by chance.
            flags.append(_contradiction(Message("calibration_without_change", keyword=source)))
        spacing = Spacing(*pixel, SpacingBasis.CALIBRATED, f"PixelSpacing ({calibration})")
    elif pixel:
        spacing = _alone(dataset, pixel, flags)
    else:
        spacing = NO_SPACING
        flags = flags or [QualityFlag("spacing_missing")]
    return spacing, tuple(flags)


def _differing(
    dataset: Dataset,
    pixel: tuple[float, float],
    detector: tuple[float, float],
    said: tuple[str, str],
    flags: list[QualityFlag],
) -> Spacing:
    """Judge Pixel Spacing beside another pitch of the detector; ``said``: that pitch's keyword, and the calibration."""
    source, calibration = said
    implied = [pitch / spacing for pitch, spacing in zip(detector, pixel, strict=True)]
    if max(implied) > (1.0 + _AXES_APART) * min(implied) or not all(
        _LEAST_MAGNIFICATION <= factor <= _MOST_MAGNIFICATION for factor in implied
    ):
        # A placeholder beside the detector's pitch, axes exchanged, or a pitch that was not rescaled with the film.
        flags.append(_contradiction(Message("spacing_contradictory", keyword=source)))
        if pixel == (1.0, 1.0):
            return Spacing(*detector, SpacingBasis.DETECTOR, source)
        return Spacing(*pixel, SpacingBasis.ASSUMED, "PixelSpacing")
    factor, _ = _magnification(dataset, flags)
    # An object of known size may lie at another depth than the one whose magnification is stated.
    if factor is not None and calibration != "FIDUCIAL" and not _near(factor, implied[0]):
        flags.append(_contradiction(Message("magnification_contradicts", keyword=source)))
    why = calibration or f"differs from {source}"
    return Spacing(*pixel, SpacingBasis.CALIBRATED, f"PixelSpacing ({why})")


def _of_detector(dataset: Dataset, detector: tuple[float, float], source: str, flags: list[QualityFlag]) -> Spacing:
    """Bring the detector's pitch into the patient where the file states a magnification."""
    magnification, factor = _magnification(dataset, flags)
    if magnification is None:
        flags.append(QualityFlag("magnification_unknown"))
        return Spacing(*detector, SpacingBasis.DETECTOR, source)
    row, column = (value / magnification for value in detector)
    return Spacing(row, column, SpacingBasis.DETECTOR, f"{source} / {factor}", magnification)


def _alone(dataset: Dataset, pixel: tuple[float, float], flags: list[QualityFlag]) -> Spacing:
    if _is_placeholder(dataset, pixel):
        flags.append(QualityFlag("spacing_implausible", Message("spacing_placeholder")))
        return NO_SPACING
    if _is_screen_pitch(dataset, pixel):
        flags.append(QualityFlag("spacing_implausible", Message("spacing_of_screen")))
        return NO_SPACING
    flags.append(QualityFlag("spacing_assumed"))
    return Spacing(*pixel, SpacingBasis.ASSUMED, "PixelSpacing")


def _contradiction(message: Message) -> QualityFlag:
    return QualityFlag("spacing_contradictory", message)


def _contradicts_aspect(dataset: Dataset, spacing: tuple[float, float]) -> bool:
    """Return True if Pixel Aspect Ratio differs from that of the spacing, beside which it has no place.

    It is for images whose spacing is not stated (PS3.3 C.7.6.3.1.7).
    """
    values = numbers_of(values_of(dataset, "PixelAspectRatio"))
    if values is None or len(values) != 2 or min(values) <= 0.0:
        return False
    return abs(values[0] / values[1] * spacing[1] / spacing[0] - 1.0) > _AXES_APART


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


def _near(factor: float, other: float) -> bool:
    return abs(factor - other) <= _FACTORS_APART * max(factor, other)


def _is_placeholder(dataset: Dataset, pixel: tuple[float, float]) -> bool:
    colour = stated_whole(dataset, "SamplesPerPixel", 1) > 1
    return pixel == (1.0, 1.0) and (colour or _is_secondary(dataset) or not dataset.get("DetectorType"))


def _is_screen_pitch(dataset: Dataset, pixel: tuple[float, float]) -> bool:
    return _is_secondary(dataset) and any(_same(pixel, (pitch, pitch)) for pitch in _SCREEN_PITCHES_MM)


def _is_secondary(dataset: Dataset) -> bool:
    return "ConversionType" in dataset or "Secondary Capture" in str(getattr(dataset.get("SOPClassUID"), "name", ""))


def _magnification(dataset: Dataset, flags: list[QualityFlag]) -> tuple[float | None, str]:
    """Magnification from Estimated Radiographic Magnification Factor, else from source distances (PS3.3 C.8.7.10).

    One of 1 stands for one that nobody entered: no joint lies on the detector.
    """
    stated = _length(dataset, "EstimatedRadiographicMagnificationFactor")
    measured = _by_distances(dataset, flags)
    if stated is not None and not 1.0 <= stated <= _NO_MAGNIFICATION:
        if _NO_MAGNIFICATION < stated <= _MOST_MAGNIFICATION:
            if measured is not None and not _near(stated, measured):
                flags.append(QualityFlag("magnification_implausible", Message("magnification_disagrees")))
            return stated, "EstimatedRadiographicMagnificationFactor"
        flags.append(QualityFlag("magnification_implausible"))
    return measured, "source distances"


def _by_distances(dataset: Dataset, flags: list[QualityFlag]) -> float | None:
    """Return the magnification that the distances state; zero stands for a distance that was not measured."""
    detector, patient = (
        _length(dataset, keyword) for keyword in ("DistanceSourceToDetector", "DistanceSourceToPatient")
    )
    if not detector or not patient:
        return None
    if min(detector, patient) > 0.0 and 1.0 <= detector / patient <= _MOST_MAGNIFICATION:
        return detector / patient if detector / patient > _NO_MAGNIFICATION else None
    flags.append(QualityFlag("magnification_implausible", Message("distances_implausible")))
    return None
