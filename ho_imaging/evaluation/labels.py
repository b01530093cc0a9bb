"""A site's labels: a table with a row a film or a side, as spreadsheets write it.

Every bad line is found before anything is analysed. Messages name lines and columns and never repeat a cell: a cell in
the wrong column may hold a patient's name.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ho_imaging.errors import UsageError
from ho_imaging.evaluation.grades import GRADES, grade_of, shows_ho
from ho_imaging.files.csv_lines import csv_lines
from ho_imaging.severity.systems import BROOKER
from ho_imaging.vocabulary import Laterality, Side, spell, spell_side

__all__ = ["HO", "KEY_COLUMNS", "Box", "Key", "LabelRow", "LabelTable", "Problem", "raise_problems", "read_labels"]

logger = logging.getLogger(__name__)

_MOST_BYTES = 50_000_000
_MOST_PROBLEMS = 100
"""So many bad lines are written out; of more the number is said."""


class HO(StrEnum):
    """Presence of heterotopic ossification on a film, by its label."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


class Key(StrEnum):
    """Kind of name by which a column identifies a film."""

    FILM = "film"
    SOP_INSTANCE_UID = "sop_instance_uid"
    STUDY_UID = "study_uid"
    ACCESSION_NUMBER = "accession_number"


KEY_COLUMNS: Mapping[str, Key] = {
    **dict.fromkeys(("film", "file", "filename", "file_name", "path", "file_path", "stem", "id", "film_id"), Key.FILM),
    **dict.fromkeys(("image", "image_id"), Key.FILM),
    **dict.fromkeys(("sop_instance_uid", "sopinstanceuid", "sop_uid", "image_uid"), Key.SOP_INSTANCE_UID),
    **dict.fromkeys(("study_uid", "study_instance_uid", "studyinstanceuid"), Key.STUDY_UID),
    **dict.fromkeys(("accession_number", "accessionnumber", "accession"), Key.ACCESSION_NUMBER),
}
"""Headings that name a film, and by what; ``film`` and its like may hold any of the four."""

_SIDE = ("side", "laterality")
_BOXES = ("boxes_percent", "boxes")
_SYSTEM = ("system", "grading_system")
_LABELS = {"ho", "grade", *_SIDE, *_BOXES, *_SYSTEM, *GRADES}

_WORDS = {
    **dict.fromkeys(("yes", "y", "true", "1"), HO.YES),
    **dict.fromkeys(("no", "n", "false", "0"), HO.NO),
    **dict.fromkeys(("unsure", "uncertain", "?"), HO.UNSURE),
}
_SIDES = {
    Laterality.LEFT: (Side.LEFT,),
    Laterality.RIGHT: (Side.RIGHT,),
    Laterality.BILATERAL: (Side.RIGHT, Side.LEFT),
}
_NUMBER = r"\s*(\d+(?:[.,]\d+)?)\s*"
_BOX = re.compile(rf"{_NUMBER}[-–]{_NUMBER}[-–]{_NUMBER}[-–]{_NUMBER}")


@dataclass(frozen=True)
class Box:
    """A reader's box, in percent of the picture: columns from ``x0`` to ``x1``, rows from ``y0`` to ``y1``."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Problem:
    """A line that cannot be used as it is, counted from 1 as a text editor does, and why."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


@dataclass(frozen=True)
class LabelRow:
    """One row. ``keys``: what names its film, by column; ``sides``: those it is of, none for the film as a whole.

    ``grades``: by system. ``groups``: every further column.
    """

    line: int
    keys: Mapping[str, str]
    sides: tuple[Side, ...]
    ho: HO | None
    grades: Mapping[str, str] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelTable:
    """The rows that could be read, the problems of the others, and the SHA-256 of the file."""

    path: Path
    sha256: str
    rows: tuple[LabelRow, ...]
    problems: tuple[Problem, ...]
    key_columns: tuple[str, ...]
    group_columns: tuple[str, ...]


