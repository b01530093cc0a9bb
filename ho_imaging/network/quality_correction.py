"""A poor film makes a finding less sure: by how much is fitted and stored with the weights.

The rule is one shift of the logit of a nodule's highest probability ``p``::

    logit(p) - shift,   shift = resolution * r + compression * c + noise * n

``r``: how many times, in doublings, the film resolves less than the network sees (0 where it resolves as much).
``c``: the pattern that JPEG can erase, in hundredths of the grey range (see `Compression.step_grey`). ``n``: noise from
pixel to pixel in hundredths of the grey range. A nodule is reported when what is left reaches the operating threshold,
and its confidence is that of what is left. Coefficients are never negative, so that no fault of a film can make a
finding surer; with zeros nothing changes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ho_imaging.network.calibration import Calibration
from ho_imaging.network.prediction import Prediction
from ho_imaging.preparing.quality import FilmQuality
from ho_imaging.vocabulary import Structure

__all__ = ["QualityCorrection", "features", "lowered", "shift_of", "weigh_quality"]

_MOST_SHIFT = 4.0
"""Of one film: beyond this nothing would be reported at all, and that is for `resolution_low` to say."""

_HUNDREDTHS = 100.0
_HIGHEST_THRESHOLD = 0.9999


class QualityCorrection(BaseModel):
    """Coefficients of the rule; all zero by default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    resolution: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    compression: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    noise: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0


def features(quality: FilmQuality, seen_mm: float) -> tuple[float, float, float]:
    """Return ``r``, ``c`` and ``n`` of a film; what is not known is 0. ``seen_mm``: pixel that the network sees."""
    coarse = 0.0 if quality.resolution_mm is None else max(0.0, math.log2(quality.resolution_mm / seen_mm))
    return coarse, _HUNDREDTHS * (quality.compression.step_grey or 0.0), _HUNDREDTHS * (quality.noise or 0.0)


def shift_of(quality: FilmQuality, seen_mm: float, correction: QualityCorrection) -> float:
    """Return by how much the logit of a nodule's highest probability is lowered on a film; 0 or more."""
    weights = (correction.resolution, correction.compression, correction.noise)
    values = features(quality, seen_mm)
    return min(sum(weight * value for weight, value in zip(weights, values, strict=True)), _MOST_SHIFT)


def weigh_quality(prediction: Prediction, quality: FilmQuality, correction: QualityCorrection) -> Prediction:
    """Return a prediction whose operating threshold and confidence of findings take the film's quality into account.

    Lowering the logit by a shift and comparing it with the threshold is comparing it with a threshold raised by the
    shift; the confidence, ``sigmoid(logit / temperature + bias)``, is that with a bias lowered by shift / temperature.
    """
    shift = shift_of(quality, prediction.prepared.scale.cell_mm, correction)
    threshold = prediction.thresholds.get(Structure.HO)
    if shift == 0.0 or threshold is None:
        return prediction
    raised = lowered(threshold, -shift)
    stated = prediction.finding_confidence
    return replace(
        prediction,
        thresholds={**prediction.thresholds, Structure.HO: min(raised, _HIGHEST_THRESHOLD)},
        outline_threshold=threshold if prediction.outline_threshold is None else prediction.outline_threshold,
        finding_confidence=Calibration(temperature=stated.temperature, bias=stated.bias - shift / stated.temperature),
    )


def lowered(probability: float, shift: float) -> float:
    """Return a probability whose logit is lowered by a shift."""
    if shift == 0.0 or probability <= 0.0:
        return probability
    return 1.0 / (1.0 + (1.0 / probability - 1.0) * math.exp(shift))
