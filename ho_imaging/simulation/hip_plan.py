"""Plan of a scene of hips: constraints, and the examination drawn within them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ho_imaging.simulation.ossification import Styles
from ho_imaging.simulation.pose import Hip
from ho_imaging.vocabulary import Region, Side, View

__all__ = ["INJURED", "WORN", "Exposure", "HipPlan", "sample_exposure"]


GRADES = ("0", "I", "II", "III", "IV")

_GRADE_SHARE = (0.36, 0.24, 0.14, 0.14, 0.12)
"""Probability of each planned class on a side of an image with heterotopic ossification."""

INJURED, WORN = 0.6, 0.35
"""Values of `HipPlan.injured` and `HipPlan.worn` for images with injuries and severe arthrosis."""


@dataclass(frozen=True)
class HipPlan:
    """Constraints on a scene; ``None`` leaves a choice to chance.

    ``grades``: Brooker class planned on the right and the left. ``view``: ``ap``, ``frog_leg`` or
    ``cross_table_lateral`` (one hip). ``region``: ``pelvis`` (both hips) or ``hip`` (one). ``modes``: first and last
    (exclusive) of the shape modes that vary.
    """

    grades: tuple[str, str] | None = None
    view: View | None = None
    region: Region | None = None
    side: Side | None = None
    pixel_mm: float = 0.6
    modes: tuple[int, int] = (0, 25)
    clutter: bool = True
    abundance: float = 1.0
    """Factor on the frequency of each kind of mimic, for training images."""
    styles: Styles = Styles.USUAL
    injured: float = 0.0
    """Probability that a femur has a fresh fracture, and half of it that the pelvis has; a hip with metal has none. It
    changes nothing else of the scene."""
    worn: float = 0.0
    """Probability that a hip has the outgrowths of severe arthrosis and long-standing tendon traction."""
    calcified: float = 0.0
    """Probability that arteries have plaques, the buttocks solid calcified bodies, or a socket an os acetabuli. It
    changes nothing else of the scene."""


@dataclass(frozen=True)
class Exposure:
    """The examination: region and view, the side shown where it is one hip, and the grades planned right and left."""

    region: Region
    view: View
    shown: Side
    grades: tuple[str, str]

    @property
    def lateral(self) -> bool:
        """True if one hip is shown from the side."""
        return self.view is View.CROSS_TABLE_LATERAL

    def shows(self, hip: Hip) -> bool:
        """Return True unless another hip is shown alone, from the side."""
        return not self.lateral or hip.side is self.shown


def sample_exposure(rng: np.random.Generator, plan: HipPlan) -> Exposure:
    """Draw region, view, side and grades; all are drawn, whatever the plan fixes."""
    region = plan.region or Region(rng.choice([Region.PELVIS, Region.HIP], p=[0.62, 0.38]))
    views = (View.AP, View.FROG_LEG, View.CROSS_TABLE_LATERAL)
    view = plan.view or View(rng.choice(views, p=[0.82, 0.12, 0.06]))
    region = Region.HIP if view is View.CROSS_TABLE_LATERAL else region
    shown = plan.side or Side(rng.choice([Side.LEFT, Side.RIGHT]))
    has_ho = bool(rng.random() < 0.72)
    chosen = rng.choice(len(GRADES), 2, p=_GRADE_SHARE) if has_ho else np.zeros(2, dtype=int)
    return Exposure(region, view, shown, plan.grades or (GRADES[int(chosen[0])], GRADES[int(chosen[1])]))
