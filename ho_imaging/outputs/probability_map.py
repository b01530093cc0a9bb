"""The map of ectopic bone as a picture on the source grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ho_imaging.network.prediction import Prediction
from ho_imaging.preparing.resample import probability_to_source
from ho_imaging.vocabulary import Structure

__all__ = ["ho_probability_8bit"]


def ho_probability_8bit(prediction: Prediction) -> NDArray[np.uint8]:
    """Probability of ectopic bone on the source grid, uint8 (rows, columns): 0 is none, 255 is certain."""
    probability = probability_to_source(prediction.probabilities[Structure.HO], prediction.prepared.grid)
    return np.asarray(np.rint(np.clip(probability, 0.0, 1.0) * 255.0), dtype=np.uint8)
