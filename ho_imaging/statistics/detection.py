"""Scores of detection and segmentation: matching of candidates with lesions, FROC, Dice.

A candidate is a connected group of pixels above a threshold, scored by its highest probability. It detects a lesion if
it covers at least a tenth of the lesion's area, and is a false positive if less than a tenth of its own area is on any
lesion; where the truth is open it is neither. Sensitivity at a rate of false positives per image follows FROC analysis
(Chakraborty 1989); its mean at 1/8, 1/4, 1/2, 1, 2, 4 and 8 is the competition performance metric (CPM) of LUNA16
(Setio et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CPM_RATES",
    "FilmLesions",
    "Froc",
    "cpm",
    "dice",
    "froc",
    "froc_of",
    "match_lesions",
    "sensitivity_at",
]

CPM_RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

MIN_OVERLAP = 0.1

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FilmLesions:
    """Lesions and false positives of one image.

    ``lesion_scores``: for each true lesion the best score of a candidate that detects it, ``-inf`` without one.
    ``lesion_areas_mm2``: same length. ``false_alarm_scores``: scores of the false positives.
    """

    lesion_scores: NDArray[np.float64]
    lesion_areas_mm2: NDArray[np.float64]
    false_alarm_scores: NDArray[np.float64]
    false_alarm_pixels: tuple[NDArray[np.int64], ...] = ()
    """Flat indices of the pixels of each false positive."""
    missed_centers_rc: tuple[tuple[float, float], ...] = ()
    """Centroid (row, column) of each lesion that no candidate detects."""

    @property
    def film_score(self) -> float:
        """Highest score of any candidate, 0 without one."""
        scores = [*self.lesion_scores[np.isfinite(self.lesion_scores)], *self.false_alarm_scores]
        return float(max(scores, default=0.0))

    @property
    def has_lesion(self) -> bool:
        """True if the image shows a lesion."""
        return bool(len(self.lesion_scores))


@dataclass(frozen=True, eq=False)
class Froc:
    """Free-response curve: an operating point per score, from the highest threshold, which detects nothing, down."""

    thresholds: NDArray[np.float64]
    false_alarms_per_film: NDArray[np.float64]
    sensitivity: NDArray[np.float64]


def match_lesions(
    probability: NDArray[np.float32],
    truth: Mask | NDArray[np.integer],
    *,
    pixel_mm: float,
    ignore: Mask | None = None,
    threshold: float = 0.2,
    min_area_mm2: float = 6.0,
) -> FilmLesions:
    """Match the candidates of a probability map with the true lesions.

    Parameters
    ----------
    probability
        (rows, columns) float32 in [0, 1].
    truth
        (rows, columns) bool mask, whose connected groups of at least ``min_area_mm2`` are the lesions; or int labels
        from 1, all of which are lesions.
    pixel_mm
        Side of a pixel in mm.
    ignore
        (rows, columns) bool, where the truth is open: a candidate with half of its area or more there is no false
        positive.
    threshold
        Threshold of candidates.
    min_area_mm2
        Smaller lesions and candidates do not count.

    Returns
    -------
    FilmLesions
        Scores of lesions and false positives.

    """
    min_px = min_area_mm2 / pixel_mm**2
    if truth.dtype == np.bool_:
        lesions, lesion_px = _components(truth.astype(bool), min_px)
    else:
        lesions = truth.astype(np.int32)
        lesion_px = np.bincount(lesions.ravel(), minlength=1)[1:].astype(np.int64)
    candidates, candidate_px = _components(probability >= threshold, min_px)
    overlap = np.zeros((len(lesion_px) + 1, len(candidate_px) + 1), dtype=np.int64)
    np.add.at(overlap, (lesions, candidates), 1)
    peaks = np.zeros(len(candidate_px) + 1, dtype=np.float64)
    np.maximum.at(peaks, candidates, probability.astype(np.float64))
    finds = overlap[1:, 1:] >= np.maximum(MIN_OVERLAP * lesion_px[:, None], 1)
    scores = np.where(finds, peaks[None, 1:], -np.inf)
    # Every pixel of the mask counts as truth here, also lesions that are too small to count.
    on_truth = np.bincount(candidates[truth > 0], minlength=len(peaks))[1:]
    on_open = np.bincount(candidates[ignore], minlength=len(peaks))[1:] if ignore is not None else 0 * on_truth
    false_alarm = ~finds.any(axis=0) & (on_truth < MIN_OVERLAP * candidate_px) & (on_open < 0.5 * candidate_px)
    flat = candidates.ravel()
    missed = np.flatnonzero(~finds.any(axis=1) & (lesion_px > 0)) + 1
    return FilmLesions(
        missed_centers_rc=tuple(
            (float(rows.mean()), float(columns.mean())) for rows, columns in (np.nonzero(lesions == n) for n in missed)
        ),
        false_alarm_pixels=tuple(np.flatnonzero(flat == number) for number in np.flatnonzero(false_alarm) + 1),
        lesion_scores=scores.max(axis=1, initial=-np.inf),
        lesion_areas_mm2=np.asarray(lesion_px * pixel_mm**2, dtype=np.float64),
        false_alarm_scores=peaks[1:][false_alarm],
    )


def froc(films: Sequence[FilmLesions], *, areas_mm2: tuple[float, float] = (0.0, np.inf)) -> Froc:
    """Return the free-response curve over images.

    Parameters
    ----------
    films
        Matched images.
    areas_mm2
        Restrict to lesions with ``low <= area < high``; all false positives count.

    Returns
    -------
    Froc
        The curve.

    """
    low, high = areas_mm2
    lesions = _joined([film.lesion_scores[_between(film.lesion_areas_mm2, low, high)] for film in films])
    return froc_of(lesions, _joined([film.false_alarm_scores for film in films]), len(films))


def froc_of(lesions: NDArray[np.float64], alarms: NDArray[np.float64], films: int) -> Froc:
    """Return the free-response curve of scores.

    Parameters
    ----------
    lesions
        (lesions,) best score of each lesion, ``-inf`` if not detected.
    alarms
        (false positives,) scores.
    films
        Number of images.

    Returns
    -------
    Froc
        Its sensitivity is NaN without lesions.

    """
    found = lesions[np.isfinite(lesions)]
    thresholds = np.unique(np.concatenate([found, alarms]))[::-1]
    count_found = np.array([(found >= threshold).sum() for threshold in thresholds])
    count_alarms = np.array([(alarms >= threshold).sum() for threshold in thresholds])
    return Froc(
        thresholds=np.concatenate([[np.inf], thresholds]),
        false_alarms_per_film=np.concatenate([[0.0], count_alarms / max(films, 1)]),
        sensitivity=np.concatenate([[0.0], count_found]) / (len(lesions) or np.nan),
    )


def sensitivity_at(curve: Froc, false_alarms_per_film: float) -> float:
    """Return the highest sensitivity with at most a given rate of false positives.

    Parameters
    ----------
    curve
        Free-response curve.
    false_alarms_per_film
        False positives per image.

    Returns
    -------
    float
        In [0, 1]; NaN without lesions.

    """
    allowed = curve.false_alarms_per_film <= false_alarms_per_film
    return float(curve.sensitivity[allowed].max())


def cpm(curve: Froc) -> float:
    """Return the competition performance metric: the mean sensitivity at 1/8 to 8 false positives per image.

    Parameters
    ----------
    curve
        Free-response curve.

    Returns
    -------
    float
        In [0, 1]; NaN without lesions.

    """
    return float(np.mean([sensitivity_at(curve, rate) for rate in CPM_RATES]))


def dice(found: Mask, truth: Mask) -> float:
    """Return the Dice coefficient of two masks.

    Parameters
    ----------
    found, truth
        (rows, columns) bool.

    Returns
    -------
    float
        In [0, 1]; 1 if both are empty.

    """
    total = int(found.sum()) + int(truth.sum())
    return 1.0 if total == 0 else 2.0 * int((found & truth).sum()) / total


def _components(mask: Mask, min_px: float) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Label the 8-connected groups of at least ``min_px`` from 1; return labels and the area of each group."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA].astype(np.int64)
    kept = areas >= min_px
    kept[0] = False
    renumbered = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return renumbered[labels], areas[kept]


def _between(areas: NDArray[np.float64], low: float, high: float) -> Mask:
    return (areas >= low) & (areas < high)


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.empty(0), *parts])
