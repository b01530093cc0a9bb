"""``ho-imaging``: choose a command, set up logging, turn errors into exit codes.

Exit status: 0 all done, 1 some input was refused or failed, 2 wrong use, 130 interrupted. Standard output is data,
standard error is talk.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

from ho_imaging._version import __version__
from ho_imaging.cli.common import check_out, is_page
from ho_imaging.errors import HOImagingError
from ho_imaging.logs import LogSettings, set_up

__all__ = ["main"]

_COMMANDS = {
    "analyze": "find, measure and grade heterotopic ossification on files and folders of radiographs",
    "summary": "count what a batch has done, and write its tables anew",
    "compare": "say what grew between studies of one patient",
    "report": "write a study's report as HTML and PDF",
    "serve": "take studies from a PACS, analyse them and send the results back",
    "service": "list, show, retry, send and purge the studies of a service, also while it runs",
    "fetch-analyze": "fetch studies from an archive and analyse them",
    "deidentify": "take names, dates and identifiers out of DICOM films before they leave a site",
    "schema": "print the JSON schema of a result",
    "simulate": "make simulated films with exact truth",
    "train": "train a network from a configuration",
    "validate": "measure how well it does on your own labelled films, and fit a threshold to them",
    "evaluate": "score the whole program on studies with truth",
    "export": "turn a training run into a model folder",
    "import-readings": "take over outlines that a reader drew in another program",
    "export-reviews": "export what readers have reviewed, to train, to evaluate and as DICOM",
}


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
    set_up(LogSettings(level, as_json=options.log_json, times=options.command == "serve"))
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
