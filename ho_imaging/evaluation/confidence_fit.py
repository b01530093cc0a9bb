"""Fit the confidence of findings to simulated and real images together.

Within each kind, images with ectopic bone and images without weigh the same, and so do the kinds: the confidence then
holds where half of the images show ectopic bone, however many there are of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ho_imaging.network.calibration import Calibration, recalibrate
from ho_imaging.statistics.probabilities import BINS
from ho_imaging.training.calibration import fit_platt

__all__ = [
    "Judged",
    "JudgedImage",
    "Reliability",
    "cross_validated",
    "fit_finding_confidence",
    "reliability_of",
    "stated_by",
]

_LEAST = 1e-6
_FOLDS = 8

Values = NDArray[np.float64]


class Judged(NamedTuple):
    """A reported or possible finding: the highest probability in it, and whether it is ectopic bone."""

    peak: float
    is_nodule: bool


@dataclass(frozen=True)
class JudgedImage:
    """An image with all of its reported and possible findings.

    ``patient``: images of one patient are never split in cross-validation. ``kind``: simulated or real.
    ``has_nodules``: whether it shows ectopic bone, found or not.
    """

    patient: str
    kind: str
    has_nodules: bool
    findings: tuple[Judged, ...]


@dataclass(frozen=True)
class Reliability:
    """Weighted calibration of findings.

    ``count``: number of findings. ``stated``, ``true``: mean confidence, and share that is ectopic bone. ``error``:
    expected calibration error over tenths. ``bins``: number, mean confidence and share of each tenth with findings.
    """

    count: int
    stated: float
    true: float
    error: float
    bins: tuple[tuple[int, float, float], ...]


def fit_finding_confidence(images: Sequence[JudgedImage]) -> Calibration:
    """Fit what turns the highest probability of a finding into the probability that it is ectopic bone.

    Parameters
    ----------
    images
        Of each kind, with and without ectopic bone.

    Returns
    -------
    Calibration
        Temperature and bias, by weighted maximum likelihood.

    """
    peaks, truth, weights = _flat(images)
    logits = np.log(peaks / (1.0 - peaks))
    return fit_platt(logits, truth, weights=weights)


def cross_validated(images: Sequence[JudgedImage], *, seed: int = 0) -> list[float]:
    """Return the confidence of each finding by a fit to the images of other patients.

    Parameters
    ----------
    images
        As for `fit_finding_confidence`.
    seed
        Of the order in which patients are put into eight folds.

    Returns
    -------
    list of float
        In the order of the images and their findings.

    """
    patients = sorted({image.patient for image in images})
    order = np.random.default_rng(seed).permutation(len(patients))
    fold = {patients[place]: number % _FOLDS for number, place in enumerate(order)}
    fits = [
        fit_finding_confidence([image for image in images if fold[image.patient] != number]) for number in range(_FOLDS)
    ]
    return [recalibrate(found.peak, fits[fold[image.patient]]) for image in images for found in image.findings]


def stated_by(images: Sequence[JudgedImage], calibration: Calibration) -> list[float]:
    """Return the confidence of each finding by a calibration.

    Parameters
    ----------
    images
        The images.
    calibration
        Of the highest probability in a finding.

    Returns
    -------
    list of float
        In the order of the images and their findings.

    """
    return [recalibrate(found.peak, calibration) for image in images for found in image.findings]


def reliability_of(images: Sequence[JudgedImage], stated: Sequence[float], kind: str) -> Reliability:
    """Return how well the confidence of findings holds on images of one kind.

    Parameters
    ----------
    images
        The images.
    stated
        Confidence of each finding, in the order of the images and their findings.
    kind
        The kind.

    Returns
    -------
    Reliability
        With NaN where the kind has no finding.

    """
    _, truth, weights = _flat(images)
    chosen = np.array([image.kind == kind for image in images for _ in image.findings], dtype=bool)
    values = np.asarray(stated, dtype=np.float64)[chosen]
    truth, weights = truth[chosen], weights[chosen]
    if not len(values):
        return Reliability(0, np.nan, np.nan, np.nan, ())
    tenths = np.minimum((values * BINS).astype(np.int64), BINS - 1)
    bins, error = [], 0.0
    for tenth in np.unique(tenths):
        here = tenths == tenth
        mean, share = (float(np.average(of[here], weights=weights[here])) for of in (values, truth))
        bins.append((int(here.sum()), mean, share))
        error += float(weights[here].sum() / weights.sum()) * abs(mean - share)
    stated_mean, true_share = (float(np.average(of, weights=weights)) for of in (values, truth))
    return Reliability(len(values), stated_mean, true_share, error, tuple(bins))


def _flat(images: Sequence[JudgedImage]) -> tuple[Values, NDArray[np.bool_], Values]:
    """Return peak, truth and weight of each finding; the weights of each kind, with and without, count alike."""
    group = [(image.kind, image.has_nodules) for image in images]
    number = {key: group.count(key) for key in set(group)}
    found = [(judged, 1.0 / number[key]) for image, key in zip(images, group, strict=True) for judged in image.findings]
    peaks = np.array([judged.peak for judged, _ in found], dtype=np.float64).clip(_LEAST, 1.0 - _LEAST)
    truth = np.array([judged.is_nodule for judged, _ in found], dtype=bool)
    weights = np.array([weight for _, weight in found], dtype=np.float64)
    return peaks, truth, weights
