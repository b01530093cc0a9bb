"""Run the whole program over studies with truth and write down, film by film, what it got right."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.evaluation.truth import StudyTruth, list_studies, read_truth
from ho_imaging.evaluation.truth_reading import read_truth_masks
from ho_imaging.files.atomic import write_text
from ho_imaging.findings.finding import Finding
from ho_imaging.findings.outline import extent
from ho_imaging.pipeline import Analyzer
from ho_imaging.results.analysis import FilmAnalysis
from ho_imaging.severity import SideSeverity, grade_study
from ho_imaging.severity.systems import BROOKER
from ho_imaging.statistics.detection import dice, match_lesions
from ho_imaging.vocabulary import Region, Status, Structure, View

__all__ = ["Alarm", "FilmRecord", "Lesion", "SideRecord", "evaluate_studies"]

logger = logging.getLogger(__name__)

RELIABILITY_BINS = 10
OPEN_SHARE = 0.5
"""With so much of it on truth that readers left open, what was found is neither right nor wrong."""
CANDIDATE_LEVEL = 0.03
"""Candidates of the free-response curve are groups of pixels above this probability: low, to see the curve's end."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lesion(_Record):
    """A true nodule; ``score`` of the best candidate that finds it, ``None`` where none does.

    ``maturity`` is known of simulated nodules only.
    ``found_*`` are the measures of the finding that covers most of it, at the operating threshold.
    """

    score: float | None
    area_mm2: float
    long_axis_mm: float
    contrast_to_noise: float | None
    maturity: float | None = None
    kind: str = "unknown"
    found_area_mm2: float | None = None
    found_long_axis_mm: float | None = None


class Alarm(_Record):
    """A candidate that is no nodule, with the mimics it lies on; ``reported``: a finding lies on it."""

    score: float
    mimics: tuple[str, ...] = ()
    reported: bool = False


class SideRecord(_Record):
    """Brooker class of a side, true and found (``None``: not graded).

    ``on_truth``: class that the true masks are given, apart from the network's errors. ``volume_mm3``: true volume of
    all nodules of the side, ``score`` the burden found and ``score_on_truth`` that of the true masks.
    """

    side: str
    truth: str
    found: str | None
    alternatives: tuple[str, ...] = ()
    probabilities: dict[str, float] = {}
    on_truth: str | None = None
    score: float | None = None
    score_on_truth: float | None = None
    volume_mm3: float = 0.0


class FilmRecord(_Record):
    """One film.

    ``score``: the highest probability of HO anywhere on it, save where readers left the truth open; ``findings`` there
    do not count either. ``stated``: each finding's confidence, and whether a tenth of it lies on a nodule.
    ``reliability``: per tenth of probability the pixels, the sum of their probabilities, and of truth.
    ``only_open``: it shows no nodule but such as readers left open, so that it is neither a film with ectopic bone nor
    one without. ``evaluated``: its film and truth could be read; otherwise it is in no figure. ``truth_digest``: of
    the truth it was compared with.
    """

    study: str
    status: str
    reason: str | None
    reason_code: str | None = None
    region: str
    view: str
    implant: bool
    fat_mm: float | None
    mimics: tuple[str, ...]
    has_ho: bool
    score: float
    findings: int
    lesions: tuple[Lesion, ...]
    alarms: tuple[Alarm, ...]
    stated: tuple[tuple[float, bool], ...] = ()
    dice: dict[str, float]
    sides: tuple[SideRecord, ...]
    reliability: tuple[tuple[int, float, int], ...]
    only_open: bool = False
    evaluated: bool = True
    truth_digest: str | None = None


_NOTHING_SEEN: Mapping[str, Any] = MappingProxyType(
    {"score": 0.0, "findings": 0, "alarms": (), "dice": {}, "reliability": ()}
)
"""Of a film that was not analysed."""


