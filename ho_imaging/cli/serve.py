"""``ho-imaging serve --config FILE``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ho_imaging.extras import require

if TYPE_CHECKING:
    from ho_imaging.pacs.service import Service

__all__ = ["add_arguments", "run", "serve_until_told"]

logger = logging.getLogger(__name__)

_CHECK_EVERY_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="TOML configuration (docs/pacs.md)")
    parser.add_argument("--check", action="store_true", help="only check the configuration and all it names")


def run(options: argparse.Namespace) -> int:
    """Serve until a signal (TERM, INT) ends it, and the process with it."""
    from ho_imaging.pacs.config import load_serve_config  # noqa: PLC0415

    config = load_serve_config(options.config)
    require(("pynetdicom", "dicomweb_client"), "pacs", "the service")  # said here, before anything is received
    from ho_imaging.pacs.service import Service, check_config  # noqa: PLC0415  (heavy, and an extra)

    if options.check:
        check_config(config)
        logger.info("%s: the configuration is good", options.config)
        return 0
    serve_until_told(Service(config))
    # Everything is on disk and every thread has ended: taking down what the model's libraries loaded takes seconds.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def serve_until_told(service: Service) -> None:
    """Run a service until TERM or INT, and stop it; to be called in the main thread.

    Raises
    ------
    HOImagingError
        If it cannot be started, or a part of it stops by itself.

    """
    told: SimpleQueue[int] = SimpleQueue()

    def interrupt() -> None:
        told.get()
        service.interrupt()

    for name in (signal.SIGTERM, signal.SIGINT):
        # Not an event: the handler may run while the main thread holds its lock, and would wait for it forever.
        signal.signal(name, lambda number, _: told.put(number))
    threading.Thread(target=interrupt, name="signals", daemon=True).start()
    service.start()
    try:
        while not service.wait_for_interrupt(_CHECK_EVERY_S):
            service.check()
    finally:
        service.stop()
