"""How much the ectopic bone of a side has grown, with an interval that was measured, and the verdict it allows.

Growth is the area later over the area earlier. It is read twice: from all that is outlined on either film, and from
what both films show clear of native bone. Their mean, weighed as fitted, is the estimate; its interval is as wide as
the estimates were wrong on simulated pairs of visits whose growth is known.
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
"""Less growth than a fifth of the earlier area, or than 20 mm², is none that a verdict is about."""

LEAST_MM2 = 20.0
"""Added to every area before their ratio is taken, so that a nodule of a few mm² does not grow a hundredfold."""

_MOST_DOUBTFUL_SHARE = 0.2
"""With more of the area too faint or outside one film, or on one film only, growth cannot be told from areas."""

_MOST_APART = 0.4
"""Logarithm of growth by all that is outlined over growth clear of bone: further apart, an outline is wrong."""


@dataclass(frozen=True)
class Constants:
    """What the interval is made of, on the logarithm of growth.

    ``whole``: weight of all that is outlined, the rest is that of what lies clear of bone. ``share``: error whatever
    the size; ``small``: of 100 mm², falling with the root of the area; ``apart``: of each unit that the two differ.
    ``reach``: so many of the resulting spread hold 95 of 100 errors.
    """

    whole: float
    share: float
    small: float
    apart: float
    reach: float


CONSTANTS = Constants(whole=0.273, share=0.099, small=0.076, apart=0.073, reach=3.90)
"""Fitted to 51 sides of 82 simulated pairs (seeds from 810000000, hip 0.9.0); see docs/progression.md.

``ho-imaging evaluate --pairs`` measures coverage and gives the constants that fit its own pairs: after other weights
are trained, run it on fresh seeds and put its ``fitted`` here. The errors have long tails, hence a reach beyond 1.96.
"""


class Doubt(StrEnum):
    """Why no growth can be told from areas."""

    FAINT = "faint"
    ONE_FILM = "one film"
    APART = "apart"


@dataclass(frozen=True)
class Areas:
    """Areas of a side in mm² of the earlier film, earlier and later.

    ``whole``: of all reported nodules. ``shared``: of those that count, where both films show them clear of bone.
    ``doubtful``: too faint or outside on one film, both films together. ``single``: certain, on one film only.
    ``matched``: seen on both.
    """

    whole: tuple[float, float]
    shared: tuple[float, float]
    doubtful: float
    single: float
    matched: float

    @property
    def nothing(self) -> bool:
        """Return whether no ectopic bone is reported on either film."""
        return max(self.whole) <= 0.0


@dataclass(frozen=True)
class Growth:
    """Area later over area earlier with its 95 % interval, and the same as a change in mm² of the earlier film."""

    ratio: float
    low: float
    high: float
    earlier_mm2: float

    @property
    def change_mm2(self) -> tuple[float, float, float]:
        """The change, the least and the most."""
        base = self.earlier_mm2 + LEAST_MM2
        change, low, high = (base * (ratio - 1.0) for ratio in (self.ratio, self.low, self.high))
        return change, low, high

    @property
    def margin_mm2(self) -> float:
        """Change that a verdict is about."""
        return max(MARGIN_SHARE * self.earlier_mm2, MARGIN_MM2)

    @property
    def grown(self) -> bool:
        """Return whether zero growth is excluded."""
        return self.low > 1.0

    @property
    def shrunk(self) -> bool:
        """Return whether zero loss is excluded."""
        return self.high < 1.0

    @property
    def within_margin(self) -> bool:
        """Return whether growth and loss beyond the margin are excluded."""
        _, low, high = self.change_mm2
        return -self.margin_mm2 <= low and high <= self.margin_mm2


def doubt_of(areas: Areas) -> Doubt | None:
    """Return why areas tell nothing of growth; ``None`` where they do."""
    total = max(sum(areas.whole), 1e-9)
    if areas.doubtful > _MOST_DOUBTFUL_SHARE * total:
        return Doubt.FAINT
    # One nodule on both films vouches that the film without the other could have shown it.
    if areas.single > _MOST_DOUBTFUL_SHARE * total and areas.matched <= 0.0:
        return Doubt.ONE_FILM
    return Doubt.APART if abs(_log_ratio(areas.whole) - _log_ratio(areas.shared)) > _MOST_APART else None


def growth_of(areas: Areas, constants: Constants | None = None) -> Growth | None:
    """Return the growth of a side, or ``None`` where `doubt_of` says why not."""
    if areas.nothing:
        # Of sides on which nothing was found on either film, what was there changed by less than this.
        base = LEAST_MM2
        return Growth(1.0, 1.0 - MARGIN_MM2 / base, 1.0 + MARGIN_MM2 / base, 0.0)
    if doubt_of(areas) is not None:
        return None
    used = CONSTANTS if constants is None else constants
    middle, reach = estimate(areas, used), used.reach * spread_of(areas, used)
    return Growth(math.exp(middle), math.exp(middle - reach), math.exp(middle + reach), areas.whole[0])


def estimate(areas: Areas, constants: Constants) -> float:
    """Return the logarithm of growth."""
    return constants.whole * _log_ratio(areas.whole) + (1.0 - constants.whole) * _log_ratio(areas.shared)


def spread_of(areas: Areas, constants: Constants) -> float:
    """Return what the logarithm of growth errs by, before it is stretched to 95 %."""
    mean = 0.5 * sum(areas.whole)
    apart = _log_ratio(areas.whole) - _log_ratio(areas.shared)
    small = constants.small * math.sqrt(100.0 / (mean + LEAST_MM2))
    return math.hypot(constants.share, small, constants.apart * apart)


def _log_ratio(areas: tuple[float, float]) -> float:
    return math.log((areas[1] + LEAST_MM2) / (areas[0] + LEAST_MM2))
