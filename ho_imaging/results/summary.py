"""A result in a line, and as a small table for notebooks: no paths and nothing of the patient but what UIDs say."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ho_imaging.results.messages import MessageResult
    from ho_imaging.results.schema_finding import FindingResult
    from ho_imaging.results.schema_severity import SeverityResult, SideResult

__all__ = ["Summarised", "html_table", "summary_parts"]

_LONGEST_REASON = 120
_LONGEST_UID = 64


class Completeness(Protocol):
    """Protocol of what a result says of the parts of its study."""

    @property
    def complete(self) -> bool:
        """False where something is known to be missing."""


class Summarised(Protocol):
    """Protocol of a `ho_imaging.StudyResult` as far as a summary needs it."""

    @property
    def study_uid(self) -> str:
        """Study Instance UID."""

    @property
    def status(self) -> str:
        """done, refused or failed."""

    @property
    def reason(self) -> MessageResult | None:
        """Why no image was analysed."""

    @property
    def findings(self) -> Sequence[FindingResult]:
        """Nodules that the model reports."""

    @property
    def severity(self) -> SeverityResult | None:
        """Grades and scores."""

    @property
    def completeness(self) -> Completeness | None:
        """Parts of the study that came and that were expected."""

    @property
    def warnings(self) -> Sequence[MessageResult]:
        """Doubts that a reader of the result must know."""

    @property
    def research_use(self) -> str:
        """The limits of use."""


def summary_parts(result: Summarised) -> list[tuple[str | None, Any]]:
    """Return study, status, grade of each side, number of findings and of warnings if any, with their names."""
    parts: list[tuple[str | None, Any]] = [("study_uid", _uid(result)), ("status", str(result.status))]
    if result.reason is not None:
        parts.append(("reason", _reason(result)))
    if result.severity is not None:
        parts.append(("sides", ", ".join(f"{side.side} {_grade(side)}" for side in result.severity.sides)))
    parts.append(("findings", len(result.findings)))
    if _is_incomplete(result):
        parts.append(("incomplete", True))
    if result.warnings:
        parts.append(("warnings", len(result.warnings)))
    return parts


def _is_incomplete(result: Summarised) -> bool:
    return result.completeness is not None and not result.completeness.complete


def html_table(result: Summarised) -> str:
    """Return study, status, number of findings and a row a side as HTML, for a notebook."""
    about = f"Study {_uid(result)}: {result.status}, {len(result.findings)} findings"
    if result.reason is not None:
        about += f". {_reason(result)}"
    if _is_incomplete(result):
        about += ". Incomplete, and graded all the same"
    if result.warnings:
        about += ". 1 warning" if len(result.warnings) == 1 else f". {len(result.warnings)} warnings"
    head = f"<table><caption>{escape(about)}<br><small>{escape(result.research_use)}</small></caption>"
    if result.severity is None:
        return f"{head}</table>"
    names = "".join(f"<th>{name}</th>" for name in ("side", "system", "grade", "or", "burden", "category"))
    rows = "".join(f"<tr>{_cells(side)}</tr>" for side in result.severity.sides)
    return f"{head}<thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(side: SideResult) -> str:
    score = "" if side.score is None else f"{side.score:.1f}"
    values = (side.side, side.system, _grade(side), " ".join(side.alternatives), score, side.category or "")
    return "".join(f"<td>{escape(str(value))}</td>" for value in values)


def _grade(side: SideResult) -> str:
    return "not graded" if side.grade is None else side.grade


def _uid(result: Summarised) -> str:
    return result.study_uid[:_LONGEST_UID]


def _reason(result: Summarised) -> str:
    reason = str(result.reason)
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 3]}..."
