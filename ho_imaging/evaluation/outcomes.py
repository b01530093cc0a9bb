"""Outcome of each labelled film, beside its label."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ho_imaging.batch.ledger import Ledger
from ho_imaging.errors import ReadError
from ho_imaging.evaluation.grades import GRADES
from ho_imaging.evaluation.labels import HO, Box
from ho_imaging.evaluation.matching import FilmLabel, LabelledFilm
from ho_imaging.messages import Message
from ho_imaging.reading.discover import StudyRef
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.open_dicom import open_dataset
from ho_imaging.reading.read import ImageRef
from ho_imaging.results.folder import OutputFolder, read_result, study_file
from ho_imaging.results.schema import FindingResult, ImageResult, StudyResult
from ho_imaging.vocabulary import Side, Status

__all__ = ["FilmOutcome", "GradePair", "Outlined", "film_outcomes"]

logger = logging.getLogger(__name__)

MIN_OVERLAP = 0.1
"""An outline hits a box that shares so much of the smaller of the two areas: readers draw boxes loosely."""


@dataclass(frozen=True)
class Outlined:
    """One outline: its side, its confidence and the boxes it hits, by their number from 0."""

    side: Side
    confidence: float
    hits: tuple[int, ...]


@dataclass(frozen=True)
class GradePair:
    """Grade of a side (``None``: of the film) by the label and by the program (``None``: it gave none).

    ``probability``: of the program's grade, where it gives one.
    """

    side: Side | None
    system: str
    label: str
    found: str | None
    probability: float | None = None


@dataclass(frozen=True)
class FilmOutcome:
    """One labelled film.

    ``ho``: its label, ``None`` where its rows leave it open. ``status``: ``done``, ``refused``, ``failed`` or
    ``pending`` (the batch was stopped before it). ``score``: the highest operating threshold at which something would
    be outlined; ``side_scores`` likewise by side. ``size_px``: its longer side. ``folder``: of its study's result.
    """

    path: Path
    name: str
    sop_instance_uid: str | None
    label: FilmLabel
    ho: HO | None
    status: str
    reason: Message | None
    size_px: int | None = None
    score: float | None = None
    side_scores: Mapping[Side, float] | None = None
    outlines: tuple[Outlined, ...] = ()
    grades: tuple[GradePair, ...] = ()
    folder: Path | None = None

    @property
    def accepted(self) -> bool:
        """Return whether the program analysed it."""
        return self.status == Status.DONE

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Boxes of its label."""
        return self.label.boxes

    @property
    def boxes_hit(self) -> int:
        """Number of its boxes that an outline hits."""
        return len({number for outline in self.outlines for number in outline.hits})

    @property
    def confidence(self) -> float:
        """The highest confidence of its outlines, 0 without one."""
        return max((outline.confidence for outline in self.outlines), default=0.0)


def film_outcomes(films: Sequence[LabelledFilm], batch_dir: Path) -> list[FilmOutcome]:
    """Read what a batch made of the films, in their order."""
    ended = _ended(batch_dir)
    return [_outcome(film, ended, batch_dir) for film in films]


def _ended(batch_dir: Path) -> dict[str, dict[str, Any]]:
    """Return each study's row of the ledger."""
    path = OutputFolder(batch_dir).ledger()
    if not path.is_file():  # no film could be analysed
        return {}
    ledger = Ledger(path)
    try:
        return {row["study_uid"]: row for row in ledger.rows()}
    finally:
        ledger.close()


def _outcome(
    film: LabelledFilm,
    ended: Mapping[str, Mapping[str, Any]],
    batch_dir: Path,
) -> FilmOutcome:
    image = film.image
    if image is None:
        rejected = film.rejected
        status, reason = ("failed", None) if rejected is None else (str(rejected.status), rejected.reason)
        return FilmOutcome(film.path, film.name, None, film.label, film.label.ho, status, reason)
    row = ended.get(image.study_uid, {"state": "pending", "reason": None})
    inputs = [item for item in row.get("inputs", ()) if item["sop_instance_uid"] == image.sop_instance_uid]
    status = inputs[0]["status"] if inputs else str(row["state"])
    reason = row["reason"]
    folder = OutputFolder(batch_dir).study(image.study_uid, study_file(StudyRef(image.study_uid, (image,))))
    result = _read(folder.result)
    about = None if result is None else _image_of(result, image.sop_instance_uid)
    if result is None or about is None or status != Status.DONE:
        if status == Status.DONE:
            status, reason = "failed", Message("result_unreadable")
        elif about is not None and about.reason is not None:
            reason = about.reason.message
        size = _size_in_header(image) if about is None or about.rows is None else _size(about)
        return FilmOutcome(
            film.path, film.name, image.sop_instance_uid, film.label, film.label.ho, status, reason, size
        )
    found = [finding for finding in result.findings if finding.sop_instance_uid == image.sop_instance_uid]
    return FilmOutcome(
        path=film.path,
        name=film.name,
        sop_instance_uid=image.sop_instance_uid,
        label=film.label,
        ho=_ho(film.label, about),
        status=status,
        reason=None,
        size_px=_size(about),
        score=about.highest_ho_probability,
        side_scores={Side(side): p for side, p in about.highest_ho_probability_by_side.items()},
        outlines=tuple(_outlined(finding, film.label.boxes, about) for finding in found),
        grades=tuple(_pairs(film.label, result, image.sop_instance_uid)),
        folder=folder.path,
    )


