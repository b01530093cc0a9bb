"""From readings of a film to what is held for true of each pixel: bone, something else, or left open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.findings.outline import filled
from ho_imaging.readings.outlines import Outline
from ho_imaging.readings.readings import Nodule, Reading
from ho_imaging.results.points import rows_columns

__all__ = ["FilmTruth", "film_truth"]

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]


class FilmTruth(NamedTuple):
    """Bool masks (rows, columns) of a film, on whatever grid they were asked for.

    ``ho``: ectopic bone by every reader. ``is_open``: where readers differ, what nobody decided on, and the rim of
    outlines that are the model's own. ``not_bone``: what the model found and no reader held for bone.
    """

    ho: Mask
    is_open: Mask
    not_bone: Mask


def film_truth(
    readings: Sequence[Reading],
    image_uid: str,
    shape: tuple[int, int],
    to_grid: Callable[[Points], Points] | None = None,
    *,
    rim: bool = True,
) -> FilmTruth:
    """Lay readings of one film over each other.

    Parameters
    ----------
    readings
        Of one study; one or more.
    image_uid
        The film.
    shape
        Rows and columns of the grid.
    to_grid
        Brings (n, 2) points (row, column) from source pixels to the grid; leave it out for the source's own grid.
    rim
        Leave open a pixel either side of outlines a reader accepted without redrawing: the reader vouched for the
        nodule, not for each pixel of its edge, and a network must not learn its own edges for truth.

    """
    mine = [_one(reading, image_uid, shape, to_grid, rim=rim) for reading in readings]
    ho = np.logical_and.reduce([truth.ho for truth in mine])
    any_ho = np.logical_or.reduce([truth.ho for truth in mine])
    is_open = np.logical_or.reduce([truth.is_open for truth in mine]) | (any_ho & ~ho)
    not_bone = np.logical_or.reduce([truth.not_bone for truth in mine]) & ~any_ho
    return FilmTruth(ho & ~is_open, is_open, not_bone & ~is_open)


def _one(
    reading: Reading, image_uid: str, shape: tuple[int, int], to_grid: Callable[[Points], Points] | None, *, rim: bool
) -> FilmTruth:
    ho, is_open, not_bone = (np.zeros(shape, dtype=bool) for _ in range(3))
    for nodule in reading.nodules:
        if nodule.image_uid != image_uid:
            continue
        filled = _filled(nodule.outline_xy_px, shape, to_grid)
        if nodule.decided:
            ho |= filled
            if rim and not nodule.drawn:
                is_open |= _rim(filled)
        else:
            is_open |= filled | _rim(filled)
    for taken in reading.not_bone:
        if taken.image_uid == image_uid:
            not_bone |= _filled(taken.outline_xy_px, shape, to_grid)
    drawn = _drawn(reading.nodules, image_uid, shape, to_grid)
    # What a reader drew is certain, also where it crosses an outline of the model's.
    return FilmTruth(ho, is_open & ~drawn, not_bone & ~ho)


def _drawn(
    nodules: Sequence[Nodule], image_uid: str, shape: tuple[int, int], to_grid: Callable[[Points], Points] | None
) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    for nodule in nodules:
        if nodule.image_uid == image_uid and nodule.drawn:
            mask |= _filled(nodule.outline_xy_px, shape, to_grid)
    return mask


def _filled(outline: Outline, shape: tuple[int, int], to_grid: Callable[[Points], Points] | None) -> Mask:
    rings = [rows_columns(ring) for ring in outline]
    if to_grid is not None:
        rings = [to_grid(ring) for ring in rings]
    return filled(rings, shape)


def _rim(mask: Mask) -> Mask:
    """Return the pixels on either side of a mask's edge; a mask without an inside keeps its pixels."""
    around = np.ones((3, 3), dtype=np.uint8)
    plain = mask.astype(np.uint8)
    inner = cv2.erode(plain, around, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    outer = cv2.dilate(plain, around) > 0
    return np.asarray(outer & ~(inner if inner.any() else mask))
