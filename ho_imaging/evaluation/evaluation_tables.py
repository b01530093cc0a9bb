"""The figures of an evaluation as Markdown tables, for a model card: no figure is copied by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ho_imaging.severity.systems import BROOKER

__all__ = ["GROUP_HEADER", "VISIBILITY_HEADER", "group_rows", "headline_rows", "markdown_tables", "visibility_rows"]

POOR_RATE = 0.1
"""Mimics with so many false alarms a film are named in the summary."""

GROUP_HEADER = ("group", "films", "nodules", "sensitivity", "of clear ones", "false alarms a film", "median Dice")

VISIBILITY_HEADER = ("asked for", "nodules", "films", "CPM", "area under the curve", "mean Dice")

_RATES = ("0.125", "0.25", "0.5", "1")


def markdown_tables(figures: Mapping[str, Any]) -> str:
    """Return the tables of `ho_imaging.evaluation.figures.figures`: summary, Brooker classes, groups, mimics."""
    classes = ([grade, *row] for grade, row in zip(BROOKER.grades, figures[BROOKER.name]["confusion"], strict=True))
    mimics = (
        [name, row["films"], _number(row["false_alarms_per_film"]), _number(row["reported_per_film"])]
        for name, row in figures["false_alarms_per_mimic"].items()
    )
    return "\n".join(
        [
            _table(("", figures.get("model", "")), headline_rows(figures)),
            "The more plainly a nodule shows (films that show ectopic bone, but none so plainly, are left out):\n",
            _table(VISIBILITY_HEADER, visibility_rows(figures)),
            "Brooker class, sides; rows are true, columns found:\n",
            _table((r"true \ found", *BROOKER.grades), classes),
            "By kind of nodule and film, at the score that gives half a false alarm a film over all films:\n",
            _table(GROUP_HEADER, group_rows(figures)),
            "False alarms on mimics, per film that shows the kind:\n",
            _table(("mimic", "films", "at that score", "at the operating threshold"), mimics),
        ]
    )


def visibility_rows(figures: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """Return a row for each least visibility, under `VISIBILITY_HEADER`."""
    return [
        (row["asked"], row["lesions"], row["films"], _number(row["cpm"]), _number(row["study_auroc"], 3),
         _number(row["dice_ho_mean"]))
        for row in figures["by_visibility"]
    ]  # fmt: skip


def group_rows(figures: Mapping[str, Any], digits: int = 2) -> list[tuple[object, ...]]:
    """Return a row for each kind of nodule and film, under `GROUP_HEADER`."""
    shares = ("sensitivity", "sensitivity_clear", "false_alarms_per_film", "dice_ho_median")
    return [
        (row["group"], row["films"] or "", row["lesions"], *(_number(row.get(key), digits) for key in shares))
        for row in figures["subgroups"]
    ]


def headline_rows(figures: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Return the figures that matter most, each with what it is, for the page and for a model card alike."""
    brooker, confidence, dice = figures[BROOKER.name], figures["finding_confidence"], figures["dice_median"]
    status = figures["films_by_status"]
    # Of reviewed nodules the length alone is known; the model cards of simulated films keep their words.
    means = figures.get("clear_means", "")
    clear = "clear" if means.startswith("contrast") or not means else f"clear, that is {means}"
    yield f"films (nodules, of which {clear})", f"{figures['films']} ({figures['lesions']}, {figures['lesions_clear']})"
    for name, key in (("clear nodules", "sensitivity_clear"), ("every nodule", "sensitivity")):
        values = ", ".join(_number(figures[key][rate]) for rate in _RATES)
        yield f"sensitivity at 1/8, 1/4, 1/2, 1 false alarms a film, {name}", values
    yield "mean sensitivity at 1/8 to 8 false alarms a film (CPM), clear nodules", _interval(figures["cpm_clear"])
    yield "the same, every nodule", _interval(figures["cpm"])
    yield (
        "films with a clear nodule and films with none told apart, area under the curve",
        _interval(figures["study_auroc_clear"], 3),
    )
    yield "films with any nodule and films with none", _interval(figures["study_auroc"], 3)
    names = ("ho", "pelvis", "femur", "femoral_head", "implant")
    yield (
        "Dice, median a film: ectopic bone, pelvis, femur, femoral head, implant",
        ", ".join(_number(dice[name]) for name in names),
    )
    yield (
        "Dice of ectopic bone, mean over films that show it; with a clear nodule",
        f"{_number(figures['dice_ho_mean'])}; {_number(figures['dice_ho_mean_clear'])}",
    )
    ratios = (figures["area_error"]["median_ratio"], figures["long_axis_error"]["median_ratio"])
    yield "area and long axis of a nodule, median found over true", ", ".join(map(_number, ratios))
    yield (
        "Brooker class a side: quadratic-weighted kappa, agreement",
        f"{_number(brooker['kappa_quadratic'])}, {_number(brooker['agreement'])}",
    )
    yield "Brooker kappa of the rules alone, on true masks", _number(brooker["kappa_quadratic_on_true_masks"], 3)
    yield (
        "Brooker: calibration error of the likeliest class; truth among the class and its alternatives",
        f"{_number(brooker['class_ece'], 3)}; {_number(brooker['truth_among_named'])}",
    )
    yield "false alarms a film at the operating threshold", _number(figures["reported_false_alarms_per_film"])
    yield (
        "films without ectopic bone on which something is outlined",
        _number(figures["films_without_ho_with_findings"]),
    )
    yield "calibration error, pixels", _number(figures["pixel_ece"], 4)
    yield (
        "confidence of findings: stated, true, calibration error",
        ", ".join(_number(confidence[key]) for key in ("mean_stated", "mean_true", "ece")),
    )
    yield "burden against true volume, rank correlation", _number(figures["burden"]["spearman_volume_score"])
    yield "refused", f"{status['refused']} of {figures['films']}"
    for title, key in (
        ("at half a false alarm a film over all", "false_alarms_per_film"),
        ("at the operating threshold", "reported_per_film"),
    ):
        rows = figures["false_alarms_per_mimic"].items()
        poor = sorted((row for row in rows if row[1][key] >= POOR_RATE), key=lambda row: -row[1][key])
        named = "; ".join(f"{name} {_number(row[key])} ({row['films']} films)" for name, row in poor)
        yield f"mimics with {POOR_RATE} false alarms a film or more, {title}", named or "none"


def _table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    head = list(header)
    lines: list[Iterable[object]] = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in cells) + " |\n" for cells in lines)


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _interval(figure: Mapping[str, float | None], digits: int = 2) -> str:
    if figure["value"] is None:
        return ""
    value, low, high = (_number(figure[key], digits) for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
