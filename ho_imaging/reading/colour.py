"""Grey from colour: radiographs that were stored, toned or marked in colour, told from pictures that are in colour.

A toned radiograph is grey to which one hue was given: its colours lie on one curve, and each level of grey has one
colour. Photographs have many colours at one brightness, and colour maps run through several hues. One rule serves
raster files and DICOM.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import NotARadiographError
from ho_imaging.messages import Message
from ho_imaging.reading.radiograph import QualityFlag

__all__ = ["GREY_TOLERANCE", "LUMINANCE", "grey_of"]

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue (ITU-R BT.601), as JPEG and DICOM's YBR use them."""

GREY_TOLERANCE = 12.0
"""Largest usual difference between colour channels (of 255) of a grey image after lossy colour compression."""

_LOOK_AT_PX = 384
"""Colours are judged on a picture of this size: averaging takes the colour noise of JPEG out."""

_LEVELS = 48
_USUAL_DISTANCE = 8.0
"""Four of five pixels lie within this distance (of 255) of the curve: up to 6 on real toned radiographs."""

_OFF_CURVE = 24.0
_MOST_MARKS = 0.05
"""Largest share of the picture further off the curve: letters, boxes and logos in another colour."""

_MARK = 40.0
_LEAST_MARKS = 2e-4
"""From this share on coloured marks are reported; nearer pixels may be noise."""

_LEAST_TINTED = 0.02
"""Share of the picture from which on a tint is one; less may be a coloured margin."""

_FEW_COLOURS = 8.0
"""A level with less colour than this (of 255) has no hue that could be told."""

_SAME_HUE_DEGREES = 22.0
"""Largest distance of a level's hue from the mean hue: up to 15 degrees on real toned radiographs, 35 in ``hot``."""

_SAME_COLOUR = 12.0
"""Or so little colour (of 255) across the mean hue that nobody sees a second one."""

_LEAST_RANGE = 80.0
"""Length of the curve of a toned radiograph, in red, green and blue of 255: a plain coloured surface has less."""

_MOST_FALL = 0.03
"""Luminance may fall by this share of its range along the curve, from noise."""


@dataclass(frozen=True, eq=False)
class _Curve:
    """The colours of a picture in order: ``colours[i]`` (red, green, blue of 255) at ``positions[i]`` along ``axis``.

    ``shares[i]`` says how much of the picture lies there.
    """

    axis: NDArray[np.float32]
    positions: NDArray[np.float64]
    colours: NDArray[np.float64]
    shares: NDArray[np.float64]

    def distance(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how far each pixel (n, 3) lies off the curve, in its worst channel."""
        along = pixels @ self.axis
        on_curve = np.stack([np.interp(along, self.positions, colour) for colour in self.colours.T], axis=-1)
        return np.asarray(np.abs(pixels - on_curve).max(axis=-1))


def grey_of(channels: NDArray[np.generic], top: float, flags: list[QualityFlag]) -> NDArray[np.float32]:
    """Return the grey picture behind one that is stored in colour.

    Parameters
    ----------
    channels
        (rows, columns, 3): red, green and blue from 0 to ``top``.
    top
        The value of full brightness.
    flags
        Takes what there is to say: ``colour_converted``, ``tinted``, ``colour_marks``.

    Returns
    -------
    float32 (rows, columns) from 0 to ``top``: the luminance, or the position along the tint where luminance does not
    rise with it.

    Raises
    ------
    NotARadiographError
        For a photograph, a colour map, or whatever else has more than one hue.

    """
    values = channels.astype(np.float32)
    pixels = (_reduced(values) * np.float32(255.0 / top)).reshape(-1, 3)
    curve = _curve(pixels)
    distance = curve.distance(pixels)
    other = _other_hue(curve)
    marks = float(np.mean(distance > _OFF_CURVE)) + float(curve.shares[other].sum())
    if float(np.percentile(distance, 80.0)) > _USUAL_DISTANCE or marks > _MOST_MARKS:
        raise NotARadiographError(Message("colour_picture"))
    tint = curve.shares[(np.ptp(curve.colours, axis=1) > GREY_TOLERANCE) & ~other]
    is_tinted = float(tint.sum()) > _LEAST_TINTED
    if is_tinted and float(np.ptp(curve.positions)) < _LEAST_RANGE:
        raise NotARadiographError(Message("evenly_coloured"))
    flags.append(QualityFlag("colour_converted"))
    if is_tinted:
        flags.append(QualityFlag("tinted"))
    if float(np.mean(distance > _MARK)) + float(curve.shares[other].sum()) > _LEAST_MARKS:
        flags.append(QualityFlag("colour_marks"))
    if _rises(curve.colours[~other] @ LUMINANCE):
        return np.asarray(values @ LUMINANCE, dtype=np.float32)
    along = values @ curve.axis
    low, high = float(along.min()), float(along.max())
    return np.asarray((along - low) * (top / max(high - low, 1e-6)), dtype=np.float32)


def _reduced(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a small copy, or a slightly smoothed one of what is small already."""
    import cv2  # noqa: PLC0415  (only when a film is read)

    rows, columns = values.shape[:2]
    step = round(max(rows, columns) / _LOOK_AT_PX)
    if step < 2:
        return np.asarray(cv2.blur(values, (3, 3)))
    size = (max(columns // step, 1), max(rows // step, 1))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def _curve(pixels: NDArray[np.float32]) -> _Curve:
    """Return the median colours along the direction in which the picture's colours differ most."""
    _, directions = np.linalg.eigh(np.cov(pixels, rowvar=False) + 1e-3 * np.eye(3))
    axis = directions[:, -1]
    # Bright as bright.
    axis = axis if float(axis @ LUMINANCE) >= 0.0 else -axis
    along = pixels @ axis
    low, high = np.percentile(along, [0.1, 99.9])
    level = np.clip((along - low) * (_LEVELS / max(high - low, 1e-6)), 0, _LEVELS - 1).astype(np.int64)
    present = np.unique(level)
    inside = [level == number for number in present]
    return _Curve(
        axis=axis.astype(np.float32),
        positions=np.array([float(np.median(along[here])) for here in inside]),
        colours=np.array([np.median(pixels[here], axis=0) for here in inside]),
        shares=np.array([float(here.mean()) for here in inside]),
    )


def _other_hue(curve: _Curve) -> NDArray[np.bool_]:
    """Return which levels have a hue other than that of most of the picture: a colour map has, and so have marks."""
    differences = (curve.colours - (curve.colours @ LUMINANCE)[:, None])[:, [2, 0]] * np.array([0.564, 0.713])
    vectors = differences @ np.array([1.0, 1.0j])
    coloured = np.asarray(np.abs(vectors) > _FEW_COLOURS, dtype=np.bool_)
    mean = complex((vectors * curve.shares)[coloured].sum())
    if mean == 0.0:
        return coloured
    turned = vectors * np.conj(mean) / abs(mean)
    is_far = np.degrees(np.abs(np.angle(turned))) > _SAME_HUE_DEGREES
    # The opposite hue differs however close to the line it lies.
    across = np.where(turned.real > 0.0, np.abs(turned.imag), np.abs(turned))
    return np.asarray(coloured & is_far & (across > _SAME_COLOUR), dtype=np.bool_)


def _rises(luminance: NDArray[np.float64]) -> bool:
    """Return True if luminance rises along the curve, but for noise."""
    fall = float((np.maximum.accumulate(luminance) - luminance).max())
    return fall <= _MOST_FALL * max(float(np.ptp(luminance)), 1e-6)
