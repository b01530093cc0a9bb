"""The grade that follows from outlines as a reader left them, by the rules that graded the model's."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ho_imaging.readings.reviewed_study import ReviewedFinding, ReviewedStudy
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.kept_bones import kept_bones
from ho_imaging.results.kept_reading import kept_reading, outlined_finding
from ho_imaging.results.schema import StudyResult
from ho_imaging.severity import FilmReading, grade_study
from ho_imaging.severity.grade import SideSeverity
from ho_imaging.vocabulary import Status

__all__ = ["Proposal", "Regrader"]

logger = logging.getLogger(__name__)

_NOT_KEPT = "the outlines of bones were not kept with this result (analyse the study again to have them)"
_NOT_THE_SAME = "the kept outlines of bones do not give the model's own grade again"
_NO_GRADE = "the rules give none: {why}"


@dataclass(frozen=True)
class Proposal:
    """The grade that a side's outlines give now; ``None`` with ``why_not``: the reader has to choose it."""

    side: str
    grade: str | None
    statement: str | None = None
    why_not: str | None = None


class Regrader:
    """Grades the sides of one study again. Bones are those that the model saw; nodules are the reader's.

    Parameters
    ----------
    result
        The study as the model left it.
    analysis
        What was computed on the way, where the study was analysed in this process.
    folder
        The study's folder in a batch's output folder, where outlines of bones are kept.

    """

    def __init__(
        self, result: StudyResult, *, analysis: StudyAnalysis | None = None, folder: Path | None = None
    ) -> None:
        self._result = result
        self._analysis = analysis
        self._folder = folder
        self._films: list[FilmReading] | None = None
        self._model_agrees: Mapping[str, bool] | None = None
        self._last: tuple[object, Mapping[str, SideSeverity]] | None = None

    def prepare(self) -> None:
        """Do what takes long before anything is proposed: read the outlines of bones and grade as the model did."""
        films = self._anatomy()
        if films:
            self._reproduced(films, "")

    def propose(self, state: ReviewedStudy, side: str) -> Proposal:
        """Return the grade that follows for a side from the nodules that stand."""
        films = self._anatomy()
        if not films:
            return Proposal(side, None, why_not=_NOT_KEPT)
        if not self._reproduced(films, side):
            return Proposal(side, None, why_not=_NOT_THE_SAME)
        found = self._graded(films, [nodule for nodule in state.findings if nodule.stands]).get(side)
        if found is None or found.grade is None:
            why = "no film shows this side" if found is None else str(found.evidence.statement)
            return Proposal(side, None, why_not=_NO_GRADE.format(why=why))
        return Proposal(side, found.grade, statement=str(found.evidence.statement))

    def _anatomy(self) -> list[FilmReading]:
        """Return every analysed film's anatomy; none where that of any is missing: it may be what a grade rests on."""
        if self._films is None:
            films: list[FilmReading] = []
            for image in self._result.images:
                if image.status != Status.DONE.value:
                    continue
                uid = image.sop_instance_uid
                bones = kept_bones(self._result, uid, analysis=self._analysis, folder=self._folder)
                film = None if bones is None else kept_reading(image, bones)
                if film is None:
                    films = []
                    break
                films.append(film)
            self._films = films
        return self._films

    def _reproduced(self, films: Sequence[FilmReading], side: str) -> bool:
        if self._model_agrees is None:
            severity = self._result.severity
            given = {} if severity is None else {str(found.side): found.grade for found in severity.sides}
            again = self._graded(films, None)
            self._model_agrees = {name: name in again and again[name].grade == grade for name, grade in given.items()}
        return self._model_agrees.get(side, False)

    def _graded(
        self, films: Sequence[FilmReading], nodules: Sequence[ReviewedFinding] | None
    ) -> Mapping[str, SideSeverity]:
        """Grade nodules, or the model's own findings, on these films."""
        key = None if nodules is None else tuple((n.id, n.image_uid, n.status, n.outline_xy_px) for n in nodules)
        if self._last is not None and key is not None and self._last[0] == key:
            return self._last[1]
        outlines = self._model_outlines() if nodules is None else self._reader_outlines(nodules)
        known = {found.id: found for found in self._result.findings}
        filled = []
        for film in films:
            uid = film.prepared.radiograph.sop_instance_uid
            findings = tuple(
                outlined_finding(
                    film,
                    rings,
                    name=name,
                    confidence=confidence,
                    density_ratio=known[name].density_ratio if name in known else None,
                )
                for name, image_uid, rings, confidence in outlines
                if image_uid == uid
            )
            filled.append(replace(film, findings=findings))
        graded = {found.side.value: found for found in grade_study(filled).sides}
        if key is not None:
            self._last = (key, graded)
        return graded

    def _model_outlines(self) -> list[tuple[str, str, Sequence[Sequence[tuple[float, float]]], float]]:
        return [(f.id, f.sop_instance_uid, f.contours_xy_px, f.confidence) for f in self._result.findings]

    def _reader_outlines(
        self, nodules: Sequence[ReviewedFinding]
    ) -> list[tuple[str, str, Sequence[Sequence[tuple[float, float]]], float]]:
        """Return outlines of nodules; what a reader accepted or drew is certain, the rest as sure as the model."""
        sure = {found.id: found.confidence for found in self._result.findings}
        return [
            (
                nodule.id,
                nodule.image_uid,
                nodule.outline_xy_px,
                sure.get(nodule.id, 1.0) if nodule.status == "unseen" else 1.0,
            )
            for nodule in nodules
        ]
