"""Comparison of studies of one patient: registration of each side, matching of nodules, and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from os import PathLike
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from ho_imaging._version import __version__
from ho_imaging.errors import UsageError
from ho_imaging.files.path_text import path_text
from ho_imaging.messages import Message
from ho_imaging.pipeline import Analyzer
from ho_imaging.preparing import Prepared
from ho_imaging.progression.change import NoduleChange, SideChange, Verdict, find_changes, verdict_of
from ho_imaging.progression.growth import Growth
from ho_imaging.progression.register import NotComparableError, Registration, register
from ho_imaging.progression.schema import (
    GrowthResult,
    IntervalResult,
    NoduleChangeResult,
    ProgressionResult,
    SideIntervalResult,
)
from ho_imaging.progression.schema_side import VerdictWord
from ho_imaging.reading import discover
from ho_imaging.reading.dates import DATE_FLAGS
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.identity import PatientIdentity
from ho_imaging.reading.one_study import Label, one_patient
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.messages import message_result
from ho_imaging.results.schema import ModelResult, SoftwareResult
from ho_imaging.severity.context import MOST_DAYS
from ho_imaging.severity.film import FilmReading, SideView, sides_shown, view_of_side
from ho_imaging.severity.systems import grade_scale
from ho_imaging.vocabulary import Side, Status

__all__ = ["Comparison", "SideComparison", "analyze_study", "compare", "compare_studies"]

DAYS_A_MONTH = 30.4375

StudySource = str | PathLike[str] | bytes | Dataset | StudyAnalysis | Sequence[str | PathLike[str] | bytes | Dataset]


@dataclass(frozen=True, eq=False)
class SideComparison:
    """One side of two registered images, the basis of pictures."""

    earlier: SideView
    later: SideView
    registration: Registration
    change: SideChange
    grade_rose: bool
    verdict: Verdict
    statement: Message

    def __repr__(self) -> str:
        return f"SideComparison(verdict={self.verdict.value!r}, statement={str(self.statement)!r})"


@dataclass(frozen=True, eq=False)
class Comparison:
    """A result with its intermediate data by side, for the last interval."""

    result: ProgressionResult
    studies: tuple[StudyAnalysis, ...]
    sides: dict[Side, SideComparison]

    def __repr__(self) -> str:
        return repr(self.result).replace("ProgressionResult", "Comparison", 1)

    def _repr_html_(self) -> str:
        return self.result._repr_html_()


def compare(
    *studies: StudySource,
    model: str | PathLike[str] = "default",
    device: str = "auto",
    days: Sequence[int] | None = None,
    allow_other_patient: bool = False,
    site: str | PathLike[str] | None = None,
) -> ProgressionResult:
    """Compare studies of one patient, given in time order.

    Parameters
    ----------
    *studies
        Two or more: each an image, a folder or the images of one study, or a `StudyAnalysis`.
    model, device, site
        As for `Analyzer`.
    days
        Days between each study and the next, in place of the dates in the files.
    allow_other_patient
        Compare even if the files name different patients (pseudonyms may differ between exports).

    Returns
    -------
    ProgressionResult
        Changes of each side between consecutive studies and over all.

    Raises
    ------
    UsageError
        If there are fewer than two studies, a folder holds more than one, the dates are not in order, the files name
        different patients, or the studies were analysed by different models.
    ReadError
        If a path does not exist.

    """
    analyzer = Analyzer(model, device=device, site=site)
    analyses = [analyze_study(analyzer, study) for study in studies]
    return compare_studies(analyses, days=days, allow_other_patient=allow_other_patient).result


def compare_studies(
    studies: Sequence[StudyAnalysis], *, days: Sequence[int] | None = None, allow_other_patient: bool = False
) -> Comparison:
    """Compare analysed studies in time order; see `compare`.

    Parameters
    ----------
    studies
        Two or more.
    days
        Days between each study and the next, in place of the dates in the files.
    allow_other_patient
        Compare even if the files name different patients.

    Returns
    -------
    Comparison
        The result with intermediate data for pictures.

    Raises
    ------
    UsageError
        As `compare`.

    """
    if len(studies) < 2:
        raise UsageError("a comparison needs at least two studies", remedy="give the earlier one first")
    if days is not None and (len(days) != len(studies) - 1 or not all(_is_days(number) for number in days)):
        raise UsageError(
            "there must be as many days as intervals, each 0 or more", remedy="give one fewer than studies"
        )
    patients = [image for number, study in enumerate(studies, start=1) for image in _patients(number, study)]
    about_patients = one_patient(patients, allow_other=allow_other_patient)
    model = _model(studies)
    dates = _dates(studies)
    if days is None:
        _check_order(dates)
    between = [_days(a, b) for a, b in pairwise(dates)] if days is None else list(days)
    whole = _days(dates[0], dates[-1]) if days is None else sum(days)
    compared = [_interval(a, b, d) for (a, b), d in zip(pairwise(studies), between, strict=True)]
    last, sides = compared[-1]
    overall = last if len(studies) == 2 else _interval(studies[0], studies[-1], whole)[0]
    warnings = [
        Message("of_study", number=number, warning=warning.message)
        for number, study in enumerate(studies, start=1)
        for warning in study.result.warnings
    ]
    warnings += about_patients
    warnings += [warning for pair in pairwise(enumerate(studies, start=1)) for warning in _same_films(*pair)]
    if any(not patient.number for _, patient in patients):
        warnings.append(Message("patients_not_named"))
    if days is None:
        warnings += _date_warnings(studies)
        warnings += [
            Message("one_day", earlier=n, later=n + 1) for n, apart in enumerate(between, start=1) if apart == 0
        ]
    else:
        warnings += _against_dates(dates, days)
    if None in between:
        warnings.append(Message("some_dates_missing") if any(dates) else Message("dates_missing"))
    result = ProgressionResult(
        verdict=last.verdict,
        intervals=tuple(interval for interval, _ in compared),
        overall=overall,
        model=model,
        software=SoftwareResult(name="ho_imaging", version=__version__),
        warnings=tuple(message_result(warning) for warning in dict.fromkeys(warnings)),
    )
    return Comparison(result, tuple(studies), sides)


def analyze_study(analyzer: Analyzer, study: StudySource) -> StudyAnalysis:
    """Analyse an image, a folder of one study, or its images; return an existing analysis unchanged.

    Parameters
    ----------
    analyzer
        Analyzer for studies that are not analysed yet.
    study
        The study.

    Returns
    -------
    StudyAnalysis
        The analysis.

    Raises
    ------
    UsageError
        If a folder does not hold exactly one study, or is an output folder.
    ReadError
        If a path does not exist.

    """
    if isinstance(study, StudyAnalysis):
        return study
    if study is None:
        raise TypeError("a study is missing: None was given (give an image, a folder, the images or a StudyAnalysis)")
    if isinstance(study, str | PathLike) and Path(study).is_dir():
        discovery = discover([study])
        found = discovery.studies
        if len(found) > 1:
            # Raster images beside the DICOM files of a study are often exports or masks of it.
            found = tuple(s for s in found if any(image.kind is FileKind.DICOM for image in s.images)) or found
        if not found and any(
            item.path == Path(study) and item.reason.code == "folder_of_results" for item in discovery.rejected
        ):
            raise UsageError(
                "is an output folder of ho-imaging and holds no films", path=study, remedy="give the films themselves"
            )
        if len(found) != 1:
            raise UsageError(f"holds {len(found)} studies, not one", path=study, remedy="give each study on its own")
        return analyzer.analyze_study(found[0])
    if isinstance(study, str | PathLike | bytes | Dataset):
        return analyzer.analyze_films([study])
    return analyzer.analyze_films(list(study))


def _patients(number: int, study: StudyAnalysis) -> list[tuple[Label, PatientIdentity]]:
    """Return each image's patient, and the name of the image for messages."""
    films = (film.reading.prepared.radiograph for film in study.films.values())
    return [
        (
            Message(
                "image.of_study",
                number=number,
                image=film.sop_instance_uid if film.path is None else path_text(film.path),
            ),
            film.patient,
        )
        for film in films
    ]


