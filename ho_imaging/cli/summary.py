"""``ho-imaging summary DIR``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ho_imaging.cli.answers import summary_text
from ho_imaging.cli.common import add_json_argument, wants_json
from ho_imaging.logs import say

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --out of a batch, finished or not")
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Write the tables anew and print counts, grades and failures by reason, in sentences or as JSON."""
    from ho_imaging.batch import summarise  # noqa: PLC0415  (heavy imports wait until a command needs them)
    from ho_imaging.results.folder import OutputFolder  # noqa: PLC0415

    summary = summarise(options.folder)
    as_json = wants_json(options)
    sys.stdout.write(json.dumps(summary, indent=2, ensure_ascii=False) + "\n" if as_json else summary_text(summary))
    if not as_json and not options.quiet:
        say(f"Open {OutputFolder(options.folder).worklist} in a browser: the worklist of these studies.")
    return 0
