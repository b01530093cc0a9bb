"""Error of growth measured on films, and the constants of the interval that fit it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize
from scipy.stats import t as student

from ho_imaging.progression.growth import (
    CONSTANTS,
    LEAST_MM2,
    MARGIN_MM2,
    MARGIN_SHARE,
    Areas,
    Constants,
    Growth,
    estimate,
    growth_of,
    spread_of,
    verdict_on,
)
from ho_imaging.statistics.intervals import wilson

__all__ = ["SideRecord", "fit_constants", "growth_figures"]

_TAILS = 4
"""Degrees of freedom of the errors: a network that misses half a nodule makes long tails."""

_START = (0.0, *np.log([0.08, 0.08, 0.08, 0.08]))
"""Constants that the fit starts from, and is pulled to where the sides say little: the weight's logit, logarithms."""

_PULL = 0.02
_LEAST_SIDES = 20
_COVERAGE = 0.95
_SIZES = np.arange(0.0, 1.001, 0.05)
_FOLDS = 10
_UNCHANGED, _LITTLE, _HALF = 0.05, 0.20, 0.50
"""Growth up to which a side is unchanged, up to which it has grown little, and beyond which by half."""


class SideRecord(BaseModel):
    """One side of a pair: its areas as read, and its true ones on the same scale (mm² of the earlier film).

    ``held_back``: its grade rose or a nodule is on the later film only, so no interval makes it stable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: str
    true_mm2: tuple[float, float]
    whole: tuple[float, float]
    shared: tuple[float, float]
    faint: float
    outside: float
    matched: float
    blur: float
    unlike: float
    held_back: bool

    @property
    def areas(self) -> Areas:
        """Its areas as the comparison reads them."""
        return Areas(self.whole, self.shared, self.faint, self.outside, self.matched, self.blur, self.unlike)

    @property
    def change_mm2(self) -> float:
        """Its true change in mm²."""
        return self.true_mm2[1] - self.true_mm2[0]

    @property
    def true_growth(self) -> float:
        """True area later over earlier, less one; of bone that was not there before as if it were 20 mm²."""
        return self.change_mm2 / max(self.true_mm2[0], LEAST_MM2)

    @property
    def beyond_margin(self) -> bool:
        """Return whether it has truly changed by more than the margin of verdicts."""
        return abs(self.change_mm2) > max(MARGIN_SHARE * self.true_mm2[0], MARGIN_MM2)

    @property
    def has_bone(self) -> bool:
        """Return whether there is ectopic bone, or the program says so."""
        return max(*self.true_mm2, *self.whole) > 0.0

    @property
    def log_ratio(self) -> float:
        """Logarithm of its true growth, as the estimate has it."""
        return math.log((self.true_mm2[1] + LEAST_MM2) / (self.true_mm2[0] + LEAST_MM2))


def fit_constants(sides: Sequence[SideRecord]) -> Constants | None:
    """Fit the interval to sides whose growth is known; ``None`` with fewer than twenty that have one.

    The parts of the spread are those that make the errors likeliest (Student's t); its reach is the smallest that holds
    95 of 100 of them, one more counted in for those to come (split conformal prediction). The error of size is the
    smallest with which the changes in mm² are held as often, or as often as any holds them.
    """
    known = [side for side in sides if not side.areas.nothing and growth_of(side.areas) is not None]
    if len(known) < _LEAST_SIDES:
        return None
    true = np.array([side.log_ratio for side in known])

    def constants(values: Sequence[float], reach: float = 1.0) -> Constants:
        share, blur, scatter, change = np.exp(values[1:]).tolist()
        return Constants(1.0 / (1.0 + math.exp(-values[0])), share, blur, scatter, change, reach, 0.0)

    def errors(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        made = constants(values)
        read = np.array([estimate(side.areas, made) for side in known])
        return read - true, np.array([spread_of(side.areas, made) for side in known])

    def unlikelihood(values: np.ndarray) -> float:
        error, spread = errors(values.tolist())
        likelihood = student.logpdf(error / spread, _TAILS) - np.log(spread)
        return float(-likelihood.sum() + _PULL * ((values - _START) ** 2).sum())

    best = minimize(unlikelihood, np.array(_START), method="L-BFGS-B").x.tolist()
    error, spread = errors(best)
    level = min(1.0, _COVERAGE * (len(known) + 1) / len(known))
    fitted = constants(best, float(np.quantile(np.abs(error) / spread, level, method="higher")))
    sized = [replace(fitted, size=float(size)) for size in _SIZES]
    held = [sum(_holds_mm2(side, growth_of(side.areas, made)) for side in known) for made in sized]
    return sized[int(np.argmax(np.array(held) >= min(_COVERAGE * len(known), max(held))))]


def _holds_mm2(side: SideRecord, growth: Growth | None) -> bool:
    if growth is None:
        return False
    _, low, high = growth.change_mm2
    return low <= side.change_mm2 <= high


Judged = tuple[SideRecord, Growth | None]


def growth_figures(pairs: Sequence[Sequence[SideRecord]]) -> dict[str, Any]:
    """Return how often intervals hold the truth and what verdicts are worth, side by side, and constants that fit.

    ``cross_validated``: the same figures with constants that were fitted to the other nine tenths of the pairs.
    """
    sides = [side for pair in pairs for side in pair]
    fitted = fit_constants(sides)
    return {
        **_figures([(side, growth_of(side.areas)) for side in sides]),
        "cross_validated": _cross_validated(pairs),
        "constants": asdict(CONSTANTS),
        "fitted": None if fitted is None else {name: round(value, 3) for name, value in asdict(fitted).items()},
    }


def _cross_validated(pairs: Sequence[Sequence[SideRecord]]) -> dict[str, Any] | None:
    judged: list[Judged] = []
    for fold in range(_FOLDS):
        others = [side for number, pair in enumerate(pairs) if number % _FOLDS != fold for side in pair]
        fitted = fit_constants(others)
        if fitted is None:
            return None
        judged += [(side, growth_of(side.areas, fitted)) for pair in pairs[fold::_FOLDS] for side in pair]
    return _figures(judged)


def _figures(judged: Sequence[Judged]) -> dict[str, Any]:
    bone = [(side, growth) for side, growth in judged if side.has_bone]
    stated = [(side, growth) for side, growth in judged if growth is not None and not side.areas.nothing]
    unseen = [(side, growth) for side, growth in judged if side.areas.nothing]
    held = sum(growth.low <= math.exp(side.log_ratio) <= growth.high for side, growth in stated)
    words = [(side, verdict_on(growth, held_back=side.held_back).value) for side, growth in judged]
    much = [word for side, word in words if side.has_bone and side.true_growth > _LITTLE]
    most = [word for side, word in words if side.has_bone and side.true_growth > _HALF]
    reach = [0.5 * math.log(growth.high / growth.low) for _, growth in stated]
    return {
        "sides": len(judged),
        "sides_with_bone": len(bone),
        "intervals": len(stated),
        "interval_holds_growth": _share(held, len(stated)),
        "interval_holds_change_mm2": _share(sum(_holds_mm2(side, growth) for side, growth in stated), len(stated)),
        "interval_holds_change_where_nothing_is_found": _share(
            sum(_holds_mm2(side, growth) for side, growth in unseen), len(unseen)
        ),
        "median_half_interval": round(math.exp(float(np.median(reach))) - 1.0, 3) if reach else None,
        "wrong_stable": _share(sum(word == "stable" and side.beyond_margin for side, word in words), len(words)),
        "wrong_spreading": _share(
            sum(word == "spreading" and side.true_growth <= _UNCHANGED for side, word in words), len(words)
        ),
        "cannot_tell_of_growth_over_20_percent": _share(much.count("cannot tell"), len(much)),
        "cannot_tell_of_growth_over_50_percent": _share(most.count("cannot tell"), len(most)),
        "verdicts": {
            name: _verdicts([word for side, word in words if side.has_bone and low < side.true_growth <= high])
            for name, low, high in _COURSES
        }
        | {"no ectopic bone": _verdicts([word for side, word in words if not side.has_bone])},
    }


_COURSES = (
    ("shrunk", -math.inf, -_UNCHANGED),
    ("unchanged", -_UNCHANGED, _UNCHANGED),
    ("grown little", _UNCHANGED, _LITTLE),
    ("grown much", _LITTLE, math.inf),
)


def _verdicts(words: Sequence[str]) -> dict[str, int]:
    return {word: words.count(word) for word in ("spreading", "stable", "regressing", "cannot tell")}


def _share(count: int, total: int) -> dict[str, float | int | None]:
    found = wilson(count, total).to_dict()
    return {"count": count, "of": total, "share": found["value"], "low": found["low"], "high": found["high"]}
