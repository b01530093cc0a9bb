"""From what became of each labelled film to the figures of a validation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from ho_imaging.evaluation.grades import GRADES, TITLES
from ho_imaging.evaluation.labels import HO
from ho_imaging.evaluation.outcomes import FilmOutcome, GradePair
from ho_imaging.evaluation.validation_schema import (
    Bin,
    Calibrated,
    DecisionPoint,
    Estimate,
    GradeFigures,
    GroupFigures,
    LeftColumn,
    Proportion,
    Reason,
    SideFigures,
)
from ho_imaging.messages import Message
from ho_imaging.network.calibration import Calibration, recalibrate
from ho_imaging.statistics.agreement import quadratic_kappa
from ho_imaging.statistics.intervals import Interval, bootstrap, wilson
from ho_imaging.statistics.probabilities import calibration_error, decision_curve, reliability
from ho_imaging.statistics.roc import auroc_interval
from ho_imaging.vocabulary import Side, Status

__all__ = ["EMPTY", "SIZES", "by_size", "film_confidence", "group_figures", "judged", "split_by_columns"]

SIZES: Mapping[str, Callable[[int], bool]] = {
    "under 500 px": lambda size: size < 500,
    "500 to 799 px": lambda size: 500 <= size < 800,
    "800 px and over": lambda size: size >= 800,
}
"""Groups of films by the longer side of the picture."""

EMPTY = "(empty)"
LEAST_VALUES, MOST_VALUES = 2, 12
"""A column makes subgroups when it has so many different values."""

_DECISION_PROBABILITIES = tuple(round(0.05 * step, 2) for step in range(1, 20))


def group_figures(films: Sequence[FilmOutcome], confidence: Calibration, *, seed: int = 0) -> GroupFigures:
    """Return all figures of a group of films; ``confidence`` recalibrates a film's score."""
    accepted = [film for film in films if film.accepted]
    refused = [film for film in films if film.status == Status.REFUSED]
    yes, no, unsure = ([film for film in accepted if film.ho is label] for label in (HO.YES, HO.NO, HO.UNSURE))
    refused_yes, refused_no = (sum(film.ho is label for film in refused) for label in (HO.YES, HO.NO))
    outlined_yes, outlined_no = (sum(bool(film.outlines) for film in group) for group in (yes, no))
    known = judged(films)
    stated, truth = film_confidence(known, confidence), [film.ho is HO.YES for film in known]
    boxed = [film for film in yes if film.boxes]
    boxed_unsure = [film for film in unsure if film.boxes]
    labels = Counter(film.ho for film in films)
    statuses = Counter(film.status for film in films)
    return GroupFigures(
        films=len(films),
        labelled_yes=labels[HO.YES],
        labelled_no=labels[HO.NO],
        labelled_unsure=labels[HO.UNSURE],
        labelled_otherwise=labels[None],
        accepted=len(accepted),
        refused=len(refused),
        failed=statuses[Status.FAILED],
        pending=len(films) - len(accepted) - len(refused) - statuses[Status.FAILED],
        accepted_yes=len(yes),
        accepted_no=len(no),
        sensitivity=_share(outlined_yes, len(yes)),
        specificity=_share(len(no) - outlined_no, len(no)),
        false_positive_rate=_share(outlined_no, len(no)),
        sensitivity_refused_as_negative=_share(outlined_yes, len(yes) + refused_yes),
        specificity_refused_as_negative=_share(len(no) - outlined_no + refused_no, len(no) + refused_no),
        unsure_outlined=_share(sum(bool(film.outlines) for film in unsure), len(unsure)),
        auc=_estimate(auroc_interval([film.score or 0.0 for film in known], truth)),
        outlines_per_film_without_ho=_mean([len(film.outlines) for film in no], seed),
        films_with_boxes=len(boxed),
        box_hits=_share(sum(film.boxes_hit for film in boxed), sum(len(film.boxes) for film in boxed)),
        outlines_outside_boxes_per_film=_mean([sum(not o.hits for o in film.outlines) for film in boxed], seed),
        box_hits_unsure=_share(
            sum(film.boxes_hit for film in boxed_unsure), sum(len(film.boxes) for film in boxed_unsure)
        ),
        grades=tuple(_grades(accepted, system, seed) for system in GRADES if _has(films, system)),
        film_confidence=_calibrated(stated, truth),
        outline_confidence=_calibrated(*_outline_confidence(no, boxed)),
        decision_curve=tuple(
            DecisionPoint(probability=p.probability, model=_rounded(p.model), all=_rounded(p.all))
            for p in decision_curve(stated, truth, _DECISION_PROBABILITIES)
        ),
        sides=_sides(accepted),
        not_analysed=_reasons(films),
    )


def judged(films: Sequence[FilmOutcome]) -> list[FilmOutcome]:
    """Return the accepted films labelled yes or no."""
    return [film for film in films if film.accepted and film.ho in {HO.YES, HO.NO}]


def film_confidence(films: Sequence[FilmOutcome], confidence: Calibration) -> list[float]:
    """Return each film's score as a confidence: that of its most certain outline, were it outlined."""
    return [recalibrate(film.score or 0.0, confidence) for film in films]


def by_size(films: Sequence[FilmOutcome]) -> dict[str, list[FilmOutcome]]:
    """Return the films of each size that is there."""
    found = {
        name: [film for film in films if film.size_px is not None and holds(film.size_px)]
        for name, holds in SIZES.items()
    }
    return {name: group for name, group in found.items() if group}


