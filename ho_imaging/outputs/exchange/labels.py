"""Label pictures: a 16-bit PNG a film, 0 outside, 1, 2, ... for the nodules in the order of the result.

A pixel belongs to a nodule when its centre lies inside; the picture has the film's rows and columns.
"""

from __future__ import annotations

from pathlib import Path

import cv2

from ho_imaging.errors import WriteError
from ho_imaging.files.atomic import write_bytes
from ho_imaging.outputs.exchange.shapes import NAMES_OPTION, film_paths
from ho_imaging.outputs.registry import Output, Source

__all__ = ["OUTPUT"]


def _write(source: Source, path: Path, *, names: str) -> None:
    for film, place in film_paths(source, path, ".png", names):
        done, encoded = cv2.imencode(".png", film.labels())
        if not done:
            raise WriteError("could not be encoded as PNG", path=place)
        write_bytes(place, encoded.tobytes())


OUTPUT = Output(
    name="labels",
    about="label pictures: a 16-bit PNG a film, a number a nodule",
    write=_write,
    options={"names": NAMES_OPTION},
)
