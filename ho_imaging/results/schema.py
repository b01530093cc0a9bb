"""The result of a study as others see it: a versioned schema, strict when read, the same bytes for the same film.

Fields are only added within a major version. Lengths are in mm in the plane named by the spacing basis, points are
(row, column) in source pixels with pixel centres at whole numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ho_imaging.reading.compression import Codec, KnownFrom
from ho_imaging.results.frames import TableName, to_dataframe
from ho_imaging.results.summary import html_table, summary_parts
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Status, Structure, View

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "RESEARCH_USE",
    "SCHEMA_VERSION",
    "CompletenessResult",
    "CompressionResult",
    "ContextResult",
    "EvidenceResult",
    "FilmQualityResult",
    "FindingResult",
    "ImageResult",
    "ModelResult",
    "QualityFlagResult",
    "SeverityResult",
    "SideResult",
    "SiteResult",
    "SoftwareResult",
    "StudyResult",
    "StudySeverityResult",
    "SystemGradeResult",
    "json_schema",
]

SCHEMA_VERSION = "1.3"

RESEARCH_USE = (
    "Research software. Not a medical device. Not validated on patient data. Not for diagnosis, treatment or triage."
)

PointPx = tuple[float, float]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Score = Annotated[float, Field(ge=0.0, le=100.0)]
NonNegative = Annotated[float, Field(ge=0.0)]


_POSSIBLE = (
    "Grade if every outlined nodule were ectopic bone, where some that touch bone are not sure enough to count; null "
    "where all count."
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_enum_values=True)


class QualityFlagResult(_Part):
    """Something a reader should know about a film."""

    code: str
    message: str


class CompressionResult(_Part):
    """Lossy compression of a film: how it was compressed, how strongly, and how that is known."""

    codec: Codec = Field(
        description="What compressed the film with loss; none where nothing says that it was compressed so."
    )
    known_from: KnownFrom = Field(
        description="The compressed data itself, the DICOM header (of an earlier step), or block edges in the pixels."
    )
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="libjpeg quality, 1 to 100, whose luminance quantisation is nearest to the film's."
    )
    step_grey: Probability | None = Field(
        default=None,
        description="Largest pattern of one frequency that quantisation can erase, as a share of the grey range; root "
        "mean square over the frequencies.",
    )
    ratio: NonNegative | None = Field(default=None, description="Size of the pixels over that of the compressed data.")
    near: int | None = Field(default=None, description="Largest error of a stored value in near-lossless JPEG-LS.")
    block_phase_px: tuple[int, int] | None = Field(
        default=None, description="Row and column, 0 to 7, of the first edge of 8 x 8 blocks seen in the pixels."
    )
    block_strength: NonNegative | None = Field(
        default=None,
        description="By how much the jump across a block's edge exceeds the usual jump between pixels, as its share.",
    )
    block_mm: NonNegative | None = Field(default=None, description="Side of a JPEG block on the film in mm.")


class FilmQualityResult(_Part):
    """Quality of a film as a picture, measured where it was analysed."""

    pixel_mm: NonNegative | None = Field(
        description="Side of a stored pixel in mm, by the millimetres of the findings (geometric mean of both sides)."
    )
    resolution_mm: NonNegative | None = Field(
        description="Effective resolution: side of a pixel that would hold all that the film shows; pixel_mm or more."
    )
    detail_px: NonNegative | None = Field(
        description="Side of such a pixel in stored pixels: 2 for a film that was enlarged twice. Null: not known."
    )
    noise: NonNegative | None = Field(
        description="Standard deviation of the noise from one stored pixel to the next, as a share of the grey range."
    )
    compression: CompressionResult


class ImageResult(_Part):
    """One film of the study, whatever became of it."""

    sop_instance_uid: str
    series_uid: str | None = None
    path: str | None = None
    frame: int = 0
    status: Status
    reason: str | None = None
    rows: int | None = None
    columns: int | None = None
    region: Region = Region.UNKNOWN
    region_source: str = "none"
    view: View = View.UNKNOWN
    view_source: str = "none"
    laterality: Laterality = Laterality.UNKNOWN
    laterality_source: str = "none"
    spacing_mm: PointPx | None = None
    """Row and column size of a pixel in mm, or null without a believable spacing."""
    spacing_basis: SpacingBasis = SpacingBasis.NONE
    spacing_source: str = "none"
    magnification: float | None = None
    measured_spacing_mm: PointPx | None = None
    """Row and column size that the findings are measured with: the film's, or one scaled from the femoral heads."""
    measured_basis: SpacingBasis = SpacingBasis.NONE
    sides: tuple[Side, ...] = ()
    """Sides the film shows, in its own order from the left edge."""
    sides_meet_px: float | None = Field(
        default=None, description="Column in source pixels where two sides meet; null on a film of one side."
    )
    scope_probability: Probability | None = None
    highest_ho_probability: Probability | None = Field(
        default=None,
        description="Highest operating threshold at which something would still be outlined on this film: the highest "
        "probability of ectopic bone in any part that is large enough to be a nodule, before it is recalibrated to a "
        "confidence. Null where the film was not analysed.",
    )
    highest_ho_probability_by_side: dict[Side, Probability] = Field(
        default_factory=dict,
        description="The same for each side of the patient that the film shows, by the half of the film it lies on.",
    )
    quality: FilmQualityResult | None = Field(
        default=None, description="Resolution, noise and compression; null where the film was not analysed."
    )
    quality_flags: tuple[QualityFlagResult, ...] = ()

    def side_at(self, column_px: float) -> Side:
        """Return the side of the patient at a source column, by the rule that found nodules follow."""
        from ho_imaging.findings.sides import SidePlan  # noqa: PLC0415  (the schema is read without the stages)

        if len(self.sides) != 2:
            return Side(self.sides[0]) if self.sides else Side.UNKNOWN
        middle_px = 0.5 * (self.columns or 0) if self.sides_meet_px is None else self.sides_meet_px
        return SidePlan(Side(self.sides[0]), Side(self.sides[1]), middle_px).at(column_px)

    def callers_word(self) -> dict[str, Any]:
        """Give what the caller said of the film in place of its file, as `ho_imaging.Analyzer` takes it."""
        named = ("region", "view", "laterality", "spacing_mm")
        return {
            name: getattr(self, name)
            for name in named
            if getattr(self, f"{name.removesuffix('_mm')}_source") == "caller"
        }


