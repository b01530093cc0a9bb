"""Warnings of a study: doubts about grey values, sides and millimetres of its films."""

from __future__ import annotations

from ho_imaging.errors import RefusedError
from ho_imaging.findings.resolution import resolution_flags
from ho_imaging.messages import Message
from ho_imaging.reading import Radiograph
from ho_imaging.reading.grayscale import WINDOW_CLIPS
from ho_imaging.results.analysis import FilmAnalysis
from ho_imaging.vocabulary import Laterality, SpacingBasis, View

__all__ = ["film_warnings", "with_doubts"]

_GREYS_IN_DOUBT = {
    WINDOW_CLIPS: Message("advice.window"),
    "window_misses": Message("advice.window"),
    "window_invalid": Message("advice.window"),
    "voi_lut_invalid": Message("advice.voi_lut"),
    "modality_lut_invalid": Message("advice.modality_lut"),
    "rescale_invalid": Message("advice.rescale"),
    "photometric_invalid": Message("advice.photometric"),
    "polarity_statements_disagree": Message("advice.photometric"),
    "transfer_syntax_wrong": Message("advice.transfer_syntax"),
    "bits_stored_wrong": Message("advice.bits_stored"),
    "pixel_description_invalid": Message("advice.pixel_description"),
}
"""Quality flags that say that greys may not be what was meant, with what can be done."""


def with_doubts(error: RefusedError, radiograph: Radiograph | None) -> RefusedError:
    """Name what makes the greys of a refused film doubtful: the film may be one of a hip all the same."""
    doubts = [flag for flag in radiograph.quality if flag.code in _GREYS_IN_DOUBT] if radiograph is not None else []
    if not doubts:
        return error
    about = Message(
        "greys_in_doubt",
        doubts=tuple(dict.fromkeys(flag.message for flag in doubts)),
        advice=tuple(dict.fromkeys(_GREYS_IN_DOUBT[flag.code] for flag in doubts)),
    )
    return type(error)(error.message.with_also(about), path=error.path)


_SERIOUS = {
    *_GREYS_IN_DOUBT,
    "polarity_contradicts_pixels",
    "laterality_conflict",
    "view_conflict",
    "spacing_contradictory",
    "padding_invalid",
    "orientation_unusual",
    "spacing_implausible",
}


def film_warnings(film: FilmAnalysis) -> list[Message]:
    """Return what a reader of the study must know first; the full list of flags stands with each film."""
    radiograph = film.reading.prepared.radiograph
    found = [flag.message for flag in radiograph.quality if flag.code in _SERIOUS]
    found += [flag.message for flag in resolution_flags(film.reading.quality)]
    stated = radiograph.laterality
    anatomy = film.reading.anatomy
    landmark = anatomy.plan.landmark
    if anatomy.sides.both and stated.value in {Laterality.LEFT, Laterality.RIGHT}:
        found.append(Message("sides_by_place", source=stated.source, side=stated.value))
    if anatomy.sides.both and radiograph.view.value is View.PA and radiograph.columns_run_to is None:
        found.append(Message("sides_of_pa", source=radiograph.view.source))
    if anatomy.scale.basis is SpacingBasis.ANATOMICAL and landmark is not None:
        found.append(landmark.scale_message())
    elif anatomy.scale.is_assumed:
        found.append(Message("no_spacing") if landmark is None else Message("no_mm", landmark=landmark.structure))
    return found
