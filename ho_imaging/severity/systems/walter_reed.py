"""Share of a residual limb that ectopic bone takes up, after Potter et al., J Bone Joint Surg Am 2007;89:476.

None; mild under 25 %, moderate 25 to 50 %, severe over 50 % of the limb's width at the worst level. The scale and its
reliability are published (Hoyt et al. 2020: Krippendorff's alpha 0.78); the percentages were not confirmed in a
published text: results carry a mark.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ho_imaging.messages import Message
from ho_imaging.severity.film import SideView
from ho_imaging.severity.grade import Category
from ho_imaging.severity.layout import Arrangement
from ho_imaging.severity.systems.system import Measured, Rule, System
from ho_imaging.vocabulary import Region, Structure

__all__ = ["WALTER_REED", "involved_share"]

_LEAST_WIDTH_PX = 20
"""Narrower than this a level is the limb's rounded end, where any nodule would take up most of it."""


def involved_share(body: NDArray[np.bool_], bone: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the share of a limb's width that bone takes up at the worst level, and the share of its length.

    Parameters
    ----------
    body, bone
        bool, (rows, columns).

    Returns
    -------
    tuple of float
        Shares of width and length. Levels run across the limb's long axis, which is that of its outline.

    """
    cells = np.argwhere(body).astype(np.float64)
    if len(cells) < _LEAST_WIDTH_PX**2:
        return 0.0, 0.0
    middle = cells.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((cells - middle).T))
    along = axes[:, 1]
    level_of = np.floor((cells - middle) @ along).astype(int)
    first = level_of.min()
    width = np.bincount(level_of - first)
    if not bone.any():
        return 0.0, 0.0
    there = np.floor((np.argwhere(bone & body) - middle) @ along).astype(int) - first
    taken = np.bincount(there, minlength=len(width))
    usual = width >= max(_LEAST_WIDTH_PX, 0.4 * float(np.median(width)))
    shares = np.divide(taken, width, out=np.zeros(len(width)), where=usual)
    return float(shares.max(initial=0.0)), float((taken > 0).sum() / len(width))


def _refuses(view: SideView) -> Message | None:
    if view.film.prepared.radiograph.region.value is not Region.RESIDUAL_LIMB:
        return Message("only_residual_limbs")
    if not view.film.anatomy.masks[Structure.BODY].any():
        return Message("limb_not_seen")
    return None


def _rule(view: SideView) -> Rule:
    findings = (*view.findings, *view.possible)
    body = view.film.anatomy.masks[Structure.BODY]
    known: dict[tuple[int, ...], float] = {}

    def grade(arrangement: Arrangement, _: Measured) -> str | None:
        nodules = arrangement.nodules
        if not nodules:
            return "none"
        if nodules not in known:
            bone = np.logical_or.reduce([findings[index].mask for index in nodules])
            known[nodules] = involved_share(body, bone)[0]
        share = known[nodules]
        return "mild" if share < 0.25 else "moderate" if share <= 0.5 else "severe"

    return grade


WALTER_REED = System(
    name="walter_reed",
    title="Walter Reed grade of a residual limb",
    short="Walter Reed",
    citation="Potter et al., J Bone Joint Surg Am 2007;89:476",
    confirmed=False,
    grades=("none", "mild", "moderate", "severe"),
    # The grades are words already and stand as they are.
    categories={word.value: word for word in Category},
    code="WR",
    no_bone="none",
    score_raises=False,
    refuses=_refuses,
    rule=_rule,
)
