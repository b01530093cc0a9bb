"""A study's result together with what was computed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ho_imaging.messages import Message
from ho_imaging.results.messages import message_result
from ho_imaging.results.schema import StudyResult

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ho_imaging.network.prediction import Prediction
    from ho_imaging.severity import FilmReading, Severity

__all__ = ["FilmAnalysis", "StudyAnalysis"]


@dataclass(frozen=True, eq=False)
class FilmAnalysis:
    """One film that was analysed: what the pictures and masks are made from."""

    prediction: Prediction
    reading: FilmReading


@dataclass(frozen=True, eq=False)
class StudyAnalysis:
    """A study's result together with what was computed on the way, film by film (by SOP Instance UID)."""

    result: StudyResult
    severity: Severity | None
    films: dict[str, FilmAnalysis]
    datasets: dict[str, Dataset] = field(default_factory=dict)
    """The films that came as data sets."""

    def with_warnings(self, warnings: Sequence[Message]) -> StudyAnalysis:
        """Return the analysis with more warnings in its result."""
        if not warnings:
            return self
        added = (message_result(warning) for warning in warnings)
        return replace(self, result=self.result.model_copy(update={"warnings": (*self.result.warnings, *added)}))
