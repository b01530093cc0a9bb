"""The result of a study as others see it: a versioned schema, strict when read, the same bytes for the same image.

Fields are only added within a major version. Points are (x, y) = (column, row) in source pixels with pixel centres at
whole numbers, in fields that end in ``_xy_px``; `ho_imaging.results.points.rows_columns` turns them for indexing.
Lengths are in mm in the plane named by the spacing basis. Images, findings and severity are described in modules of
their own; import their models from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, Field

from ho_imaging.results.frames import TableName, to_dataframe
from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema_base import Part, PointXY, Probability
from ho_imaging.results.schema_film import CompressionResult, FilmQualityResult, ImageResult, QualityFlagResult
from ho_imaging.results.schema_finding import FindingResult
from ho_imaging.results.schema_severity import (
    EvidenceResult,
    SeverityResult,
    SideResult,
    StudySeverityResult,
    SystemGradeResult,
)
from ho_imaging.results.short_forms import call_output
from ho_imaging.results.summary import html_table, summary_parts
from ho_imaging.vocabulary import Status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    import pandas as pd
    from pydicom.dataset import Dataset

__all__ = [
    "READABLE_VERSIONS",
    "RESEARCH_USE",
    "SCHEMA_VERSION",
    "CompletenessResult",
    "CompressionResult",
    "ContextResult",
    "EvidenceResult",
    "FilmQualityResult",
    "FindingResult",
    "IdentifiersResult",
    "ImageResult",
    "MessageResult",
    "ModelResult",
    "PointXY",
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

SCHEMA_VERSION: Final = "2.1"

READABLE_VERSIONS = ("2.0", "2.1")
"""Versions of results that this version of the program reads."""

RESEARCH_USE = (
    "Research software. Not a medical device. Not validated on patient data. Not for diagnosis, treatment or triage."
)


class ContextResult(Part):
    """Clinical facts that came with the study, and the name they give the disease."""

    cause: str | None = Field(
        default=None,
        description="What set ossification off: trauma, arthroplasty, burn, amputation, spinal_cord_injury, "
        "brain_injury or none_known; null where nothing is stated.",
    )
    days_since_event: int | None = Field(
        default=None, description="Days from the injury or surgery to the image; null where they are not stated."
    )
    prophylaxis: str = Field(
        default="unknown", description="What was given against ossification: none, nsaid, radiation, both or unknown."
    )
    source: str = Field(
        default="caller", description="Where the facts come from: caller, csv (a table of facts) or a DICOM keyword."
    )
    wording: str | None = Field(default=None, description="Name of the disease that the facts give.")


class SiteResult(Part):
    """A site file: a hospital's own operating threshold and confidence of findings, used in place of the model's."""

    sha256: str = Field(description="SHA-256 of the site file, in hex.")
    threshold: Probability = Field(description="Operating threshold of ectopic bone that the site file sets, 0 to 1.")


class CompletenessResult(Part):
    """Completeness of a study fetched from an archive, and the images known to be missing."""

    complete: bool = Field(default=True, description="False where something is known to be missing.")
    received: int = Field(ge=0, description="Number of objects that came.")
    expected: int | None = Field(
        default=None,
        ge=0,
        description="Number of images in series that can hold radiographs, as the archive counts or lists them; null "
        "where it does neither.",
    )
    reasons: tuple[MessageResult, ...] = Field(default=(), description="A message for each thing that is missing.")


class IdentifiersResult(Part):
    """Order and patient of a study, as its files state them; several values have a backslash between them.

    Only a batch writes it, and patient and date only where they are asked for (``--patient``).
    """

    accession_number: str | None = Field(default=None, description="Accession Number of the order.")
    patient_id: str | None = Field(default=None, description="Patient ID.")
    patient_name: str | None = Field(default=None, description="Patient's Name as it is stated, such as DOE^JOHN.")
    patient_birth_date: str | None = Field(default=None, description="Patient's Birth Date, YYYY-MM-DD.")
    patient_sex: str | None = Field(default=None, description="Patient's Sex.")
    study_date: str | None = Field(default=None, description="Study Date, YYYY-MM-DD.")


class ModelResult(Part):
    """The weights that made the result."""

    name: str = Field(description="Name of the model, such as hip.")
    version: str = Field(description="Version of the weights.")
    sha256: str = Field(description="SHA-256 of the file of weights, in hex.")
    site: SiteResult | None = Field(
        default=None,
        description="The site file that the weights were used with; null where the model's own threshold and "
        "confidence were used.",
    )

    def site_words(self) -> str:
        """Return what is said of the site file wherever the model is named; empty without one."""
        return "" if self.site is None else f"site file sha256 {self.site.sha256}, threshold {self.site.threshold:g}"


class SoftwareResult(Part):
    """The program that made the result."""

    name: str = Field(description="Name of the program.")
    version: str = Field(description="Version of the program.")


class StudyResult(Part):
    """Everything said about one study. ``status`` is ``done`` if any of its images was analysed."""

    schema_version: Literal["2.0", "2.1"] = Field(
        default=SCHEMA_VERSION, description="Version of this schema: MAJOR.MINOR. A minor version only adds fields."
    )
    study_uid: str = Field(description="Study Instance UID; made from the images' content where none is stated.")
    status: Status = Field(description="done if any image was analysed, else refused or failed.")
    reason: MessageResult | None = Field(default=None, description="Why no image was analysed; null where one was.")
    images: tuple[ImageResult, ...] = Field(description="Every image of the study, however it ended.")
    findings: tuple[FindingResult, ...] = Field(
        default=(), description="Nodules that the model reports, the surest of each image first."
    )
    possible_findings: tuple[FindingResult, ...] = Field(
        default=(),
        description="Nodules that would be findings on a better image: theirs has the quality flag resolution_low. "
        "They are in no grade, score or count.",
    )
    severity: SeverityResult | None = Field(
        default=None, description="Grades and scores; null where no image was analysed."
    )
    identifiers: IdentifiersResult | None = Field(
        default=None,
        description="Order and patient as the files state them; null where they state none or none was asked for.",
    )
    context: ContextResult | None = Field(
        default=None, description="Clinical facts that came with the study; null where none did."
    )
    completeness: CompletenessResult | None = Field(
        default=None,
        description="How much of the study came, where it was fetched from an archive; null where nothing tells.",
    )
    model: ModelResult | None = Field(default=None, description="The weights that were used; null where none were.")
    software: SoftwareResult = Field(description="Name and version of the program that made the result.")
    warnings: tuple[MessageResult, ...] = Field(
        default=(), description="What a user should know about the analysis as a whole."
    )
    research_use: str = Field(default=RESEARCH_USE, description="The limits of use, to be shown with every result.")

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
        return self.model_dump_json(indent=indent) + "\n"

    def to_dicom(self, sources: Iterable[Dataset | str | PathLike[str]] | None = None, **options: Any) -> list[Dataset]:
        """Return the study's DICOM objects; short for ``ho_imaging.outputs.to_dicom(result, sources, ...)``."""
        made: list[Dataset] = call_output("to_dicom", self, sources, **options)
        return made

    def to_fhir(self, **options: Any) -> dict[str, Any]:
        """Return a FHIR Bundle; short for ``ho_imaging.outputs.to_fhir(result, ...)``."""
        bundle: dict[str, Any] = call_output("to_fhir", self, **options)
        return bundle

    @classmethod
    def from_json(cls, text: str | bytes) -> StudyResult:
        """Read a result from JSON.

        Parameters
        ----------
        text
            Text of a result of this schema version.

        Returns
        -------
        StudyResult
            The result.

        Raises
        ------
        pydantic.ValidationError
            If it is anything else; a subclass of ``ValueError``.

        """
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
        sides = () if self.severity is None else self.severity.sides
        return to_dataframe(self.study_uid, self.findings, sides, table)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return summary_parts(self)

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return html_table(self)


def json_schema(model: type[BaseModel] = StudyResult) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a result, or of another model that is kept, as it is written.

    Parameters
    ----------
    model
        The pydantic model, by default that of a study's result.

    Returns
    -------
    dict
        The schema, ready for ``json.dumps``.

    """
    schema = model.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
