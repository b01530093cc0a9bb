"""One radiograph through the stages: prepare, network, gate, findings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ho_imaging.errors import OutOfScopeError
from ho_imaging.findings import find_nodules, find_possible_nodules, highest_probabilities, read_anatomy
from ho_imaging.findings.nodules import Surroundings
from ho_imaging.findings.resolution import only_possible
from ho_imaging.gate import check_anatomy, check_region
from ho_imaging.preparing import prepare
from ho_imaging.preparing.quality import film_quality
from ho_imaging.reading import Radiograph
from ho_imaging.results.analysis import FilmAnalysis
from ho_imaging.severity import FilmReading
from ho_imaging.stopwatch import stage
from ho_imaging.vocabulary import SpacingBasis

if TYPE_CHECKING:
    from ho_imaging.findings import Anatomy
    from ho_imaging.network.model_store import Model
    from ho_imaging.network.prediction import Prediction
    from ho_imaging.preparing import Prepared

__all__ = ["look_at"]

_RESCALE_TOLERANCE = 0.12
"""A film without spacing is looked at again when its femoral heads say that its size was wrong by more than this."""

_MOST_RESCALES = 2
_UNSETTLED = 0.25


def look_at(model: Model, radiograph: Radiograph) -> tuple[FilmAnalysis, float | None]:
    """Prepare, predict, find, check showing and scope; without spacing, look again at the size the joints tell.

    Parameters
    ----------
    model
        The loaded model.
    radiograph
        A radiograph that `check_attributes` let through.

    Returns
    -------
    analysis : FilmAnalysis
        What was seen and found.
    scope_probability : float or None
        Probability that the image is in scope; ``None`` without such a gate.

    Raises
    ------
    OutOfScopeError
        If it is shown wrongly, or the model was not made for it.

    """
    from ho_imaging.gate.orientation import shown_wrongly  # noqa: PLC0415  (torch loads only when it is needed)
    from ho_imaging.network.inference import predict  # noqa: PLC0415  (likewise)

    check_region(radiograph, model.description.regions, model.description.name)
    contract = model.description.preparation

    def look(source_pixel_mm: float | None) -> tuple[Prepared, Prediction, Anatomy]:
        with stage("prepare"):
            prepared = prepare(radiograph, contract, source_pixel_mm=source_pixel_mm)
        with stage("network"):
            prediction = predict(model, prepared)
        with stage("findings"):
            return prepared, prediction, read_anatomy(prediction)

    prepared, prediction, anatomy = look(None)
    for _ in range(_MOST_RESCALES):
        if not prepared.scale.is_assumed or anatomy.scale.is_assumed:
            break
        wrong_by = anatomy.scale.cell_mm / prepared.scale.cell_mm
        if abs(wrong_by - 1.0) <= _RESCALE_TOLERANCE or not 0.2 < wrong_by < 5.0:
            break
        prepared, prediction, anatomy = look(wrong_by * contract.pixel_mm / prepared.grid.column_scale)
    if anatomy.scale.basis is SpacingBasis.ANATOMICAL:
        # A scale that the heads did not settle on is none.
        off = anatomy.scale.cell_mm / prepared.scale.cell_mm
        if abs(off - 1.0) > _UNSETTLED:
            anatomy = replace(anatomy, scale=prepared.scale)
    with stage("network"):
        showing = shown_wrongly(model, prediction, anatomy)
    if showing is not None:
        raise OutOfScopeError(showing, path=radiograph.path)
    scope = check_anatomy(prediction, anatomy, model.description.scope_threshold)
    if scope.reason is not None:
        raise OutOfScopeError(scope.reason, path=radiograph.path)
    with stage("findings"):
        quality = film_quality(prepared, anatomy.scale.measured_mm)
        around = Surroundings(prediction, anatomy)
        findings, possible = only_possible(
            find_nodules(prediction, anatomy, around), find_possible_nodules(prediction, anatomy, around), quality
        )
        highest = highest_probabilities(prediction, anatomy)
    reading = FilmReading(prepared, anatomy, findings, possible, highest, quality)
    return FilmAnalysis(prediction, reading), scope.scope_probability
