"""From the record of each film to the figures of an evaluation, each with its confidence interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from ho_imaging.evaluation.evaluate import FilmRecord, Lesion
from ho_imaging.severity.systems import BROOKER
from ho_imaging.statistics.agreement import quadratic_kappa
from ho_imaging.statistics.detection import CPM_RATES, Froc, cpm, froc_of, sensitivity_at
from ho_imaging.statistics.intervals import bootstrap
from ho_imaging.statistics.probabilities import calibration_error
from ho_imaging.statistics.roc import auroc

__all__ = ["CLEAR", "clear_means", "confusion", "figures", "film_froc"]

RESAMPLES = 300

CLEAR_CONTRAST_TO_NOISE = 2.0
CLEAR_LENGTH_MM = 5.0
PUBLISHED_POINTS = (0.26, 0.33)
"""False alarms a film of radiologists and of a network, on simulated nodules in chest films (Schultheiss 2021)."""

Keep = Callable[[Lesion], bool]


def CLEAR(lesion: Lesion) -> bool:  # noqa: N802  (a named selection, like the others)
    """Select nodules that a film shows clearly: contrast-to-noise of at least 2, where it is known, at least 5 mm long.

    It is known of simulated nodules only; `clear_means` puts into words what was asked for.
    """
    contrast = lesion.contrast_to_noise
    return (contrast is None or contrast >= CLEAR_CONTRAST_TO_NOISE) and lesion.long_axis_mm >= CLEAR_LENGTH_MM


def clear_means(records: Sequence[FilmRecord]) -> str:
    """Say what clear nodules of these films are."""
    known = {lesion.contrast_to_noise is not None for record in records for lesion in record.lesions}
    if known == {False}:
        return "5 mm and over"
    return f"contrast-to-noise of 2 and over{' where known' if len(known) == 2 else ''}, 5 mm and over"


def _all(_: Lesion) -> bool:
    return True


def film_froc(records: Sequence[FilmRecord], keep: Keep = _all) -> Froc:
    """Free-response curve over films, for the lesions selected; false alarms count always."""
    lesions = [
        -np.inf if lesion.score is None else lesion.score
        for record in records
        for lesion in record.lesions
        if keep(lesion)
    ]
    alarms = [alarm.score for record in records for alarm in record.alarms]
    return froc_of(np.array(lesions, dtype=np.float64), np.array(alarms, dtype=np.float64), len(records))


def figures(records: Sequence[FilmRecord], *, seed: int = 0) -> dict[str, Any]:
    """Return every figure of an evaluation as JSON-able data.

    A film that could not be evaluated counts as failed, and in nothing else.
    """
    counts: dict[str, Any] = {
        "films": len(records),
        "films_by_status": {
            status: sum(r.status == status for r in records) for status in ("done", "refused", "failed")
        },
    }
    records = [record for record in records if record.evaluated]
    done = [record for record in records if record.status == "done"]
    curve, curve_clear = film_froc(records), film_froc(records, CLEAR)
    table = confusion(records)
    ece, reliability = _calibration(done)
    return {
        **counts,
        "lesions": sum(len(record.lesions) for record in records),
        "lesions_clear": sum(CLEAR(lesion) for record in records for lesion in record.lesions),
        "clear_means": clear_means(records),
        "cpm": _bootstrap(records, lambda r: cpm(film_froc(r)), seed),
        "cpm_clear": _bootstrap(records, lambda r: cpm(film_froc(r, CLEAR)), seed),
        "sensitivity": {f"{rate:g}": _share_at(curve, rate) for rate in (*CPM_RATES, *PUBLISHED_POINTS)},
        "sensitivity_clear": {f"{rate:g}": _share_at(curve_clear, rate) for rate in (*CPM_RATES, *PUBLISHED_POINTS)},
        "sensitivity_clear_at_half_a_false_alarm": _bootstrap(
            records, lambda r: sensitivity_at(film_froc(r, CLEAR), 0.5), seed
        ),
        "study_auroc": _bootstrap(records, _study_auroc, seed),
        "study_auroc_clear": _bootstrap([r for r in records if not r.has_ho or _shows_clearly(r)], _study_auroc, seed),
        "dice_median": {
            name: _median([record.dice[name] for record in done if name in record.dice])
            for name in ("ho", "pelvis", "femur", "femoral_head", "implant", "body")
        },
        "dice_ho_mean": _mean([record.dice["ho"] for record in done if "ho" in record.dice]),
        "dice_ho_mean_clear": _mean([r.dice["ho"] for r in done if "ho" in r.dice and _shows_clearly(r)]),
        "area_error": _measure_error(done, "area_mm2", "found_area_mm2"),
        "long_axis_error": _measure_error(done, "long_axis_mm", "found_long_axis_mm"),
        BROOKER.name: {
            "kappa_quadratic": _plain(quadratic_kappa(table)),
            "agreement": _plain(float(np.trace(table) / table.sum()) if table.sum() else float("nan")),
            "confusion": table.tolist(),
            "sides_not_graded": sum(side.found is None for record in records for side in record.sides),
            **_on_truth(records),
            **_class_calibration(records),
        },
        "burden": _burden(records),
        "finding_confidence": _finding_calibration(done),
        "pixel_ece": _plain(ece),
        "reliability": reliability,
        "films_without_ho_with_findings": _share(
            record.findings > 0 for record in done if not record.has_ho and not record.only_open
        ),
        "reported_false_alarms_per_film": _mean([sum(a.reported for a in record.alarms) for record in done]),
        "false_alarms_per_mimic": _by_mimic(done),
        "by_visibility": _by_visibility(records),
        "subgroups": _subgroups(records),
    }


def _by_visibility(records: Sequence[FilmRecord]) -> list[dict[str, Any]]:
    """Say how well nodules are found the more plainly they show; films that show none so plainly are left out."""
    rows = []
    for asked, keep in _VISIBILITY.items():
        lesions = sum(keep(lesion) for record in records for lesion in record.lesions)
        shown = [record for record in records if any(keep(lesion) for lesion in record.lesions)]
        dices = [record.dice["ho"] for record in shown if record.status == "done" and "ho" in record.dice]
        with_and_without = [record for record in records if not record.has_ho] + shown
        rows.append(
            {
                "asked": asked,
                "lesions": lesions,
                "films": len(shown),
                "cpm": _plain(cpm(film_froc(records, keep))),
                "study_auroc": _plain(_study_auroc(with_and_without)) if shown else None,
                "dice_ho_mean": _mean(dices),
            }
        )
    return rows


def confusion(records: Sequence[FilmRecord]) -> NDArray[np.int64]:
    """Count sides by true (row) and found (column) Brooker class."""
    table = np.zeros((len(BROOKER.grades), len(BROOKER.grades)), dtype=np.int64)
    for record in records:
        for side in record.sides:
            if side.found is not None:
                table[BROOKER.grades.index(side.truth), BROOKER.grades.index(side.found)] += 1
    return table


def _on_truth(records: Sequence[FilmRecord]) -> dict[str, Any]:
    """Say how well the rules alone do, on true masks."""
    table = np.zeros((len(BROOKER.grades), len(BROOKER.grades)), dtype=np.int64)
    for side in (side for record in records for side in record.sides):
        if side.on_truth is not None:
            table[BROOKER.grades.index(side.truth), BROOKER.grades.index(side.on_truth)] += 1
    return {"kappa_quadratic_on_true_masks": _plain(quadratic_kappa(table)), "confusion_on_true_masks": table.tolist()}


def _class_calibration(records: Sequence[FilmRecord]) -> dict[str, Any]:
    """Return the calibration error of the likeliest class, and how often truth is that class or an alternative."""
    graded = [side for record in records for side in record.sides if side.probabilities]
    if not graded:
        return {"class_ece": None, "truth_among_named": None}
    stated = np.array([max(side.probabilities.values()) for side in graded])
    right = np.array([max(side.probabilities, key=lambda g: side.probabilities[g]) == side.truth for side in graded])
    named = _share(side.truth in {side.found, *side.alternatives} for side in graded)
    return {"class_ece": _plain(calibration_error(stated, right)), "truth_among_named": named}


def _finding_calibration(records: Sequence[FilmRecord]) -> dict[str, Any]:
    """Calibration of findings: their share of true nodules against their confidence."""
    pairs = [pair for record in records for pair in record.stated]
    if not pairs:
        return {"findings": 0, "ece": None, "mean_stated": None, "mean_true": None}
    stated, right = np.array([p for p, _ in pairs]), np.array([is_true for _, is_true in pairs])
    return {
        "findings": len(pairs),
        "ece": _plain(calibration_error(stated, right)),
        "mean_stated": _plain(float(stated.mean())),
        "mean_true": _plain(float(right.mean())),
    }


def _burden(records: Sequence[FilmRecord]) -> dict[str, Any]:
    """Rank correlation of the burden with the true volume, over sides with ectopic bone; and of the true masks'."""
    sides = [side for record in records for side in record.sides if side.volume_mm3 > 0.0]
    found: dict[str, Any] = {}
    for name in ("score", "score_on_truth"):
        pairs = [(getattr(side, name), side.volume_mm3) for side in sides if getattr(side, name) is not None]
        rho = float(spearmanr(*zip(*pairs, strict=True)).statistic) if len(pairs) > 2 else float("nan")
        found[f"spearman_volume_{name}"] = _plain(rho)
    both = [
        abs(side.score - side.score_on_truth)
        for side in sides
        if side.score is not None and side.score_on_truth is not None
    ]
    return {**found, "sides": len(sides), "median_difference_from_truth": _median(both)}


