"""The spool's ledger: one SQLite file, for many threads of the service and for an operator's commands beside it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from ho_imaging.errors import UsageError
from ho_imaging.pacs.disk import SpoolFullError, free_bytes, is_full

__all__ = ["LEDGER", "Ledger", "usable"]

LEDGER = "spool.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
  sop_uid TEXT PRIMARY KEY, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, modality TEXT NOT NULL,
  file TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, received REAL NOT NULL, sender TEXT);
CREATE INDEX IF NOT EXISTS instances_of_study ON instances (study_uid);
CREATE TABLE IF NOT EXISTS studies (
  study_uid TEXT PRIMARY KEY, state TEXT NOT NULL, changed REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, status TEXT, reason TEXT, model TEXT);
CREATE TABLE IF NOT EXISTS outbox (
  destination TEXT NOT NULL, sop_uid TEXT NOT NULL, study_uid TEXT NOT NULL, file TEXT NOT NULL,
  state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_try REAL NOT NULL, since REAL NOT NULL, reason TEXT,
  PRIMARY KEY (destination, sop_uid));
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (destination, state, next_try);
CREATE INDEX IF NOT EXISTS outbox_of_study ON outbox (study_uid);
CREATE TABLE IF NOT EXISTS commitments (
  transaction_uid TEXT PRIMARY KEY, destination TEXT NOT NULL, asked REAL NOT NULL);
CREATE TABLE IF NOT EXISTS losses (
  study_uid TEXT NOT NULL, destination TEXT NOT NULL, sop_uid TEXT NOT NULL, reason TEXT, at REAL NOT NULL,
  PRIMARY KEY (study_uid, destination, sop_uid));
"""
"""``losses``: objects that were given up, and, without destination and object, failed studies that left the spool.
They stay until an operator has dealt with them."""

_ADDED = {"instances": ("sender TEXT",), "studies": ("model TEXT",)}
"""Columns that a ledger of an earlier version does not have."""

_LOCK_WAIT_S = 30.0
_NEXT_TO_NOTHING_BYTES = 2**20


class Ledger:
    """The tables, and changes to them that are there whole or not at all.

    Raises
    ------
    UsageError
        If the file cannot be used.
    SpoolFullError
        If the disk has no room to open it.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        with usable(folder):
            self.database = sqlite3.connect(
                folder / LEDGER, check_same_thread=False, isolation_level=None, timeout=_LOCK_WAIT_S
            )
            self.database.row_factory = sqlite3.Row
            try:
                self.database.execute("PRAGMA journal_mode=WAL")
                self.database.execute("PRAGMA synchronous=FULL")
                self.database.executescript(_SCHEMA)
                self._add_columns()
            except sqlite3.Error:
                self.database.close()
                raise

    def _add_columns(self) -> None:
        for table, columns in _ADDED.items():
            known = {row["name"] for row in self.database.execute(f"PRAGMA table_info({table})")}
            for column in columns:
                if column.partition(" ")[0] not in known:
                    self.database.execute(f"ALTER TABLE {table} ADD COLUMN {column}")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self.database.close()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the other threads of this process out."""
        with self._lock:
            yield

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """Make changes that are there whole or not at all; raises `SpoolFullError` when there is no room for them."""
        with self._lock:
            try:
                with self.database:
                    self.database.execute("BEGIN IMMEDIATE")
                    yield
            except sqlite3.OperationalError as error:
                raise SpoolFullError(
                    f"its ledger cannot be written: {error}", path=self.folder, remedy="make room on the disk"
                ) from error

    def one(self, query: str, *values: object) -> sqlite3.Row | None:
        """Return the first row that a query finds."""
        with self._lock:
            row: sqlite3.Row | None = self.database.execute(query, values).fetchone()
            return row

    def all(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows that a query finds."""
        with self._lock:
            return self.database.execute(query, values).fetchall()

    def run(self, query: str, *values: object) -> int:
        """Make one change; return how many rows it concerns."""
        with self.change():
            return self.database.execute(query, values).rowcount


@contextlib.contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what the system says of a spool's folder into `UsageError`, or `SpoolFullError` where it has no room."""
    try:
        yield
    except SpoolFullError:
        raise
    except OSError as error:
        if is_full(error):
            raise _full(folder, error.strerror or "no room") from error
        raise UsageError(
            f"spool.folder: cannot be used: {error.strerror}",
            path=error.filename or folder,
            remedy="give a folder to write to",
        ) from error
    except sqlite3.Error as error:
        # On a full disk SQLite may say as well that it cannot open its file, or that it cannot be read.
        if isinstance(error, sqlite3.OperationalError) and free_bytes(folder) < _NEXT_TO_NOTHING_BYTES:
            raise _full(folder, str(error)) from error
        raise UsageError(
            f"spool.folder: its ledger cannot be used: {error}", path=folder / LEDGER, remedy="give another folder"
        ) from error


def _full(folder: Path, why: str) -> SpoolFullError:
    return SpoolFullError(f"spool.folder: the disk is full: {why}", path=folder, remedy="make room on the disk")
