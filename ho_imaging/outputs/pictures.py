"""The outputs ``masks``, ``overlays`` and ``thumbnail``: pictures of the films of a study."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ho_imaging.errors import HOImagingError
from ho_imaging.files.atomic import write_bytes
from ho_imaging.files.output_names import THUMBNAIL as THUMBNAIL_FILE
from ho_imaging.files.png import write_png
from ho_imaging.outputs.probability_map import ho_probability_8bit
from ho_imaging.outputs.registry import Needs, Output, Source
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.folder import StudyFolder, film_file

__all__ = ["MASKS", "OVERLAYS", "THUMBNAIL"]

_THUMBNAIL_PX = 220
_ORANGE_BGR = (0, 176, 255)


def _write_masks(source: Source, path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for uid, film in _analysis(source).films.items():
        write_png(
            StudyFolder(path).probability(uid, film_file(source.result, uid)), ho_probability_8bit(film.prediction)
        )


def _write_overlays(source: Source, path: Path) -> None:
    from ho_imaging.outputs.overlay import draw_overlay  # noqa: PLC0415  (fonts load only for pictures)

    path.mkdir(parents=True, exist_ok=True)
    for radiograph in source.radiographs():
        folder, uid = StudyFolder(path), radiograph.sop_instance_uid
        file = film_file(source.result, uid)
        write_png(folder.overlay(uid, file), draw_overlay(radiograph, source.result))
        plain = draw_overlay(radiograph, source.result, outlines=False)[..., ::-1]
        write_bytes(folder.plain(uid, file), cv2.imencode(".jpg", plain, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def _write_thumbnail(source: Source, path: Path) -> None:
    """Write a small picture of the study's film with most findings, outlines drawn in; none without a film."""
    films = sorted(_analysis(source).films.values(), key=lambda film: -len(film.reading.findings))
    if not films:
        return
    prepared = films[0].reading.prepared
    rows, columns = prepared.pixels.shape
    scale = _THUMBNAIL_PX / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    shown = cv2.resize(prepared.pixels, size, interpolation=cv2.INTER_AREA)
    sample = prepared.pixels[::3, ::3][prepared.valid[::3, ::3]]
    low, high = np.percentile(sample, [0.5, 99.8]) if sample.size else (0.0, 1.0)
    tones = np.clip((shown - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    picture = cv2.cvtColor((tones * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    for finding in films[0].reading.findings:
        contours = [np.rint(contour[:, ::-1] * scale).astype(np.int32) for contour in finding.levels[1]]
        cv2.polylines(picture, contours, True, _ORANGE_BGR, 1, cv2.LINE_AA)
    write_bytes(path, cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())


def _analysis(source: Source) -> StudyAnalysis:
    if source.analysis is None:  # who calls it sees to that
        raise HOImagingError("needs the analysis, not a result alone")
    return source.analysis


MASKS = Output(
    name="masks",
    about="probability of ectopic bone as 8-bit PNG, a file a film",
    write=_write_masks,
    needs=Needs.ANALYSIS,
    shows_identifiers=False,
    place=".",
)
OVERLAYS = Output(
    name="overlays",
    about="pictures with outlines, measures and grade, a file a film",
    write=_write_overlays,
    needs=Needs.FILMS,
    place=".",
)
THUMBNAIL = Output(
    name="thumbnail",
    about="small picture for the worklist",
    write=_write_thumbnail,
    needs=Needs.ANALYSIS,
    always=True,
    shows_identifiers=False,
    place=THUMBNAIL_FILE,
)
