"""Films that are shown wrongly: with black and white swapped, on their side, upside down.

Files that state the wrong polarity and films that were saved on their side are common. A network that is shown one
outlines things that are none, and what lies upside down has left and right exchanged. The network's own judgement of
scope tells: it falls far where a film is shown wrongly, and rises far when that is put right.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ho_imaging.network.inference import predict_logits
from ho_imaging.scope import LIMBS
from ho_imaging.vocabulary import Structure, View

if TYPE_CHECKING:
    from ho_imaging.findings import Anatomy
    from ho_imaging.network.model_store import Model
    from ho_imaging.network.prediction import Prediction

__all__ = ["Showing", "shown_wrongly"]

_SWAPPED_MARGIN, _TURNED_MARGIN = 3.0, 4.5
"""So much must the logit of scope rise. Of 140 simulated films it rose for none when they were swapped, of 76 frontal
ones of hips for none when they were turned."""

_LEAST_OF_USUAL = 0.5
"""And so much of the usual logit must it reach: a chest upside down looks a little like a pelvis."""

_LATERAL = frozenset({View.LATERAL, View.CROSS_TABLE_LATERAL, View.AXIAL})


@dataclass(frozen=True)
class Showing:
    """A way to show a film; ``how`` goes on from "looks like a hip only"."""

    how: str
    remedy: str


_SWAPPED = Showing("with black and white swapped", "correct its Photometric Interpretation, or invert the picture")
_UPSIDE_DOWN = Showing("turned by a half", "save it upright")
_TURNED = MappingProxyType(
    {
        1: Showing("turned by a quarter against the clock", "save it upright"),
        2: _UPSIDE_DOWN,
        3: Showing("turned by a quarter with the clock", "save it upright"),
    }
)
"""By quarter turns against the clock."""


def shown_wrongly(model: Model, prediction: Prediction, anatomy: Anatomy) -> Showing | None:
    """Give the way in which a film should have been shown, or ``None`` if it is shown rightly.

    Only a film of which something makes doubt is looked at again, up to four times: the network is less sure than usual
    that it reads such films, air looks bright, or femurs lie above a pelvis. A model that does not say what is usual
    looks at none. Legs and lateral films are not turned: they have no upright that everybody keeps to.
    """
    usual, found = model.description.usual_scope_logit, prediction.scope_logit
    if usual is None or found is None or (found >= usual and not _makes_doubt(prediction, anatomy)):
        return None
    pixels, valid = prediction.prepared.pixels, prediction.prepared.valid
    swapped = np.where(valid, np.float32(1.0) - pixels, np.float32(0.0))
    if predict_logits(model.net, swapped, valid)[1] >= max(found + _SWAPPED_MARGIN, _LEAST_OF_USUAL * usual):
        return _SWAPPED
    if not _has_an_upright(prediction):
        return None
    logits = {
        quarters: predict_logits(
            model.net, np.ascontiguousarray(np.rot90(pixels, quarters)), np.ascontiguousarray(np.rot90(valid, quarters))
        )[1]
        for quarters in _TURNED
    }
    best = max(logits, key=lambda quarters: logits[quarters])
    # Where femurs lie above a pelvis, too, two things say the same.
    margin = 0.0 if _TURNED[best] is _UPSIDE_DOWN and _upside_down(anatomy) else _TURNED_MARGIN
    return _TURNED[best] if logits[best] >= max(found + margin, _LEAST_OF_USUAL * usual) else None


def _makes_doubt(prediction: Prediction, anatomy: Anatomy) -> bool:
    flags = {flag.code for flag in prediction.prepared.radiograph.quality}
    return "polarity_contradicts_pixels" in flags or (_has_an_upright(prediction) and _upside_down(anatomy))


def _has_an_upright(prediction: Prediction) -> bool:
    radiograph = prediction.prepared.radiograph
    return radiograph.region.value not in LIMBS and radiograph.view.value not in _LATERAL


def _upside_down(anatomy: Anatomy) -> bool:
    pelvis, femur = (np.flatnonzero(anatomy.masks[bone].any(axis=1)) for bone in (Structure.PELVIS, Structure.FEMUR))
    return bool(len(pelvis) and len(femur) and femur.mean() < pelvis.mean())
