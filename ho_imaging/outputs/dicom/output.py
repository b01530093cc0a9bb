"""The output ``dicom``: a study's DICOM objects in a folder."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, WriteError
from ho_imaging.files.atomic import writing
from ho_imaging.files.output_names import DICOM_FOLDER, REPORT_PDF
from ho_imaging.messages import Message
from ho_imaging.outputs.registry import Needs, Option, Output, Source
from ho_imaging.vocabulary import Status

__all__ = ["OUTPUT"]

logger = logging.getLogger(__name__)


def _write(source: Source, path: Path, *, report: bool, **options: bool) -> None:
    """Write the objects, each whole or not at all; those of an earlier run go.

    A study whose films no DICOM object can refer to (pictures, single frames of many, headers that are too far from the
    standard) gets none; a problem says so, and the result stands.
    """
    made = _made(source, report=report, **options)
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


def _made(source: Source, *, report: bool, **options: bool) -> list[Dataset]:
    from ho_imaging.outputs.dicom.write import to_dicom  # noqa: PLC0415  (loads highdicom)

    study = source.result if source.analysis is None else source.analysis
    try:
        document = _printed(source) if report and source.result.status == Status.DONE else None
        return to_dicom(
            study,
            probability=options["probability"],
            anatomy=options["anatomy"],
            refusals=options["refusals"],
            key_objects=options["key-objects"],
            document=document,
            problems=source.problems,
            previous=source.earlier,
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


def _printed(source: Source) -> tuple[str, bytes] | None:
    """Return the report as HTML and as PDF, without the patient's name; a problem says why there is none."""
    from ho_imaging.outputs.report.material import material_of_analysis, material_of_result  # noqa: PLC0415
    from ho_imaging.outputs.report.page import report_html  # noqa: PLC0415
    from ho_imaging.outputs.report.pdf import write_pdf  # noqa: PLC0415

    material = material_of_result(source.result) if source.analysis is None else material_of_analysis(source.analysis)
    html = report_html(material, "en")
    with tempfile.TemporaryDirectory(prefix="ho-imaging-") as scratch:
        place = Path(scratch) / REPORT_PDF
        try:
            write_pdf(html, place)
        except HOImagingError as error:
            logger.warning("study %s gets no report as PDF: %s", source.result.study_uid, error)
            source.problems.append(Message("output_not_written", output="dicom:report", reason=error.message))
            return None
        return html, place.read_bytes()


OUTPUT = Output(
    name="dicom",
    about="DICOM objects: segmentation, report, presentation state, secondary capture",
    write=_write,
    needs=Needs.FILMS,
    options={
        "probability": Option("the probability as a fractional segmentation, too", needs=Needs.ANALYSIS),
        "anatomy": Option("bones and implants, too", needs=Needs.ANALYSIS),
        "refusals": Option("a report of a study that was refused or failed, which says why"),
        "report": Option("the report as an Encapsulated PDF, too (needs Chromium)"),
        "key-objects": Option("a Key Object Selection of the films with findings, too"),
    },
    place=DICOM_FOLDER,
)
