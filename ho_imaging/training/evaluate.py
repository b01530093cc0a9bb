"""Score a model on films it has never seen: simulated test cases, each exposed once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ho_imaging.errors import UsageError
from ho_imaging.network.inference import calibrate, predict_logits
from ho_imaging.network.model_store import Model
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, Split, list_cases, read_case
from ho_imaging.training.films import FilmMaker, simulate_film
from ho_imaging.training.scoring import CPM_RATES, FilmLesions, auroc, cpm, dice, froc, match_lesions, sensitivity_at
from ho_imaging.training.validation import spread
from ho_imaging.vocabulary import Structure

__all__ = ["SIZE_CLASSES_MM2", "Evaluation", "evaluate_cases"]

SIZE_CLASSES_MM2 = {"small": (0.0, 50.0), "medium": (50.0, 400.0), "large": (400.0, float("inf"))}
"""Projected areas: 50 mm2 is a disc of 8 mm, 400 mm2 one of 23 mm."""


@dataclass(frozen=True)
class Evaluation:
    """What a model reached. Rates of false alarms are per film; medians are over the films that show the structure.

    ``film_auroc`` tells films with HO from films without by the highest HO probability; ``scope_auroc`` films in scope
    from others. NaN where a score has no films to stand on.
    """

    model: str
    films: int
    lesions: int
    cpm: float
    sensitivity_at_false_alarms: dict[str, float]
    sensitivity_by_size_at_one_false_alarm: dict[str, float]
    lesions_by_size: dict[str, int]
    film_auroc: float
    scope_auroc: float
    median_dice: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """Give the scores as JSON-able data, ``None`` for NaN."""
        return {key: _without_nan(value) for key, value in asdict(self).items()}


def evaluate_cases(
    model: Model,
    folder: Path,
    *,
    split: Split = "test",
    limit: int | None = None,
    seed: int = 1,
    make_film: FilmMaker = simulate_film,
) -> Evaluation:
    """Score a model on the cases of a split, all or ``limit`` of them spread over the set."""
    paths = list_cases(folder, split)
    if limit is not None:
        paths = spread(paths, limit)
    if not paths:
        raise UsageError(f'holds no cases of split "{split}"', path=folder, remedy="simulate some")
    description = model.description
    matched: list[FilmLesions] = []
    dices: dict[str, list[float]] = {str(structure): [] for structure in description.structures}
    scopes: list[float] = []
    in_scope: list[bool] = []
    for index, path in enumerate(paths):
        case = read_case(path)
        film = make_film(case, np.random.default_rng([seed, index]))
        logits, scope = predict_logits(model.net, film.pixels, film.valid)
        scopes.append(scope)
        in_scope.append(case.info.scope)
        is_open = (film.bits >> IGNORE_BIT & 1).astype(bool)
        for structure, logit in zip(description.structures, logits, strict=True):
            counts = film.valid & ~is_open if structure is Structure.HO else film.valid
            truth = (film.bits >> MASK_BITS[structure] & 1).astype(bool) & counts
            probability = calibrate(logit, description.calibration[structure])
            if truth.any():
                dices[str(structure)].append(dice((probability >= description.thresholds[structure]) & counts, truth))
            if structure is Structure.HO:
                probability[~film.valid] = 0.0
                matched.append(match_lesions(probability, truth, pixel_mm=case.info.pixel_mm, ignore=is_open))
    curve = froc(matched)
    # The operating point is one for all sizes: false alarms have no size class of their own.
    allowed = curve.false_alarms_per_film <= 1.0
    threshold = float(curve.thresholds[allowed].min())
    by_size, counts_by_size = {}, {}
    for name, (low, high) in SIZE_CLASSES_MM2.items():
        scores = np.concatenate(
            [film.lesion_scores[(film.lesion_areas_mm2 >= low) & (film.lesion_areas_mm2 < high)] for film in matched]
        )
        by_size[name] = float(np.mean(scores >= threshold)) if len(scores) else float("nan")
        counts_by_size[name] = len(scores)
    return Evaluation(
        model=f"{description.name} {description.version}",
        films=len(matched),
        lesions=sum(counts_by_size.values()),
        cpm=cpm(curve),
        sensitivity_at_false_alarms={f"{rate:g}": sensitivity_at(curve, rate) for rate in CPM_RATES},
        sensitivity_by_size_at_one_false_alarm=by_size,
        lesions_by_size=counts_by_size,
        film_auroc=auroc([film.film_score for film in matched], [film.has_lesion for film in matched]),
        scope_auroc=auroc(scopes, in_scope),
        median_dice={name: float(np.median(values)) if values else float("nan") for name, values in dices.items()},
    )


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value
