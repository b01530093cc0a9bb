"""Which side of the patient lies where on a film: by the hips it shows, and by what its file says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean

from ho_imaging.preparing.prepared import Prepared
from ho_imaging.vocabulary import Laterality, Side, View

__all__ = ["SidePlan", "plan_sides"]

_NOT_FRONTAL = {View.LATERAL, View.CROSS_TABLE_LATERAL, View.AXIAL, View.OBLIQUE}

_APART_RADII = 4.0
"""Two heads that are nearer are not two hips: the centres of a pelvis lie about seven radii apart."""

_BESIDE_RADII = 2.0
"""The head of a pelvis lies about three and a half radii beside the middle of the film, that of one hip near it."""


@dataclass(frozen=True)
class SidePlan:
    """``first`` is the side of the columns before ``middle_px`` (source pixels), ``second`` of those from it on."""

    first: Side
    second: Side
    middle_px: float = inf

    @property
    def both(self) -> bool:
        """Whether the film shows both sides, and which is where."""
        return self.first is not self.second

    def at(self, column_px: float) -> Side:
        """Side of the patient at a source column."""
        return self.first if column_px < self.middle_px else self.second


def plan_sides(prepared: Prepared, heads: Sequence[tuple[float, float]]) -> SidePlan:
    """Tell the sides of a film apart; ``heads`` are column and radius of femoral heads in source pixels, largest first.

    Two hips on a frontal film are two sides, also where the file names one: that is the side of the examination (PS3.3
    C.7.3.1.1.1), unless the caller named it. Patient Orientation says which lies where (PS3.3 C.7.6.1.1.1); without it
    the patient's right is on the left of the film, of a PA film on the right.
    """
    radiograph = prepared.radiograph
    stated = radiograph.laterality.value
    view = radiograph.view.value
    middle = None if view in _NOT_FRONTAL else _middle(prepared, heads)
    if middle is None:
        one = Side(stated.value) if stated in {Laterality.LEFT, Laterality.RIGHT} else Side.UNKNOWN
        return SidePlan(one, one)
    mirrored = view is View.PA if radiograph.columns_run_to is None else radiograph.columns_run_to is Side.RIGHT
    first, second = (Side.LEFT, Side.RIGHT) if mirrored else (Side.RIGHT, Side.LEFT)
    return SidePlan(first, second, middle)


def _middle(prepared: Prepared, heads: Sequence[tuple[float, float]]) -> float | None:
    """Source column at which a frontal film's sides meet; ``None`` where it shows one side, or nobody can say."""
    stated = prepared.radiograph.laterality
    if stated.value in {Laterality.LEFT, Laterality.RIGHT} and stated.source == "caller":
        return None
    columns = [column for column, _ in heads]
    if len(heads) >= 2 and max(columns) - min(columns) >= _APART_RADII * fmean(radius for _, radius in heads):
        return 0.5 * (min(columns) + max(columns))
    half = 0.5 * int(prepared.radiograph.pixels.shape[1])
    if stated.value is not Laterality.BILATERAL:
        return None
    if stated.source.startswith("region") and heads and abs(columns[0] - half) < _BESIDE_RADII * heads[0][1]:
        # Nobody said that both sides are there, and the one hip that is seen is the middle of the film.
        return None
    return half
