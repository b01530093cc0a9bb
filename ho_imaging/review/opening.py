"""Opening of a session: the study, the study before it, and the store that decisions are kept in."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ho_imaging.readings.decisions import check_reader
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.review.inputs import StudySource, open_study
from ho_imaging.review.session import ReviewSession

__all__ = ["open_session"]


def open_session(
    source: StudySource,
    *,
    study: str | None = None,
    reader: str,
    previous: StudySource | None = None,
    previous_study: str | None = None,
    allow_other_patient: bool = False,
    blinded: bool = False,
    store: str | PathLike[str] | None = None,
    films: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
) -> ReviewSession:
    """Open a session; parameters and errors are those of `ho_imaging.review.review`."""
    reader = reader.strip()
    check_reader(reader)
    folders = [films] if isinstance(films, str | PathLike) else list(films)
    current = open_study(source, study, films=folders)
    earlier = None
    if previous is not None or previous_study is not None:
        earlier = open_study(source if previous is None else previous, previous_study, films=folders)
    kept = ReviewStore(current.store if store is None else Path(store))
    kept.check_writable(current.result.study_uid, reader)
    return ReviewSession(
        current, reader, kept, blinded=blinded, previous=earlier, allow_other_patient=allow_other_patient
    )
