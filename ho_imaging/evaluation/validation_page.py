"""The folder of a validation: figures, tables, a row a film, plots, and a page with every disagreement to look at."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from ho_imaging.errors import HOImagingError, WriteError
from ho_imaging.evaluation.disagreements import Disagreement
from ho_imaging.evaluation.film_pictures import draw_film
from ho_imaging.evaluation.outcomes import FilmOutcome
from ho_imaging.evaluation.plots import draw_plots
from ho_imaging.evaluation.validation_figures import film_confidence
from ho_imaging.evaluation.validation_schema import ValidationFigures, described_keys
from ho_imaging.evaluation.validation_tables import tables, to_markdown
from ho_imaging.files.atomic import write_bytes, write_text
from ho_imaging.files.output_names import FIGURES, FILMS_TABLE, PICTURES_FOLDER, TABLES_PAGE, WORKLIST
from ho_imaging.files.path_text import path_text
from ho_imaging.network.calibration import Calibration
from ho_imaging.reading.uid import is_uid
from ho_imaging.results.folder import StudyFolder, folder_name, read_result

__all__ = ["write_validation"]

logger = logging.getLogger(__name__)

_JPEG_QUALITY = 85
_LAST = ("not_analysed", "rows", "films")
"""Tables that stand below the pictures: they may be long."""


@dataclass(frozen=True)
class _Card:
    """A film on the page."""

    name: str
    what: tuple[str, ...]
    score: float
    confidence: float
    label: str
    lines: str
    groups: str
    picture: str | None
    no_picture: str


def write_validation(
    out_dir: Path,
    figures: ValidationFigures,
    films: Sequence[FilmOutcome],
    differing: Sequence[Disagreement],
    without_row: Sequence[str],
    confidence: Calibration,
) -> Path:
    """Write all files of a validation into a folder; return the page's path.

    Raises
    ------
    WriteError
        If the folder cannot be written to.
    UsageError
        Without matplotlib.

    """
    found = tables(figures, without_row)
    values = {"keys": described_keys(ValidationFigures), **figures.model_dump(mode="json")}
    write_text(out_dir / FIGURES, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    write_text(out_dir / TABLES_PAGE, to_markdown(found))
    write_text(out_dir / FILMS_TABLE, _films_csv(figures, films, confidence))
    plots = draw_plots(figures, films)
    _write_pictures(out_dir, plots)
    cards = _cards(out_dir, differing, figures, confidence)
    page = out_dir / WORKLIST
    write_text(page, _html(figures, found, list(plots), cards))
    return page


def _films_csv(figures: ValidationFigures, films: Sequence[FilmOutcome], confidence: Calibration) -> str:
    """Return a row a film; columns that make no subgroups stay out of it."""
    columns = list(figures.by_group)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["film", "sop_instance_uid", "label", "result", "score", "confidence", "outlines", "boxes", "boxes_hit", "hit",
         "label_grades", "grades", "status", "reason", "size_px", "lines", *columns]
    )  # fmt: skip
    for film in films:
        sure = film_confidence([film], confidence)[0] if film.accepted else None
        writer.writerow(
            [
                path_text(film.name),
                film.sop_instance_uid or "",
                film.ho or "",
                ("outlined" if film.outlines else "nothing") if film.accepted else "",
                "" if film.score is None else f"{film.score:.6f}",
                "" if sure is None else f"{sure:.4f}",
                len(film.outlines) if film.accepted else "",
                len(film.boxes),
                film.boxes_hit if film.accepted else "",
                ("yes" if film.boxes_hit else "no") if film.boxes and film.accepted else "",
                " ".join(f"{pair.side or 'film'}:{pair.system}:{pair.label}" for pair in film.grades),
                " ".join(f"{pair.side or 'film'}:{pair.system}:{pair.found or '-'}" for pair in film.grades),
                film.status,
                "" if film.reason is None else str(film.reason),
                film.size_px or "",
                " ".join(map(str, film.label.lines)),
                *(film.label.groups.get(column, "") for column in columns),
            ]
        )
    return stream.getvalue()


def _cards(
    out_dir: Path, differing: Sequence[Disagreement], figures: ValidationFigures, confidence: Calibration
) -> list[_Card]:
    folder = out_dir / PICTURES_FOLDER
    _clear(folder)
    cards = []
    for item in differing:
        film = item.film
        picture, why = _picture(folder, film)
        groups = {name: film.label.groups.get(name, "") for name in figures.by_group}
        cards.append(
            _Card(
                name=path_text(film.name),
                what=item.what,
                score=film.score or 0.0,
                confidence=film_confidence([film], confidence)[0],
                label=film.ho or "of sides",
                lines=", ".join(map(str, film.label.lines)),
                groups="; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in groups.items() if value),
                picture=picture,
                no_picture=why,
            )
        )
    return cards


def _clear(folder: Path) -> None:
    """Delete the pictures of an earlier run, which show other outlines; nothing that is named otherwise."""
    for path in folder.glob("*.jpg"):
        if is_uid(path.stem) or path.stem.startswith("uid-"):
            path.unlink(missing_ok=True)


def _picture(folder: Path, film: FilmOutcome) -> tuple[str | None, str]:
    """Draw a film into the folder; return the picture's place from the page, or why there is none."""
    uid = film.sop_instance_uid
    if film.folder is None or uid is None:
        return None, "no result"
    try:
        result = read_result(StudyFolder(film.folder).result)
        picture = draw_film(film.path, result, uid, film.boxes)
    except (HOImagingError, OSError) as error:
        logger.warning("%s: no picture: %s", path_text(film.path), error)
        return None, "the film cannot be read any more"
    encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    name = f"{folder_name(uid)}.jpg"
    _write_pictures(folder, {name: encoded})
    return f"{PICTURES_FOLDER}/{name}", ""


def _write_pictures(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_bytes(folder / name, data)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(
            f"cannot be written: {error.strerror}", path=folder, remedy="check space and rights"
        ) from error


def _html(figures: ValidationFigures, found: Any, plots: Sequence[str], cards: Sequence[_Card]) -> str:
    import jinja2  # noqa: PLC0415  (only for the page)

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ho_imaging.evaluation"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("validation.html.j2").render(
        figures=figures, tables=found, plots=plots, cards=cards, last=_LAST
    )
