"""Work on one study: analyse it, write its results, and return its outcome as plain data."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ho_imaging.errors import HOImagingError
from ho_imaging.files.output_names import STUDIES_TABLE
from ho_imaging.messages import Message
from ho_imaging.network.site import Site
from ho_imaging.outputs.registry import Per, choose
from ho_imaging.outputs.rows import given_up_rows, result_rows
from ho_imaging.outputs.study_folder import write_study
from ho_imaging.pipeline import Analyzer
from ho_imaging.reading import StudyRef
from ho_imaging.reading.archive import file_state
from ho_imaging.reading.identifiers import of_one_study
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.folder import OutputFolder, StudyFolder, folder_name, forget_names, study_file
from ho_imaging.results.identified import identified
from ho_imaging.results.schema import StudyResult
from ho_imaging.severity.context import StudyContext
from ho_imaging.stopwatch import stage, timed
from ho_imaging.vocabulary import Identifiers, Status

__all__ = [
    "CHANGES_NO_RESULT",
    "CHANGES_RESULTS",
    "Afterwards",
    "Job",
    "Outcome",
    "Settings",
    "WorkFunction",
    "fingerprint",
    "given_up",
    "kept_rows",
    "outputs_of_studies",
    "place_of",
    "prepare_worker",
    "work",
]


@dataclass(frozen=True)
class Settings:
    """Settings of a batch: analysis and outputs of every study.

    ``site`` is what its file holds, not where it lies: the same file elsewhere changes nothing. ``outputs``: those of
    `ho_imaging.outputs.names` beyond what every batch writes, each as NAME or NAME:OPTION:OPTION=VALUE.
    ``identifiers``: what results and outputs say of whose film it is; ``None`` for what the folder's last run said, at
    first paths and accession numbers. ``language``: of the worklist and of reports.
    """

    model: str = "default"
    device: str = "auto"
    region: str | None = None
    view: str | None = None
    laterality: str | None = None
    spacing_mm: tuple[float, float] | None = None
    site: Site | None = None
    outputs: tuple[str, ...] = ()
    identifiers: Identifiers | None = None
    language: str | None = None

    def analyzer(self) -> Analyzer:
        """Return an analyzer of these settings, whose model is loaded when it is needed.

        Raises
        ------
        UsageError
            If a word or number means nothing.

        """
        return Analyzer(
            self.model,
            device=self.device,
            region=self.region,
            view=self.view,
            laterality=self.laterality,
            spacing_mm=self.spacing_mm,
            site=self.site,
        )


CHANGES_RESULTS = ("region", "view", "laterality", "spacing_mm", "site")
CHANGES_NO_RESULT = ("model", "device", "outputs", "identifiers", "language")
"""Every field of `Settings` is in one of these. The model counts by what it holds, not by its name or place."""


@dataclass(frozen=True)
class Job:
    """One study to analyse, where to put it, and how its files looked when it was found."""

    study: StudyRef
    out_dir: str
    settings: Settings
    context: StudyContext | None
    fingerprint: str

    @property
    def identifiers(self) -> Identifiers:
        """Return what is said of whose film it is."""
        return self.settings.identifiers or Identifiers.ORDER

    @property
    def folder(self) -> StudyFolder:
        """Return the study's folder, whether it is there or not."""
        return place_of(self.study, Path(self.out_dir), self.identifiers)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a study.

    ``status``: ``done``, ``refused`` or ``failed``; ``changed`` when a file changed while it was read, ``stopped`` when
    results cannot be written: then ``reason`` ends the whole batch. ``again``: a failure that may pass (a share that is
    gone), to be tried by the next run. ``rows``: what the tables say of it, and the seconds of each stage. ``seconds``:
    how long it took. ``outputs``: those of the study that its folder holds now. ``problems``: on outputs that could
    not be written.
    """

    study_uid: str
    status: str
    reason: Message | None
    again: bool = False
    rows: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    outputs: tuple[str, ...] = ()
    problems: tuple[Message, ...] = ()


WorkFunction = Callable[[Job], Outcome]

Afterwards = Callable[[Job, Analyzer, StudyAnalysis, Path], Sequence[Message]]
"""Function called after a study was analysed and written to a folder; returns messages on what went wrong."""


def prepare_worker(threads: int) -> None:
    """Set a worker process's share of the machine."""
    import cv2  # noqa: PLC0415  (libraries load in the worker, not before)

    cv2.setNumThreads(threads)
    # torch reads it when it is first loaded, which may be never: refused films need no network.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)


@functools.lru_cache(maxsize=1)
def _analyzer(settings: Settings) -> Analyzer:
    """Load the model once a process."""
    return settings.analyzer()


