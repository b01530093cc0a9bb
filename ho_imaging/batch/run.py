"""The batch itself: find, plan by the ledger, hand out, note, and write the tables."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import Any

from ho_imaging.batch.add_outputs import add_outputs, write_batch_outputs
from ho_imaging.batch.earlier_films import with_earlier_films
from ho_imaging.batch.hand_out import work_through
from ho_imaging.batch.ledger import Ledger, hold_folder
from ho_imaging.batch.options import BatchCounts, BatchOptions, OnStudy
from ho_imaging.batch.places import Places
from ho_imaging.batch.plan import in_shard, plan
from ho_imaging.batch.relabel import names_a_patient, relabel
from ho_imaging.batch.standard_input import forget_standard_input
from ho_imaging.batch.summary import write_tables
from ho_imaging.batch.work import Settings, WorkFunction, work
from ho_imaging.errors import HOImagingError, UsageError, WriteError
from ho_imaging.files.given_path import given_path
from ho_imaging.files.name_length import check_name_length
from ho_imaging.outputs.registry import Chosen, choose
from ho_imaging.reading import Discovery, Rejected, discover
from ho_imaging.reading.discover import path_list
from ho_imaging.results.folder import OutputFolder, check_schema
from ho_imaging.severity.context import StudyContext
from ho_imaging.vocabulary import Identifiers, Status

__all__ = ["run_batch", "said_identifiers"]

logger = logging.getLogger(__name__)


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
    earlier_films: bool = True,
) -> BatchCounts:
    """Analyse everything under some paths into ``out_dir``, or go on with what an earlier run left.

    Writes a result for every study and the outputs asked for (docs/output-folder.md), the ledger, and tables of
    studies, findings, sides and inputs, which hold what earlier runs made of other paths too. A study is analysed again
    only when its files, the model, its clinical facts or a setting that changes results have changed; an output that is
    new is made from the results that were kept, where it can be. ``contexts_file`` is where ``contexts`` were read
    from, for messages. ``on_study`` is told each study as it ends. ``function`` does the work of one study; it must be
    importable by name. Without ``earlier_films`` a study is the films given now, whatever earlier runs found of it.

    Raises
    ------
    TypeError
        If something that is to be a path is none.
    ReadError
        If a path does not exist.
    ModelError
        If the model cannot be loaded, or the device is not there.
    WriteError
        If the folder cannot be written to.
    UsageError
        If there is nothing to analyse, another run writes to the folder, its name is too long, or it holds results of
        another schema version.
    KeyboardInterrupt
        If it is interrupted, with how far it came; the tables of what is done are written all the same.

    """
    settings, options = settings or Settings(), options or BatchOptions()
    paths, out_dir = path_list(paths), given_path(out_dir, "the folder for the results")
    check_name_length(out_dir)
    if out_dir.exists() and not out_dir.is_dir():
        raise UsageError("is a file, not a folder", path=out_dir, remedy="choose another --out")
    chosen = [choose(text) for text in settings.outputs]  # what is wrong with one is said before the first film
    discovery = _without_own(discover(paths), out_dir)
    # Before the ledger begins a run. Films that are all damaged or out of scope still end as inputs with a reason.
    if not discovery.studies and all(item.stray or _is_empty_folder(item) for item in discovery.rejected):
        problem = "holds no image files" if len(paths) == 1 else "hold no image files"
        raise UsageError(problem, path=", ".join(map(str, paths)), remedy="give files or folders of films")
    _warn_of_unused(contexts or {}, discovery, contexts_file)
    identity, digest = _model_of(settings, here=options.dask is None) if discovery.studies else ("", "")
    ledger_path = OutputFolder(out_dir).ledger(options.shard)
    started = time.monotonic()
    check_schema(out_dir)
    with hold_folder(out_dir, ledger_path.stem):
        ledger = Ledger(ledger_path)
        try:
            settings = _settled(settings, ledger, chosen)
            about = {
                "settings": asdict(settings),
                "options": asdict(options),
                "model_sha256": identity,
                **_machine(),
            }
            ledger.begin(about)
            places = Places(paths)
            if earlier_films:
                uids = [study.study_uid for study in discovery.studies]
                mine = {uid for uid in uids if options.shard is None or in_shard(uid, options.shard)}
                discovery = with_earlier_films(discovery, OutputFolder(out_dir), places, wanted=mine)
            todo = plan(ledger, discovery, places, out_dir, settings, options, contexts or {}, digest)
            stale = relabel(ledger, OutputFolder(out_dir), discovery, settings.identifiers or Identifiers.ORDER)
            try:
                progress = work_through(ledger, todo.queue, options, function, digest, on_study, started)
                files = {image.sop_instance_uid: str(image.path) for s in discovery.studies for image in s.images}
                missing = add_outputs(ledger, OutputFolder(out_dir), todo.up_to_date, chosen, stale=stale, files=files)
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
            missing += write_batch_outputs(ledger, OutputFolder(out_dir))
            return replace(_counts(ledger, discovery, progress.ended, todo.left), outputs_missing=missing)
        finally:
            ledger.close()
            # Last, for outputs are made of these films; a run that was refused has not begun and takes nothing away.
            if ledger.run and settings.identifiers is Identifiers.NONE:
                forget_standard_input(out_dir)


def said_identifiers(out_dir: Path) -> Identifiers:
    """Return what the last run in a folder said of whose films they are."""
    found = Identifiers.ORDER
    for path in OutputFolder(out_dir).ledgers():
        ledger = Ledger(path)
        try:
            found = Identifiers(ledger.about().get("settings", {}).get("identifiers") or found)
        finally:
            ledger.close()
    return found


def _settled(settings: Settings, ledger: Ledger, chosen: Sequence[Chosen]) -> Settings:
    """Return the settings with what the folder's last run said of whose films they are and in which language."""
    before = ledger.about().get("settings", {})
    settled = replace(
        settings,
        identifiers=Identifiers(settings.identifiers or before.get("identifiers") or Identifiers.ORDER),
        language=settings.language or before.get("language") or "en",
    )
    if settled.identifiers is Identifiers.NONE and any(names_a_patient(one.text) for one in chosen):
        raise UsageError(
            "DICOM objects name the patient, so --anonymous cannot be had with them",
            remedy="leave the output dicom out, or analyse copies of ho-imaging deidentify",
        )
    return settled


