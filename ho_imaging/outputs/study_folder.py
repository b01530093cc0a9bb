"""A study's files, each written whole or not at all: what is always kept, and the outputs asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ho_imaging.errors import HOImagingError, WriteError
from ho_imaging.files.atomic import write_text
from ho_imaging.messages import Message
from ho_imaging.outputs.registry import Chosen, Per, Source, choose
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.bone_outlines import bone_outlines
from ho_imaging.results.folder import StudyFolder, film_file

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["forget_study", "write_output", "write_study"]

logger = logging.getLogger(__name__)


def write_study(analysis: StudyAnalysis, folder: Path, outputs: Sequence[str] = ()) -> StudyAnalysis:
    """Write a study's result and outputs; everything of an earlier result goes.

    Parameters
    ----------
    analysis
        What `Analyzer.analyze_study` returned.
    folder
        The study's folder; made where it is missing.
    outputs
        Outputs of a study, as `choose` reads them.

    Returns
    -------
    StudyAnalysis
        The analysis, with a warning in its result for each output, or part of one, that could not be written.

    Raises
    ------
    WriteError
        If the folder cannot be written to.
    UsageError
        If there is no such output.

    """
    place = StudyFolder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be made: {error.strerror}", path=folder, remedy="check space and rights") from error
    chosen = [choose(text) for text in dict.fromkeys((*outputs, "thumbnail"))]
    earlier = _earlier_reports(chosen, folder)
    # An earlier result first: a program that is killed leaves none beside the outputs of another.
    forget_study(folder)
    for uid, film in analysis.films.items():
        outlines = bone_outlines(film.reading, film.prediction.model.sha256)
        write_text(place.bone_outlines(uid, film_file(analysis.result, uid)), outlines.to_json())
    # DICOM objects first: what cannot be written of them is said in the result, which the others show.
    for one in sorted(chosen, key=lambda one: one.output.name != "dicom"):
        source = Source(analysis.result, analysis, place, earlier=earlier)
        write_output(one, source, folder)
        analysis = analysis.with_warnings(source.problems)
    # The result comes last: where it is, the rest is.
    write_text(place.result, analysis.result.to_json())
    return analysis


def forget_study(folder: Path) -> None:
    """Delete a study's result and all that shows it, where it is of an earlier analysis and the last one made none.

    Raises
    ------
    WriteError
        If something cannot be deleted.

    """
    place = StudyFolder(folder)
    _delete([place.result, *place.of_the_result()], folder)


def write_output(chosen: Chosen, source: Source, folder: Path) -> None:
    """Write one output into a study's folder; what goes wrong with it is added to the source's problems.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    path = chosen.output.path_in(folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be made: {error.strerror}", path=path, remedy="check space and rights") from error
    try:
        if chosen.output.per is Per.STUDY:
            chosen.output.write(source, path, **chosen.options)
        return
    except WriteError:
        raise
    except HOImagingError as error:
        why = error.message
    except Exception as error:  # whatever an output does must not cost the result
        # Its words may hold the patient's data.
        why = Message("internal_error", kind=type(error).__name__)
        logger.debug("trace", exc_info=True)
    logger.warning("study %s: output %s was not written: %s", source.result.study_uid, chosen.output.name, why)
    source.problems.append(Message("output_not_written", output=chosen.output.name, reason=why))


def _earlier_reports(chosen: Sequence[Chosen], folder: Path) -> tuple[Dataset, ...]:
    """Return the DICOM reports of the result that goes, where new ones are asked for."""
    paths = [one.output.path_in(folder) for one in chosen if one.output.name == "dicom"]
    if not any(path.is_dir() for path in paths):
        return ()
    from ho_imaging.outputs.dicom.predecessors import kept_reports  # noqa: PLC0415  (loads highdicom)

    return tuple(report for path in paths for report in kept_reports(path))


def _delete(paths: Iterable[Path], folder: Path) -> None:
    try:
        for path in paths:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be deleted: {error.strerror}", path=folder, remedy="check your rights") from error
