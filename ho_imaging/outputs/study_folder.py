"""A study's files, each written whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, WriteError
from ho_imaging.files.atomic import write_bytes, write_text, writing
from ho_imaging.files.png import write_png
from ho_imaging.messages import Message
from ho_imaging.outputs.probability_map import ho_probability_8bit
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.bone_outlines import BONE_OUTLINES_SUFFIX, bone_outlines
from ho_imaging.results.folder import DICOM_FOLDER, RESULT, THUMBNAIL, folder_name

__all__ = [
    "clear_objects",
    "write_objects",
    "write_study",
    "write_thumbnail",
]

logger = logging.getLogger(__name__)

_THUMBNAIL_PX = 220
_ORANGE_BGR = (0, 176, 255)
_PICTURES = (f"*{BONE_OUTLINES_SUFFIX}", "*.ho.png", "*.overlay.png", THUMBNAIL, "report.html", "report.pdf")
"""What shows a result and would be wrong beside another."""


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
            from ho_imaging.outputs.overlay import draw_overlay  # noqa: PLC0415  (fonts load only for pictures)

            write_png(folder / f"{name}.overlay.png", draw_overlay(film.reading.prepared.radiograph, analysis.result))
    # The result comes last: where it is, the rest is.
    write_text(folder / RESULT, analysis.result.to_json())


def write_objects(
    analysis: StudyAnalysis, folder: Path, *, probability: bool, anatomy: bool, problems: list[Message] | None = None
) -> list[Dataset]:
    """Write a study's DICOM objects into ``dicom/`` and give them; those of an earlier run go.

    Each is written whole or not at all. ``problems`` is given a message for each thing that could not be written.

    A study whose films no DICOM object can refer to (pictures, single frames of many, headers that are too far from the
    standard) gives none; a warning says so, and the result stands.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    try:
        from ho_imaging.outputs.dicom.write import to_dicom  # noqa: PLC0415  (loads highdicom)

        made = to_dicom(analysis, probability=probability, anatomy=anatomy, problems=problems)
    except HOImagingError as error:
        logger.warning("study %s gets no DICOM objects: %s", analysis.result.study_uid, error)
        if problems is not None:
            problems.append(Message("dicom_objects_missing", reason=error.message))
        made = []
    except Exception as error:  # whatever a header does to a library must not cost the result
        # Its words may hold the patient's data.
        name = type(error).__name__
        logger.warning("study %s gets no DICOM objects: internal error (%s)", analysis.result.study_uid, name)
        logger.debug("trace", exc_info=True)
        if problems is not None:
            problems.append(Message("dicom_objects_missing", reason=Message("internal_error", kind=name)))
        made = []
    place = folder / DICOM_FOLDER
    if not made and not place.is_dir():
        return made
    names = {f"{item.Modality.lower()}-{item.SOPInstanceUID}.dcm": item for item in made}
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, item in names.items():
            with writing(place / name) as part:
                item.save_as(part, enforce_file_format=True)
        for path in place.glob("*.dcm*"):
            if path.name not in names:
                path.unlink()
    except WriteError:
        raise
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
    write_bytes(folder / THUMBNAIL, encoded)
