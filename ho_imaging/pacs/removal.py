"""Removal from the spool: studies that ended long ago, those an operator purged, and delivered ones to make room."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from ho_imaging.pacs.disk import delete, file_name, results_folder
from ho_imaging.pacs.ledger import Ledger

__all__ = ["Removal"]

logger = logging.getLogger(__name__)

_DELIVERED = """
state = 'ended' AND NOT EXISTS
(SELECT 1 FROM outbox WHERE outbox.study_uid = studies.study_uid AND outbox.state IN ('waiting', 'given up'))
AND (status = 'refused' OR (status = 'done' AND EXISTS
(SELECT 1 FROM outbox WHERE outbox.study_uid = studies.study_uid)))
"""
"""Studies of which nothing is left to do, and of which others hold all there is."""

_OVER = """
state = 'leaving' OR (state = 'ended' AND changed < ? AND NOT EXISTS
(SELECT 1 FROM outbox WHERE outbox.study_uid = studies.study_uid AND outbox.state = 'waiting'))
"""
"""Studies that a sweep deletes: those ended before a time with nothing to send, and those an earlier sweep left."""

_LEAVING_AGAIN_S = 60.0


class Removal:
    """Deletes studies of a spool, never one that is ``busy``: films of it are coming, or it is at work."""

    def __init__(self, ledger: Ledger, folder: Path, busy: Callable[[str], bool]) -> None:
        self._ledger, self._folder, self._busy = ledger, folder, busy
        self._not_before: dict[str, float] = {}
        """When to try again to delete a study that is leaving, where something stood in the way."""

    def sweep(self, keep_hours: float) -> int:
        """Delete studies that ended long ago and whose objects are all sent or given up; return how many are gone.

        What cannot be deleted is logged, and tried again by the next sweep.
        """
        before = time.time() - keep_hours * 3600.0
        self._ledger.run("DELETE FROM commitments WHERE asked < ?", before)
        rows = self._ledger.all(f"SELECT study_uid FROM studies WHERE {_OVER}", before)
        return sum(self._remove(row["study_uid"], _OVER, before) for row in rows)

    def let_go(self) -> int:
        """Delete studies that an operator has purged; return how many are gone."""
        rows = self._ledger.all("SELECT study_uid FROM studies WHERE state = 'leaving'")
        now, gone = time.monotonic(), 0
        for uid in (row["study_uid"] for row in rows):
            if self._not_before.get(uid, 0.0) > now:
                continue
            if self._remove(uid, "state = 'leaving'"):
                gone += 1
                self._not_before.pop(uid, None)
            elif not self._busy(uid):
                self._not_before[uid] = now + _LEAVING_AGAIN_S
        return gone

    def has_delivered(self) -> bool:
        """Return True if a delivered study could be deleted to make room."""
        return self._ledger.one(f"SELECT 1 FROM studies WHERE {_DELIVERED} LIMIT 1") is not None

    def free_delivered(self) -> bool:
        """Delete the delivered study that ended first, to make room; ``False`` if there is none."""
        row = self._ledger.one(f"SELECT study_uid FROM studies WHERE {_DELIVERED} ORDER BY changed LIMIT 1")
        if row is None or not self._remove(row["study_uid"], _DELIVERED):
            return False
        logger.info("study %s: it is delivered and was deleted to make room", row["study_uid"])
        return True

    def _remove(self, uid: str, over: str, *values: object) -> bool:
        """Delete all there is of a study that ``over`` holds for; ``False`` if it does not, or something is left.

        It does not where a film of it is coming or it is at work. Its row goes last, so that after a kill the next
        sweep goes on; until then a film that comes begins it anew. A failed study that nobody purged leaves a note.
        """
        with self._ledger.locked():  # till the end: nothing of it is noted or taken while its files go
            if self._busy(uid):
                return False
            files = self._ledger.all("SELECT file FROM instances WHERE study_uid = ?", uid)
            files += self._ledger.all("SELECT file FROM outbox WHERE study_uid = ?", uid)
            with self._ledger.change():
                execute = self._ledger.database.execute
                execute(
                    "INSERT OR REPLACE INTO losses SELECT study_uid, '', '', reason, changed FROM studies "
                    f"WHERE study_uid = ? AND state = 'ended' AND status = 'failed' AND ({over})",
                    (uid, *values),
                )
                left = execute(f"UPDATE studies SET state = 'leaving' WHERE study_uid = ? AND ({over})", (uid, *values))
                if not left.rowcount:
                    return False
                execute("DELETE FROM outbox WHERE study_uid = ?", (uid,))
                execute("DELETE FROM instances WHERE study_uid = ?", (uid,))
            places = [self._folder / "in" / file_name(uid), results_folder(self._folder, uid)]
            places += [self._folder / file["file"] for file in files]
            wrong = [one for place in places for one in self._delete(place)]
            if wrong:
                logger.error("study %s: %d files cannot be deleted: %s", uid, len(wrong), wrong[0])
                return False
            self._ledger.run("DELETE FROM studies WHERE study_uid = ?", uid)
        return True

    def _delete(self, place: Path) -> list[str]:
        """Delete a file or folder under ``in`` or ``out``, and nothing elsewhere; return what stands in the way."""
        parent = place.parent.resolve()
        inside = any(parent.is_relative_to((self._folder / part).resolve()) for part in ("in", "out"))
        return delete(place) if inside and place.name != ".." else [f"{place}: not in the spool"]
