"""A reader's session at one study: answers to the messages of the viewer.

The viewer never decides what holds: it shows the state that comes back after a decision is on disk. Decisions are kept
by `KeptDecisions`; the messages to the viewer are made in `ho_imaging.review.viewer_messages`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.reading.one_study import one_patient
from ho_imaging.readings.decision_history import active_decisions, redoable, undoable
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.regrading import Regrader
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.readings.reviewed_study import ReviewedStudy
from ho_imaging.readings.shapes import drawn
from ho_imaging.readings.side_state import contradiction_text, contradictions
from ho_imaging.review.films import FilmPixels
from ho_imaging.review.inputs import ReviewInput
from ho_imaging.review.kept_decisions import BLINDED, KeptDecisions
from ho_imaging.review.overlays import Overlays
from ho_imaging.review.viewer_messages import ViewerMessage, film_messages, state_message, study_message
from ho_imaging.review.viewer_words import (
    length,
    pixel_aspect,
)
from ho_imaging.severity.systems import system_named

__all__ = ["ReviewSession", "answering", "regrader_of"]

logger = logging.getLogger(__name__)

_MOST_POINTS = 20_000


def regrader_of(study: ReviewInput) -> Regrader:
    """Return what proposes grades for a study."""
    return Regrader(study.result, analysis=study.analysis, folder=study.folder)


def answering(message: Mapping[str, Any], answers: Iterator[ViewerMessage]) -> Iterator[ViewerMessage]:
    """Address answers to the view that sent a message; an error on the way becomes the last of them."""
    address = {"view": message.get("view"), "ack": message.get("seq")}
    try:
        for answer in answers:
            answer.content.update(address)
            yield answer
    except HOImagingError as error:
        yield ViewerMessage({"type": "problem", **address, "text": str(error), "about": message.get("type")})
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        logger.debug("a message of the viewer", exc_info=True)
        text = f"invalid message ({type(error).__name__}); nothing was changed"
        yield ViewerMessage({"type": "problem", **address, "text": text, "about": message.get("type")})


class ReviewSession:
    """A reader's session.

    Parameters
    ----------
    study
        What is read.
    reader
        Name or code.
    store
        Where decisions are kept.
    blinded
        Hide the model's findings and grades until the reader has committed.
    previous
        An earlier study to look at beside it.
    allow_other_patient
        Show it although its films name another patient.
    regrader
        That of the study, where it has been prepared.

    Raises
    ------
    UsageError
        If the films of both studies name different patients.

    """

    def __init__(
        self,
        study: ReviewInput,
        reader: str,
        store: ReviewStore,
        *,
        blinded: bool = False,
        previous: ReviewInput | None = None,
        allow_other_patient: bool = False,
        regrader: Regrader | None = None,
    ) -> None:
        both = [] if previous is None else [*previous.patients(), *study.patients()]
        self._about_patients = one_patient(both, allow_other=allow_other_patient)
        self.study = study
        self.previous = previous
        self._kept = KeptDecisions(study, reader, store, blinded=blinded)
        self._overlays = {"current": Overlays(study)} | ({"previous": Overlays(previous)} if previous else {})
        self._regrader = regrader_of(study) if regrader is None else regrader
        self._opened = False
        self._writers: dict[object, Callable[[Mapping[str, Any]], None]] = {
            "decide": self._decide,
            "accept-all": self._accept_all,
            "stroke": self._stroke,
            "undo": self._undo,
            "redo": self._redo,
        }
        self._pixels: dict[tuple[str, str], FilmPixels] = {}

    @property
    def reader(self) -> str:
        """Name or code of the reader."""
        return self._kept.reader

    @property
    def store(self) -> ReviewStore:
        """Store of the decisions."""
        return self._kept.store

    @property
    def blinded(self) -> bool:
        """True if the model's findings and grades are hidden until the reader has committed."""
        return self._kept.blinded

    @property
    def decisions(self) -> list[Decision]:
        """All decisions of the reader on this study so far, each on disk already."""
        return list(self._kept.all)

    @property
    def state(self) -> ReviewedStudy:
        """The study as the reader left it."""
        return self._kept.state

    @property
    def hidden(self) -> bool:
        """True while the model's findings and grades are hidden."""
        return self._kept.hidden

    def handle(self, message: Mapping[str, Any]) -> Iterator[ViewerMessage]:
        """Answer a message of the viewer; what goes wrong becomes an answer too."""
        for answer in answering(message, self._answers(message)):
            answer.content["study_uid"] = self.study.result.study_uid
            yield answer

    def prepare(self) -> None:
        """Do what the first proposal of a grade would have to wait for; may run in another thread."""
        self._regrader.prepare()

    def close(self, seconds: float) -> None:
        """Note that the reader has stopped, after this many seconds at the film."""
        if self._opened:
            self._opened = False
            self._kept.keep("close", value={"seconds": round(max(0.0, float(seconds)), 1)})

    def _answers(self, message: Mapping[str, Any]) -> Iterator[ViewerMessage]:
        self._kept.catch_up()
        kind = message.get("type")
        if kind == "hello":
            if not self._opened:
                # Only once it is kept: a blinded reading whose opening was lost would pass for an open one.
                self._kept.keep("open", value={"blinded": self.blinded})
                self._opened = True
            yield study_message(self._kept, self.previous, self._about_patients)
            yield state_message(self._kept, self.previous, self._regrader)
        elif kind == "film":
            yield from self._film(str(message["pane"]), str(message["uid"]))
        elif kind in {"anatomy", "probability"}:
            yield self._overlay(kind, str(message["pane"]), str(message["uid"]))
        elif kind == "close":
            self.close(float(message["seconds"]))
        elif kind in self._writers:
            self._writers[kind](message)
            yield state_message(self._kept, self.previous, self._regrader)
        else:
            raise UsageError(f"the viewer asked for {kind!r}", remedy="restart the kernel and reload the page")

    def _film(self, pane: str, uid: str) -> Iterator[ViewerMessage]:
        study = self._pane(pane)
        pixels = self._pixels.get((pane, uid))
        if pixels is None:
            pixels = study.films.pixels(uid)
            self._pixels = dict([*self._pixels.items()][-1:]) | {(pane, uid): pixels}
        yield from film_messages(pane, uid, pixels)

    def _overlay(self, kind: str, pane: str, uid: str) -> ViewerMessage:
        if self.hidden:
            raise UsageError(BLINDED)
        self._pane(pane).image(uid)
        about = {"type": kind, "pane": pane, "uid": uid}
        if kind == "anatomy":
            return ViewerMessage(about | {"outlines": self._overlays[pane].anatomy(uid)})
        return ViewerMessage(about, [self._overlays[pane].probability_png(uid)])

    def _decide(self, message: Mapping[str, Any]) -> None:
        action, target = str(message["action"]), message.get("target")
        value, reason = dict(message.get("value") or {}), message.get("reason")
        image_uid = message.get("image_uid")
        if reason is not None and not isinstance(reason, str):
            raise UsageError("the reason is not text")
        if action == "note" and not (reason or "").strip():
            raise UsageError("the note is empty")
        if action not in {"accept", "reject", "reclassify", "regrade", "measure", "note", "commit"}:
            raise UsageError(f"unknown action {action!r}")
        if target is not None:
            image_uid = self._kept.finding(str(target)).image_uid
        if action == "measure":
            image = self.study.image(str(image_uid))
            value |= length(image, value["from_xy_px"], value["to_xy_px"])
        if action == "regrade":
            value |= self._regraded(str(value["side"]), str(value["to"]))
            if self.hidden and not (reason or "").strip():
                reason = "read without the model's grade"
        if action == "commit":
            value = self._confirmed(value)
        self._kept.keep(action, target=target, image_uid=image_uid, value=value, reason=reason)

    def _accept_all(self, _: Mapping[str, Any]) -> None:
        """Accept every nodule that nothing was decided on, each as a decision of its own."""
        if self.hidden:
            raise UsageError(BLINDED)
        for found in self.state.findings:
            if found.status == "unseen":
                self._kept.keep("accept", target=found.id, image_uid=found.image_uid)

    def _confirmed(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a commitment keeps; a contradiction that the reader was not asked about is asked about first."""
        found = contradictions(self.state, hidden=self.hidden)
        asked = {str(side) for side in value.get("confirmed") or ()}
        open_ones = [contradiction_text(one) for one in found if one.side not in asked]
        if open_ones:
            raise UsageError("; ".join(open_ones), remedy="change grade or nodules, or confirm both")
        return {"confirmed": [one.to_value() for one in found]} if found else {}

    def _regraded(self, side: str, to: str) -> dict[str, Any]:
        """Say which class of which system is changed; the class before is one that the reader has seen."""
        if side not in self.study.sides():
            raise UsageError(f"the study has no side {side!r}", remedy=f"choose one of {', '.join(self.study.sides())}")
        model = self.study.model_side(side)
        system = model.system if model is not None else self.study.grading_system()
        graded_by = system_named(system)
        classes = () if graded_by is None else graded_by.grades
        if to not in classes:
            raise UsageError(f"{system} has no class {to!r}", remedy=f"choose one of {', '.join(classes)}")
        seen = not self.hidden or self._kept.has_own_grade(side)
        return {"from": self.state.grades.get(side, (None, None))[0] if seen else None, "system": system}

    def _stroke(self, message: Mapping[str, Any]) -> None:
        """Draw on a nodule, or a new one where none is named; the outline that comes of it is the decision."""
        points = [(float(x), float(y)) for x, y in message["points"][:_MOST_POINTS]]
        image = self.study.image(str(message["image_uid"]))
        target = message.get("target")
        before = None if target is None else self._kept.finding(str(target))
        if before is not None and before.image_uid != image.sop_instance_uid:
            raise UsageError(f"nodule {before.id} lies on another film", remedy="choose it in the list")
        if before is None and message["tool"] in {"eraser", "cut"}:
            raise UsageError("there is no nodule to take from", remedy="choose one in the list first")
        outline = drawn(
            None if before is None else before.outline_xy_px,
            message["tool"],
            points,
            radius_px=float(message.get("radius") or 1.0),
            shape=(int(image.rows or 0), int(image.columns or 0)),
            aspect=pixel_aspect(image),
        )
        name = before.id if before is not None else self._kept.next_name()
        self._kept.keep(
            "reshape" if before is not None else "add",
            target=name,
            image_uid=image.sop_instance_uid,
            value={"outline_xy_px": [[list(point) for point in ring] for ring in outline]},
        )

    def _undo(self, message: Mapping[str, Any]) -> None:
        given = message.get("id")
        candidates = [d for d in active_decisions(self._kept.all) if d.id == given]
        decision = undoable(self._kept.all) if given is None else next(iter(candidates), None)
        if decision is None:
            raise UsageError("there is nothing to undo")
        self._kept.keep("undo", value={"undoes": decision.id})

    def _redo(self, _: Mapping[str, Any]) -> None:
        decision = redoable(self._kept.all)
        if decision is None:
            raise UsageError("there is nothing to redo")
        self._kept.keep("redo", value={"redoes": decision.id})

    def _pane(self, pane: str) -> ReviewInput:
        study = self.previous if pane == "previous" else self.study
        if study is None:
            raise UsageError("there is no previous study", remedy="give previous= to review()")
        return study
