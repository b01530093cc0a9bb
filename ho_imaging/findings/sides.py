"""Sides of the patient on a film: by the joints it shows, and by what its file says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean

from ho_imaging.preparing.prepared import Prepared
from ho_imaging.regions import plan_of
from ho_imaging.vocabulary import Laterality, Side, View

__all__ = ["SidePlan", "plan_sides"]

_NOT_FRONTAL = {View.LATERAL, View.CROSS_TABLE_LATERAL, View.AXIAL, View.OBLIQUE}


@dataclass(frozen=True)
class SidePlan:
    """``first`` is the side of the columns before ``middle_px`` (source pixels), ``second`` of those from it on."""

    first: Side
    second: Side
    middle_px: float = inf

    @property
    def both(self) -> bool:
        """Return True if the film shows both sides, and it is known which is where."""
        return self.first is not self.second

    def at(self, column_px: float) -> Side:
        """Return the side of the patient at a source column."""
        return self.first if column_px < self.middle_px else self.second


def plan_sides(prepared: Prepared, heads: Sequence[tuple[float, float]]) -> SidePlan:
    """Tell the sides of a film apart.

    Two joints on a frontal film are two sides, also where the file names one: that is the side of the examination
    (PS3.3 C.7.3.1.1.1), unless the caller named it. Patient Orientation says which lies where (PS3.3 C.7.6.1.1.1);
    without it the patient's right is on the left of the film, of a PA film on the right.

    Parameters
    ----------
    prepared
        The film.
    heads
        Column and radius of the landmarks of its joints in source pixels, largest first.

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
    """Return the source column where a frontal film's sides meet; ``None`` if it shows one side, or nobody can say."""
    stated = prepared.radiograph.laterality
    if stated.value in {Laterality.LEFT, Laterality.RIGHT} and stated.source == "caller":
        return None
    columns = [column for column, _ in heads]
    landmark = plan_of(prepared.radiograph.region.value).landmark
    apart, beside = (inf, 0.0) if landmark is None else (landmark.apart_radii, landmark.beside_radii)
    if len(heads) >= 2 and max(columns) - min(columns) >= apart * fmean(radius for _, radius in heads):
        return 0.5 * (min(columns) + max(columns))
    half = 0.5 * int(prepared.radiograph.shape[1])
    if stated.value is not Laterality.BILATERAL:
        return None
    if stated.source.startswith("region") and heads and abs(columns[0] - half) < beside * heads[0][1]:
        # Nobody said that both sides are there, and the one joint that is seen is the middle of the film.
        return None
    return half
