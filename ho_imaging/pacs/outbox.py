"""Outbox: objects that destinations have yet to take, those they took and keep, and those given up."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ho_imaging.messages import Message
from ho_imaging.pacs.ledger import Ledger
from ho_imaging.results.messages import keep_message

__all__ = ["Outbox", "OutboxItem"]

_FIRST_DELAY_S, _LONGEST_DELAY_S = 2.0, 900.0
_REPORT_S = 3600.0
"""A report on commitment that has not come after so long is asked for again."""


@dataclass(frozen=True)
class OutboxItem:
    """An object that a destination has yet to take."""

    sop_uid: str
    study_uid: str
    file: Path
    attempts: int


class Outbox:
    """The objects of every destination; files are named relative to ``folder``."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger, self._folder = ledger, folder

    def put(self, study_uid: str, objects: Sequence[tuple[str, Path]], destinations: Iterable[str], now: float) -> None:
        """Put objects out for every destination, as a part of a change of the ledger."""
        for destination in destinations:
            if objects:  # they take the place of those of an earlier result
                self._ledger.database.execute(
                    "DELETE FROM losses WHERE study_uid = ? AND destination = ?", (study_uid, destination)
                )
            for sop_uid, file in objects:
                self._ledger.database.execute(
                    "INSERT INTO outbox VALUES (?, ?, ?, ?, 'waiting', 0, ?, ?, NULL) ON CONFLICT "
                    "(destination, sop_uid) DO UPDATE SET file = excluded.file, state = 'waiting', attempts = 0, "
                    "next_try = excluded.next_try, since = excluded.since, reason = NULL",
                    (destination, sop_uid, study_uid, str(file.relative_to(self._folder)), now, now),
                )

    def due(self, destination: str, *, most: int = 200) -> list[OutboxItem]:
        """Return what a destination is to be sent now, oldest first."""
        rows = self._ledger.all(
            "SELECT * FROM outbox WHERE destination = ? AND state = 'waiting' AND next_try <= ? "
            "ORDER BY since, study_uid, sop_uid LIMIT ?",
            destination,
            time.time(),
            most,
        )
        return [
            OutboxItem(row["sop_uid"], row["study_uid"], self._folder / row["file"], row["attempts"]) for row in rows
        ]

    def is_replaced(self, destination: str, item: OutboxItem) -> bool | None:
        """Return whether an object whose file is gone gave way to a newer result; ``None`` while its study is at work.

        Of one that did not nobody knows where it went, and it must not count as sent.
        """
        study = self._ledger.one("SELECT state, changed FROM studies WHERE study_uid = ?", item.study_uid)
        if study is None:
            return True
        if study["state"] != "ended":
            return None
        rows = self._ledger.all(
            "SELECT sop_uid, file, since FROM outbox WHERE destination = ? AND study_uid = ?",
            destination,
            item.study_uid,
        )
        since = next((row["since"] for row in rows if row["sop_uid"] == item.sop_uid), 0.0)
        others = (row["file"] for row in rows if row["sop_uid"] != item.sop_uid)
        return study["changed"] > since or any((self._folder / file).exists() for file in others)

    def sent(self, destination: str, sop_uid: str) -> None:
        """Note that a destination has taken an object."""
        self._ledger.run(
            "UPDATE outbox SET state = 'sent', reason = NULL, next_try = ? WHERE destination = ? AND sop_uid = ?",
            time.time(),
            destination,
            sop_uid,
        )

    def not_sent(self, destination: str, item: OutboxItem, reason: Message, *, keep_hours: float) -> bool:
        """Try an object again later, twice as late each time; return True if it was given up instead.

        It is when it is older than ``keep_hours``. What was given up is remembered when its study has long been swept.
        """
        delay, now = _delay(item), time.time()
        with self._ledger.change():
            self._ledger.database.execute(
                "UPDATE outbox SET attempts = attempts + 1, next_try = ?, reason = ?, "
                "state = CASE WHEN since < ? THEN 'given up' ELSE 'waiting' END WHERE destination = ? AND sop_uid = ?",
                (now + delay, keep_message(reason), now - keep_hours * 3600.0, destination, item.sop_uid),
            )
            lost = self._ledger.database.execute(
                "INSERT OR REPLACE INTO losses SELECT study_uid, destination, sop_uid, reason, ? FROM outbox "
                "WHERE destination = ? AND sop_uid = ? AND state = 'given up'",
                (now, destination, item.sop_uid),
            )
        return lost.rowcount > 0

    def send_again(self, destination: str, sop_uid: str, *, keep_hours: float) -> None:
        """Let an object be sent again that a destination does not keep; as late and as long as one it did not take."""
        row = self._ledger.one(
            "SELECT * FROM outbox WHERE destination = ? AND sop_uid = ? AND state = 'sent'", destination, sop_uid
        )
        if row is not None:
            item = OutboxItem(sop_uid, row["study_uid"], self._folder / row["file"], row["attempts"])
            self.not_sent(destination, item, Message("send_not_kept"), keep_hours=keep_hours)

    def begin_commitment(self, transaction_uid: str, destination: str) -> str:
        """Note whom a transaction asks to take charge of objects, for its report names the objects alone.

        To be noted before it is asked: the report may come before the answer, or to the next process.
        """
        self._ledger.run("INSERT INTO commitments VALUES (?, ?, ?)", transaction_uid, destination, time.time())
        return transaction_uid

    def to_commit(self, destination: str, *, keep_hours: float, most: int = 200) -> list[OutboxItem]:
        """Return what a destination has taken and is to be asked now to take charge of."""
        now = time.time()
        rows = self._ledger.all(
            "SELECT * FROM outbox WHERE destination = ? AND state = 'sent' AND next_try <= ? AND since >= ? "
            "ORDER BY since, study_uid, sop_uid LIMIT ?",
            destination,
            now,
            now - keep_hours * 3600.0,
            most,
        )
        return [
            OutboxItem(row["sop_uid"], row["study_uid"], self._folder / row["file"], row["attempts"]) for row in rows
        ]

    def asked(self, destination: str, items: Sequence[OutboxItem], *, taken_up: bool) -> None:
        """Note that a destination was asked to take charge of objects, and when to ask again if no report comes.

        A request that was refused is made again soon, and then ever later.
        """
        now = time.time()
        with self._ledger.change():
            self._ledger.database.executemany(
                "UPDATE outbox SET next_try = ?, attempts = attempts + ? "
                "WHERE destination = ? AND sop_uid = ? AND state = 'sent'",
                [
                    (now + (_REPORT_S if taken_up else _delay(item)), not taken_up, destination, item.sop_uid)
                    for item in items
                ],
            )

    def failing_since(self, destination: str) -> float | None:
        """Return since when the oldest object waits that a destination was tried to be sent; ``None`` without one."""
        row = self._ledger.one(
            "SELECT MIN(since) AS since FROM outbox WHERE destination = ? AND state = 'waiting' AND attempts > 0",
            destination,
        )
        return None if row is None else row["since"]

    def asked_to_commit(self, transaction_uid: str) -> str | None:
        """Return the destination that a transaction was begun with, ``None`` for one that is not ours or long over."""
        row = self._ledger.one("SELECT destination FROM commitments WHERE transaction_uid = ?", transaction_uid)
        return None if row is None else row["destination"]

    def committed(self, destination: str, sop_uid: str) -> None:
        """Note that a destination has taken charge of an object."""
        self._ledger.run(
            "UPDATE outbox SET state = 'committed' WHERE destination = ? AND sop_uid = ? AND state = 'sent'",
            destination,
            sop_uid,
        )

    def counts(self) -> dict[str, int]:
        """Count objects by state; of those given up all that no operator has dealt with, long gone ones too."""
        found = {
            f"objects_{row['state']}": row["n"]
            for row in self._ledger.all(
                "SELECT state, COUNT(*) AS n FROM outbox WHERE state != 'given up' GROUP BY state"
            )
        }
        lost = self._ledger.one("SELECT COUNT(*) AS n FROM losses WHERE destination != ''")
        return found if lost is None or not lost["n"] else found | {"objects_given_up": lost["n"]}


def _delay(item: OutboxItem) -> float:
    return min(_FIRST_DELAY_S * 2.0 ** min(item.attempts, 20), _LONGEST_DELAY_S)
