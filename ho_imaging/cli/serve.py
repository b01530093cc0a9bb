"""``ho-imaging serve --config FILE``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from ho_imaging.extras import require

__all__ = ["add_arguments", "run"]

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="TOML configuration (docs/pacs.md)")
    parser.add_argument("--check", action="store_true", help="only check the configuration and all it names")


def run(options: argparse.Namespace) -> int:
    """Serve until a signal (TERM, INT) ends it, and the process with it."""
    from ho_imaging.pacs.config import load_serve_config  # noqa: PLC0415

    config = load_serve_config(options.config)
    ended = threading.Event()
    require(("pynetdicom", "dicomweb_client"), "pacs", "the service")  # said here, before anything is received
    from ho_imaging.pacs.service import Service, check_config  # noqa: PLC0415  (heavy, and an extra)

    if options.check:
        check_config(config)
        logger.info("%s: the configuration is good", options.config)
        return 0
    service = Service(config)

    def end(*_: object) -> None:
        ended.set()
        service.interrupt()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    service.start()
    try:
        while not ended.wait(0.5):
            service.check()
    finally:
        service.stop()
    # Everything is on disk and every thread has ended: taking down what the model's libraries loaded takes seconds.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
