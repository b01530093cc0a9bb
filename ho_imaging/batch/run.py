"""The batch itself: find, plan by the ledger, hand out, note, and write the tables."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from ho_imaging.batch.ledger import Ledger, hold_folder
from ho_imaging.batch.pool import Alone, Died, Pool, available_cores
from ho_imaging.batch.summary import write_tables
from ho_imaging.batch.work import Job, Outcome, Settings, WorkFunction, fingerprint, work
from ho_imaging.errors import HOImagingError, UsageError, WriteError
from ho_imaging.outputs.rows import given_up_rows
from ho_imaging.reading import Discovery, Rejected, StudyRef, discover
from ho_imaging.reading.discover import path_list
from ho_imaging.results.folder import folder_name
from ho_imaging.severity.context import StudyContext
from ho_imaging.vocabulary import Status

__all__ = ["BatchCounts", "BatchOptions", "Progress", "run_batch"]

logger = logging.getLogger(__name__)

MOST_CHANGES = 2
"""A study whose files change so often while they are read waits for the next run."""

_ENDED = {"done", "refused", "failed"}

SMALL_BATCH = 2
"""So many studies are analysed without workers: starting one takes longer."""


@dataclass(frozen=True)
class BatchOptions:
    """How a batch runs; none of it changes a result.

    ``workers``: processes, 0 for this one, ``None`` for as many as fit. ``retry_failed``: try failed studies again.
    ``since``: only studies with a file changed at or after this time (seconds since 1970). ``limit``: analyse at most
    so many studies now. ``shard``: ``(i, n)`` with 1 <= i <= n takes one of n parts of the studies. ``limit_s``: time
    after which a study's worker is ended, in seconds.
    """

    workers: int | None = None
    retry_failed: bool = False
    since: float | None = None
    limit: int | None = None
    shard: tuple[int, int] | None = None
    limit_s: float = 900.0
    dask: str | None = None
    """Address of a Dask scheduler, to work there instead of here."""

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        for name in ("workers", "limit"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"{name} is {value}", remedy="give 0 or more, or leave it out")


@dataclass(frozen=True)
class Progress:
    """Where a run stands: studies ended so far in it, by status, and how many it has to do."""

    done: int
    refused: int
    failed: int
    total: int
    seconds: float

    @property
    def ended(self) -> int:
        """Studies that have ended."""
        return self.done + self.refused + self.failed


@dataclass(frozen=True)
class BatchCounts:
    """How the inputs given ended, now or in an earlier run that this one went on from.

    ``rejected``: files that are no film of a study. ``analysed``: studies analysed now; the rest was done before.
    ``left``: studies put off by a limit.
    """

    done: int
    refused: int
    failed: int
    incomplete: int = 0
    """Studies that are done although some of their films are not."""
    rejected: tuple[Rejected, ...] = ()
    analysed: int = 0
    left: int = 0

    @property
    def all_done(self) -> bool:
        """Whether every input was analysed."""
        return self.refused == self.failed == self.incomplete == self.left == 0


OnStudy = Callable[[Outcome, Path, Progress], None]


def run_batch(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    out_dir: str | PathLike[str],
    settings: Settings | None = None,
    options: BatchOptions | None = None,
    *,
    contexts: Mapping[str, StudyContext] | None = None,
    contexts_file: Path | None = None,
    on_study: OnStudy | None = None,
    function: WorkFunction = work,
) -> BatchCounts:
    """Analyse everything under some paths into ``out_dir``, or go on with what an earlier run left.

    Writes ``studies/<StudyInstanceUID>/result.json`` for every study, on request masks and overlays beside it, the
    ledger, and tables of studies, findings and inputs, which hold what earlier runs made of other paths too. A study is
    analysed again only when its files, the settings, the model or its clinical facts have changed. ``contexts_file`` is
    where ``contexts`` were read from, for messages. ``on_study`` is told each study as it ends. ``function`` does the
    work of one study; it must be importable by name.

    Raises
    ------
    ReadError
        If a path does not exist.
    ModelError
        If the model cannot be loaded, or the device is not there.
    WriteError
        If the folder cannot be written to.
    UsageError
        If there is nothing to analyse, or another run writes to the folder.
    KeyboardInterrupt
        If it is interrupted, with how far it came; the tables of what is done are written all the same.

    """
    settings, options = settings or Settings(), options or BatchOptions()
    paths, out_dir = path_list(paths), Path(out_dir)
    if out_dir.exists() and not out_dir.is_dir():
        raise UsageError("is a file, not a folder", path=out_dir, remedy="choose another --out")
    discovery = _without_own(discover(paths), out_dir)
    # Before the ledger begins a run. Films that are all damaged or out of scope still end as inputs with a reason.
    if not discovery.studies and all(item.stray or _is_empty_folder(item) for item in discovery.rejected):
        raise UsageError(
            "hold no image files", path=", ".join(map(str, paths)), remedy="give files or folders of films"
        )
    _warn_of_unused(contexts or {}, discovery, contexts_file)
    model_sha256 = _model_sha256(settings, here=options.dask is None) if discovery.studies else ""
    name = "ledger" if options.shard is None else f"ledger-{options.shard[0]}-of-{options.shard[1]}"
    started = time.monotonic()
    with hold_folder(out_dir, name):
        ledger = Ledger(out_dir / f"{name}.sqlite")
        try:
            about = {
                "settings": asdict(settings),
                "options": asdict(options),
                "model_sha256": model_sha256,
                **_machine(),
            }
            ledger.begin(about)
            places = _Places(paths)
            queue, left = _plan(ledger, discovery, places, out_dir, settings, options, contexts or {}, model_sha256)
            try:
                progress = _work_through(ledger, queue, options, function, model_sha256, on_study, started)
            except KeyboardInterrupt:
                _pause(ledger, out_dir)
                raise
            except HOImagingError:
                with contextlib.suppress(WriteError):  # the disk may be full
                    ledger.release()
                raise
            about |= {"seconds": round(progress.seconds, 2), "analysed": progress.ended}
            ledger.end(about)
            write_tables(out_dir)
            return _counts(ledger, discovery, progress.ended, left)
        finally:
            ledger.close()


def _is_empty_folder(item: Rejected) -> bool:
    """Whether it is a folder that was looked into and held nothing; one that may not be looked into has failed."""
    return item.status is Status.REFUSED and item.path.is_dir()


def _warn_of_unused(contexts: Mapping[str, StudyContext], discovery: Discovery, file: Path | None) -> None:
    """Say which clinical facts belong to no study: a mistyped UID would be lost without a word."""
    found = {study.study_uid for study in discovery.studies}
    unused = [uid for uid in contexts if uid not in found]
    if unused:
        lines = "1 line of {} names" if len(unused) == 1 else f"{len(unused)} lines of {{}} name"
        where = file or "the clinical facts"
        logger.warning("%s no study here, the first: %s (give the StudyInstanceUID)", lines.format(where), unused[0])


def _pause(ledger: Ledger, out_dir: Path) -> None:
    """Write the tables of what is done when interrupted; that they cannot be written does not hide the interrupt."""
    try:
        ledger.release()
        write_tables(out_dir)
    except WriteError as error:
        logger.error("%s", error)


class _Places:
    """Where files lie, so that those of several runs can be compared: from any folder, by any link to a folder.

    Only folders are followed to where links lead; a link to a file is a place of its own, whatever it leads to.
    """

    def __init__(self, given: Sequence[str | PathLike[str]]) -> None:
        self._folders: dict[Path, Path] = {}
        self._given = {self.of(path) for path in given} | {os.path.realpath(path) for path in given}

    def of(self, path: str | PathLike[str]) -> str:
        """Give a file's place."""
        path = Path(path)
        if path.parent not in self._folders:
            self._folders[path.parent] = Path(os.path.realpath(path.parent))
        return str(self._folders[path.parent] / path.name)

    def was_looked_at(self, place: str) -> bool:
        """Whether it is one of the paths given, or lies below one."""
        return any(str(path) in self._given for path in (Path(place), *Path(place).parents))

    def is_gone(self, place: str) -> bool:
        """Whether the paths given held it and do no longer; of other paths, such as a share that is off, none is."""
        if not self.was_looked_at(place):
            return False
        try:
            Path(place).lstat()
        except OSError as error:
            # One that may not be looked at may well be there.
            return isinstance(error, FileNotFoundError | NotADirectoryError)
        return False


