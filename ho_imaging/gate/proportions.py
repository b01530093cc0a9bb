"""Adults' joints told from children's by how large the landmarks are against the first opposing bone.

Only adults have prostheses, so a metal head never makes a child. Of two heads the
larger natural one that lies whole on the film tells the size: fractured, worn and cut ones are outlined too small.
"""

from __future__ import annotations

import numpy as np

from ho_imaging.findings.finding import Anatomy
from ho_imaging.gate.sockets import heads_of
from ho_imaging.messages import Message
from ho_imaging.network.prediction import Prediction
from ho_imaging.regions import Pair
from ho_imaging.vocabulary import Structure, View

__all__ = ["LATERAL", "why_no_adult"]

LATERAL = frozenset({View.LATERAL, View.CROSS_TABLE_LATERAL, View.AXIAL})
"""Views on which one joint may lie in front of the other, and femurs beside their sockets."""


def why_no_adult(prediction: Prediction, anatomy: Anatomy, pair: Pair) -> Message | None:
    """Return why the joints are not those of an adult, or ``None``.

    Parameters
    ----------
    prediction, anatomy
        Of the film; its plan has a landmark and opposing bones.
    pair
        What adults' joints are like.

    """
    plan = anatomy.plan
    if plan.landmark is None or not plan.opposing:
        return None
    first, second = plan.opposing
    heads = heads_of(anatomy, prediction.prepared.grid)
    natural = [head for head in heads if not head.is_metal]
    whole = [head for head in natural if not head.is_cut] or natural
    if prediction.prepared.radiograph.view.value not in LATERAL:
        if len(heads) == 2:
            apart = float(np.linalg.norm(heads[1].center - heads[0].center))
            largest = 2.0 * max(head.radius for head in whole or heads)
            ratio = apart / largest
            least, most = pair.distance_in_diameters
            if ratio < least or (
                len(natural) == len(heads) and ratio > most and not _is_adult_distance(prediction, apart, pair)
            ):
                return Message("joints_not_adult", ratio=ratio)
        if len(heads) == 1 and whole:
            in_heads = float(anatomy.masks[first].sum()) / (2.0 * whole[0].radius) ** 2
            if in_heads > pair.most_first_bone:
                return Message("head_too_small", bone=first, squares=in_heads)
    mask = anatomy.masks[plan.landmark.structure]
    solid = anatomy.masks[second] | anatomy.masks[Structure.IMPLANT]
    if mask.any() and float(solid[mask].mean()) < pair.least_cover:
        return Message("heads_not_bone", landmarks=plan.landmark.words, joint=pair.joint)
    return None


def _is_adult_distance(prediction: Prediction, apart: float, pair: Pair) -> bool:
    """Return True if millimetres that the film states say that its joints lie as far apart as an adult's."""
    cell_mm = prediction.prepared.scale.measured_mm
    least, most = pair.distance_mm
    return cell_mm is not None and least <= apart * cell_mm <= most
