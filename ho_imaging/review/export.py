"""Export of reviewed studies: to training, to evaluation, and to DICOM with the reader as observer.

Only committed readings are exported. Where there is an adjudicator, only that reading counts. Outlines of several
readers count where all agree; where they differ, the truth is left open.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from ho_imaging.errors import HOImagingError, UsageError, WriteError
from ho_imaging.files.atomic import write_text
from ho_imaging.files.output_names import DICOM_FOLDER, STUDIES
from ho_imaging.files.path_text import path_text
from ho_imaging.network.model_store import find_model, read_description
from ho_imaging.preparing import PreparationContract
from ho_imaging.reading import discover
from ho_imaging.reading.deidentify import site_key
from ho_imaging.results.folder import folder_name
from ho_imaging.review.export_films import (
    FILMS_FOLDER,
    FilmPlaces,
    film_path,
    read_again,
    write_plain_film,
    write_reviewed_film,
)
from ho_imaging.review.export_truth import write_truth
from ho_imaging.review.leaving import Leaving
from ho_imaging.review.patient_split import patient_key, split_of
from ho_imaging.review.reviewed_studies import Reviewed, reviewed_studies
from ho_imaging.training.site_config import write_adapt_config
from ho_imaging.vocabulary import Status

__all__ = ["ExportSummary", "export_reviews"]

logger = logging.getLogger(__name__)

CONFIG_FILE, SUMMARY_FILE = "adapt.toml", "export.json"


@dataclass
class ExportSummary:
    """Summary of an export; ``left_out``: why each film, study or reading was not exported."""

    studies: int = 0
    films: Counter[str] = field(default_factory=Counter)
    nodules: int = 0
    not_bone: int = 0
    without_ho: int = 0
    out_of_scope: int = 0
    dicom_objects: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {**asdict(self), "films": dict(self.films)}


def export_reviews(
    folder: str | PathLike[str],
    out_dir: str | PathLike[str],
    *,
    store: str | PathLike[str] | None = None,
    readers: Sequence[str] | None = None,
    model: str | Path = "default",
    films: Sequence[str | PathLike[str]] = (),
    without_ho: Sequence[str | PathLike[str]] = (),
    out_of_scope: Sequence[str | PathLike[str]] = (),
    val_share: float = 0.2,
    test_share: float = 0.0,
    dicom: bool = False,
    deidentify_key: str | PathLike[str] | None = None,
    burned_in: bool = False,
) -> ExportSummary:
    """Export the committed studies of a batch's output folder.

    ``out_dir`` gets ``films/film_<SOP Instance UID>.safetensors`` to train on, ``studies/<split>/<UID>/truth/`` to
    evaluate on (which points at the films and copies none), ``adapt.toml`` to fine-tune the model with, on request
    ``dicom/<UID>/``, and ``export.json`` with the counts. A patient is in one split only, and always in the same.
    Readings that were committed for another result than the present one are left out, with a warning.

    Parameters
    ----------
    folder
        What ``ho-imaging analyze --out`` was given.
    out_dir
        Where to; films, truth and, with ``dicom``, objects that an earlier export left and this one does not write are
        deleted.
    store
        Folder of decisions; ``reviews`` in the batch's folder by default.
    readers
        Only their readings.
    model
        Model to be fine-tuned; it says how films are prepared.
    films
        Folders to look for films in that are no longer where they were analysed.
    without_ho, out_of_scope
        Files or folders of a site's further films: such as show no ectopic bone by its own reports, and such as are
        not of the kind the model is for (then they teach the gate, too). Nobody needs to outline anything on them.
    val_share, test_share
        Shares of patients kept to choose and calibrate by, and to evaluate on only.
    dicom
        Write a segmentation and a report a reading, with the reader as observer.
    deidentify_key
        File of the site's key (made where there is none): what is exported names nobody. UIDs, patients and readers
        become pseudonyms, and the truth has its film beside it, de-identified (`ho_imaging.reading.deidentify`).
    burned_in
        With a key, also export films whose header says that text is burned into the picture.

    Raises
    ------
    UsageError
        If there is nothing to export, or the shares leave nothing to train on.
    ReadError
        If a result or a decision cannot be read.
    ModelError
        If there is no such model.
    WriteError
        If the folder cannot be written to.

    """
    if not (val_share >= 0.0 and test_share >= 0.0 and val_share + test_share < 1.0):
        raise UsageError("val_share and test_share must not be negative and leave something to train on")
    source, out = Path(folder), Path(out_dir)
    contract = read_description(find_model(model)).preparation
    leaving = Leaving(None if deidentify_key is None else site_key(Path(deidentify_key)), burned_in)
    places = FilmPlaces(source, films)
    shares = {"val_share": val_share, "test_share": test_share}
    summary = ExportSummary()
    written: set[Path] = set()
    try:
        (out / FILMS_FOLDER).mkdir(parents=True, exist_ok=True)
        kept = None if store is None else Path(store)
        for reviewed in reviewed_studies(source, store=kept, readers=readers, left_out=summary.left_out):
            _export_study(reviewed, out, contract, places, shares, summary, written, leaving)
            if dicom:
                _export_dicom(reviewed, out, places, summary, written, leaving)
        summary.without_ho = _export_plain(without_ho, out, contract, shares, summary, written, leaving, scope=True)
        summary.out_of_scope = _export_plain(
            out_of_scope, out, contract, shares, summary, written, leaving, scope=False
        )
        if summary.films:
            _forget_others(out, written, dicom=dicom)
    except OSError as error:
        if isinstance(error, HOImagingError):
            raise
        raise WriteError(f"cannot be written: {error.strerror}", path=out, remedy="check space and rights") from error
    if not summary.films:
        raise UsageError(
            "holds no committed study whose films could be read", path=source, remedy="commit a study in the review"
        )
    write_adapt_config(out / CONFIG_FILE, model, cases=Path("cases"), films=Path(FILMS_FOLDER))
    told = summary.to_dict()
    if leaving.key is not None:
        told["left_out"] = len(summary.left_out)  # by paths and UIDs, which stay here
    write_text(out / SUMMARY_FILE, json.dumps(told, indent=2) + "\n")
    return summary


def _export_study(
    reviewed: Reviewed,
    out: Path,
    contract: PreparationContract,
    places: FilmPlaces,
    shares: Mapping[str, float],
    summary: ExportSummary,
    written: set[Path],
    leaving: Leaving,
) -> None:
    """Export a study's films and what is true of them; files and folders are noted in ``written``."""
    summary.studies += 1
    done = [image for image in reviewed.result.images if image.status == Status.DONE]
    for number, image in enumerate(done, start=1):
        uid = image.sop_instance_uid
        try:
            path = places.of(image)
            leaving.check(path)
            radiograph = read_again(path, image)
        except HOImagingError as error:
            logger.warning("film %s is left out: %s", uid, error)
            summary.left_out[uid] = error.problem
            continue
        split = split_of(patient_key(path, reviewed.result.study_uid), **shares)
        write_reviewed_film(reviewed, image, radiograph, out, contract, split, leaving)
        name = folder_name(leaving.uid(reviewed.result.study_uid)) + (f"-{number}" if len(done) > 1 else "")
        nodules, not_bone = write_truth(reviewed, image, path, out / STUDIES / split / name, leaving)
        summary.films[split] += 1
        summary.nodules += nodules
        summary.not_bone += not_bone
        written |= {film_path(out, leaving.uid(uid)), out / STUDIES / split / name}


