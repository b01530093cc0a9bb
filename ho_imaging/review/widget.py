"""The review in a notebook: a widget around a session."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from ho_imaging.extras import missing_extra
from ho_imaging.readings.decisions import Decision, check_reader
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.readings.reviewed_study import ReviewedStudy
from ho_imaging.review.inputs import StudySource, open_study
from ho_imaging.review.session import ReviewSession

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise missing_extra(error, "review", "the review") from error

__all__ = ["ReviewWidget", "front_end", "review"]

logger = logging.getLogger(__name__)

_MODULES = ("geometry", "tones", "film", "keys", "pane", "panel", "review")
"""In the order in which they use each other."""


def front_end() -> str:
    """Join the viewer's modules into the one that a notebook loads: a notebook has no address for several.

    Each module imports from those before it, on lines of their own, and no two use a name twice.
    """
    static = files("ho_imaging.review") / "static"
    parts = []
    for name in _MODULES:
        text = (static / f"{name}.js").read_text(encoding="utf-8")
        text = re.sub(r"^import \{[^}]*\} from \"\./[a-z]+\.js\";\n", "", text, flags=re.MULTILINE)
        parts.append(text if name == _MODULES[-1] else re.sub(r"^export ", "", text, flags=re.MULTILINE))
    return "\n".join(parts)


class ReviewWidget(anywidget.AnyWidget):
    """Shows a session. Pixels and findings go by messages, not as the widget's state: no notebook file holds them."""

    _esm = front_end()
    _css = (files("ho_imaging.review") / "static" / "review.css").read_text(encoding="utf-8")
    height_px = traitlets.Int(760).tag(sync=True)

    def __init__(self, session: ReviewSession, *, height_px: int = 760) -> None:
        super().__init__(height_px=height_px)
        self.session = session
        self.on_msg(self._on_message)

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        for answer in self.session.handle(content):
            self.send(answer.content, answer.buffers)

    @property
    def decisions(self) -> list[Decision]:
        """The reader's decisions so far; all of them are on disk."""
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
    height_px: int = 760,
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
        Height on the page.

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
    reader = reader.strip()
    check_reader(reader)
    folders = [films] if isinstance(films, str | PathLike) else list(films)
    current = open_study(source, study, films=folders)
    earlier = None
    if previous is not None or previous_study is not None:
        earlier = open_study(source if previous is None else previous, previous_study, films=folders)
    kept = ReviewStore(current.store if store is None else Path(store))
    kept.check_writable(current.result.study_uid, reader)
    session = ReviewSession(
        current, reader, kept, blinded=blinded, previous=earlier, allow_other_patient=allow_other_patient
    )
    return ReviewWidget(session, height_px=height_px)