def _same_films(one: tuple[int, StudyAnalysis], other: tuple[int, StudyAnalysis]) -> list[Message]:
    """Return a warning if two studies hold one film: what is compared then is no course of time."""
    (number, earlier), (next_number, later) = one, other
    return [
        Message("one_film_twice", earlier=number, later=next_number)
        for first in earlier.films.values()
        for second in later.films.values()
        if _is_one_film(first.reading.prepared, second.reading.prepared)
    ][:1]


def _is_one_film(first: Prepared, second: Prepared) -> bool:
    one, other = ((film.radiograph.sop_instance_uid, film.radiograph.frame) for film in (first, second))
    return one == other or np.array_equal(first.pixels, second.pixels)


def _model(studies: Sequence[StudyAnalysis]) -> ModelResult | None:
    """Return the weights that all studies were analysed with.

    Other weights, or another operating threshold of a site file, give other outlines, which are not growth.
    """
    used = [study.result.model for study in studies if study.result.model is not None]
    models = {(model.sha256, None if model.site is None else model.site.threshold): model for model in used}
    if len({sha256 for sha256, _ in models}) > 1:
        raise UsageError("the studies were analysed by different models", remedy="analyse all of them with one")
    if len(models) > 1:
        raise UsageError(
            "the studies were analysed with different operating thresholds",
            remedy="analyse all of them with one site file, or all without",
        )
    return next(iter(models.values()), None)


