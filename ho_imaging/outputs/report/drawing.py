"""A film as a picture to embed, and what is drawn over it, in the picture's own coordinates.

Every line is told apart by its style as well as by its colour, so that a report printed in grey loses nothing: the
styles stand in ``templates/report.css`` under the layer's name.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.outputs.film_picture import FilmView, film_picture
from ho_imaging.outputs.label_places import Box, Named, place_labels
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.results.bone_outlines import BoneOutlines
from ho_imaging.results.schema import FindingResult, ImageResult, SideResult
from ho_imaging.vocabulary import Structure

__all__ = ["Drawing", "Gap", "Label", "Outline", "ScaleBar", "draw_film", "jpeg_uri"]

_JPEG_QUALITY = 88
_LABEL_SHARE = 1.0 / 46.0
"""Height of a label over the height of the picture."""

_BONE_LAYERS = ("bone-1", "bone-2", "bone-3", "bone-4", "bone-5")

_CHARACTER_WIDTH = 0.7
"""Width of a character over a label's height, to keep labels apart."""

Rings = Sequence[Sequence[tuple[float, float]]]
XY = Callable[[tuple[float, float]], tuple[float, float]]


@dataclass(frozen=True)
class Outline:
    """Closed rings as an SVG path; ``layer`` is its style in ``report.css``. ``name``: a bone's or the implant's."""

    layer: str
    path: str
    name: str = ""


@dataclass(frozen=True)
class Label:
    """A text at a place, with a line from the point it names."""

    layer: str
    text: str
    x: float
    y: float
    from_x: float
    from_y: float
    to_x: float
    to_y: float


@dataclass(frozen=True)
class Gap:
    """The shortest way between opposing bone surfaces of a side."""

    text: str
    x1: float
    y1: float
    x2: float
    y2: float
    label_x: float
    label_y: float


@dataclass(frozen=True)
class ScaleBar:
    """A length on the picture."""

    x: float
    y: float
    length: float
    ticks: tuple[float, ...]


@dataclass(frozen=True)
class Drawing:
    """A film and what is drawn over it; all lengths in picture pixels."""

    uri: str
    width: int
    height: int
    text_px: float
    nodules: tuple[Outline, ...]
    axes: tuple[str, ...]
    bones: tuple[Outline, ...]
    readers: tuple[Outline, ...]
    labels: tuple[Label, ...]
    gaps: tuple[Gap, ...]
    scale_bar: ScaleBar | None


def draw_film(
    film: Radiograph,
    image: ImageResult,
    findings: Sequence[FindingResult],
    sides: Sequence[SideResult],
    bones: BoneOutlines | None,
    readers: Mapping[str, Rings],
    *,
    nodule_text: Callable[[FindingResult], str],
    gap_text: Callable[[SideResult], str],
) -> Drawing:
    """Draw one film; ``readers``: outlines (x, y) in source pixels that readers drew or changed, by what they say."""
    picture, view = film_picture(film, image)
    height, width = picture.shape
    text_px = max(14.0, height * _LABEL_SHARE)
    xy: XY = view.xy
    drawn = {text: rings for text, rings in readers.items() if rings}
    named: list[tuple[str, str, Rings]] = [
        ("nodule", nodule_text(finding), finding.contours_xy_px) for finding in findings
    ]
    named += [("reader", text, rings) for text, rings in drawn.items()]
    named = [(layer, text, rings) for layer, text, rings in named if any(rings)]
    gaps = [
        (gap_text(side), (side.evidence.gap_ends_xy_px,))
        for side in sides
        if side.evidence.gap_ends_xy_px is not None and side.evidence.sop_instance_uid == image.sop_instance_uid
    ]
    scale_bar = _scale_bar(image, view, height, text_px)
    texts = [*((text, rings) for _, text, rings in named), *gaps]
    to_place = [_named(text, rings, xy, text_px) for text, rings in texts]
    blocked = _corners(width, text_px)
    blocked += [Box(0.0, scale_bar.y - 2.0 * text_px, scale_bar.x + scale_bar.length, height)] if scale_bar else []
    places = place_labels(to_place, (width, height), gap=0.5 * text_px, blocked=blocked)
    return Drawing(
        uri=jpeg_uri(picture),
        width=width,
        height=height,
        text_px=round(text_px, 1),
        nodules=tuple(Outline("nodule", _path(finding.contours_xy_px, xy)) for finding in findings),
        axes=tuple(
            _path([ends], xy, closed=False)
            for finding in findings
            for ends in (finding.long_axis_ends_xy_px, finding.short_axis_ends_xy_px)
        ),
        bones=() if bones is None else _bones(bones, xy),
        readers=tuple(Outline("reader", _path(rings, xy)) for rings in drawn.values()),
        labels=tuple(
            _label(layer, text, one.rings, place, text_px)
            for (layer, text, _), one, place in zip(named, to_place, places, strict=False)
        ),
        gaps=tuple(
            _gap(one.rings, text, place, text_px)
            for (text, _), one, place in zip(gaps, to_place[len(named) :], places[len(named) :], strict=True)
        ),
        scale_bar=scale_bar,
    )


