"""Small pictures of films with the program's outlines and the boxes of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ho_imaging.evaluation.labels import Box
from ho_imaging.outputs.film_picture import film_picture
from ho_imaging.reading import read_radiograph
from ho_imaging.results.schema import StudyResult
from ho_imaging.vocabulary import Laterality, Region, View

__all__ = ["draw_film"]

_LONGEST_PX = 900
_OUTLINE = (255, 176, 0)
_BOX = (100, 200, 255)
"""As in the program's other pictures: they keep apart for every common kind of colour vision."""
_DASH_PX = 10
_LINE_PX = 4
"""Seen at a third of the size, in a card of the page."""


def draw_film(path: Path, result: StudyResult, uid: str, boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """Draw a film with its outlines (orange) and boxes (blue, dashed); uint8 (rows, columns, 3), RGB.

    Raises
    ------
    HOImagingError
        If the film cannot be read any more.

    """
    image = next(image for image in result.images if image.sop_instance_uid == uid)
    said = image.callers_word()
    radiograph = read_radiograph(
        path,
        region=Region(said["region"]) if "region" in said else None,
        view=View(said["view"]) if "view" in said else None,
        laterality=Laterality(said["laterality"]) if "laterality" in said else None,
        spacing_mm=said.get("spacing_mm"),
    )
    picture, view = film_picture(radiograph, image)
    canvas = Image.fromarray(picture).convert("RGB")
    scale = min(1.0, _LONGEST_PX / max(canvas.size))
    if scale < 1.0:
        size = (max(1, round(canvas.width * scale)), max(1, round(canvas.height * scale)))
        canvas = canvas.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(canvas)
    for finding in result.findings:
        if finding.sop_instance_uid != uid:
            continue
        for contour in finding.contours_xy_px:
            points = [(x * scale, y * scale) for x, y in map(view.xy, contour)]
            draw.line([*points, points[0]], fill=_OUTLINE, width=_LINE_PX, joint="curve")
    for box in boxes:
        corners = (box.x0 * canvas.width, box.y0 * canvas.height, box.x1 * canvas.width, box.y1 * canvas.height)
        _dashed(draw, *(corner / 100.0 for corner in corners))
    return np.asarray(canvas, dtype=np.uint8)


def _dashed(draw: ImageDraw.ImageDraw, x0: float, y0: float, x1: float, y1: float) -> None:
    for x in np.arange(x0, x1, 2 * _DASH_PX).tolist():
        for y in (y0, y1):
            draw.line([(x, y), (min(x + _DASH_PX, x1), y)], fill=_BOX, width=_LINE_PX)
    for y in np.arange(y0, y1, 2 * _DASH_PX).tolist():
        for x in (x0, x1):
            draw.line([(x, y), (x, min(y + _DASH_PX, y1))], fill=_BOX, width=_LINE_PX)
