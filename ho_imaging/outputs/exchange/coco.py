"""COCO: all films and nodules in one JSON, for pycocotools and what reads like it.

Convention of pycocotools: the first pixel reaches from 0 to 1, its centre is at 0.5.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from ho_imaging._version import __version__
from ho_imaging.files.atomic import write_text
from ho_imaging.outputs.exchange.shapes import CORNER_ORIGIN, LABEL, Film, Nodule, films_of
from ho_imaging.outputs.registry import Output, Per, Source
from ho_imaging.results.schema import RESEARCH_USE

__all__ = ["OUTPUT"]

_CATEGORY = 1


def _write(sources: Iterable[Source], path: Path) -> None:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for source in sources:
        for film in films_of(source.result):
            images.append(_image(len(images) + 1, source, film))
            for nodule in film.nodules:
                about = _annotation(nodule, film.shape)
                annotations.append({"id": len(annotations) + 1, "image_id": len(images), **about})
    coco = {
        "info": {"description": f"ho_imaging {__version__}. {RESEARCH_USE}", "version": __version__},
        "licenses": [],
        "categories": [{"id": _CATEGORY, "name": LABEL, "supercategory": "bone"}],
        "images": images,
        "annotations": annotations,
    }
    write_text(path, json.dumps(coco, ensure_ascii=False) + "\n")


def _image(number: int, source: Source, film: Film) -> dict[str, Any]:
    image = film.image
    return {
        "id": number,
        "file_name": image.path or image.sop_instance_uid,
        "height": film.shape[0],
        "width": film.shape[1],
        "study_uid": source.result.study_uid,
        "sop_instance_uid": image.sop_instance_uid,
        "frame": image.frame,
    }


def _annotation(nodule: Nodule, shape: tuple[int, int]) -> dict[str, Any]:
    polygons = nodule.polygons(CORNER_ORIGIN)
    left, top, right, bottom = shapely.MultiPolygon(polygons).bounds if polygons else (0.0, 0.0, 0.0, 0.0)
    finding = nodule.finding
    return {
        "category_id": _CATEGORY,
        "segmentation": _segmentation(nodule, shape),
        "area": round(sum(polygon.area for polygon in polygons), 2),
        "bbox": [round(float(value), 3) for value in (left, top, right - left, bottom - top)],
        "iscrowd": 0,
        "score": finding.confidence,
        "finding_id": finding.id,
        "side": str(finding.side),
    }


def _segmentation(nodule: Nodule, shape: tuple[int, int]) -> Any:
    """Return polygons, or a run-length code where one has a hole, which polygons of COCO cannot have."""
    polygons = nodule.polygons(CORNER_ORIGIN)
    if not any(polygon.interiors for polygon in polygons):
        return [[value for point in polygon.exterior.coords[:-1] for value in point] for polygon in polygons]
    from pycocotools import mask  # noqa: PLC0415  (an extra)

    code = mask.encode(np.asfortranarray(nodule.mask(shape).astype(np.uint8)))
    return {"size": [int(size) for size in code["size"]], "counts": code["counts"].decode("ascii")}


OUTPUT = Output(
    name="coco",
    about="COCO: all films and nodules in one JSON",
    write=_write,
    per=Per.BATCH,
    file="coco.json",
    packages=("pycocotools",),
    extra="exchange",
)
