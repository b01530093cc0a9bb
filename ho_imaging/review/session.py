"""One reader at one study: takes what the viewer asks and says, keeps decisions, and tells the viewer what holds.

The viewer never decides what holds: it shows the state that comes back after a decision is on disk.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ho_imaging.errors import HOImagingError, ReadError, UsageError
from ho_imaging.reading.one_study import one_patient
from ho_imaging.readings.apply_decisions import as_numbered_now, review_state
from ho_imaging.readings.decision_history import active_decisions, redoable, undoable
from ho_imaging.readings.decision_text import in_words, left_out_text
from ho_imaging.readings.decision_values import MIMICS
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.grounds import grounds_of
from ho_imaging.readings.regrading import Regrader
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.readings.reviewed_study import ReviewedFinding, ReviewedStudy
from ho_imaging.readings.shapes import drawn
from ho_imaging.readings.side_state import changes_on, contradiction_text, contradictions
from ho_imaging.results.schema import RESEARCH_USE, ImageResult, SideResult
from ho_imaging.review.films import FilmPixels, strips
from ho_imaging.review.inputs import ReviewInput
from ho_imaging.review.overlays import Overlays
from ho_imaging.review.telling import (
    film_about,
    gap_text,
    length,
    measure_text,
    model_outline,
    pixel_aspect,
    size_text,
    untouched,
)
from ho_imaging.severity.systems import SYSTEMS, leading_system
from ho_imaging.vocabulary import Region, Side

__all__ = ["Message", "ReviewSession"]

logger = logging.getLogger(__name__)

_MOST_POINTS = 20_000
_BLIND = "the reading is blinded: the model's findings are shown after you commit"


@dataclass(frozen=True, eq=False)
class Message:
    """Something for the viewer: JSON, and bytes beside it."""

    content: dict[str, Any]
    buffers: list[bytes] = field(default_factory=list)


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
    ) -> None:
        both = [] if previous is None else [*previous.patients(), *study.patients()]
        self._about_patients = one_patient(both, allow_other=allow_other_patient)
        self.study = study
        self.reader = reader
        self.store = store
        self.blinded = blinded
        self.previous = previous
        self._decisions = store.read(study.result.study_uid, reader)
        self._size = self._stored_size()
        self._overlays = {"current": Overlays(study)} | ({"previous": Overlays(previous)} if previous else {})
        self._regrader = Regrader(study.result, analysis=study.analysis, folder=study.folder)
        self._opened = False
        self._pixels: dict[tuple[str, str], FilmPixels] = {}

    @property
    def decisions(self) -> list[Decision]:
        """What this reader has decided on this study so far, everything kept."""
        return list(self._decisions)

    @property
    def state(self) -> ReviewedStudy:
        """The study as the reader left it."""
        return review_state(self.study.result, self._decisions)

    @property
    def hidden(self) -> bool:
        """Whether the model's findings and grades are hidden now."""
        # Once seen it stays seen, whatever became of the result since.
        return self.blinded and not any(decision.action == "commit" for decision in self._decisions)

    def handle(self, message: Mapping[str, Any]) -> Iterator[Message]:
        """Answer a message of the viewer; what goes wrong becomes an answer too."""
        view, ack = message.get("view"), message.get("seq")
        try:
            for answer in self._answers(message):
                answer.content.update(view=view, ack=ack)
                yield answer
        except HOImagingError as error:
            yield Message(
                {"type": "problem", "view": view, "ack": ack, "text": str(error), "about": message.get("type")}
            )
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            logger.debug("a message of the viewer", exc_info=True)
            text = f"this could not be understood ({type(error).__name__}); nothing was changed"
            yield Message({"type": "problem", "view": view, "ack": ack, "text": text, "about": message.get("type")})

    def close(self, seconds: float) -> None:
        """Note that the reader has stopped, after this many seconds at the film."""
        if self._opened:
            self._opened = False
            self._keep("close", value={"seconds": round(max(0.0, float(seconds)), 1)})

    # What the viewer may ask

    def _answers(self, message: Mapping[str, Any]) -> Iterator[Message]:
        self._catch_up()
        kind = message.get("type")
        if kind == "hello":
            if not self._opened:
                # Only once it is kept: a blinded reading whose opening was lost would pass for an open one.
                self._keep("open", value={"blinded": self.blinded})
                self._opened = True
            yield self._about()
            yield self._told()
        elif kind == "film":
            yield from self._film(str(message["pane"]), str(message["uid"]))
        elif kind in {"anatomy", "probability"}:
            yield self._overlay(kind, str(message["pane"]), str(message["uid"]))
        elif kind == "close":
            self.close(float(message["seconds"]))
        elif kind in {"decide", "stroke", "undo", "redo"}:
            {"decide": self._decide, "stroke": self._stroke, "undo": self._undo, "redo": self._redo}[kind](message)
            yield self._told()
        else:
            raise UsageError(f"the viewer asked for {kind!r}", remedy="restart the kernel and reload the page")

    def _film(self, pane: str, uid: str) -> Iterator[Message]:
        study = self._pane(pane)
        pixels = self._pixels.get((pane, uid))
        if pixels is None:
            pixels = study.films.pixels(uid)
            self._pixels = dict([*self._pixels.items()][-1:]) | {(pane, uid): pixels}
        rows, columns = pixels.codes.shape
        about = {"pane": pane, "uid": uid}
        head = {
            "type": "film",
            "rows": rows,
            "columns": columns,
            "acquired": None if pixels.acquired is None else pixels.acquired.isoformat(),
            "window": list(pixels.window),
            "curve": [round(float(value), 5) for value in pixels.curve],
        }
        yield Message(head | about)
        for first, count, data in strips(pixels):
            yield Message({"type": "strip", "first": first, "rows": count} | about, [data])

    def _overlay(self, kind: str, pane: str, uid: str) -> Message:
        if self.hidden:
            raise UsageError(_BLIND)
        self._image(self._pane(pane), uid)
        about = {"type": kind, "pane": pane, "uid": uid}
        if kind == "anatomy":
            return Message(about | {"outlines": self._overlays[pane].anatomy(uid)})
        return Message(about, [self._overlays[pane].probability_png(uid)])

    def _decide(self, message: Mapping[str, Any]) -> None:
        action, target = str(message["action"]), message.get("target")
        value, reason = dict(message.get("value") or {}), message.get("reason")
        image_uid = message.get("image_uid")
        if reason is not None and not isinstance(reason, str):
            raise UsageError("the reason is no text")
        if action == "note" and not (reason or "").strip():
            raise UsageError("the note is empty")
        if action not in {"accept", "reject", "reclassify", "regrade", "measure", "note", "commit"}:
            raise UsageError(f"{action!r} is nothing a reader decides")
        if target is not None:
            image_uid = self._finding(str(target)).image_uid
        if action == "measure":
            image = self._image(self.study, str(image_uid))
            value |= length(image, value["from_xy_px"], value["to_xy_px"])
        if action == "regrade":
            value |= self._regraded(str(value["side"]), str(value["to"]))
            if self.hidden and not (reason or "").strip():
                reason = "read without the model's grade"
        if action == "commit":
            value = self._confirmed(value)
        self._keep(action, target=target, image_uid=image_uid, value=value, reason=reason)

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
        if side not in self._sides():
            raise UsageError(f"the study has no side {side!r}", remedy=f"choose one of {', '.join(self._sides())}")
        model = self._model_side(side)
        system = model.system if model is not None else self._system()
        classes = next((system_.grades for system_ in SYSTEMS if system_.name == system), ())
        if to not in classes:
            raise UsageError(f"{system} has no class {to!r}", remedy=f"choose one of {', '.join(classes)}")
        seen = not self.hidden or self._own_grade(side)
        return {"from": self.state.grades.get(side, (None, None))[0] if seen else None, "system": system}

    def _stroke(self, message: Mapping[str, Any]) -> None:
        """Draw on a nodule, or a new one where none is named; the outline that comes of it is the decision."""
        points = [(float(x), float(y)) for x, y in message["points"][:_MOST_POINTS]]
        image = self._image(self.study, str(message["image_uid"]))
        target = message.get("target")
        before = None if target is None else self._finding(str(target))
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
        name = before.id if before is not None else self._next_name()
        self._keep(
            "reshape" if before is not None else "add",
            target=name,
            image_uid=image.sop_instance_uid,
            value={"outline_xy_px": [[list(point) for point in ring] for ring in outline]},
        )

    def _undo(self, message: Mapping[str, Any]) -> None:
        given = message.get("id")
        candidates = [d for d in active_decisions(self._decisions) if d.id == given]
        decision = undoable(self._decisions) if given is None else next(iter(candidates), None)
        if decision is None:
            raise UsageError("there is nothing to undo")
        self._keep("undo", value={"undoes": decision.id})

    def _redo(self, _: Mapping[str, Any]) -> None:
        decision = redoable(self._decisions)
        if decision is None:
            raise UsageError("there is nothing to redo")
        self._keep("redo", value={"redoes": decision.id})

    # What the viewer is told

    def _about(self) -> Message:
        """Everything that does not change while the study is read."""
        result = self.study.result
        content = {
            "type": "study",
            "study_uid": result.study_uid,
            "reader": self.reader,
            "blinded": self.blinded,
            "research_use": RESEARCH_USE,
            "model": None if result.model is None else f"{result.model.name} {result.model.version}",
            "store": str(self.store.path(result.study_uid, self.reader)),
            "warnings": [str(warning) for warning in (*self._about_patients, *result.warnings)],
            "films": [film_about(image) for image in self.study.images],
            "previous": None if self.previous is None else [film_about(image) for image in self.previous.images],
            "mimics": list(MIMICS),
            "grades": {system.name: list(system.grades) for system in SYSTEMS},
        }
        return Message(content)

    def _told(self) -> Message:
        """Everything that holds now; in a blinded reading nothing of the model's is in it."""
        state = self.state
        hidden = self.hidden
        last, again = undoable(self._decisions), redoable(self._decisions)
        measures = [d for d in active_decisions(self._decisions) if d.action == "measure"]
        content = {
            "type": "state",
            "hidden": hidden,
            "committed": state.committed,
            "left_out": left_out_text(state.left_out),
            "findings": [self._finding_about(f) for f in state.findings if not (hidden and f.id not in self._added())],
            "sides": [self._side_about(side, state, hidden=hidden) for side in self._sides()],
            "measures": [
                {"id": d.id, "image_uid": d.image_uid, "from": d.value["from_xy_px"],
                 "to": d.value["to_xy_px"], "text": measure_text(d.value)}
                for d in measures
            ],
            "contradictions": [
                {"side": one.side, "text": contradiction_text(one)} for one in contradictions(state, hidden=hidden)
            ],
            "notes": [d.reason for d in active_decisions(self._decisions) if d.action == "note"],
            "undo": None if last is None else self._said(last),
            "redo": None if again is None else self._said(again),
            "count": len(self._decisions),
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            "previous_findings": [] if hidden or self.previous is None else untouched(self.previous),
        }  # fmt: skip
        return Message(content)

    def _said(self, decision: Decision) -> str:
        return in_words(as_numbered_now(self.study.result, self._decisions, decision))

    def _finding_about(self, found: ReviewedFinding) -> dict[str, Any]:
        model = next((f for f in self.study.result.findings if f.id == found.id), None)
        image = self._image(self.study, found.image_uid)
        return {
            "id": found.id,
            "image_uid": found.image_uid,
            "status": found.status,
            "mimic": found.mimic,
            "reshaped": found.reshaped,
            "outline": found.outline_xy_px,
            "model_outline": model_outline(model) if model is not None and found.reshaped else None,
            "side": str(found.side),
            "confidence": None if model is None else model.confidence,
            "same_as": None if model is None else model.same_as,
            "size": size_text(found, model, image),
        }

    def _side_about(self, side: str, state: ReviewedStudy, *, hidden: bool) -> dict[str, Any]:
        model = None if hidden else self._model_side(side)
        grade, reason = state.grades.get(side, (None, None))
        own = self._own_grade(side)
        about: dict[str, Any] = {
            "side": side,
            "system": model.system if model is not None else self._system(),
            "grade": grade if own or not hidden else None,
            "reason": reason,
            "changed": own,
            "model_grade": None if model is None else model.grade,
            "changes": [],
            "proposal": None,
        }
        if not hidden:
            changes = changes_on(state, side, {f.id: str(f.side) for f in self.study.result.findings})
            about["changes"] = list(changes)
            about["proposal"] = asdict(self._regrader.propose(state, side)) if changes else None
        if model is not None:
            evidence = model.evidence
            about |= {
                "alternatives": list(model.alternatives),
                "probability": model.probabilities.get(model.grade or "", None),
                "score": model.score,
                "category": model.category,
                "statement": str(evidence.statement),
                "image_uid": evidence.sop_instance_uid,
                "finding_ids": list(evidence.finding_ids),
                "gap": None if evidence.gap_ends_xy_px is None else [list(end) for end in evidence.gap_ends_xy_px],
                "gap_text": gap_text(model),
            }
        return about

    # What it stands on

    def _keep(
        self,
        action: str,
        *,
        target: str | None = None,
        image_uid: str | None = None,
        value: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        side = None if value is None or "side" not in value else str(value["side"])
        grounds = grounds_of(self.study.result, action, target=target, side=side, blinded=self.hidden)
        decision = Decision.model_validate(
            {
                "reader": self.reader,
                "study_uid": self.study.result.study_uid,
                "image_uid": image_uid,
                "model": self.study.result.model,
                "action": action,
                "target": target,
                "grounds": grounds,
                "value": dict(value or {}),
                "reason": (reason or "").strip() or None,
            }
        )
        self.store.append(decision)
        self._decisions.append(decision)
        self._size = self._stored_size()

    def _stored_size(self) -> int:
        path = self.store.path(self.study.result.study_uid, self.reader)
        try:
            return path.stat().st_size if path.exists() else 0
        except OSError as error:
            raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check your rights to it") from error

    def _catch_up(self) -> None:
        """Take in what the same reader decided in another notebook meanwhile."""
        if self._stored_size() != self._size:
            self._decisions = self.store.read(self.study.result.study_uid, self.reader)
            self._size = self._stored_size()

    def _pane(self, pane: str) -> ReviewInput:
        study = self.previous if pane == "previous" else self.study
        if study is None:
            raise UsageError("there is no previous study", remedy="give previous= to review()")
        return study

    def _image(self, study: ReviewInput, uid: str) -> ImageResult:
        for image in study.images:
            if image.sop_instance_uid == uid:
                return image
        raise UsageError(f"the study has no film {uid}")

    def _added(self) -> set[str]:
        return {str(d.target) for d in active_decisions(self._decisions) if d.action == "add"}

    def _finding(self, name: str) -> ReviewedFinding:
        found = next((f for f in self.state.findings if f.id == name), None)
        if found is None:
            raise UsageError(f"there is no nodule {name}")
        if self.hidden and name not in self._added():
            raise UsageError(_BLIND)
        return found

    def _next_name(self) -> str:
        taken = [int(str(d.target)[1:]) for d in self._decisions if d.action == "add" and str(d.target)[1:].isdigit()]
        return f"R{max(taken, default=0) + 1}"

    def _sides(self) -> list[str]:
        severity = self.study.result.severity
        if severity is not None and severity.sides:
            return [str(side.side) for side in severity.sides]
        shown = dict.fromkeys(str(side) for image in self.study.images for side in image.sides)
        return list(shown) or [Side.RIGHT.value, Side.LEFT.value]

    def _model_side(self, side: str) -> SideResult | None:
        severity = self.study.result.severity
        return next((s for s in severity.sides if s.side == side), None) if severity is not None else None

    def _system(self) -> str:
        return leading_system(Region(self.study.images[0].region)).name

    def _own_grade(self, side: str) -> bool:
        return self.state.grades.get(side, (None, None))[1] is not None
