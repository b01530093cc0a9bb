"""Ledger of a batch: the state of every study, on disk and safe against being stopped at any moment.

SQLite in write-ahead mode: a transaction is there whole or not at all, whenever the process or the machine dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from ho_imaging.batch.work import Outcome
from ho_imaging.errors import UsageError, WriteError
from ho_imaging.files.output_names import LOCK_SUFFIX
from ho_imaging.files.path_text import path_text
from ho_imaging.messages import Message
from ho_imaging.reading import Rejected
from ho_imaging.results.messages import keep_message, read_message

__all__ = ["Ledger", "StudyState", "hold_folder"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS studies (
    study_uid TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'refused', 'failed')),
    fingerprint TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    again INTEGER NOT NULL DEFAULT 0,
    seconds REAL,
    finished TEXT,
    model_sha256 TEXT,
    rows TEXT,
    run INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS files (study_uid TEXT PRIMARY KEY, paths BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outputs (
    study_uid TEXT NOT NULL,
    output TEXT NOT NULL,
    problem TEXT,
    PRIMARY KEY (study_uid, output)
);
CREATE TABLE IF NOT EXISTS rejected (path TEXT PRIMARY KEY, status TEXT NOT NULL, reason TEXT NOT NULL, run INTEGER);
CREATE TABLE IF NOT EXISTS runs (run INTEGER PRIMARY KEY, started TEXT NOT NULL, finished TEXT, about TEXT NOT NULL);
"""

_NOBODY_AT_WORK = "UPDATE studies SET state = 'pending' WHERE state = 'running'"

_WRONGLY_GIVEN_UP = """
UPDATE studies SET state = 'pending' WHERE state = 'failed' AND (
    reason LIKE 'was at work % times when the program was stopped'
    OR (reason LIKE 'given up after % tries: %' AND reason NOT LIKE 'given up after % tries alone: %'))
"""
"""Ledgers of before 2026-12 counted the deaths of the program against the studies at work."""

_LEFT_OUT = 0
"""Stands for the run of a study that no run finds any more; runs count from 1."""


_NO_REASON = Message("image_not_found")


class StudyState(NamedTuple):
    """A study's line in the ledger.

    ``attempts``: how often it was begun since it last ended. A pending study that was begun was at work when its worker
    or the program died: a suspect. The number says whose turn it is; it is no evidence of anything.
    """

    state: str
    fingerprint: str
    attempts: int
    again: bool


