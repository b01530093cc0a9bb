"""``ho-imaging evaluate --model M --data DIR``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--model", default="default", help="name or folder of a model (default: %(default)s)")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder of simulated cases")
    parser.add_argument("--split", choices=["train", "val", "test"], default="test", help="(default: %(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many films")


def run(options: argparse.Namespace) -> int:
    """Score the model and print the figures as JSON."""
    from ho_imaging.network.model_store import load_model  # noqa: PLC0415  (torch loads only here)
    from ho_imaging.training.evaluate import evaluate_cases  # noqa: PLC0415

    model = load_model(options.model)
    evaluation = evaluate_cases(model, options.data, split=options.split, limit=options.limit)
    sys.stdout.write(json.dumps(evaluation.to_dict(), indent=2) + "\n")
    return 0