def _bones(bones: BoneOutlines, xy: XY) -> tuple[Outline, ...]:
    """Return bones and implants; a bone's style goes by its place in the region's plan."""
    own = (name for name in bones.drawn if name != Structure.IMPLANT)
    layers = dict(zip(own, itertools.cycle(_BONE_LAYERS), strict=False))
    return tuple(
        Outline(layers.get(name, "implant"), _path(rings, xy), name) for name, rings in bones.drawn.items() if rings
    )


def jpeg_uri(picture: NDArray[np.uint8]) -> str:
    """Return a picture (grey, or RGB) as a ``data:`` URI; the same picture gives the same text."""
    ordered = picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])
    done, encoded = cv2.imencode(".jpg", ordered, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:  # pragma: no cover  (an 8-bit picture of bounded size always encodes)
        raise AssertionError
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _path(rings: Rings, xy: XY, *, closed: bool = True) -> str:
    parts = []
    for ring in rings:
        points = [xy(point) for point in ring]
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if closed else ""))
    return "".join(parts)


def _scale_bar(image: ImageResult, view: FilmView, height: int, text_px: float) -> ScaleBar | None:
    if image.measured_spacing_mm is None:
        return None
    cm = 10.0 * view.column_scale / image.measured_spacing_mm[1]
    left, top = text_px, height - text_px
    return ScaleBar(round(left, 1), round(top, 1), round(5 * cm, 1), tuple(round(left + k * cm, 1) for k in range(6)))


def _corners(width: int, text_px: float) -> list[Box]:
    """Return the upper corners, where the sides are named."""
    return [Box(0.0, 0.0, 4.0 * text_px, 1.8 * text_px), Box(width - 2.0 * text_px, 0.0, width, 1.8 * text_px)]


def _label(layer: str, text: str, rings: Sequence[Sequence[tuple[float, float]]], box: Box, text_px: float) -> Label:
    """Write a text into its box, with a line to the nearest point of what it names."""
    points = np.array([point for ring in rings for point in ring])
    x, y = 0.5 * (box.left + box.right), 0.5 * (box.top + box.bottom)
    anchor = points[int(np.argmin(np.hypot(points[:, 0] - x, points[:, 1] - y)))]
    to = float(anchor[0]), float(anchor[1])
    numbers = (box.left, box.top + text_px, *box.nearest_to(*to), *to)
    x_text, y_text, from_x, from_y, to_x, to_y = (round(v, 1) for v in numbers)
    return Label(layer, text, x_text, y_text, from_x, from_y, to_x, to_y)


def _gap(rings: Sequence[Sequence[tuple[float, float]]], text: str, box: Box, text_px: float) -> Gap:
    ((x1, y1), (x2, y2)), *_ = rings
    return Gap(text, *(round(v, 1) for v in (x1, y1, x2, y2, box.left, box.top + text_px)))


def _named(text: str, rings: Rings, xy: XY, text_px: float) -> Named:
    on_picture = [[xy(point) for point in ring] for ring in rings]
    return Named(on_picture, len(text) * _CHARACTER_WIDTH * text_px, 1.25 * text_px)
