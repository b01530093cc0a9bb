"""DICOM objects of a study, from its result alone or with all that was computed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from os import PathLike
from typing import Any

from pydicom.dataset import Dataset

from ho_imaging.messages import Message
from ho_imaging.outputs.dicom.objects import (
    FilmPictures,
    any_sources,
    read_sources,
    refusal_objects,
    study_objects,
)
from ho_imaging.outputs.dicom.pictures import film_pictures
from ho_imaging.outputs.overlay import draw_overlay
from ho_imaging.reading import Radiograph, read_radiograph
from ho_imaging.results.analysis import StudyAnalysis, result_of
from ho_imaging.results.schema import StudyResult
from ho_imaging.vocabulary import Status

__all__ = ["to_dicom"]


def to_dicom(
    study: StudyAnalysis | StudyResult,
    sources: Iterable[Dataset | str | PathLike[str]] | None = None,
    *,
    probability: bool = False,
    anatomy: bool = False,
    problems: list[Message] | None = None,
    previous: Iterable[Dataset] = (),
    created: datetime | None = None,
    refusals: bool = False,
    key_objects: bool = False,
    document: tuple[str, bytes] | None = None,
) -> list[Dataset]:
    """Return a study's DICOM objects: a segmentation and a presentation state a film, a report, a picture a film.

    They belong to the patient and study of the films. The same film and model give the same UIDs.

    Parameters
    ----------
    study
        What `Analyzer.analyze_films` returned, or a result alone.
    sources
        The films, as files or data sets; by default they are read from where they were. An analysis of data sets
        holds them.
    probability
        Add the map of ectopic bone as a fractional segmentation. Needs an analysis.
    anatomy
        Add bones and implants as a segmentation. Needs an analysis.
    problems
        Is given a sentence for each thing that could not be written.
    previous
        Objects of an earlier result of the study: the report names the reports among them as its predecessors.
    created
        When the objects were made, in local time; by default now.
    refusals
        Of a study that was refused or failed, make a report that says so and why.
    key_objects
        Add a Key Object Selection of the films with findings.
    document
        Add a report for people as an Encapsulated PDF: the page as HTML, and printed.

    Returns
    -------
    list of pydicom.Dataset
        Ready to be stored. Empty where no film was analysed that objects can refer to.

    Raises
    ------
    UsageError
        If a film is not given and was in memory, is no DICOM object, or is one of several frames.
    ReadError
        If a film cannot be read.

    """
    about = result_of(study)
    if about.status != Status.DONE:
        if not refusals:
            return []
        held = [] if isinstance(study, StudyResult) else list(study.datasets.values())
        found = any_sources(about, sources if sources is not None else held or None)
        return refusal_objects(about, found, created=created, problems=problems)
    more: dict[str, Any] = {
        "problems": problems,
        "previous": previous,
        "created": created,
        "with_key_objects": key_objects,
        "document": document,
    }
    if isinstance(study, StudyResult):
        datasets = read_sources(study, sources, header_only=False)
        pictures = {
            uid: FilmPictures(overlay=draw_overlay(read, study, named=False))
            for uid, read in _radiographs(study, datasets)
        }
        return study_objects(study, datasets, pictures, **more)
    result = study.result
    given = sources
    if given is None and set(study.films) <= set(study.datasets):
        given = [study.datasets[uid] for uid in study.films]
    pictures = {
        uid: film_pictures(
            film.prediction,
            film.reading,
            result,
            source=study.datasets.get(uid),
            probability=probability,
            anatomy=anatomy,
        )
        for uid, film in study.films.items()
    }
    return study_objects(result, read_sources(result, given), pictures, **more)


def _radiographs(result: StudyResult, datasets: Mapping[str, Dataset]) -> Iterator[tuple[str, Radiograph]]:
    """Read the films that were analysed, where there are pixels."""
    for image in result.images:
        dataset = datasets.get(image.sop_instance_uid)
        if image.status == Status.DONE.value and dataset is not None and "PixelData" in dataset:
            yield image.sop_instance_uid, read_radiograph(dataset)
