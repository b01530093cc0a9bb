"""The output ``dicom``: a study's DICOM objects in a folder."""

from __future__ import annotations

import logging
from pathlib import Path

from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, WriteError
from ho_imaging.files.atomic import writing
from ho_imaging.files.output_names import DICOM_FOLDER
from ho_imaging.messages import Message
from ho_imaging.outputs.registry import Needs, Option, Output, Source

__all__ = ["OUTPUT"]

logger = logging.getLogger(__name__)


def _write(source: Source, path: Path, *, probability: bool, anatomy: bool) -> None:
    """Write the objects, each whole or not at all; those of an earlier run go.

    A study whose films no DICOM object can refer to (pictures, single frames of many, headers that are too far from the
    standard) gets none; a problem says so, and the result stands.
    """
    made = _made(source, probability=probability, anatomy=anatomy)
    if not made and not path.is_dir():
        return
    names = {f"{item.Modality.lower()}-{item.SOPInstanceUID}.dcm": item for item in made}
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name, item in names.items():
            with writing(path / name) as part:
                item.save_as(part, enforce_file_format=True)
        for old in path.glob("*.dcm*"):
            if old.name not in names:
                old.unlink()
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"cannot be written: {error.strerror}", path=path, remedy="check space and rights") from error


def _made(source: Source, *, probability: bool, anatomy: bool) -> list[Dataset]:
    from ho_imaging.outputs.dicom.write import to_dicom  # noqa: PLC0415  (loads highdicom)

    study = source.result if source.analysis is None else source.analysis
    try:
        return to_dicom(
            study, probability=probability, anatomy=anatomy, problems=source.problems, previous=source.earlier
        )
    except HOImagingError as error:
        why = error.message
    except Exception as error:  # whatever a header does to a library must not cost the result
        # Its words may hold the patient's data.
        why = Message("internal_error", kind=type(error).__name__)
        logger.debug("trace", exc_info=True)
    logger.warning("study %s gets no DICOM objects: %s", source.result.study_uid, why)
    source.problems.append(Message("dicom_objects_missing", reason=why))
    return []


OUTPUT = Output(
    name="dicom",
    about="DICOM objects: segmentation, report, presentation state, secondary capture",
    write=_write,
    needs=Needs.FILMS,
    options={
        "probability": Option("the probability as a fractional segmentation, too", needs=Needs.ANALYSIS),
        "anatomy": Option("bones and implants, too", needs=Needs.ANALYSIS),
    },
    place=DICOM_FOLDER,
)