class FindingResult(_Part):
    """One nodule on one film."""

    id: str
    sop_instance_uid: str
    side: Side
    confidence: Probability
    mean_probability: Probability
    area_px: NonNegative
    area_mm2: NonNegative | None
    area_range_mm2: tuple[NonNegative, NonNegative] | None = None
    """Area where the model is surer of the outline, and where it is less sure."""
    long_axis_px: NonNegative
    long_axis_mm: NonNegative | None
    short_axis_px: NonNegative
    short_axis_mm: NonNegative | None
    long_axis_ends_px: tuple[PointPx, PointPx]
    short_axis_ends_px: tuple[PointPx, PointPx]
    centroid_px: PointPx
    contours_px: tuple[tuple[PointPx, ...], ...]
    density_ratio: float | None
    nearest_bone: Structure | None
    distance_to_bone_mm: NonNegative | None
    distance_to_joint_mm: NonNegative | None
    distance_to_joint_radii: NonNegative | None
    periarticular: bool | None
    joined_to: tuple[Structure, ...]
    same_as: str | None = None
    """The finding of a better film of this study that shows the same nodule."""


class EvidenceResult(_Part):
    """Why a side has its grade."""

    sop_instance_uid: str | None
    statement: str
    finding_ids: tuple[str, ...]
    joined_to_pelvis: tuple[str, ...]
    joined_to_femur: tuple[str, ...]
    gap_px: NonNegative | None
    gap_mm: NonNegative | None
    gap_true_range_mm: tuple[NonNegative, NonNegative] | None = None
    """Holds the gap without magnification in nine of ten cases."""
    gap_ends_px: tuple[PointPx, PointPx] | None
    spacing_basis: str
    not_counted_ids: tuple[str, ...] = Field(
        default=(), description="Findings that touch bone and are not sure enough for the grade and score to rest on."
    )


class SystemGradeResult(_Part):
    """Grade of a side by one grading system."""

    system: str
    title: str
    citation: str
    definition_confirmed: bool
    """Whether the system's wording was read in a published text."""
    grade: str | None
    alternatives: tuple[str, ...] = ()
    probabilities: dict[str, Probability] = Field(default_factory=dict)
    statement: str
    possible: str | None = Field(default=None, description=_POSSIBLE)


