"""The result of a comparison as others see it: a versioned schema, strict when read."""

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
    """One nodule on two films; ids are those of the two studies' results.

    Areas are in mm of the earlier film, of what both films show clear of native bone; those of the studies are larger.
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
    """Growth of all ectopic bone of a side with its 95 % interval; areas in mm² of the earlier film.

    ``ratio``: area later over earlier, 20 mm² added to both. A verdict is about changes beyond ``margin_mm2``:
    spreading where ``change_low_mm2`` is above 0, regressing where ``change_high_mm2`` is below, stable where both lie
    within the margin, no nodule appeared and the grade did not rise.
    """

    ratio: NonNegative
    ratio_low: NonNegative
    ratio_high: NonNegative
    change_mm2: float
    change_low_mm2: float
    change_high_mm2: float
    margin_mm2: NonNegative


class SideIntervalResult(_Part):
    """One side between two studies."""

    side: Side
    verdict: VerdictWord
    statement: str
    earlier_grade: str | None = None
    later_grade: str | None = None
    earlier_mm2: NonNegative | None = None
    later_mm2: NonNegative | None = None
    change_mm2: float | None = None
    change_sd_mm2: NonNegative | None = None
    """Of the area that is compared; 1.96 of it are half the 95 % interval. None where areas tell no growth."""
    growth: GrowthResult | None = None
    """None where areas tell no growth: nodules faint, outside, on one film only, or outlines that contradict."""
    change_mm2_per_month: float | None = None
    change_sd_mm2_per_month: NonNegative | None = None
    earlier_basis: SpacingBasis | None = None
    """What the millimetres of the earlier study's film rest on; areas are in those."""
    later_basis: SpacingBasis | None = None
    earlier_film: str | None = None
    later_film: str | None = None
    residual_mm: NonNegative | None = None
    """Typical distance between the outlines of native bone after registration."""
    scale: float | None = None
    """What lengths of the later film were multiplied by."""
    turn_deg: NonNegative | None = None
    nodules: tuple[NoduleChangeResult, ...] = ()


class IntervalResult(_Part):
    """Two studies."""

    earlier_study_uid: str
    later_study_uid: str
    days: int | None
    verdict: VerdictWord
    sides: tuple[SideIntervalResult, ...]


class ProgressionResult(_Part):
    """Studies of one patient in time order.

    ``intervals``: each study against the one before; ``overall``: the last against the first. ``verdict`` is that of
    the last interval: what is happening now. ``model``: the weights that all studies were analysed with; ids of nodules
    are those of that analysis.
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
        """Write the result as JSON; the same result gives the same text."""
        return json.dumps(self.model_dump(mode="json"), indent=indent, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> ProgressionResult:
        """Read a result back; raises ``pydantic.ValidationError`` (a ``ValueError``) for anything else."""
        return cls.model_validate_json(text)
