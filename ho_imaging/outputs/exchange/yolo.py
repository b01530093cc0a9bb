"""YOLO segmentation: a text file a film, a line for each part of a nodule, and ``data.yaml``.

Convention of Ultralytics: x over the width and y over the height of the film, whose first pixel reaches from 0 to 1.
The format has no holes: one is joined to the outside by a cut of no width. Films without nodules get an empty file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ho_imaging.errors import UsageError
from ho_imaging.files.atomic import write_text
from ho_imaging.outputs.exchange.shapes import (
    CORNER_ORIGIN,
    LABEL,
    NAMES_OPTION,
    Film,
    exported_name,
    films_of,
    without_holes,
)
from ho_imaging.outputs.registry import Output, Per, Source

__all__ = ["OUTPUT"]

_CLASS = 0


def _write(sources: Iterable[Source], path: Path, *, names: str) -> None:
    labels = path / "labels"
    labels.mkdir(parents=True, exist_ok=True)
    written: dict[str, str] = {}
    for source in sources:
        for film in films_of(source.result):
            name = exported_name(source.result, film.image, names)
            if name in written:
                raise UsageError(f"two films are named {name}", path=path, remedy="leave names=file out")
            written[name] = film.image.path or film.image.sop_instance_uid
            write_text(labels / f"{name}.txt", "".join(f"{line}\n" for line in _lines(film)))
    for old in labels.glob("*.txt"):
        if old.stem not in written:
            old.unlink()
    # JSON is YAML: a path may hold anything.
    films = "".join(f"  {json.dumps(name)}: {json.dumps(place)}\n" for name, place in written.items())
    about = f"path: .\ntrain: images\nval: images\nnames:\n  {_CLASS}: {LABEL}\n"
    write_text(path / "data.yaml", about + (f"films:\n{films}" if films else "films: {}\n"))


def _lines(film: Film) -> list[str]:
    rows, columns = film.shape
    lines = []
    for nodule in film.nodules:
        for polygon in nodule.polygons(CORNER_ORIGIN):
            points = [
                (min(max(x / columns, 0.0), 1.0), min(max(y / rows, 0.0), 1.0)) for x, y in without_holes(polygon)
            ]
            lines.append(" ".join([str(_CLASS), *(f"{value:.7f}" for point in points for value in point)]))
    return lines


OUTPUT = Output(
    name="yolo",
    about="YOLO segmentation: a text file a film, and data.yaml",
    write=_write,
    per=Per.BATCH,
    options={"names": NAMES_OPTION},
)
