"""Result of a comparison: a versioned schema, strict when read."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ho_imaging.results.schema import RESEARCH_USE, ModelResult, SoftwareResult
from ho_imaging.vocabulary import Side, SpacingBasis

__all__ = ["GrowthResult", "IntervalResult", "NoduleChangeResult", "ProgressionResult", "SideIntervalResult"]

NonNegative = Annotated[float, Field(ge=0.0)]
VerdictWord = Literal["spreading", "stable", "regressing", "cannot tell"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_enum_values=True)


class NoduleChangeResult(_Part):
    """One nodule on two images; ids are those of the two studies' results.

    Areas are in mm² of the earlier image, restricted to what both images show clear of native bone; the areas in the
    studies' results are larger.
    """

    course: Literal["new", "grown", "stable", "shrunk", "gone", "uncertain", "outside"]
    earlier_ids: tuple[str, ...]
    later_ids: tuple[str, ...]
    earlier_mm2: NonNegative
    later_mm2: NonNegative
    change_mm2: float
    change_sd_mm2: NonNegative
    change_mm2_per_month: float | None
    density_change: float | None
    """Change of brightness relative to the patient's own cortex; descriptive only."""


class GrowthResult(_Part):
    """Growth of all ectopic bone of a side with its 95 % interval; areas in mm² of the earlier image.

    ``ratio``: later over earlier area, 20 mm² added to both. A verdict concerns changes beyond ``margin_mm2``:
    spreading if ``change_low_mm2`` is above 0, regressing if ``change_high_mm2`` is below 0, stable if both are within
    the margin, no nodule appeared and the grade did not rise.
    """

    ratio: NonNegative
    ratio_low: NonNegative
    ratio_high: NonNegative
    change_mm2: float
    change_low_mm2: float
    change_high_mm2: float
    margin_mm2: NonNegative


class SideIntervalResult(_Part):
    """Change of one side between two studies."""

    side: Side
    verdict: VerdictWord
    statement: str
    earlier_grade: str | None = None
    later_grade: str | None = None
    earlier_mm2: NonNegative | None = None
    later_mm2: NonNegative | None = None
    change_mm2: float | None = None
    change_sd_mm2: NonNegative | None = None
    """Standard error of the change of the compared area; 1.96 times it is half the 95 % interval. None if areas do not
    determine growth."""
    growth: GrowthResult | None = None
    """None if areas do not determine growth: nodules faint, outside, on one image only, or outlines that contradict."""
    change_mm2_per_month: float | None = None
    change_sd_mm2_per_month: NonNegative | None = None
    earlier_basis: SpacingBasis | None = None
    """Origin of the pixel spacing of the earlier study's image, in whose mm areas are given."""
    later_basis: SpacingBasis | None = None
    earlier_film: str | None = None
    later_film: str | None = None
    residual_mm: NonNegative | None = None
    """Typical distance between the outlines of native bone after registration."""
    scale: float | None = None
    """Factor by which lengths of the later image were multiplied."""
    turn_deg: NonNegative | None = None
    nodules: tuple[NoduleChangeResult, ...] = ()


class IntervalResult(_Part):
    """Change between two studies."""

    earlier_study_uid: str
    later_study_uid: str
    days: int | None
    verdict: VerdictWord
    sides: tuple[SideIntervalResult, ...]


class ProgressionResult(_Part):
    """Changes between studies of one patient in time order.

    Parameters
    ----------
    schema_version
        Version of this schema.
    verdict
        Verdict of the last interval, the current course.
    intervals
        Each study compared with the previous one.
    overall
        The last study compared with the first.
    model
        Weights that all studies were analysed with; nodule ids are those of that analysis.
    software
        Program that made the result.
    warnings
        Problems that a reader must know, in English.
    research_use
        Statement that the result is for research only.

    """

    schema_version: Literal["1.0", "1.1", "1.2"] = "1.2"
    verdict: VerdictWord
    intervals: tuple[IntervalResult, ...]
    overall: IntervalResult
    model: ModelResult | None = None
    software: SoftwareResult | None = None
    warnings: tuple[str, ...] = ()
    research_use: str = RESEARCH_USE

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return the result as JSON; equal results give equal text.

        Parameters
        ----------
        indent
            Spaces per level; ``None`` for one line.

        Returns
        -------
        str
            The JSON text.

        """
        return json.dumps(self.model_dump(mode="json"), indent=indent, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> ProgressionResult:
        """Read a result from JSON.

        Parameters
        ----------
        text
            Text of a result of this or an earlier schema version.

        Returns
        -------
        ProgressionResult
            The result.

        Raises
        ------
        pydantic.ValidationError
            If it is no such result; a subclass of ``ValueError``.

        """
        return cls.model_validate_json(text)
