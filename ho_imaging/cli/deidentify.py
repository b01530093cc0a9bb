"""``ho-imaging deidentify PATH [PATH ...] --out DIR --key FILE``."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ho_imaging.cli.common import add_out_argument
from ho_imaging.errors import HOImagingError, UsageError

__all__ = ["add_arguments", "run"]

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="DICOM files or folders of them")
    add_out_argument(parser, "ho_deidentified", "folder for the de-identified files")
    parser.add_argument(
        "--key", required=True, type=Path, metavar="FILE",
        help="the site's key, created if missing; it stays at the site",
    )  # fmt: skip
    parser.add_argument(
        "--burned-in", action="store_true", help="also films whose header says that text is burned into the picture"
    )


def run(options: argparse.Namespace) -> int:
    """De-identify; print a JSON line for each file. Exit status 1 if one was left out."""
    from ho_imaging.reading.deidentify import site_key  # noqa: PLC0415

    if any(options.out.resolve().is_relative_to(path.resolve()) for path in options.paths):
        raise UsageError("lies in a folder that is de-identified", path=options.out, remedy="choose another --out")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.key.resolve().is_relative_to(options.out.resolve()):
        raise UsageError("would leave with the films", path=options.key, remedy="keep the key elsewhere")
    key = site_key(options.key)
    done = [_one(path, options, key) for path in _files(options.paths)]
    return 0 if done and all(done) else 1


def _one(path: Path, options: argparse.Namespace, key: bytes) -> bool:
    import pydicom  # noqa: PLC0415

    from ho_imaging.reading.deidentify import burned_in_warning, deidentify  # noqa: PLC0415

    line: dict[str, object] = {"path": str(path)}
    try:
        dataset = pydicom.dcmread(path)
        warning = burned_in_warning(dataset)
        if warning is not None and dataset.get("BurnedInAnnotation") == "YES" and not options.burned_in:
            raise UsageError(warning, remedy="--burned-in takes it all the same")
        made = deidentify(dataset, key)
        place = options.out / str(made.StudyInstanceUID) / f"{made.SOPInstanceUID}.dcm"
        place.parent.mkdir(exist_ok=True)
        made.save_as(place, enforce_file_format=True)
        line |= {"status": "done", "file": str(place), "warnings": [] if warning is None else [warning]}
    except HOImagingError as error:
        line |= {"status": "refused", "reason": error.reason}
    except Exception as error:  # whatever a file holds, the others go on; its words may hold the patient's data
        logger.debug("trace", exc_info=True)
        line |= {"status": "failed", "reason": f"it could not be processed ({type(error).__name__})"}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    return line["status"] == "done"


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file())
        else:
            yield path
