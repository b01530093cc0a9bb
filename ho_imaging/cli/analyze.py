"""``ho-imaging analyze PATH... --out DIR``."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ho_imaging.cli.answers import study_line
from ho_imaging.cli.common import (
    add_analysis_arguments,
    add_identifier_arguments,
    add_json_argument,
    add_out_argument,
    site_of,
    wants_json,
)
from ho_imaging.cli.progress import ProgressLine
from ho_imaging.errors import UsageError
from ho_imaging.files.path_text import path_text
from ho_imaging.logs import say
from ho_imaging.outputs.registry import names
from ho_imaging.vocabulary import Identifiers, Laterality, spell_side

if TYPE_CHECKING:
    from ho_imaging.batch import BatchOptions, Outcome, Progress, Settings
    from ho_imaging.batch.options import BatchCounts
    from ho_imaging.reading import Rejected

__all__ = ["add_arguments", "run"]


_STANDARD_INPUT = "-"

_SHORT = {
    "masks": "--outputs masks: probability of ectopic bone as 8-bit PNG",
    "overlays": "--outputs overlays: pictures with outlines, measures and grade",
    "dicom": "--outputs dicom: segmentation, report, presentation state, secondary capture",
    "dicom:probability": "--outputs dicom:probability: and the probability as a fractional segmentation",
    "dicom:anatomy": "--outputs dicom:anatomy: and bones and implants",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="DICOM, PNG, JPEG or TIFF files, folders or zip archives of them, a DICOMDIR, or - for standard input",
    )
    add_out_argument(parser, "ho_results", "folder for the results; run the same command again to resume")
    add_json_argument(parser)
    parser.add_argument(
        "--outputs",
        action="extend",
        type=_listed,
        default=[],
        metavar="NAMES",
        help="write these, too, separated by commas, with options as in dicom:probability (see docs/outputs.md): "
        + ", ".join(names()),
    )
    for name, text in _SHORT.items():
        parser.add_argument(
            f"--{name.replace(':', '-')}", dest="outputs", action="append_const", const=name, help=f"short for {text}"
        )
    parser.add_argument(
        "--context",
        type=Path,
        metavar="CSV",
        help="clinical facts by study, separated by commas: study_uid, cause, days_since_event, prophylaxis",
    )
    add_identifier_arguments(parser)
    parser.add_argument(
        "--language",
        metavar="CODE",
        help="language of worklist and reports: en, de (default: as the last run, at first en)",
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
    parser.add_argument("--again", action="store_true", help="analyse every study again, whether it changed or not")
    parser.add_argument("--retry-failed", action="store_true", help="try failed studies again")
    parser.add_argument("--since", metavar="DATE", help="only studies with a file changed since (YYYY-MM-DD[THH:MM])")
    parser.add_argument("--limit", type=int, metavar="N", help="analyse at most N studies now")
    parser.add_argument("--dask", metavar="ADDRESS", help="work on a Dask cluster: tcp://HOST:PORT of its scheduler")
    parser.add_argument("--shard", metavar="I/N", help="part I of N of the studies, for schedulers")


def run(options: argparse.Namespace) -> int:
    """Analyse, write results, print a line a study, then one for each file that is no film of a study."""
    as_json = wants_json(options)
    if not options.quiet:
        places = ["standard input" if path == _STANDARD_INPUT else path for path in options.paths]
        say(f"Looking for radiographs in {', '.join(places)}. Results go to {options.out}.")
    from ho_imaging.batch import run_batch  # noqa: PLC0415  (heavy imports wait)
    from ho_imaging.batch.context_table import read_context_table  # noqa: PLC0415
    from ho_imaging.batch.run import said_identifiers  # noqa: PLC0415

    contexts = None if options.context is None else read_context_table(options.context)
    settings, batch = _settings(options), _batch_options(options)
    progress_line = ProgressLine(quiet=options.quiet)
    came: list[Path] = []
    if _STANDARD_INPUT in options.paths:
        from ho_imaging.batch.standard_input import forget_film, keep_standard_input  # noqa: PLC0415

        if sys.stdin is None:
            raise UsageError("standard input is closed", remedy="give a path in place of '-'")
        came.append(keep_standard_input(sys.stdin.buffer, options.out))

    def on_study(outcome: Outcome, folder: Path, progress: Progress) -> None:
        progress_line.write(_line(outcome, folder) if as_json else study_line(outcome, folder))
        progress_line.show(progress)

    try:
        counts = run_batch(
            [*(path for path in options.paths if path != _STANDARD_INPUT), *came],
            options.out,
            settings,
            batch,
            contexts=contexts,
            contexts_file=options.context,
            on_study=on_study,
        )
    finally:
        progress_line.end()
        # A run that was refused is in no ledger, so what it asked for goes before what the last run said.
        unnamed = (settings.identifiers or said_identifiers(options.out)) is Identifiers.NONE
        for path in came if unnamed else ():
            forget_film(path)
    for item in counts.rejected:
        progress_line.write(_rejected_line(item, as_json=as_json, unnamed=unnamed))
    if not options.quiet:
        _say_counts(counts, options.out, as_json=as_json)
    return 0 if counts.all_done else 1


def _settings(options: argparse.Namespace) -> Settings:
    """Return the settings of the analysis; words and numbers are checked before the first film."""
    from ho_imaging.batch import Settings  # noqa: PLC0415  (heavy imports wait)
    from ho_imaging.outputs.spoken import check_language  # noqa: PLC0415

    settings = Settings(
        model=str(options.model),
        device=options.device,
        region=options.region,
        view=options.view,
        laterality=options.laterality,
        spacing_mm=None if options.spacing is None else (options.spacing[0], options.spacing[1]),
        site=site_of(options),
        outputs=_chosen(options.outputs, options.language),
        identifiers=None if options.identifiers is None else Identifiers(options.identifiers),
        language=options.language,
    )
    if settings.language is not None:
        check_language(settings.language)
    settings.analyzer()  # checks words and numbers
    return settings


def _batch_options(options: argparse.Namespace) -> BatchOptions:
    from ho_imaging.batch import BatchOptions  # noqa: PLC0415  (heavy imports wait)

    return BatchOptions(
        workers=options.workers,
        retry_failed=options.retry_failed,
        again=options.again,
        since=_seconds(options.since),
        limit=options.limit,
        shard=_shard(options.shard),
        dask=_scheduler(options.dask),
    )


def _say_counts(counts: BatchCounts, out: Path, *, as_json: bool) -> None:
    """Tell how many studies ended in which way, and the place of the worklist."""
    before = counts.done + counts.refused + counts.failed - len(counts.rejected) - counts.analysed
    note = f" ({before} from earlier runs)" if before > 0 else ""
    note += f", {counts.left} left for later" if counts.left else ""
    say(f"{counts.done} done, {counts.refused} refused, {counts.failed} failed{note}")
    if not as_json:
        from ho_imaging.results.folder import OutputFolder  # noqa: PLC0415  (heavy imports wait)

        say(f"Open {OutputFolder(out).worklist} in a browser: the worklist of these studies.")


def _line(outcome: Outcome, folder: Path) -> str:
    """Return one line of data on a study."""
    from ho_imaging.outputs.rows import IDENTIFIER_COLUMNS, reason_cells  # noqa: PLC0415  (heavy imports wait)
    from ho_imaging.results.folder import StudyFolder  # noqa: PLC0415

    study = outcome.rows.get("study", {})
    line = {
        "study_uid": outcome.study_uid,
        "path": study.get("path"),
        **{name: study[name] for name in IDENTIFIER_COLUMNS if study.get(name) is not None},
        "status": outcome.status,
        **reason_cells(outcome.reason),
        "side": study.get("side"),
        "grade": study.get("grade"),
        "score": study.get("score"),
        "category": study.get("category"),
        "findings": study.get("findings", 0),
        "films_not_done": study.get("films_not_done", 0),
        "result": path_text(StudyFolder(folder).result),
    }
    return json.dumps(line, ensure_ascii=False)


def _rejected_line(item: Rejected, *, as_json: bool, unnamed: bool) -> str:
    """Return one line on a file that is no film of a study."""
    from ho_imaging.outputs.rows import reason_cells  # noqa: PLC0415  (loads the schema)
    from ho_imaging.results.identified import without_paths  # noqa: PLC0415

    reason = without_paths(item.reason) if unnamed else item.reason
    path = None if unnamed else path_text(item.path)
    if as_json:
        return json.dumps({"path": path, "status": item.status.value, **reason_cells(reason)})
    return f"{'a file' if path is None else path}: {item.status.value}: {reason}"


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _chosen(outputs: list[str], language: str | None = None) -> tuple[str, ...]:
    """Return the outputs asked for, each once: an output with options in place of the same without.

    A report that says no language has that of the worklist.
    """
    from ho_imaging.outputs.registry import choose  # noqa: PLC0415  (heavy imports wait)

    parts: dict[str, list[str]] = {}
    for text in outputs:
        name, *options = text.split(":")
        parts.setdefault(name, []).extend(options)
    if "report" in parts and language is not None and not any(one.startswith("language=") for one in parts["report"]):
        parts["report"].append(f"language={language}")
    return tuple(choose(":".join([name, *options])).text for name, options in parts.items())


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise UsageError(f"--since {text!r} is not a date", remedy="write YYYY-MM-DD or YYYY-MM-DDTHH:MM") from error


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
        raise UsageError(f"--shard {text!r} is not a part", remedy="write I/N with I from 1 to N")
    return int(first), int(second)
