"""What has been taken over and not yet given back, on disk: it survives the end of the process at any moment.

An instance is on disk, and known, before its sender is told so. A study waits until it is quiet, is analysed, and its
objects wait in the outbox of each destination until that has taken them.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.results.folder import folder_name

__all__ = ["OutboxItem", "Spool", "SpoolFullError", "check_folder"]

logger = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
  sop_uid TEXT PRIMARY KEY, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, modality TEXT NOT NULL,
  file TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, received REAL NOT NULL);
CREATE INDEX IF NOT EXISTS instances_of_study ON instances (study_uid);
CREATE TABLE IF NOT EXISTS studies (
  study_uid TEXT PRIMARY KEY, state TEXT NOT NULL, changed REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, status TEXT, reason TEXT);
CREATE TABLE IF NOT EXISTS outbox (
  destination TEXT NOT NULL, sop_uid TEXT NOT NULL, study_uid TEXT NOT NULL, file TEXT NOT NULL,
  state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_try REAL NOT NULL, since REAL NOT NULL, reason TEXT,
  PRIMARY KEY (destination, sop_uid));
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (destination, state, next_try);
CREATE TABLE IF NOT EXISTS commitments (
  transaction_uid TEXT PRIMARY KEY, destination TEXT NOT NULL, asked REAL NOT NULL);
"""

_OVER = """
state = 'leaving' OR (state = 'ended' AND changed < ? AND NOT EXISTS
(SELECT 1 FROM outbox WHERE outbox.study_uid = studies.study_uid AND outbox.state = 'waiting'))
"""
"""What a sweep deletes: studies that ended before a time with nothing to send, and what an earlier sweep left."""

_LEDGER = "spool.sqlite"
_FIRST_DELAY_S, _LONGEST_DELAY_S = 2.0, 900.0


class SpoolFullError(HOImagingError, OSError):
    """There is no room: a sender is to keep its instance, the service its note, and try again."""


@dataclass(frozen=True)
class OutboxItem:
    """An object that a destination has yet to take."""

    sop_uid: str
    study_uid: str
    file: Path
    attempts: int


