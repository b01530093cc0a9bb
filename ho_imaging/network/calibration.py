"""From logits to probabilities that mean what they say."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AS_IT_IS", "Calibration", "calibrate", "recalibrate"]

_LEAST = 1e-6


class Calibration(BaseModel):
    """Platt's correction of a logit: ``probability = sigmoid(logit / temperature + bias)``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: Annotated[float, Field(gt=0.01, lt=100.0)] = 1.0
    bias: Annotated[float, Field(gt=-50.0, lt=50.0)] = 0.0


AS_IT_IS = Calibration()


def calibrate(logit: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    """Return calibrated probabilities for logits."""
    # In place: a film has three million logits.
    odds = np.divide(logit, -calibration.temperature, dtype=np.float32)
    odds -= np.float32(calibration.bias)
    np.clip(odds, -30.0, 30.0, out=odds)
    np.exp(odds, out=odds)
    odds += np.float32(1.0)
    return np.reciprocal(odds, out=odds)


def recalibrate(probability: float, calibration: Calibration) -> float:
    """Return the calibrated probability for one probability, through its logit."""
    kept = min(max(probability, _LEAST), 1.0 - _LEAST)
    return float(1.0 / (1.0 + np.exp(-(np.log(kept / (1.0 - kept)) / calibration.temperature + calibration.bias))))
