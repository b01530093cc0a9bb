"""A study's result together with what was computed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ho_imaging.messages import Message
from ho_imaging.results.messages import message_result
from ho_imaging.results.schema import StudyResult
from ho_imaging.results.short_forms import call_output
from ho_imaging.results.summary import html_table

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ho_imaging.network.prediction import Prediction
    from ho_imaging.severity import FilmReading, Severity

__all__ = ["FilmAnalysis", "StudyAnalysis", "result_of"]


@dataclass(frozen=True, eq=False)
class FilmAnalysis:
    """One film that was analysed: what the pictures and masks are made from.

    Parameters
    ----------
    prediction
        Probability maps of the network on the prepared grid.
    reading
        Anatomy and findings, and the prepared film with its radiograph.

    """

    prediction: Prediction
    reading: FilmReading

    def __repr__(self) -> str:
        uid = self.reading.prepared.radiograph.sop_instance_uid
        return f"FilmAnalysis(sop_instance_uid={uid!r}, findings={len(self.reading.findings)})"


@dataclass(frozen=True, eq=False)
class StudyAnalysis:
    """A study's result together with what was computed on the way.

    Parameters
    ----------
    result
        What is written.
    severity
        Grade and score with all parts; ``None`` where no film was analysed.
    films
        The films that were analysed, by SOP Instance UID.
    datasets
        The films that came as data sets, likewise.

    """

    result: StudyResult
    severity: Severity | None
    films: dict[str, FilmAnalysis]
    datasets: dict[str, Dataset] = field(default_factory=dict)

    def __repr__(self) -> str:
        return repr(self.result).replace("StudyResult", "StudyAnalysis", 1)

    def _repr_html_(self) -> str:
        return html_table(self.result)

    def with_warnings(self, warnings: Sequence[Message]) -> StudyAnalysis:
        """Return the analysis with more warnings in its result."""
        if not warnings:
            return self
        added = (message_result(warning) for warning in warnings)
        return replace(self, result=self.result.model_copy(update={"warnings": (*self.result.warnings, *added)}))

    def to_dicom(self, **options: Any) -> list[Dataset]:
        """Return the study's DICOM objects; short for ``ho_imaging.outputs.to_dicom(analysis, ...)``."""
        made: list[Dataset] = call_output("to_dicom", self, **options)
        return made


def result_of(study: object) -> StudyResult:
    """Return the result of a study, or of its analysis.

    Raises
    ------
    TypeError
        If it is neither.

    """
    if isinstance(study, StudyAnalysis):
        return study.result
    if isinstance(study, StudyResult):
        return study
    raise TypeError(f"{type(study).__name__} is no result (give a StudyResult or a StudyAnalysis)")
