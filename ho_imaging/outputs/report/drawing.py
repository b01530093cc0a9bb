"""A film as a picture to embed, and what is drawn over it, in the picture's own coordinates.

Every line is told apart by its style as well as by its colour, so that a report printed in grey loses nothing: the
styles stand in ``templates/report.css`` under the layer's name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.outputs.film_picture import FilmView, film_picture
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.results.bone_outlines import DRAWN, BoneOutlines
from ho_imaging.results.schema import FindingResult, ImageResult, SideResult

__all__ = ["Drawing", "Gap", "Label", "Outline", "ScaleBar", "draw_film", "jpeg_uri"]

_JPEG_QUALITY = 88
_LABEL_SHARE = 1.0 / 46.0
"""Height of a label over the height of the picture."""

_CHARACTER_WIDTH = 0.7
"""Width of a character over a label's height, to keep labels apart."""

Rings = Sequence[Sequence[tuple[float, float]]]
XY = Callable[[tuple[float, float]], tuple[float, float]]


@dataclass(frozen=True)
class Outline:
    """Closed rings as an SVG path; ``layer`` names its style."""

    layer: str
    path: str


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
        bones=tuple(
            Outline(str(structure), _path(rings, xy))
            for structure, rings in (bones.outlines_xy_px if bones is not None else {}).items()
            if rings and structure in DRAWN
        ),
        readers=tuple(Outline("reader", _path(rings, xy)) for rings in drawn.values()),
        labels=_labels(named, view, (width, height), text_px),
        gaps=tuple(
            _gap(side.evidence.gap_ends_xy_px, gap_text(side), view, text_px, width)
            for side in sides
            if side.evidence.gap_ends_xy_px is not None and side.evidence.sop_instance_uid == image.sop_instance_uid
        ),
        scale_bar=_scale_bar(image, view, height, text_px),
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


def _gap(
    ends: tuple[tuple[float, float], tuple[float, float]], text: str, view: FilmView, text_px: float, width: int
) -> Gap:
    (x1, y1), (x2, y2) = view.xy(ends[0]), view.xy(ends[1])
    length = len(text) * _CHARACTER_WIDTH * text_px
    right = max(x1, x2) + 0.6 * text_px
    label_x = right if right + length < width else max(4.0, min(x1, x2) - 0.6 * text_px - length)
    return Gap(text, *(round(v, 1) for v in (x1, y1, x2, y2, label_x, 0.5 * (y1 + y2) + 0.35 * text_px)))


def _scale_bar(image: ImageResult, view: FilmView, height: int, text_px: float) -> ScaleBar | None:
    if image.measured_spacing_mm is None:
        return None
    cm = 10.0 * view.column_scale / image.measured_spacing_mm[1]
    left, top = text_px, height - text_px
    return ScaleBar(round(left, 1), round(top, 1), round(5 * cm, 1), tuple(round(left + k * cm, 1) for k in range(6)))


def _labels(
    named: Sequence[tuple[str, str, Rings]],
    view: FilmView,
    size: tuple[int, int],
    text_px: float,
) -> tuple[Label, ...]:
    """Put each label (layer, text, outline) beside its outline, on the side with more room, and move labels apart."""
    labels: list[Label] = []
    taken: list[tuple[float, float, float, float]] = []
    row = 1.25 * text_px
    for layer, text, rings in named:
        points = np.array([view.xy(point) for ring in rings for point in ring])
        if not len(points):
            continue
        width = len(text) * _CHARACTER_WIDTH * text_px
        x, y = 0.5 * (points.min(axis=0) + points.max(axis=0))
        to_right = x < 0.5 * size[0]
        edge = float(points[:, 0].max()) + text_px if to_right else float(points[:, 0].min()) - text_px - width
        left = float(np.clip(edge, 2.0, max(2.0, size[0] - width - 2.0)))
        top = float(np.clip(y - 0.5 * row, 2.0, size[1] - row - 2.0))
        while any(left < r and left + width > x0 and top < b and top + row > t for x0, t, r, b in taken):
            top += row
            if top > size[1] - row - 2.0:
                break
        taken.append((left, top, left + width, top + row))
        near = (left - 0.3 * text_px, top + 0.5 * row) if to_right else (left + width, top + 0.5 * row)
        anchor = points[int(np.argmin(np.hypot(points[:, 0] - near[0], points[:, 1] - near[1])))]
        numbers = (left, top + 0.8 * row, *near, float(anchor[0]), float(anchor[1]))
        x_text, y_text, from_x, from_y, to_x, to_y = (round(v, 1) for v in numbers)
        labels.append(Label(layer, text, x_text, y_text, from_x, from_y, to_x, to_y))
    return tuple(labels)
