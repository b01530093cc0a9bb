"""Growth of the ectopic bone of a side, with a measured interval, and the verdict it supports.

Growth is the later area over the earlier area. It is estimated twice: from all outlines, and from what both images show
clear of native bone. The estimate is their mean with fitted weights; its interval is as wide as the estimates' errors
on simulated pairs of visits with known growth: the wider, the less steep the edge of the network's map is on either
image, the less the outlines agree, and the more the areas changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "CONSTANTS",
    "LEAST_MM2",
    "MARGIN_MM2",
    "MARGIN_SHARE",
    "Areas",
    "Constants",
    "Doubt",
    "Growth",
    "Verdict",
    "doubt_of",
    "estimate",
    "growth_of",
    "spread_of",
    "verdict_on",
]


class Verdict(StrEnum):
    """Verdict on the spread of ectopic bone."""

    SPREADING = "spreading"
    STABLE = "stable"
    REGRESSING = "regressing"
    CANNOT_TELL = "cannot tell"


MARGIN_SHARE, MARGIN_MM2 = 0.2, 20.0
"""Margin of a verdict: less growth than a fifth of the earlier area, or than 20 mm², counts as none."""

LEAST_MM2 = 20.0
"""Added to every area before the ratio, so that a nodule of a few mm² does not grow a hundredfold."""

_MOST_DOUBTFUL_SHARE = 0.2
"""Growth is not estimated if more than this fraction of the area is outside the field of one image."""

_MOST_APART = 0.4
"""Largest difference between the two logarithms of growth; beyond it an outline is wrong."""

_ALIKE, _ALIKE_REACH = 0.02, 0.05
"""Outlines that differ by less than this share of their area are of one exposure, whose errors are the same and cancel:
half the interval is then no wider than the second number. On copies of simulated films (noise, JPEG, resampling, other
tone curve) outlines differ by up to 0.018, on two exposures of one person by 0.058 and more.
"""


@dataclass(frozen=True)
class Constants:
    """Constants of the estimate and its interval, on the logarithm of growth.

    ``whole``: weight of the estimate from all outlines; that from bone-free regions has the rest. ``share``: error
    that all sides have. ``blur``: error per unit of `Areas.blur`. ``scatter``: error per unit of `Areas.scatter`.
    ``change``: error per unit of the growth estimated. ``reach``: multiple of the resulting spread that contains 95 %
    of errors. ``size``: error of the size of the earlier area, on its logarithm, with which the change in mm² contains
    95 %.
    """

    whole: float
    share: float
    blur: float
    scatter: float
    change: float
    reach: float
    size: float


CONSTANTS = Constants(whole=0.353, share=0.023, blur=0.164, scatter=0.387, change=0.129, reach=2.694, size=0.4)
"""Fitted to 232 sides of 359 simulated pairs (hip 0.11.0); docs/progression.md has the commands and the figures.