def fingerprint(study: StudyRef, settings: Settings, context: StudyContext | None, model_digest: str) -> str:
    """Return a digest of all that a study's result depends on: its files' names, sizes and times, options, model.

    A setting that changes no result, such as one more output, is no part of it: it must not cause a new analysis.
    """
    import hashlib  # noqa: PLC0415

    parts = [f"{name}={getattr(settings, name)!r}" for name in CHANGES_RESULTS]
    parts += [repr(context), model_digest]
    for image in study.images:
        try:
            size, changed = file_state(Path(image.path))
            parts.append(f"{image.path}|{size}|{changed}|{image.sop_instance_uid}")
        except OSError:
            parts.append(f"{image.path}|gone")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def work(job: Job, *, afterwards: Afterwards | None = None) -> Outcome:
    """Analyse a study and write its results; do ``afterwards`` what a study that is done is further to get."""
    started = time.monotonic()
    with timed() as stages:
        outcome = _work(job, afterwards)
    seconds = time.monotonic() - started
    rows = {**outcome.rows, "stages": {name: round(value, 4) for name, value in stages.items()}} if outcome.rows else {}
    return replace(outcome, rows=rows, seconds=seconds)


def _work(job: Job, afterwards: Afterwards | None) -> Outcome:
    uid = job.study.study_uid
    before = _states(job.study)
    analyzer = _analyzer(job.settings)
    analysis = analyzer.analyze_study(job.study, context=job.context)
    if _states(job.study) != before:
        return Outcome(uid, "changed", Message("file_changed"))
    stated = of_one_study(image.identifiers for image in job.study.images)
    analysis = replace(analysis, result=identified(analysis.result, job.identifiers, stated))
    outputs = outputs_of_studies(job.settings)
    try:
        if job.identifiers is Identifiers.NONE and study_file(job.study) is not None:
            forget_names(OutputFolder(Path(job.out_dir)), uid)
        folder = job.folder.path
        with stage("write"):
            written = write_study(analysis, folder, outputs)
        problems = [one.message for one in written.result.warnings[len(analysis.result.warnings) :]]
        analysis = written
        if afterwards is not None and Status(analysis.result.status) is Status.DONE:
            problems += afterwards(job, analyzer, analysis, folder)
    except HOImagingError as error:
        return Outcome(uid, "stopped", _stopped(error))
    result = analysis.result
    status = Status(result.status)
    return Outcome(
        study_uid=uid,
        status=status.value,
        reason=None if result.reason is None else result.reason.message,
        again=status is Status.FAILED and any(state is None for state in before),
        rows=kept_rows(result, folder.name, job.identifiers),
        outputs=outputs,
        problems=tuple(problems),
    )


def place_of(study: StudyRef, out_dir: Path, identifiers: Identifiers) -> StudyFolder:
    """Return the folder of a study: named by its picture file or UID, or by the UID alone where paths are left out."""
    batch, file = OutputFolder(out_dir), study_file(study)
    if file is None:  # never named by a file, so there is nothing to look for
        return StudyFolder(batch.studies / folder_name(study.study_uid))
    return batch.study(study.study_uid, None if identifiers is Identifiers.NONE else file)


def kept_rows(result: StudyResult, folder: str, identifiers: Identifiers) -> dict[str, Any]:
    """Return what the ledger keeps of a result for the tables."""
    rows = result_rows(result, folder)
    (study,) = rows.pop(STUDIES_TABLE)
    return {"study": study, **rows, "identifiers": identifiers.value}


def given_up(study: StudyRef, status: str, reason: Message | None, identifiers: Identifiers) -> dict[str, Any]:
    """Return what the ledger keeps of a study that has no result of its own."""
    films = given_up_rows(study, status, reason)
    if identifiers is Identifiers.NONE:
        films = [{**film, "path": ""} for film in films]
    return {"inputs": films, "identifiers": identifiers.value}


def outputs_of_studies(settings: Settings) -> tuple[str, ...]:
    """Return the outputs asked for that are of one study each, in one spelling."""
    chosen = (choose(text) for text in settings.outputs)
    return tuple(dict.fromkeys(one.text for one in chosen if one.output.per is Per.STUDY and not one.output.always))


def _stopped(error: HOImagingError) -> Message:
    """Return why results cannot be written, with the path."""
    return Message("unclassified", problem=str(error), remedy="")


def _states(study: StudyRef) -> list[tuple[int, int] | None]:
    """Size and time of change of each file; ``None`` for one that cannot be read."""
    found: list[tuple[int, int] | None] = []
    for image in study.images:
        try:
            found.append(file_state(Path(image.path), read=True))
        except OSError:
            found.append(None)
    return found