class Spool:
    """The folder and its ledger. Safe for many threads of one process, made for one process.

    Raises
    ------
    UsageError
        If the folder or what is in it cannot be used.

    """

    def __init__(self, folder: Path, *, most_bytes: float, least_free_bytes: float, most_instances: int) -> None:
        self.folder = folder
        self._most_bytes, self._least_free_bytes, self._most_instances = most_bytes, least_free_bytes, most_instances
        self._lock = threading.RLock()
        self._at_work: set[str] = set()
        """Studies taken and not yet given back, in any state: a late film sets one at work to waiting."""
        self._arriving: Counter[str] = Counter()
        """Films on their way to disk that are not noted yet, by study: no sweep may take their place away."""
        with _usable(folder):
            for place in (folder / "in", folder / "out"):
                place.mkdir(parents=True, exist_ok=True)
                _make_something(place)
            folder.chmod(0o700)  # patients' films: for this user alone
            self._database = sqlite3.connect(folder / _LEDGER, check_same_thread=False, isolation_level=None)
            self._database.row_factory = sqlite3.Row
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_SCHEMA)

    def recover(self) -> None:
        """Take up what the last process left: studies at work wait again, as suspects, half-written files go.

        For the one process that holds the folder.
        """
        self._run("UPDATE studies SET state = 'waiting', changed = ? WHERE state = 'analysing'", time.time())
        for part in (self.folder / "in").glob("*/*.part"):
            part.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the ledger."""
        with self._lock:
            self._database.close()

    def add(self, data: bytes, *, sop_uid: str, study_uid: str, series_uid: str, modality: str) -> bool:
        """Put an instance on disk, for good, and let its study wait anew; ``False`` for one that was here already.

        Raises
        ------
        SpoolFullError
            If the disk, the spool or the study has no room.

        """
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            known = self._one("SELECT sha256, file FROM instances WHERE sop_uid = ?", sop_uid)
            if known is not None and known["sha256"] == digest and (self.folder / known["file"]).exists():
                return False
            self._check_room(len(data), study_uid, sop_uid)
            self._arriving[study_uid] += 1
        file = Path("in") / _name(study_uid) / f"{_name(sop_uid)}.dcm"
        try:
            self._write(file, data)
            try:
                self._note(len(data), digest, file, sop_uid, study_uid, series_uid, modality)
            except SpoolFullError:
                with self._lock:
                    # Not if it is known by now: another association may have brought it too, and been told so.
                    if self._one("SELECT 1 FROM instances WHERE sop_uid = ?", sop_uid) is None:
                        (self.folder / file).unlink(missing_ok=True)
                raise
        finally:
            with self._lock:
                self._arriving -= Counter((study_uid,))
        return True

    def known(self, sop_uid: str) -> tuple[str, Path] | None:
        """Return the study that an instance is kept of, and its file; ``None`` for one that is not kept."""
        row = self._one("SELECT study_uid, file FROM instances WHERE sop_uid = ?", sop_uid)
        return None if row is None else (row["study_uid"], self.folder / row["file"])

    def results_folder(self, study_uid: str) -> Path:
        """Give the folder that the analysis of a study writes to."""
        return self.folder / "out" / "studies" / folder_name(study_uid)

    def _write(self, file: Path, data: bytes) -> None:
        try:
            write_durably(self.folder / file, data)
        except OSError as error:
            raise SpoolFullError(
                f"cannot be written: {error.strerror}", path=self.folder, remedy="make room on the disk"
            ) from error

    def _note(
        self, size: int, digest: str, file: Path, sop_uid: str, study_uid: str, series_uid: str, modality: str
    ) -> None:
        now = time.time()
        with self._change():
            self._database.execute(
                "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (sop_uid, study_uid, series_uid, modality, str(file), size, digest, now),
            )
            self._database.execute(
                "INSERT INTO studies (study_uid, state, changed) VALUES (?, 'waiting', ?) ON CONFLICT (study_uid) "
                "DO UPDATE SET state = 'waiting', changed = excluded.changed, attempts = 0",
                (study_uid, now),
            )

    def take_ready(self, quiet_s: float, *, suspect: bool = False) -> tuple[str, list[sqlite3.Row]] | None:
        """Return the study that has been quiet for longest, if that is long enough, and its instances.

        A ``suspect``, which was begun and did not end because its worker or the service died, is given to whoever asks
        for one, and any other study to whoever does not: when it is the turn of a suspect, the others wait.

        Never one that is at work: a late film makes it wait, and it is taken again only after `end` or `put_back`. Two
        runs of one study would write the same files, and the first to end would end the other's wait.
        """
        with self._lock:
            with self._change():
                study = self._one(
                    "SELECT study_uid, attempts FROM studies WHERE state = 'waiting' AND changed <= ? "
                    f"AND study_uid NOT IN ({', '.join('?' * len(self._at_work))}) ORDER BY changed LIMIT 1",
                    time.time() - quiet_s,
                    *self._at_work,
                )
                if study is None or (study["attempts"] > 0) != suspect:
                    return None
                uid = study["study_uid"]
                self._database.execute(
                    "UPDATE studies SET state = 'analysing', attempts = attempts + 1 WHERE study_uid = ?", (uid,)
                )
                rows = self._all("SELECT * FROM instances WHERE study_uid = ? ORDER BY received, sop_uid", uid)
            self._at_work.add(uid)  # known only once the ledger is: a change that failed took nothing
        return uid, rows

    def put_back(self, study_uid: str, *, suspect: bool = False) -> None:
        """Let a study that was not finished be taken again, as if it had not been begun; a suspect after all others."""
        with self._lock:
            self._run(
                "UPDATE studies SET state = 'waiting', changed = CASE WHEN ? THEN ? ELSE changed END, "
                "attempts = CASE WHEN ? THEN attempts ELSE max(attempts - 1, 0) END "
                "WHERE study_uid = ? AND state = 'analysing'",
                suspect,
                time.time(),
                suspect,
                study_uid,
            )
            self._at_work.discard(study_uid)

    def end(
        self,
        study_uid: str,
        *,
        status: str,
        reason: str | None,
        objects: Sequence[tuple[str, Path]],
        destinations: Iterable[str],
    ) -> None:
        """Note how a study ended and put its objects into every outbox, all or nothing.

        A study that got another film meanwhile waits on; its objects go out all the same, and newer ones will follow.
        """
        now = time.time()
        with self._lock:
            with self._change():
                self._database.execute(
                    "UPDATE studies SET state = 'ended', changed = ?, status = ?, reason = ? "
                    "WHERE study_uid = ? AND state = 'analysing'",
                    (now, status, reason, study_uid),
                )
                for destination in destinations:
                    for sop_uid, file in objects:
                        self._put_out(destination, sop_uid, study_uid, file, now)
            self._at_work.discard(study_uid)

    def _put_out(self, destination: str, sop_uid: str, study_uid: str, file: Path, now: float) -> None:
        self._database.execute(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, 'waiting', 0, ?, ?, NULL) ON CONFLICT "
            "(destination, sop_uid) DO UPDATE SET file = excluded.file, state = 'waiting', attempts = 0, "
            "next_try = excluded.next_try, since = excluded.since, reason = NULL",
            (destination, sop_uid, study_uid, str(file.relative_to(self.folder)), now, now),
        )

    def due(self, destination: str, *, most: int = 200) -> list[OutboxItem]:
        """Give what a destination is to be sent now, oldest first."""
        rows = self._all(
            "SELECT * FROM outbox WHERE destination = ? AND state = 'waiting' AND next_try <= ? "
            "ORDER BY since, study_uid, sop_uid LIMIT ?",
            destination,
            time.time(),
            most,
        )
        return [
            OutboxItem(row["sop_uid"], row["study_uid"], self.folder / row["file"], row["attempts"]) for row in rows
        ]

    def sent(self, destination: str, sop_uid: str) -> None:
        """Note that a destination has taken an object."""
        self._run(
            "UPDATE outbox SET state = 'sent', reason = NULL WHERE destination = ? AND sop_uid = ?",
            destination,
            sop_uid,
        )

    def begin_commitment(self, transaction_uid: str, destination: str) -> str:
        """Note whom a transaction asks to take charge of objects, for its report names the objects alone; give it back.

        To be noted before it is asked: the report may come before the answer, or to the next process.
        """
        self._run("INSERT INTO commitments VALUES (?, ?, ?)", transaction_uid, destination, time.time())
        return transaction_uid

    def asked_to_commit(self, transaction_uid: str) -> str | None:
        """Give the destination that a transaction was begun with, ``None`` for one that is not ours or long over."""
        row = self._one("SELECT destination FROM commitments WHERE transaction_uid = ?", transaction_uid)
        return None if row is None else row["destination"]

    def committed(self, destination: str, sop_uid: str) -> None:
        """Note that a destination has taken charge of an object."""
        self._run(
            "UPDATE outbox SET state = 'committed' WHERE destination = ? AND sop_uid = ? AND state = 'sent'",
            destination,
            sop_uid,
        )

    def send_again(self, destination: str, sop_uid: str, *, keep_hours: float) -> None:
        """Let an object be sent again that a destination does not keep; as late and as long as one it did not take."""
        row = self._one(
            "SELECT * FROM outbox WHERE destination = ? AND sop_uid = ? AND state = 'sent'", destination, sop_uid
        )
        if row is not None:
            item = OutboxItem(sop_uid, row["study_uid"], self.folder / row["file"], row["attempts"])
            self.not_sent(destination, item, "was taken and not kept", keep_hours=keep_hours)

    def not_sent(self, destination: str, item: OutboxItem, reason: str, *, keep_hours: float) -> None:
        """Try an object again later, twice as late each time; give up when it is older than ``keep_hours``."""
        delay = min(_FIRST_DELAY_S * 2.0 ** min(item.attempts, 20), _LONGEST_DELAY_S)
        now = time.time()
        self._run(
            "UPDATE outbox SET attempts = attempts + 1, next_try = ?, reason = ?, "
            "state = CASE WHEN since < ? THEN 'given up' ELSE 'waiting' END WHERE destination = ? AND sop_uid = ?",
            now + delay,
            reason[:300],
            now - keep_hours * 3600.0,
            destination,
            item.sop_uid,
        )

    def sweep(self, keep_hours: float) -> int:
        """Delete studies that ended long ago and whose objects are all sent or given up; give how many are gone.

        What cannot be deleted is logged, and tried again by the next sweep.
        """
        before = time.time() - keep_hours * 3600.0
        self._run("DELETE FROM commitments WHERE asked < ?", before)
        rows = self._all(f"SELECT study_uid FROM studies WHERE {_OVER}", before)
        return sum(self._remove(row["study_uid"], before) for row in rows)

    def _remove(self, uid: str, before: float) -> bool:
        """Delete all there is of a study; ``False`` if a film of it came meanwhile, or something could not be deleted.

        Its row goes last, so that after a kill the next sweep goes on; until then a film that comes begins it anew.
        """
        with self._lock:  # till the end: nothing of it is noted or taken while its files go
            if self._arriving[uid]:
                return False
            files = self._all("SELECT file FROM instances WHERE study_uid = ?", uid)
            files += self._all("SELECT file FROM outbox WHERE study_uid = ?", uid)
            with self._change():
                over = self._database.execute(
                    f"UPDATE studies SET state = 'leaving' WHERE study_uid = ? AND ({_OVER})", (uid, before)
                )
                if not over.rowcount:
                    return False
                self._database.execute("DELETE FROM outbox WHERE study_uid = ?", (uid,))
                self._database.execute("DELETE FROM instances WHERE study_uid = ?", (uid,))
            places = [self.folder / "in" / _name(uid), self.results_folder(uid)]
            places += [self.folder / file["file"] for file in files]
            left = [wrong for place in places for wrong in self._delete(place)]
            if left:
                logger.error("study %s: %d files cannot be deleted: %s", uid, len(left), left[0])
                return False
            self._run("DELETE FROM studies WHERE study_uid = ?", uid)
        return True

    def _delete(self, place: Path) -> list[str]:
        """Delete a file or folder under ``in`` or ``out``, and nothing elsewhere; give what stands in the way."""
        parent = place.parent.resolve()
        inside = any(parent.is_relative_to((self.folder / part).resolve()) for part in ("in", "out"))
        return _delete(place) if inside and place.name != ".." else [f"{place}: not in the spool"]

    def counts(self) -> dict[str, int]:
        """Count studies and outgoing objects by state, and what the spool holds."""
        found = {f"studies_{row['state']}": row["n"] for row in self._all(
            "SELECT state, COUNT(*) AS n FROM studies GROUP BY state")}  # fmt: skip
        found |= {f"objects_{row['state'].replace(' ', '_')}": row["n"] for row in self._all(
            "SELECT state, COUNT(*) AS n FROM outbox GROUP BY state")}  # fmt: skip
        held = self._all("SELECT COUNT(*) AS n, COALESCE(SUM(bytes), 0) AS bytes FROM instances")[0]
        return found | {"instances": held["n"], "instance_bytes": held["bytes"]}

    def _check_room(self, size: int, study_uid: str, sop_uid: str) -> None:
        held = self._one("SELECT COALESCE(SUM(bytes), 0) AS bytes FROM instances")
        if held is not None and held["bytes"] + size > self._most_bytes:
            raise SpoolFullError("the spool has reached its limit", path=self.folder, remedy="raise accept.spool_gb")
        state = os.statvfs(self.folder)
        if state.f_bavail * state.f_frsize - size < self._least_free_bytes:
            raise SpoolFullError("the disk is nearly full", path=self.folder, remedy="make room on the disk")
        count = self._one(
            "SELECT COUNT(*) AS n FROM instances WHERE study_uid = ? AND sop_uid != ?", study_uid, sop_uid
        )
        if count is not None and count["n"] >= self._most_instances:
            raise SpoolFullError("the study has reached its limit", remedy="raise accept.study_instances")

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Make changes that are there whole or not at all, and say so when the disk has no room for them."""
        with self._lock:
            try:
                with self._database:
                    self._database.execute("BEGIN IMMEDIATE")
                    yield
            except sqlite3.OperationalError as error:
                raise SpoolFullError(
                    f"its ledger cannot be written: {error}", path=self.folder, remedy="make room on the disk"
                ) from error

    def _one(self, query: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._database.execute(query, values).fetchone()
            return row

    def _all(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def _run(self, query: str, *values: object) -> None:
        with self._change():
            self._database.execute(query, values)


def check_folder(folder: Path) -> None:
    """Raise `UsageError` unless a spool can be made in a folder, or the one there used; nothing new is left there."""
    with _usable(folder):
        if (folder / _LEDGER).exists():
            Spool(folder, most_bytes=0.0, least_free_bytes=0.0, most_instances=0).close()
            return
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for place in (folder, folder / "in", folder / "out"):
                if place.exists():
                    _make_something(place)
        finally:
            for place in made:  # whoever checks may be another user than the one who serves
                if place.exists():
                    place.rmdir()


@contextlib.contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"spool.folder: cannot be used: {error.strerror}",
            path=error.filename or folder,
            remedy="give a folder to write to",
        ) from error
    except sqlite3.Error as error:
        raise UsageError(
            f"spool.folder: its ledger cannot be used: {error}", path=folder / _LEDGER, remedy="give another folder"
        ) from error


def _make_something(folder: Path) -> None:
    tempfile.TemporaryFile(dir=folder).close()  # empty: a disk that is full for now is waited out


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that it is there, whole, after a power cut: data to disk, then its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{threading.get_ident()}.part")
    try:
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # half of it, on a full disk
    sync_folder(path.parent)
    sync_folder(path.parent.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete(place: Path) -> list[str]:
    """Delete a file or folder, as much of it as can be; give what stands in the way. Links are not followed."""
    try:
        if place.is_symlink() or not place.is_dir():
            place.unlink(missing_ok=True)
            return []
        left = [wrong for inner in list(place.iterdir()) for wrong in _delete(inner)]
        if not left:
            place.rmdir()
    except OSError as error:
        return [f"{place}: {error.strerror}"]
    return left


def _name(uid: str) -> str:
    """File name for a UID from the network, which may hold anything."""
    return hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:40]
