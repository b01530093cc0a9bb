"""Density of ectopic bone against the patient's own cortex, on the same film."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.findings.boxes import Box, bounds, grown, within
from ho_imaging.findings.finding import Anatomy
from ho_imaging.vocabulary import Structure

__all__ = ["DensityScale", "clarity"]

_RING_PX = (2, 7)
"""A surround starts and ends so many prepared pixels outside a mask."""
_APART_PX = 2
"""Cells so near to a nodule are not taken for soft tissue."""
_FROM_METAL_PX = 3
"""Cortex nearer to metal is not measured."""
_LEAST_CELLS = 20
_CORTEX_PERCENTILE = 90.0
"""Along a bone the brightest tenth is cortex seen edge on."""


class DensityScale:
    """The film's own scale of brightness: cortex of its plan's bone over the soft tissue beside it.

    Parameters
    ----------
    pixels
        Prepared film, (rows, columns) float32 in [0, 1].
    anatomy
        Bones and implants of the film.
    valid
        bool, same shape.

    """

    def __init__(self, pixels: NDArray[np.float32], anatomy: Anatomy, valid: NDArray[np.bool_]) -> None:
        self._pixels = pixels
        self._cortex, self._soft = _cortex_and_soft_tissue(anatomy, valid)
        self._ring = _ring(self._cortex, self._soft)
        self._contrast = _contrast(self._pixels, self._cortex, self._ring)

    def ratio(self, nodule: NDArray[np.bool_], box: Box) -> float | None:
        """Return a nodule's brightness over its surround, relative to that of cortex over its own surround.

        1.0 is as bright as cortex. A film's tone curve is unknown, so this orders nodules of one film and compares
        films made alike; it is no mineral density. ``None`` without cortex or soft tissue beside either to
        compare with. ``nodule`` is bool, of the film's shape, and lies in ``box``.
        """
        near = grown(box, nodule.shape, _RING_PX[1] + 1)
        soft = self._soft[near] & ~_wider(nodule[near])
        inside = self._pixels[near][nodule[near]]
        ring = _ring(nodule[near], soft)
        if min(inside.size, int(ring.sum())) < _LEAST_CELLS:
            return None
        contrast = float(inside.mean()) - float(np.median(self._pixels[near][ring]))
        cortex = self._cortex_without(nodule, box)
        if cortex is None or cortex <= 0.02:
            return None
        return max(0.0, contrast / cortex)

    def _cortex_without(self, nodule: NDArray[np.bool_], box: Box) -> float | None:
        """Return the contrast of the cortex that the nodule does not cover; only what lies near the nodule changes."""
        changed = grown(box, nodule.shape, _RING_PX[1] + _APART_PX)
        around = grown(changed, nodule.shape, _RING_PX[1] + 1)
        soft = self._soft[around] & ~_wider(nodule[around])
        part = within(changed, around)
        covers = bool((self._cortex[box] & nodule[box]).any())
        bone = self._cortex[around].copy()
        if covers:
            bone &= ~nodule[around]
        beside = _ring(bone, soft)[part]
        if not covers and np.array_equal(beside, self._ring[changed]):
            return self._contrast
        cortex, ring = self._cortex.copy(), self._ring.copy()
        cortex[box] &= ~nodule[box]
        ring[changed] = beside
        return _contrast(self._pixels, cortex, ring)


def clarity(pixels: NDArray[np.float32], anatomy: Anatomy, valid: NDArray[np.bool_]) -> float | None:
    """Return how clearly bone stands out on a film: contrast of its cortex over the grain beside it.

    The grain is the standard deviation that white noise would need for the film's Laplacian (Immerkaer, Comput Vis
    Image Underst 1996;64:300), taken over soft tissue. ``None`` without cortex or soft tissue. Arrays as in
    `DensityScale`.
    """
    cortex, soft = _cortex_and_soft_tissue(anatomy, valid)
    contrast = _contrast(pixels, cortex, _ring(cortex, soft))
    if contrast is None:
        return None
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    response = np.abs(cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REFLECT))[soft]
    grain = float(np.sqrt(np.pi / 2.0) * response.mean() / 6.0)
    return max(contrast, 0.0) / max(grain, 1e-4)


def _cortex_and_soft_tissue(anatomy: Anatomy, valid: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    plan, implant = anatomy.plan, anatomy.masks[Structure.IMPLANT]
    solid = implant.copy()
    for bone in plan.bone_structures:
        solid |= anatomy.masks[bone]
    soft = anatomy.masks[Structure.BODY] & valid & ~solid
    if plan.cortex is None:
        return np.zeros(implant.shape, dtype=bool), soft
    cortex = anatomy.masks[plan.cortex] & ~_wider(implant, _FROM_METAL_PX)
    for bone in plan.bone_structures:
        if bone is not plan.cortex:
            cortex &= ~anatomy.masks[bone]
    return cortex, soft


def _wider(mask: NDArray[np.bool_], by: int = _APART_PX) -> NDArray[np.bool_]:
    """Return a mask with so many cells more above, below and beside it."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), cross, iterations=by)).view(bool)


def _ring(mask: NDArray[np.bool_], soft: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the soft tissue that surrounds a mask."""
    ring = np.zeros(mask.shape, dtype=bool)
    box = bounds(mask)
    if box is None:
        return ring
    near = grown(box, mask.shape, _RING_PX[1] + 1)
    away = cv2.distanceTransform((~mask[near]).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ring[near] = (away >= _RING_PX[0]) & (away <= _RING_PX[1]) & soft[near]
    return ring


def _contrast(pixels: NDArray[np.float32], cortex: NDArray[np.bool_], ring: NDArray[np.bool_]) -> float | None:
    """Return the brightness of the cortex over the soft tissue beside it."""
    inside, beside = pixels[cortex], pixels[ring]
    if min(inside.size, beside.size) < _LEAST_CELLS:
        return None
    return float(np.percentile(inside, _CORTEX_PERCENTILE)) - float(np.median(beside))