def _dates(studies: Sequence[StudyAnalysis]) -> list[date | None]:
    """Return the first date of each study's images."""
    dates = []
    for study in studies:
        taken = (film.reading.prepared.radiograph.acquired for film in study.films.values())
        dates.append(min((day for day in taken if day is not None), default=None))
    return dates


def _check_order(dates: Sequence[date | None]) -> None:
    """Raise `UsageError` unless known dates are in order; unknown ones may lie between them."""
    known = [(number, day) for number, day in enumerate(dates, start=1) if day is not None]
    for (number, day), (next_number, next_day) in pairwise(known):
        if next_day < day:
            raise UsageError(
                f"study {next_number} was taken before study {number}", remedy="give the studies in time order"
            )


def _against_dates(dates: Sequence[date | None], days: Sequence[int]) -> list[Message]:
    """Return warnings where the files' dates tell another time between studies, or another order, than was given."""
    warnings = []
    for number, ((first, second), given) in enumerate(zip(pairwise(dates), days, strict=True), start=1):
        dated = _days(first, second)
        if dated is not None and dated < 0:
            warnings.append(Message("dates_reversed", earlier=number, later=number + 1, dated=-dated))
        elif dated is not None and dated != given:
            warnings.append(Message("days_against_dates", earlier=number, later=number + 1, dated=dated, given=given))
    return warnings


def _date_warnings(studies: Sequence[StudyAnalysis]) -> list[Message]:
    """Return warnings about doubtful dates, which make intervals and rates doubtful."""
    return [
        Message("date_doubtful", number=number, flag=flag.message)
        for number, study in enumerate(studies, start=1)
        for film in study.films.values()
        for flag in film.reading.prepared.radiograph.quality
        if flag.code in DATE_FLAGS
    ]


