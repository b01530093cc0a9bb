"""Outlines that a reader drew in another program, from COCO, LabelMe or GeoJSON (QuPath).

All three have the first pixel from 0 to 1; readings have its centre at 0.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from ho_imaging.errors import HOImagingError, ReadError
from ho_imaging.extras import missing_extra
from ho_imaging.files.path_text import path_text
from ho_imaging.readings.outlines import Outline

__all__ = ["DrawnFilm", "DrawnNodule", "outside", "read_outline_file"]

_CORNER_ORIGIN = 0.5
_MOST_BYTES = 256 << 20
_MOST_PIXELS = 1 << 28
_OUTSIDE_PX = 1.0
"""So far outside the film may points lie, as programs round them; more is an outline of another film."""

_REMEDY = "export it again, as COCO, LabelMe or GeoJSON"


@dataclass(frozen=True)
class DrawnNodule:
    """A nodule of a file: ``entry`` names it for messages; ``outline``: closed rings of (x, y) in source pixels."""

    entry: str
    outline: Outline


@dataclass(frozen=True)
class DrawnFilm:
    """A film of a file and the nodules drawn on it, which may be none.

    ``uid``: its SOP Instance UID, if it is one. ``name``: of the film's file, with or without its folder. ``shape``:
    rows and columns, ``None`` where the file does not say. ``classes``: those that the file knows, of shapes that were
    left out too.
    """

    file: Path
    uid: str
    name: str
    shape: tuple[int, int] | None
    nodules: tuple[DrawnNodule, ...]
    classes: frozenset[str] = frozenset()


def read_outline_file(path: Path, labels: Sequence[str] = ()) -> list[DrawnFilm]:
    """Read a file of outlines; the format is detected from the content.

    Parameters
    ----------
    path
        A JSON file: COCO, LabelMe, or GeoJSON as QuPath writes it.
    labels
        Only shapes of these classes; empty for all.

    Returns
    -------
    list of DrawnFilm
        In the order of the file.

    Raises
    ------
    ReadError
        If the file cannot be read, is none of these, or an entry is no outline; with the file and the entry.

    """
    data = _parsed(path)
    if isinstance(data, dict) and isinstance(data.get("images"), list) and "annotations" in data:
        reader: Callable[[Any, Path, Sequence[str]], list[DrawnFilm]] = _coco
    elif isinstance(data, dict) and isinstance(data.get("shapes"), list):
        reader = _labelme
    elif isinstance(data, list) or (isinstance(data, dict) and str(data.get("type", "")).startswith("Feature")):
        reader = _geojson
    else:
        raise ReadError("is neither COCO nor LabelMe nor GeoJSON", path=path, remedy=_REMEDY)
    try:
        return reader(data, path, labels)
    except HOImagingError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # Its words may hold anything of the file.
        raise ReadError(
            f"lacks what its format prescribes ({type(error).__name__})", path=path, remedy=_REMEDY
        ) from error


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ReadError(f"is larger than {_MOST_BYTES >> 20} MiB", path=path, remedy="split it")
        return json.loads(path.read_bytes())
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check path and rights") from error
    except (ValueError, RecursionError) as error:
        raise ReadError("is not JSON", path=path, remedy=_REMEDY) from error


def _coco(data: Any, path: Path, labels: Sequence[str]) -> list[DrawnFilm]:
    classes = {category["id"]: str(category["name"]) for category in data.get("categories", ())}
    drawn: dict[Any, list[DrawnNodule]] = {image["id"]: [] for image in data["images"]}
    shapes = {image["id"]: (int(image["height"]), int(image["width"])) for image in data["images"]}
    for number, annotation in enumerate(data["annotations"]):
        entry = f"annotation {annotation.get('id', number)}"
        if labels and classes.get(annotation["category_id"]) not in labels:
            continue
        if annotation["image_id"] not in drawn:
            raise ReadError(f"{entry}: its image is not in the file", path=path, remedy=_REMEDY)
        draw = partial(_coco_shape, annotation["segmentation"], shapes[annotation["image_id"]])
        drawn[annotation["image_id"]].append(DrawnNodule(entry, _within(path, entry, draw)))
    films, known = [], frozenset(classes.values())
    for image in data["images"]:
        uid, name = image.get("sop_instance_uid"), str(image["file_name"])
        films.append(DrawnFilm(path, uid or name, name, shapes[image["id"]], tuple(drawn[image["id"]]), known))
    return films


def _coco_shape(segmentation: Any, shape: tuple[int, int]) -> BaseGeometry:
    if isinstance(segmentation, dict):
        if [int(size) for size in segmentation["size"]] != list(shape):
            raise ValueError("its mask has another size than its image")
        return _of_mask(_run_lengths(segmentation, shape))
    if not segmentation:
        raise ValueError("there is no outline")
    return shapely.union_all([_polygon(np.asarray(part, dtype=float).reshape(-1, 2)) for part in segmentation])


def _run_lengths(code: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    if shape[0] * shape[1] > _MOST_PIXELS:
        raise ValueError("its mask is too large")
    if isinstance(code["counts"], list):
        lengths = np.asarray(code["counts"], dtype=np.int64)
        if lengths.min() < 0 or lengths.sum() != shape[0] * shape[1]:
            raise ValueError("its run-length code has another length than its image")
        pixels = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
        return pixels.reshape(shape, order="F")
    try:
        from pycocotools import mask  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise missing_extra(error, "exchange", "a compressed run-length code") from error
    decoded = mask.decode({"size": list(shape), "counts": str(code["counts"]).encode("ascii")})
    return np.asarray(decoded, dtype=bool)


def _labelme(data: Any, path: Path, labels: Sequence[str]) -> list[DrawnFilm]:
    shape = (int(data["imageHeight"]), int(data["imageWidth"]))
    groups: dict[Any, list[tuple[str, BaseGeometry]]] = {}
    for number, item in enumerate(data["shapes"], start=1):
        entry = f"shape {number}"
        if labels and item["label"] not in labels:
            continue
        # Shapes of a group are parts of one nodule.
        group = entry if item.get("group_id") is None else ("group", item["group_id"])
        groups.setdefault(group, []).append((entry, _located(path, entry, partial(_labelme_shape, item))))
    nodules = []
    for parts in groups.values():
        entry, whole = parts[0][0], shapely.union_all([part for _, part in parts])
        nodules.append(DrawnNodule(entry, _within(path, entry, partial(shapely.union_all, [whole]))))
    known = frozenset(str(item["label"]) for item in data["shapes"]) if labels else frozenset()
    return [DrawnFilm(path, path.stem, str(data.get("imagePath") or path.stem), shape, tuple(nodules), known)]


def _labelme_shape(item: Any) -> BaseGeometry:
    kind = item.get("shape_type", "polygon")
    points = np.asarray(item["points"], dtype=float)
    if kind == "polygon":
        return _polygon(points)
    if kind != "mask":
        raise ValueError(f"is a {kind}, not an outline")
    import cv2  # noqa: PLC0415  (only for masks)

    data = np.frombuffer(base64.b64decode(item["mask"], validate=True), dtype=np.uint8)
    mask = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise ValueError("its mask is not an image")
    left, top = points.min(axis=0)
    return affinity.translate(_of_mask(mask > 0), float(left), float(top))


def _geojson(data: Any, path: Path, labels: Sequence[str]) -> list[DrawnFilm]:
    features = data if isinstance(data, list) else data["features"] if data["type"] == "FeatureCollection" else [data]
    films: dict[str, list[DrawnNodule]] = {}
    known: set[str] = set()
    for number, feature in enumerate(features, start=1):
        about = feature.get("properties") or {}
        entry = f"feature {number}"
        kind = (about.get("classification") or {}).get("name")
        known.add(str(kind))
        if labels and kind not in labels:
            continue
        uid = str((about.get("metadata") or {}).get("sop_instance_uid") or path.stem)
        drawn = _within(path, entry, partial(_geojson_shape, feature["geometry"]))
        films.setdefault(uid, []).append(DrawnNodule(entry, drawn))
    if not films:
        films[path.stem] = []
    return [DrawnFilm(path, uid, path.stem, None, tuple(nodules), frozenset(known)) for uid, nodules in films.items()]


def _geojson_shape(geometry: Any) -> BaseGeometry:
    kind, coordinates = str(geometry["type"]), geometry["coordinates"]
    if kind not in {"Polygon", "MultiPolygon"}:
        raise ValueError(f"is a {kind}, not an outline")
    polygons = [coordinates] if kind == "Polygon" else coordinates
    return shapely.union_all(
        [_polygon(*(np.asarray(ring, dtype=float)[:, :2] for ring in rings)) for rings in polygons]
    )


def _polygon(outer: NDArray[np.float64], *holes: NDArray[np.float64]) -> shapely.Polygon:
    for ring in (outer, *holes):
        if len(ring) < 3 or ring.ndim != 2:
            raise ValueError("has fewer than three points")
        if not np.isfinite(ring).all():
            raise ValueError("has a point that is not a number")
    polygon = shapely.Polygon(outer, holes)
    if not polygon.is_valid:
        raise ValueError("crosses itself")
    if polygon.area == 0:
        raise ValueError("surrounds nothing")
    return polygon


def _of_mask(mask: NDArray[np.bool_]) -> BaseGeometry:
    """Return the outline of a mask along the edges of its pixels, where the first pixel reaches from 0 to 1."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        raise ValueError("its mask is empty")
    runs: list[BaseGeometry] = []
    for row in rows.tolist():
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask[row].astype(np.int8), [0]])))
        runs += [shapely.box(start, row, end, row + 1) for start, end in edges.reshape(-1, 2).tolist()]
    return shapely.union_all(runs)