def _shows_clearly(record: FilmRecord) -> bool:
    return any(CLEAR(lesion) for lesion in record.lesions)


def _share_at(curve: Froc, rate: float) -> float | None:
    share = sensitivity_at(curve, rate)
    return None if np.isnan(share) else share


def _study_auroc(records: Sequence[FilmRecord]) -> float:
    # A film whose only nodules readers left open may be either.
    records = [record for record in records if not record.only_open]
    return auroc([record.score for record in records], [record.has_ho for record in records])


def _bootstrap(
    records: Sequence[FilmRecord], figure: Callable[[Sequence[FilmRecord]], float], seed: int
) -> dict[str, float | None]:
    return bootstrap(records, figure, seed=seed, resamples=RESAMPLES).to_dict()


def _measure_error(records: Sequence[FilmRecord], true: str, found: str) -> dict[str, float | None]:
    """Return the median of found over true, and of its distance from 1, over the nodules found by a finding."""
    ratios = [
        getattr(lesion, found) / getattr(lesion, true)
        for record in records
        for lesion in record.lesions
        if getattr(lesion, found) is not None and getattr(lesion, true) > 0
    ]
    return {
        "nodules": len(ratios),
        "median_ratio": _median(ratios),
        "median_relative_error": _median([abs(ratio - 1.0) for ratio in ratios]),
    }


