"""``ho-imaging completion SHELL``."""

from __future__ import annotations

import argparse
import sys

from ho_imaging.extras import missing_extra

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell that is to complete")
    parser.epilog = 'For bash, put into ~/.bashrc: eval "$(ho-imaging completion bash)"'


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from ho_imaging.cli.main import build_parser  # noqa: PLC0415  (which imports this module)

    try:
        import shtab  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise missing_extra(error, "completion", "shell completion") from error
    sys.stdout.write(shtab.complete(build_parser(), shell=options.shell) + "\n")
    return 0
