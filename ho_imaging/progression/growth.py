"""Growth of the ectopic bone of a side, with a measured interval, and the verdict it supports.

Growth is the later area over the earlier area. It is estimated twice: from all outlines, and from what both images show
clear of native bone. The estimate is their mean with fitted weights; its interval is as wide as the estimates' errors
on simulated pairs of visits with known growth.
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
    "doubt_of",
    "estimate",
    "growth_of",
    "spread_of",
]

MARGIN_SHARE, MARGIN_MM2 = 0.2, 20.0
"""Margin of a verdict: less growth than a fifth of the earlier area, or than 20 mm², counts as none."""

LEAST_MM2 = 20.0
"""Added to every area before the ratio, so that a nodule of a few mm² does not grow a hundredfold."""

_MOST_DOUBTFUL_SHARE = 0.2
"""Growth is not estimated if more than this fraction of the area is too faint, outside, or on one image only."""

_MOST_APART = 0.4
"""Largest difference between the two logarithms of growth; beyond it an outline is wrong."""


@dataclass(frozen=True)
class Constants:
    """Constants of the estimate and its interval, on the logarithm of growth.

    ``whole``: weight of the estimate from all outlines; that from bone-free regions has the rest. ``share``: error
    independent of size. ``small``: error at 100 mm², falling with the root of the area. ``apart``: error per unit of
    difference between the two estimates. ``reach``: multiple of the resulting spread that contains 95 % of errors.
    """

    whole: float
    share: float
    small: float
    apart: float
    reach: float


CONSTANTS = Constants(whole=0.273, share=0.099, small=0.076, apart=0.073, reach=3.90)
"""Fitted to 51 sides of 82 simulated pairs (seeds from 810000000, hip 0.9.0); see docs/progression.md.

``ho-imaging evaluate --pairs`` measures coverage and reports the constants that fit its own pairs: after training other
weights, run it on new seeds and copy its ``fitted`` here. The errors have long tails, hence a reach above 1.96.
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
    ``doubtful``: too faint or outside on one image, sum of both images. ``single``: certain, on one image only.
    ``matched``: seen on both.
    """

    whole: tuple[float, float]
    shared: tuple[float, float]
    doubtful: float
    single: float
    matched: float

    @property
    def nothing(self) -> bool:
        """True if no ectopic bone is reported on either image."""
        return max(self.whole) <= 0.0


@dataclass(frozen=True)
class Growth:
    """Later area over earlier area with its 95 % interval, also as a change in mm² of the earlier image."""

    ratio: float
    low: float
    high: float
    earlier_mm2: float

    @property
    def change_mm2(self) -> tuple[float, float, float]:
        """Change in mm² and the limits of its 95 % interval."""
        base = self.earlier_mm2 + LEAST_MM2
        change, low, high = (base * (ratio - 1.0) for ratio in (self.ratio, self.low, self.high))
        return change, low, high

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
    if areas.doubtful > _MOST_DOUBTFUL_SHARE * total:
        return Doubt.FAINT
    # A nodule on both images shows that the image without the other nodule could have shown it.
    if areas.single > _MOST_DOUBTFUL_SHARE * total and areas.matched <= 0.0:
        return Doubt.ONE_FILM
    return Doubt.APART if abs(_log_ratio(areas.whole) - _log_ratio(areas.shared)) > _MOST_APART else None


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
    return Growth(math.exp(middle), math.exp(middle - reach), math.exp(middle + reach), areas.whole[0])


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
    mean = 0.5 * sum(areas.whole)
    apart = _log_ratio(areas.whole) - _log_ratio(areas.shared)
    small = constants.small * math.sqrt(100.0 / (mean + LEAST_MM2))
    return math.hypot(constants.share, small, constants.apart * apart)


def _log_ratio(areas: tuple[float, float]) -> float:
    return math.log((areas[1] + LEAST_MM2) / (areas[0] + LEAST_MM2))
