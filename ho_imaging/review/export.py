"""Reviewed studies on their way out: to training, to evaluation, and to DICOM with the reader as observer.

Only committed readings leave. The adjudicator's word counts alone where there is one; several readers' outlines count
where all agree, and where they differ the truth is left open.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ho_imaging.errors import HOImagingError, UsageError, WriteError
from ho_imaging.files.atomic import write_text
from ho_imaging.files.output_names import DICOM_FOLDER, STUDIES
from ho_imaging.files.png import write_png
from ho_imaging.network.model_store import find_model, read_description
from ho_imaging.preparing import PreparationContract, prepare
from ho_imaging.reading import Radiograph, discover, read_radiograph
from ho_imaging.reading.deidentify import site_key
from ho_imaging.reading.dicom import open_dataset
from ho_imaging.reading.read import ImageRef
from ho_imaging.readings.decision_text import left_out_text
from ho_imaging.readings.film_truth import film_truth
from ho_imaging.readings.plan import read_plan
from ho_imaging.readings.readings import Reading, reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import OutputFolder, batch_results, folder_name
from ho_imaging.results.schema import ImageResult, StudyResult
from ho_imaging.review.films import FilmSource
from ho_imaging.review.leaving import Leaving
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, MIMIC_BIT, Split
from ho_imaging.training.films import Film
from ho_imaging.training.reviewed_films import ReviewedFilm, ReviewedInfo, write_film
from ho_imaging.training.site_config import write_adapt_config
from ho_imaging.vocabulary import SpacingBasis, Status, Structure

__all__ = ["ExportSummary", "Reviewed", "export_reviews", "reviewed_studies", "split_of"]

logger = logging.getLogger(__name__)

FILMS_FOLDER, STUDIES_FOLDER, CONFIG_FILE, SUMMARY_FILE = "films", STUDIES, "adapt.toml", "export.json"
MOST_NODULES = 255
"""``nodules.png`` numbers them in a byte."""


@dataclass(frozen=True)
class Reviewed:
    """A study that has been read, with the readings whose word counts: one, or several that are not adjudicated."""

    folder: Path
    result: StudyResult
    readings: tuple[Reading, ...]


@dataclass
class ExportSummary:
    """What was exported; ``left_out`` says of each film, study or reading that was not, why."""

    studies: int = 0
    films: Counter[str] = field(default_factory=Counter)
    nodules: int = 0
    not_bone: int = 0
    without_ho: int = 0
    out_of_scope: int = 0
    dicom_objects: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON-able data."""
        return {**asdict(self), "films": dict(self.films)}


def reviewed_studies(
    folder: Path,
    *,
    store: Path | None = None,
    readers: Sequence[str] | None = None,
    left_out: dict[str, str] | None = None,
) -> Iterator[Reviewed]:
    """Give the studies of a batch's output folder that are committed, each with the readings that count.

    ``readers``: only these; the store's plan names the adjudicator. A reading that was committed for another result
    than the present one does not count; it is logged, and ``left_out`` is told of it.
    """
    kept = ReviewStore(store if store is not None else OutputFolder(folder).reviews)
    plan = read_plan(kept.folder)
    for study_folder, result in batch_results(folder):
        names = [name for name in kept.readers(result.study_uid) if readers is None or name in readers]
        readings = [reader_reading(result, kept.read(result.study_uid, name), final=True) for name in names]
        committed = [reading for reading in readings if reading.committed]
        for reading in readings:
            if reading.committed_at is not None and not reading.committed:
                why = f"{left_out_text(reading.left_out)}; look at it again and commit it"
                logger.warning("study %s: the reading of %s is left out: %s", result.study_uid, reading.reader, why)
                if left_out is not None:
                    left_out[f"{result.study_uid} read by {reading.reader}"] = why
        last_word = [reading for reading in committed if plan is not None and reading.reader == plan.adjudicator]
        if committed:
            yield Reviewed(study_folder, result, tuple(last_word or committed))


def split_of(key: str, *, val_share: float, test_share: float) -> Split:
    """Give the split of a patient: always the same for the same key, however many others there are."""
    drawn = int.from_bytes(hashlib.sha256(f"split\0{key}".encode("utf-8", "surrogateescape")).digest()[:8], "big")
    share = drawn / 2**64
    return "test" if share < test_share else "val" if share < test_share + val_share else "train"


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
        Where to; films and truth that an earlier export left and this one does not write are deleted.
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
    places = _Places(source, films)
    shares = {"val_share": val_share, "test_share": test_share}
    summary = ExportSummary()
    written: set[Path] = set()
    try:
        (out / FILMS_FOLDER).mkdir(parents=True, exist_ok=True)
        kept = None if store is None else Path(store)
        for reviewed in reviewed_studies(source, store=kept, readers=readers, left_out=summary.left_out):
            _export_study(reviewed, out, contract, places, shares, summary, written, leaving)
            if dicom:
                _export_dicom(reviewed, out, places, summary, leaving)
        summary.without_ho = _export_plain(without_ho, out, contract, shares, summary, written, leaving, scope=True)
        summary.out_of_scope = _export_plain(
            out_of_scope, out, contract, shares, summary, written, leaving, scope=False
        )
        if summary.films:
            _forget_others(out, written)
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


