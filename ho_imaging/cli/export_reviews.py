"""``ho-imaging export-reviews DIR --out SITE``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ho_imaging.cli.common import add_out_argument

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --out of an earlier ho-imaging analyze")
    add_out_argument(parser, "ho_site", "folder to export to")
    parser.add_argument("--store", type=Path, metavar="DIR", help="folder of decisions (default: DIR/reviews)")
    parser.add_argument(
        "--reader", action="append", dest="readers", metavar="NAME", help="only this reader's; may be repeated"
    )
    parser.add_argument("--model", default="default", help="model to be fine-tuned (default: %(default)s)")
    parser.add_argument(
        "--films", action="append", default=[], type=Path, metavar="DIR", help="where films are that have moved"
    )
    parser.add_argument(
        "--without-ho",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="further films that show no ectopic bone, by the site's own reports",
    )
    parser.add_argument(
        "--out-of-scope",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="further films that the model is not made for (chests, hands, ...)",
    )
    parser.add_argument(
        "--val-share", type=float, default=0.2, metavar="S", help="of patients, to calibrate by (default: %(default)s)"
    )
    parser.add_argument(
        "--test-share", type=float, default=0.0, metavar="S", help="of patients, to evaluate on (default: %(default)s)"
    )
    parser.add_argument("--dicom", action="store_true", help="write segmentations and reports, too")
    parser.add_argument(
        "--deidentify", type=Path, metavar="KEY", help="name nobody: pseudonyms by the site's key in this file, which "
        "is made where there is none and stays at the site",
    )  # fmt: skip
    parser.add_argument(
        "--burned-in", action="store_true",
        help="with --deidentify, also films whose header says that text is burned into the picture: look at them first",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Export; print the counts as JSON."""
    from ho_imaging.review.export import export_reviews  # noqa: PLC0415  (nothing loads before a command runs)

    summary = export_reviews(
        options.folder,
        options.out,
        store=options.store,
        readers=options.readers,
        model=options.model,
        films=options.films,
        without_ho=options.without_ho,
        out_of_scope=options.out_of_scope,
        val_share=options.val_share,
        test_share=options.test_share,
        dicom=options.dicom,
        deidentify_key=options.deidentify,
        burned_in=options.burned_in,
    )
    sys.stdout.write(json.dumps(summary.to_dict(), indent=2) + "\n")
    return 1 if summary.left_out else 0