def split_by_columns(
    films: Sequence[FilmOutcome], columns: Sequence[str]
) -> tuple[dict[str, dict[str, list[FilmOutcome]]], tuple[LeftColumn, ...]]:
    """Return the films by column and value, and the columns that have too few or too many values."""
    groups: dict[str, dict[str, list[FilmOutcome]]] = {}
    left = []
    for column in columns:
        values: dict[str, list[FilmOutcome]] = {}
        spelled: dict[str, str] = {}
        for film in films:
            text = film.label.groups.get(column, "") or EMPTY
            # Upper and lower case are one value, spelled as it was first.
            values.setdefault(spelled.setdefault(text.casefold(), text), []).append(film)
        if LEAST_VALUES <= len(values) <= MOST_VALUES:
            groups[column] = dict(sorted(values.items()))
        else:
            left.append(LeftColumn(column=column, values=len(values)))
    return groups, tuple(left)


def _has(films: Sequence[FilmOutcome], system: str) -> bool:
    return any(system in grades for film in films for grades in film.label.grades.values())


def _grades(films: Sequence[FilmOutcome], system: str, seed: int) -> GradeFigures:
    grades = GRADES[system]
    per_film = [[pair for pair in film.grades if pair.system == system] for film in films]
    tables = [_table(pairs, grades) for pairs in per_film if pairs]
    table = np.sum(tables, axis=0) if tables else np.zeros((len(grades), len(grades)), dtype=np.int64)
    total = int(table.sum())
    return GradeFigures(
        system=system,
        title=TITLES[system],
        grades=grades,
        compared=total,
        not_graded=sum(pair.found is None for pairs in per_film for pair in pairs),
        table=tuple(tuple(int(count) for count in row) for row in table),
        same_grade=_share(int(np.trace(table)), total),
        kappa_quadratic=_estimate(
            bootstrap(tables, lambda drawn: quadratic_kappa(np.sum(drawn, axis=0, dtype=np.int64)), seed=seed)
        ),
    )


def _table(pairs: Sequence[GradePair], grades: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    table = np.zeros((len(grades), len(grades)), dtype=np.int64)
    for pair in pairs:
        if pair.found is not None:
            table[grades.index(pair.label), grades.index(pair.found)] += 1
    return table


def _outline_confidence(without: Sequence[FilmOutcome], boxed: Sequence[FilmOutcome]) -> tuple[list[float], list[bool]]:
    pairs = [(outline.confidence, False) for film in without for outline in film.outlines]
    pairs += [(outline.confidence, bool(outline.hits)) for film in boxed for outline in film.outlines]
    return [stated for stated, _ in pairs], [true for _, true in pairs]


def _calibrated(stated: Sequence[float], truth: Sequence[bool]) -> Calibrated:
    return Calibrated(
        items=len(stated),
        mean_stated=_rounded(float(np.mean(stated))) if stated else None,
        mean_true=_rounded(float(np.mean(truth))) if stated else None,
        ece=_rounded(calibration_error(stated, truth)) if stated else None,
        reliability=tuple(
            Bin(
                low=found.low,
                high=found.high,
                count=found.count,
                stated=_rounded(found.stated),
                true=_share(found.true, found.count),
            )
            for found in reliability(stated, truth)
        ),
    )


def _sides(accepted: Sequence[FilmOutcome]) -> SideFigures | None:
    """Return the figures of labelled sides. An outline that lies on no side counts for each that is labelled."""
    found = [
        (ho is HO.YES, _is_outlined(film, side), _side_score(film, side))
        for film in accepted
        for side, ho in film.label.sides.items()
        if ho in {HO.YES, HO.NO}
    ]
    if not found:
        return None
    yes = [outlined for label, outlined, _ in found if label]
    no = [outlined for label, outlined, _ in found if not label]
    return SideFigures(
        sides=len(found),
        sensitivity=_share(sum(yes), len(yes)),
        specificity=_share(len(no) - sum(no), len(no)),
        auc=_estimate(auroc_interval([score for _, _, score in found], [label for label, _, _ in found])),
    )


def _is_outlined(film: FilmOutcome, side: Side) -> bool:
    return any(outline.side in {side, Side.UNKNOWN} for outline in film.outlines)


def _side_score(film: FilmOutcome, side: Side) -> float:
    scores = film.side_scores or {}
    return scores.get(side, scores.get(Side.UNKNOWN, 0.0))


def _reasons(films: Sequence[FilmOutcome]) -> tuple[Reason, ...]:
    found: dict[tuple[str, str], list[FilmOutcome]] = {}
    for film in films:
        if not film.accepted:
            found.setdefault((film.status, (film.reason or _NOT_YET).code), []).append(film)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        Reason(
            status=status,
            code=code,
            reason=_most_frequent(str(film.reason or _NOT_YET) for film in group),
            films=len(group),
            labelled_yes=sum(film.ho is HO.YES for film in group),
            labelled_no=sum(film.ho is HO.NO for film in group),
        )
        for (status, code), group in ordered
    )


_NOT_YET = Message("not_analysed_yet")


def _most_frequent(texts: Iterable[str]) -> str:
    """Return the text that stands for a code: numbers and names in it differ from film to film."""
    counts = Counter(texts)
    return max(sorted(counts), key=lambda text: counts[text])


def _share(count: int, total: int) -> Proportion:
    found = wilson(count, total)
    return Proportion(**_estimate(found).model_dump(), count=count, total=total)


def _mean(values: Sequence[int], seed: int) -> Estimate:
    return _estimate(bootstrap(values, lambda drawn: float(np.mean(drawn)), seed=seed))


def _estimate(interval: Interval) -> Estimate:
    return Estimate(**interval.to_dict())


def _rounded(value: float) -> float:
    return round(value, 4) if math.isfinite(value) else 0.0
