"""``ho-imaging validate FILMS --labels CSV --out DIR``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ho_imaging.cli.common import add_analysis_arguments, add_out_argument, site_of
from ho_imaging.cli.progress import ProgressLine
from ho_imaging.errors import UsageError
from ho_imaging.files.output_names import SITE
from ho_imaging.files.path_text import path_text

if TYPE_CHECKING:
    from ho_imaging.batch import Outcome, Progress

__all__ = ["add_arguments", "run"]

DEFAULT_RATE = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("films", type=Path, metavar="FILMS", help="folder of films")
    parser.add_argument(
        "--labels", required=True, type=Path, metavar="CSV", help="a row a film or side: docs/validate.md"
    )
    add_out_argument(parser, "ho_validation", "folder for figures, tables and a page; resumes there")
    parser.add_argument(
        "--suggest-threshold",
        action="store_true",
        help="write DIR/site.toml: the operating threshold and the confidence of findings for these films",
    )
    parser.add_argument(
        "--false-positive-rate",
        type=float,
        metavar="SHARE",
        help=f"share of films labelled no that may be outlined, with --suggest-threshold (default: {DEFAULT_RATE:g})",
    )
    add_analysis_arguments(parser)
    parser.add_argument("--workers", type=int, metavar="N", help="processes, 0 for none (default: one a core)")
    parser.add_argument("--retry-failed", action="store_true", help="try failed films again")


def run(options: argparse.Namespace) -> int:
    """Analyse, compare, write; print the main figures as JSON. Exit status 1 if a row or a film is left over."""
    if options.false_positive_rate is not None and not options.suggest_threshold:
        raise UsageError("--false-positive-rate needs --suggest-threshold", remedy="give both")
    rate = DEFAULT_RATE if options.false_positive_rate is None else options.false_positive_rate
    if not 0.0 <= rate < 1.0:
        raise UsageError(f"--false-positive-rate {rate:g} is not from 0 to less than 1", remedy="give a share as 0.1")
    from ho_imaging.batch import BatchOptions, Settings  # noqa: PLC0415  (heavy imports wait)
    from ho_imaging.evaluation.validate import validate  # noqa: PLC0415

    settings = Settings(
        model=str(options.model), device=options.device, region=options.region, view=options.view, site=site_of(options)
    )
    settings.analyzer()  # checks the words before the first film
    progress_line = ProgressLine(quiet=options.quiet)

    def on_study(_outcome: Outcome, _folder: Path, progress: Progress) -> None:
        progress_line.show(progress)

    try:
        found = validate(
            options.films,
            options.labels,
            options.out,
            settings,
            BatchOptions(workers=options.workers, retry_failed=options.retry_failed),
            on_study=on_study,
        )
    finally:
        progress_line.end()
    group = found.figures.all
    line = {
        "page": path_text(found.page),
        "model": found.figures.model,
        "threshold": found.figures.threshold,
        "rows_not_matched": len(found.figures.rows_not_matched),
        "films_without_row": found.figures.films_without_row,
        **group.model_dump(
            mode="json",
            include={
                "films", "accepted", "refused", "failed", "accepted_yes", "accepted_no", "sensitivity", "specificity",
                "false_positive_rate", "auc",
            },
        ),
    }  # fmt: skip
    if options.suggest_threshold:
        from ho_imaging.files.atomic import write_text  # noqa: PLC0415
        from ho_imaging.network.site import site_text  # noqa: PLC0415

        site = found.suggest_site(rate)
        write_text(options.out / SITE, site_text(site))
        line["site"] = {"file": path_text(options.out / SITE), **site.model_dump(mode="json", exclude_none=True)}
    sys.stdout.write(json.dumps(line, indent=2, ensure_ascii=False) + "\n")
    return 0 if found.complete else 1