def _calibration(records: Sequence[FilmRecord]) -> tuple[float, list[dict[str, float]]]:
    """Return the expected calibration error over pixels (Naeini et al. 2015) and the reliability of each tenth."""
    known = [np.array(record.reliability) for record in records if record.reliability]
    if not known:
        return float("nan"), []
    bins = np.sum(known, axis=0)
    pixels = bins[:, 0]
    stated, true = (bins[:, column] / np.maximum(pixels, 1) for column in (1, 2))
    rows = [
        {"pixels": int(n), "stated": round(float(s), 4), "true": round(float(t), 4)}
        for n, s, t in zip(pixels, stated, true, strict=True)
    ]
    return float((pixels * np.abs(stated - true)).sum() / pixels.sum()), rows


def _by_mimic(records: Sequence[FilmRecord]) -> dict[str, dict[str, float]]:
    """Return the false alarms that lie on each kind of mimic, per film that shows the kind.

    ``false_alarms_per_film`` at half a false alarm a film over all films, ``reported_per_film`` at the operating
    threshold, which is what users see.
    """
    threshold = _threshold_at(records, 0.5)
    found: dict[str, dict[str, float]] = {}
    for kind in sorted({kind for record in records for kind in record.mimics}):
        films = [record for record in records if kind in record.mimics]
        alarms = [alarm for record in films for alarm in record.alarms if kind in alarm.mimics]
        found[kind] = {
            "films": len(films),
            "false_alarms_per_film": round(sum(alarm.score >= threshold for alarm in alarms) / len(films), 4),
            "reported_per_film": round(sum(alarm.reported for alarm in alarms) / len(films), 4),
        }
    return found


def _threshold_at(records: Sequence[FilmRecord], rate: float) -> float:
    curve = film_froc(records)
    return float(curve.thresholds[curve.false_alarms_per_film <= rate].min())


def _contrast(low: float, high: float) -> Keep:
    """Select by contrast-to-noise, which nobody knows of reviewed nodules: they are in no such group."""
    return lambda lesion: lesion.contrast_to_noise is not None and low <= lesion.contrast_to_noise < high


