"""Outlines that a reader drew in another program become readings of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.files.film_stem import film_stem
from ho_imaging.readings.decisions import Decision, check_reader
from ho_imaging.readings.grounds import grounds_of
from ho_imaging.readings.outline_files import DrawnFilm, outside, read_outline_file
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import OutputFolder, batch_results, is_film_name
from ho_imaging.results.schema import ImageResult, StudyResult
from ho_imaging.vocabulary import Status

__all__ = ["ImportedReadings", "import_readings"]

_SUFFIXES = {".json", ".geojson"}


@dataclass(frozen=True)
class ImportedReadings:
    """Summary of an import.

    ``partly_read``: studies of which the files name some films only; what was drawn is kept, the reading is not
    committed.
    """

    studies: int
    films: int
    nodules: int
    partly_read: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Film:
    result: StudyResult
    image: ImageResult


def import_readings(
    folder: Path,
    files: Sequence[Path],
    *,
    reader: str,
    store: Path | None = None,
    labels: Sequence[str] = (),
    at: datetime | None = None,
) -> ImportedReadings:
    """Keep a reader's outlines from files as readings of a batch, all of them or none.

    They count as a blinded reading: its reader saw nothing of the model's. A study is committed when the files name
    all of its films that were analysed; a film without outlines then was read and shows no ectopic bone.

    Parameters
    ----------
    folder
        Output folder of ``ho-imaging analyze``.
    files
        COCO, LabelMe or GeoJSON files, or folders of them.
    reader
        Who drew them.
    store
        Folder of decisions; by default that of the batch.
    labels
        Only shapes of these classes; empty for all.
    at
        When they were drawn; now by default.

    Raises
    ------
    ReadError
        If a file or an entry in it is wrong, names no film of the batch or several, or a film of another size, or if
        two of them outline one film.
    UsageError
        If the reader has no name, has read one of the studies already, there are no files, or none of the shapes in
        them is of a class that was asked for.
    WriteError
        If the readings cannot be kept; none of them then is.

    """
    check_reader(reader)
    kept = ReviewStore(OutputFolder(folder).reviews if store is None else store)
    films = [
        _Film(result, image)
        for _, result in batch_results(folder)
        for image in result.images
        if image.status == Status.DONE
    ]
    drawn: dict[str, DrawnFilm] = {}
    classes: set[str] = set()
    of_uid = {film.image.sop_instance_uid: film for film in films}
    for path in _listed(files):
        for found in read_outline_file(path, labels):
            film = _film_of(found, films)
            _check(found, film.image)
            other = drawn.setdefault(film.image.sop_instance_uid, found)
            if other is not found:
                raise ReadError(
                    f"outlines film {found.name}, which {other.file.name} outlines, too",
                    path=path,
                    remedy="give one of the two: each nodule would count twice",
                )
            classes |= found.classes
    unknown = sorted(set(labels) - classes) if classes else []
    if unknown:
        raise UsageError(
            f"no shape is of the class {', '.join(unknown)}",
            path=", ".join(map(str, files)),
            remedy="check --label; capitals count. All films would have been read as showing nothing",
        )
    when = datetime.now(UTC) if at is None else at.astimezone(UTC)
    readings: list[list[Decision]] = []
    partly: list[str] = []
    for result in {of_uid[uid].result.study_uid: of_uid[uid].result for uid in drawn}.values():
        if kept.path(result.study_uid, reader).exists():
            raise UsageError(
                f"{reader} has read study {result.study_uid} already", path=kept.folder, remedy="give another --reader"
            )
        mine = {uid: drawn[uid] for uid in drawn if of_uid[uid].result is result}
        analysed = {image.sop_instance_uid for image in result.images if image.status == Status.DONE}
        if set(mine) != analysed:
            partly.append(result.study_uid)
        readings.append(_decisions(result, mine, reader, when, whole=set(mine) == analysed))
    _keep(kept, readings)
    return ImportedReadings(
        studies=len(readings),
        films=len(drawn),
        nodules=sum(len(found.nodules) for found in drawn.values()),
        partly_read=tuple(sorted(partly)),
    )


def _listed(files: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in files:
        if path.is_dir():
            found += sorted(inner for inner in path.rglob("*") if inner.suffix.lower() in _SUFFIXES and inner.is_file())
        else:
            found.append(path)
    if not found:
        raise UsageError(
            "hold no files of outlines", path=", ".join(map(str, files)), remedy="give COCO, LabelMe or GeoJSON files"
        )
    return found


def _film_of(drawn: DrawnFilm, films: Sequence[_Film]) -> _Film:
    """Return the film that a file means: by UID, else by path, else by the name of its file, with or without suffix."""
    for film in films:
        if is_film_name(drawn.uid, film.image.sop_instance_uid):
            return film
    name = PurePath(drawn.name)
    paths = [(film, PurePath(film.image.path)) for film in films if film.image.path is not None]
    for found in (
        [film for film, path in paths if path == name],
        [film for film, path in paths if path.name == name.name],
        [film for film, path in paths if film_stem(path.name) == film_stem(name.name)],
    ):
        if len(found) > 1:
            raise ReadError(
                f"{name} may be any of {len(found)} films", path=drawn.file, remedy="name it by its SOP Instance UID"
            )
        if found:
            return found[0]
    raise ReadError(
        f"{name} is no film of the batch that was analysed",
        path=drawn.file,
        remedy="name it by its SOP Instance UID or by the name of its file",
    )


def _check(drawn: DrawnFilm, image: ImageResult) -> None:
    shape = (image.rows or 0, image.columns or 0)
    if drawn.shape is not None and drawn.shape != shape:
        raise ReadError(
            f"{drawn.name} has {drawn.shape[0]} x {drawn.shape[1]} pixels, the film {shape[0]} x {shape[1]}",
            path=drawn.file,
            remedy="outline the film at its own size",
        )
    for nodule in drawn.nodules:
        if outside(nodule.outline, shape):
            raise ReadError(
                f"{nodule.entry} leaves the film of {shape[0]} x {shape[1]} pixels",
                path=drawn.file,
                remedy="check which film it is of, and at which size it was drawn",
            )


def _decisions(
    result: StudyResult, drawn: dict[str, DrawnFilm], reader: str, at: datetime, *, whole: bool
) -> list[Decision]:
    def decision(action: str, **values: object) -> Decision:
        about = {"at": at, "reader": reader, "study_uid": result.study_uid, "model": result.model, "action": action}
        return Decision.model_validate(about | values)

    made = [decision("open", value={"blinded": True})]
    for uid, film in drawn.items():
        for nodule in film.nodules:
            outline = [[list(point) for point in ring] for ring in nodule.outline]
            made.append(decision("add", image_uid=uid, target=f"R{len(made)}", value={"outline_xy_px": outline}))
    if whole:
        made.append(decision("commit", grounds=grounds_of(result, "commit", blinded=True)))
    made.append(decision("close", value={"seconds": 0}))
    return made


def _keep(store: ReviewStore, readings: Iterable[Sequence[Decision]]) -> None:
    """Keep all readings, or none if one cannot be kept."""
    done: list[Path] = []
    whole = False
    try:
        done.extend(store.keep_whole(decisions) for decisions in readings)
        whole = True
    finally:
        for path in () if whole else done:  # an error, or an interrupt
            path.unlink(missing_ok=True)
