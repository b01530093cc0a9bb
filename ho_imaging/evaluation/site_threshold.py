"""An operating threshold and a confidence of findings for one site, from its own labelled films."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import date

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from ho_imaging.errors import UsageError
from ho_imaging.evaluation.labels import HO
from ho_imaging.evaluation.outcomes import FilmOutcome
from ho_imaging.findings.nodules import POSSIBLE_LEVEL
from ho_imaging.network.calibration import Calibration
from ho_imaging.network.prediction import ModelIdentity
from ho_imaging.network.site import SiteEvidence, SiteFile, SiteModel
from ho_imaging.statistics.intervals import Interval, bootstrap, wilson
from ho_imaging.training.calibration import fit_platt

__all__ = ["LEAST_THRESHOLD", "fit_confidence", "smallest_threshold", "suggest_site"]

logger = logging.getLogger(__name__)

LEAST_THRESHOLD = 0.01
_STEP = 1e-4
_ENOUGH_NEGATIVES = 50
"""With so many a rate of 0.1 is known to within about 0.1."""

_FEW = 10
"""With fewer films of either kind the slope of a calibration cannot be told: the bias alone is fitted."""


def smallest_threshold(scores: Sequence[float], rate: float) -> float:
    """Return the smallest threshold, in steps of 0.0001, that at most a share ``rate`` of the scores reaches.

    1 or more means that no threshold does; without scores, or with all of them allowed, it is `LEAST_THRESHOLD`.
    """
    ordered = sorted(scores, reverse=True)
    allowed = math.floor(rate * len(ordered) + 1e-9)
    if allowed >= len(ordered):
        return LEAST_THRESHOLD
    # Just above the highest score that must not reach it.
    above = math.floor(ordered[allowed] / _STEP + 1e-6) + 1
    return max(round(above * _STEP, 4), LEAST_THRESHOLD)


def fit_confidence(scores: Sequence[float], labels: Sequence[bool], before: Calibration) -> tuple[Calibration, str]:
    """Fit the confidence of findings to films; return it and, in words, what was fitted.

    ``scores`` are the films' highest probabilities. Those below the level of a possible nodule carry no confidence and
    do not count. With few films of either kind only the bias is fitted, to smoothed labels (Platt 1999).
    """
    chosen = [(score, label) for score, label in zip(scores, labels, strict=True) if score >= POSSIBLE_LEVEL]
    values = np.array([score for score, _ in chosen], dtype=np.float64).clip(1e-6, 1.0 - 1e-6)
    truth = np.array([label for _, label in chosen], dtype=bool)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    counted = f"{len(chosen)} films with a score of {POSSIBLE_LEVEL:g} or more, {positives} of them positive"
    if not positives or not negatives:
        return before, f"the model's own ({counted}: nothing to fit)"
    logits = np.log(values / (1.0 - values))
    if min(positives, negatives) >= _FEW:
        return fit_platt(logits, truth), f"temperature and bias ({counted})"
    aimed = positives * (positives + 1) / (positives + 2) + negatives / (negatives + 2)
    bias = brentq(lambda b: float(expit(logits / before.temperature + b).sum()) - aimed, -49.0, 49.0)
    return Calibration(temperature=before.temperature, bias=float(bias)), f"the bias alone ({counted})"


def suggest_site(
    films: Sequence[FilmOutcome],
    *,
    rate: float,
    threshold_before: float,
    confidence_before: Calibration,
    model: ModelIdentity,
    labels_sha256: str,
    program: str,
    seed: int = 0,
) -> SiteFile:
    """Return the site file whose threshold is the smallest at which at most a share ``rate`` of films is outlined.

    Only accepted films labelled ``no`` count for that.

    Raises
    ------
    UsageError
        If there is no accepted film labelled ``no``, or no threshold below 1 does it.

    """
    negatives = _scores(films, HO.NO)
    positives = _scores(films, HO.YES)
    if not negatives:
        raise UsageError(
            "no threshold can be suggested: no film labelled no was accepted", remedy="label films without ossification"
        )
    if len(negatives) < _ENOUGH_NEGATIVES:
        logger.warning(
            "the suggested threshold rests on %d films labelled no: label %d or more", len(negatives), _ENOUGH_NEGATIVES
        )
    threshold = smallest_threshold(negatives, rate)
    if threshold >= 1.0:
        raise UsageError(
            f"no threshold below 1 leaves at most {rate:g} of the films labelled no with an outline",
            remedy="ask for a higher --false-positive-rate",
        )
    confidence, fitted = fit_confidence(
        [*positives, *negatives], [True] * len(positives) + [False] * len(negatives), confidence_before
    )
    drawn = bootstrap(negatives, lambda scores: min(smallest_threshold(scores, rate), 1.0), seed=seed)
    false_before, false_after = (_reaching(negatives, level) for level in (threshold_before, threshold))
    true_before, true_after = (_reaching(positives, level) for level in (threshold_before, threshold))
    has_positives = bool(positives)
    return SiteFile(
        threshold=threshold,
        model=SiteModel(name=model.name, version=model.version, sha256=model.sha256),
        finding_confidence=confidence,
        evidence=SiteEvidence(
            date=date.today(),
            films=len(negatives) + len(positives),
            positives=len(positives),
            negatives=len(negatives),
            false_positive_rate_asked=rate,
            false_positive_rate_before=round(false_before.value, 4),
            false_positive_rate_before_interval=_limits(false_before),
            false_positive_rate_after=round(false_after.value, 4),
            false_positive_rate_after_interval=_limits(false_after),
            sensitivity_before=round(true_before.value, 4) if has_positives else None,
            sensitivity_before_interval=_limits(true_before) if has_positives else None,
            sensitivity_after=round(true_after.value, 4) if has_positives else None,
            sensitivity_after_interval=_limits(true_after) if has_positives else None,
            threshold_before=threshold_before,
            threshold_interval=_limits(drawn),
            finding_confidence_fit=fitted,
            labels_sha256=labels_sha256,
            program=program,
        ),
    )


def _scores(films: Sequence[FilmOutcome], label: HO) -> list[float]:
    return [film.score for film in films if film.accepted and film.ho is label and film.score is not None]


def _reaching(scores: Sequence[float], threshold: float) -> Interval:
    return wilson(sum(score >= threshold for score in scores), len(scores))


def _limits(interval: Interval) -> tuple[float, float]:
    return round(interval.low, 4), round(interval.high, 4)