def evaluate_studies(analyzer: Analyzer, folder: Path, out_file: Path, *, limit: int | None = None) -> list[FilmRecord]:
    """Analyse every study of a folder and compare; goes on where an earlier run into the same file stopped.

    ``out_file`` gets a line of JSON a film. A film whose truth has changed since, or that failed, is evaluated again. A
    film or truth that cannot be read makes a record with the status ``failed`` and costs none of the others.

    Parameters
    ----------
    analyzer
        With the model and the site file that are evaluated.
    folder
        Studies with their truth, as `ho-imaging simulate` and the export of reviews write them.
    out_file
        The records so far, a line of JSON a film.
    limit
        Evaluate at most so many studies.

    Returns
    -------
    list of FilmRecord
        One a study, those of earlier runs too.

    Raises
    ------
    ModelError
        If the model cannot be loaded.

    """
    digests = {study: _digest(study / "truth") for study in list_studies(folder)[:limit]}
    done: dict[str, FilmRecord] = {}
    if out_file.exists():
        done = {record.study: record for record in _whole_records(out_file)}
        for study, digest in digests.items():
            old = done.get(study.name)
            if old is not None and (old.status == Status.FAILED or old.truth_digest not in {None, digest}):
                del done[study.name]
        # Without what a stopped run left half written: the next line would be joined to it.
        write_text(out_file, "".join(record.model_dump_json() + "\n" for record in done.values()))
    records: list[FilmRecord] = []
    with out_file.open("a", encoding="utf-8") as stream:
        for number, (study, digest) in enumerate(digests.items(), start=1):
            record = done.get(study.name)
            if record is None:
                try:
                    record = _evaluate_one(analyzer, study, digest)
                except ReadError as error:
                    logger.warning("study %s is not evaluated: %s", study.name, error)
                    record = _not_evaluated(study, error)
                stream.write(record.model_dump_json() + "\n")
                stream.flush()
            records.append(record)
            if number % 25 == 0:
                logger.info("%d films", number)
    return records


def _whole_records(file: Path) -> Iterator[FilmRecord]:
    for number, line in enumerate(filter(None, file.read_text(encoding="utf-8", errors="replace").splitlines()), 1):
        try:
            yield FilmRecord.model_validate_json(line)
        except ValidationError:
            logger.warning("%s: line %d is damaged, its film is evaluated again", file, number)


def _digest(folder: Path) -> str | None:
    """Tell truths apart; ``None`` of one that cannot be read."""
    whole = hashlib.sha256()
    try:
        for path in sorted([folder / "truth.json", *folder.glob("*.png")]):
            whole.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    except OSError:
        return None
    return whole.hexdigest()


def _not_evaluated(study: Path, error: ReadError) -> FilmRecord:
    """Say why; without the path, whose name may be the patient's."""
    return FilmRecord(
        study=study.name,
        status=Status.FAILED,
        reason=error.reason,
        reason_code=error.code,
        region=Region.UNKNOWN,
        view=View.UNKNOWN,
        implant=False,
        fat_mm=None,
        mimics=(),
        has_ho=False,
        lesions=(),
        sides=(),
        evaluated=False,
        **_NOTHING_SEEN,
    )


def _as_told(analyzer: Analyzer, truth: StudyTruth, path: Path) -> Analyzer:
    """Analyse a film as it was analysed for its readers: by what the caller said of it, where the caller did."""
    try:
        return Analyzer(analyzer.model, **truth.callers_word) if truth.callers_word else analyzer
    except (TypeError, UsageError) as error:
        raise ReadError("says of its film what cannot be", path=path, remedy="export it again") from error


def _evaluate_one(analyzer: Analyzer, study: Path, digest: str | None) -> FilmRecord:
    truth = read_truth(study)
    analysis = _as_told(analyzer, truth, study / "truth" / "truth.json").analyze_films([truth.film])
    image = analysis.result.images[0]
    film = next(iter(analysis.films.values()), None)
    about, scene = truth.about, truth.about["truth"]
    found = {side.side.value: side for side in (analysis.severity.sides if analysis.severity is not None else ())}
    # The rules need anatomy, which nobody outlines in a review.
    can_grade = any(BROOKER.name in side for side in truth.sides) and "pelvis" in truth.masks
    on_truth = {side.side.value: side for side in grade_study([read_truth_masks(truth)]).sides} if can_grade else {}
    common: dict[str, Any] = {
        "study": study.name,
        "status": str(image.status),
        "reason": None if image.reason is None else str(image.reason),
        "reason_code": None if image.reason is None else image.reason.code,
        "region": about["region"],
        "view": about["view"],
        "implant": bool(scene.get("implants")),
        "fat_mm": scene.get("habitus", {}).get("fat_mm"),
        "mimics": tuple(scene.get("mimics", ())),
        "sides": tuple(_side(side, truth, found, on_truth) for side in truth.sides if BROOKER.name in side),
        "truth_digest": digest,
    }
    if film is None:
        lesions = tuple(_lesion(nodule, None) for nodule in truth.about_nodules)
        return FilmRecord(
            **common,
            has_ho=bool(lesions),
            only_open=not lesions and bool(truth.left_open.any()),
            lesions=lesions,
            **_NOTHING_SEEN,
        )
    return FilmRecord(**common, **_compare(film, truth))