def _forget_others(out: Path, written: set[Path], *, dicom: bool) -> None:
    """Delete what an earlier export left: a withdrawn reading must not teach, nor a patient be in two splits."""
    for film in (out / FILMS_FOLDER).glob("film_*.safetensors"):
        if film not in written:
            film.unlink()
    for truth in (out / STUDIES).glob("*/*/truth"):
        if truth.parent not in written:
            shutil.rmtree(truth.parent)
    for item in (out / DICOM_FOLDER).glob("*/*.dcm") if dicom else ():
        if item not in written:
            item.unlink()


def _export_plain(
    sources: Sequence[str | PathLike[str]],
    out: Path,
    contract: PreparationContract,
    shares: Mapping[str, float],
    summary: ExportSummary,
    written: set[Path],
    leaving: Leaving,
    *,
    scope: bool,
) -> int:
    """Export films that show no ectopic bone as they are; gives how many. What is in ``written`` stays as it is."""
    if not sources:
        return 0
    count = 0
    found = discover([Path(source) for source in sources])
    for item in found.rejected:
        if not item.stray:
            summary.left_out[path_text(item.path)] = str(item.reason)
            logger.warning("%s is left out: %s", item.path, item.reason)
    for study in found.studies:
        for image in study.images:
            place = film_path(out, leaving.uid(image.sop_instance_uid))
            if place in written:
                summary.left_out[f"{image.path}"] = (
                    "has been reviewed, or is among the films of another kind: that counts"
                )
                logger.warning("film %s has been reviewed: that counts", image.sop_instance_uid)
                continue
            try:
                leaving.check(image.path)
                write_plain_film(image, out, contract, shares, leaving, scope=scope)
            except HOImagingError as error:
                logger.warning("film %s is left out: %s", image.sop_instance_uid, error)
                summary.left_out[image.sop_instance_uid] = error.problem
                continue
            count += 1
            written.add(place)
            summary.films[split_of(patient_key(image.path, image.study_uid), **shares)] += 1
    return count


def _export_dicom(
    reviewed: Reviewed,
    out: Path,
    places: FilmPlaces,
    summary: ExportSummary,
    written: set[Path],
    leaving: Leaving,
) -> None:
    """Write the objects of each reading of a study, and note them in ``written``."""
    from ho_imaging.review.dicom import reading_objects  # noqa: PLC0415  (highdicom loads only for DICOM)

    uid = reviewed.result.study_uid
    folder = out / DICOM_FOLDER / folder_name(leaving.uid(uid))
    for reading in reviewed.readings:
        try:
            done = [image for image in reviewed.result.images if image.status == Status.DONE]
            sources = [places.of(image) for image in done]
            made = reading_objects(reviewed.result, reading, sources)
        except HOImagingError as error:
            logger.warning("study %s gives no DICOM objects: %s", uid, error)
            summary.left_out[uid] = error.problem
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for item in map(leaving.made, made):
            place = folder / f"{item.Modality.lower()}-{item.SOPInstanceUID}.dcm"
            item.save_as(place, enforce_file_format=True)
            written.add(place)
        summary.dicom_objects += len(made)
