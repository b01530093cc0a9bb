"""Growth since the last study: the patient's priors in an archive, compared with a study that has just been read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pydicom

from ho_imaging.batch.work import Job, Outcome, work
from ho_imaging.errors import HOImagingError
from ho_imaging.files.atomic import writing
from ho_imaging.files.output_names import COMPARED, DICOM_FOLDER
from ho_imaging.messages import Message
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination, Priors
from ho_imaging.pacs.fetch import Archive, DicomwebArchive, DimseArchive
from ho_imaging.pipeline import Analyzer
from ho_imaging.reading.identity import PatientIdentity, difference
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.vocabulary import Status

if TYPE_CHECKING:
    from ho_imaging.progression.studies import Comparison

__all__ = ["Candidate", "WorkWithPriors", "candidates"]

logger = logging.getLogger(__name__)

_DAYS_A_YEAR = 365.25
_WILDCARDS = re.compile(r"[*?\\]")

_USUAL = {"prior_none", "prior_other_side"}
"""Reasons without a comparison that are nothing to look after."""


@dataclass(frozen=True)
class Candidate:
    """An earlier study of a patient."""

    study_uid: str
    day: date


@dataclass(frozen=True)
class WorkWithPriors:
    """Analyses a study as `work` does, and compares it with the last one of the same side that the archive has."""

    peer: DimseDestination | DicomwebDestination
    priors: Priors
    own_ae_title: str

    def __call__(self, job: Job) -> Outcome:
        """Analyse a study; a comparison that cannot be had costs nothing but itself."""
        return work(job, afterwards=self._compare)

    def _compare(self, job: Job, analyzer: Analyzer, analysis: StudyAnalysis, folder: Path) -> Sequence[Message]:
        uid = analysis.result.study_uid
        with _Attempt() as attempt:
            attempt.comparison, attempt.why = self._find(job, analyzer, analysis)
            if attempt.comparison is not None:
                _write(job, attempt.comparison, folder)
                logger.info("study %s: compared with an earlier one: %s", uid, attempt.comparison.result.verdict,
                            extra={"study": uid})  # fmt: skip
                return ()
        message = Message("prior_not_compared", reason=attempt.why)
        if attempt.why.code not in _USUAL:
            return (message,)
        logger.info("study %s: %s", uid, message, extra={"study": uid})
        return ()

    def _archive(self) -> Archive:
        if isinstance(self.peer, DicomwebDestination):
            return DicomwebArchive(self.peer)
        return DimseArchive(self.peer, own_ae_title=self.own_ae_title, move_port=self.priors.move_port)

    def _find(self, job: Job, analyzer: Analyzer, analysis: StudyAnalysis) -> tuple[Comparison | None, Message]:
        """Return the comparison with the last study that shows a side of this one; else why there is none.

        Of several reasons the one that is not usual: an older study that shows another side explains nothing.
        """
        radiographs = [film.reading.prepared.radiograph for film in analysis.films.values()]
        day = min((one.acquired for one in radiographs if one.acquired is not None), default=None)
        number = _patient_number(job)
        if day is None:
            return None, Message("prior_no_date")
        if not number or _WILDCARDS.search(number):
            return None, Message("prior_no_patient_id")
        archive, reasons = self._archive(), [Message("prior_none")]
        for candidate in candidates(archive, number, analysis.result.study_uid, day, self.priors):
            with _Attempt() as attempt:
                attempt.comparison, attempt.why = _compared(archive, candidate, analyzer, analysis)
            if attempt.comparison is not None:
                return attempt.comparison, attempt.why
            reasons.append(attempt.why)
        return None, next((why for why in reasons if why.code not in _USUAL), reasons[-1])


class _Attempt:
    """An attempt at a comparison: whatever goes wrong with it is its reason, and costs nothing else."""

    def __init__(self) -> None:
        self.comparison: Comparison | None = None
        self.why = Message("prior_none")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        logger.debug("trace", exc_info=error)
        self.comparison = None
        if isinstance(error, HOImagingError):
            self.why = error.message
        else:
            self.why = Message("internal_error", kind=type(error).__name__)
        return True


def _compared(
    archive: Archive, candidate: Candidate, analyzer: Analyzer, analysis: StudyAnalysis
) -> tuple[Comparison | None, Message]:
    """Return the comparison with an earlier study; else why there is none."""
    from ho_imaging.progression.studies import compare_studies  # noqa: PLC0415

    films = archive.fetch(candidate.study_uid)
    if not films or not films.completeness.complete:
        return None, Message("prior_incomplete")
    earlier = analyzer.analyze_films(films, study_uid=candidate.study_uid)
    if Status(earlier.result.status) is not Status.DONE:
        reason = None if earlier.result.reason is None else earlier.result.reason.message
        return None, Message("prior_not_analysed", reason=reason or Message("no_radiographs"))
    if not _is_same(analysis, earlier):
        return None, Message("prior_other_patient")
    comparison = compare_studies([earlier, analysis])
    if any(side.earlier_film and side.later_film for side in comparison.result.overall.sides):
        return comparison, Message("prior_none")
    return None, Message("prior_other_side")


def candidates(archive: Archive, number: str, study_uid: str, day: date, priors: Priors) -> Iterator[Candidate]:
    """Yield earlier studies that an archive has under a Patient ID, the last first, within the limits."""
    if _WILDCARDS.search(number):
        return  # it would be asked for as a pattern
    first = day - timedelta(days=priors.years * _DAYS_A_YEAR)
    found = archive.dates({"PatientID": number, "StudyDate": f"{first:%Y%m%d}-{day:%Y%m%d}"})
    dated = [Candidate(uid, taken) for uid, text in found.items() if uid != study_uid and (taken := _date(text))]
    earlier = sorted((one for one in dated if first <= one.day < day), key=lambda one: (one.day, one.study_uid))
    yield from reversed(earlier[-priors.studies :])


def _is_same(one: StudyAnalysis, other: StudyAnalysis) -> bool:
    """Return True if nothing contradicts that two studies are of one patient, by the rule of identity."""
    return all(not difference(a, b).conflicts for a in _patients(one) for b in _patients(other))


def _patients(study: StudyAnalysis) -> set[PatientIdentity]:
    return {film.reading.prepared.radiograph.patient for film in study.films.values()}


def _patient_number(job: Job) -> str:
    """Return the Patient ID of a study's first film, as it is written."""
    header = pydicom.dcmread(job.study.images[0].path, stop_before_pixels=True, specific_tags=["PatientID"])
    return str(header.get("PatientID", "") or "").strip()


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip().replace(".", "-")) if text.strip() else None
    except ValueError:
        return None


def _write(job: Job, comparison: Comparison, folder: Path) -> None:
    """Write a comparison beside the result, and as a report among its objects."""
    from ho_imaging.outputs.comparison_picture import write_comparison  # noqa: PLC0415
    from ho_imaging.pacs.comparison_report import comparison_report  # noqa: PLC0415  (highdicom is slow to load)

    write_comparison(comparison, folder / COMPARED)
    films = {image.sop_instance_uid: image.path for image in job.study.images}
    shown = [uid for uid in comparison.studies[-1].films if uid in films]
    sources = [pydicom.dcmread(films[uid], stop_before_pixels=True) for uid in shown]
    report = comparison_report(comparison.result, sources)
    place = folder / DICOM_FOLDER
    place.mkdir(exist_ok=True)
    name = f"sr-{report.SOPInstanceUID}.dcm"
    with writing(place / name) as part:
        report.save_as(part, enforce_file_format=True)
