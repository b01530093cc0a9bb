"""``ho-imaging``: choose a command, set up logging, turn errors into exit codes.

Exit status: 0 all done, 1 some input was refused or failed, 2 wrong use, 130 interrupted. Standard output is data,
standard error is talk.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from importlib import import_module

from ho_imaging import __version__
from ho_imaging.cli.common import check_out, is_page
from ho_imaging.errors import HOImagingError

__all__ = ["main"]

_COMMANDS = {
    "analyze": "find, measure and grade heterotopic ossification on files and folders of radiographs",
    "summary": "count what a batch has done, and write its tables anew",
    "compare": "say what grew between studies of one patient",
    "report": "write a study's report as HTML and PDF",
    "serve": "take studies from a PACS, analyse them and send the results back",
    "fetch-analyze": "fetch studies from an archive and analyse them",
    "schema": "print the JSON schema of a result",
    "simulate": "make simulated films with exact truth",
    "train": "train a network from a configuration",
    "validate": "measure how well it does on your own labelled films, and fit a threshold to them",
    "evaluate": "score the whole program on studies with truth",
    "export": "turn a training run into a model folder",
    "export-reviews": "export what readers have reviewed, to train, to evaluate and as DICOM",
}


class _JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="ho-imaging",
        description="Reads radiographs, outlines heterotopic ossification, measures every nodule, grades each study.",
        epilog="Research software. Not a medical device. Not for diagnosis, treatment or triage.",
    )
    parser.add_argument("--version", action="version", version=f"ho_imaging {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more on standard error")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    parser.add_argument("--log-json", action="store_true", help="write what is said on standard error as JSON lines")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        import_module(f"ho_imaging.cli.{name.replace('-', '_')}").add_arguments(command)
    options = parser.parse_args(arguments)
    level = logging.DEBUG if options.verbose else logging.ERROR if options.quiet else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(message)s", force=True)
    if options.log_json:
        logging.getLogger().handlers[0].setFormatter(_JsonLines())
    if not options.verbose:
        logging.getLogger("pydicom").setLevel(logging.ERROR)
        logging.getLogger("highdicom").setLevel(logging.WARNING)
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # says per packet what the service says once
        logging.captureWarnings(True)
        logging.getLogger("py.warnings").setLevel(logging.ERROR)
    out = getattr(options, "out", None)
    try:
        if out is not None:
            check_out(out, page=options.command == "report" and is_page(out))
        return int(import_module(f"ho_imaging.cli.{options.command.replace('-', '_')}").run(options))
    except HOImagingError as error:
        logging.getLogger(__name__).error("%s", error)
        logging.getLogger(__name__).debug("trace", exc_info=True)
        return 2
    except BrokenPipeError:
        # Whoever read our output has enough of it.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt as error:
        logging.getLogger(__name__).warning("%s", str(error) or "interrupted")
        return 130