def _without_own(discovery: Discovery, out_dir: Path) -> Discovery:
    """Leave out what an earlier run wrote, where the output folder lies below the input."""
    # Not Path.resolve, which ends at a link that leads to itself.
    everything = Path(os.path.realpath(out_dir))

    def is_own(path: Path, below: Path = everything / "studies") -> bool:
        return Path(os.path.realpath(path)).is_relative_to(below)

    studies = []
    for study in discovery.studies:
        images = tuple(image for image in study.images if not is_own(Path(image.path)))
        if images:
            studies.append(StudyRef(study.study_uid, images))
    kept = tuple(item for item in discovery.rejected if not is_own(item.path, everything))
    return Discovery(tuple(studies), kept)


def _model_sha256(settings: Settings, *, here: bool) -> str:
    """Check weights, site file and device, and give the weights' sha256: what is wrong is said before the first film.

    ``here``: whether this machine does the work.
    """
    from ho_imaging.network.devices import choose_device  # noqa: PLC0415  (torch loads only when it is needed)
    from ho_imaging.network.model_store import load_weights  # noqa: PLC0415

    if here:
        choose_device(settings.device)
    name = settings.model
    identity = load_weights(Path(name) if os.sep in name else name)[0].identity
    if settings.site is not None:
        settings.site.check(identity)
    return identity.sha256


