"""Prediction of the network: a probability map per structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ho_imaging.network.calibration import AS_IT_IS, Calibration
from ho_imaging.preparing.prepared import Prepared
from ho_imaging.vocabulary import Structure

__all__ = ["ModelIdentity", "Prediction", "SiteIdentity"]


@dataclass(frozen=True)
class SiteIdentity:
    """Identity of a site file: SHA-256 of the file, in hex, and its operating threshold of ectopic bone."""

    sha256: str
    threshold: float


@dataclass(frozen=True)
class ModelIdentity:
    """Identity of the weights of a prediction; ``sha256``: of the weights file, in hex. ``site``: of the site file."""

    name: str
    version: str
    sha256: str
    site: SiteIdentity | None = None


@dataclass(frozen=True, eq=False)
class Prediction:
    """Probability maps on the prepared grid.

    ``probabilities[structure]``: (rows, columns) float32 in [0, 1], calibrated; maps overlap. ``thresholds`` gives
    the operating threshold of each structure. ``scope_probability``: calibrated probability that the film is of the
    kind the model was made for, ``None`` from a model without that judgement; ``scope_logit``: the raw logit behind it.
    ``finding_confidence`` turns the highest probability in a nodule into the probability that it is one.
    ``outline_threshold``: the model's own threshold of ectopic bone, which outlines are drawn by where a site file
    raises the operating one, so that measures stay comparable; ``None``: the operating one.
    """

    prepared: Prepared
    probabilities: Mapping[Structure, NDArray[np.float32]]
    thresholds: Mapping[Structure, float]
    model: ModelIdentity
    scope_probability: float | None = None
    scope_logit: float | None = None
    finding_confidence: Calibration = AS_IT_IS
    outline_threshold: float | None = None