def read_labels(path: Path) -> LabelTable:
    """Read a table of labels; bad lines are collected, see `raise_problems`.

    Parameters
    ----------
    path
        A CSV with a heading (docs/validate.md) and a line a film.

    Returns
    -------
    LabelTable
        The rows that could be read, and what is wrong with the others.

    Raises
    ------
    UsageError
        If the file cannot be read or its first line is no heading that names films and labels.

    """
    data = _bytes_of(path)
    lines = list(_lines(_text_of(data, path), path))
    if not lines:
        raise UsageError("holds no line", path=path, remedy="give a CSV with a heading and a line a film")
    _, heading = lines[0]
    columns = _columns(heading, path)
    rows: list[LabelRow] = []
    problems: list[Problem] = []
    for number, cells in lines[1:]:
        if any(cells[len(columns) :]):
            problems.append(Problem(number, "has more cells than the heading (put cells with ; or , in quotes)"))
            continue
        values = dict(zip(columns, [*cells, *[""] * len(columns)], strict=False))
        try:
            rows.append(_row(number, values))
        except _BadLineError as error:
            problems += [Problem(number, why) for why in error.reasons]
    if not rows and not problems:
        raise UsageError("holds a heading and no line below it", path=path, remedy="give a line a film")
    return LabelTable(
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        rows=tuple(rows),
        problems=tuple(problems),
        key_columns=tuple(name for name in columns if name in KEY_COLUMNS),
        group_columns=tuple(name for name in columns if name not in KEY_COLUMNS and name not in _LABELS),
    )


def raise_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Raise `UsageError` with all bad lines in their order; do nothing without any."""
    if not problems:
        return
    ordered = sorted(problems, key=lambda problem: problem.line)
    said = [str(problem) for problem in ordered[:_MOST_PROBLEMS]]
    if len(ordered) > _MOST_PROBLEMS:
        said.append(f"and {len(ordered) - _MOST_PROBLEMS} more")
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    head, remedy = f"{count}, nothing was analysed", "correct these lines; see docs/validate.md"
    error = UsageError(f"{head}: {'; '.join(said)}", path=path, remedy=remedy)
    error.lines = (f"{path}: {head} ({remedy}):", *said)
    raise error


class _BadLineError(Exception):
    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(*reasons)
        self.reasons = tuple(reasons)


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError("is too large for a table of labels", path=path, remedy="give a CSV of at most 50 MB")
        return path.read_bytes()
    except OSError as error:
        why = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise UsageError(why, path=path, remedy="give the CSV of labels") from error


def _text_of(data: bytes, path: Path) -> str:
    """Decode as spreadsheets encode: UTF-8 with or without a mark, UTF-16 with one, else the code page of Windows."""
    if data.startswith(b"PK"):
        raise UsageError("is a workbook, not a CSV", path=path, remedy="save it as CSV UTF-8")
    try:
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        logger.warning("%s: is no UTF-8; read as Windows-1252 (save it as CSV UTF-8 to be sure)", path)
        return data.decode("cp1252", errors="replace")


def _lines(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line that holds anything."""
    first = 0
    kept = text.split("\n", 1)
    stated = re.fullmatch(r'"?sep=(.)"?\s*', kept[0].strip(), re.IGNORECASE)
    if stated is not None:  # Excel's own way to name the separator
        text, first = (kept[1] if len(kept) > 1 else ""), 1
    heading = next((line for line in text.splitlines() if line.strip(' ;,\t"')), "")
    outside = re.sub(r'"[^"]*"', "", heading)
    separator = stated.group(1) if stated else max(",;\t", key=outside.count)
    yield from csv_lines(text, path, separator=separator, skipped=first)


def _columns(heading: Sequence[str], path: Path) -> list[str]:
    """Return the names of the columns as this program spells them; those without a name are told apart by number."""
    columns = [spell(name) or f"column {number}" for number, name in enumerate(heading, start=1)]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    problem = None
    if twice:
        problem = f"has two columns of one name ({', '.join(twice)})"
    elif not any(name in KEY_COLUMNS for name in columns):
        problem = "has no column that names films"
    elif not any(name in {"ho", "grade"} or name in GRADES for name in columns):
        problem = "has no column of labels"
    if problem is not None:
        raise UsageError(
            problem,
            path=path,
            remedy="the first line must have film (or sop_instance_uid, study_uid, accession_number) and ho or grade",
        )
    return columns


