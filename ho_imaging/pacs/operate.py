"""An operator's actions on studies of a spool, beside the running service or without one.

Every action is one change of the ledger that the service takes up by itself. Files are deleted by the service alone;
without one, whoever holds the spool does it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from ho_imaging.errors import UsageError
from ho_imaging.messages import Message
from ho_imaging.pacs.ledger import Ledger
from ho_imaging.results.messages import read_message

__all__ = ["STATES", "Selection", "Study", "describe", "purge", "retry", "select", "send", "why_not"]

STATES = ("waiting", "analysing", "done", "refused", "failed", "leaving", "gone", "unsent", "given up")
"""States by which studies are selected. ``gone``: it left the spool and is remembered for its losses. ``unsent``
and ``given up`` are about its objects, and a study may be that beside its own state."""


@dataclass(frozen=True)
class Selection:
    """Selection of studies: all that match everything that is given.

    ``study_uids``, ``states``: any where empty. ``older_s``, ``newer_s``: seconds since something last changed.
    ``other_model_than``: weights; studies that were analysed with others, or by a version that did not note them.
    """

    study_uids: Collection[str] = ()
    states: Collection[str] = ()
    older_s: float | None = None
    newer_s: float | None = None
    other_model_than: str | None = None

    @property
    def is_all(self) -> bool:
        """Return True if nothing narrows it."""
        limits = (self.older_s, self.newer_s, self.other_model_than)
        return not self.study_uids and not self.states and all(limit is None for limit in limits)


@dataclass(frozen=True)
class Study:
    """A study as the ledger knows it; ``objects`` counts them by destination and state."""

    study_uid: str
    state: str
    reason: Message | None
    changed: float
    films: int
    attempts: int
    model: str | None
    objects: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def words(self) -> set[str]:
        """Return all states of `STATES` that it is in."""
        of_objects = {state for counts in self.objects.values() for state in counts}
        found = {self.state}
        found |= {"unsent"} if "waiting" in of_objects else set()
        return found | ({"given up"} if "given up" in of_objects else set())


def select(ledger: Ledger, selection: Selection) -> list[Study]:
    """Return the studies that are meant, in the order in which something changed.

    Raises
    ------
    UsageError
        If a study is named that the ledger does not know.

    """
    now = time.time()
    studies = _studies(ledger)
    unknown = sorted(set(selection.study_uids) - {study.study_uid for study in studies})
    if unknown:
        raise UsageError(Message("operate_study_unknown", study=unknown[0]), path=ledger.folder)
    return [
        study
        for study in studies
        if (not selection.study_uids or study.study_uid in selection.study_uids)
        and (not selection.states or study.words & set(selection.states))
        and (selection.older_s is None or now - study.changed >= selection.older_s)
        and (selection.newer_s is None or now - study.changed <= selection.newer_s)
        and (selection.other_model_than is None or _is_of_another(study, selection.other_model_than))
    ]


def _is_of_another(study: Study, model: str) -> bool:
    return study.state in {"done", "failed", "refused"} and study.model != model


def _studies(ledger: Ledger) -> list[Study]:
    objects: dict[str, dict[str, dict[str, int]]] = {}
    for row in ledger.all(
        "SELECT study_uid, destination, state, COUNT(*) AS n FROM outbox WHERE state != 'given up' GROUP BY 1, 2, 3 "
        "UNION ALL SELECT study_uid, destination, 'given up', COUNT(*) FROM losses WHERE destination != '' "
        "GROUP BY 1, 2"
    ):
        objects.setdefault(row["study_uid"], {}).setdefault(row["destination"], {})[row["state"]] = row["n"]
    found = [
        Study(
            row["study_uid"],
            row["status"] if row["state"] == "ended" else row["state"],
            read_message(row["reason"]),
            row["changed"],
            row["films"],
            row["attempts"],
            row["model"],
            objects.get(row["study_uid"], {}),
        )
        for row in ledger.all(
            "SELECT studies.*, COUNT(instances.sop_uid) AS films FROM studies "
            "LEFT JOIN instances USING (study_uid) GROUP BY studies.study_uid"
        )
    ]
    here = {study.study_uid for study in found}
    for row in ledger.all("SELECT study_uid, MAX(reason) AS reason, MAX(at) AS at FROM losses GROUP BY study_uid"):
        uid = row["study_uid"]
        if uid not in here:
            found.append(Study(uid, "gone", read_message(row["reason"]), row["at"], 0, 0, None, objects.get(uid, {})))
    return sorted(found, key=lambda study: (study.changed, study.study_uid))


def describe(ledger: Ledger, study: Study) -> dict[str, Any]:
    """Return all the ledger knows of a study: its films with their senders, and each object's state.

    A ``reason`` is a message, or ``None``.
    """
    films = ledger.all("SELECT * FROM instances WHERE study_uid = ? ORDER BY received", study.study_uid)
    objects = ledger.all("SELECT * FROM outbox WHERE study_uid = ? ORDER BY destination, sop_uid", study.study_uid)
    losses = ledger.all("SELECT * FROM losses WHERE study_uid = ? ORDER BY destination, sop_uid", study.study_uid)
    film_keys = ("sop_uid", "series_uid", "modality", "bytes", "file", "sender")
    object_keys = ("destination", "sop_uid", "state", "attempts", "file")
    return {
        "films": [{key: row[key] for key in film_keys} | {"received": at(row["received"])} for row in films],
        "objects": [
            {key: row[key] for key in object_keys}
            | {"reason": read_message(row["reason"]), "since": at(row["since"]), "next_try": at(row["next_try"])}
            for row in objects
        ],
        "lost": [
            {key: row[key] for key in ("destination", "sop_uid")}
            | {"reason": read_message(row["reason"]), "at": at(row["at"])}
            for row in losses
        ],
    }


def retry(ledger: Ledger, studies: Sequence[Study]) -> list[str]:
    """Let studies be analysed anew, one at work after it has ended; return the UIDs of those that will be.

    Not those whose films have gone: they have to be sent again.
    """
    return [
        study.study_uid
        for study in studies
        if study.films
        and ledger.run(
            "UPDATE studies SET state = 'waiting', changed = ?, attempts = 0 "
            "WHERE study_uid = ? AND state != 'leaving'",
            time.time(),
            study.study_uid,
        )
    ]


def send(ledger: Ledger, studies: Sequence[Study], destinations: Collection[str]) -> list[str]:
    """Let the objects of studies be sent (again), as if they had just been made; return the UIDs of those that will be.

    ``destinations``: those that are meant. Objects go to one that was not there when they were made, too.
    """
    now, found = time.time(), []
    for study in studies:
        if study.state in {"leaving", "gone"}:
            continue
        with ledger.change():
            for destination in destinations:
                ledger.database.execute(
                    "INSERT INTO outbox SELECT DISTINCT ?, sop_uid, study_uid, file, 'waiting', 0, ?, ?, NULL "
                    "FROM outbox WHERE study_uid = ? "
                    "ON CONFLICT (destination, sop_uid) DO UPDATE SET state = 'waiting', "
                    "attempts = 0, next_try = excluded.next_try, since = excluded.since, reason = NULL",
                    (destination, now, now, study.study_uid),
                )
                ledger.database.execute(
                    "DELETE FROM losses WHERE study_uid = ? AND destination = ?", (study.study_uid, destination)
                )
            known = {row["destination"] for row in ledger.all(
                "SELECT destination FROM outbox WHERE study_uid = ?", study.study_uid)}  # fmt: skip
        if known & set(destinations):
            found.append(study.study_uid)
    return found


def purge(ledger: Ledger, studies: Sequence[Study], *, force: bool = False) -> list[str]:
    """Let studies leave the spool, with all that is remembered of them; return the UIDs of those that will.

    Without ``force`` not one of which something is still to be done: films to analyse, or objects to send.
    """
    found = []
    for study in studies:
        if not force and study.words & {"waiting", "analysing", "unsent"}:
            continue
        with ledger.change():
            ledger.database.execute("DELETE FROM losses WHERE study_uid = ?", (study.study_uid,))
            ledger.database.execute("UPDATE studies SET state = 'leaving' WHERE study_uid = ?", (study.study_uid,))
        found.append(study.study_uid)
    return found


def why_not(action: str, study: Study) -> Message:
    """Return why ``retry``, ``send`` or ``purge`` left a study out."""
    if action == "purge":
        return Message("operate_not_finished")
    if study.state in {"leaving", "gone"}:
        return Message("operate_study_left")
    return Message("operate_films_gone") if action == "retry" else Message("operate_no_objects")


def at(moment: float) -> str:
    """Return a moment as text, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
