"""Reviewed studies: those that readers have committed, with the readings that count."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ho_imaging.readings.decision_text import left_out_text
from ho_imaging.readings.plan import read_plan
from ho_imaging.readings.readings import Reading, reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import OutputFolder, batch_results
from ho_imaging.results.schema import StudyResult

__all__ = ["Reviewed", "reviewed_studies"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reviewed:
    """A study that has been read, with the readings whose word counts: one, or several that are not adjudicated."""

    folder: Path
    result: StudyResult
    readings: tuple[Reading, ...]


def reviewed_studies(
    folder: Path,
    *,
    store: Path | None = None,
    readers: Sequence[str] | None = None,
    left_out: dict[str, str] | None = None,
) -> Iterator[Reviewed]:
    """Yield the committed studies of a batch's output folder, each with the readings that count.

    ``readers``: only these; the store's plan names the adjudicator. A reading that was committed for another result
    than the present one does not count; it is logged, and ``left_out`` is told of it.
    """
    kept = ReviewStore(store if store is not None else OutputFolder(folder).reviews)
    plan = read_plan(kept.folder)
    known: set[str] = set()
    for study_folder, result in batch_results(folder):
        known.add(result.study_uid)
        names = [name for name in kept.readers(result.study_uid) if readers is None or name in readers]
        readings = [reader_reading(result, kept.read(result.study_uid, name), final=True) for name in names]
        committed = [reading for reading in readings if reading.committed]
        for reading in readings:
            if reading.committed_at is not None and not reading.committed:
                why = f"{left_out_text(reading.left_out)}; look at it again and commit it"
                logger.warning("study %s: the reading of %s is left out: %s", result.study_uid, reading.reader, why)
                if left_out is not None:
                    left_out[f"{result.study_uid} read by {reading.reader}"] = why
        last_word = [reading for reading in committed if plan is not None and reading.reader == plan.adjudicator]
        if committed:
            yield Reviewed(study_folder, result, tuple(last_word or committed))
    kept.warn_of_others(known)