def _plain_to_see(least_contrast: float) -> Keep:
    visible = _contrast(least_contrast, np.inf)
    return lambda lesion: visible(lesion) and lesion.long_axis_mm >= CLEAR_LENGTH_MM


_VISIBILITY: dict[str, Keep] = {
    "every nodule": _all,
    "5 mm and over": lambda lesion: lesion.long_axis_mm >= CLEAR_LENGTH_MM,
    "contrast-to-noise of 0.5 and over, 5 mm and over": _plain_to_see(0.5),
    "1 and over, 5 mm and over": _plain_to_see(1.0),
    "2 and over, 5 mm and over": _plain_to_see(2.0),
}

_LESION_GROUPS: dict[str, Keep] = {
    "under 5 mm": lambda lesion: lesion.long_axis_mm < 5.0,
    "5 to 10 mm": lambda lesion: 5.0 <= lesion.long_axis_mm < 10.0,
    "10 to 20 mm": lambda lesion: 10.0 <= lesion.long_axis_mm < 20.0,
    "20 mm and over": lambda lesion: lesion.long_axis_mm >= 20.0,
    "contrast-to-noise under 1": _contrast(-np.inf, 1.0),
    "contrast-to-noise 1 to 2": _contrast(1.0, 2.0),
    "contrast-to-noise 2 to 4": _contrast(2.0, 4.0),
    "contrast-to-noise 4 and over": _contrast(4.0, np.inf),
    "immature (below 0.33)": lambda lesion: lesion.maturity is not None and lesion.maturity < 0.33,
    "maturing (0.33 to 0.67)": lambda lesion: lesion.maturity is not None and 0.33 <= lesion.maturity < 0.67,
    "mature (0.67 and over)": lambda lesion: lesion.maturity is not None and lesion.maturity >= 0.67,
}

_FILM_GROUPS: dict[str, Callable[[FilmRecord], bool]] = {
    "implant": lambda record: record.implant,
    "no implant": lambda record: not record.implant,
    "thin (under 12 mm of fat)": lambda record: record.fat_mm is not None and record.fat_mm < 12.0,
    "usual (12 to 35 mm)": lambda record: record.fat_mm is not None and 12.0 <= record.fat_mm < 35.0,
    "obese (35 mm and over)": lambda record: record.fat_mm is not None and record.fat_mm >= 35.0,
    **{
        f"region {name}": (lambda record, name=name: record.region == name)  # type: ignore[misc]  # binds the name
        for name in ("pelvis", "hip", "thigh", "knee", "residual_limb")
    },
    **{
        f"view {name}": (lambda record, name=name: record.view == name)  # type: ignore[misc]  # likewise
        for name in ("ap", "frog_leg", "lateral", "cross_table_lateral")
    },
}


def _subgroups(records: Sequence[FilmRecord]) -> list[dict[str, Any]]:
    """Sensitivity by kind of nodule and of film, at the score that gives half a false alarm a film over all films."""
    threshold = _threshold_at(records, 0.5)
    rows: list[dict[str, Any]] = []
    for name, keep in _LESION_GROUPS.items():
        lesions = [lesion for record in records for lesion in record.lesions if keep(lesion)]
        rows.append({"group": name, "films": None, **_found(lesions, threshold)})
    for name, keeps_film in _FILM_GROUPS.items():
        films = [record for record in records if keeps_film(record)]
        if not films:
            continue
        lesions = [lesion for record in films for lesion in record.lesions]
        alarms = sum(alarm.score >= threshold for record in films for alarm in record.alarms)
        rows.append(
            {
                "group": name,
                "films": len(films),
                **_found(lesions, threshold),
                "false_alarms_per_film": round(alarms / len(films), 3),
                "dice_ho_median": _median([record.dice["ho"] for record in films if "ho" in record.dice]),
            }
        )
    return rows


def _found(lesions: Sequence[Lesion], threshold: float) -> dict[str, Any]:
    clear = [lesion for lesion in lesions if CLEAR(lesion)]
    return {
        "lesions": len(lesions),
        "sensitivity": _share((lesion.score or 0.0) >= threshold for lesion in lesions),
        "sensitivity_clear": _share((lesion.score or 0.0) >= threshold for lesion in clear),
    }


def _share(values: Iterable[bool]) -> float | None:
    counted = list(values)
    return round(sum(counted) / len(counted), 4) if counted else None


def _median(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 4) if len(values) else None


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None


def _plain(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
