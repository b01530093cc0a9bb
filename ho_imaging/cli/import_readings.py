"""``ho-imaging import-readings DIR FILE... --reader NAME``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --out of an earlier ho-imaging analyze")
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="COCO, LabelMe or GeoJSON files, or folders of them"
    )
    parser.add_argument("--reader", required=True, metavar="NAME", help="who drew the outlines")
    parser.add_argument("--store", type=Path, metavar="DIR", help="folder of decisions (default: DIR/reviews)")
    parser.add_argument(
        "--label", action="append", default=[], dest="labels", metavar="NAME", help="only this class; may be repeated"
    )


def run(options: argparse.Namespace) -> int:
    """Import; print the counts as JSON."""
    from ho_imaging.readings.import_readings import import_readings  # noqa: PLC0415  (heavy imports wait)

    done = import_readings(
        options.folder, options.files, reader=options.reader, store=options.store, labels=options.labels
    )
    sys.stdout.write(json.dumps({"reader": options.reader, **asdict(done)}, ensure_ascii=False) + "\n")
    return 1 if done.partly_read else 0
