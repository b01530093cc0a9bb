"""What the simulator's anatomy hands to its physics: how many millimetres of what each ray passes, and the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRINGE_MM", "VISIBLE_MM", "Layer", "Material", "Scene", "lay"]

VISIBLE_MM = 0.4
"""Mineral, as mm of cortex, from which a pixel counts as ossified: 1.5 % of signal, what a good film just shows."""

FRINGE_MM = 0.04
"""Mineral, as mm of cortex, below which a nodule leaves no trace at all; between the two the truth is open."""


class Material(StrEnum):
    """What a ray can pass. Bone is fully mineralised cortex; trabecular bone counts as a fraction of it in muscle."""

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
    """One nodule in projection, cut to where it is.

    ``mineral_mm``: (height, width) float32, mm of cortex; its corner lies at (``top``, ``left``) of the scene.
    ``fixed``: joined to a bone, so that it can't lie elsewhere.
    """

    top: int
    left: int
    mineral_mm: NDArray[np.float32]
    fixed: bool

    @property
    def window(self) -> tuple[slice, slice]:
        """Where in the scene the layer lies."""
        height, width = self.mineral_mm.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def lay(shape: tuple[int, ...], layers: Iterable[Layer]) -> NDArray[np.float32]:
    """Lay nodules onto an empty scene: mm of cortex, (rows, columns) float32."""
    mineral = np.zeros(shape, dtype=np.float32)
    for layer in layers:
        mineral[layer.window] += layer.mineral_mm
    return mineral


@dataclass(frozen=True, eq=False)
class Scene:
    """A patient in front of a detector, projected along rays, before any X-ray physics.

    ``thickness_mm[material]``: (rows, columns) float32, mm of material along the ray to that pixel; missing materials
    are absent. ``masks[name]``: bool, same shape, exact projections: ``ho``, ``pelvis``, ``femur``, ``femoral_head``,
    ``other_bone``, ``implant``, ``body`` and ``mimic_<kind>``; side-wise ones carry ``_left`` / ``_right``.
    ``pixel_mm``: pixel pitch at the detector. ``magnification``: detector over the plane of the hip joints.
    Row 0 is cranial, column 0 the patient's right in AP. ``truth`` is plain JSON-able data (nodules, sides, pose).
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
    """Each nodule's share of ``thickness_mm[BONE]``, so that a film can be made without it or with it elsewhere; in the
    order of ``truth["nodules"]``."""

    def without_nodules(self) -> dict[Material, NDArray[np.float32]]:
        """Give the thickness of the same patient before any ectopic bone grew."""
        thickness = dict(self.thickness_mm)
        if self.nodules:
            mineral = lay(thickness[Material.BONE].shape, self.nodules)
            thickness[Material.BONE] = np.maximum(thickness[Material.BONE] - mineral, np.float32(0.0))
            thickness[Material.MUSCLE] = thickness[Material.MUSCLE] + mineral
        return thickness
