"""The study to review: from a batch's output folder, one result file, or an analysis in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.files.given_path import given_path
from ho_imaging.reading.identity import PatientIdentity
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.folder import OutputFolder, StudyFolder, read_result
from ho_imaging.results.schema import ImageResult, SideResult, StudyResult
from ho_imaging.review.films import FilmSource
from ho_imaging.severity.systems import leading_system
from ho_imaging.vocabulary import Region, Side, Status

__all__ = ["ReviewInput", "StudySource", "open_study"]

StudySource = str | PathLike[str] | StudyResult | StudyAnalysis

_NAMED = 12


@dataclass(frozen=True, eq=False)
class ReviewInput:
    """A study to be reviewed.

    ``folder``: where its result lies, with masks if they were written. ``store``: where decisions on it are kept.
    """

    result: StudyResult
    films: FilmSource
    analysis: StudyAnalysis | None
    folder: Path | None
    store: Path

    @property
    def images(self) -> tuple[ImageResult, ...]:
        """The films that were analysed."""
        return tuple(image for image in self.result.images if image.status == Status.DONE.value)

    def image(self, uid: str) -> ImageResult:
        """Return an analysed image by its SOP Instance UID; raise `UsageError` if the study has none such."""
        for image in self.images:
            if image.sop_instance_uid == uid:
                return image
        raise UsageError(f"the study has no film {uid}")

    def sides(self) -> list[str]:
        """Return the sides to grade: those the model graded, else those on the images, else both."""
        severity = self.result.severity
        if severity is not None and severity.sides:
            return [str(side.side) for side in severity.sides]
        shown = dict.fromkeys(str(side) for image in self.images for side in image.sides)
        return list(shown) or [Side.RIGHT.value, Side.LEFT.value]

    def model_side(self, side: str) -> SideResult | None:
        """Return the model's result of a side, if there is one."""
        severity = self.result.severity
        return next((s for s in severity.sides if s.side == side), None) if severity is not None else None

    def grading_system(self) -> str:
        """Return the name of the leading grading system of the study's region."""
        return leading_system(Region(self.images[0].region)).name

    def patients(self) -> list[tuple[str, PatientIdentity]]:
        """Return the patient of each film, and how the film is named to its reader."""
        named = (self.films.patient(image.sop_instance_uid) for image in self.images)
        return [(f"study {self.result.study_uid} ({film})", patient) for film, patient in named]


def open_study(
    source: StudySource, study: str | None = None, *, films: Sequence[str | PathLike[str]] = ()
) -> ReviewInput:
    """Find a study: ``source`` is a batch's output folder (then ``study`` says which), a study's folder in it, a
    ``result.json``, or a result or an analysis in memory.

    Raises
    ------
    UsageError
        If ``study`` is needed and missing, or names none; if no film of the study was analysed.
    ReadError
        If there is no such folder or result, the result cannot be read, or none of the films is where it was.

    """  # noqa: D205  (what the first argument may be is the summary)
    if isinstance(source, StudyAnalysis):
        return _checked(source.result, source, None, OutputFolder(Path()).reviews, (), films)
    if isinstance(source, StudyResult):
        return _checked(source, None, None, OutputFolder(Path()).reviews, (), films)
    path = given_path(source, "the --out of ho-imaging analyze, a result or an analysis")
    if not path.exists():
        raise ReadError("does not exist", path=source, remedy="give the --out folder of ho-imaging analyze")
    if path.is_file():
        folder = path.parent
    elif StudyFolder(path).result.is_file():
        folder = path
    elif OutputFolder(path).studies.is_dir():
        folder = _chosen(path, study)
    else:
        raise UsageError("holds no results", path=path, remedy="give the --out folder of ho-imaging analyze")
    result = read_result(StudyFolder(folder).result)
    if study is not None and study != result.study_uid:
        raise UsageError(f"holds study {result.study_uid}, not {study}", path=folder, remedy="leave study out")
    batch = StudyFolder(folder).batch or OutputFolder(folder)
    return _checked(result, None, folder, batch.reviews, (batch.path, *batch.path.resolve().parents), films)


def _chosen(path: Path, study: str | None) -> Path:
    if study is not None:
        folder = OutputFolder(path).study(study)
        if not folder.result.is_file():
            raise UsageError(f"has no result of study {study}", path=path, remedy="check the UID, see DIR/studies.csv")
        return folder.path
    found = [place.path for place in OutputFolder(path).study_folders()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(folder.name for folder in found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
    raise UsageError(f"holds {len(found)} studies", path=path, remedy=f"choose one with study=: {names or 'none yet'}")


def _checked(
    result: StudyResult,
    analysis: StudyAnalysis | None,
    folder: Path | None,
    store: Path,
    near: Sequence[Path],
    folders: Sequence[str | PathLike[str]],
) -> ReviewInput:
    source = FilmSource(result.images, analysis=analysis, near=near, folders=folders)
    found = ReviewInput(result, source, analysis, folder, store)
    if not found.images:
        raise UsageError(f"no film of study {result.study_uid} was analysed: {result.reason}", path=folder)
    missing: ReadError | None = None
    for image in found.images:
        try:
            source.locate(image.sop_instance_uid)
        except ReadError as error:
            missing = missing or error
        else:
            return found
    raise missing or ReadError("no films")
