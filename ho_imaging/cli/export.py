"""``ho-imaging export CONFIG RUN MODEL --version V``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="TOML configuration the run was made with")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder to write; its name is the model's")
    parser.add_argument("--model-version", required=True, metavar="V", help="version of the model")
    parser.add_argument("--cases", type=Path, metavar="DIR", help="folder of cases, in place of the configuration's")
    parser.add_argument("--films", type=Path, metavar="DIR", help="folder of reviewed films, likewise")
    parser.add_argument("--checkpoint", default="best.safetensors", metavar="FILE", help="(default: %(default)s)")
    parser.add_argument(
        "--halfway-to", metavar="MODEL", help="average the weights with this model's, which the run began from"
    )


def run(options: argparse.Namespace) -> int:
    """Calibrate and write the model."""
    from ho_imaging.training.export import export_model  # noqa: PLC0415  (torch loads only here)

    export_model(
        options.config,
        options.run,
        options.model,
        version=options.model_version,
        cases_dir=options.cases,
        films_dir=options.films,
        checkpoint=options.checkpoint,
        halfway_to=options.halfway_to,
    )
    sys.stdout.write(f"{options.model}\n")
    return 0
