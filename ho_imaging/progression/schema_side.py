"""A side between two studies, and its nodules, in the result of a comparison."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema_base import NonNegative, Part
from ho_imaging.vocabulary import Side, SpacingBasis

__all__ = ["GrowthResult", "NoduleChangeResult", "SideIntervalResult", "VerdictWord"]

VerdictWord = Literal["spreading", "stable", "regressing", "cannot tell"]

_COMPARED = "of what both images show clear of native bone, in mm² of the earlier image"
_NO_GROWTH = (
    "Null if areas do not determine growth: nodules are faint, outside or on one image only, or the outlines "
    "contradict each other."
)
_BASIS = "Origin of the pixel spacing of the {} study's image."
_NONE = "null where the side cannot be compared."


class NoduleChangeResult(Part):
    """One nodule on two images; ids are those of the two studies' results.

    Areas are restricted to what both images show clear of native bone; the areas in the studies' results are larger.
    """

    in_short: ClassVar[tuple[str, ...]] = ("course", "earlier_ids", "later_ids", "change_mm2")

    course: Literal["new", "grown", "stable", "shrunk", "gone", "uncertain", "outside"] = Field(
        description="What became of it; uncertain: too faint on one of the images to say; outside: mostly outside the "
        "field of one of the images."
    )
    earlier_ids: tuple[str, ...] = Field(description="Ids of its findings in the earlier study's result.")
    later_ids: tuple[str, ...] = Field(description="Ids of its findings in the later study's result.")
    earlier_mm2: NonNegative = Field(description=f"Area on the earlier image, {_COMPARED}.")
    later_mm2: NonNegative = Field(description=f"Area on the later image, {_COMPARED}.")
    change_mm2: float = Field(description="later_mm2 less earlier_mm2, in mm².")
    change_sd_mm2: NonNegative = Field(description="Standard error of change_mm2, in mm².")
    change_mm2_per_month: float | None = Field(
        description="change_mm2 over the time between the studies, in mm² a month; null where that is not known."
    )
    density_change: float | None = Field(
        description="Change of brightness relative to the patient's own cortical bone (later density_ratio less the "
        "earlier one); descriptive only. Null where one is not known."
    )


class GrowthResult(Part):
    """Growth of all ectopic bone of a side with its 95 % interval; areas are in mm² of the earlier image.

    A verdict concerns changes beyond ``margin_mm2``: spreading if ``change_low_mm2`` is above 0, regressing if
    ``change_high_mm2`` is below 0, stable if both are within the margin, no nodule appeared and the grade did not rise.
    """

    ratio: NonNegative = Field(description="Area later over earlier, 20 mm² added to both.")
    ratio_low: NonNegative = Field(description="Lower end of its 95 % interval.")
    ratio_high: NonNegative = Field(description="Upper end of its 95 % interval.")
    change_mm2: float = Field(description="Change of area in mm².")
    change_low_mm2: float = Field(description="Lower end of its 95 % interval in mm².")
    change_high_mm2: float = Field(description="Upper end of its 95 % interval in mm².")
    margin_mm2: NonNegative = Field(description="A change of at most so many mm² up or down counts as none.")


class SideIntervalResult(Part):
    """Change of one side between two studies."""

    in_short: ClassVar[tuple[str, ...]] = ("side", "verdict", "earlier_mm2", "later_mm2")

    side: Side = Field(description="Side of the patient.")
    verdict: VerdictWord = Field(description="What became of the ectopic bone of this side.")
    statement: MessageResult = Field(description="What changed, or why that cannot be told.")
    earlier_grade: str | None = Field(default=None, description="Grade in the earlier result; null without one.")
    later_grade: str | None = Field(default=None, description="Grade in the later result; null without one.")
    earlier_mm2: NonNegative | None = Field(
        default=None, description=f"Area of all nodules on the earlier image, {_COMPARED}; {_NONE}"
    )
    later_mm2: NonNegative | None = Field(
        default=None, description=f"Area of all nodules on the later image, {_COMPARED}; {_NONE}"
    )
    change_mm2: float | None = Field(default=None, description=f"later_mm2 less earlier_mm2, in mm²; {_NONE}")
    change_sd_mm2: NonNegative | None = Field(
        default=None,
        description=f"Standard error of change_mm2 in mm²; 1.96 times it is half the 95 % interval. {_NO_GROWTH}",
    )
    growth: GrowthResult | None = Field(
        default=None, description=f"Growth of all ectopic bone of the side with its interval. {_NO_GROWTH}"
    )
    change_mm2_per_month: float | None = Field(
        default=None,
        description="change_mm2 over the time between the studies, in mm² a month; null where that is not known.",
    )
    change_sd_mm2_per_month: NonNegative | None = Field(
        default=None, description="Standard error of change_mm2_per_month, in mm² a month."
    )
    earlier_basis: SpacingBasis | None = Field(
        default=None, description=f"{_BASIS.format('earlier')} Areas are in its mm²; {_NONE}"
    )
    later_basis: SpacingBasis | None = Field(default=None, description=f"{_BASIS.format('later')} {_NONE.capitalize()}")
    earlier_film: str | None = Field(default=None, description=f"SOP Instance UID of the earlier image; {_NONE}")
    later_film: str | None = Field(default=None, description=f"SOP Instance UID of the later image; {_NONE}")
    residual_mm: NonNegative | None = Field(
        default=None,
        description=f"Typical distance between the outlines of native bone after image registration, in mm; {_NONE}",
    )
    scale: float | None = Field(
        default=None, description=f"Factor by which lengths of the later image were multiplied; {_NONE}"
    )
    turn_deg: NonNegative | None = Field(
        default=None,
        description="Angle by which one opposing bone is turned against the other (on hips the femur against the "
        f"pelvis) between the images, in degrees; {_NONE}",
    )
    nodules: tuple[NoduleChangeResult, ...] = Field(default=(), description="Each nodule on the two images.")
