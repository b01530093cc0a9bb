"""A reader's list and the viewer under it, on one page of a notebook; needs the extra ``review``."""

from __future__ import annotations

from typing import Any

from ho_imaging.extras import missing_extra
from ho_imaging.review.worklist import StudyRow, Worklist

try:
    import ipywidgets
except ImportError as error:
    raise missing_extra(error, "review", "the worklist panel") from error

__all__ = ["WorklistPanel"]

_ORDERS = ("own", "severity", "certainty", "disagreement", "seconds")
_STATES = ("all", "unread", "open", "committed")


class WorklistPanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """Choose an order and a study, open it, go on to the next; the list is read anew each time."""

    def __init__(self, worklist: Worklist, **options: Any) -> None:
        """``options`` go to the viewer, see `ho_imaging.review.review`."""
        self.worklist = worklist
        self.viewer: Any = None
        self._options = options
        self._told = ipywidgets.HTML()
        self._order = ipywidgets.Dropdown(
            options=_ORDERS, value="own" if worklist.blinded else "severity", description="Order"
        )
        self._state = ipywidgets.Dropdown(options=_STATES, value="all", description="State")
        self._studies = ipywidgets.Select(rows=8, layout=ipywidgets.Layout(width="100%"))
        self._open = ipywidgets.Button(description="Open")
        self._next = ipywidgets.Button(description="Next to read", button_style="primary")
        self._place = ipywidgets.VBox()
        self._order.observe(lambda _: self.refresh(), names="value")
        self._state.observe(lambda _: self.refresh(), names="value")
        self._open.on_click(lambda _: self.show(self._studies.value))
        self._next.on_click(lambda _: self.show(None))
        super().__init__(
            [
                self._told,
                ipywidgets.HBox([self._order, self._state, self._open, self._next]),
                self._studies,
                self._place,
            ]
        )
        self.refresh()

    def refresh(self) -> None:
        """Read results and decisions anew."""
        self.worklist = self.worklist.refresh().by(self._order.value)
        state = self._state.value
        shown = self.worklist if state == "all" else self.worklist.where(state=state)
        chosen = self._studies.value
        self._studies.options = [(_line(row), row.study_uid) for row in shown]
        if chosen in {row.study_uid for row in shown}:
            self._studies.value = chosen
        progress = self.worklist.progress
        took = "" if progress.median_seconds is None else f", {progress.median_seconds:.0f} s a study"
        self._told.value = f"{progress.committed} of {progress.total} committed, {progress.open} begun{took}"

    def show(self, study_uid: str | None) -> None:
        """Open a study, or the next one that is left; the one that is open is closed."""
        if self.viewer is not None:
            self.viewer.close()
            self.viewer = None
        self.refresh()
        if study_uid is None and self.worklist.next is None:
            self._place.children = (ipywidgets.HTML("Nothing is left to read."),)
            return
        self.viewer = self.worklist.open(study_uid, **self._options)
        self._place.children = (self.viewer,)


def _line(row: StudyRow) -> str:
    mark = {"unread": "○", "open": "◐", "committed": "●"}[row.state]
    uid = row.study_uid if len(row.study_uid) <= 16 else "…" + row.study_uid[-14:]
    parts = [mark, uid, row.region or "", f"{row.films} film{'s' if row.films != 1 else ''}"]
    if not row.hidden:
        parts += [row.category or "", " / ".join([row.grade or "not graded", *row.alternatives.split()])]
    return "   ".join([*parts, "; ".join(row.disagreements)])
