"""The review in a notebook: a widget around a session."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from ho_imaging.extras import missing_extra
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.reviewed_study import ReviewedStudy
from ho_imaging.review.front_end import front_end, style
from ho_imaging.review.inputs import StudySource
from ho_imaging.review.opening import open_session
from ho_imaging.review.room import ReadingRoom
from ho_imaging.review.session import ReviewSession

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise missing_extra(error, "review", "the review") from error

__all__ = ["ReviewWidget", "review"]


class ReviewWidget(anywidget.AnyWidget):
    """Shows a reading room. Pixels and findings go by messages, not as state: no notebook file holds them."""

    _esm = front_end()
    _css = style()
    height_px = traitlets.Int(None, allow_none=True).tag(sync=True)

    def __init__(self, room: ReadingRoom, *, height_px: int | None = None) -> None:
        super().__init__(height_px=height_px)
        self.room = room
        self.on_msg(self._on_message)

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        for answer in self.room.handle(content):
            self.send(answer.content, answer.buffers)

    @property
    def session(self) -> ReviewSession:
        """The session at the study that is open."""
        return self.room.session

    @property
    def decisions(self) -> list[Decision]:
        """The reader's decisions on this study so far; all of them are on disk."""
        return self.session.decisions

    @property
    def reviewed(self) -> ReviewedStudy:
        """The study as the reader left it."""
        return self.session.state


def review(
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
    height_px: int | None = None,
) -> ReviewWidget:
    """Open a study for review in a notebook.

    Parameters
    ----------
    source
        The output folder of ``ho-imaging analyze``, a study's folder in it, a ``result.json``, or a `StudyResult` or
        `StudyAnalysis` in memory.
    study
        The study's UID, where ``source`` holds several.
    reader
        Who reads: a name or a code. Each reader's decisions are kept apart.
    previous, previous_study
        An earlier study to look at beside it, as for ``source`` and ``study``; ``previous_study`` alone is another
        study of ``source``.
    allow_other_patient
        Show the earlier study although its films name another patient (pseudonyms may differ between exports).
    blinded
        Hide the model's findings and grades until the reader has finished.
    store
        Folder for decisions; by default ``reviews`` in the batch's output folder, or in the working folder for what is
        in memory.
    films
        Folders to look for films in, by their UID, if they are not where they were.
    height_px
        Height on the page; by default that of the pane that the notebook is shown in.

    Raises
    ------
    UsageError
        If the study is not named, nothing in it was analysed, the films of both studies name different patients, or the
        reader has no name that can be kept.
    ReadError
        If the result cannot be read or its films are gone; the message names the file.
    WriteError
        If decisions cannot be kept.

    """
    session = open_session(
        source,
        study=study,
        reader=reader,
        previous=previous,
        previous_study=previous_study,
        allow_other_patient=allow_other_patient,
        blinded=blinded,
        store=store,
        films=films,
    )
    return ReviewWidget(ReadingRoom(session), height_px=height_px)
