"""LabelMe: a JSON a film, a shape for each part of a nodule.

Convention of LabelMe's canvas: the first pixel reaches from 0 to 1, its centre is at 0.5. A part with a hole, which its
polygons cannot have, is a shape of the type ``mask`` (LabelMe 5.3 and later).
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import shapely

from ho_imaging.errors import HOImagingError
from ho_imaging.files.atomic import write_text
from ho_imaging.outputs.exchange.shapes import CORNER_ORIGIN, LABEL, NAMES_OPTION, Film, Nodule, film_paths
from ho_imaging.outputs.registry import Output, Source

__all__ = ["OUTPUT"]

_VERSION = "5.4.1"
"""Version of LabelMe whose form this is."""


def _write(source: Source, path: Path, *, names: str) -> None:
    for film, place in film_paths(source, path, ".json", names):
        image = film.image
        about: dict[str, Any] = {
            "version": _VERSION,
            "flags": {},
            "shapes": [shape for nodule in film.nodules for shape in _shapes(nodule, film)],
            "imagePath": Path(image.path).name if image.path is not None else image.sop_instance_uid,
            "imageData": None,
            "imageHeight": film.shape[0],
            "imageWidth": film.shape[1],
        }
        write_text(place, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def _shapes(nodule: Nodule, film: Film) -> list[dict[str, Any]]:
    finding = nodule.finding
    common = {
        "label": LABEL,
        "group_id": nodule.number,
        "description": f"{finding.id} {finding.side} confidence {finding.confidence:.2f}",
        "flags": {},
    }
    return [common | _shape(polygon, film.shape) for polygon in nodule.polygons(CORNER_ORIGIN)]


def _shape(polygon: shapely.Polygon, shape: tuple[int, int]) -> dict[str, Any]:
    if not polygon.interiors:
        points = [list(point) for point in polygon.exterior.coords[:-1]]
        return {"points": points, "shape_type": "polygon", "mask": None}
    left, top, right, bottom = (int(value) for value in np.floor(polygon.bounds))
    right, bottom = min(right, shape[1] - 1), min(bottom, shape[0] - 1)
    columns, rows = np.meshgrid(np.arange(left, right + 1), np.arange(top, bottom + 1))
    inside = shapely.contains_xy(polygon, columns + CORNER_ORIGIN, rows + CORNER_ORIGIN)
    done, picture = cv2.imencode(".png", inside.astype(np.uint8))
    if not done:  # pragma: no cover  (a small 8-bit picture always encodes)
        raise HOImagingError("a mask could not be encoded")
    code = base64.b64encode(picture.tobytes()).decode("ascii")
    # The box of a mask names its first and last pixel.
    return {"points": [[left, top], [right, bottom]], "shape_type": "mask", "mask": code}


OUTPUT = Output(
    name="labelme",
    about="LabelMe, a JSON a film",
    write=_write,
    options={"names": NAMES_OPTION},
)
