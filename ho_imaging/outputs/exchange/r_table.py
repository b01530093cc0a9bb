"""One CSV of all nodules for R, with what each film and side says of it; what is not known is ``NA``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ho_imaging.files.atomic import write_text
from ho_imaging.outputs.registry import Output, Per, Source
from ho_imaging.outputs.rows import FINDING_COLUMNS, finding_rows
from ho_imaging.results.schema import StudyResult

__all__ = ["OUTPUT"]

_OF_FILM = ("region", "view", "measured_basis")
_OF_SIDE = ("system", "grade", "score", "category")
_COLUMNS = (*FINDING_COLUMNS, *_OF_FILM, *_OF_SIDE, "model", "model_version")


def _write(sources: Iterable[Source], path: Path) -> None:
    stream = io.StringIO()
    lines = csv.writer(stream, lineterminator="\n")
    lines.writerow(_COLUMNS)
    for source in sources:
        for row in _rows(source.result):
            lines.writerow([_word(row.get(name)) for name in _COLUMNS])
    write_text(path, stream.getvalue())


def _rows(result: StudyResult) -> list[dict[str, Any]]:
    films = {image.sop_instance_uid: image for image in result.images}
    sides = {side.side: side for side in (() if result.severity is None else result.severity.sides)}
    model = {} if result.model is None else {"model": result.model.name, "model_version": result.model.version}
    rows = []
    for row, finding in zip(finding_rows(result), result.findings, strict=True):
        film, side = films.get(finding.sop_instance_uid), sides.get(finding.side)
        of_film = {} if film is None else {name: getattr(film, name) for name in _OF_FILM}
        of_side = {} if side is None else {name: getattr(side, name) for name in _OF_SIDE}
        rows.append({**row, **of_film, **of_side, **model})
    return rows


def _word(value: Any) -> str:
    """Return a value as R's ``read.csv`` takes it without further arguments."""
    if value is None:
        return "NA"
    return str(value).upper() if isinstance(value, bool) else str(value)


OUTPUT = Output(
    name="r",
    about="CSV for R: a row a nodule, with film, side and grade",
    write=_write,
    per=Per.BATCH,
    file="findings_r.csv",
)
