"""Run the network over a prepared film of any size, in bounded memory."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import UsageError
from ho_imaging.network.architecture import Network
from ho_imaging.network.calibration import calibrate
from ho_imaging.network.model_store import Model, ModelDescription
from ho_imaging.network.prediction import Prediction
from ho_imaging.preparing.prepared import Prepared
from ho_imaging.vocabulary import Structure

__all__ = ["DEFAULT_MAX_PIXELS", "predict", "predict_logits"]

DEFAULT_MAX_PIXELS = 4 * 1024**2
"""A film up to this size goes through the network at once (about 1 GB in float32); a larger one in tiles."""

TILE = 1024
OVERLAP = 256


def predict(
    model: Model, prepared: Prepared, *, max_pixels: int = DEFAULT_MAX_PIXELS, flip: bool = False
) -> Prediction:
    """Return the calibrated probability map of every structure of a prepared film.

    Parameters
    ----------
    model
        From `ho_imaging.network.load_model`; many threads may use it at the same time.
    prepared
        The film, on the pixel size and intensity scale the model's contract asks for.
    max_pixels
        Films with more pixels are predicted in overlapping tiles, which bounds the memory.
    flip
        Average with the prediction of the mirrored film: twice the time, slightly smoother outlines.

    """
    logits, scope = predict_logits(model.net, prepared.pixels, prepared.valid, max_pixels=max_pixels)
    if flip:
        mirrored, mirrored_scope = predict_logits(
            model.net, prepared.pixels[:, ::-1], prepared.valid[:, ::-1], max_pixels=max_pixels
        )
        logits = np.asarray((logits + mirrored[:, :, ::-1]) / 2, dtype=np.float32)
        scope = (scope + mirrored_scope) / 2
    description = model.description
    probabilities: dict[Structure, NDArray[np.float32]] = {}
    outside = ~prepared.valid
    whole = not outside.any()
    for structure, logit in zip(description.structures, logits, strict=True):
        probability = calibrate(logit, description.calibration[structure])
        if not whole:
            probability[outside] = 0.0
        probabilities[structure] = probability
    thresholds = dict(description.thresholds)
    if model.site is not None:
        thresholds[Structure.HO] = model.site.threshold
    return Prediction(
        prepared=prepared,
        probabilities=probabilities,
        thresholds=thresholds,
        model=model.identity,
        scope_probability=_scope_probability(description, scope),
        scope_logit=scope,
        finding_confidence=description.finding_confidence if model.site is None else model.site.finding_confidence,
        outline_threshold=description.thresholds.get(Structure.HO),
    )


def predict_logits(
    net: Network, pixels: NDArray[np.float32], valid: NDArray[np.bool_], *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> tuple[NDArray[np.float32], float]:
    """Return the raw logits of a film: (structures, rows, columns) float32, and the scope logit.

    ``pixels`` is (rows, columns) float32 in [0, 1], ``valid`` bool of the same shape.
    """
    if pixels.ndim != 2 or pixels.shape != valid.shape or 0 in pixels.shape:
        raise UsageError(f"pixels {pixels.shape} and valid {valid.shape} must be one film of the same shape")
    rows, columns = pixels.shape
    if rows * columns <= max_pixels:
        return _run(net, pixels, valid)
    stride = net.architecture.stride
    # Tiles start on multiples of the stride, so that every tile samples the film on the same grid as the whole would.
    tile, overlap = (math.ceil(size / stride) * stride for size in (TILE, OVERLAP))
    logits = np.zeros((net.structures, rows, columns), dtype=np.float32)
    total = np.zeros((rows, columns), dtype=np.float32)
    scope, scope_weight = 0.0, 0.0
    for row, column in product(_starts(rows, tile, overlap), _starts(columns, tile, overlap)):
        window = np.s_[row : min(row + tile, rows), column : min(column + tile, columns)]
        tile_logits, tile_scope = _run(net, pixels[window], valid[window])
        height, width = tile_logits.shape[1:]
        weight = np.outer(
            _ramp(height, overlap, open_start=row == 0, open_end=row + tile >= rows),
            _ramp(width, overlap, open_start=column == 0, open_end=column + tile >= columns),
        )
        logits[:, window[0], window[1]] += weight * tile_logits
        total[window] += weight
        area = float(valid[window].sum())
        scope += area * tile_scope
        scope_weight += area
    return logits / total, scope / max(scope_weight, 1.0)


def _run(net: Network, pixels: NDArray[np.float32], valid: NDArray[np.bool_]) -> tuple[NDArray[np.float32], float]:
    """One pass over a film or tile, padded with pixels that are not valid to a multiple of the stride."""
    rows, columns = pixels.shape
    stride = net.architecture.stride
    padded = np.zeros((2, math.ceil(rows / stride) * stride, math.ceil(columns / stride) * stride), dtype=np.float32)
    padded[0, :rows, :columns] = np.where(valid, pixels, 0.0)
    padded[1, :rows, :columns] = valid
    logits, scope = net.look(padded)
    return logits[:, :rows, :columns], scope


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return the starts of tiles along an axis: each overlaps the one before, and the last reaches the end."""
    starts = [0]
    while starts[-1] + tile < length:
        starts.append(starts[-1] + tile - overlap)
    return starts


def _ramp(length: int, overlap: int, *, open_start: bool, open_end: bool) -> NDArray[np.float32]:
    """Weights along an axis of a tile, falling towards its inner edges, where the network sees only half the picture.

    The outer eighth of an overlap counts for nothing unless no other tile covers it.
    """
    margin = overlap / 8
    rising = np.clip((np.arange(overlap) + 0.5 - margin) / (overlap - 2 * margin), 1e-4, 1.0).astype(np.float32)
    weights = np.ones(length, dtype=np.float32)
    reach = min(length, overlap)
    if not open_start:
        weights[:reach] *= rising[:reach]
    if not open_end:
        weights[-reach:] *= rising[::-1][-reach:]
    return weights


def _scope_probability(description: ModelDescription, scope: float) -> float | None:
    if description.scope_threshold == 0.0:
        return None
    return float(calibrate(np.array([scope], dtype=np.float32), description.scope_calibration)[0])
