"""Plan of a run: studies to analyse, studies that are up to date, and those whose files are gone."""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ho_imaging.batch.ledger import Ledger
from ho_imaging.batch.options import BatchOptions
from ho_imaging.batch.places import Places
from ho_imaging.batch.work import Job, Settings, fingerprint, place_of
from ho_imaging.reading import Discovery, Rejected, StudyRef
from ho_imaging.reading.archive import in_archive
from ho_imaging.severity.context import StudyContext
from ho_imaging.vocabulary import Identifiers, Status

__all__ = ["Plan", "Queue", "in_shard", "plan"]

logger = logging.getLogger(__name__)

_ENDED = {"done", "refused", "failed"}


@dataclass(frozen=True)
class Plan:
    """Plan of a run: ``queue`` to analyse, ``left`` put off by a limit, ``up_to_date`` that need no analysis."""

    queue: Queue
    left: int
    up_to_date: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """Studies to analyse: those never begun, then the suspects, which were at work when their worker or a run died."""

    untried: deque[Job] = field(default_factory=deque)
    suspects: deque[Job] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.untried) + len(self.suspects)


def plan(
    ledger: Ledger,
    discovery: Discovery,
    places: Places,
    out_dir: Path,
    settings: Settings,
    options: BatchOptions,
    contexts: Mapping[str, StudyContext],
    model_digest: str,
) -> Plan:
    """Sort studies into those to analyse and those that stay as they are."""
    known = ledger.states()
    to_do: list[tuple[int, Job]] = []
    ended: set[str] = set()
    current: list[str] = []
    files: dict[str, list[str]] = {}
    for study in discovery.studies:
        uid = study.study_uid
        if options.shard is not None and not in_shard(uid, options.shard):
            continue
        files[uid] = [places.of(image.path) for image in study.images]
        context = contexts.get(uid)
        print_ = fingerprint(study, settings, context, model_digest)
        before = known.get(uid)
        up_to_date = False
        if before is not None and before.state in _ENDED:
            ended.add(uid)
            failed = before.state == "failed"
            again = options.again or (failed and (options.retry_failed or before.again))
            written = failed or _is_written(place_of(study, out_dir, settings.identifiers or Identifiers.ORDER).result)
            up_to_date = before.fingerprint == print_ and not again and written
        if up_to_date:
            current.append(uid)
        elif options.since is None or _newest(study) >= options.since:
            # What has ended, or is another study now, begins anew.
            goes_on = before is not None and before.state == "pending" and before.fingerprint == print_
            attempts = before.attempts if before is not None and goes_on else 0
            to_do.append((attempts, Job(study, str(out_dir), settings, context, print_)))
    # Suspects last, the one begun most often at the very end: what kills every run does so when all else is done.
    to_do.sort(key=lambda item: item[0])
    chosen = to_do if options.limit is None else to_do[: options.limit]
    # What is not taken up now stands as it ended: in the tables, in the counts and in the exit status.
    kept = sorted(ended - {job.study.study_uid for _, job in chosen})
    earlier = [
        Rejected(Path(path), Status(status), reason)
        for path, status, reason in ledger.rejected()
        if not places.was_looked_at(places.of(path))
    ]
    ledger.plan(
        [(job.study.study_uid, job.fingerprint, attempts) for attempts, job in chosen],
        kept,
        [*earlier, *discovery.rejected],
        left_out=_left_out(ledger, discovery, places),
        files=files,
    )
    queue = Queue()
    for attempts, job in chosen:
        (queue.suspects if attempts else queue.untried).append(job)
    return Plan(queue, len(to_do) - len(chosen), tuple(current))


def _left_out(ledger: Ledger, discovery: Discovery, places: Places) -> list[str]:
    """Return the studies of earlier runs that the tables must not show beside those found now, and log them.

    These are studies whose files are gone from the paths given, and those of which a file is another study's now, or no
    film: anonymised or replaced in place, it would be counted twice. Studies of other paths stand, as do those whose
    files cannot be read now.
    """
    found = {study.study_uid for study in discovery.studies}
    now = {places.of(image.path) for study in discovery.studies for image in study.images}
    now |= {places.of(item.path) for item in discovery.rejected if item.status is Status.REFUSED}
    replaced: list[str] = []
    gone: list[str] = []
    for uid, files in ledger.files():
        if uid in found:
            continue
        if any(file in now for file in files):
            replaced.append(uid)
        elif all(places.is_gone(file) for file in files):
            gone.append(uid)
    for uids, why in (
        (replaced, "their files hold something else now (new films under the names of old ones need another --out)"),
        (gone, "their files are gone"),
    ):
        if uids:
            logger.warning("studies left out of the tables: %d, the first %s: %s", len(uids), uids[0], why)
    return replaced + gone


def _is_written(result: Path) -> bool:
    """Return True if a result exists and is not empty, as a power failure may leave it."""
    try:
        return result.stat().st_size > 0
    except OSError:
        return False


def in_shard(study_uid: str, shard: tuple[int, int]) -> bool:
    """Return True if a study is of a part of all studies, see `BatchOptions`."""
    number = int.from_bytes(hashlib.sha256(study_uid.encode("utf-8", "surrogateescape")).digest()[:8], "big")
    return number % shard[1] == shard[0] - 1


def _newest(study: StudyRef) -> float:
    times = []
    for image in study.images:
        try:
            place = in_archive(Path(image.path))
            times.append((Path(image.path) if place is None else place[0]).stat().st_mtime)
        except OSError:
            logger.debug("a file is gone since it was found")
    return max(times, default=0.0)
