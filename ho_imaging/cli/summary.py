"""``ho-imaging summary DIR``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --out of a batch, finished or not")


def run(options: argparse.Namespace) -> int:
    """Write the tables anew and print counts, grades and failures by reason as JSON."""
    from ho_imaging.batch import summarise  # noqa: PLC0415  (heavy imports wait until a command needs them)

    sys.stdout.write(json.dumps(summarise(options.folder), indent=2, ensure_ascii=False) + "\n")
    return 0
