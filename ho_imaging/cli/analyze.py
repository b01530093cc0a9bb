"""``ho-imaging analyze PATH... --out DIR``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ho_imaging.reporting.schema import StudyResult

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="DICOM, PNG, JPEG or TIFF files, or folders of them")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument("--masks", action="store_true", help="write the probability of ectopic bone as 8-bit PNG")
    parser.add_argument("--overlays", action="store_true", help="write pictures with outlines, measures and grade")
    parser.add_argument(
        "--context",
        type=Path,
        metavar="CSV",
        help="clinical facts by study: study_uid, cause, days_since_event, prophylaxis",
    )
    parser.add_argument("--model", default="default", help="name or folder of a model (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: %(default)s)")
    parser.add_argument("--region", help="the region of every film, in place of what the files say")
    parser.add_argument("--laterality", help="left, right or bilateral, in place of what the files say")


def run(options: argparse.Namespace) -> int:
    """Analyse, write results, print one JSON line a study, then one for each file that is no film of a study."""
    from ho_imaging.batch import run_batch  # noqa: PLC0415  (heavy imports wait until a command needs them)
    from ho_imaging.context_table import read_context_table  # noqa: PLC0415
    from ho_imaging.pipeline import Analyzer  # noqa: PLC0415

    contexts = None if options.context is None else read_context_table(options.context)
    analyzer = Analyzer(options.model, device=options.device, region=options.region, laterality=options.laterality)
    live = sys.stderr.isatty() and not options.quiet

    def tell(result: StudyResult, folder: Path, number: int, total: int) -> None:
        study = None if result.severity is None else result.severity.study
        line = {
            "study_uid": result.study_uid,
            "status": result.status,
            "reason": result.reason,
            "grade": None if study is None else study.grade,
            "score": None if study is None else study.score,
            "category": None if study is None else study.category,
            "findings": len(result.findings),
            "films_not_done": sum(image.status != "done" for image in result.images),
            "result": str(folder / "result.json").encode("utf-8", "replace").decode("utf-8"),
        }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        if live:
            sys.stderr.write(f"\r{number} of {total} studies")
            sys.stderr.flush()

    counts = run_batch(
        options.paths,
        options.out,
        analyzer,
        masks=options.masks,
        overlays=options.overlays,
        contexts=contexts,
        on_study=tell,
    )
    for item in counts.rejected:
        line = {"path": str(item.path), "status": item.status.value, "reason": item.reason}
        sys.stdout.write(json.dumps(line) + "\n")
    if live:
        sys.stderr.write("\n")
    if not options.quiet:
        sys.stderr.write(f"{counts.done} done, {counts.refused} refused, {counts.failed} failed\n")
    return 0 if counts.all_done else 1