class SideResult(_Part):
    """Severity of one side."""

    side: Side
    system: str
    grade: str | None
    alternatives: tuple[str, ...]
    score: Score | None
    category: str | None
    probabilities: dict[str, Probability] = Field(default_factory=dict)
    """Of each grade of ``system``; they sum to one, empty without a grade."""
    evidence: EvidenceResult
    systems: tuple[SystemGradeResult, ...] = ()
    possible: str | None = Field(default=None, description=_POSSIBLE)


class StudySeverityResult(_Part):
    """The worst of the sides."""

    grade: str | None
    system: str | None = None
    score: Score | None
    category: str | None


class SeverityResult(_Part):
    """Each side and the study."""

    sides: tuple[SideResult, ...]
    study: StudySeverityResult


class ContextResult(_Part):
    """Clinical facts that came with the study, and the name they give the disease."""

    cause: str | None = None
    days_since_event: int | None = None
    prophylaxis: str = "unknown"
    source: str = "caller"
    wording: str | None = None


class SiteResult(_Part):
    """A site file: a hospital's own operating threshold and confidence of findings, used in place of the model's."""

    sha256: str = Field(description="SHA-256 of the site file, in hex.")
    threshold: Probability = Field(description="Operating threshold of ectopic bone that the site file sets.")


class CompletenessResult(_Part):
    """How much of a study came from the archive it was fetched from, and what is known to be missing."""

    complete: bool = Field(default=True, description="False where something is known to be missing.")
    received: int = Field(ge=0, description="Number of objects that came.")
    expected: int | None = Field(
        default=None,
        ge=0,
        description="Number of images in series that can hold radiographs, as the archive counts or lists them; null "
        "where it does neither.",
    )
    reasons: tuple[str, ...] = Field(default=(), description="A sentence for each thing that is missing.")


class ModelResult(_Part):
    """The weights that made the result."""

    name: str
    version: str
    sha256: str
    site: SiteResult | None = Field(
        default=None,
        description="The site file that the weights were used with; null where the model's own threshold and "
        "confidence were used.",
    )

    def site_words(self) -> str:
        """Return what is said of the site file wherever the model is named; empty without one."""
        return "" if self.site is None else f"site file sha256 {self.site.sha256}, threshold {self.site.threshold:g}"


class SoftwareResult(_Part):
    """The program that made the result."""

    name: str
    version: str


class StudyResult(_Part):
    """Everything said about one study. ``status`` is ``done`` if any of its films was analysed."""

    schema_version: Literal["1.0", "1.1", "1.2", "1.3"] = "1.3"
    study_uid: str
    status: Status
    reason: str | None = None
    images: tuple[ImageResult, ...]
    findings: tuple[FindingResult, ...] = ()
    possible_findings: tuple[FindingResult, ...] = Field(
        default=(),
        description="Nodules that would be findings on a better film: their film has the quality flag resolution_low. "
        "They are in no grade, score or count.",
    )
    severity: SeverityResult | None = None
    context: ContextResult | None = None
    completeness: CompletenessResult | None = Field(
        default=None,
        description="How much of the study came, where it was fetched from an archive; null where nothing tells.",
    )
    model: ModelResult | None = None
    software: SoftwareResult
    warnings: tuple[str, ...] = ()
    research_use: str = RESEARCH_USE

    def to_json(self, *, indent: int | None = 2) -> str:
        """Write the result as JSON; the same result gives the same text."""
        return self.model_dump_json(indent=indent) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> StudyResult:
        """Read a result back; raises ``pydantic.ValidationError`` (a ``ValueError``) for anything else."""
        return cls.model_validate_json(text)

    def to_dataframe(self, table: TableName = "findings") -> pd.DataFrame:
        """Return a table of the result; needs pandas (``pip install "ho-imaging[pandas]"``).

        Parameters
        ----------
        table
            ``"findings"``: a row a finding, without its outlines; ``"sides"``: a row a side, with its grade and score.

        Returns
        -------
        pandas.DataFrame
            The same columns for every result, with ``study_uid`` first.

        Raises
        ------
        UsageError
            If there is no such table, or pandas is not installed.

        """
        return to_dataframe(self, table)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return summary_parts(self)

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return html_table(self)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `StudyResult`, as it is written.

    Returns
    -------
    dict
        The schema, ready for ``json.dumps``.

    """
    schema = StudyResult.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
