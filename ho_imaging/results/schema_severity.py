"""The part of a result that grades: each side with its evidence, and the study."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema_base import AxisEnds, NonNegative, Part, Probability, Score
from ho_imaging.vocabulary import Side, SpacingBasis, Structure

__all__ = ["EvidenceResult", "SeverityResult", "SideResult", "StudySeverityResult", "SystemGradeResult"]

_POSSIBLE = (
    "Grade if every outlined nodule were ectopic bone, where some that touch bone are not sure enough to count; null "
    "where all count."
)
_GRADE = "Grade in the system's own spelling, such as III; null where the image cannot carry one."
_ALTERNATIVES = "Grades that may well be meant instead, most likely first; empty where the grade is clear."
_PROBABILITIES = "Probability, 0 to 1, of each grade; they sum to one. Empty without a grade."
_SCORE = (
    "Burden score, 0 to 100 (see docs/severity.md); null without millimetres, and where nothing was found on an image "
    "that cannot exclude ectopic bone."
)
_CATEGORY = "Severity in a word: none, mild, moderate or severe; null where nothing tells."


class EvidenceResult(Part):
    """Why a side has its grade."""

    in_short: ClassVar[tuple[str, ...]] = ("sop_instance_uid", "gap_mm", "spacing_basis")

    sop_instance_uid: str | None = Field(description="The image that the grade was read from; null without one.")
    statement: MessageResult = Field(description="What the grade rests on, or why there is none.")
    finding_ids: tuple[str, ...] = Field(description="Ids of the findings of this side on that image.")
    joined_to: dict[Structure, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Ids of the findings that are joined to a bone, directly or through other findings, by the name of "
        "the bone. An empty list: none is joined to it. A bone that is not named was not looked at.",
    )
    gap_px: NonNegative | None = Field(
        description="Least distance between opposing bone surfaces outside the joint space in source pixels; null "
        "without spurs, and where bone bridges it."
    )
    gap_mm: NonNegative | None = Field(
        description="The same distance in mm of the plane that spacing_basis names, magnification not taken off; null "
        "without a gap or without millimetres."
    )
    gap_true_range_mm: tuple[NonNegative, NonNegative] | None = Field(
        default=None,
        description="Least and largest length in mm that holds the gap without magnification in nine of ten cases.",
    )
    gap_ends_xy_px: AxisEnds | None = Field(
        description="The two ends of the gap, each (x, y) = (column, row) in source pixels, pixel centres at whole "
        "numbers; null without a gap."
    )
    spacing_basis: SpacingBasis = Field(description="What the millimetres of this side rest on.")
    not_counted_ids: tuple[str, ...] = Field(
        default=(), description="Findings that touch bone and are not sure enough for the grade and score to rest on."
    )


class SystemGradeResult(Part):
    """Grade of a side by one grading system."""

    in_short: ClassVar[tuple[str, ...]] = ("system", "grade")

    system: str = Field(description="Name of the grading system, such as brooker.")
    title: str = Field(description="Its title as it is printed.")
    citation: str = Field(description="The publication that describes it.")
    definition_confirmed: bool = Field(description="True where the system's wording was read in a published text.")
    grade: str | None = Field(description=_GRADE)
    alternatives: tuple[str, ...] = Field(default=(), description=_ALTERNATIVES)
    probabilities: dict[str, Probability] = Field(default_factory=dict, description=_PROBABILITIES)
    statement: MessageResult = Field(description="What the grade rests on, or why there is none.")
    possible: str | None = Field(default=None, description=_POSSIBLE)


class SideResult(Part):
    """Severity of one side."""

    in_short: ClassVar[tuple[str, ...]] = ("side", "system", "grade", "alternatives", "score", "category")

    side: Side = Field(description="Side of the patient.")
    system: str = Field(description="The grading system that leads in this region, such as brooker.")
    grade: str | None = Field(description=_GRADE)
    alternatives: tuple[str, ...] = Field(description=_ALTERNATIVES)
    score: Score | None = Field(description=_SCORE)
    category: str | None = Field(description=_CATEGORY)
    probabilities: dict[str, Probability] = Field(default_factory=dict, description=_PROBABILITIES)
    evidence: EvidenceResult = Field(description="What the grade rests on.")
    systems: tuple[SystemGradeResult, ...] = Field(
        default=(), description="Grades by every system that applies, that of system first."
    )
    possible: str | None = Field(default=None, description=_POSSIBLE)


class StudySeverityResult(Part):
    """The worst of the sides."""

    grade: str | None = Field(
        description="Grade of the worst side; null where no side has one, or where one without a grade shows "
        "ectopic bone and may be worse."
    )
    system: str | None = Field(default=None, description="The grading system of that grade; null without a grade.")
    score: Score | None = Field(description="Highest burden score of any side, 0 to 100; null where none is known.")
    category: str | None = Field(description="Worst word of any side: none, mild, moderate or severe.")


class SeverityResult(Part):
    """Each side and the study."""

    sides: tuple[SideResult, ...] = Field(description="Each side of the patient that an image shows.")
    study: StudySeverityResult = Field(description="Grade and score of the study: those of its worst side.")