def _located(path: Path, entry: str, draw: Callable[[], BaseGeometry]) -> BaseGeometry:
    """Return what is drawn; what is wrong with it names the file and the entry."""
    try:
        return draw()
    except HOImagingError as error:
        raise ReadError(f"{entry}: {error.problem}", path=path, remedy=error.remedy) from error
    except ValueError as error:
        raise ReadError(f"{entry} {_plain(error)}", path=path, remedy="correct it, or leave it out") from error
    except (KeyError, TypeError, IndexError) as error:
        raise ReadError(f"{entry} lacks what its format prescribes", path=path, remedy=_REMEDY) from error


def _plain(error: ValueError) -> str:
    """Return our own words, and of a library none: they may hold anything of the file."""
    text = str(error)
    ours = type(error) is ValueError and text.startswith(("is a ", "has ", "its ", "crosses", "surrounds", "there is"))
    return path_text(text) if ours else "is no outline"


def _within(path: Path, entry: str, draw: Callable[[], BaseGeometry]) -> Outline:
    """Return the outline of what is drawn, in source pixels with centres at whole numbers."""
    shape = affinity.translate(_located(path, entry, draw), -_CORNER_ORIGIN, -_CORNER_ORIGIN)
    outline = tuple(_rings(shape))
    if not outline:
        raise ReadError(f"{entry} surrounds nothing", path=path, remedy="correct it, or leave it out")
    return outline


def _rings(shape: BaseGeometry) -> Iterator[tuple[tuple[float, float], ...]]:
    for part in getattr(shape, "geoms", [shape]):
        if isinstance(part, shapely.Polygon):
            for ring in (part.exterior, *part.interiors):
                yield tuple((round(float(x), 3), round(float(y), 3)) for x, y in ring.coords[:-1])


def outside(outline: Outline, shape: tuple[int, int]) -> bool:
    """Return True if an outline leaves a film of so many rows and columns."""
    points = np.asarray([point for ring in outline for point in ring])
    low, high = -0.5 - _OUTSIDE_PX, np.array([shape[1], shape[0]]) - 0.5 + _OUTSIDE_PX
    return bool((points < low).any() or (points > high).any())
