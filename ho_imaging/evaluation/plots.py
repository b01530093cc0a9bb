"""Plots of a validation as PNG: ROC curve, reliability, decision curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ho_imaging.evaluation.labels import HO
from ho_imaging.evaluation.outcomes import FilmOutcome
from ho_imaging.evaluation.validation_figures import judged
from ho_imaging.evaluation.validation_schema import ValidationFigures
from ho_imaging.plotting import new_axes, to_png
from ho_imaging.statistics.roc import roc_curve

__all__ = ["draw_plots"]


def draw_plots(figures: ValidationFigures, films: Sequence[FilmOutcome]) -> Mapping[str, bytes]:
    """Return the plots that there is anything for, by file name; raises `UsageError` without matplotlib."""
    found: dict[str, bytes] = {}
    group = figures.all
    if group.accepted_yes and group.accepted_no:
        found["roc.png"] = _roc(figures, films)
        found["decision_curve.png"] = _decision(figures)
    if group.film_confidence.items:
        found["reliability.png"] = _reliability(figures)
    return found


def _roc(figures: ValidationFigures, films: Sequence[FilmOutcome]) -> bytes:
    figure, axes = new_axes((4.8, 4.2), 120)
    known = judged(films)
    rates, sensitivities, _ = roc_curve([film.score or 0.0 for film in known], [film.ho is HO.YES for film in known])
    area = figures.all.auc.value
    axes.plot([0, 1], [0, 1], color="0.75", linewidth=1)
    axes.plot(rates, sensitivities, label="" if area is None else f"AUC {area:.2f}")
    now = figures.all.false_positive_rate.value, figures.all.sensitivity.value
    axes.plot(*([value] for value in now), "o", color="#b35900", label=f"operating threshold {figures.threshold:g}")
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="films labelled no that are outlined",
        ylabel="films labelled yes that are outlined",
        title=f"ROC curve ({figures.all.accepted_yes} yes, {figures.all.accepted_no} no)",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return to_png(figure)


def _reliability(figures: ValidationFigures) -> bytes:
    figure, axes = new_axes((4.8, 4.2), 120)
    bins = figures.all.film_confidence.reliability
    axes.plot([0, 1], [0, 1], color="0.75", linewidth=1)
    values = [found.true.value or 0.0 for found in bins]
    below = [value - (found.true.low or 0.0) for value, found in zip(values, bins, strict=True)]
    above = [(found.true.high or 0.0) - value for value, found in zip(values, bins, strict=True)]
    stated = [found.stated for found in bins]
    axes.errorbar(stated, values, yerr=[below, above], fmt="o", capsize=3)
    for found, x, y in zip(bins, stated, values, strict=True):
        axes.annotate(str(found.count), (x, y), xytext=(5, 5), textcoords="offset points", fontsize=8, color="0.35")
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="confidence stated",
        ylabel="share labelled yes",
        title="Reliability (number of films at each point)",
    )
    axes.grid(alpha=0.3)
    return to_png(figure)


def _decision(figures: ValidationFigures) -> bytes:
    figure, axes = new_axes((4.8, 4.2), 120)
    points = figures.all.decision_curve
    probabilities = [point.probability for point in points]
    share = figures.all.accepted_yes / (figures.all.accepted_yes + figures.all.accepted_no)
    axes.plot(probabilities, [point.model for point in points], label="the program")
    axes.plot(probabilities, [point.all for point in points], "--", color="0.45", label="act on every film")
    axes.axhline(0.0, color="0.7", linewidth=1, label="act on none")
    axes.set(
        xlim=(0, 1),
        ylim=(-max(share, 0.05), max(1.25 * share, 0.05)),
        xlabel="threshold probability",
        ylabel="net benefit (share of films)",
        title="Decision curve",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
    return to_png(figure)