def _side(
    side: Mapping[str, Any],
    truth: StudyTruth,
    found: Mapping[str, SideSeverity],
    on_truth: Mapping[str, SideSeverity],
) -> SideRecord:
    name = side["side"]
    seen, ideal = found.get(name), on_truth.get(name)
    is_brooker = seen is not None and seen.system == BROOKER.name
    return SideRecord(
        side=name,
        truth=side[BROOKER.name],
        found=seen.grade if seen is not None and is_brooker else None,
        alternatives=seen.alternatives if seen is not None and is_brooker else (),
        probabilities=dict(seen.probabilities) if seen is not None and is_brooker else {},
        on_truth=ideal.grade if ideal is not None and ideal.system == BROOKER.name else None,
        score=None if seen is None else seen.score,
        score_on_truth=None if ideal is None else ideal.score,
        volume_mm3=sum(float(n.get("volume_mm3", 0.0)) for n in truth.about_nodules if n["side"] == name),
    )


def _compare(film: FilmAnalysis, truth: StudyTruth) -> dict[str, Any]:
    """Compare on the prepared grid, which every mask of the truth is brought to."""
    prepared = film.reading.prepared
    grid = prepared.grid
    rows = np.rint(grid.row_offset + grid.row_scale * np.arange(grid.prepared_shape[0])).astype(int)
    columns = np.rint(grid.column_offset + grid.column_scale * np.arange(grid.prepared_shape[1])).astype(int)
    if truth.nodules.shape != grid.source_shape:
        raise ReadError("has a truth of another size", path=truth.film, remedy="simulate or export it again")
    pick = np.ix_(rows.clip(0, grid.source_shape[0] - 1), columns.clip(0, grid.source_shape[1] - 1))
    valid = prepared.valid & truth.masks["valid"][pick]
    labels = np.where(valid, truth.nodules[pick], 0)
    ignore = truth.masks["ignore"][pick] if "ignore" in truth.masks else np.zeros(labels.shape, dtype=bool)
    left_open = truth.left_open[pick] & valid
    probability = np.where(valid, film.prediction.probabilities[Structure.HO], np.float32(0.0))
    cell_mm = film.reading.anatomy.scale.cell_mm
    matched = match_lesions(
        probability, labels, pixel_mm=cell_mm, ignore=ignore, threshold=CANDIDATE_LEVEL, min_area_mm2=4.0
    )
    lesions = []
    for number, nodule in enumerate(truth.about_nodules, start=1):
        here = labels == number
        if not here.any():
            continue  # collimation hides it
        best = matched.lesion_scores[number - 1]
        covers = [(int((finding.mask & here).sum()), finding) for finding in film.reading.findings]
        overlap, finding = max(covers, key=lambda item: item[0], default=(0, None))
        lesions.append(_lesion(_sized(nodule, here, cell_mm), float(best) if np.isfinite(best) else None))
        if finding is not None and overlap >= 0.1 * here.sum():
            measures = {"found_area_mm2": finding.area_mm2, "found_long_axis_mm": finding.long_axis_mm}
            lesions[-1] = lesions[-1].model_copy(update=measures)
    mimics = {name.removeprefix("mimic_"): mask[pick] for name, mask in truth.masks.items() if name[:6] == "mimic_"}
    threshold = film.prediction.thresholds[Structure.HO]
    # What reaches the threshold but is too small for a nodule, or on a film too coarse, is reported to nobody.
    outlined = np.zeros(labels.shape, dtype=bool)
    for finding in film.reading.findings:
        outlined |= finding.mask
    alarms = tuple(
        Alarm(
            score=float(score),
            mimics=tuple(kind for kind, mask in mimics.items() if mask.flat[pixels].any()),
            reported=bool(outlined.flat[pixels].any()),
        )
        for score, pixels in zip(matched.false_alarm_scores, matched.false_alarm_pixels, strict=True)
        if left_open.flat[_decisive(pixels, outlined, probability, min(threshold, score))].mean() < OPEN_SHARE
    )
    judged = _judged(film.reading.findings, labels > 0, left_open)
    return {
        "has_ho": bool(lesions),
        "only_open": not lesions and bool(left_open.any()),
        "score": float(probability[~left_open].max(initial=0.0)),
        "findings": len(judged),
        "lesions": tuple(lesions),
        "alarms": alarms,
        "stated": tuple((round(finding.confidence, 4), right) for finding, right in judged),
        "dice": _dices(film, truth, pick, valid, labels, ignore),
        "reliability": _reliability(probability, labels > 0, valid & ~ignore),
    }


