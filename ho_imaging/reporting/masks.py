"""The map of ectopic bone as a picture on the source grid."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import HOImagingError
from ho_imaging.network.prediction import Prediction
from ho_imaging.preparing.resample import probability_to_source
from ho_imaging.vocabulary import Structure

__all__ = ["WriteError", "ho_probability_8bit", "write_png"]


class WriteError(HOImagingError, OSError):
    """A result could not be written."""


def ho_probability_8bit(prediction: Prediction) -> NDArray[np.uint8]:
    """Probability of ectopic bone on the source grid, uint8 (rows, columns): 0 is none, 255 is certain."""
    probability = probability_to_source(prediction.probabilities[Structure.HO], prediction.prepared.grid)
    return np.asarray(np.rint(np.clip(probability, 0.0, 1.0) * 255.0), dtype=np.uint8)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a grey or RGB picture, whole or not at all.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    ordered = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    done, encoded = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise WriteError("could not be encoded as PNG", path=path)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(encoded.tobytes())
        part.replace(path)
    except OSError as error:
        raise WriteError(f"cannot be written: {error.strerror}", path=path, remedy="check space and rights") from error
