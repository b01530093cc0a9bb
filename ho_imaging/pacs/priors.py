"""Growth since the last study: the patient's priors in an archive, compared with a study that has just been read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom

from ho_imaging.batch.work import Job, Outcome, work
from ho_imaging.errors import HOImagingError
from ho_imaging.files.atomic import writing
from ho_imaging.files.output_names import COMPARED, DICOM_FOLDER
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination, Priors
from ho_imaging.pacs.fetch import Archive, DicomwebArchive, DimseArchive
from ho_imaging.pipeline import Analyzer
from ho_imaging.reading.identity import PatientIdentity, difference
from ho_imaging.results.analysis import StudyAnalysis

if TYPE_CHECKING:
    from ho_imaging.progression.studies import Comparison

__all__ = ["Candidate", "WorkWithPriors", "candidates"]

logger = logging.getLogger(__name__)

_DAYS_A_YEAR = 365.25
_WILDCARDS = re.compile(r"[*?\\]")


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

    def _compare(self, job: Job, analyzer: Analyzer, analysis: StudyAnalysis, folder: Path) -> Sequence[str]:
        uid = analysis.result.study_uid
        try:
            comparison, said = self._find(job, analyzer, analysis)
            if comparison is None:
                logger.info("study %s: no comparison: %s", uid, said, extra={"study": uid})
            else:
                _write(job, comparison, folder)
                logger.info("study %s: compared with an earlier one: %s", uid, comparison.result.verdict,
                            extra={"study": uid})  # fmt: skip
        except HOImagingError as error:
            return [f"No comparison with an earlier study: {error.reason}."]
        except Exception as error:  # whatever a prior holds must not cost the result
            logger.debug("trace", exc_info=True)
            return [f"No comparison with an earlier study: internal error ({type(error).__name__})."]
        return []

    def _archive(self) -> Archive:
        if isinstance(self.peer, DicomwebDestination):
            return DicomwebArchive(self.peer)
        return DimseArchive(self.peer, own_ae_title=self.own_ae_title, move_port=self.priors.move_port)

    def _find(self, job: Job, analyzer: Analyzer, analysis: StudyAnalysis) -> tuple[Comparison | None, str]:
        """Return the comparison with the last study that shows a side of this one; else why there is none."""
        from ho_imaging.progression.studies import compare_studies  # noqa: PLC0415

        radiographs = [film.reading.prepared.radiograph for film in analysis.films.values()]
        day = min((one.acquired for one in radiographs if one.acquired is not None), default=None)
        number = _patient_number(job)
        if day is None or not number:
            return None, "the films state no date" if day is None else "the films state no patient ID to ask for"
        archive, why = self._archive(), "the archive has no earlier study of the patient"
        for candidate in candidates(archive, number, analysis.result.study_uid, day, self.priors):
            films = archive.fetch(candidate.study_uid)
            if not films or not films.completeness.complete:
                why = "an earlier study holds no films, or not all of it came"
                continue
            earlier = analyzer.analyze_films(films, study_uid=candidate.study_uid)
            if not _is_same(analysis, earlier):
                why = "an earlier study under the patient's ID is another patient's"
                continue
            comparison = compare_studies([earlier, analysis])
            if any(side.earlier_film and side.later_film for side in comparison.result.overall.sides):
                return comparison, ""
            why = "no earlier study shows the same side"
        return None, why


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