def _decisive(
    pixels: NDArray[np.intp], outlined: NDArray[np.bool_], probability: NDArray[np.float32], level: float
) -> NDArray[np.intp]:
    """Return what of a candidate a reader saw outlined, or its part from a level on where nothing of it was.

    A candidate reaches far beyond its outlines, and may hold parts that are too small to be outlined.
    """
    seen = pixels[outlined.flat[pixels]]
    return seen if seen.size else pixels[probability.flat[pixels] >= level]


def _judged(
    findings: Sequence[Finding], nodules: NDArray[np.bool_], left_open: NDArray[np.bool_]
) -> list[tuple[Finding, bool]]:
    """Say of each finding whether a tenth of it lies on a nodule; one that does not, on open truth, is left out."""
    stated = [(finding, bool(nodules[finding.mask].mean() >= 0.1)) for finding in findings]
    return [(finding, right) for finding, right in stated if right or left_open[finding.mask].mean() < OPEN_SHARE]


def _sized(nodule: Mapping[str, Any], mask: NDArray[np.bool_], cell_mm: float) -> Mapping[str, Any]:
    """Measure a nodule on a film without millimetres by the size the film was worked at."""
    if nodule["area_mm2"] is not None and nodule["long_axis_mm"] is not None:
        return nodule
    reach = extent(np.argwhere(mask).astype(np.float64)).long_axis + 1.0
    return {**nodule, "area_mm2": float(mask.sum()) * cell_mm**2, "long_axis_mm": reach * cell_mm}


def _lesion(nodule: Mapping[str, Any], score: float | None) -> Lesion:
    return Lesion(
        score=score,
        area_mm2=nodule["area_mm2"] or 0.0,
        long_axis_mm=nodule["long_axis_mm"] or 0.0,
        contrast_to_noise=nodule.get("contrast_to_noise"),
        maturity=nodule.get("maturity"),
        kind=nodule.get("kind", "unknown"),
    )


def _dices(
    film: FilmAnalysis,
    truth: StudyTruth,
    pick: tuple[NDArray[Any], ...],
    valid: NDArray[np.bool_],
    labels: NDArray[Any],
    ignore: NDArray[np.bool_],
) -> dict[str, float]:
    """Dice of what the film shows, by structure; HO as the findings outline it."""
    found: dict[str, NDArray[np.bool_]] = {str(name): mask for name, mask in film.reading.anatomy.masks.items()}
    scores = {
        name: dice(mask & valid, truth.masks[name][pick] & valid)
        for name, mask in found.items()
        if name in truth.masks and (truth.masks[name][pick] & valid).any()
    }
    if (labels > 0).any():
        outlined = np.zeros(labels.shape, dtype=bool)
        for finding in film.reading.findings:
            outlined |= finding.mask
        scores["ho"] = dice(outlined & valid & ~ignore, (labels > 0) & ~ignore)
    return scores


def _reliability(
    probability: NDArray[np.float32], truth: NDArray[np.bool_], counts: NDArray[np.bool_]
) -> tuple[tuple[int, float, int], ...]:
    values, labels = probability[counts].astype(np.float64), truth[counts]
    index = np.minimum((values * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    pixels = np.bincount(index, minlength=RELIABILITY_BINS)
    sums = np.bincount(index, values, minlength=RELIABILITY_BINS)
    trues = np.bincount(index, labels, minlength=RELIABILITY_BINS)
    return tuple((int(n), round(float(s), 4), int(t)) for n, s, t in zip(pixels, sums, trues, strict=True))
