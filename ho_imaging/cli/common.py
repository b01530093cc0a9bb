"""Arguments that several commands share, and checks of where results may go."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ho_imaging.errors import UsageError
from ho_imaging.files.name_length import check_name_length
from ho_imaging.vocabulary import Identifiers, Region, View, spell

if TYPE_CHECKING:
    from ho_imaging.network.site import Site

__all__ = [
    "add_analysis_arguments",
    "add_identifier_arguments",
    "add_json_argument",
    "add_out_argument",
    "add_site_argument",
    "check_out",
    "is_page",
    "site_of",
    "wants_json",
]


def add_out_argument(parser: argparse.ArgumentParser, default: str, text: str) -> None:
    """Add ``--out`` with the folder that is taken, and said, when it is not given."""
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"{text} (default: {default})")
    parser.set_defaults(default_out=Path(default))


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--json`` and ``--no-json``, for commands that answer people and programs."""
    parser.add_argument(
        "--json",
        action=argparse.BooleanOptionalAction,
        help="answer in JSON, or in sentences (default: sentences on a terminal, JSON elsewhere)",
    )


def wants_json(options: argparse.Namespace) -> bool:
    """Return True if the answer is to be JSON: it was asked for, or standard output is no terminal."""
    return bool(options.json) if options.json is not None else not sys.stdout.isatty()


def add_identifier_arguments(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """Add what is said of whose film it is; one option, and a short form of two of its words, of which one is given.

    ``default``: its word where none is given; ``None`` for that of the folder's last run.
    """
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--identifiers",
        choices=[str(word) for word in Identifiers],
        help="none: leave out paths and accession numbers; order: show these; patient: and the patient's ID, name, "
        "birth date and sex and the study's date, as the files state them (default: "
        f"{default or 'as before, at first order'})",
        default=default,
    )
    group.add_argument(
        "--patient", dest="identifiers", action="store_const", const="patient", help="short for --identifiers patient"
    )
    group.add_argument(
        "--anonymous", dest="identifiers", action="store_const", const="none", help="short for --identifiers none"
    )


def add_site_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--site``, for every command that analyses films."""
    parser.add_argument(
        "--site",
        type=Path,
        metavar="FILE",
        help="site file of ho-imaging validate: this hospital's operating threshold and confidence of findings",
    )


def site_of(options: argparse.Namespace) -> Site | None:
    """Read the site file that ``--site`` names, if any; raises `UsageError`."""
    from ho_imaging.network.site import read_site  # noqa: PLC0415  (pydantic loads only when a command runs)

    return None if options.site is None else read_site(options.site)


def is_page(out: Path | None) -> bool:
    """Return True if an output is given and named as one HTML file."""
    return out is not None and out.suffix.lower() in {".html", ".htm"}


def check_out(out: Path, *, page: bool = False) -> None:
    """Refuse, before any work, an output folder that cannot be: its name is too long, or a file is in its way.

    ``page``: it is to be one file.

    Raises
    ------
    UsageError
        If no folder can be made there, or the page is a folder.

    """
    check_name_length(out)
    if page and out.is_dir():
        raise UsageError("is a folder, not a file", path=out, remedy="choose another --out")
    # Not Path.exists, which raises where a folder may not be looked into.
    for place in (out.parent, *out.parents) if page else (out, *out.parents):
        if os.path.isdir(place):  # noqa: PTH112
            return
        if os.path.lexists(place):
            raise UsageError("is a file, not a folder", path=place, remedy="choose another --out")


def add_analysis_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say with which model, where, and as what films are analysed."""
    parser.add_argument("--model", default="default", help="name or folder of a model (default: %(default)s)")
    add_site_argument(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: %(default)s)")
    parser.add_argument(
        "--region",
        type=spell,
        metavar="WORD",
        help="the region of every film, in place of what the files say: " + ", ".join(Region),
    )
    parser.add_argument(
        "--view", type=spell, metavar="WORD", help="the view of every film, likewise: " + ", ".join(View)
    )
