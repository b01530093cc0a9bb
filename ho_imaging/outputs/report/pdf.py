"""A report as PDF, printed by a Chromium that is on the machine; nothing is ever fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ho_imaging.errors import HOImagingError
from ho_imaging.files.atomic import write_bytes

__all__ = ["BROWSERS", "PdfError", "find_browser", "write_pdf"]

BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)  # fmt: skip
"""Names and paths of Chromium and its relatives, in the order of the search: on PATH, and on macOS."""

_LIMIT_S = 120.0

_FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer", "--generate-pdf-document-outline",
)  # fmt: skip


class PdfError(HOImagingError, RuntimeError):
    """A report could not be printed."""


def find_browser(browser: str | os.PathLike[str] | None = None) -> Path:
    """Return the browser to print with: the one named, else the first of `BROWSERS` that exists.

    Raises
    ------
    PdfError
        If there is none.

    """
    names = BROWSERS if browser is None else (os.fspath(browser),)
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    if browser is not None:
        raise PdfError("is no program that can be run", path=browser, remedy="give the path of Chromium or Chrome")
    raise PdfError(
        "printing to PDF takes Chromium or Chrome, and neither is on PATH",
        remedy="install one (Debian: chromium), name it with --browser, or print the HTML from any browser",
    )


def write_pdf(
    html: str, path: Path, *, browser: str | os.PathLike[str] | None = None, limit_s: float = _LIMIT_S
) -> None:
    """Print a report (from `report_html`) to a PDF, whole or not at all.

    The browser gets a profile of its own that is thrown away, and no way to the network.

    Raises
    ------
    PdfError
        If there is no browser, it fails, or it takes longer than ``limit_s`` seconds.
    WriteError
        If the folder cannot be written to.

    """
    program = find_browser(browser)
    with tempfile.TemporaryDirectory(prefix="ho-imaging-pdf-") as scratch:
        page, printed = Path(scratch) / "page.html", Path(scratch) / "printed.pdf"
        page.write_text(html, encoding="utf-8")
        command = [str(program), *_FLAGS, f"--user-data-dir={scratch}/profile", f"--print-to-pdf={printed}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium's sandbox does not work for root; the page runs no script
        try:
            done = subprocess.run(
                [*command, page.as_uri()], capture_output=True, timeout=limit_s, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired as error:
            raise PdfError(f"did not print within {limit_s:.0f} s", path=program, remedy="try again") from error
        except OSError as error:
            raise PdfError(f"cannot be run: {error.strerror}", path=program, remedy="check the program") from error
        if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF-"):
            raise PdfError(f"printed nothing (exit status {done.returncode})", path=program, remedy="check the program")
        data = printed.read_bytes()
    write_bytes(path, data)
