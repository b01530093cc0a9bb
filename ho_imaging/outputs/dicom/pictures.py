"""Pictures of a film for its DICOM objects, on the source grid."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from ho_imaging.network.prediction import Prediction
from ho_imaging.outputs.dicom import codes
from ho_imaging.outputs.dicom.objects import FilmPictures
from ho_imaging.outputs.overlay import draw_overlay
from ho_imaging.preparing.resample import probability_to_source
from ho_imaging.reading.read import all_pixels
from ho_imaging.results.schema import StudyResult
from ho_imaging.severity.film import FilmReading
from ho_imaging.vocabulary import Structure

__all__ = ["film_pictures"]


def film_pictures(
    prediction: Prediction,
    reading: FilmReading,
    result: StudyResult,
    *,
    source: Dataset | None = None,
    probability: bool,
    anatomy: bool,
) -> FilmPictures:
    """Draw the overlay of an analysed film and, where asked, bring its maps to the source grid.

    ``source``: the data set that the film was read from, where it came as one.
    """
    grid = prediction.prepared.grid
    masks = {}
    if anatomy:
        for structure in codes.STRUCTURES:
            mask = reading.anatomy.masks.get(structure)
            if mask is not None:
                masks[structure] = probability_to_source(mask.astype(np.float32), grid) >= 0.5
    return FilmPictures(
        probability=probability_to_source(prediction.probabilities[Structure.HO], grid) if probability else None,
        masks=masks,
        overlay=draw_overlay(all_pixels(prediction.prepared.radiograph, source), result, named=False),
    )
