"""Adults' hips told from children's by how large the heads are against the pelvis.

Prostheses have heads of 22 to 60 mm and only adults have them, so a metal head never makes a child. Of two heads the
larger natural one that lies whole on the film tells the size: fractured, worn and cut ones are outlined too small.
"""

from __future__ import annotations

import numpy as np

from ho_imaging.findings.finding import Anatomy
from ho_imaging.gate.sockets import heads_of
from ho_imaging.messages import Message
from ho_imaging.network.prediction import Prediction
from ho_imaging.vocabulary import Structure, View

__all__ = ["LATERAL", "why_no_adult"]

LATERAL = frozenset({View.LATERAL, View.CROSS_TABLE_LATERAL, View.AXIAL})
"""Views on which one joint may lie in front of the other, and femurs beside their sockets."""

_LEAST_DISTANCE_IN_DIAMETERS = 2.4
_MOST_DISTANCE_IN_DIAMETERS = 5.0
"""Distance between adult hip centres over the head's diameter: 3.0 to 4.6 on 97 real films of adults, 3.0 to 3.9 on
simulated ones. Of infants, whose heads have hardly turned to bone, it is 6 and more."""

_ADULT_JOINT_DISTANCE_MM = (140.0, 245.0)
"""Between the heads of an adult's hips on the film: 150 to 238 on 311 simulated ones (126 to 196 in the body)."""

_MOST_PELVIS_IN_HEADS = 40.0
"""Most pelvis about one joint, in squares of the head's diameter: up to 31 on real films of adults that show all of the
pelvis."""

_LEAST_HEAD_COVER = 0.4
"""An adult head is bone, or an implant. In small children it is cartilage, which no film shows."""


def why_no_adult(prediction: Prediction, anatomy: Anatomy) -> Message | None:
    """Return why the joints are not those of an adult, or ``None``."""
    heads = heads_of(anatomy, prediction.prepared.grid)
    natural = [head for head in heads if not head.is_metal]
    whole = [head for head in natural if not head.is_cut] or natural
    if prediction.prepared.radiograph.view.value not in LATERAL:
        if len(heads) == 2:
            apart = float(np.linalg.norm(heads[1].center - heads[0].center))
            largest = 2.0 * max(head.radius for head in whole or heads)
            ratio = apart / largest
            if ratio < _LEAST_DISTANCE_IN_DIAMETERS or (
                len(natural) == len(heads)
                and ratio > _MOST_DISTANCE_IN_DIAMETERS
                and not _is_adult_distance(prediction, apart)
            ):
                return Message("joints_not_adult", ratio=ratio)
        if len(heads) == 1 and whole:
            in_heads = float(anatomy.masks[Structure.PELVIS].sum()) / (2.0 * whole[0].radius) ** 2
            if in_heads > _MOST_PELVIS_IN_HEADS:
                return Message("head_too_small", squares=in_heads)
    mask = anatomy.masks[Structure.FEMORAL_HEAD]
    solid = anatomy.masks[Structure.FEMUR] | anatomy.masks[Structure.IMPLANT]
    if mask.any() and float(solid[mask].mean()) < _LEAST_HEAD_COVER:
        return Message("heads_not_bone")
    return None


def _is_adult_distance(prediction: Prediction, apart: float) -> bool:
    """Return True if millimetres that the film states say that its joints lie as far apart as an adult's."""
    spacing_mm = prediction.prepared.pixel_mm
    least, most = _ADULT_JOINT_DISTANCE_MM
    return spacing_mm is not None and least <= apart * spacing_mm <= most