``ho-imaging evaluate --pairs`` measures coverage and reports the constants that fit its own pairs: after training other
weights, run it and copy ``growth.fitted`` here.
"""


class Doubt(StrEnum):
    """Reason why areas do not determine growth."""

    FAINT = "faint"
    ONE_FILM = "one film"
    APART = "apart"


@dataclass(frozen=True)
class Areas:
    """Earlier and later areas of a side, in mm² of the earlier image.

    ``whole``: of all reported nodules. ``shared``: of those that count, where both images show them clear of bone.
    ``faint``: too faint on one image, sum of both images; ``outside``: outside the field of one. ``matched``: seen on
    both. ``blur``: logarithm of the area where the network's map reaches 0.05 over that where it reaches 0.95, of the
    image with the larger one. ``unlike``: share of the outlined area that is outlined on one image only, after
    registration.
    """

    whole: tuple[float, float]
    shared: tuple[float, float]
    faint: float
    outside: float
    matched: float
    blur: float
    unlike: float

    @property
    def scatter(self) -> float:
        """Share of the outlined area that is outlined on one image only beyond what the change of area explains.

        Bone that grows is added; outlines that lose at one place what they win at another err.
        """
        before, after = self.whole
        return max(0.0, self.unlike - abs(after - before) / max(before + after, 1e-9))

    @property
    def nothing(self) -> bool:
        """True if no ectopic bone is reported on either image."""
        return max(self.whole) <= 0.0


@dataclass(frozen=True)
class Growth:
    """Later area over earlier area with its 95 % interval, also as a change in mm² of the earlier image.

    ``size``: factor by which the true earlier area may differ from the measured one.
    """

    ratio: float
    low: float
    high: float
    earlier_mm2: float
    size: float = 1.0

    @property
    def change_mm2(self) -> tuple[float, float, float]:
        """Change in mm² and the limits of its 95 % interval."""
        base = self.earlier_mm2 + LEAST_MM2
        low, high = base * (self.low - 1.0), base * (self.high - 1.0)
        low *= self.size if low < 0.0 else 1.0 / self.size
        high *= self.size if high > 0.0 else 1.0 / self.size
        return base * (self.ratio - 1.0), low, high

    @property
    def margin_mm2(self) -> float:
        """Change in mm² below which growth counts as none."""
        return max(MARGIN_SHARE * self.earlier_mm2, MARGIN_MM2)

    @property
    def grown(self) -> bool:
        """True if the interval excludes zero growth and loss."""
        return self.low > 1.0

    @property
    def shrunk(self) -> bool:
        """True if the interval excludes zero loss and growth."""
        return self.high < 1.0

    @property
    def within_margin(self) -> bool:
        """True if the interval excludes growth and loss beyond the margin."""
        _, low, high = self.change_mm2
        return -self.margin_mm2 <= low and high <= self.margin_mm2


def doubt_of(areas: Areas) -> Doubt | None:
    """Return why areas do not determine growth.

    Parameters
    ----------
    areas
        Areas of a side.

    Returns
    -------
    Doubt or None
        ``None`` if they do.

    """
    total = max(sum(areas.whole), 1e-9)
    if areas.outside > _MOST_DOUBTFUL_SHARE * total:
        return Doubt.FAINT
    if areas.matched <= 0.0:
        return Doubt.FAINT if areas.faint + areas.outside > 0.0 else Doubt.ONE_FILM
    if abs(_log_ratio(areas.whole) - _log_ratio(areas.shared)) > _MOST_APART:
        return Doubt.FAINT if areas.faint > _MOST_DOUBTFUL_SHARE * total else Doubt.APART
    return None


def growth_of(areas: Areas, constants: Constants | None = None) -> Growth | None:
    """Return the growth of a side.

    Parameters
    ----------
    areas
        Areas of the side.
    constants
        Constants of the estimate; ``None`` takes `CONSTANTS`.

    Returns
    -------
    Growth or None
        ``None`` for the reason that `doubt_of` returns.

    """
    if areas.nothing:
        # Upper limit of the true change on sides without findings on either image.
        base = LEAST_MM2
        return Growth(1.0, 1.0 - MARGIN_MM2 / base, 1.0 + MARGIN_MM2 / base, 0.0)
    if doubt_of(areas) is not None:
        return None
    used = CONSTANTS if constants is None else constants
    middle, reach = estimate(areas, used), used.reach * spread_of(areas, used)
    if areas.unlike < _ALIKE:
        reach = min(reach, _ALIKE_REACH)
    return Growth(
        math.exp(middle), math.exp(middle - reach), math.exp(middle + reach), areas.whole[0], math.exp(used.size)
    )


def verdict_on(growth: Growth | None, *, held_back: bool) -> Verdict:
    """Return the verdict that growth supports.

    Parameters
    ----------
    growth
        Growth of a side; ``None`` if it is not known.
    held_back
        True if something else contradicts that there is no growth: a grade that rose, a nodule on the later image only.

    Returns
    -------
    Verdict
        The verdict.

    """
    if growth is None:
        return Verdict.CANNOT_TELL
    if growth.grown:
        return Verdict.SPREADING
    if not held_back and growth.shrunk:
        return Verdict.REGRESSING
    return Verdict.STABLE if not held_back and growth.within_margin else Verdict.CANNOT_TELL


def estimate(areas: Areas, constants: Constants) -> float:
    """Return the logarithm of growth.

    Parameters
    ----------
    areas
        Areas of a side.
    constants
        Constants of the estimate.

    Returns
    -------
    float
        Natural logarithm of the ratio.

    """
    return constants.whole * _log_ratio(areas.whole) + (1.0 - constants.whole) * _log_ratio(areas.shared)


def spread_of(areas: Areas, constants: Constants) -> float:
    """Return the spread of the logarithm of growth, before scaling to 95 %.

    Parameters
    ----------
    areas
        Areas of a side.
    constants
        Constants of the estimate.

    Returns
    -------
    float
        In units of the logarithm.

    """
    change = constants.change * estimate(areas, constants)
    return math.hypot(constants.share, constants.blur * areas.blur, constants.scatter * areas.scatter, change)


def _log_ratio(areas: tuple[float, float]) -> float:
    return math.log((areas[1] + LEAST_MM2) / (areas[0] + LEAST_MM2))
