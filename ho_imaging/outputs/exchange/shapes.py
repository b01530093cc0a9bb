"""Nodules of a result as shapes and label maps, for formats of other tools.

Points of a result have pixel centres at whole numbers. Most tools put the corner of the first pixel at (0, 0), so the
same place is half a pixel further there: `CORNER_ORIGIN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from ho_imaging.errors import UsageError
from ho_imaging.files.film_stem import film_stem
from ho_imaging.findings.outline import filled
from ho_imaging.outputs.registry import Option, Source
from ho_imaging.readings.outlines import Outline, outline_shape
from ho_imaging.results.folder import film_name, is_film_name
from ho_imaging.results.points import rows_columns
from ho_imaging.results.schema import FindingResult, ImageResult, StudyResult
from ho_imaging.vocabulary import Status

__all__ = [
    "CORNER_ORIGIN",
    "LABEL",
    "NAMES_OPTION",
    "Film",
    "Nodule",
    "exported_name",
    "film_paths",
    "films_of",
    "without_holes",
]

LABEL = "heterotopic_ossification"
"""The class that nodules have in every format."""

CORNER_ORIGIN = 0.5
"""Offset added to x and y for tools whose first pixel reaches from 0 to 1."""

NAMES_OPTION = Option(
    "files named as in output folders (by the films' UID, or by a picture's file) or by the films' file alone",
    default="uid",
    choices=("uid", "file"),
)
"""The option ``names`` of formats with a file a film."""

_DIGITS = 3


@dataclass(frozen=True, eq=False)
class Nodule:
    """A nodule on a film; ``number`` counts from 1 on its film, ``outline`` has (x, y) in source pixels."""

    number: int
    finding: FindingResult
    outline: Outline

    def polygons(self, offset: float = 0.0) -> list[shapely.Polygon]:
        """Return its parts, largest first, with holes, in (x, y); ``offset`` is added to both."""
        shape = affinity.translate(outline_shape(self.outline), offset, offset)
        parts = [shapely.orient_polygons(part) for part in _areas(shapely.set_precision(shape, 10**-_DIGITS))]
        return sorted(parts, key=lambda part: -part.area)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels whose centres it holds, bool (rows, columns)."""
        return filled([rows_columns(ring) for ring in self.outline], shape)


@dataclass(frozen=True, eq=False)
class Film:
    """A film that was analysed, its size (rows, columns) and its nodules."""

    image: ImageResult
    shape: tuple[int, int]
    nodules: tuple[Nodule, ...]

    def labels(self) -> NDArray[np.uint16]:
        """Return a map (rows, columns) of 0 and the numbers of nodules; where two overlap, the later one's."""
        labels = np.zeros(self.shape, dtype=np.uint16)
        for nodule in self.nodules:
            labels[nodule.mask(self.shape)] = nodule.number
        return labels


def films_of(result: StudyResult) -> list[Film]:
    """Return the films of a study that were analysed, those without nodules too."""
    films = []
    for image in result.images:
        if image.status != Status.DONE.value or image.rows is None or image.columns is None:
            continue
        mine = [finding for finding in result.findings if finding.sop_instance_uid == image.sop_instance_uid]
        nodules = tuple(Nodule(number, found, found.contours_xy_px) for number, found in enumerate(mine, start=1))
        films.append(Film(image, (image.rows, image.columns), nodules))
    return films


def exported_name(result: StudyResult, image: ImageResult, named_by: str) -> str:
    """Return the name of a film's file without its suffix.

    ``named_by``: ``uid`` for the name that the film has in output folders, or ``file`` for that of its file alone.

    Raises
    ------
    UsageError
        If it is to be named by its file, and came from memory.

    """
    if named_by == "uid":
        return film_name(result, image.sop_instance_uid)
    if image.path is None:
        raise UsageError(f"film {image.sop_instance_uid} came from no file", remedy="leave names=file out")
    return film_stem(Path(image.path).name)


def film_paths(source: Source, path: Path, suffix: str, named_by: str = "uid") -> list[tuple[Film, Path]]:
    """Return the films of a study and the file to write for each; what is there of them under another name is deleted.

    ``path``: a folder, which is made, or the very file where it has the suffix and the study has one film.

    Raises
    ------
    UsageError
        If one file is named for several films, or two films would have the same file.

    """
    films = films_of(source.result)
    if path.name.endswith(suffix) and not path.is_dir():
        if len(films) != 1:
            raise UsageError(f"is one file, but {len(films)} films were analysed", path=path, remedy="give a folder")
        return [(films[0], path)]
    names = [exported_name(source.result, film.image, named_by) for film in films]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise UsageError(f"two films are named {double}", path=path, remedy="leave names=file out")
    path.mkdir(parents=True, exist_ok=True)
    for old in path.glob(f"*{suffix}"):
        stem = old.name.removesuffix(suffix)
        if stem not in names and any(is_film_name(stem, film.image.sop_instance_uid) for film in films):
            old.unlink()  # the film's file had another name then
    return [(film, path / f"{name}{suffix}") for film, name in zip(films, names, strict=True)]


def without_holes(polygon: shapely.Polygon) -> list[tuple[float, float]]:
    """Return one ring for formats that know no holes: each hole is joined to the outside by a cut of no width.

    Filled by the even-odd or the non-zero rule, the ring covers what the polygon covers.
    """
    ring = [(float(x), float(y)) for x, y in polygon.exterior.coords[:-1]]
    for hole in sorted(polygon.interiors, key=lambda hole: -hole.bounds[2]):
        inner = [(float(x), float(y)) for x, y in hole.coords[:-1]]
        at, start = _nearest(ring, inner)
        turned = inner[start:] + inner[: start + 1]
        ring = [*ring[: at + 1], *turned, *ring[at:]]
    return ring


def _areas(shape: BaseGeometry) -> list[shapely.Polygon]:
    """Return the polygons of a shape; points and lines, which have no area, are left out."""
    if isinstance(shape, shapely.Polygon):
        return [] if shape.is_empty else [shape]
    return [part for piece in getattr(shape, "geoms", ()) for part in _areas(piece)]


def _nearest(ring: Sequence[tuple[float, float]], inner: Sequence[tuple[float, float]]) -> tuple[int, int]:
    distances = np.linalg.norm(np.asarray(ring)[:, None] - np.asarray(inner)[None], axis=2)
    at, start = np.unravel_index(int(np.argmin(distances)), distances.shape)
    return int(at), int(start)
