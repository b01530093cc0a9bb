"""Results of images that were refused or failed."""

from __future__ import annotations

import logging
from pathlib import Path

from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, RefusedError
from ho_imaging.messages import Message
from ho_imaging.reading import Radiograph
from ho_imaging.reading.read import ImageRef
from ho_imaging.reading.sources import PlainSource
from ho_imaging.reading.uid import usable_uid
from ho_imaging.results.build import (
    failed_image,
    image_result,
    study_result,
)
from ho_imaging.results.schema import ImageResult, StudyResult
from ho_imaging.vocabulary import Status

__all__ = ["left_out_film", "not_done", "rejected_input"]

logger = logging.getLogger(__name__)


def not_done(
    source: PlainSource,
    number: int,
    radiograph: Radiograph | None,
    status: Status,
    error: HOImagingError,
) -> tuple[ImageResult, None, str | None]:
    """Return the result of an image that was refused or failed, and the study it states.

    ``number`` is its place among the images of the study.
    """
    reason = error.message
    logger.info("%s: %s: %s", error.path or f"film {number}", status.value, reason)
    if radiograph is not None:
        return image_result(radiograph, status=status, reason=reason), None, radiograph.study_uid
    uid, series, study, path = _identity(source, number)
    image = failed_image(sop_instance_uid=uid, series_uid=series, path=path, status=status, reason=reason)
    return image, None, study


def rejected_input(path: str, status: Status, reason: Message) -> StudyResult:
    """Return the result of an input that is in no study."""
    from ho_imaging.reading.raster import raster_uid  # noqa: PLC0415  (only for inputs in no study)

    uid = raster_uid(path.encode("utf-8", "surrogateescape"), "input")
    image = failed_image(sop_instance_uid=uid, series_uid=None, path=path, status=status, reason=reason)
    return study_result(uid, [image], [], None, None, [])


def left_out_film(source: PlainSource, number: int, reason: Message) -> StudyResult:
    """Return the result of a film that is no study of its own, since another one counts in its place."""
    from ho_imaging.reading.raster import raster_uid  # noqa: PLC0415  (only for inputs in no study)

    image, _, _ = not_done(source, number, None, Status.REFUSED, RefusedError(reason))
    uid = raster_uid(f"{number} {image.sop_instance_uid}".encode(), "input")
    return study_result(uid, [image], [], None, None, [])


def _identity(source: PlainSource, number: int) -> tuple[str, str | None, str | None, str | None]:
    """SOP instance, series and study UID and path of a film that could not be read, as far as they are known."""
    if isinstance(source, ImageRef | Radiograph):
        path = None if source.path is None else str(source.path)
        return source.sop_instance_uid, source.series_uid, source.study_uid, path
    if isinstance(source, Dataset):

        def text(keyword: str) -> str | None:
            return usable_uid(str(source.get(keyword, "") or "").strip()) or None

        return text("SOPInstanceUID") or f"unknown.{number}", text("SeriesInstanceUID"), text("StudyInstanceUID"), None
    path = None if isinstance(source, bytes) else str(source)
    try:
        from ho_imaging.reading.open_dicom import open_dataset  # noqa: PLC0415  (only for films that failed)

        dataset = open_dataset(source if isinstance(source, bytes) else Path(source), header_only=True)
        uid, series, study, _ = _identity(dataset, number)
        return uid, series, study, path
    except HOImagingError:
        from ho_imaging.reading.raster import raster_uid  # noqa: PLC0415

        key = source if isinstance(source, bytes) else str(source).encode("utf-8", "surrogateescape")
        uid = raster_uid(key, "input")
        return uid, None, uid, path
