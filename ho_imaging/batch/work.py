"""What a worker does with one study: analyse it, write it, and say in plain data how it ended."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ho_imaging.errors import HOImagingError
from ho_imaging.messages import Message
from ho_imaging.network.site import Site
from ho_imaging.outputs.rows import finding_rows, input_rows, study_row
from ho_imaging.outputs.study_folder import clear_objects, write_objects, write_study, write_thumbnail
from ho_imaging.pipeline import Analyzer
from ho_imaging.reading import StudyRef
from ho_imaging.results.folder import folder_name
from ho_imaging.severity.context import StudyContext
from ho_imaging.stopwatch import stage, timed
from ho_imaging.vocabulary import Status

__all__ = ["Job", "Outcome", "Settings", "WorkFunction", "fingerprint", "prepare_worker", "work"]


@dataclass(frozen=True)
class Settings:
    """How every study of a batch is analysed; another value of any field makes other results.

    ``site`` is what its file holds, not where it lies: the same file elsewhere changes nothing.
    """

    model: str = "default"
    device: str = "auto"
    region: str | None = None
    view: str | None = None
    laterality: str | None = None
    spacing_mm: tuple[float, float] | None = None
    site: Site | None = None
    masks: bool = False
    overlays: bool = False
    dicom: bool = False
    dicom_probability: bool = False
    dicom_anatomy: bool = False


@dataclass(frozen=True)
class Job:
    """One study to analyse, where to put it, and how its files looked when it was found."""

    study: StudyRef
    out_dir: str
    settings: Settings
    context: StudyContext | None
    fingerprint: str


@dataclass(frozen=True)
class Outcome:
    """How a study ended.

    ``status``: ``done``, ``refused`` or ``failed``; ``changed`` when a file changed while it was read, ``stopped`` when
    results cannot be written: then ``reason`` ends the whole batch. ``again``: a failure that may pass (a share that is
    gone), to be tried by the next run. ``rows``: what the tables say of it, and the seconds of each stage. ``seconds``:
    how long it took.
    """

    study_uid: str
    status: str
    reason: Message | None
    again: bool = False
    rows: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


WorkFunction = Callable[[Job], Outcome]


def prepare_worker(threads: int) -> None:
    """Give a worker process its share of the machine."""
    import cv2  # noqa: PLC0415  (libraries load in the worker, not before)

    cv2.setNumThreads(threads)
    # torch reads it when it is first loaded, which may be never: refused films need no network.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)


@functools.lru_cache(maxsize=1)
def _analyzer(settings: Settings) -> Analyzer:
    """Load the model once a process."""
    return Analyzer(
        settings.model,
        device=settings.device,
        region=settings.region,
        view=settings.view,
        laterality=settings.laterality,
        spacing_mm=settings.spacing_mm,
        site=settings.site,
    )


def fingerprint(study: StudyRef, settings: Settings, context: StudyContext | None, model_sha256: str) -> str:
    """Describe everything a study's result depends on: its files' names, sizes and times, the options, the model."""
    import hashlib  # noqa: PLC0415

    parts = [repr(settings), repr(context), model_sha256]
    for image in study.images:
        try:
            state = Path(image.path).stat()
            parts.append(f"{image.path}|{state.st_size}|{state.st_mtime_ns}|{image.sop_instance_uid}")
        except OSError:
            parts.append(f"{image.path}|gone")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def work(job: Job) -> Outcome:
    """Analyse a study and write its results."""
    started = time.monotonic()
    with timed() as stages:
        outcome = _work(job)
    seconds = time.monotonic() - started
    rows = {**outcome.rows, "stages": {name: round(value, 4) for name, value in stages.items()}} if outcome.rows else {}
    return replace(outcome, rows=rows, seconds=seconds)


def _work(job: Job) -> Outcome:
    uid = job.study.study_uid
    before = _states(job.study)
    analyzer = _analyzer(job.settings)
    analysis = analyzer.analyze_study(job.study, context=job.context)
    if _states(job.study) != before:
        return Outcome(uid, "changed", Message("file_changed"))
    folder = Path(job.out_dir) / "studies" / folder_name(uid)
    settings = job.settings
    try:
        with stage("write"):
            if settings.dicom or settings.dicom_probability or settings.dicom_anatomy:
                problems: list[Message] = []
                write_objects(
                    analysis,
                    folder,
                    probability=settings.dicom_probability,
                    anatomy=settings.dicom_anatomy,
                    problems=problems,
                )
                analysis = analysis.with_warnings(problems)
            else:
                clear_objects(folder)
            write_study(analysis, folder, masks=settings.masks, overlays=settings.overlays)
            write_thumbnail(analysis, folder)
    except HOImagingError as error:
        return Outcome(uid, "stopped", _stopped(error))
    result = analysis.result
    status = Status(result.status)
    return Outcome(
        study_uid=uid,
        status=status.value,
        reason=None if result.reason is None else result.reason.message,
        again=status is Status.FAILED and any(state is None for state in before),
        rows={
            "study": study_row(result, folder.name),
            "findings": finding_rows(result),
            "inputs": input_rows(result),
        },
    )


def _stopped(error: HOImagingError) -> Message:
    """Say why results cannot be written, with the path."""
    return Message("unclassified", problem=str(error), remedy="")


def _states(study: StudyRef) -> list[tuple[int, int] | None]:
    """Size and time of change of each file; ``None`` for one that cannot be read."""
    found: list[tuple[int, int] | None] = []
    for image in study.images:
        try:
            with Path(image.path).open("rb") as stream:
                stream.read(1)
                state = os.fstat(stream.fileno())
            found.append((state.st_size, state.st_mtime_ns))
        except OSError:
            found.append(None)
    return found
