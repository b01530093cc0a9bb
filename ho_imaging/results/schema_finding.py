"""The part of a result that describes a nodule: where it is, what it measures, which bone it touches."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ho_imaging.results.points import Ring
from ho_imaging.results.schema_base import AxisEnds, NonNegative, Part, PointXY, Probability
from ho_imaging.vocabulary import Side, Structure

__all__ = ["FindingResult"]

_BASIS = "by the image's measured_spacing_mm; null without one"


class FindingResult(Part):
    """One nodule on one image."""

    in_short: ClassVar[tuple[str, ...]] = ("id", "side", "area_mm2", "long_axis_mm", "confidence")

    id: str = Field(description="Name of the nodule, unique in this result: F1, F2, ...")
    sop_instance_uid: str = Field(description="The image that it lies on.")
    side: Side = Field(description="Side of the patient that it lies on.")
    confidence: Probability = Field(description="Calibrated probability, 0 to 1, that it is ectopic bone.")
    mean_probability: Probability = Field(
        description="Mean of the network's probability of ectopic bone over the nodule, 0 to 1."
    )
    area_px: NonNegative = Field(description="Projected area in square source pixels, holes taken off.")
    area_mm2: NonNegative | None = Field(description=f"Projected area in mm², holes taken off, {_BASIS}.")
    area_range_mm2: tuple[NonNegative, NonNegative] | None = Field(
        default=None,
        description="Area in mm² within the outline where the network is surer, and within the one where it is less "
        "sure; null without millimetres.",
    )
    long_axis_px: NonNegative = Field(description="Distance between the ends of the long axis in source pixels.")
    long_axis_mm: NonNegative | None = Field(
        description=f"Largest distance between two points of the outline (maximum Feret diameter) in mm, {_BASIS}."
    )
    short_axis_px: NonNegative = Field(description="Distance between the ends of the short axis in source pixels.")
    short_axis_mm: NonNegative | None = Field(
        description=f"Largest extent square to the long axis in mm, {_BASIS}. Square in mm; where pixels are not "
        "square, the ends need not be square in pixels."
    )
    long_axis_ends_xy_px: AxisEnds = Field(
        description="The two ends of the long axis, each (x, y) = (column, row) in source pixels, pixel centres at "
        "whole numbers."
    )
    short_axis_ends_xy_px: AxisEnds = Field(
        description="The two ends of the short axis, each (x, y) = (column, row) in source pixels, pixel centres at "
        "whole numbers."
    )
    centroid_xy_px: PointXY = Field(
        description="Centre of the nodule's area, (x, y) = (column, row) in source pixels, pixel centres at whole "
        "numbers."
    )
    contours_xy_px: tuple[Ring, ...] = Field(
        description="Closed outlines, outer ones and holes: a contour in a contour is a hole (even-odd rule). Points "
        "are (x, y) = (column, row) in source pixels, pixel centres at whole numbers."
    )
    density_ratio: float | None = Field(
        description="Brightness over the surrounding soft tissue relative to the patient's own cortical bone: 1 as "
        "bright as cortex. Null where no cortex can be sampled."
    )
    nearest_bone: Structure | None = Field(description="The native bone that lies nearest; null where none is seen.")
    distance_to_bone_mm: NonNegative | None = Field(
        description=f"Least distance to that bone in mm, 0 where they touch, {_BASIS}."
    )
    distance_to_joint_mm: NonNegative | None = Field(
        description=f"Distance from the nearest joint's centre to the nodule's nearest point in mm, {_BASIS}, and null "
        "where no joint is seen."
    )
    distance_to_joint_radii: NonNegative | None = Field(
        description="The same distance in radii of the joint's head (on hips the femoral head), or of the implant's; "
        "null where no joint is seen."
    )
    periarticular: bool | None = Field(
        description="True where the nodule's nearest point lies near the joint (see docs/severity.md); null where no "
        "joint is seen."
    )
    joined_to: tuple[Structure, ...] = Field(description="Native bones that the nodule touches on this image.")
    same_as: str | None = Field(
        default=None,
        description="Id of the finding on a better image of this study that shows the same nodule; null where this is "
        "the better one.",
    )
