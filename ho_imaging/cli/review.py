"""``ho-imaging review DIR``."""

from __future__ import annotations

import argparse
import getpass
import html
import logging
import sys
import tempfile
import webbrowser
from pathlib import Path

from ho_imaging.errors import UsageError
from ho_imaging.logs import say

__all__ = ["add_arguments", "run"]

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --out of an earlier ho-imaging analyze")
    parser.add_argument("--reader", metavar="NAME", help="who reads: a name or a code (default: your login name)")
    parser.add_argument("--study", metavar="UID", help="study to begin with (default: the next one that is left)")
    parser.add_argument(
        "--order",
        choices=("severity", "certainty", "disagreement", "seconds", "own"),
        help="most severe first, least certain first, ... (default: severity; own where the plan is blinded)",
    )
    parser.add_argument("--previous", metavar="UID", help="an earlier study of DIR to look at beside the first one")
    parser.add_argument("--store", type=Path, metavar="DIR", help="folder of decisions (default: DIR/reviews)")
    parser.add_argument(
        "--films", action="append", default=[], type=Path, metavar="DIR", help="where films are that have moved"
    )
    parser.add_argument("--port", type=int, metavar="N", help="port on this machine (default: 8737, or the next free)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(options: argparse.Namespace) -> int:
    """Serve the page until the command is interrupted."""
    from ho_imaging.review.page_server import PageServer  # noqa: PLC0415  (nothing loads before a command runs)
    from ho_imaging.review.room import open_room  # noqa: PLC0415
    from ho_imaging.review.worklist import open_worklist  # noqa: PLC0415

    worklist = open_worklist(options.folder, _reader(options.reader), store=options.store)
    if options.order is not None:
        worklist = worklist.by(options.order)
    room = open_room(worklist, options.study, previous_study=options.previous, films=options.films)
    server = PageServer(room, port=options.port)
    if not options.quiet:
        progress = worklist.progress
        say(
            f"Reader {worklist.reader}: {progress.unread + progress.open} of {progress.total} studies are left to read."
        )
        say("Every decision is kept at once. Stop with Ctrl+C.")
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    server.start()
    try:
        if options.no_browser:
            server.wait()
        else:
            with tempfile.TemporaryDirectory(prefix="ho_imaging_") as folder:
                _show(server.url, Path(folder))
                server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
    return 0


def _reader(name: str | None) -> str:
    """Return the reader's name: the one given, else the login name."""
    if name is not None:
        return name.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("your login name is not known", remedy="give --reader NAME") from error


def _show(url: str, folder: Path) -> None:
    """Open a browser by way of a file that only this user may read: others can see the command line of a browser."""
    page = folder / "reading_room.html"
    page.touch(mode=0o600)
    page.write_text(f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">', encoding="utf-8")
    if not webbrowser.open(page.as_uri()):
        logger.warning("no browser could be opened: open the address yourself")
