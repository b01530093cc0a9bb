"""``ho-imaging schema``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["add_arguments", "run"]

_KINDS = ("result", "comparison", "decisions", "bones")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--of",
        choices=_KINDS,
        default="result",
        help="result.json of a study (the default), comparison.json, a line of a reader's decisions, or the outlines "
        "of bones kept beside a result",
    )


def run(options: argparse.Namespace) -> int:
    """Print a JSON Schema."""
    from ho_imaging.results.schema import json_schema  # noqa: PLC0415  (pydantic loads only here)

    sys.stdout.write(json.dumps(json_schema(_model(options.of)), indent=2) + "\n")
    return 0


def _model(kind: str) -> type[BaseModel]:
    if kind == "comparison":
        from ho_imaging.progression.schema import ProgressionResult  # noqa: PLC0415  (each loads only where it is asked)

        return ProgressionResult
    if kind == "decisions":
        from ho_imaging.readings.decisions import Decision  # noqa: PLC0415

        return Decision
    if kind == "bones":
        from ho_imaging.results.bone_outlines import BoneOutlines  # noqa: PLC0415

        return BoneOutlines
    from ho_imaging.results.schema import StudyResult  # noqa: PLC0415

    return StudyResult
