"""All DICOM objects of a study's result."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage

from ho_imaging.errors import HOImagingError, ReadError, UsageError
from ho_imaging.messages import Message
from ho_imaging.outputs.dicom.capture import secondary_capture
from ho_imaging.outputs.dicom.document import pdf_document
from ho_imaging.outputs.dicom.headers import sop_class_of, without_unsound
from ho_imaging.outputs.dicom.identity import Maker
from ho_imaging.outputs.dicom.key_objects import key_objects
from ho_imaging.outputs.dicom.measurements import structured_report
from ho_imaging.outputs.dicom.predecessors import name_predecessors
from ho_imaging.outputs.dicom.presentation import presentation_state
from ho_imaging.outputs.dicom.refusal import refusal_report
from ho_imaging.outputs.dicom.segmentation import (
    anatomy_segmentation,
    nodule_segmentation,
    probability_segmentation,
)
from ho_imaging.reading.archive import first_bytes
from ho_imaging.reading.files import FileKind, kind_of
from ho_imaging.reading.one_study import film_headers, why_not_one
from ho_imaging.reading.open_dicom import open_dataset
from ho_imaging.reading.uid import is_uid, usable_uid
from ho_imaging.reading.values import stated_whole
from ho_imaging.results.schema import ImageResult, ModelResult, StudyResult
from ho_imaging.vocabulary import Status, Structure

__all__ = ["FilmPictures", "any_sources", "read_sources", "refusal_objects", "study_objects"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FilmPictures:
    """Pictures of a film beyond its result in numbers, on the source grid; what is missing is left out.

    ``probability``: float32 (rows, columns); ``masks``: bool, same shape; ``overlay``: uint8 RGB of any size.
    """

    probability: NDArray[np.float32] | None = None
    masks: Mapping[Structure, NDArray[np.bool_]] = field(default_factory=dict)
    overlay: NDArray[np.uint8] | None = None


def study_objects(
    result: StudyResult,
    sources: Mapping[str, Dataset],
    pictures: Mapping[str, FilmPictures] | None = None,
    *,
    created: datetime | None = None,
    problems: list[Message] | None = None,
    previous: Iterable[Dataset] = (),
    with_key_objects: bool = False,
    document: tuple[str, bytes] | None = None,
) -> list[Dataset]:
    """Make the DICOM objects of a result: segmentations, a report, presentation states and secondary captures.

    On request a selection of the films with findings, and ``document``: a page as HTML and as PDF.

    An attribute of a film that is missing or of wrong form is left empty, and an object that cannot be written all the
    same costs no other one. Each is said in ``problems``, a message without patient data, and in the log.

    ``sources`` and ``pictures`` go by SOP Instance UID. A study none of whose films was analysed gives no objects, and
    a film without nodules no segmentation. ``previous`` are objects of an earlier result of the study: the report names
    the reports among them as its predecessors. All belong to the source's patient and study; the same input, weights
    and program give the same UIDs.

    Raises
    ------
    UsageError
        If the source of an analysed film is missing, is of several frames, or states no UIDs of its own.

    """
    images = [image for image in result.images if image.status == Status.DONE.value]
    if not images or result.model is None:
        return []
    _check(result, sources)
    maker = Maker(result.model, result.software, created or datetime.now())
    writing = _Writing([] if problems is None else problems)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of pydicom and highdicom quote values, which may be the patient's
        kept = {image.sop_instance_uid: writing.sound(sources[image.sop_instance_uid]) for image in images}
        for image in images:
            given = (pictures or {}).get(image.sop_instance_uid, FilmPictures())
            _film_objects(result, image, kept[image.sop_instance_uid], given, maker, writing)
        if with_key_objects:
            writing.add("key_objects", result.study_uid, lambda: key_objects(result, kept, maker))
        if document is not None:
            writing.add("report", result.study_uid, lambda: pdf_document(*document, kept, maker))
        # Last, for it refers to all the others.
        writing.add("report", result.study_uid, lambda: structured_report(result, kept, maker, list(writing.made)))
        earlier = list(previous)
        for item in writing.made:
            if item.SOPClassUID == ComprehensiveSRStorage:
                name_predecessors(item, earlier)
    return writing.made


def refusal_objects(
    result: StudyResult,
    sources: Mapping[str, Dataset],
    *,
    created: datetime | None = None,
    problems: list[Message] | None = None,
) -> list[Dataset]:
    """Make the report that no film of a study was analysed; none where no film is there that it could refer to.

    ``sources``: all films of the study that are DICOM objects, however they ended, by SOP Instance UID.
    """
    if not sources or result.status == Status.DONE:
        return []
    model = result.model or ModelResult(name="none", version="none", sha256="none")
    maker = Maker(model, result.software, created or datetime.now())
    writing = _Writing([] if problems is None else problems)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        kept = {uid: writing.sound(source) for uid, source in sources.items()}
        writing.add("report", result.study_uid, lambda: refusal_report(result, kept, maker))
    return writing.made


class _Writing:
    """The objects made so far; what goes wrong with one is said and costs no other."""

    def __init__(self, problems: list[Message]) -> None:
        self.made: list[Dataset] = []
        self._problems = problems

    def sound(self, source: Dataset) -> Dataset:
        """Return a source that objects can be made of."""
        found, left_out = without_unsound(source)
        if left_out:
            self._say(
                Message(
                    "dicom_attributes_left_out",
                    uid=str(source.SOPInstanceUID),
                    attributes=tuple(map(str, left_out)),
                )
            )
        return found

    def add(self, what: str, uid: str, make: Callable[[], Dataset | None]) -> None:
        """Make one object."""
        try:
            found = make()
        except Exception as error:
            # Its words may hold the patient's data.
            self._say(Message("dicom_object_failed", object=what, uid=uid, kind=type(error).__name__))
            logger.debug("a DICOM %s failed", what, exc_info=True)
            return
        if found is not None:
            self.made.append(found)

    def _say(self, problem: Message) -> None:
        logger.warning("%s", problem)
        self._problems.append(problem)


def read_sources(
    result: StudyResult, given: Iterable[Dataset | str | PathLike[str]] | None = None, *, header_only: bool = True
) -> dict[str, Dataset]:
    """Return the data sets of a result's analysed films: those given, else the files it was made from.

    ``header_only``: leave out the pixels, which only drawing the films anew needs.

    Raises
    ------
    UsageError
        If the result names no file of a film and none is given, or a file is no DICOM object.
    ReadError
        If a file cannot be read, or holds another film now.

    """
    if given is not None:
        opened = [
            item if isinstance(item, Dataset) else open_dataset(Path(item), header_only=header_only) for item in given
        ]
        found = {str(dataset.SOPInstanceUID): dataset for dataset in opened}
        _check(result, found)
        return found
    found = {}
    for image in result.images:
        if image.status != Status.DONE.value:
            continue
        if image.path is None:
            raise UsageError(
                f"film {image.sop_instance_uid} was analysed from memory",
                remedy="give the data sets: to_dicom(sources=...)",
            )
        if not _is_dicom(Path(image.path)):
            raise UsageError("is no DICOM object, so nothing can refer to it", path=image.path, remedy="use the JSON")
        dataset = open_dataset(Path(image.path), header_only=header_only)
        stated = usable_uid(str(dataset.get("SOPInstanceUID", "") or "").strip())
        if stated and stated != image.sop_instance_uid:
            # Its outlines would lie on that film, under its name.
            raise ReadError("is another film than the result's", path=image.path, remedy="analyse it again")
        found[image.sop_instance_uid] = dataset
    _check(result, found)
    return found


def any_sources(
    result: StudyResult, given: Iterable[Dataset | str | PathLike[str]] | None = None
) -> dict[str, Dataset]:
    """Return the data sets of a result's films that objects can refer to, however each film ended.

    Films that are no DICOM objects, cannot be read, state no UIDs or belong to another study or patient are left out:
    then nothing refers to any, for objects belong to one patient.
    """
    items = [image.path for image in result.images if image.path is not None] if given is None else list(given)
    opened: list[Dataset] = []
    for item in items:
        if isinstance(item, Dataset):
            opened.append(item)
        elif _is_dicom(Path(item)):
            try:
                opened.append(open_dataset(Path(item), header_only=True))
            except HOImagingError as error:
                logger.info("a film is not named in the report: %s", error.message)
    stated = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    opened = [item for item in opened if all(item.get(keyword) for keyword in stated)]
    if why_not_one(film_headers(opened), result.study_uid if is_uid(result.study_uid) else None) is not None:
        return {}
    return {str(item.SOPInstanceUID): item for item in opened}


def _is_dicom(path: Path) -> bool:
    """Tell by the first bytes; a file that is gone says so when it is opened."""
    try:
        return kind_of(first_bytes(path, 512)) is FileKind.DICOM
    except OSError:
        return True


def _film_objects(
    result: StudyResult, image: ImageResult, source: Dataset, given: FilmPictures, maker: Maker, writing: _Writing
) -> None:
    uid = image.sop_instance_uid
    findings = [finding for finding in result.findings if finding.sop_instance_uid == uid]
    sides = () if result.severity is None else result.severity.sides
    here = [side for side in sides if side.evidence.sop_instance_uid == uid]
    writing.add("segmentation", uid, lambda: nodule_segmentation(source, image, findings, maker))
    probability, overlay = given.probability, given.overlay
    if probability is not None:
        writing.add("probability_map", uid, lambda: probability_segmentation(source, image, probability, maker))
    if given.masks:
        writing.add("anatomy", uid, lambda: anatomy_segmentation(source, image, given.masks, maker))
    writing.add("presentation_state", uid, lambda: presentation_state(source, image, findings, here, maker))
    if overlay is not None:
        writing.add("picture", uid, lambda: secondary_capture(source, image, overlay, maker))


def _check(result: StudyResult, sources: Mapping[str, Dataset]) -> None:
    analysed = [image.sop_instance_uid for image in result.images if image.status == Status.DONE.value]
    given = [sources[uid] for uid in analysed if uid in sources]
    why_not = why_not_one(film_headers(given), result.study_uid if is_uid(result.study_uid) else None)
    if why_not is not None:
        # Objects belong to one patient and study, those of the first source: they must not name another's images.
        raise UsageError(why_not.message)
    for image in result.images:
        if image.status != Status.DONE.value:
            continue
        uid = image.sop_instance_uid
        source = sources.get(uid)
        if source is None:
            raise UsageError(f"the source of film {uid} is missing", remedy="give every analysed film as a source")
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
            if not source.get(keyword) and not (keyword == "SOPClassUID" and sop_class_of(source)):
                raise UsageError(f"film {uid} states no {keyword}", remedy="have the header corrected, or use the JSON")
        if stated_whole(source, "NumberOfFrames", 1) > 1:
            raise UsageError(f"film {uid} is one of several frames", remedy="split it into single-frame objects first")
