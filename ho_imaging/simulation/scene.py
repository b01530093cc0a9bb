"""Projected scenes: millimetres of each material along each ray, and the truth, before any X-ray physics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRINGE_MM", "VISIBLE_MM", "Layer", "Material", "Scene", "lay"]

VISIBLE_MM = 0.4
"""Mineral, as mm of cortex, from which a pixel counts as ossified: 1.5 % of signal, just visible on a good image."""

FRINGE_MM = 0.04
"""Mineral, as mm of cortex, below which a nodule leaves no trace; between the two limits the truth is open."""


class Material(StrEnum):
    """Materials along a ray. Bone is fully mineralised cortex; trabecular bone is a fraction of it in muscle."""

    FAT = "fat"
    MUSCLE = "muscle"
    BONE = "bone"
    TITANIUM = "titanium"
    STEEL = "steel"
    """Stainless steel and cobalt-chromium alike."""
    CONTRAST = "contrast"
    """Barium- or zirconium-loaded bone cement and contrast medium, as mm of 10 % BaSO4 in acrylic or water."""
    PLASTIC = "plastic"


@dataclass(frozen=True, eq=False)
class Layer:
    """One nodule in projection, cropped to its extent.

    ``mineral_mm``: (height, width) float32, mm of cortex; its corner is at (``top``, ``left``) of the scene. ``fixed``:
    joined to a bone, so that it cannot be moved.
    """

    top: int
    left: int
    mineral_mm: NDArray[np.float32]
    fixed: bool

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the scene that the layer covers."""
        height, width = self.mineral_mm.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def lay(shape: tuple[int, ...], layers: Iterable[Layer]) -> NDArray[np.float32]:
    """Add nodules to an empty scene.

    Parameters
    ----------
    shape
        (rows, columns) of the scene.
    layers
        The nodules.

    Returns
    -------
    ndarray
        (rows, columns) float32, mm of cortex.

    """
    mineral = np.zeros(shape, dtype=np.float32)
    for layer in layers:
        mineral[layer.window] += layer.mineral_mm
    return mineral


@dataclass(frozen=True, eq=False)
class Scene:
    """A patient in front of a detector, projected along rays, before any X-ray physics.

    ``thickness_mm[material]``: (rows, columns) float32, mm of material along the ray to that pixel; materials that do
    not occur are absent. ``masks[name]``: bool, same shape, exact projections: ``ho``, ``pelvis``, ``femur``,
    ``femoral_head``, ``other_bone``, ``implant``, ``body`` and ``mimic_<kind>``; those of one side end in ``_left`` or
    ``_right``. ``pixel_mm``: pixel pitch at the detector. ``magnification``: at the detector, of the plane of the hip
    joints. Row 0 is cranial, column 0 the patient's right in AP. ``truth``: plain data for JSON (nodules, sides, pose).
    """

    thickness_mm: Mapping[Material, NDArray[np.float32]]
    masks: Mapping[str, NDArray[np.bool_]]
    pixel_mm: float
    magnification: float
    region: str
    view: str
    laterality: str
    truth: Mapping[str, Any] = field(default_factory=dict)
    nodules: Sequence[Layer] = ()
    """Part of ``thickness_mm[BONE]`` that each nodule contributes, so that an image can be made without it or with it
    elsewhere; in the order of ``truth["nodules"]``."""

    def without_nodules(self) -> dict[Material, NDArray[np.float32]]:
        """Return the thickness of the same patient without ectopic bone.

        Returns
        -------
        dict of Material to ndarray
            (rows, columns) float32 in mm.

        """
        thickness = dict(self.thickness_mm)
        if self.nodules:
            mineral = lay(thickness[Material.BONE].shape, self.nodules)
            thickness[Material.BONE] = np.maximum(thickness[Material.BONE] - mineral, np.float32(0.0))
            thickness[Material.MUSCLE] = thickness[Material.MUSCLE] + mineral
        return thickness
