"""``ho-imaging schema``."""

from __future__ import annotations

import argparse
import json
import sys

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: none."""


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    from ho_imaging.results.schema import json_schema  # noqa: PLC0415  (pydantic loads only here)

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return 0