def _is_days(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MOST_DAYS


def _days(first: date | None, second: date | None) -> int | None:
    return None if first is None or second is None else (second - first).days


def _interval(
    earlier: StudyAnalysis, later: StudyAnalysis, days: int | None
) -> tuple[IntervalResult, dict[Side, SideComparison]]:
    results: list[SideIntervalResult] = []
    verdicts: list[VerdictWord] = []
    compared: dict[Side, SideComparison] = {}
    shown = _sides(earlier), _sides(later)
    sides = shown[0] | shown[1] if all(shown) else set()
    for side in (side for side in (Side.RIGHT, Side.LEFT, Side.UNKNOWN) if side in sides):
        comparison, why_not = _best(earlier, later, side)
        grades = _grade(earlier, side), _grade(later, side)
        if comparison is None:
            results.append(_cannot_tell(side, _only_one(side, shown) or why_not, grades))
        else:
            compared[side] = comparison
            results.append(_side_result(side, comparison, grades, days))
        # Images of one hip may follow a pelvis: a missing side without ectopic bone does not count as doubt.
        if side in shown[0] & shown[1] or _has_findings(earlier, side) or _has_findings(later, side):
            verdicts.append(results[-1].verdict)
    verdict = _worst(verdicts)
    uids = earlier.result.study_uid, later.result.study_uid
    if not results:
        results.append(_cannot_tell(Side.UNKNOWN, _ended(earlier, later), (None, None)))
    interval = IntervalResult(
        earlier_study_uid=uids[0], later_study_uid=uids[1], days=days, verdict=verdict, sides=tuple(results)
    )
    return interval, compared


def _ended(earlier: StudyAnalysis, later: StudyAnalysis) -> Message:
    """Return which of two studies was not analysed, or that they have no side in common."""
    before, after = earlier.result, later.result
    ended = []
    if before.status != Status.DONE and before.reason is not None:
        ended.append(Message("apart.earlier_ended", status=before.status, reason=before.reason.message))
    if after.status != Status.DONE and after.reason is not None:
        ended.append(Message("apart.later_ended", status=after.status, reason=after.reason.message))
    return ended[0].with_also(*ended[1:]) if ended else Message("apart.no_side")


def _sides(study: StudyAnalysis) -> set[Side]:
    return {side for film in study.films.values() for side in sides_shown(film.reading)}


def _only_one(side: Side, shown: tuple[set[Side], set[Side]]) -> Message | None:
    """Return the reason that only one study shows a side; None if an image of unknown side may show it."""
    if side in shown[0] & shown[1] or Side.UNKNOWN in {side} | (shown[0] ^ shown[1]):
        return None
    return Message("apart.only_earlier") if side in shown[0] else Message("apart.only_later")


def _has_findings(study: StudyAnalysis, side: Side) -> bool:
    return any(found.side in {side, Side.UNKNOWN} for film in _films(study, side) for found in film.findings)


def _grade(study: StudyAnalysis, side: Side) -> str | None:
    if study.severity is None:
        return None
    return next((found.grade for found in study.severity.sides if found.side is side), None)


def _grades(study: StudyAnalysis, side: Side) -> tuple[str, str | None] | None:
    """Return system and grade of a side."""
    sides = () if study.severity is None else study.severity.sides
    return next(((found.system, found.grade) for found in sides if found.side is side), None)


def _rose(earlier: tuple[str, str | None] | None, later: tuple[str, str | None] | None) -> bool:
    """Return True if the grade of a side is higher in the later study, by the order of its grading system."""
    if earlier is None or later is None or earlier[0] != later[0]:
        return False
    scale = grade_scale(earlier[0])
    return scale is not None and scale.rank(later[1]) > scale.rank(earlier[1]) >= 0


def _best(earlier: StudyAnalysis, later: StudyAnalysis, side: Side) -> tuple[SideComparison | None, Message]:
    """Compare the two images of one projection that fit each other best."""
    best: SideComparison | None = None
    reasons: list[Message] = []
    for first in _films(earlier, side):
        for second in _films(later, side):
            views = first.prepared.radiograph.view.value, second.prepared.radiograph.view.value
            if views[0] is not views[1]:
                reasons.append(Message("apart.projections"))
                continue
            before, after = view_of_side(first, side), view_of_side(second, side)
            try:
                registration = register(before, after)
            except NotComparableError as error:
                reasons.append(error.why)
                continue
            if best is None or registration.residual_mm < best.registration.residual_mm:
                change = find_changes(before, after, registration)
                rose = _rose(_grades(earlier, side), _grades(later, side))
                best = SideComparison(before, after, registration, change, rose, *verdict_of(change, grade_rose=rose))
    return best, reasons[-1] if reasons else Message("apart.no_film")


def _films(study: StudyAnalysis, side: Side) -> list[FilmReading]:
    return [film.reading for film in study.films.values() if side in sides_shown(film.reading)]


_SETTLED_BY = {
    "apart.projections": Message("settled.projection"),
    "apart.no_scale": Message("settled.spacing"),
    "apart.no_spacing": Message("settled.spacing"),
    "apart.no_joint": Message("settled.whole_joint"),
    "apart.little_bone": Message("settled.whole_joint"),
    "apart.size": Message("settled.spacing"),
}
"""Remedy for a failed comparison, by the reason why it failed; a different pose explains itself."""


def _cannot_tell(side: Side, why: Message, grades: tuple[str | None, str | None]) -> SideIntervalResult:
    statement = Message("cannot_tell", why=why)
    if why.code in _SETTLED_BY:
        statement = statement.with_also(_SETTLED_BY[why.code])
    return SideIntervalResult(
        side=side,
        verdict=Verdict.CANNOT_TELL.value,
        statement=message_result(statement),
        earlier_grade=grades[0],
        later_grade=grades[1],
    )


def _side_result(
    side: Side, comparison: SideComparison, grades: tuple[str | None, str | None], days: int | None
) -> SideIntervalResult:
    change, registration = comparison.change, comparison.registration
    months = None if not days else days / DAYS_A_MONTH
    difference = change.later_mm2 - change.earlier_mm2
    growth, sd_mm2 = change.growth, change.change_sd_mm2
    statement = comparison.statement
    if grades[0] != grades[1] and None not in grades:
        statement = statement.with_also(Message("grade_change", earlier=grades[0], later=grades[1]))
    return SideIntervalResult(
        side=side,
        verdict=comparison.verdict.value,
        statement=message_result(statement),
        earlier_grade=grades[0],
        later_grade=grades[1],
        earlier_mm2=round(change.earlier_mm2, 1),
        later_mm2=round(change.later_mm2, 1),
        change_mm2=round(difference, 1),
        change_sd_mm2=None if sd_mm2 is None else round(sd_mm2, 1),
        growth=None if growth is None else _growth_result(growth),
        change_mm2_per_month=None if months is None else round(difference / months, 2),
        change_sd_mm2_per_month=None if months is None or sd_mm2 is None else round(sd_mm2 / months, 2),
        earlier_basis=comparison.earlier.film.anatomy.scale.basis,
        later_basis=comparison.later.film.anatomy.scale.basis,
        earlier_film=comparison.earlier.film.prepared.radiograph.sop_instance_uid,
        later_film=comparison.later.film.prepared.radiograph.sop_instance_uid,
        residual_mm=round(registration.residual_mm, 2),
        scale=round(registration.scale, 4),
        turn_deg=round(registration.turn_deg, 1),
        nodules=tuple(_nodule_result(nodule, months) for nodule in change.nodules),
    )


def _growth_result(growth: Growth) -> GrowthResult:
    change, low, high = growth.change_mm2
    return GrowthResult(
        ratio=round(growth.ratio, 3),
        ratio_low=round(growth.low, 3),
        ratio_high=round(growth.high, 3),
        change_mm2=round(change, 1),
        change_low_mm2=round(low, 1),
        change_high_mm2=round(high, 1),
        margin_mm2=round(growth.margin_mm2, 1),
    )


def _nodule_result(nodule: NoduleChange, months: float | None) -> NoduleChangeResult:
    difference = nodule.later_mm2 - nodule.earlier_mm2
    return NoduleChangeResult(
        course=nodule.course.value,
        earlier_ids=nodule.earlier_ids,
        later_ids=nodule.later_ids,
        earlier_mm2=round(nodule.earlier_mm2, 1),
        later_mm2=round(nodule.later_mm2, 1),
        change_mm2=round(difference, 1),
        change_sd_mm2=round(nodule.change_sd_mm2, 1),
        change_mm2_per_month=None if months is None else round(difference / months, 2),
        density_change=None if nodule.density_change is None else round(nodule.density_change, 3),
    )


def _worst(verdicts: Sequence[VerdictWord]) -> VerdictWord:
    """Return the worst verdict: spreading anywhere is spreading; a side without verdict leaves the rest in doubt."""
    order: tuple[VerdictWord, ...] = ("spreading", "cannot tell", "regressing", "stable")
    return min(verdicts, key=order.index, default="cannot tell")
