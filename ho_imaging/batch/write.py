"""A study's files, each written whole or not at all."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError
from ho_imaging.pipeline import StudyAnalysis
from ho_imaging.reading.uid import is_uid
from ho_imaging.reporting.bone_outlines import BONE_OUTLINES_SUFFIX, bone_outlines
from ho_imaging.reporting.masks import WriteError, ho_probability_8bit, write_png

__all__ = [
    "DICOM_FOLDER",
    "THUMBNAIL",
    "clear_objects",
    "folder_name",
    "write_objects",
    "write_study",
    "write_text",
    "write_thumbnail",
]

logger = logging.getLogger(__name__)

THUMBNAIL = "thumbnail.jpg"
DICOM_FOLDER = "dicom"
_THUMBNAIL_PX = 220
_ORANGE_BGR = (0, 176, 255)
_PICTURES = (f"*{BONE_OUTLINES_SUFFIX}", "*.ho.png", "*.overlay.png", THUMBNAIL, "report.html", "report.pdf")
"""What shows a result and would be wrong beside another."""


def folder_name(study_uid: str) -> str:
    """Name of a study's folder: its UID where that is one, else a hash of it (a UID from a file may hold anything)."""
    if is_uid(study_uid):
        return study_uid
    return "uid-" + hashlib.sha256(study_uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def write_study(analysis: StudyAnalysis, folder: Path, *, masks: bool, overlays: bool) -> None:
    """Write a study's result and pictures, each file whole or not at all; pictures and reports of an earlier result go.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be made: {error.strerror}", path=folder, remedy="check space and rights") from error
    _clear(folder, _PICTURES)
    for uid, film in analysis.films.items():
        name = folder_name(uid)
        bones = bone_outlines(film.reading, film.prediction.model.sha256)
        write_text(folder / f"{name}{BONE_OUTLINES_SUFFIX}", bones.to_json())
        if masks:
            write_png(folder / f"{name}.ho.png", ho_probability_8bit(film.prediction))
        if overlays:
            from ho_imaging.reporting.overlay import draw_overlay  # noqa: PLC0415  (fonts load only for pictures)

            write_png(folder / f"{name}.overlay.png", draw_overlay(film.reading.prepared.radiograph, analysis.result))
    # The result comes last: where it is, the rest is.
    write_text(folder / "result.json", analysis.result.to_json())


def write_objects(
    analysis: StudyAnalysis, folder: Path, *, probability: bool, anatomy: bool, problems: list[str] | None = None
) -> list[Dataset]:
    """Write a study's DICOM objects into ``dicom/`` and give them; those of an earlier run go.

    Each is written whole or not at all. ``problems`` is given a sentence for each thing that could not be written.

    A study whose films no DICOM object can refer to (pictures, single frames of many, headers that are too far from the
    standard) gives none; a warning says so, and the result stands.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    try:
        made = analysis.to_dicom(probability=probability, anatomy=anatomy, problems=problems)
    except HOImagingError as error:
        logger.warning("study %s gets no DICOM objects: %s", analysis.result.study_uid, error)
        if problems is not None:
            problems.append(f"No DICOM objects: {error.reason}.")
        made = []
    except Exception as error:  # whatever a header does to a library must not cost the result
        # Its words may hold the patient's data.
        name = type(error).__name__
        logger.warning("study %s gets no DICOM objects: internal error (%s)", analysis.result.study_uid, name)
        logger.debug("trace", exc_info=True)
        if problems is not None:
            problems.append(f"No DICOM objects: internal error ({name}).")
        made = []
    place = folder / DICOM_FOLDER
    if not made and not place.is_dir():
        return made
    names = {f"{item.Modality.lower()}-{item.SOPInstanceUID}.dcm": item for item in made}
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, item in names.items():
            part = place / f"{name}.part"
            item.save_as(part, enforce_file_format=True)
            part.replace(place / name)
        for path in place.glob("*.dcm*"):
            if path.name not in names:
                path.unlink()
    except OSError as error:
        raise WriteError(f"cannot be written: {error.strerror}", path=place, remedy="check space and rights") from error
    return made


def clear_objects(folder: Path) -> None:
    """Delete the DICOM objects of an earlier result, which this one gets none of; raises `WriteError`."""
    _clear(folder / DICOM_FOLDER, ("*.dcm",))


def _clear(folder: Path, patterns: Iterable[str]) -> None:
    try:
        for pattern in patterns:
            for path in folder.glob(pattern):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be deleted: {error.strerror}", path=folder, remedy="check your rights") from error


def write_text(path: Path, text: str) -> None:
    """Write a text by writing beside and renaming; raises `WriteError`."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise WriteError(f"cannot be written: {error.strerror}", path=path, remedy="check space and rights") from error


def write_thumbnail(analysis: StudyAnalysis, folder: Path) -> None:
    """Write a small picture of the study's film with most findings, outlines drawn in; none without a film.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    films = sorted(analysis.films.values(), key=lambda film: -len(film.reading.findings))
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
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    part = folder / f"{THUMBNAIL}.part"
    try:
        part.write_bytes(encoded)
        part.replace(folder / THUMBNAIL)
    except OSError as error:
        raise WriteError(
            f"cannot be written: {error.strerror}", path=folder, remedy="check space and rights"
        ) from error
