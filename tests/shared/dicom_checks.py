"""Checks of DICOM files by a program of others."""

import subprocess
from pathlib import Path


def file_errors(path: Path) -> list[str]:
    """Return the errors that dciodvfy finds in a file."""
    checked = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("Error")]
