"""``ho-imaging compare BASELINE FOLLOWUP [LATER...]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ho_imaging.cli.answers import comparison_text
from ho_imaging.cli.common import add_json_argument, add_site_argument, site_of, wants_json

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "studies", nargs="+", metavar="STUDY", help="films or folders of one study each, earliest first"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for comparison.json and pictures")
    add_json_argument(parser)
    parser.add_argument(
        "--days", type=int, nargs="+", metavar="N", help="days between each study and the next, in place of dates"
    )
    parser.add_argument(
        "--allow-other-patient", action="store_true", help="compare even if the files name different patients"
    )
    parser.add_argument("--model", default="default", help="name or folder of a model (default: %(default)s)")
    add_site_argument(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Compare; print the verdict in sentences, or the result as JSON. Exit status 1 if nothing could be told."""
    from ho_imaging.pipeline import Analyzer  # noqa: PLC0415  (heavy imports wait until a command needs them)
    from ho_imaging.progression.studies import analyze_study, compare_studies  # noqa: PLC0415

    analyzer = Analyzer(options.model, device=options.device, site=site_of(options))
    studies = [analyze_study(analyzer, study) for study in options.studies]
    comparison = compare_studies(studies, days=options.days, allow_other_patient=options.allow_other_patient)
    # Before any picture: a full disk must not take the result with it.
    result = comparison.result
    sys.stdout.write(result.to_json(indent=None) if wants_json(options) else comparison_text(result))
    sys.stdout.flush()
    if options.out is not None:
        from ho_imaging.outputs.comparison_picture import write_comparison  # noqa: PLC0415

        write_comparison(comparison, options.out)
    # "cannot tell" of a side that both studies show is an answer; that no side could be compared is none.
    is_compared = any(side.earlier_film and side.later_film for side in comparison.result.overall.sides)
    return 0 if is_compared else 1
