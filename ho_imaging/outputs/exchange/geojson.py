"""GeoJSON for QuPath: a file a film, a feature a nodule, with its measurements.

Convention of QuPath: the first pixel reaches from 0 to 1, its centre is at 0.5; y points down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import shapely

from ho_imaging.files.atomic import write_text
from ho_imaging.outputs.exchange.shapes import CORNER_ORIGIN, LABEL, NAMES_OPTION, Nodule, film_paths
from ho_imaging.outputs.registry import Output, Source

__all__ = ["OUTPUT"]

_MEASURES = ("confidence", "area_px", "area_mm2", "long_axis_mm", "short_axis_mm", "density_ratio")
_COLOR = [255, 176, 0]


def _write(source: Source, path: Path, *, names: str) -> None:
    for film, place in film_paths(source, path, ".geojson", names):
        features = [_feature(nodule) for nodule in film.nodules if nodule.polygons()]
        collection = {"type": "FeatureCollection", "features": features}
        write_text(place, json.dumps(collection, ensure_ascii=False) + "\n")


def _feature(nodule: Nodule) -> dict[str, Any]:
    finding, polygons = nodule.finding, nodule.polygons(CORNER_ORIGIN)
    shape = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    values = {name: getattr(finding, name) for name in _MEASURES}
    return {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE_OID, f"{finding.sop_instance_uid} {finding.id}")),
        "geometry": shapely.geometry.mapping(shape),
        "properties": {
            "objectType": "annotation",
            "name": finding.id,
            "classification": {"name": LABEL, "color": _COLOR},
            "measurements": {name: value for name, value in values.items() if value is not None},
            "metadata": {"side": str(finding.side), "sop_instance_uid": finding.sop_instance_uid},
        },
    }


OUTPUT = Output(
    name="geojson",
    about="GeoJSON for QuPath, a file a film",
    write=_write,
    options={"names": NAMES_OPTION},
)