def _is_empty_folder(item: Rejected) -> bool:
    """Return True if it is a readable folder that held nothing; an unreadable one has failed."""
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


def _without_own(discovery: Discovery, out_dir: Path) -> Discovery:
    """Leave out what lies in the output folder and is no film, where that is below the input."""
    # Not Path.resolve, which ends at a link that leads to itself.
    own, came = (os.path.realpath(path) for path in (out_dir, OutputFolder(out_dir).standard_input))
    places = [(item, Path(os.path.realpath(item.path))) for item in discovery.rejected]
    kept = tuple(item for item, place in places if not place.is_relative_to(own) or place.is_relative_to(came))
    return Discovery(discovery.studies, kept)


def _model_of(settings: Settings, *, here: bool) -> tuple[str, str]:
    """Check weights, site file and device, and return the weights' sha256 and a digest of all that results depend on.

    What is wrong is said before the first film. ``here``: whether this machine does the work.
    """
    from ho_imaging.network.model_store import check_model  # noqa: PLC0415  (heavy)

    name = settings.model
    description = check_model(Path(name) if os.sep in name else name, device=settings.device if here else None)
    identity = description.identity
    if settings.site is not None:
        settings.site.check(identity)
    # With the thresholds and calibrations beside the weights; how they were trained changes nothing.
    about = description.model_dump_json(exclude={"training"})
    return identity.sha256, hashlib.sha256(about.encode()).hexdigest()


def _machine() -> dict[str, Any]:
    from ho_imaging._version import __version__  # noqa: PLC0415  (the package imports this module late)

    return {"version": __version__, "python": platform.python_version(), "cores": os.cpu_count() or 1}


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