@contextlib.contextmanager
def hold_folder(out_dir: Path, name: str) -> Iterator[None]:
    """Keep other runs out of an output folder while this one works there; the lock ends with the process.

    Raises
    ------
    UsageError
        If another run holds it.

    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        stream: IO[str] = (out_dir / f"{name}{LOCK_SUFFIX}").open("a+", encoding="ascii")
    except OSError as error:
        raise WriteError(
            f"cannot be written: {error.strerror}", path=out_dir, remedy="check space and rights"
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            who = stream.read(40).strip() or "unknown"
            raise UsageError(
                f"another run (process {who}) is writing here",
                path=out_dir,
                remedy="wait for it or choose another --out",
            ) from error
        try:
            # Unbuffered: what a full disk does not take must not come up again when the file is closed.
            os.ftruncate(stream.fileno(), 0)
            os.write(stream.fileno(), str(os.getpid()).encode("ascii"))
        except OSError as error:
            raise WriteError(
                f"cannot be written: {error.strerror}", path=out_dir, remedy="check space and rights"
            ) from error
        yield


class Ledger:
    """A batch's ledger; every method that changes it is one transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise WriteError(
                f"cannot be used: {error}", path=path, remedy="check space, or choose another --out"
            ) from error
        self.run = 0

    def close(self) -> None:
        """Close it; what was written is on disk already."""
        self._db.close()

    def begin(self, about: dict[str, Any]) -> None:
        """Note a new run."""
        with self._change() as db:
            db.execute("INSERT INTO runs (started, about) VALUES (?, ?)", (_now(), json.dumps(about)))
            self.run = int(db.execute("SELECT max(run) FROM runs").fetchone()[0])
            # Whoever was at work when an earlier run was killed is at work no longer.
            db.execute(_NOBODY_AT_WORK)
            db.execute(_WRONGLY_GIVEN_UP)

    def end(self, about: dict[str, Any]) -> None:
        """Note that a run has ended."""
        with self._change() as db:
            db.execute("UPDATE runs SET finished = ?, about = ? WHERE run = ?", (_now(), json.dumps(about), self.run))

    def states(self) -> dict[str, StudyState]:
        """Return every study's state."""
        rows = self._db.execute("SELECT study_uid, state, fingerprint, attempts, again FROM studies")
        return {uid: StudyState(state, print_, attempts, bool(again)) for uid, state, print_, attempts, again in rows}

    def plan(
        self,
        chosen: Sequence[tuple[str, str, int]],
        kept: Sequence[str],
        rejected: Sequence[Rejected],
        *,
        left_out: Sequence[str] = (),
        files: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Note what this run will do: ``chosen`` (study, fingerprint, attempts) to analyse, ``kept`` to leave as it is.

        ``rejected``: every input that is in no study, of earlier runs too. ``left_out``: studies that no longer stand.
        ``files``: those of each study found. What is not named stays as earlier runs left it.
        """
        with self._change() as db:
            db.executemany(
                "INSERT INTO studies (study_uid, state, fingerprint, attempts, run) VALUES (?, 'pending', ?, ?, ?) "
                "ON CONFLICT (study_uid) DO UPDATE "
                "SET state = 'pending', reason = NULL, rows = NULL, run = excluded.run, "
                "attempts = excluded.attempts, fingerprint = excluded.fingerprint",
                [(uid, print_, attempts, self.run) for uid, print_, attempts in chosen],
            )
            db.executemany("UPDATE studies SET run = ? WHERE study_uid = ?", [(self.run, uid) for uid in kept])
            db.executemany(
                "UPDATE studies SET run = ? WHERE study_uid = ?", [(_LEFT_OUT, study_uid) for study_uid in left_out]
            )
            db.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?)",
                # As bytes: a name on disk may be no text.
                [(uid, b"\0".join(map(os.fsencode, paths))) for uid, paths in (files or {}).items()],
            )
            db.execute("DELETE FROM rejected")
            db.executemany(
                "INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?)",
                [(path_text(item.path), item.status.value, keep_message(item.reason), self.run) for item in rejected],
            )

    def start(self, study_uid: str) -> None:
        """Note that a study is begun.

        A machine that dies may take this note with it, which costs nothing: the study is still one to analyse.
        """
        with self._change(lasting=False) as db:
            db.execute(
                "UPDATE studies SET state = 'running', attempts = attempts + 1 WHERE study_uid = ?", (study_uid,)
            )

    def suspect(self, study_uid: str) -> None:
        """Note that a study did not end because its worker did."""
        with self._change() as db:
            db.execute("UPDATE studies SET state = 'pending' WHERE study_uid = ?", (study_uid,))

    def renew(self, study_uid: str, fingerprint: str) -> None:
        """Note that a study is another one now, for its files changed while they were read."""
        with self._change() as db:
            db.execute(
                "UPDATE studies SET state = 'pending', attempts = 0, fingerprint = ? WHERE study_uid = ?",
                (fingerprint, study_uid),
            )

    def release(self) -> None:
        """Note that this run stops for no fault of the studies at work: they are as if they had not been begun."""
        with self._change() as db:
            db.execute("UPDATE studies SET state = 'pending', attempts = max(attempts - 1, 0) WHERE state = 'running'")

    def finish(self, outcome: Outcome) -> None:
        """Note how a study ended."""
        with self._change() as db:
            db.execute(
                "UPDATE studies SET state = ?, reason = ?, again = ?, seconds = ?, finished = ?, model_sha256 = ?, "
                "rows = ? WHERE study_uid = ?",
                (
                    outcome.status,
                    keep_message(outcome.reason),
                    int(outcome.again),
                    outcome.seconds,
                    _now(),
                    outcome.rows.get("study", {}).get("model_sha256"),
                    json.dumps(outcome.rows),
                    outcome.study_uid,
                ),
            )
            # Those of an earlier result went with it.
            db.execute("DELETE FROM outputs WHERE study_uid = ?", (outcome.study_uid,))
            db.executemany(
                "INSERT INTO outputs VALUES (?, ?, NULL)", [(outcome.study_uid, output) for output in outcome.outputs]
            )

    def note_output(self, study_uid: str, output: str, problem: str | None = None) -> None:
        """Note that an output of a study was written, or why not; of all studies together under an empty UID."""
        with self._change() as db:
            db.execute("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)", (study_uid, output, problem))

    def note_rows(self, study_uid: str, rows: Mapping[str, Any]) -> None:
        """Note what the tables say of a study now, without a new analysis."""
        with self._change() as db:
            db.execute("UPDATE studies SET rows = ? WHERE study_uid = ?", (json.dumps(rows), study_uid))

    def forget_output(self, study_uid: str, output: str) -> None:
        """Note that an output of a study is no longer there."""
        with self._change() as db:
            db.execute("DELETE FROM outputs WHERE study_uid = ? AND output = ?", (study_uid, output))

    def outputs(self) -> dict[str, set[str]]:
        """Return the outputs that were written, by study; those of all studies together under an empty UID."""
        found: dict[str, set[str]] = {}
        for uid, output in self._db.execute("SELECT study_uid, output FROM outputs WHERE problem IS NULL"):
            found.setdefault(uid, set()).add(output)
        return found

    def files(self) -> Iterator[tuple[str, list[str]]]:
        """Return each current study and its files, as the last run that found it saw them."""
        query = "SELECT study_uid, paths FROM files JOIN studies USING (study_uid) WHERE run > ?"
        for uid, paths in self._db.execute(query, (_LEFT_OUT,)):
            yield uid, [os.fsdecode(path) for path in paths.split(b"\0")]

    def left_out(self) -> set[str]:
        """Return the studies that are no longer current: see `plan`."""
        return {uid for (uid,) in self._db.execute("SELECT study_uid FROM studies WHERE run = ?", (_LEFT_OUT,))}

    def identifiers(self) -> dict[str, str | None]:
        """Return what the rows of each study that has ended say of whose film it is; ``None``: not noted.

        Also of studies that are no longer current, for their results are still in the folder.
        """
        query = (
            "SELECT study_uid, json_extract(rows, '$.identifiers') FROM studies "
            "WHERE state NOT IN ('pending', 'running')"
        )
        return dict(self._db.execute(query).fetchall())

    def ends(self) -> Iterator[tuple[str, str | None]]:
        """Yield each current study and when it ended."""
        yield from self._db.execute("SELECT study_uid, finished FROM studies WHERE run > ?", (_LEFT_OUT,))

    def rows(self, *, since_run: int = _LEFT_OUT + 1, of: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the table rows of each current study; on request only of studies that later runs found, or of one.

        With ``since_run=0`` also of studies that are no longer current.
        """
        query = (
            "SELECT study_uid, state, reason, finished, seconds, rows FROM studies "
            "WHERE run >= ? AND (? IS NULL OR study_uid = ?) ORDER BY study_uid"
        )
        for uid, state, reason, finished, seconds, rows in self._db.execute(query, (since_run, of, of)):
            yield {
                "study_uid": uid,
                "state": state,
                "reason": read_message(reason),
                "finished": finished,
                "seconds": seconds,
                **(json.loads(rows) if rows else {}),
            }

    def rejected(self) -> list[tuple[str, str, Message]]:
        """Return the path, status and reason of every input that is in no study."""
        query = "SELECT path, status, reason FROM rejected ORDER BY path"
        return [(path, status, read_message(kept) or _NO_REASON) for path, status, kept in self._db.execute(query)]

    def about(self) -> dict[str, Any]:
        """Return the notes on the last run."""
        found = self._db.execute("SELECT about FROM runs ORDER BY run DESC LIMIT 1").fetchone()
        return dict(json.loads(found[0])) if found else {}

    @contextlib.contextmanager
    def _change(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction; a lasting one waits until the disk has it."""
        try:
            self._db.execute(f"PRAGMA synchronous={'FULL' if lasting else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise WriteError(f"cannot be written: {error}", path=self._path, remedy="check the space left") from error
        finally:
            # Not only after errors of SQLite: an interrupt must not leave a transaction open for the next one.
            if self._db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