def _machine() -> dict[str, Any]:
    from ho_imaging._version import __version__  # noqa: PLC0415  (the package imports this module late)

    return {"version": __version__, "python": platform.python_version(), "cores": os.cpu_count() or 1}


@dataclass(frozen=True)
class _Queue:
    """Studies to analyse: those never begun, then the suspects, which were at work when their worker or a run died."""

    untried: deque[Job] = field(default_factory=deque)
    suspects: deque[Job] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.untried) + len(self.suspects)


def _plan(
    ledger: Ledger,
    discovery: Discovery,
    places: _Places,
    out_dir: Path,
    settings: Settings,
    options: BatchOptions,
    contexts: Mapping[str, StudyContext],
    model_sha256: str,
) -> tuple[_Queue, int]:
    """Sort studies into those to analyse and those that stay as they are; and how many a limit puts off."""
    known = ledger.states()
    to_do: list[tuple[int, Job]] = []
    ended: set[str] = set()
    files: dict[str, list[str]] = {}
    for study in discovery.studies:
        uid = study.study_uid
        if options.shard is not None and not _in_shard(uid, options.shard):
            continue
        files[uid] = [places.of(image.path) for image in study.images]
        context = contexts.get(uid)
        print_ = fingerprint(study, settings, context, model_sha256)
        before = known.get(uid)
        up_to_date = False
        if before is not None and before.state in _ENDED:
            ended.add(uid)
            failed = before.state == "failed"
            again = failed and (options.retry_failed or before.again)
            written = failed or _is_written(out_dir / "studies" / folder_name(uid) / "result.json")
            up_to_date = before.fingerprint == print_ and not again and written
        if not up_to_date and (options.since is None or _newest(study) >= options.since):
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
    queue = _Queue()
    for attempts, job in chosen:
        (queue.suspects if attempts else queue.untried).append(job)
    return queue, len(to_do) - len(chosen)


