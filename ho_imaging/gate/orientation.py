"""Films that are shown wrongly: with black and white swapped, on their side, upside down.

Files that state the wrong polarity and films that were saved on their side are common. A network that is shown one
outlines things that are none, and what lies upside down has left and right exchanged. The network's own judgement of
scope tells: it falls far where a film is shown wrongly, and rises far when that is put right. It rises for hands and
feet too, so a film counts as turned only where the bones of an adult's hip are found the other way round.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ho_imaging.findings.anatomy import read_anatomy
from ho_imaging.gate.proportions import LATERAL
from ho_imaging.gate.scope import check_anatomy, has_a_socket
from ho_imaging.messages import Message
from ho_imaging.network.inference import predict, predict_logits
from ho_imaging.preparing.prepared import GridMap

if TYPE_CHECKING:
    from ho_imaging.findings import Anatomy
    from ho_imaging.network.model_store import Model
    from ho_imaging.network.prediction import Prediction
    from ho_imaging.preparing.prepared import Prepared
    from ho_imaging.vocabulary import Region

__all__ = ["shown_wrongly"]

_SWAPPED_MARGIN, _TURNED_MARGIN = 3.0, 4.5
"""So much must the logit of scope rise. Of 140 simulated films it rose for none when they were swapped, of 76 frontal
ones of hips for none when they were turned."""

_LEAST_OF_USUAL = 0.5
"""And so much of the usual logit must it reach: a chest upside down looks a little like a pelvis."""


_UPSIDE_DOWN = 2
"""Quarter turns."""


def shown_wrongly(model: Model, prediction: Prediction, anatomy: Anatomy) -> Message | None:
    """Return how a film is shown wrongly, or ``None`` if it is shown rightly.

    Only a film of which something makes doubt is looked at again, up to five times: the network is less sure than usual
    that it reads such films, air looks bright, or femurs lie above a pelvis. A model that does not say what is usual
    looks at none. Legs and lateral films are not turned: they have no upright that everybody keeps to.
    """
    usual, found = model.description.usual_scope_logit, prediction.scope_logit
    if usual is None or found is None or (found >= usual and not _makes_doubt(prediction, anatomy)):
        return None
    prepared = prediction.prepared
    swapped = replace(prepared, pixels=np.where(prepared.valid, np.float32(1.0) - prepared.pixels, np.float32(0.0)))
    least = _LEAST_OF_USUAL * usual
    # In the negative of a foot one head is seen now and then, never two.
    limits = anatomy.plan.scope
    heads = 1 if limits is not None and limits.is_definite else 2
    if _logit(model, swapped) >= max(found + _SWAPPED_MARGIN, least) and _is_in_scope(model, swapped, heads):
        return Message("shown_swapped", regions=_shows(anatomy))
    if not _has_an_upright(prediction, anatomy):
        return None
    turned = {quarters: _turned(prepared, quarters) for quarters in (1, 2, 3)}
    logits = {quarters: _logit(model, other) for quarters, other in turned.items()}
    best = max(logits, key=lambda quarters: logits[quarters])
    # A film that is refused either way loses nothing, and its bones decide. Where femurs lie above a pelvis, too, two
    # things say the same.
    is_refused = check_anatomy(prediction, anatomy, model.description.scope_threshold).reason is not None
    is_doubted_twice = best == _UPSIDE_DOWN and _upside_down(anatomy)
    margin = 0.0 if is_refused or is_doubted_twice else _TURNED_MARGIN
    if logits[best] < found + margin or (logits[best] < least and not is_refused):
        return None
    return _how_turned(best, _shows(anatomy)) if _is_in_scope(model, turned[best], 1) else None


def _shows(anatomy: Anatomy) -> tuple[Region, ...]:
    """Return what films of the region show."""
    return () if anatomy.plan.scope is None else anatomy.plan.scope.shows


def _how_turned(quarters: int, regions: tuple[Region, ...]) -> Message:
    """Return by how many counter-clockwise quarter turns a film comes upright."""
    if quarters == _UPSIDE_DOWN:
        return Message("shown_upside_down", regions=regions)
    return (
        Message("shown_turned_left", regions=regions)
        if quarters == 1
        else Message("shown_turned_right", regions=regions)
    )


def _logit(model: Model, prepared: Prepared) -> float:
    return predict_logits(model.net, prepared.pixels, prepared.valid)[1]


def _is_in_scope(model: Model, prepared: Prepared, least_heads: int) -> bool:
    """Return True if a film that is shown another way passes the gate, a hip with so many heads in their sockets."""
    prediction = predict(model, prepared)
    anatomy = read_anatomy(prediction)
    if check_anatomy(prediction, anatomy, model.description.scope_threshold).reason is not None:
        return False
    return not _has_an_upright(prediction, anatomy) or has_a_socket(prediction, anatomy, least_heads)


def _turned(prepared: Prepared, quarters: int) -> Prepared:
    """Return a film turned against the clock, on a grid of its own."""
    pixels = np.ascontiguousarray(np.rot90(prepared.pixels, quarters))
    valid = np.ascontiguousarray(np.rot90(prepared.valid, quarters))
    shape = (pixels.shape[0], pixels.shape[1])
    return replace(prepared, pixels=pixels, valid=valid, grid=GridMap(shape, shape, 1.0, 0.0, 1.0, 0.0))


def _makes_doubt(prediction: Prediction, anatomy: Anatomy) -> bool:
    flags = {flag.code for flag in prediction.prepared.radiograph.quality}
    return "polarity_contradicts_pixels" in flags or (_has_an_upright(prediction, anatomy) and _upside_down(anatomy))


def _has_an_upright(prediction: Prediction, anatomy: Anatomy) -> bool:
    limits = anatomy.plan.scope
    is_paired = limits is not None and limits.pair is not None and bool(anatomy.plan.opposing)
    return is_paired and prediction.prepared.radiograph.view.value not in LATERAL


def _upside_down(anatomy: Anatomy) -> bool:
    upper, lower = (np.flatnonzero(anatomy.masks[bone].any(axis=1)) for bone in anatomy.plan.opposing)
    return bool(len(upper) and len(lower) and lower.mean() < upper.mean())
