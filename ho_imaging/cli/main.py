"""``ho-imaging``: choose a command, set up logging, turn errors into exit codes.

Exit status: 0 all done, 1 some input was refused or failed, 2 wrong use, 130 interrupted (Ctrl-C), 143
told to end (SIGTERM). Standard output is the
answer, standard error is talk.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType

from ho_imaging._version import __version__
from ho_imaging.cli.common import check_out, is_page
from ho_imaging.cli.ending import end_process
from ho_imaging.cli.termination import told_to_end
from ho_imaging.errors import HOImagingError
from ho_imaging.garbage import collect_seldom
from ho_imaging.logs import LogSettings, say, set_up

__all__ = ["build_parser", "main", "run"]

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
    "review": "read the studies of an output folder one after the other, in a browser on this machine",
    "import-readings": "take over outlines that a reader drew in another program",
    "export-reviews": "export what readers have reviewed, to train, to evaluate and as DICOM",
    "completion": "print a script that completes commands and options in a shell",
}
_ALIASES = {"analyze": ("analyse",), "fetch-analyze": ("fetch-analyse",)}


def run() -> int:
    """Run the command line as a program of its own: the process ends with it."""
    collect_seldom()
    status = main()
    end_process(status)
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser, commands = _parsers()
    options = parser.parse_args(arguments)
    if options.command == "help":
        (parser if options.topic is None else commands[options.topic]).print_help()
        return 0
    level = logging.DEBUG if options.verbose else logging.ERROR if options.quiet else logging.INFO
    set_up(LogSettings(level, as_json=options.log_json, times=options.command == "serve"))
    with told_to_end() as terminated:
        try:
            _settle_out(options)
            return int(_module(options.command).run(options))
        except HOImagingError as error:
            for line in error.lines or (str(error),):
                logging.getLogger(__name__).error("%s", line)
            logging.getLogger(__name__).debug("trace", exc_info=True)
            return 2
        except BrokenPipeError:
            # Whoever read our output has enough of it.
            sys.stderr.close()
            return 0
        except KeyboardInterrupt as error:
            logging.getLogger(__name__).warning("%s", str(error) or "interrupted")
            return 143 if terminated() else 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, for completion scripts and the reference."""
    return _parsers()[0]


def _parsers() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the parser and that of each command by its names."""
    parser = argparse.ArgumentParser(
        prog="ho-imaging",
        description="Reads radiographs, outlines heterotopic ossification, measures every nodule, grades each study.",
        epilog="Research software. Not a medical device. Not for diagnosis, treatment or triage.",
    )
    parser.add_argument("--version", action="version", version=f"ho_imaging {__version__}")
    parser.set_defaults(verbose=False, quiet=False, log_json=False)
    _add_talk(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _COMMANDS.items():
        command = commands.add_parser(
            name, aliases=_ALIASES.get(name, ()), help=text, description=text[0].upper() + text[1:] + "."
        )
        command.set_defaults(command=name)  # whatever alias was typed
        _add_talk(command)
        _module(name).add_arguments(command)
    known = dict(commands.choices)
    topic = commands.add_parser("help", help="show the help of a command", description="Show the help of a command.")
    topic.add_argument(
        "topic", nargs="?", choices=list(known), metavar="COMMAND", help="one of: " + ", ".join(_COMMANDS)
    )
    return parser, known


def _module(command: str) -> ModuleType:
    """Import the module of a command."""
    return import_module(f"ho_imaging.cli.{command.replace('-', '_')}")


def _add_talk(parser: argparse.ArgumentParser) -> None:
    """Add what is accepted before and after the command; what is not given there leaves the other's value alone."""
    group = parser.add_argument_group("messages")
    for names, text in (
        (("-v", "--verbose"), "say more on standard error"),
        (("-q", "--quiet"), "say nothing but errors"),
        (("--log-json",), "write what is said on standard error as JSON lines"),
    ):
        group.add_argument(*names, action="store_true", default=argparse.SUPPRESS, help=text)


def _settle_out(options: argparse.Namespace) -> None:
    """Choose the output folder where none was given, say so, and check it before any work."""
    if getattr(options, "out", None) is None and hasattr(options, "default_out"):
        options.out = options.default_out
        if not options.quiet:
            say(f"No --out was given: results go to {options.out}.")
    if getattr(options, "out", None) is not None:
        check_out(options.out, page=options.command == "report" and is_page(options.out))