def _row(number: int, values: Mapping[str, str]) -> LabelRow:
    reasons: list[str] = []
    keys = {name: value for name, value in values.items() if name in KEY_COLUMNS and value}
    if not keys:
        reasons.append("names no film")
    sides = _sides(values, reasons)
    ho = _WORDS.get(values.get("ho", "").lower().removesuffix(".0"))
    if values.get("ho") and ho is None:
        reasons.append("ho is none of yes, no, unsure")
    grades = _grades(values, reasons)
    ho = _by_grades(ho, grades, reasons)
    boxes = _boxes(values, reasons)
    if boxes and ho is HO.NO:
        reasons.append("has boxes, but ho is no")
    if not reasons and ho is None and not grades:
        reasons.append("has no label: fill ho or a grade")
    if reasons:
        raise _BadLineError(reasons)
    groups = {name: value for name, value in values.items() if name not in KEY_COLUMNS and name not in _LABELS}
    return LabelRow(number, keys, sides, ho, grades, boxes, groups)


def _of_columns(
    values: Mapping[str, str], columns: Sequence[str], reasons: list[str], spelled: Callable[[str], str] = spell
) -> str:
    """Return what the columns of one meaning say, which must not contradict each other."""
    stated = [(column, values[column]) for column in columns if values.get(column)]
    if len({spelled(text) for _, text in stated}) > 1:
        reasons.append(f"the columns {' and '.join(column for column, _ in stated)} contradict each other")
    return stated[0][1] if stated else ""


def _sides(values: Mapping[str, str], reasons: list[str]) -> tuple[Side, ...]:
    text = _of_columns(values, _SIDE, reasons, spell_side)
    if not text:
        return ()
    word = spell_side(text)
    if word not in {str(known) for known in _SIDES}:
        reasons.append("the side is none of right, left, both (R, L, B)")
        return ()
    return _SIDES[Laterality(word)]


def _by_grades(ho: HO | None, grades: Mapping[str, str], reasons: list[str]) -> HO | None:
    """Return what a row says of ectopic bone: by its grades where it says nothing else, and never against them."""
    for system, grade in grades.items():
        shows = shows_ho(system, grade)
        if shows is None or ho is HO.UNSURE or reasons:
            continue
        if ho is None:
            ho = HO.YES if shows else HO.NO
        elif (ho is HO.YES) != shows:
            reasons.append(f"ho is {ho}, but the {system} grade says otherwise")
    return ho


def _grades(values: Mapping[str, str], reasons: list[str]) -> dict[str, str]:
    system = spell(_of_columns(values, _SYSTEM, reasons) or BROOKER.name)
    stated = {name: values[name] for name in GRADES if values.get(name)}
    if values.get("grade"):
        if system not in GRADES:
            reasons.append(f"the grading system is none of {', '.join(GRADES)}")
        elif system in stated:
            reasons.append(f"has two {system} grades")
        else:
            stated[system] = values["grade"]
    grades = {}
    for name, text in stated.items():
        grade = grade_of(name, text)
        if grade is None:
            reasons.append(f"the {name} grade is none of {', '.join(GRADES[name])}")
        else:
            grades[name] = grade
    return grades


def _boxes(values: Mapping[str, str], reasons: list[str]) -> tuple[Box, ...]:
    boxes = []
    text = _of_columns(values, _BOXES, reasons)
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        found = _BOX.fullmatch(part)
        if found is None:
            reasons.append("boxes are not written x0-y0-x1-y1, several separated by ;")
            break
        box = Box(*(float(number.replace(",", ".")) for number in found.groups()))
        if not (0.0 <= box.x0 < box.x1 <= 100.0 and 0.0 <= box.y0 < box.y1 <= 100.0):
            reasons.append("a box does not lie between 0 and 100 percent, its first corner left above its second")
            break
        boxes.append(box)
    return tuple(boxes)
