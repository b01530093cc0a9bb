"""True lengths in the patient from lengths measured on a film."""

from __future__ import annotations

from dataclasses import dataclass

from ho_imaging.severity.film import SideView
from ho_imaging.vocabulary import SpacingBasis

__all__ = ["TrueLengths", "true_lengths"]


@dataclass(frozen=True)
class TrueLengths:
    """Factor from a measured length to the true one, and the standard deviation of that factor."""

    factor: float
    sd: float

    def range(self, length_mm: float) -> tuple[float, float]:
        """Return the range, in mm, that holds the true length in nine of ten cases."""
        return length_mm * (self.factor - 1.645 * self.sd), length_mm * (self.factor + 1.645 * self.sd)


_CALIBRATED = TrueLengths(1.0, 0.02)
_ASSUMED = TrueLengths(0.94, 0.08)
_DETECTOR_KNOWN = TrueLengths(1.0, 0.025)


def true_lengths(view: SideView) -> TrueLengths:
    """Return how a side's millimetres relate to true ones, by what they rest on."""
    anatomy = view.film.anatomy
    basis, plan = anatomy.scale.basis, anatomy.plan
    if basis is SpacingBasis.CALIBRATED:
        return _CALIBRATED
    if basis is SpacingBasis.DETECTOR:
        if view.film.prepared.radiograph.spacing.magnification is not None:
            return _DETECTOR_KNOWN
        mean, sd = plan.magnification
        return TrueLengths(1.0 / mean, sd / mean**2)
    if basis is SpacingBasis.ANATOMICAL and plan.landmark is not None:
        return TrueLengths(1.0, plan.landmark.scale_sd)
    return _ASSUMED
