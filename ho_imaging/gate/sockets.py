"""Joints, told from other round ends of bone by what lies about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ho_imaging.findings.finding import Anatomy
from ho_imaging.preparing.prepared import GridMap
from ho_imaging.regions import Socket
from ho_imaging.vocabulary import Structure

__all__ = ["Head", "heads_of", "sits_in_socket"]

_LEAST_METAL = 0.5
"""A head of which so much is implant is a prosthesis."""


@dataclass(frozen=True, eq=False)
class Head:
    """A joint's landmark on the prepared grid.

    ``center`` is (row, column) and ``radius`` in prepared pixels; ``is_metal`` for a prosthesis, ``is_cut`` where the
    edge of the film crosses it.
    """

    center: NDArray[np.float64]
    radius: float
    is_metal: bool
    is_cut: bool


def heads_of(anatomy: Anatomy, grid: GridMap) -> tuple[Head, ...]:
    """Return the heads of the joints that were found."""
    heads = []
    metal = anatomy.masks[Structure.IMPLANT]
    for joint in anatomy.joints:
        center = grid.points_to_prepared(np.array([joint.center_px]))[0]
        radius = joint.radius_px / grid.column_scale
        distance, _ = _around(center, radius, 1.0, metal.shape)
        disc = distance <= 1.0
        heads.append(
            Head(
                center,
                radius,
                is_metal=bool(disc.any()) and float(_part(metal, center, radius, 1.0)[disc].mean()) >= _LEAST_METAL,
                is_cut=bool((center - radius < 0.0).any() or (center + radius > np.array(metal.shape) - 1.0).any()),
            )
        )
    return tuple(heads)


def sits_in_socket(anatomy: Anatomy, head: Head, socket: Socket) -> bool:
    """Return True if the first opposing bone lies above a head and the second, or an implant, below it.

    So it is on a frontal film of an upright patient.
    """
    nearest, furthest = socket.ring
    first, second, metal = (
        _part(anatomy.masks[structure], head.center, head.radius, furthest)
        for structure in (*anatomy.plan.opposing, Structure.IMPLANT)
    )
    distance, is_above = _around(head.center, head.radius, furthest, anatomy.masks[Structure.IMPLANT].shape)
    ring = (distance > nearest) & (distance < furthest)
    above, below = ring & is_above, ring & ~is_above
    if not above.any() or not below.any():
        return False
    return bool(
        first[above].mean() >= socket.least_first_above
        and second[above].mean() <= socket.most_second_above
        and (second | metal)[below].mean() >= socket.least_second_below
    )


def _window(center: NDArray[np.float64], radius: float, radii: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    reach = radii * radius + 1.0
    first = np.clip(np.floor(center - reach), 0, shape).astype(int)
    last = np.clip(np.ceil(center + reach) + 1, 0, shape).astype(int)
    return slice(first[0], last[0]), slice(first[1], last[1])


def _part(mask: NDArray[np.bool_], center: NDArray[np.float64], radius: float, radii: float) -> NDArray[np.bool_]:
    return mask[_window(center, radius, radii, mask.shape)]


def _around(
    center: NDArray[np.float64], radius: float, radii: float, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the distance from the centre, in radii, of the cells near a head, and which of them lie above it."""
    rows, columns = _window(center, radius, radii, shape)
    down = np.arange(rows.start, rows.stop)[:, None] - center[0]
    across = np.arange(columns.start, columns.stop)[None, :] - center[1]
    distance = np.hypot(down, across) / max(radius, 1e-6)
    return distance, np.broadcast_to(down < 0.0, distance.shape)
