"""Analyse a site's labelled films and compare: the whole of ``ho-imaging validate``."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ho_imaging.batch import BatchOptions, Settings, run_batch
from ho_imaging.batch.options import OnStudy
from ho_imaging.errors import ReadError
from ho_imaging.evaluation.disagreements import disagreements
from ho_imaging.evaluation.labels import LabelTable, raise_problems, read_labels
from ho_imaging.evaluation.matching import Matched, match_labels
from ho_imaging.evaluation.outcomes import FilmOutcome, film_outcomes
from ho_imaging.evaluation.site_threshold import suggest_site
from ho_imaging.evaluation.validation_figures import by_size, group_figures, split_by_columns
from ho_imaging.evaluation.validation_page import write_validation
from ho_imaging.evaluation.validation_schema import RowNotMatched, ValidationFigures
from ho_imaging.files.path_text import path_text
from ho_imaging.network.calibration import Calibration
from ho_imaging.network.prediction import ModelIdentity
from ho_imaging.network.site import SiteFile
from ho_imaging.reading import Discovery, StudyRef, discover
from ho_imaging.results.schema import RESEARCH_USE
from ho_imaging.vocabulary import Structure

__all__ = ["Validation", "validate"]

logger = logging.getLogger(__name__)

ANALYSIS = "analysis"
"""Folder of the batch, an ordinary output folder of ``ho-imaging analyze``."""


@dataclass(frozen=True)
class Validation:
    """Result of a validation: its figures, each film's outcome, and the page."""

    figures: ValidationFigures
    films: tuple[FilmOutcome, ...]
    matched: Matched
    page: Path
    model: ModelIdentity
    confidence: Calibration
    """Confidence of findings that the films were analysed with."""

    @property
    def complete(self) -> bool:
        """Return whether every row has its film and every film could be read."""
        figures = self.figures
        return not (figures.rows_not_matched or figures.all.failed or figures.all.pending)

    def suggest_site(self, rate: float) -> SiteFile:
        """Return the site file for a share of films labelled ``no`` that may be outlined; raises `UsageError`."""
        figures = self.figures
        return suggest_site(
            self.films,
            rate=rate,
            threshold_before=figures.threshold,
            confidence_before=self.confidence,
            model=self.model,
            labels_sha256=figures.labels_sha256,
            program=figures.program,
        )


def validate(
    films: Path,
    labels: Path,
    out_dir: Path,
    settings: Settings | None = None,
    options: BatchOptions | None = None,
    *,
    on_study: OnStudy | None = None,
) -> Validation:
    """Analyse the films that a table of labels names, compare, and write figures, tables and a page into a folder.

    The same call resumes an analysis that was stopped. Films that no row names are counted and not analysed.

    Parameters
    ----------
    films
        A folder of films.
    labels
        CSV with a row a film or a side; see ``docs/validate.md``.
    out_dir
        Folder to write to; the analysis goes into ``analysis`` below it.
    settings, options
        How films are analysed; see `ho_imaging.batch.run_batch`.
    on_study
        Is told each study as it ends.

    Raises
    ------
    UsageError
        If the table cannot be used: all of its bad lines are named before anything is analysed.
    ReadError
        If there is no such folder of films.
    HOImagingError
        As `ho_imaging.batch.run_batch` raises.

    """
    settings = settings or Settings()
    if not films.exists():
        raise ReadError("does not exist", path=films, remedy="check the path")
    table = read_labels(labels)
    matched = match_labels(table, _without_own(discover([films]), out_dir), films)
    raise_problems(labels, [*table.problems, *matched.problems])
    _warn(labels, matched)
    identity, threshold, confidence = _model(settings)
    paths = [film.path for film in matched.films if film.image is not None]
    if paths:
        # Figures are of the films that the table names now: those of an earlier table would join their studies.
        run_batch(paths, out_dir / ANALYSIS, settings, options, on_study=on_study, earlier_films=False)
    outcomes = film_outcomes(matched.films, out_dir / ANALYSIS)
    figures = _figures(table, matched, outcomes, settings, identity, threshold, confidence)
    page = write_validation(
        out_dir,
        figures,
        outcomes,
        disagreements(outcomes, confidence),
        [path_text(path) for path in matched.without_row],
        confidence,
    )
    return Validation(figures, tuple(outcomes), matched, page, identity, confidence)


def _without_own(discovery: Discovery, out_dir: Path) -> Discovery:
    """Leave out what an earlier run wrote, where the output folder lies below the films."""
    own = Path(os.path.realpath(out_dir))

    def is_own(path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(own)

    studies = [
        StudyRef(study.study_uid, tuple(image for image in study.images if not is_own(Path(image.path))))
        for study in discovery.studies
    ]
    return Discovery(
        tuple(study for study in studies if study.images),
        tuple(item for item in discovery.rejected if not is_own(item.path)),
    )


def _warn(labels: Path, matched: Matched) -> None:
    for problem in matched.unmatched:
        logger.warning("%s: %s", labels, problem)
    if matched.without_row:
        logger.info("films without a row, not analysed: %d", len(matched.without_row))


def _model(settings: Settings) -> tuple[ModelIdentity, float, Calibration]:
    """Return the model, and the operating threshold and confidence of findings that films are analysed with."""
    from ho_imaging.network.model_store import find_model, read_description  # noqa: PLC0415  (torch loads here)

    name = settings.model
    description = read_description(find_model(Path(name) if os.sep in name else name))
    if settings.site is not None:
        settings.site.check(description.identity)
        return description.identity, settings.site.threshold, settings.site.finding_confidence
    return description.identity, description.thresholds[Structure.HO], description.finding_confidence


def _figures(
    table: LabelTable,
    matched: Matched,
    outcomes: Sequence[FilmOutcome],
    settings: Settings,
    model: ModelIdentity,
    threshold: float,
    confidence: Calibration,
) -> ValidationFigures:
    from ho_imaging._version import __version__  # noqa: PLC0415  (the package imports this module late)

    groups, left = split_by_columns(outcomes, table.group_columns)
    return ValidationFigures(
        model=f"{model.name} {model.version}",
        model_sha256=model.sha256,
        site_sha256=None if settings.site is None else settings.site.sha256,
        program=f"ho_imaging {__version__}",
        threshold=threshold,
        labels_sha256=table.sha256,
        rows=len(table.rows),
        rows_not_matched=tuple(RowNotMatched(line=row.line, why=row.why) for row in matched.unmatched),
        films_without_row=len(matched.without_row),
        columns_without_subgroups=left,
        all=group_figures(outcomes, confidence),
        by_size={name: group_figures(films, confidence) for name, films in by_size(outcomes).items()},
        by_group={
            column: {value: group_figures(films, confidence) for value, films in values.items()}
            for column, values in groups.items()
        },
        research_use=RESEARCH_USE,
    )
