"""The figures of a validation: a typed form in which every key is described."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Bin",
    "Calibrated",
    "DecisionPoint",
    "Estimate",
    "GradeFigures",
    "GroupFigures",
    "LeftColumn",
    "Proportion",
    "Reason",
    "RowNotMatched",
    "SideFigures",
    "ValidationFigures",
    "described_keys",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(_Part):
    """A figure with its 95 % interval."""

    value: float | None = Field(description="The figure; null where there is nothing to tell it by.")
    low: float | None = Field(description="Lower limit of its 95 % interval; null where there is none.")
    high: float | None = Field(description="Upper limit of its 95 % interval; null where there is none.")


class Proportion(Estimate):
    """A share with its Wilson interval and what it was counted from."""

    count: int = Field(description="Items that count for the share.")
    total: int = Field(description="Items the share is of.")


class Bin(_Part):
    """One tenth of a reliability table."""

    low: float = Field(description="Lower end of the stated probability.")
    high: float = Field(description="Upper end of the stated probability.")
    count: int = Field(description="Items whose stated probability lies in this tenth.")
    stated: float = Field(description="Their mean stated probability.")
    true: Proportion = Field(description="The share of them that is true, by the labels.")


class Calibrated(_Part):
    """Calibration of the stated probabilities."""

    items: int = Field(description="Films or outlines that were compared.")
    mean_stated: float | None = Field(description="Mean stated probability.")
    mean_true: float | None = Field(description="Share that is true, by the labels.")
    ece: float | None = Field(
        description="Expected calibration error over tenths of the stated probability (Naeini et al. 2015)."
    )
    reliability: tuple[Bin, ...] = Field(description="Reliability table: the tenths that hold anything.")


class DecisionPoint(_Part):
    """Net benefit at one threshold probability (Vickers and Elkin 2006), a share of the films."""

    probability: float = Field(description="Threshold probability: how sure somebody must be to act.")
    model: float = Field(description="Net benefit of acting on films whose stated probability reaches it.")
    all: float = Field(description="Net benefit of acting on every film; that of acting on none is 0.")


class GradeFigures(_Part):
    """Agreement of grades by one grading system."""

    system: str = Field(description="Grading system.")
    title: str = Field(description="Its name in words.")
    grades: tuple[str, ...] = Field(description="Its grades from none to worst, in the order of the table.")
    compared: int = Field(description="Sides (or films, where labels are of films) that both graded.")
    not_graded: int = Field(description="Sides with a grade in the labels on accepted films, none by the program.")
    table: tuple[tuple[int, ...], ...] = Field(description="Counts by label (row) and program (column).")
    same_grade: Proportion = Field(description="Share with the same grade; Wilson interval.")
    kappa_quadratic: Estimate = Field(
        description="Cohen's kappa with quadratic weights; bootstrap interval over films, both sides of one together."
    )


class Reason(_Part):
    """Why films were not analysed."""

    status: str = Field(description="refused, failed or pending.")
    code: str = Field(description="Code of the reason that the result gives; docs/messages.md lists all of them.")
    reason: str = Field(description="Text of the reason, as most of these films have it.")
    films: int = Field(description="Films that ended so.")
    labelled_yes: int = Field(description="Of these, films labelled yes.")
    labelled_no: int = Field(description="Of these, films labelled no.")


class SideFigures(_Part):
    """Sides that have labels of their own, on accepted films."""

    sides: int = Field(description="Labelled sides, yes or no.")
    sensitivity: Proportion = Field(description="Sides labelled yes with an outline on them.")
    specificity: Proportion = Field(description="Sides labelled no without an outline on them.")
    auc: Estimate = Field(description="Area under the ROC curve of the sides' scores; DeLong interval, logit scale.")


class GroupFigures(_Part):
    """All figures of a group of films."""

    films: int = Field(description="Labelled films.")
    labelled_yes: int = Field(description="Films labelled yes.")
    labelled_no: int = Field(description="Films labelled no.")
    labelled_unsure: int = Field(description="Films labelled unsure: in no sensitivity, specificity or AUC.")
    labelled_otherwise: int = Field(
        description="Films whose labels do not say yes, no or unsure of the film: a grade that leaves it open, or no "
        "on one of two sides."
    )
    accepted: int = Field(description="Films that were analysed.")
    refused: int = Field(description="Films that were read and refused.")
    failed: int = Field(description="Films that could not be read or processed.")
    pending: int = Field(description="Films that are not analysed yet.")
    accepted_yes: int = Field(description="Accepted films labelled yes.")
    accepted_no: int = Field(description="Accepted films labelled no.")
    sensitivity: Proportion = Field(description="Accepted films labelled yes with an outline; Wilson interval.")
    specificity: Proportion = Field(description="Accepted films labelled no without an outline; Wilson interval.")
    false_positive_rate: Proportion = Field(
        description="Accepted films labelled no with an outline: 1 less specificity; Wilson interval."
    )
    sensitivity_refused_as_negative: Proportion = Field(
        description="Likewise with refused films counted as films without an outline."
    )
    specificity_refused_as_negative: Proportion = Field(
        description="Likewise with refused films counted as films without an outline."
    )
    unsure_outlined: Proportion = Field(description="Accepted films labelled unsure with an outline.")
    auc: Estimate = Field(
        description="Area under the ROC curve of the film score (highest_ho_probability) over accepted films labelled "
        "yes or no; DeLong interval on the logit scale."
    )
    outlines_per_film_without_ho: Estimate = Field(
        description="Mean number of outlines on an accepted film labelled no; bootstrap interval over films."
    )
    films_with_boxes: int = Field(description="Accepted films labelled yes whose label has boxes.")
    box_hits: Proportion = Field(
        description="Boxes on these films that an outline hits (a tenth of the smaller area is shared)."
    )
    outlines_outside_boxes_per_film: Estimate = Field(
        description="Mean number of outlines that hit no box on these films; bootstrap interval over films."
    )
    box_hits_unsure: Proportion = Field(description="Boxes on accepted films labelled unsure that an outline hits.")
    grades: tuple[GradeFigures, ...] = Field(description="Agreement of grades, by grading system.")
    film_confidence: Calibrated = Field(
        description="Whether the film score, recalibrated to a confidence, holds: accepted films labelled yes or no."
    )
    outline_confidence: Calibrated = Field(
        description="Whether the confidence of outlines holds, where it can be told: on films labelled no none is "
        "true, on films labelled yes with boxes those that hit one are."
    )
    decision_curve: tuple[DecisionPoint, ...] = Field(
        description="Decision curve by the recalibrated film score: accepted films labelled yes or no."
    )
    sides: SideFigures | None = Field(description="Figures of sides that have labels of their own; null without any.")
    not_analysed: tuple[Reason, ...] = Field(description="Films that were refused or failed, by reason.")


class LeftColumn(_Part):
    """A column of the table that makes no subgroups."""

    column: str = Field(description="Its heading.")
    values: int = Field(description="How many different values it has.")


class RowNotMatched(_Part):
    """A row of the table of labels that no one film belongs to."""

    line: int = Field(description="Its line in the table, from 1.")
    why: str = Field(description="Why it was not used.")


class ValidationFigures(_Part):
    """Everything a validation found."""

    model: str = Field(description="Model and version.")
    model_sha256: str = Field(description="SHA-256 of the model's weights.")
    site_sha256: str | None = Field(description="SHA-256 of the site file that was used; null without one.")
    program: str = Field(description="Program and version.")
    threshold: float = Field(description="Operating threshold of ectopic bone that the films were analysed with.")
    labels_sha256: str = Field(description="SHA-256 of the table of labels.")
    rows: int = Field(description="Rows of the table of labels.")
    rows_not_matched: tuple[RowNotMatched, ...] = Field(description="Rows that name no film, or more than one.")
    films_without_row: int = Field(description="Films below the folder that no row names; listed in tables.md.")
    columns_without_subgroups: tuple[LeftColumn, ...] = Field(
        description="Further columns that have fewer than 2 or more than 12 different values."
    )
    all: GroupFigures = Field(description="Figures of all labelled films.")
    by_size: dict[str, GroupFigures] = Field(
        description="By the longer side of the picture in pixels. Films whose size is not known are in none."
    )
    by_group: dict[str, dict[str, GroupFigures]] = Field(
        description="By each further column of the table and its values; an empty cell is the value (empty)."
    )
    research_use: str = Field(description="What the program is for.")


def described_keys(form: type[BaseModel]) -> dict[str, str]:
    """Return the description of every key of a form and of the forms inside it, by its place."""
    found: dict[str, str] = {}
    for name, about in form.model_fields.items():
        found[name] = about.description or ""
        for inner in _forms_in(about.annotation):
            found |= {f"{name}.{key}": text for key, text in described_keys(inner).items()}
    return found


def _forms_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [form for part in typing.get_args(annotation) for form in _forms_in(part)]
