"""Insertion of simulated nodules into radiographs without ectopic bone.

The background, where false positives come from, is then the site's own (Litjens et al. 2010 and Schultheiss et al. 2021
test this way; here it also trains).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_multiotsu

from ho_imaging.simulation.scene import VISIBLE_MM
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, as_bit
from ho_imaging.training.films import Film
from ho_imaging.training.regrowth import Place
from ho_imaging.vocabulary import Structure

__all__ = ["LaidIn", "beside_joint", "lay_in", "soft_tissue"]

FAINTEST_TONE, PLAINEST_TONE = 0.02, 0.4
"""Range of the tone that the thicker parts of a nodule add to the image, in [0, 1]."""

SEEN_TONE, TRACE_TONE = 0.008, 0.002
"""Added tone below the first is invisible and its truth left open; below the second it is ignored."""

NEAR_MM = 45.0
"""Largest distance of nodules from bone; farther away, something that looks like one is a stone or a fibroid."""

BESIDE_JOINT_MM = 60.0
"""Ectopic bone of a hip lies no further from the femur."""

TRIES = 60

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


class LaidIn(NamedTuple):
    """Image with inserted nodules, and the mask and position of each."""

    film: Film
    masks: tuple[Mask, ...]
    places: tuple[Place, ...]


def soft_tissue(pixels: Image, valid: Mask, pixel_mm: float, bone: Mask | None = None) -> Mask:
    """Return where a nodule may be inserted: the middle of three classes of brightness (Otsu 1979), not far from bone.

    Parameters
    ----------
    pixels
        (rows, columns) float32 in [0, 1], normalised.
    valid
        (rows, columns) bool.
    pixel_mm
        Side of a pixel in mm.
    bone
        (rows, columns) bool; ``None`` takes the brightest class without its specks.

    Returns
    -------
    ndarray
        (rows, columns) bool.

    """
    empty = np.zeros(valid.shape, dtype=bool)
    smooth = cv2.GaussianBlur(pixels, (0, 0), 2.0)
    if not valid.any() or np.ptp(smooth[valid]) < SEEN_TONE:
        return empty
    low, high = threshold_multiotsu(smooth[valid], classes=3)
    if bone is None:
        bone = ndimage.binary_opening((smooth > high) & valid, iterations=5)
    if not bone.any():
        return empty
    near = ndimage.distance_transform_edt(~bone) * pixel_mm < NEAR_MM
    return np.asarray(ndimage.binary_opening((smooth > low) & (smooth < high) & valid & ~bone & near, iterations=3))


def beside_joint(femur: Mask, pelvis: Mask, pixel_mm: float) -> Mask:
    """Return where ectopic bone of a hip may lie: near the femur, and not in the cavity of the pelvis.

    What looks like bone in there is something else: a phlebolith, a stone, contents of the bowel.

    Parameters
    ----------
    femur, pelvis
        The bones of an upright frontal film of one or both hips, bool (rows, columns).
    pixel_mm
        Side of a pixel in mm.

    Returns
    -------
    numpy.ndarray
        bool (rows, columns), without the bones themselves; empty where one of them is missing.

    """
    if not femur.any() or not pelvis.any():
        return np.zeros(femur.shape, dtype=bool)
    columns = np.arange(femur.shape[1])
    middle = float(np.argwhere(pelvis)[:, 1].mean())
    left, right = (int((femur & at[None, :]).sum()) for at in (columns < middle, columns >= middle))
    if min(left, right) < 0.1 * max(left, right):
        middle = np.inf if left > right else -np.inf
    # Bone of the pelvis further out in the same row: the pixel is inside the ring.
    from_left = np.logical_or.accumulate(pelvis, axis=1)
    from_right = np.logical_or.accumulate(pelvis[:, ::-1], axis=1)[:, ::-1]
    inside = np.where(columns[None, :] < middle, from_left, from_right)
    near = ndimage.distance_transform_edt(~femur) * pixel_mm < BESIDE_JOINT_MM
    return np.asarray(near & ~inside & ~femur)


def lay_in(
    film: Film, nodules: Sequence[Image], where: Mask, count: int, rng: np.random.Generator, *, blur_px: float = 0.5
) -> LaidIn:
    """Insert up to ``count`` nodules into an image, each with a random contrast.

    Parameters
    ----------
    film
        The image.
    nodules
        (rows, columns) float32 each, mm of cortex.
    where
        (rows, columns) bool, where nodules may lie.
    count
        Number of nodules.
    rng
        Random generator.
    blur_px
        Standard deviation of the image's own blur in pixels. A sharper nodule would be recognisable by its sharpness.

    Returns
    -------
    LaidIn
        The image with those nodules for which there was room.

    """
    added = np.zeros_like(film.pixels)
    masks: list[Mask] = []
    places: list[Place] = []
    middle = np.argwhere(where)
    for _ in range(TRIES if len(middle) and nodules else 0):
        if len(masks) == count:
            break
        nodule = nodules[int(rng.integers(len(nodules)))]
        solid = nodule > VISIBLE_MM
        top, left = (int(v) for v in middle[int(rng.integers(len(middle)))] - np.array(nodule.shape) // 2)
        window = (slice(top, top + nodule.shape[0]), slice(left, left + nodule.shape[1]))
        if min(top, left) < 0 or added[window].shape != nodule.shape or not solid.any():
            continue
        if where[window][solid].mean() < 0.9 or added[window].any():
            continue
        tone = float(np.exp(rng.uniform(np.log(FAINTEST_TONE), np.log(PLAINEST_TONE))))
        added[window] = tone * nodule / np.percentile(nodule[solid], 90)
        mask = np.zeros(where.shape, dtype=bool)
        mask[window] = solid
        masks.append(mask)
        places.append(Place(top, left, *nodule.shape))
    added = np.asarray(cv2.GaussianBlur(added, (0, 0), blur_px), dtype=np.float32)
    pixels = np.where(film.valid, np.clip(film.pixels + added, 0.0, 1.0), np.float32(0.0))
    grown = np.any([np.zeros(where.shape, dtype=bool), *masks], axis=0)
    # Where the image is nearly white, a nodule shows as little as where it is thin.
    shown = grown & (pixels - film.pixels >= SEEN_TONE)
    is_open = (added > TRACE_TONE) & ~shown
    bits = film.bits | as_bit(shown, MASK_BITS[Structure.HO]) | as_bit(is_open, IGNORE_BIT)
    return LaidIn(Film(pixels, film.valid, bits), tuple(masks), tuple(places))
