"""A film read without error: the grader's own mistakes, apart from the network's."""

from __future__ import annotations

import numpy as np

from ho_imaging.evaluation.truth import StudyTruth
from ho_imaging.findings import find_nodules, read_anatomy
from ho_imaging.findings.nodules import GROW_SHARE
from ho_imaging.network.prediction import ModelIdentity, Prediction
from ho_imaging.preparing.prepared import GridMap, Prepared
from ho_imaging.preparing.scale import Scale
from ho_imaging.reading.radiograph import Radiograph, Sourced, Spacing
from ho_imaging.regions import plan_of
from ho_imaging.severity import FilmReading
from ho_imaging.vocabulary import Laterality, Region, SpacingBasis, Structure, View

__all__ = ["read_truth_masks"]


def read_truth_masks(truth: StudyTruth) -> FilmReading:
    """Read the true masks as if a network had drawn them, in the plane of the joint."""
    about, shape = truth.about, truth.nodules.shape
    pixel_mm = float(about["pixel_mm"]) / float(about["magnification"])
    radiograph = Radiograph(
        pixels=np.zeros(shape, dtype=np.float32),
        padding=None,
        spacing=Spacing(pixel_mm, pixel_mm, SpacingBasis.CALIBRATED, "truth"),
        region=Sourced(Region(about["region"]), "truth"),
        view=Sourced(View(about["view"]), "truth"),
        laterality=Sourced(Laterality(about["laterality"]), "truth"),
        study_uid="truth",
        series_uid="truth",
        sop_instance_uid="truth",
        frame=0,
        path=None,
        modality="DX",
    )
    grid = GridMap(shape, shape, 1.0, 0.0, 1.0, 0.0)
    picture = np.zeros(shape, dtype=np.float32)
    prepared = Prepared(radiograph, picture, np.ones(shape, dtype=bool), Scale(pixel_mm, SpacingBasis.CALIBRATED), grid)
    maps = {
        structure: truth.masks[structure].astype(np.float32)
        if structure in truth.masks
        else np.zeros(shape, np.float32)
        for structure in plan_of(Region(about["region"])).structures
    }
    maps[Structure.HO] = (truth.nodules > 0).astype(np.float32)
    # Nodules are outlined at a share of the operating threshold: this one puts the outline on the mask's edge.
    thresholds = dict.fromkeys(maps, 0.5) | {Structure.HO: 0.5 / GROW_SHARE}
    prediction = Prediction(prepared, maps, thresholds, ModelIdentity("truth", "0", "0" * 64), 1.0)
    anatomy = read_anatomy(prediction)
    return FilmReading(prepared, anatomy, find_nodules(prediction, anatomy))
