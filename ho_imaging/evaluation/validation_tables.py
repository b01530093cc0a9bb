"""The figures of a validation as rows of text, and these as Markdown: no figure is copied by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ho_imaging.evaluation.validation_schema import Estimate, GradeFigures, GroupFigures, Proportion, ValidationFigures

__all__ = ["GROUP_HEADER", "Table", "tables", "to_markdown"]

GROUP_HEADER = (
    "",
    "films",
    "accepted yes / no",
    "sensitivity",
    "films labelled no that are outlined",
    "AUC",
    "outlines a film labelled no",
    "calibration error",
    "refused, failed",
)


@dataclass(frozen=True)
class Table:
    """A heading, a line about it, and rows of text below column names; ``key`` tells kinds of tables apart."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    key: str = ""


def _made(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], note: str = "", key: str = "") -> Table:
    return Table(title, tuple(header), tuple(tuple(row) for row in rows), note, key)


def tables(figures: ValidationFigures, films_without_row: Sequence[str] = ()) -> list[Table]:
    """Return every table of a validation in the order of the page."""
    found = [
        _made("Summary", ("", f"{figures.model}"), _headline(figures), _SUMMARY_NOTE, "summary"),
        _made("By size of the picture", GROUP_HEADER, _groups(figures), "By the longer side.", "size"),
    ]
    for column, values in figures.by_group.items():
        rows = [_group_row(value, group) for value, group in values.items()]
        found.append(_made(f"By {column.replace('_', ' ')}", GROUP_HEADER, rows, key="group"))
    found.extend(map(_grade_table, figures.all.grades))
    found.append(_reliability(figures))
    found.append(
        _made(
            "Films not analysed",
            ("", "reason", "films", "labelled yes", "labelled no"),
            [
                (item.status, item.reason, str(item.films), str(item.labelled_yes), str(item.labelled_no))
                for item in figures.all.not_analysed
            ],
            key="not_analysed",
        )
    )
    rows = [(str(row.line), row.why) for row in figures.rows_not_matched]
    found.append(_made("Rows that name no one film", ("line", "why"), rows, key="rows"))
    found.append(_made("Films without a row", ("film",), [(name,) for name in films_without_row], key="films"))
    return [table for table in found if table.rows]


_SUMMARY_NOTE = (
    "A film counts as outlined when the program outlines something on it. Brackets are 95 % intervals: Wilson's for "
    "shares, DeLong's on the logit scale for the area under the curve, bootstrap over films (1,000 samples) for means "
    "and kappa. Films labelled unsure are in no sensitivity, specificity or area."
)


def _headline(figures: ValidationFigures) -> Iterator[tuple[str, str]]:
    group = figures.all
    yield (
        "labelled films: yes, no, unsure, otherwise",
        f"{group.films}: {group.labelled_yes}, {group.labelled_no}, {group.labelled_unsure}, "
        f"{group.labelled_otherwise}",
    )
    pending = f", {group.pending} not analysed yet" if group.pending else ""
    yield "accepted, refused, failed", f"{group.accepted}, {group.refused}, {group.failed}{pending}"
    site = "" if figures.site_sha256 is None else f" (site file {figures.site_sha256[:12]})"
    yield "operating threshold", f"{figures.threshold:g}{site}"
    yield "sensitivity, accepted films", _share(group.sensitivity)
    yield "specificity, accepted films", _share(group.specificity)
    yield "films labelled no that are outlined, of the accepted", _share(group.false_positive_rate)
    yield "sensitivity with refused films as negative", _share(group.sensitivity_refused_as_negative)
    yield "specificity with refused films as negative", _share(group.specificity_refused_as_negative)
    yield "films labelled unsure that are outlined", _share(group.unsure_outlined)
    yield "area under the ROC curve", _estimate(group.auc)
    yield "outlines on a film labelled no, mean", _estimate(group.outlines_per_film_without_ho)
    if group.films_with_boxes:
        yield "boxes hit, films labelled yes", _share(group.box_hits)
        yield "outlines that hit no box, a film with boxes", _estimate(group.outlines_outside_boxes_per_film)
    if group.box_hits_unsure.total:
        yield "boxes hit, films labelled unsure", _share(group.box_hits_unsure)
    for grades in group.grades:
        yield f"{grades.title}: same grade", _share(grades.same_grade)
        yield f"{grades.title}: quadratic-weighted kappa", _estimate(grades.kappa_quadratic)
    if group.sides is not None:
        yield f"sensitivity, {group.sides.sides} labelled sides", _share(group.sides.sensitivity)
        yield "specificity, labelled sides", _share(group.sides.specificity)
        yield "area under the ROC curve, labelled sides", _estimate(group.sides.auc)
    stated = group.film_confidence
    yield (
        "confidence of films: stated, true, calibration error",
        ", ".join(_number(value) for value in (stated.mean_stated, stated.mean_true, stated.ece)),
    )
    stated = group.outline_confidence
    yield (
        f"confidence of {stated.items} outlines: stated, true, calibration error",
        ", ".join(_number(value) for value in (stated.mean_stated, stated.mean_true, stated.ece)),
    )


def _groups(figures: ValidationFigures) -> list[tuple[str, ...]]:
    return [_group_row(name, group) for name, group in (("all", figures.all), *figures.by_size.items())]


def _group_row(name: str, group: GroupFigures) -> tuple[str, ...]:
    return (
        name,
        str(group.films),
        f"{group.accepted_yes} / {group.accepted_no}",
        _share(group.sensitivity),
        _share(group.false_positive_rate),
        _estimate(group.auc),
        _estimate(group.outlines_per_film_without_ho),
        _number(group.film_confidence.ece),
        f"{group.refused}, {group.failed}",
    )


def _grade_table(grades: GradeFigures) -> Table:
    rows = [(grade, *map(str, row)) for grade, row in zip(grades.grades, grades.table, strict=True)]
    note = (
        f"Rows are labels, columns the program. Same grade {_share(grades.same_grade)}; quadratic-weighted kappa "
        f"{_estimate(grades.kappa_quadratic)}; {grades.not_graded} not graded by the program."
    )
    return _made(grades.title, (r"label \ program", *grades.grades), rows, note, "grades")


def _reliability(figures: ValidationFigures) -> Table:
    rows = [
        (f"{found.low:.1f} to {found.high:.1f}", str(found.count), _number(found.stated), _share(found.true))
        for found in figures.all.film_confidence.reliability
    ]
    return _made(
        "Reliability of the confidence of films",
        ("confidence", "films", "mean stated", "labelled yes"),
        rows,
        key="bins",
    )


def to_markdown(found: Sequence[Table]) -> str:
    """Return tables as Markdown, for a report or a model card."""
    return "\n".join(_markdown(table) for table in found)


def _markdown(table: Table) -> str:
    note = f"{table.note}\n\n" if table.note else ""
    lines = (table.header, ["---"] * len(table.header), *table.rows)
    rows = "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n" for cells in lines)
    return f"## {table.title}\n\n{note}{rows}"


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _limits(figure: Estimate) -> str:
    return "" if figure.low is None or figure.high is None else f" ({figure.low:.2f} to {figure.high:.2f})"


def _estimate(figure: Estimate) -> str:
    return "" if figure.value is None else f"{figure.value:.2f}{_limits(figure)}"


def _share(figure: Proportion) -> str:
    return "" if figure.value is None else f"{figure.value:.2f}{_limits(figure)}, {figure.count} of {figure.total}"
