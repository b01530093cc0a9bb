"""Answers of commands in short sentences, for people at a terminal; programs get JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ho_imaging.errors import ReadError
from ho_imaging.files.path_text import path_text

if TYPE_CHECKING:
    from ho_imaging.batch import Outcome
    from ho_imaging.progression import ProgressionResult
    from ho_imaging.results.schema import SideResult, StudyResult

__all__ = ["comparison_text", "study_line", "summary_text"]

_MOST_REASONS = 5


def study_line(outcome: Outcome, folder: Path) -> str:
    """Return one line on a study: file, then each side with its grade and certainty, or why there is none.

    Parameters
    ----------
    outcome
        How the study ended.
    folder
        Folder of its result.

    Returns
    -------
    str
        The line, without a line break. It names files as the user gave them, and no patient.

    """
    from ho_imaging.results.folder import StudyFolder, read_result  # noqa: PLC0415  (heavy imports wait)

    try:
        result = read_result(StudyFolder(folder).result)
    except ReadError:  # a study that was given up has none
        return f"{outcome.study_uid}: {outcome.status}: {outcome.reason}"
    name = _name(result)
    if result.severity is None:
        return f"{name}: {result.status}: {result.reason}"
    text = f"{name}: " + ("; ".join(_side(side) for side in result.severity.sides) or "no side to grade")
    not_done = sum(image.status != "done" for image in result.images)
    return text + (f"; {_count(not_done, 'image')} not analysed" if not_done else "")


def comparison_text(result: ProgressionResult) -> str:
    """Return the verdict of a comparison in sentences.

    Parameters
    ----------
    result
        The comparison.

    Returns
    -------
    str
        Lines, each with its line break.

    """
    lines = [f"Verdict: {result.verdict}."]
    shown = [("", result.intervals[-1])] if result.intervals else []
    if len(result.intervals) > 1:
        shown.append(("From the first study to the last: ", result.overall))
    for prefix, interval in shown:
        days = "unknown time" if interval.days is None else _count(interval.days, "day")
        lines.append(f"{prefix or 'Last interval: '}{days}, {interval.verdict}.")
        lines += [f"  {str(side.side).capitalize()}: {side.verdict}. {side.statement}" for side in interval.sides]
    lines += [f"Note: {text}" for text in result.warnings]
    return "".join(f"{line}\n" for line in lines)


def summary_text(summary: Mapping[str, Any]) -> str:
    """Return the counts of a batch in sentences.

    Parameters
    ----------
    summary
        As in ``run.json``.

    Returns
    -------
    str
        Lines, each with its line break.

    """
    studies, inputs = summary["studies"], summary["inputs"]
    lines = [f"{_count(sum(studies.values()), 'study', 'studies')}: {_listed(studies)}."]
    lines.append(f"{_count(sum(inputs.values()), 'file')}: {_listed(inputs)}.")
    if summary["grades"]:
        lines.append("Grades (worst side of a study):")
        lines += [f"  {name.replace('_', ' ')}: {number}" for name, number in summary["grades"].items()]
    if summary["reasons"]:
        lines.append("Why studies were not analysed, by code (inputs.csv says it in sentences):")
        lines += [f"  {number} x {reason}" for reason, number in list(summary["reasons"].items())[:_MOST_REASONS]]
    return "".join(f"{line}\n" for line in lines)


def _name(result: StudyResult) -> str:
    """Return the file of a study, or the folder of several; its UID where it has no file."""
    paths = [Path(image.path) for image in result.images if image.path is not None]
    if not paths:
        return result.study_uid
    if len(set(paths)) == 1:
        return path_text(paths[0].name)
    return f"{path_text(paths[0].parent.name)} ({_count(len(paths), 'image')})"


def _side(side: SideResult) -> str:
    where = "side unknown" if side.side == "unknown" else str(side.side)
    if side.grade is None:
        return f"{where} {side.category or 'not graded'}"
    # "brooker" and the like: the name of who made the system.
    text = f"{where} {side.system.replace('_', ' ').title()} {side.grade}"
    certainty = side.probabilities.get(side.grade)
    return text if certainty is None else f"{text} (certainty {certainty:.2f})"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "nothing yet"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
