"""Many studies to a folder of results: nothing is lost, nothing stops at one bad film."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from ho_imaging.errors import UsageError
from ho_imaging.pipeline import Analyzer, StudyAnalysis
from ho_imaging.reading import Rejected, discover
from ho_imaging.reporting.masks import WriteError, ho_probability_8bit, write_png
from ho_imaging.reporting.schema import StudyResult
from ho_imaging.severity.context import StudyContext
from ho_imaging.vocabulary import Status

__all__ = ["BatchCounts", "folder_name", "run_batch", "write_study"]

_UID = re.compile(r"[0-9](?:[0-9.]{0,62}[0-9])?")


@dataclass(frozen=True)
class BatchCounts:
    """How inputs ended: studies and files that are no film of a study, by status; ``rejected`` are these files."""

    done: int
    refused: int
    failed: int
    incomplete: int = 0
    """Studies that are done although some of their films are not."""
    rejected: tuple[Rejected, ...] = ()

    @property
    def all_done(self) -> bool:
        """Whether every input was analysed."""
        return self.refused == self.failed == self.incomplete == 0


def run_batch(
    paths: Sequence[str | PathLike[str]],
    out_dir: Path,
    analyzer: Analyzer,
    *,
    masks: bool = False,
    overlays: bool = False,
    contexts: Mapping[str, StudyContext] | None = None,
    on_study: Callable[[StudyResult, Path, int, int], None] | None = None,
) -> BatchCounts:
    """Analyse everything under some paths into ``out_dir``.

    Writes ``studies/<StudyInstanceUID>/result.json`` for every study, on request masks and overlays beside it, and
    ``inputs.csv`` with what became of every file. ``contexts``: clinical facts by Study Instance UID.
    ``on_study`` is told each result, its folder, its number and how many there are.

    Raises
    ------
    ReadError
        If a path does not exist.
    ModelError
        If the model cannot be loaded.
    WriteError
        If the folder cannot be written to.

    """
    if out_dir.exists() and not out_dir.is_dir():
        raise UsageError("is a file, not a folder", path=out_dir, remedy="choose another --out")
    discovery = discover(paths)
    if not discovery.studies and all(item.stray for item in discovery.rejected):
        raise UsageError(
            "hold no image files", path=", ".join(map(str, paths)), remedy="give files or folders of films"
        )
    if discovery.studies:
        _ = analyzer.model  # a missing model is said before the first film, not after the last
    rows: list[tuple[str, str, str, str]] = [_row(item) for item in discovery.rejected]
    statuses = [item.status for item in discovery.rejected if not item.stray]
    incomplete = 0
    for number, study in enumerate(discovery.studies, start=1):
        analysis = analyzer.analyze_study(study, context=(contexts or {}).get(study.study_uid))
        folder = out_dir / "studies" / folder_name(study.study_uid)
        write_study(analysis, folder, masks=masks, overlays=overlays)
        statuses.append(Status(analysis.result.status))
        incomplete += statuses[-1] is Status.DONE and any(
            image.status != Status.DONE for image in analysis.result.images
        )
        rows += [
            (str(image.path or ""), study.study_uid, str(image.status), image.reason or "")
            for image in analysis.result.images
        ]
        if on_study is not None:
            on_study(analysis.result, folder, number, len(discovery.studies))
    _write_inputs(out_dir, rows)
    return BatchCounts(
        done=statuses.count(Status.DONE),
        refused=statuses.count(Status.REFUSED),
        failed=statuses.count(Status.FAILED),
        incomplete=incomplete,
        rejected=tuple(item for item in discovery.rejected if not item.stray),
    )


def folder_name(study_uid: str) -> str:
    """Name of a study's folder: its UID where that is one, else a hash of it (a UID from a file may hold anything)."""
    if _UID.fullmatch(study_uid) and ".." not in study_uid:
        return study_uid
    return "uid-" + hashlib.sha256(study_uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def write_study(analysis: StudyAnalysis, folder: Path, *, masks: bool, overlays: bool) -> None:
    """Write a study's result and pictures, each file whole or not at all.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be made: {error.strerror}", path=folder, remedy="check space and rights") from error
    for uid, film in analysis.films.items():
        name = folder_name(uid)
        if masks:
            write_png(folder / f"{name}.ho.png", ho_probability_8bit(film.prediction))
        if overlays and analysis.severity is not None:
            from ho_imaging.reporting.overlay import draw_overlay  # noqa: PLC0415  (fonts load only for pictures)

            write_png(folder / f"{name}.overlay.png", draw_overlay(film.reading, analysis.severity))
    # The result comes last: where it is, the rest is.
    _write_text(folder / "result.json", analysis.result.to_json())


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise WriteError(f"cannot be written: {error.strerror}", path=path, remedy="check space and rights") from error


def _row(item: Rejected) -> tuple[str, str, str, str]:
    return str(item.path), "", item.status.value, item.reason


def _write_inputs(out_dir: Path, rows: list[tuple[str, str, str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["path", "study_uid", "status", "reason"])
    # Names on disk may not be text at all; they are written with what is readable of them.
    writer.writerows([tuple(cell.encode("utf-8", "replace").decode("utf-8") for cell in row) for row in sorted(rows)])
    out_dir.mkdir(parents=True, exist_ok=True)
    _write_text(out_dir / "inputs.csv", text.getvalue())
