"""How dense ectopic bone looks against the patient's own cortex, on the same film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ho_imaging.findings.finding import Anatomy
from ho_imaging.vocabulary import Structure

__all__ = ["clarity", "density_ratio"]

_RING_PX = (2, 7)
"""A surround starts and ends so many prepared pixels outside a mask."""
_LEAST_CELLS = 20
_CORTEX_PERCENTILE = 90.0
"""Along the femur the brightest tenth is cortex seen edge on."""


def density_ratio(
    pixels: NDArray[np.float32], nodule: NDArray[np.bool_], anatomy: Anatomy, valid: NDArray[np.bool_]
) -> float | None:
    """Brightness of a nodule over its surround, relative to that of femoral cortex over its own surround.

    1.0 is as bright as cortex. A film's tone curve is unknown, so this orders nodules of one film and compares films
    made alike; it is
    no mineral density. ``None`` without femoral cortex or soft tissue beside either to compare with.

    Parameters
    ----------
    pixels
        Prepared film, (rows, columns) float32 in [0, 1].
    nodule, valid
        bool, same shape.
    anatomy
        Bones and implants of the film.

    """
    femur, soft = _femur_and_soft_tissue(anatomy, valid)
    soft &= ~ndimage.binary_dilation(nodule, iterations=2)
    nodule_contrast = _contrast(pixels, nodule, soft, percentile=None)
    cortex_contrast = _contrast(pixels, femur & ~nodule, soft, percentile=_CORTEX_PERCENTILE)
    if nodule_contrast is None or cortex_contrast is None or cortex_contrast <= 0.02:
        return None
    return max(0.0, nodule_contrast / cortex_contrast)


def clarity(pixels: NDArray[np.float32], anatomy: Anatomy, valid: NDArray[np.bool_]) -> float | None:
    """Say how clearly bone stands out on a film: contrast of the femur's cortex over the grain beside it.

    The grain is the standard deviation that white noise would need for the film's Laplacian (Immerkaer, Comput Vis
    Image Underst 1996;64:300), taken over soft tissue. ``None`` without a femur or soft tissue. Arrays as in
    `density_ratio`.
    """
    femur, soft = _femur_and_soft_tissue(anatomy, valid)
    contrast = _contrast(pixels, femur, soft, percentile=_CORTEX_PERCENTILE)
    if contrast is None:
        return None
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    response = np.abs(ndimage.convolve(pixels, kernel))[soft]
    grain = float(np.sqrt(np.pi / 2.0) * response.mean() / 6.0)
    return max(contrast, 0.0) / max(grain, 1e-4)


def _femur_and_soft_tissue(anatomy: Anatomy, valid: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    bone = anatomy.masks[Structure.PELVIS] | anatomy.masks[Structure.FEMUR] | anatomy.masks[Structure.IMPLANT]
    femur = anatomy.masks[Structure.FEMUR] & ~ndimage.binary_dilation(anatomy.masks[Structure.IMPLANT], iterations=3)
    femur &= ~anatomy.masks[Structure.PELVIS]
    return femur, anatomy.masks[Structure.BODY] & valid & ~bone


def _contrast(
    pixels: NDArray[np.float32], mask: NDArray[np.bool_], soft: NDArray[np.bool_], percentile: float | None
) -> float | None:
    if mask.sum() < _LEAST_CELLS:
        return None
    rows, columns = np.nonzero(mask)
    reach = _RING_PX[1] + 1
    window = (
        slice(max(int(rows.min()) - reach, 0), int(rows.max()) + reach + 1),
        slice(max(int(columns.min()) - reach, 0), int(columns.max()) + reach + 1),
    )
    away = ndimage.distance_transform_edt(~mask[window])
    ring = (away >= _RING_PX[0]) & (away <= _RING_PX[1]) & soft[window]
    if ring.sum() < _LEAST_CELLS:
        return None
    inside = pixels[window][mask[window]]
    level = float(inside.mean()) if percentile is None else float(np.percentile(inside, percentile))
    return level - float(np.median(pixels[window][ring]))
