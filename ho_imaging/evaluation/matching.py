"""Matching of the rows of a table of labels to films."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.evaluation.labels import HO, KEY_COLUMNS, Box, Key, LabelRow, LabelTable, Problem
from ho_imaging.files.film_stem import film_stem
from ho_imaging.reading import Discovery, Rejected
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.read import ImageRef
from ho_imaging.vocabulary import Side

__all__ = ["FilmLabel", "LabelledFilm", "Matched", "match_labels"]

logger = logging.getLogger(__name__)

_UIDS = frozenset({Key.SOP_INSTANCE_UID, Key.STUDY_UID})

SEVERAL = "several"
"""Stands for a group of a film whose two sides are of different ones."""


@dataclass(frozen=True)
class FilmLabel:
    """All that the rows of one film say.

    ``ho``: of the film as a whole, ``None`` where its rows leave that open (one side of two is labelled ``no``).
    ``sides``: of each side that has a row of its own. ``grades``: by side (``None``: of the film) and system.
    """

    lines: tuple[int, ...]
    ho: HO | None
    sides: Mapping[Side, HO]
    grades: Mapping[Side | None, Mapping[str, str]]
    boxes: tuple[Box, ...]
    groups: Mapping[str, str]


@dataclass(frozen=True)
class LabelledFilm:
    """A film with its label; ``image`` or, where it is no film that can be analysed, ``rejected`` is given."""

    path: Path
    name: str
    label: FilmLabel
    image: ImageRef | None = None
    rejected: Rejected | None = None


@dataclass(frozen=True)
class Matched:
    """Films with their labels, rows that name no one film, films without a row, and lines that contradict others."""

    films: tuple[LabelledFilm, ...]
    unmatched: tuple[Problem, ...]
    without_row: tuple[Path, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Candidate:
    """An input that a row may name."""

    path: Path
    name: str
    image: ImageRef | None = None
    rejected: Rejected | None = None


def match_labels(table: LabelTable, discovery: Discovery, folder: Path) -> Matched:
    """Find the film of every row.

    A row may name its film in several columns, which together must leave one film; a UID that no film here has is of
    another film, whatever its name. A column that names no film in any row is taken for something else. Two rows of
    one film and side are problems.

    Raises
    ------
    UsageError
        If no row names a film.

    """
    base = folder.parent if folder.is_file() else folder
    candidates = _candidates(discovery, base)
    index = _Index(candidates)
    found = {
        column: {
            row.line: index.find(KEY_COLUMNS[column], row.keys[column]) for row in table.rows if column in row.keys
        }
        for column in table.key_columns
    }
    used = [column for column, by_line in found.items() if any(by_line.values())]
    if table.rows and not used and not table.problems:
        raise UsageError(
            f"no row names a film below {folder} (columns: {', '.join(table.key_columns)})",
            path=table.path,
            remedy="name films by file name, path below the folder, SOP or study instance UID or accession number",
        )
    for column in sorted(set(found) - set(used)):
        logger.info("the column %s names no film here and is not used", column)
    rows_of: dict[int, list[LabelRow]] = {}
    unmatched: list[Problem] = []
    for row in table.rows:
        sets = [found[column][row.line] for column in used if found[column].get(row.line)]
        left = set.intersection(*sets) if sets else set()
        elsewhere = [c for c in used if KEY_COLUMNS[c] in _UIDS and row.line in found[c] and not found[c][row.line]]
        if sets and elsewhere:
            # File names come again in every study: of another one's film this row says nothing.
            unmatched.append(Problem(row.line, f"its {elsewhere[0]} names no film that is here"))
        elif len(left) == 1:
            rows_of.setdefault(left.pop(), []).append(row)
        elif left:
            unmatched.append(Problem(row.line, f"names {len(left)} films: add the file's path or SOP Instance UID"))
        else:
            why = "its columns name different films" if sets else "names no film that is here"
            unmatched.append(Problem(row.line, why))
    problems = [problem for rows in rows_of.values() for problem in _contradictions(rows)]
    return Matched(
        films=tuple(
            LabelledFilm(
                path=candidates[number].path,
                name=candidates[number].name,
                label=_label(rows),
                image=candidates[number].image,
                rejected=candidates[number].rejected,
            )
            for number, rows in sorted(rows_of.items())
        ),
        unmatched=tuple(unmatched),
        without_row=tuple(candidate.path for number, candidate in enumerate(candidates) if number not in rows_of),
        problems=tuple(problems),
    )


def _candidates(discovery: Discovery, base: Path) -> list[_Candidate]:
    films = [
        _Candidate(Path(image.path), _below(image.path, base), image=image)
        for study in discovery.studies
        for image in study.images
    ]
    films += [
        _Candidate(item.path, _below(item.path, base), rejected=item)
        for item in discovery.rejected
        # A text beside a film often has its name; it is no film, and must not make the name stand for two.
        if not item.stray and not item.path.is_dir()
    ]
    return sorted(films, key=lambda candidate: candidate.name)


def _below(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


class _Index:
    """Films by what rows may name them by."""

    def __init__(self, candidates: Sequence[_Candidate]) -> None:
        self._candidates = candidates
        paths = [(number, candidate.name) for number, candidate in enumerate(candidates)]
        names = [(number, candidate.path.name) for number, candidate in enumerate(candidates)]
        stems = [(number, film_stem(candidate.path.name)) for number, candidate in enumerate(candidates)]
        images = [(number, item.image) for number, item in enumerate(candidates) if item.image is not None]
        self._files = [by_text(items) for items in (paths, names, stems)]
        self._sop = by_text((number, image.sop_instance_uid) for number, image in images)
        self._study = by_text((number, image.study_uid) for number, image in images)

    @cached_property
    def _accession(self) -> Mapping[str, set[int]]:
        """Accession numbers, which only headers hold: read when a row can be told by nothing else."""
        from ho_imaging.reading.open_dicom import open_dataset  # noqa: PLC0415  (only where it is needed)

        found = []
        for number, candidate in enumerate(self._candidates):
            if candidate.image is not None and candidate.image.kind is FileKind.DICOM:
                try:
                    header = open_dataset(candidate.path, header_only=True)
                except HOImagingError:
                    continue
                found.append((number, str(header.get("AccessionNumber", "") or "").strip()))
        return by_text(found)

    def find(self, key: Key, value: str) -> set[int]:
        """Return the films that a cell names, by the first of the ways its column allows that finds any."""
        if key is Key.SOP_INSTANCE_UID:
            ways = [self._sop]
        elif key is Key.STUDY_UID:
            ways = [self._study]
        elif key is Key.ACCESSION_NUMBER:
            return self._accession.get(_plain(value), set())
        else:
            value = value.replace("\\", "/").removeprefix("./")
            ways = [*self._files, self._sop, self._study]
        for way in ways:
            if found := way.get(_plain(value)):
                return found
        return self._accession.get(_plain(value), set()) if key is Key.FILM else set()


def by_text(items: Iterable[tuple[int, str]]) -> dict[str, set[int]]:
    """Return numbers by text; case does not count, nor how accents are encoded."""
    found: dict[str, set[int]] = {}
    for number, text in items:
        if text:
            found.setdefault(_plain(text), set()).add(number)
    return found


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _contradictions(rows: Sequence[LabelRow]) -> list[Problem]:
    problems = []
    first: dict[Side | None, int] = {}
    for row in rows:
        for side in row.sides or (None,):
            other = first.get(side, first.get(None) if side is not None else next(iter(first.values()), None))
            if other is not None and other != row.line:
                what = "the film" if side is None else f"the {side} side of the film"
                problems.append(Problem(row.line, f"labels {what} that line {other} labels"))
                break
            first[side] = row.line
    return problems


def _label(rows: Sequence[LabelRow]) -> FilmLabel:
    whole = [row for row in rows if not row.sides]
    sides = {side: row.ho for row in rows for side in row.sides if row.ho is not None}
    grades: dict[Side | None, dict[str, str]] = {}
    for row in rows:
        for side in row.sides or (None,):
            if row.grades:
                grades.setdefault(side, {}).update(row.grades)
    columns = dict.fromkeys(name for row in rows for name in row.groups)
    groups = {name: {row.groups.get(name, "") for row in rows} for name in columns}
    return FilmLabel(
        lines=tuple(row.line for row in rows),
        ho=whole[0].ho if whole else _of_sides(sides),
        sides=sides,
        grades=grades,
        boxes=tuple(box for row in rows for box in row.boxes),
        groups={name: next(iter(values)) if len(values) == 1 else SEVERAL for name, values in groups.items()},
    )


def _of_sides(sides: Mapping[Side, HO]) -> HO | None:
    """Return what the labels of sides say of the film: one side with ectopic bone is enough, for none it takes both."""
    given = set(sides.values())
    if HO.YES in given:
        return HO.YES
    if HO.UNSURE in given:
        return HO.UNSURE
    return HO.NO if len(sides) == 2 else None
