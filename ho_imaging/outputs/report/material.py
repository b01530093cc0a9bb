"""Everything a report is made of, gathered once: the result, its films, and what else is known of the study."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from ho_imaging.errors import HOImagingError
from ho_imaging.outputs.report.model_card import ModelCard, card_of
from ho_imaging.progression.schema import ProgressionResult
from ho_imaging.reading import Radiograph, discover, read_radiograph
from ho_imaging.reading.dates import date_acquired
from ho_imaging.reading.identifiers import StudyIdentifiers, identifiers_of
from ho_imaging.reading.identity import PatientIdentity, first_conflict, patient_of
from ho_imaging.reading.open_dicom import open_dataset
from ho_imaging.reading.read import all_pixels
from ho_imaging.reading.values import read_date
from ho_imaging.results.bone_outlines import BoneOutlines, bone_outlines
from ho_imaging.results.kept_bones import kept_bones
from ho_imaging.results.schema import StudyResult
from ho_imaging.vocabulary import Side

if TYPE_CHECKING:
    from ho_imaging.progression.studies import SideComparison
    from ho_imaging.readings.reviewed_study import ReviewedStudy
    from ho_imaging.results.analysis import StudyAnalysis

__all__ = ["ComparisonMaterial", "Material", "Patient", "find_films", "material_of_analysis", "material_of_result"]

logger = logging.getLogger(__name__)

_MOST_NAME = 200


@dataclass(frozen=True)
class Patient:
    """The patient and the examination, for a clinical reader; shown on request only.

    ``several``: the films name different patients. ``number``: the Patient ID.
    """

    name: str | None = None
    number: str | None = None
    sex: str | None = None
    birth_date: date | None = None
    film_dates: tuple[date, ...] = ()
    several: bool = False


@dataclass(frozen=True, eq=False)
class ComparisonMaterial:
    """A comparison with earlier studies; ``sides``: what pictures are drawn from; ``earlier``: the result before."""

    result: ProgressionResult
    sides: Mapping[Side, SideComparison] = field(default_factory=dict)
    earlier: StudyResult | None = None


@dataclass(frozen=True, eq=False)
class Material:
    """Content of one report. ``films`` and ``bones``: by SOP Instance UID, those that are at hand.

    ``reviews``: what readers made of the result, one entry a reader. ``shows_files``: name the films' files.
    """

    result: StudyResult
    films: Mapping[str, Radiograph] = field(default_factory=dict)
    bones: Mapping[str, BoneOutlines] = field(default_factory=dict)
    card: ModelCard | None = None
    comparison: ComparisonMaterial | None = None
    patient: Patient | None = None
    reviews: Sequence[ReviewedStudy] = ()
    shows_files: bool = False


def material_of_analysis(
    analysis: StudyAnalysis,
    *,
    comparison: ComparisonMaterial | None = None,
    patient: bool = False,
    reviews: Sequence[ReviewedStudy] = (),
    shows_files: bool = False,
) -> Material:
    """Gather a report's material from an analysis whose films are in memory.

    ``patient``: read name and birth date from the films, for a clinical reader. ``shows_files``: name the films' files.
    """
    result = analysis.result
    films = {
        uid: all_pixels(film.reading.prepared.radiograph, analysis.datasets.get(uid))
        for uid, film in analysis.films.items()
    }
    model_sha256 = "" if result.model is None else result.model.sha256
    return Material(
        result=result,
        films=films,
        bones={uid: bone_outlines(film.reading, model_sha256) for uid, film in analysis.films.items()},
        card=card_of(result.model),
        comparison=comparison,
        patient=_patient([analysis.datasets.get(uid, film.path) for uid, film in films.items()])
        if patient
        else _kept_patient(result),
        reviews=reviews,
        shows_files=shows_files,
    )


def material_of_result(
    result: StudyResult,
    *,
    folder: Path | None = None,
    films: Mapping[str, str | PathLike[str]] | None = None,
    comparison: ComparisonMaterial | None = None,
    patient: bool = False,
    reviews: Sequence[ReviewedStudy] = (),
    shows_files: bool = False,
) -> Material:
    """Gather a report's material for a result that was kept.

    Films are read from where they were, or from ``films`` (paths by SOP Instance UID); one that is gone is left out,
    and the report says so. ``folder``: the study's folder of a batch, which holds the outlines of bones.
    """
    paths = films or {}
    found: dict[str, Radiograph] = {}
    bones: dict[str, BoneOutlines] = {}
    sources: list[Any] = []
    for image in result.images:
        uid = image.sop_instance_uid
        path = paths.get(uid, image.path)
        if image.status != "done" or path is None:
            continue
        try:
            film = read_radiograph(path, frame=image.frame or None)
        except HOImagingError as error:
            logger.warning("a film is left out of the report: %s; --films says where films are now", error)
            continue
        if film.sop_instance_uid != uid or film.shape != (image.rows, image.columns):
            logger.warning("%s: is another film than the result's; it is left out", path)
            continue
        found[uid] = film
        sources.append(path)
        if folder is not None:
            kept = kept_bones(result, uid, folder=folder)
            if kept is not None:
                bones[uid] = kept
    return Material(
        result=result,
        films=found,
        bones=bones,
        card=card_of(result.model),
        comparison=comparison,
        patient=_patient(sources) if patient else _kept_patient(result),
        reviews=reviews,
        shows_files=shows_files,
    )


def find_films(places: Iterable[str | PathLike[str]]) -> dict[str, Path]:
    """Find films under some paths, by SOP Instance UID: for results whose films have moved."""
    found = discover(list(places))
    return {image.sop_instance_uid: Path(image.path) for study in found.studies for image in study.images}


def _patient(sources: Iterable[Dataset | str | PathLike[str] | None]) -> Patient:
    """Read whose films these are; of files that say nothing, nothing."""
    names: dict[str, None] = {}
    births: dict[date, None] = {}
    stated: list[StudyIdentifiers] = []
    patients: list[tuple[str, PatientIdentity]] = []
    taken: set[date] = set()
    for source in sources:
        dataset = _header(source)
        if dataset is None:
            continue
        patients.append(("", patient_of(dataset)))
        stated.append(identifiers_of(dataset))
        name = _name(dataset.get("PatientName"))
        if name:
            names[name] = None
        birth = read_date(dataset.get("PatientBirthDate"))
        if birth:
            births[birth] = None
        day, _ = date_acquired(dataset)
        if day is not None:
            taken.add(day)
    return Patient(
        name=next(iter(names), None),
        number=next((one.patient_id for one in stated if one.patient_id), None),
        sex=next((one.patient_sex for one in stated if one.patient_sex), None),
        birth_date=next(iter(births), None),
        film_dates=tuple(sorted(taken)),
        several=first_conflict(patients) is not None,
    )


def _kept_patient(result: StudyResult) -> Patient | None:
    """Return the patient that a result says, where a batch was asked for it."""
    said = result.identifiers
    if said is None or not (said.patient_id or said.patient_name or said.patient_birth_date or said.patient_sex):
        return None
    days = tuple(day for day in map(_day, (said.study_date or "").split("\\")) if day is not None)
    birth = _day((said.patient_birth_date or "").split("\\")[0])
    return Patient(_name(said.patient_name) or None, said.patient_id, said.patient_sex, birth, days)


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _header(source: Dataset | str | PathLike[str] | None) -> Dataset | None:
    if source is None or isinstance(source, Dataset):
        return source
    try:
        return open_dataset(Path(source), header_only=True)
    except HOImagingError:  # a picture has no header
        return None


def _name(value: object) -> str:
    """Write a person's name as it is read out: given names first; as it stands where it has no parts."""
    if not value:
        return ""
    name = value if isinstance(value, PersonName) else PersonName(str(value))
    parts = [name.name_prefix, name.given_name, name.middle_name, name.family_name, name.name_suffix]
    return " ".join(part for part in parts if part)[:_MOST_NAME] or str(name)[:_MOST_NAME]
