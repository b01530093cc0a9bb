"""``ho-imaging analyze PATH... --out DIR``."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ho_imaging.cli.common import add_analysis_arguments, site_of
from ho_imaging.cli.progress import ProgressLine
from ho_imaging.errors import UsageError
from ho_imaging.files.path_text import path_text
from ho_imaging.logs import say
from ho_imaging.vocabulary import Laterality, spell_side

if TYPE_CHECKING:
    from ho_imaging.batch import Outcome, Progress

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="DICOM, PNG, JPEG or TIFF files, or folders of them")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results; goes on there")
    parser.add_argument("--masks", action="store_true", help="write the probability of ectopic bone as 8-bit PNG")
    parser.add_argument("--overlays", action="store_true", help="write pictures with outlines, measures and grade")
    parser.add_argument(
        "--dicom",
        action="store_true",
        help="write DICOM objects: segmentation, report, presentation state, secondary capture",
    )
    parser.add_argument(
        "--dicom-probability", action="store_true", help="the same, and the probability as a fractional segmentation"
    )
    parser.add_argument("--dicom-anatomy", action="store_true", help="the same, and bones and implants")
    parser.add_argument(
        "--context",
        type=Path,
        metavar="CSV",
        help="clinical facts by study, separated by commas: study_uid, cause, days_since_event, prophylaxis",
    )
    add_analysis_arguments(parser)
    parser.add_argument(
        "--laterality",
        type=spell_side,
        metavar="WORD",
        help="the side of every film, likewise, R, L or B or one of: " + ", ".join(Laterality),
    )
    parser.add_argument(
        "--spacing", type=float, nargs=2, metavar=("ROW_MM", "COLUMN_MM"), help="the pixel spacing, likewise"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes, 0 for none (default: one a core)")
    parser.add_argument("--retry-failed", action="store_true", help="try failed studies again")
    parser.add_argument("--since", metavar="DATE", help="only studies with a file changed since (YYYY-MM-DD[THH:MM])")
    parser.add_argument("--limit", type=int, metavar="N", help="analyse at most N studies now")
    parser.add_argument("--dask", metavar="ADDRESS", help="work on a Dask cluster: tcp://HOST:PORT of its scheduler")
    parser.add_argument("--shard", metavar="I/N", help="part I of N of the studies, for schedulers")


def run(options: argparse.Namespace) -> int:
    """Analyse, write results, print one JSON line a study, then one for each file that is no film of a study."""
    from ho_imaging.batch import BatchOptions, Settings, run_batch  # noqa: PLC0415  (heavy imports wait)
    from ho_imaging.batch.context_table import read_context_table  # noqa: PLC0415
    from ho_imaging.pipeline import Analyzer  # noqa: PLC0415

    contexts = None if options.context is None else read_context_table(options.context)
    settings = Settings(
        model=str(options.model),
        device=options.device,
        region=options.region,
        view=options.view,
        laterality=options.laterality,
        spacing_mm=None if options.spacing is None else (options.spacing[0], options.spacing[1]),
        site=site_of(options),
        masks=options.masks,
        overlays=options.overlays,
        dicom=options.dicom,
        dicom_probability=options.dicom_probability,
        dicom_anatomy=options.dicom_anatomy,
    )
    # Checks words and numbers before the first film.
    Analyzer(
        settings.model,
        region=settings.region,
        view=settings.view,
        laterality=settings.laterality,
        spacing_mm=settings.spacing_mm,
    )
    batch = BatchOptions(
        workers=options.workers,
        retry_failed=options.retry_failed,
        since=_seconds(options.since),
        limit=options.limit,
        shard=_shard(options.shard),
        dask=_scheduler(options.dask),
    )
    progress_line = ProgressLine(quiet=options.quiet)

    def on_study(outcome: Outcome, folder: Path, progress: Progress) -> None:
        _tell(outcome, folder)
        progress_line.show(progress)

    try:
        counts = run_batch(
            options.paths,
            options.out,
            settings,
            batch,
            contexts=contexts,
            contexts_file=options.context,
            on_study=on_study,
        )
    finally:
        progress_line.end()
    from ho_imaging.outputs.rows import reason_cells  # noqa: PLC0415  (loads the schema)

    for item in counts.rejected:
        line = {"path": str(item.path), "status": item.status.value, **reason_cells(item.reason)}
        sys.stdout.write(json.dumps(line) + "\n")
    if not options.quiet:
        before = counts.done + counts.refused + counts.failed - len(counts.rejected) - counts.analysed
        note = f" ({before} from earlier runs)" if before > 0 else ""
        note += f", {counts.left} left for later" if counts.left else ""
        say(f"{counts.done} done, {counts.refused} refused, {counts.failed} failed{note}")
    return 0 if counts.all_done else 1


def _tell(outcome: Outcome, folder: Path) -> None:
    """Write one line of data on a study."""
    from ho_imaging.outputs.rows import reason_cells  # noqa: PLC0415  (loads the schema)

    study = outcome.rows.get("study", {})
    line = {
        "study_uid": outcome.study_uid,
        "status": outcome.status,
        **reason_cells(outcome.reason),
        "grade": study.get("grade"),
        "score": study.get("score"),
        "category": study.get("category"),
        "findings": study.get("findings", 0),
        "films_not_done": study.get("films_not_done", 0),
        "result": path_text(folder / "result.json"),
    }
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise UsageError(f"--since {text!r} is no date", remedy="write YYYY-MM-DD or YYYY-MM-DDTHH:MM") from error


def _scheduler(address: str | None) -> str | None:
    if address is not None:
        from ho_imaging.batch.cluster import check_address  # noqa: PLC0415  (only for a cluster)

        check_address(address)
    return address


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, second = text.partition("/")
    if not (first.isdigit() and second.isdigit() and 1 <= int(first) <= int(second)):
        raise UsageError(f"--shard {text!r} is no part", remedy="write I/N with I from 1 to N")
    return int(first), int(second)
