"""Spool of studies received and not yet sent back, on disk: it survives the end of the process at any moment.

An instance is on disk, and known, before its sender is told so. A study waits until it is quiet, is analysed, and its
objects wait in the outbox of each destination until that has taken them.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path

from ho_imaging.errors import HOImagingError
from ho_imaging.messages import Message
from ho_imaging.pacs.disk import Reserve, SpoolFullError, file_name, free_bytes, results_folder, write_durably
from ho_imaging.pacs.ledger import LEDGER, Ledger, usable
from ho_imaging.pacs.outbox import Outbox
from ho_imaging.pacs.removal import Removal
from ho_imaging.results.messages import keep_message

__all__ = ["Added", "Spool", "check_folder"]

logger = logging.getLogger(__name__)

_LEDGER_BYTES = 2**20
"""Lowest version of SQLite that can open the ledger."""


class Added(Enum):
    """Outcome of a received instance."""

    NEW = "new"
    REPEATED = "repeated"
    """The same bytes are here already."""
    DIFFERENT = "different"
    """Other bytes are here under its UID and stay."""


class Spool:
    """The folder and its ledger. Safe for many threads of one process, made for one process.

    An operator's commands may work on the ledger beside it (`ho_imaging.pacs.operate`); files are deleted here alone.

    Parameters
    ----------
    folder
        Where all of it lies.
    most_bytes, least_free_bytes, most_instances
        Limits of the films that wait here, of the disk, and of one study.
    reserve_bytes
        Size of the `Reserve`, 0 for none.
    again
        Ended studies that are analysed anew when a film of theirs is sent again unchanged: ``never``, ``failed``,
        ``always``.

    Raises
    ------
    UsageError
        If the folder or what is in it cannot be used.
    SpoolFullError
        If the disk has no room to open it.

    """

    def __init__(
        self,
        folder: Path,
        *,
        most_bytes: float,
        least_free_bytes: float,
        most_instances: int,
        reserve_bytes: int = 0,
        again: str = "never",
    ) -> None:
        self.folder = folder
        self._most_bytes, self._least_free_bytes, self._most_instances = most_bytes, least_free_bytes, most_instances
        self._again = again
        self._at_work: set[str] = set()
        """Studies taken and not yet given back, in any state: a late film sets one at work to waiting."""
        self._arriving: Counter[str] = Counter()
        """Films on their way to disk that are not noted yet, by study: no sweep may take their place away."""
        self.reserve = Reserve(folder, reserve_bytes)
        with usable(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if free_bytes(folder) < _LEDGER_BYTES:
                self.reserve.spend()  # the ledger cannot be opened on a full disk
            for place in (folder / "in", folder / "out"):
                place.mkdir(parents=True, exist_ok=True)
                _make_something(place)
            folder.chmod(0o700)  # patients' films: for this user alone
        self.ledger = Ledger(folder)
        self.outbox = Outbox(self.ledger, folder)
        self.removal = Removal(self.ledger, folder, lambda uid: self._arriving[uid] > 0 or uid in self._at_work)
        if not self.reserve.spent and not self.reserve.make(beside=least_free_bytes):
            logger.warning("%s: no room to keep a reserve of %d MB", folder, reserve_bytes // 10**6)

    def recover(self) -> None:
        """Take up what the last process left: studies at work wait again, as suspects, half-written files go.

        For the one process that holds the folder.
        """
        for part in (self.folder / "in").glob("*/*.part"):
            part.unlink(missing_ok=True)
        self.ledger.run("UPDATE studies SET state = 'waiting', changed = ? WHERE state = 'analysing'", time.time())

    def close(self) -> None:
        """Let go of the ledger."""
        self.ledger.close()

    def add(
        self, data: bytes, *, sop_uid: str, study_uid: str, series_uid: str, modality: str, sender: str = ""
    ) -> Added:
        """Put an instance on disk, for good, and let its study wait anew.

        One that is here already, undamaged, stays as it is, whatever is brought under its UID.

        Raises
        ------
        SpoolFullError
            If the disk, the spool or the study has no room.

        """
        digest = hashlib.sha256(data).hexdigest()
        with self.ledger.locked():
            known = self.ledger.one("SELECT sha256, file FROM instances WHERE sop_uid = ?", sop_uid)
            if known is not None and _is_whole(self.folder / known["file"], known["sha256"]):
                if known["sha256"] != digest:
                    return Added.DIFFERENT
                self._analyse_again(study_uid)
                return Added.REPEATED
            self._make_room(len(data), study_uid, sop_uid)
            self._arriving[study_uid] += 1
        file = Path("in") / file_name(study_uid) / f"{file_name(sop_uid)}.dcm"
        try:
            self._write(file, data)
            try:
                self._note(len(data), digest, file, sop_uid, study_uid, series_uid, modality, sender)
            except SpoolFullError:
                with self.ledger.locked():
                    # Not if it is known by now: another association may have brought it too, and been told so.
                    if self.ledger.one("SELECT 1 FROM instances WHERE sop_uid = ?", sop_uid) is None:
                        (self.folder / file).unlink(missing_ok=True)
                raise
        finally:
            with self.ledger.locked():
                self._arriving -= Counter((study_uid,))
        return Added.NEW

    def _analyse_again(self, study_uid: str) -> None:
        """Let an ended study wait anew whose films are sent again, where that is wanted."""
        if self._again == "never":
            return
        asked = self.ledger.run(
            "UPDATE studies SET state = 'waiting', changed = ?, attempts = 0 "
            "WHERE study_uid = ? AND state = 'ended' AND (status = 'failed' OR ?)",
            time.time(),
            study_uid,
            self._again == "always",
        )
        if asked:
            logger.info("study %s: its films were sent again, it is analysed anew", study_uid)

    def known(self, sop_uid: str) -> tuple[str, Path] | None:
        """Return the study that an instance is kept of, and its file; ``None`` for one that is not kept."""
        row = self.ledger.one("SELECT study_uid, file FROM instances WHERE sop_uid = ?", sop_uid)
        return None if row is None else (row["study_uid"], self.folder / row["file"])

    def results_folder(self, study_uid: str) -> Path:
        """Return the folder that the analysis of a study writes to."""
        return results_folder(self.folder, study_uid)

    def _write(self, file: Path, data: bytes) -> None:
        try:
            write_durably(self.folder / file, data)
        except OSError as error:
            why = error.problem if isinstance(error, HOImagingError) else f"cannot be written: {error.strerror}"
            raise SpoolFullError(why, path=self.folder, remedy="make room on the disk") from error

    def _note(
        self,
        size: int,
        digest: str,
        file: Path,
        sop_uid: str,
        study_uid: str,
        series_uid: str,
        modality: str,
        sender: str,
    ) -> None:
        now = time.time()
        with self.ledger.change():
            self.ledger.database.execute(
                "INSERT OR REPLACE INTO instances "
                "(sop_uid, study_uid, series_uid, modality, file, bytes, sha256, received, sender) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (sop_uid, study_uid, series_uid, modality, str(file), size, digest, now, sender),
            )
            self.ledger.database.execute(
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
        with self.ledger.locked():
            with self.ledger.change():
                study = self.ledger.one(
                    "SELECT study_uid, attempts FROM studies WHERE state = 'waiting' AND changed <= ? "
                    f"AND study_uid NOT IN ({', '.join('?' * len(self._at_work))}) ORDER BY changed LIMIT 1",
                    time.time() - quiet_s,
                    *self._at_work,
                )
                if study is None or (study["attempts"] > 0) != suspect:
                    return None
                uid = study["study_uid"]
                self.ledger.database.execute(
                    "UPDATE studies SET state = 'analysing', attempts = attempts + 1 WHERE study_uid = ?", (uid,)
                )
                rows = self.ledger.all("SELECT * FROM instances WHERE study_uid = ? ORDER BY received, sop_uid", uid)
            self._at_work.add(uid)  # known only once the ledger is: a change that failed took nothing
        return uid, rows

    def put_back(self, study_uid: str, *, suspect: bool = False) -> None:
        """Let a study that was not finished be taken again, as if it had not been begun; a suspect after all others."""
        with self.ledger.locked():
            self.ledger.run(
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
        reason: Message | None,
        objects: Sequence[tuple[str, Path]],
        destinations: Iterable[str],
        model: str | None = None,
    ) -> None:
        """Note how a study ended and put its objects into every outbox, all or nothing.

        A study that got another film meanwhile waits on; its objects go out all the same, and newer ones will follow.
        One that an operator has purged meanwhile sends nothing. ``reason``: of one that is done what went wrong beside
        its result. ``model`` names the weights it was analysed with.
        """
        now = time.time()
        with self.ledger.locked():
            with self.ledger.change():
                execute = self.ledger.database.execute
                execute(
                    "UPDATE studies SET state = 'ended', changed = ?, status = ?, reason = ?, model = ? "
                    "WHERE study_uid = ? AND state = 'analysing'",
                    (now, status, keep_message(reason), model, study_uid),
                )
                row = self.ledger.one("SELECT state FROM studies WHERE study_uid = ?", study_uid)
                if row is None or row["state"] != "leaving":
                    self.outbox.put(study_uid, objects, destinations, now)
                if status != "failed":
                    execute("DELETE FROM losses WHERE study_uid = ? AND destination = ''", (study_uid,))
            self._at_work.discard(study_uid)

    def keep_reserve(self) -> None:
        """Make the reserve again, if it was spent and there is room."""
        if self.reserve.spent and self.reserve.make(beside=self._least_free_bytes):
            logger.info("%s: there is room again, the reserve is kept", self.folder)

    def find_room(self) -> bool:
        """Make room for notes and results: by a delivered study, else by the reserve; ``False`` if neither is left."""
        with self.ledger.locked():
            try:
                if self.removal.free_delivered():
                    return True
            except SpoolFullError:
                pass  # deleting is noted first, and that has no room either
            if self.reserve.spend():
                logger.warning("%s: the disk is full, the reserve is used up", self.folder)
                return True
        return False

    def counts(self) -> dict[str, int]:
        """Count studies and outgoing objects by state, and what the spool holds."""
        found = {f"studies_{row['state']}": row["n"] for row in self.ledger.all(
            "SELECT state, COUNT(*) AS n FROM studies GROUP BY state")}  # fmt: skip
        failed = self.ledger.all(
            "SELECT (SELECT COUNT(*) FROM studies WHERE state = 'ended' AND status = 'failed') "
            "+ (SELECT COUNT(*) FROM losses WHERE destination = '') AS n"
        )[0]["n"]
        if failed:
            found["failed_studies"] = failed
        held = self.ledger.all("SELECT COUNT(*) AS n, COALESCE(SUM(bytes), 0) AS bytes FROM instances")[0]
        return found | self.outbox.counts() | {"instances": held["n"], "instance_bytes": held["bytes"]}

    def longest_wait_s(self) -> float:
        """Return how long ago the last film came of the study that waits, or is at work, for longest; 0 for none."""
        row = self.ledger.one("SELECT MIN(changed) AS first FROM studies WHERE state IN ('waiting', 'analysing')")
        return 0.0 if row is None or row["first"] is None else max(0.0, time.time() - row["first"])

    def room(self) -> str | None:
        """Return why no film is taken now, ``None`` where one is, if at the cost of a delivered study."""
        try:
            self._check_room(0)
        except SpoolFullError as error:
            return None if not self.reserve.spent and self.removal.has_delivered() else error.problem
        return None

    def _make_room(self, size: int, study_uid: str, sop_uid: str) -> None:
        count = self.ledger.one(
            "SELECT COUNT(*) AS n FROM instances WHERE study_uid = ? AND sop_uid != ?", study_uid, sop_uid
        )
        if count is not None and count["n"] >= self._most_instances:
            raise SpoolFullError("the study has reached its limit", remedy="raise accept.study_instances")
        while True:
            try:
                self._check_room(size)
            except SpoolFullError:
                if size > self._most_bytes or not self.removal.free_delivered():
                    raise
            else:
                return

    def _check_room(self, size: int) -> None:
        held = self.ledger.one("SELECT COALESCE(SUM(bytes), 0) AS bytes FROM instances")
        if held is not None and held["bytes"] + size > self._most_bytes:
            raise SpoolFullError("the spool has reached its limit", path=self.folder, remedy="raise accept.spool_gb")
        if self.reserve.spent or free_bytes(self.folder) - size < self._least_free_bytes:
            raise SpoolFullError("the disk is nearly full", path=self.folder, remedy="make room on the disk")


def check_folder(folder: Path) -> None:
    """Check that a spool can be made in a folder, or the one there used; nothing new is left there.

    Raises
    ------
    UsageError
        If it cannot.
    SpoolFullError
        If there is no room for now: a service that starts waits for some.

    """
    with usable(folder):
        if (folder / LEDGER).exists():
            for place in (folder / "in", folder / "out"):
                if place.exists():
                    place.mkdir(exist_ok=True)  # says so of a file
                    _make_something(place)
            Ledger(folder).close()
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


def _is_whole(file: Path, sha256: str) -> bool:
    """Return True if a file is there and holds what was written."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _make_something(folder: Path) -> None:
    tempfile.TemporaryFile(dir=folder).close()  # empty: a disk that is full for now is waited out
