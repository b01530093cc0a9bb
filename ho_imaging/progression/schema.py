"""Result of a comparison: a versioned schema, strict when read. Import the models of its parts from here."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from pydantic import Field

from ho_imaging.progression.schema_side import GrowthResult, NoduleChangeResult, SideIntervalResult, VerdictWord
from ho_imaging.progression.summary import comparison_table, side_words
from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema import RESEARCH_USE, ModelResult, SoftwareResult
from ho_imaging.results.schema_base import Part

__all__ = [
    "COMPARISON_VERSION",
    "GrowthResult",
    "IntervalResult",
    "NoduleChangeResult",
    "ProgressionResult",
    "SideIntervalResult",
]

COMPARISON_VERSION: Final = "2.0"


class IntervalResult(Part):
    """Change between two studies."""

    earlier_study_uid: str = Field(description="Study Instance UID of the earlier study.")
    later_study_uid: str = Field(description="Study Instance UID of the later study.")
    days: int | None = Field(description="Days between their images; null where a date is missing.")
    verdict: VerdictWord = Field(description="The sides' verdicts in one: spreading on any side is spreading.")
    sides: tuple[SideIntervalResult, ...] = Field(description="Each side of the patient.")

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("verdict", self.verdict), ("days", self.days), ("sides", side_words(self.sides))]


class ProgressionResult(Part):
    """Changes between studies of one patient in time order."""

    schema_version: Literal["2.0"] = Field(
        default=COMPARISON_VERSION,
        description="Version of this schema: MAJOR.MINOR. A minor version only adds fields.",
    )
    verdict: VerdictWord = Field(description="That of the last interval: what is happening now.")
    intervals: tuple[IntervalResult, ...] = Field(description="Each study against the one before it.")
    overall: IntervalResult = Field(description="The last study against the first.")
    model: ModelResult | None = Field(
        default=None,
        description="The weights that all studies were analysed with; ids of nodules are those of that analysis.",
    )
    software: SoftwareResult | None = Field(default=None, description="The program that made the comparison.")
    warnings: tuple[MessageResult, ...] = Field(default=(), description="What a user should know about the comparison.")
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
        return json.dumps(self.model_dump(mode="json"), indent=indent, ensure_ascii=False) + "\n"

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        parts: list[tuple[str | None, Any]] = [("verdict", self.verdict), ("studies", len(self.intervals) + 1)]
        return [*parts, *(self.intervals[-1].__repr_args__()[1:] if self.intervals else ())]

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        about = f"{len(self.intervals) + 1} studies: {self.verdict}"
        last = self.intervals[-1] if self.intervals else None
        if last is not None and last.days is not None:
            about += f"; the last two are {last.days} days apart"
        return comparison_table(about, self.research_use, () if last is None else last.sides)

    @classmethod
    def from_json(cls, text: str | bytes) -> ProgressionResult:
        """Read a result from JSON.

        Parameters
        ----------
        text
            Text of a result of this schema version.

        Returns
        -------
        ProgressionResult
            The result.

        Raises
        ------
        pydantic.ValidationError
            If it is anything else; a subclass of ``ValueError``.

        """
        return cls.model_validate_json(text)