class _Places:
    """Where films are: where they were, below the batch's folder or its parents, or by their UID where told."""

    def __init__(self, batch: Path, told: Sequence[str | PathLike[str]]) -> None:
        images = [image for _, result in batch_results(batch) for image in result.images]
        near = (batch, *batch.resolve().parents)
        self._films = FilmSource(images, near=near, folders=told)

    def of(self, image: ImageResult) -> Path:
        found = self._films.locate(image.sop_instance_uid)
        if not isinstance(found, Path):
            raise UsageError("was analysed from memory", remedy="analyse it from a file")
        return found


def _export_study(
    reviewed: Reviewed,
    out: Path,
    contract: PreparationContract,
    places: _Places,
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
            radiograph = _read_again(path, image)
        except HOImagingError as error:
            logger.warning("film %s is left out: %s", uid, error)
            summary.left_out[uid] = error.problem
            continue
        split = split_of(_patient_key(path, reviewed.result.study_uid), **shares)
        _write_training_film(reviewed, image, radiograph, out, contract, split, leaving)
        name = folder_name(leaving.uid(reviewed.result.study_uid)) + (f"-{number}" if len(done) > 1 else "")
        nodules, not_bone = _write_truth(reviewed, image, path, out / STUDIES_FOLDER / split / name, leaving)
        summary.films[split] += 1
        summary.nodules += nodules
        summary.not_bone += not_bone
        written |= {_film_path(out, leaving.uid(uid)), out / STUDIES_FOLDER / split / name}


def _forget_others(out: Path, written: set[Path]) -> None:
    """Delete what an earlier export left: a withdrawn reading must not teach, nor a patient be in two splits."""
    for film in (out / FILMS_FOLDER).glob("film_*.safetensors"):
        if film not in written:
            film.unlink()
    for truth in (out / STUDIES_FOLDER).glob("*/*/truth"):
        if truth.parent not in written:
            shutil.rmtree(truth.parent)


def _read_again(path: Path, image: ImageResult) -> Radiograph:
    """Read a film as it was analysed: the caller's word then is the caller's word now."""
    radiograph = read_radiograph(path, frame=image.frame or None, **image.callers_word())
    if radiograph.pixels.shape != (image.rows, image.columns) or (
        radiograph.sop_instance_uid != image.sop_instance_uid
    ):
        raise UsageError("is another film than the one that was analysed", path=path, remedy="analyse it again")
    return radiograph


def _write_training_film(
    reviewed: Reviewed,
    image: ImageResult,
    radiograph: Radiograph,
    out: Path,
    contract: PreparationContract,
    split: Split,
    leaving: Leaving,
) -> None:
    by_heads = image.measured_spacing_mm if image.measured_basis == SpacingBasis.ANATOMICAL else None
    prepared = prepare(radiograph, contract, assumed_pixel_mm=None if by_heads is None else by_heads[1])
    shape = (prepared.pixels.shape[0], prepared.pixels.shape[1])
    truth = film_truth(reviewed.readings, image.sop_instance_uid, shape, prepared.grid.points_to_prepared)
    bits = (
        truth.ho.astype(np.uint8) << MASK_BITS[Structure.HO]
        | truth.is_open.astype(np.uint8) << IGNORE_BIT
        | truth.not_bone.astype(np.uint8) << MIMIC_BIT
    )
    info = ReviewedInfo(
        pixel_mm=contract.pixel_mm,
        study_uid=leaving.uid(reviewed.result.study_uid),
        image_uid=leaving.uid(image.sop_instance_uid),
        region=str(image.region),
        view=str(image.view),
        split=split,
        readers=tuple(leaving.reader(reading.reader) for reading in reviewed.readings),
    )
    film = Film(prepared.pixels, prepared.valid, np.asarray(bits, dtype=np.uint8))
    write_film(_film_path(out, info.image_uid), ReviewedFilm(info, film))


def _film_path(out: Path, image_uid: str) -> Path:
    return out / FILMS_FOLDER / f"film_{folder_name(image_uid)}.safetensors"


def _write_truth(reviewed: Reviewed, image: ImageResult, path: Path, folder: Path, leaving: Leaving) -> tuple[int, int]:
    """Write what is true of a film as `ho_imaging.evaluation.truth` reads it; gives nodules and what is no bone."""
    shape = (image.rows or 0, image.columns or 0)
    uid = image.sop_instance_uid
    truth = film_truth(reviewed.readings, uid, shape, rim=False)
    numbered = np.zeros(shape, dtype=np.uint8)
    nodules: list[dict[str, Any]] = []
    first = reviewed.readings[0]
    for nodule in first.nodules:
        if nodule.image_uid != uid or not nodule.decided or len(nodules) == MOST_NODULES:
            continue
        alone = Reading(first.study_uid, first.reader, (nodule,), (), {}, {}, committed=True, seconds=0.0)
        here = film_truth([alone], uid, shape, rim=False).ho & truth.ho & (numbered == 0)
        if here.any():
            numbered[here] = len(nodules) + 1
            nodules.append(
                {
                    "id": nodule.id,
                    "side": str(nodule.side),
                    "area_mm2": nodule.area_mm2,
                    "long_axis_mm": nodule.long_axis_mm,
                    "drawn": nodule.drawn,
                }
            )
    taken = {item.id: item for reading in reviewed.readings for item in reading.not_bone if item.image_uid == uid}
    masks = {"ignore": truth.is_open} if truth.is_open.any() else {}
    for kind in sorted({item.mimic or "other" for item in taken.values()}):
        alike = tuple(item for item in taken.values() if (item.mimic or "other") == kind)
        alone = Reading(first.study_uid, first.reader, (), alike, {}, {}, committed=True, seconds=0.0)
        # Where another reader holds it for bone it is open, and no mimic.
        mask = film_truth([alone], uid, shape, rim=False).not_bone & truth.not_bone
        if mask.any():
            masks[f"mimic_{kind}"] = mask
    spacing = image.measured_spacing_mm
    about = {
        "rows": shape[0],
        "columns": shape[1],
        "pixel_mm": None if spacing is None else spacing[1],
        "region": str(image.region),
        "view": str(image.view),
        "laterality": str(image.laterality),
        "masks": sorted(masks),
        "caller": image.callers_word(),
        "truth": {
            "readers": [leaving.reader(reading.reader) for reading in reviewed.readings],
            "nodules": nodules,
            "mimics": sorted(name.removeprefix("mimic_") for name in masks if name.startswith("mimic_")),
            "sides": _sides(reviewed, uid),
        },
    }
    place = folder / "truth"
    place.mkdir(parents=True, exist_ok=True)
    film = leaving.film(path, folder)
    about |= {} if film is None else {"film": film}
    for old in place.glob("*.png"):
        old.unlink()
    write_png(place / "nodules.png", numbered)
    for name, mask in masks.items():
        write_png(place / f"{name}.png", mask.astype(np.uint8) * np.uint8(255))
    write_text(place / "truth.json", json.dumps(about, indent=2, sort_keys=True) + "\n")
    return len(nodules), len(taken)


def _sides(reviewed: Reviewed, image_uid: str) -> list[dict[str, Any]]:
    """Give the grades that all readers gave, with the film the model's grade of that side rests on."""
    severity = reviewed.result.severity
    found = []
    for side in () if severity is None else severity.sides:
        grades = {reading.grades.get(str(side.side)) for reading in reviewed.readings}
        grade = grades.pop() if len(grades) == 1 else None
        if side.system == "brooker" and grade is not None and side.evidence.sop_instance_uid in {image_uid, None}:
            found.append({"side": str(side.side), "brooker": grade})
    return found


def _patient_key(path: Path, study_uid: str) -> str:
    """What a patient's films have in common; it is hashed and kept nowhere."""
    try:
        header = open_dataset(path, header_only=True)
    except HOImagingError:
        return study_uid  # a picture file names no patient
    # Not the issuer, which one film of a patient may name and the next one not: two splits would share the patient.
    patient = str(header.get("PatientID", "") or "").strip()
    return f"\0{patient}" if patient else study_uid


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
    for study in discover([Path(source) for source in sources]).studies:
        for image in study.images:
            place = _film_path(out, leaving.uid(image.sop_instance_uid))
            if place in written:
                summary.left_out[f"{image.path}"] = (
                    "has been reviewed, or is among the films of another kind: that counts"
                )
                logger.warning("film %s has been reviewed: that counts", image.sop_instance_uid)
                continue
            try:
                leaving.check(image.path)
                _write_plain(image, out, contract, shares, leaving, scope=scope)
            except HOImagingError as error:
                logger.warning("film %s is left out: %s", image.sop_instance_uid, error)
                summary.left_out[image.sop_instance_uid] = error.problem
                continue
            count += 1
            written.add(place)
            summary.films[split_of(_patient_key(image.path, image.study_uid), **shares)] += 1
    return count


def _write_plain(
    image: ImageRef,
    out: Path,
    contract: PreparationContract,
    shares: Mapping[str, float],
    leaving: Leaving,
    *,
    scope: bool,
) -> None:
    path = _film_path(out, leaving.uid(image.sop_instance_uid))
    radiograph = read_radiograph(image)
    prepared = prepare(radiograph, contract)
    info = ReviewedInfo(
        pixel_mm=contract.pixel_mm,
        study_uid=leaving.uid(image.study_uid),
        image_uid=leaving.uid(image.sop_instance_uid),
        region=radiograph.region.value.value,
        view=radiograph.view.value.value,
        split=split_of(_patient_key(image.path, image.study_uid), **shares),
        scope=scope,
    )
    bits = np.zeros(prepared.pixels.shape, dtype=np.uint8)
    write_film(path, ReviewedFilm(info, Film(prepared.pixels, prepared.valid, bits)))


def _export_dicom(reviewed: Reviewed, out: Path, places: _Places, summary: ExportSummary, leaving: Leaving) -> None:
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
            item.save_as(folder / f"{item.Modality.lower()}-{item.SOPInstanceUID}.dcm", enforce_file_format=True)
        summary.dicom_objects += len(made)
