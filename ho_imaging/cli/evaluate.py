"""``ho-imaging evaluate --model M --data DIR --out DIR``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ho_imaging.cli.common import add_out_argument, add_site_argument, site_of
from ho_imaging.files.atomic import write_text
from ho_imaging.files.output_names import FIGURES, FILMS_LINES, MODEL_STAMP, PAIRS, PAIRS_LINES, TABLES_PAGE

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--model", default="default", help="name or folder of a model (default: %(default)s)")
    add_site_argument(parser)
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder of studies with truth")
    add_out_argument(parser, "ho_evaluation", "folder for figures, curves and a page; resumes there")
    parser.add_argument(
        "--pairs", action="store_true", help="the folder holds pairs of visits: score the comparison instead"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="the first N studies only")


def run(options: argparse.Namespace) -> int:
    """Score the whole program on studies with truth; print the figures as JSON."""
    from ho_imaging.errors import UsageError  # noqa: PLC0415  (nothing loads before a command runs)
    from ho_imaging.evaluation.evaluate import evaluate_studies  # noqa: PLC0415
    from ho_imaging.evaluation.evaluation_page import write_page  # noqa: PLC0415
    from ho_imaging.evaluation.evaluation_tables import markdown_tables  # noqa: PLC0415
    from ho_imaging.evaluation.figures import figures  # noqa: PLC0415
    from ho_imaging.evaluation.truth import list_studies  # noqa: PLC0415
    from ho_imaging.pipeline import Analyzer  # noqa: PLC0415

    if not options.pairs:
        list_studies(options.data)  # that there are none is said before the model is loaded
    analyzer = Analyzer(options.model, site=site_of(options))
    identity = analyzer.model.identity
    data = str(options.data.resolve())
    mark = {"name": identity.name, "version": identity.version, "sha256": identity.sha256, "data": data}
    if identity.site is not None:
        mark["site"] = identity.site.sha256
    stamp = options.out / MODEL_STAMP
    # Stamps used to hold the path as it was given.
    same = (mark, mark | {"data": str(options.data)})
    if stamp.exists() and json.loads(stamp.read_text(encoding="utf-8")) not in same:
        raise UsageError("holds an evaluation of another model or other data", path=options.out, remedy="empty it")

    def begin() -> None:
        """Stamp the folder, once there is something to score: else it would be kept from the right data."""
        options.out.mkdir(parents=True, exist_ok=True)
        write_text(stamp, json.dumps(mark, indent=2) + "\n")

    if options.pairs:
        from ho_imaging.evaluation.evaluate_pairs import evaluate_pairs, pair_figures  # noqa: PLC0415

        if any(options.data.glob("*/pair.json")):
            begin()
        pairs = evaluate_pairs(analyzer, options.data, limit=options.limit, kept=options.out / PAIRS_LINES)
        text = json.dumps({"model": f"{identity.name} {identity.version}", **pair_figures(pairs)}, indent=2) + "\n"
        write_text(options.out / PAIRS, text)
        sys.stdout.write(text)
        return 0
    begin()
    records = evaluate_studies(analyzer, options.data, options.out / FILMS_LINES, limit=options.limit)
    found = {"model": f"{identity.name} {identity.version}", **figures(records)}
    text = json.dumps(found, indent=2) + "\n"
    write_text(options.out / FIGURES, text)
    write_text(options.out / TABLES_PAGE, markdown_tables(found))
    write_page(options.out, f"{identity.name} {identity.version}", found, records)
    sys.stdout.write(text)
    return 1 if any(record.status == "failed" for record in records) else 0
