"""``ho-imaging train CONFIG --out DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ho_imaging.cli.common import add_out_argument

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="TOML configuration")
    add_out_argument(parser, "ho_training", "folder of the run; resumes if it holds one")
    parser.add_argument("--cases", type=Path, metavar="DIR", help="folder of cases, in place of the configuration's")
    parser.add_argument("--films", type=Path, metavar="DIR", help="folder of reviewed films, likewise")
    parser.add_argument("--init", metavar="MODEL", help="name or folder of a model to begin from (fine-tuning)")
    parser.add_argument("--minutes", type=float, metavar="M", help="budget, in place of the configuration's")


def run(options: argparse.Namespace) -> int:
    """Train, or go on training."""
    from ho_imaging.training import train  # noqa: PLC0415  (torch loads only here)

    folders = {"cases_dir": options.cases, "films_dir": options.films}
    train(options.config, options.out, options.minutes, **folders, init=options.init)
    sys.stdout.write(f"{options.out}\n")
    return 0
