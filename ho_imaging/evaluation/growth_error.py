"""Error of growth measured on films, and the constants of the interval that fit it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
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
    estimate,
    growth_of,
    spread_of,
)
from ho_imaging.statistics.intervals import wilson

__all__ = ["SideRecord", "fit_constants", "growth_figures"]

_TAILS = 4
"""Degrees of freedom of the errors: a network that misses half a nodule makes long tails."""

_PULL = 0.02
_LEAST_SIDES = 20
_UNCHANGED, _LITTLE = 0.05, 0.20
"""Growth up to which a side is unchanged, and up to which it has grown little."""


class SideRecord(BaseModel):
    """One side of a pair: its areas as read, its true ones on the same scale (mm² of the earlier film), its verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: str
    verdict: str
    true_mm2: tuple[float, float]
    whole: tuple[float, float]
    shared: tuple[float, float]
    doubtful: float
    single: float
    matched: float

    @property
    def areas(self) -> Areas:
        """Its areas as the comparison reads them."""
        return Areas(self.whole, self.shared, self.doubtful, self.single, self.matched)

    @property
    def true_growth(self) -> float:
        """True area later over earlier, less one; of bone that was not there before as if it were 20 mm²."""
        return (self.true_mm2[1] - self.true_mm2[0]) / max(self.true_mm2[0], LEAST_MM2)

    @property
    def beyond_margin(self) -> bool:
        """Return whether it has truly changed by more than the margin of verdicts."""
        return abs(self.true_mm2[1] - self.true_mm2[0]) > max(MARGIN_SHARE * self.true_mm2[0], MARGIN_MM2)

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
    95 of 100 of them, one more counted in for those to come (split conformal prediction).
    """
    known = [side for side in sides if not side.areas.nothing and growth_of(side.areas) is not None]
    if len(known) < _LEAST_SIDES:
        return None
    true = np.array([side.log_ratio for side in known])

    def constants(values: Sequence[float], reach: float = 1.0) -> Constants:
        share, small, apart = np.exp(values[1:]).tolist()
        return Constants(1.0 / (1.0 + math.exp(-values[0])), share, small, apart, reach)

    def errors(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        made = constants(values)
        read = np.array([estimate(side.areas, made) for side in known])
        return read - true, np.array([spread_of(side.areas, made) for side in known])

    def unlikelihood(values: np.ndarray) -> float:
        error, spread = errors(values.tolist())
        likelihood = student.logpdf(error / spread, _TAILS) - np.log(spread)
        return float(-likelihood.sum() + _PULL * (values**2).sum())

    start = np.array([0.0, *np.log([0.1, 0.1, 0.3])])
    best = minimize(unlikelihood, start, method="Nelder-Mead", options={"maxiter": 8000, "fatol": 1e-6}).x.tolist()
    error, spread = errors(best)
    level = min(1.0, 0.95 * (len(known) + 1) / len(known))
    return constants(best, float(np.quantile(np.abs(error) / spread, level, method="higher")))


def growth_figures(sides: Sequence[SideRecord]) -> dict[str, Any]:
    """Return how often intervals hold the truth and what verdicts are worth, side by side."""
    bone = [side for side in sides if side.has_bone]
    stated = [(side, growth) for side in bone if (growth := growth_of(side.areas)) is not None]
    held = sum(growth.low <= math.exp(side.log_ratio) <= growth.high for side, growth in stated)
    held_mm2 = sum(
        growth.change_mm2[1] <= side.true_mm2[1] - side.true_mm2[0] <= growth.change_mm2[2] for side, growth in stated
    )
    much = [side for side in bone if side.true_growth > _LITTLE]
    wrong_stable = sum(side.verdict == "stable" and side.beyond_margin for side in sides)
    wrong_spreading = sum(side.verdict == "spreading" and side.true_growth <= _UNCHANGED for side in sides)
    fitted = fit_constants(sides)
    return {
        "sides": len(sides),
        "sides_with_bone": len(bone),
        "intervals": len(stated),
        "interval_holds_growth": _share(held, len(stated)),
        "interval_holds_change_mm2": _share(held_mm2, len(stated)),
        "wrong_stable": _share(wrong_stable, len(sides)),
        "wrong_spreading": _share(wrong_spreading, len(sides)),
        "cannot_tell_of_growth_over_20_percent": _share(sum(side.verdict == "cannot tell" for side in much), len(much)),
        "verdicts": {name: _verdicts(bone, low, high) for name, low, high in _COURSES}
        | {"no ectopic bone": _verdicts([side for side in sides if not side.has_bone], -math.inf, math.inf)},
        "constants": asdict(CONSTANTS),
        "fitted": None if fitted is None else {name: round(value, 3) for name, value in asdict(fitted).items()},
    }


_COURSES = (
    ("shrunk", -math.inf, -_UNCHANGED),
    ("unchanged", -_UNCHANGED, _UNCHANGED),
    ("grown little", _UNCHANGED, _LITTLE),
    ("grown much", _LITTLE, math.inf),
)


def _verdicts(sides: Sequence[SideRecord], low: float, high: float) -> dict[str, int]:
    words = [side.verdict for side in sides if low < side.true_growth <= high]
    return {word: words.count(word) for word in ("spreading", "stable", "regressing", "cannot tell")}


def _share(count: int, total: int) -> dict[str, float | int | None]:
    found = wilson(count, total).to_dict()
    return {"count": count, "of": total, "share": found["value"], "low": found["low"], "high": found["high"]}