def _read(path: Path) -> StudyResult | None:
    if not path.exists():
        return None
    try:
        return read_result(path)
    except ReadError as error:
        logger.warning("%s", error)
        return None


def _image_of(result: StudyResult, uid: str) -> ImageResult | None:
    return next((image for image in result.images if image.sop_instance_uid == uid), None)


def _size(about: ImageResult) -> int | None:
    return None if about.rows is None or about.columns is None else max(about.rows, about.columns)


def _size_in_header(image: ImageRef) -> int | None:
    """Return the longer side of a film that was refused before its pixels were read, or ``None``."""
    try:
        if image.kind is FileKind.DICOM:
            header = open_dataset(image.path, header_only=True)
            return max(int(header.get("Rows") or 0), int(header.get("Columns") or 0)) or None
        from PIL import Image  # noqa: PLC0415  (only for pictures)

        with Image.open(image.path) as picture:
            return max(picture.size)
    except Exception:  # noqa: BLE001  (libraries raise what they like at damaged files; the size is a detail)
        return None


def _ho(label: FilmLabel, about: ImageResult) -> HO | None:
    """Return the film's label; where it shows one side only, the label of that side is the film's."""
    if label.ho is None and len(about.sides) == 1 and len(label.sides) == 1:
        return next(iter(label.sides.values()))
    return label.ho


def _outlined(finding: FindingResult, boxes: Sequence[Box], about: ImageResult) -> Outlined:
    return Outlined(Side(finding.side), finding.confidence, tuple(_hits(finding, boxes, about)))


def _hits(finding: FindingResult, boxes: Sequence[Box], about: ImageResult) -> list[int]:
    if not boxes or about.rows is None or about.columns is None:
        return []
    import shapely  # noqa: PLC0415  (only for labels with boxes)

    from ho_imaging.readings.outlines import outline_shape  # noqa: PLC0415

    shape = outline_shape(finding.contours_xy_px)
    hit = []
    for number, box in enumerate(boxes):
        # Pixel centres lie at whole numbers, so the picture begins half a pixel before 0.
        across, down = about.columns / 100.0, about.rows / 100.0
        place = shapely.box(box.x0 * across - 0.5, box.y0 * down - 0.5, box.x1 * across - 0.5, box.y1 * down - 0.5)
        if shapely.intersection(shape, place).area >= MIN_OVERLAP * min(shape.area, place.area) > 0.0:
            hit.append(number)
    return hit


def _pairs(label: FilmLabel, result: StudyResult, uid: str) -> list[GradePair]:
    """Pair each grade of the label with the program's grade of the same side, where that rests on this film."""
    pairs = []
    sides = () if result.severity is None else result.severity.sides
    # A side that several films show is graded on one of them; the others carry no grade of their own.
    graded = {
        (Side(side.side), grade.system): grade
        for side in sides
        if side.evidence.sop_instance_uid == uid or len(result.images) == 1
        for grade in side.systems
    }
    for side, grades in label.grades.items():
        for system, stated in grades.items():
            chosen = [grade for (of, name), grade in graded.items() if name == system and side in {None, of}]
            if side is not None and not chosen:
                chosen = [g for (of, name), g in graded.items() if name == system and of is Side.UNKNOWN]
            best = max(
                (grade for grade in chosen if grade.grade is not None),
                key=lambda grade, system=system: _rank(system, grade.grade),  # type: ignore[misc]  # binds system
                default=None,
            )
            probability = None if best is None else best.probabilities.get(best.grade or "")
            pairs.append(GradePair(side, system, stated, None if best is None else best.grade, probability))
    return pairs


def _rank(system: str, grade: str | None) -> int:
    return GRADES[system].index(grade) if grade in GRADES[system] else -1
