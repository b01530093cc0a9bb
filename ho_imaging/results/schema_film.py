"""The part of a result that describes an image: what it is, its millimetres, its quality."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from ho_imaging.reading.compression import Codec, KnownFrom
from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema_base import NonNegative, Part, Probability, RowColumnMm
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Status, View

__all__ = ["CompressionResult", "FilmQualityResult", "ImageResult", "QualityFlagResult"]

_SOURCE = "Where {} was read: a DICOM keyword, with a note on it in some cases; caller (stated by the user); or none."


class QualityFlagResult(Part):
    """Something a reader should know about an image."""

    code: str = Field(description="Stable word in snake_case, such as resolution_low.")
    message: MessageResult = Field(description="What exactly it is, without patient data.")

    def __str__(self) -> str:
        return str(self.message)


class CompressionResult(Part):
    """Lossy compression of an image: how it was compressed, how strongly, and how that is known."""

    codec: Codec = Field(
        description="What compressed the image with loss; none where nothing says that it was compressed so."
    )
    known_from: KnownFrom = Field(
        description="The compressed data itself, the DICOM header (of an earlier step), or block edges in the pixels."
    )
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="libjpeg quality, 1 to 100, whose luminance quantisation is nearest to the image's."
    )
    step_grey: Probability | None = Field(
        default=None,
        description="Largest pattern of one frequency that quantisation can erase, as a share of the grey range; root "
        "mean square over the frequencies.",
    )
    ratio: NonNegative | None = Field(default=None, description="Size of the pixels over that of the compressed data.")
    near: int | None = Field(default=None, description="Largest error of a stored value in near-lossless JPEG-LS.")
    block_phase_xy_px: tuple[int, int] | None = Field(
        default=None,
        description="(x, y) = (column, row), 0 to 7, of the first corner of 8 x 8 blocks seen in the source pixels.",
    )
    block_strength: NonNegative | None = Field(
        default=None,
        description="By how much the jump across a block's edge exceeds the usual jump between pixels, as its share.",
    )
    block_mm: NonNegative | None = Field(default=None, description="Side of a JPEG block on the image in mm.")


class FilmQualityResult(Part):
    """Quality of an image as a picture, measured where it was analysed."""

    pixel_mm: NonNegative | None = Field(
        description="Side of a stored pixel in mm, by the millimetres of the findings (geometric mean of both sides)."
    )
    resolution_mm: NonNegative | None = Field(
        description="Effective resolution in mm: side of a pixel that would hold all that the image shows; no finer "
        "than the pixel that was looked at, a block of 1, 2, 4 or 8 stored pixels a side."
    )
    detail_px: NonNegative | None = Field(
        description="Side of such a pixel in stored pixels: 2 for an image that was enlarged twice, or that was looked "
        "at in blocks of 2 stored pixels. Null: not known."
    )
    noise: NonNegative | None = Field(
        description="Standard deviation of the noise from one pixel that was looked at to the next, as a share of the "
        "grey range."
    )
    compression: CompressionResult = Field(description="Lossy compression, where anything is known of it.")


class ImageResult(Part):
    """One image of the study, however it ended."""

    in_short: ClassVar[tuple[str, ...]] = ("sop_instance_uid", "status", "region", "view", "laterality")

    sop_instance_uid: str = Field(description="SOP Instance UID of the image; made from its content for a raster file.")
    series_uid: str | None = Field(default=None, description="Series Instance UID; null where none is stated.")
    path: str | None = Field(default=None, description="File as the caller gave it; null for an image in memory.")
    frame: int = Field(default=0, description="Number of the frame in its file, from 0.")
    status: Status = Field(
        description="How the image ended: done (analysed), refused (read, but out of scope) or failed (could not be "
        "read or analysed)."
    )
    reason: MessageResult | None = Field(default=None, description="Why the image was not analysed; null where it was.")
    rows: int | None = Field(default=None, description="Height in source pixels; null where it was not read.")
    columns: int | None = Field(default=None, description="Width in source pixels; null where it was not read.")
    region: Region = Field(default=Region.UNKNOWN, description="Part of the body that the image shows.")
    region_source: str = Field(default="none", description=_SOURCE.format("the region"))
    view: View = Field(default=View.UNKNOWN, description="Projection, such as ap or frog_leg.")
    view_source: str = Field(default="none", description=_SOURCE.format("the projection"))
    laterality: Laterality = Field(
        default=Laterality.UNKNOWN, description="Side or sides of the patient that the image is stated to show."
    )
    laterality_source: str = Field(default="none", description=_SOURCE.format("the laterality"))
    spacing_mm: RowColumnMm | None = Field(
        default=None,
        description="Size of a source pixel in mm, (row spacing, column spacing) as in DICOM: height, then width. Null "
        "without a believable spacing.",
    )
    spacing_basis: SpacingBasis = Field(
        default=SpacingBasis.NONE, description="What the millimetres of spacing_mm rest on."
    )
    spacing_source: str = Field(default="none", description=_SOURCE.format("the spacing"))
    magnification: float | None = Field(
        default=None,
        description="Factor, 1 or more, that the detector's pixel pitch was divided by to give spacing_mm; null where "
        "it is not known.",
    )
    measured_spacing_mm: RowColumnMm | None = Field(
        default=None,
        description="Size of a source pixel in mm that the findings are measured with, (row spacing, column spacing): "
        "spacing_mm, or one scaled from the heads of the joints.",
    )
    measured_basis: SpacingBasis = Field(
        default=SpacingBasis.NONE,
        description="What the millimetres of measured_spacing_mm and of the findings rest on.",
    )
    sides: tuple[Side, ...] = Field(
        default=(), description="Sides of the patient that the image shows, in its own order from the left edge."
    )
    sides_meet_x_px: float | None = Field(
        default=None,
        description="x (column) in source pixels where two sides meet: smaller x belong to the first of sides. Null on "
        "an image of one side.",
    )
    scope_probability: Probability | None = Field(
        default=None,
        description="Probability, 0 to 1, that the image is of the kind the model is made for; null where it was not "
        "judged.",
    )
    highest_ho_probability: Probability | None = Field(
        default=None,
        description="Highest operating threshold at which something would still be outlined on this image: the highest "
        "probability of ectopic bone in any part that is large enough to be a nodule, before it is recalibrated to a "
        "confidence. Null where the image was not analysed.",
    )
    highest_ho_probability_by_side: dict[Side, Probability] = Field(
        default_factory=dict,
        description="The same for each side of the patient that the image shows, by the half of the image it lies on.",
    )
    quality: FilmQualityResult | None = Field(
        default=None, description="Resolution, noise and compression; null where the image was not analysed."
    )
    quality_flags: tuple[QualityFlagResult, ...] = Field(
        default=(), description="What a reader should know about the image."
    )

    def side_at(self, x_px: float) -> Side:
        """Return the side of the patient at an x (column) in source pixels, by the rule that found nodules follow."""
        from ho_imaging.findings.sides import SidePlan  # noqa: PLC0415  (the schema is read without the stages)

        if len(self.sides) != 2:
            return Side(self.sides[0]) if self.sides else Side.UNKNOWN
        middle_px = 0.5 * (self.columns or 0) if self.sides_meet_x_px is None else self.sides_meet_x_px
        return SidePlan(Side(self.sides[0]), Side(self.sides[1]), middle_px).at(x_px)

    def callers_word(self) -> dict[str, Any]:
        """Return what the caller stated in place of the image's file, as `ho_imaging.Analyzer` takes it."""
        named = ("region", "view", "laterality", "spacing_mm")
        return {
            name: getattr(self, name)
            for name in named
            if getattr(self, f"{name.removesuffix('_mm')}_source") == "caller"
        }