def _left_out(ledger: Ledger, discovery: Discovery, places: _Places) -> list[str]:
    """Give the studies of earlier runs that the tables must not show beside what is found now, and say so.

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
    """Whether a result is there and not empty, as a machine that lost its power may leave it."""
    try:
        return result.stat().st_size > 0
    except OSError:
        return False


def _in_shard(study_uid: str, shard: tuple[int, int]) -> bool:
    import hashlib  # noqa: PLC0415

    number = int.from_bytes(hashlib.sha256(study_uid.encode("utf-8", "surrogateescape")).digest()[:8], "big")
    return number % shard[1] == shard[0] - 1


def _newest(study: StudyRef) -> float:
    times = []
    for image in study.images:
        try:
            times.append(Path(image.path).stat().st_mtime)
        except OSError:
            logger.debug("a file is gone since it was found")
    return max(times, default=0.0)


def _work_through(
    ledger: Ledger,
    queue: _Queue,
    options: BatchOptions,
    function: WorkFunction,
    model_sha256: str,
    on_study: OnStudy | None,
    started: float,
) -> Progress:
    counts = dict.fromkeys(("done", "refused", "failed"), 0)
    total = len(queue)
    changes: Counter[str] = Counter()
    if queue.suspects:
        logger.info(
            "%d studies were at work when their worker or a run died: they come last, each alone", len(queue.suspects)
        )

    def take(waiting: deque[Job]) -> Job | None:
        if not waiting:
            return None
        ledger.start(waiting[0].study.study_uid)
        return waiting.popleft()

    def end(job: Job, outcome: Outcome) -> None:
        if "inputs" not in outcome.rows:
            films = given_up_rows(job.study, outcome.status, outcome.reason)
            outcome = replace(outcome, rows={**outcome.rows, "inputs": films})
        ledger.finish(outcome)
        counts[outcome.status] += 1
        if on_study is not None:
            folder = Path(job.out_dir) / "studies" / folder_name(outcome.study_uid)
            on_study(outcome, folder, Progress(**counts, total=total, seconds=time.monotonic() - started))

    def note(job: Job, outcome: Outcome | Died) -> None:
        uid = job.study.study_uid
        if isinstance(outcome, Died):
            # Others were at work beside it: its death is no evidence.
            logger.warning("study %s: %s; it is tried again alone, after all others", uid, outcome)
            ledger.suspect(uid)
            queue.suspects.append(job)
        elif outcome.status == "stopped":
            raise HOImagingError(outcome.reason or "stopped")
        elif outcome.status == "changed":
            changes[uid] += 1
            if changes[uid] >= MOST_CHANGES:
                end(job, Outcome(uid, "failed", "its files keep changing while they are read", again=True))
                return
            again = fingerprint(job.study, job.settings, job.context, model_sha256)
            ledger.renew(uid, again)
            queue.untried.append(Job(job.study, job.out_dir, job.settings, job.context, again))
        else:
            end(job, outcome)

    try:
        # Closed at once when interrupted: nobody is to be at work while the tables are written.
        with contextlib.closing(_outcomes(queue, take, options, function)) as outcomes:
            for job, outcome in outcomes:
                note(job, outcome)
    except KeyboardInterrupt:
        ended = sum(counts.values())
        raise KeyboardInterrupt(f"interrupted after {ended} of {total} studies; the same command goes on") from None
    return Progress(**counts, total=total, seconds=time.monotonic() - started)


Outcomes = Generator[tuple[Job, Outcome | Died], None, None]


def _outcomes(
    queue: _Queue, take: Callable[[deque[Job]], Job | None], options: BatchOptions, function: WorkFunction
) -> Outcomes:
    """Do the studies of a queue: those never begun side by side, then the suspects one by one."""
    if not queue:
        return
    with contextlib.closing(_place_of_work(queue, options, function)) as place:
        while queue:
            if queue.untried:
                yield from place.run(lambda: take(queue.untried))
            elif (suspect := take(queue.suspects)) is not None:
                yield suspect, place.try_alone(suspect)


class _PlaceOfWork(Protocol):
    def run(self, take: Callable[[], Job | None]) -> Iterator[tuple[Job, Outcome | Died]]: ...
    def try_alone(self, job: Job) -> Outcome: ...
    def close(self) -> None: ...


def _place_of_work(queue: _Queue, options: BatchOptions, function: WorkFunction) -> _PlaceOfWork:
    if options.dask is not None:
        from ho_imaging.batch.cluster import Cluster  # noqa: PLC0415  (an extra)

        job = (queue.untried or queue.suspects)[0]
        return Cluster(options.dask, function, job.settings.model)
    workers = options.workers
    if workers is None:
        workers = 0 if len(queue) <= SMALL_BATCH else available_cores()
    return _Here(min(workers, len(queue)), function, options.limit_s)


class _Here:
    """Studies run on this machine in ``workers`` processes, or in this one if there are none.

    A suspect runs in a process of its own even then: what has ended this program once must not do so again and again.
    """

    def __init__(self, workers: int, function: WorkFunction, limit_s: float) -> None:
        self._workers, self._function, self._limit_s = workers, function, limit_s
        self._alone = Alone(available_cores(), function, limit_s=limit_s)

    def run(self, take: Callable[[], Job | None]) -> Outcomes:
        """Yield every job that ``take`` returns with how it ended."""
        self._alone.close()
        if self._workers == 0:
            while (job := take()) is not None:
                yield job, self._function(job)
            return
        threads = max(1, available_cores() // self._workers)
        with contextlib.closing(Pool(self._workers, threads, self._function, limit_s=self._limit_s)) as pool:
            yield from pool.run(take)

    def try_alone(self, job: Job) -> Outcome:
        """Return how a suspect ended."""
        return self._alone.run(job)

    def close(self) -> None:
        """End the worker of suspects; the others end with `run`."""
        self._alone.close()


def _counts(ledger: Ledger, discovery: Discovery, analysed: int, left: int) -> BatchCounts:
    mine = ledger.rows(since_run=ledger.run)
    states = [(row["state"], row.get("study", {}).get("films_not_done", 0)) for row in mine]
    rejected = tuple(item for item in discovery.rejected if not item.stray)

    def count(status: Status) -> int:
        return len([1 for state, _ in states if state == status]) + len(
            [1 for item in rejected if item.status is status]
        )

    return BatchCounts(
        done=count(Status.DONE),
        refused=count(Status.REFUSED),
        failed=count(Status.FAILED),
        incomplete=sum(state == Status.DONE and bool(missing) for state, missing in states),
        rejected=rejected,
        analysed=analysed,
        left=left,
    )
