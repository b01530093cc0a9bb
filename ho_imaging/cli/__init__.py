"""The command line: one small module a command, each loading what it needs only when it runs."""

from ho_imaging.cli.main import main, run

__all__ = ["main", "run"]
