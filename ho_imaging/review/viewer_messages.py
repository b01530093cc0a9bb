"""Messages to the viewer: a film, the study, and the state of the reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from ho_imaging.readings.apply_decisions import as_numbered_now
from ho_imaging.readings.decision_history import redoable, undoable
from ho_imaging.readings.decision_text import in_words, left_out_text
from ho_imaging.readings.decision_values import MIMICS
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.regrading import Regrader
from ho_imaging.readings.reviewed_study import ReviewedFinding, ReviewedStudy
from ho_imaging.readings.side_state import changes_on, contradiction_text, contradictions
from ho_imaging.results.schema import RESEARCH_USE
from ho_imaging.review.films import FilmPixels, strips
from ho_imaging.review.grade_reasons import GRADE_REASONS
from ho_imaging.review.inputs import ReviewInput
from ho_imaging.review.kept_decisions import KeptDecisions
from ho_imaging.review.viewer_words import film_about, gap_text, measure_text, model_outline, size_text, untouched
from ho_imaging.severity.systems import SYSTEMS, GradeScale

__all__ = ["ViewerMessage", "film_messages", "state_message", "study_message"]


@dataclass(frozen=True, eq=False)
class ViewerMessage:
    """A message to the viewer: JSON, and bytes beside it."""

    content: dict[str, Any]
    buffers: list[bytes] = field(default_factory=list)


def film_messages(pane: str, uid: str, pixels: FilmPixels) -> Iterator[ViewerMessage]:
    """Yield a film: how it is displayed, then its pixels in strips."""
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
    yield ViewerMessage(head | about)
    for first, count, data in strips(pixels):
        yield ViewerMessage({"type": "strip", "first": first, "rows": count} | about, [data])


def study_message(kept: KeptDecisions, previous: ReviewInput | None, patients: Sequence[object]) -> ViewerMessage:
    """Return all that does not change while a study is read; ``patients``: warnings about whose films these are."""
    result = kept.study.result
    content = {
        "type": "study",
        "study_uid": result.study_uid,
        "reader": kept.reader,
        "blinded": kept.blinded,
        "research_use": RESEARCH_USE,
        "model": None if result.model is None else f"{result.model.name} {result.model.version}",
        "store": str(kept.store.path(result.study_uid, kept.reader)),
        "warnings": [str(warning) for warning in (*patients, *result.warnings)],
        "films": [film_about(image) for image in kept.study.images],
        "previous": None if previous is None else [film_about(image) for image in previous.images],
        "mimics": list(MIMICS),
        "grades": {system.name: _classes(system) for system in SYSTEMS},
        "reasons": list(GRADE_REASONS),
        "system_titles": {system.name: system.short for system in SYSTEMS},
    }
    return ViewerMessage(content)


def _classes(system: GradeScale) -> list[dict[str, str]]:
    """Return the classes of a system from least to worst, with the digit key that gives each and what it means."""
    return [
        {"key": str(number), "grade": grade, "meaning": str(system.meanings.get(grade, ""))}
        for number, grade in enumerate(system.grades)
    ]


def state_message(kept: KeptDecisions, previous: ReviewInput | None, regrader: Regrader) -> ViewerMessage:
    """Return all that holds now; nothing of the model's while it is hidden from the reader."""
    state = kept.state
    hidden = kept.hidden
    last, again = undoable(kept.all), redoable(kept.all)
    content = {
        "type": "state",
        "hidden": hidden,
        "committed": state.committed,
        "left_out": left_out_text(state.left_out),
        "findings": [_finding(kept, f) for f in state.findings if not (hidden and f.id not in kept.added())],
        "sides": [_side(kept, state, regrader, side) for side in kept.study.sides()],
        "measures": [
            {"id": d.id, "image_uid": d.image_uid, "from": d.value["from_xy_px"],
             "to": d.value["to_xy_px"], "text": measure_text(d.value)}
            for d in kept.active("measure")
        ],
        "contradictions": [
            {"side": one.side, "text": contradiction_text(one)} for one in contradictions(state, hidden=hidden)
        ],
        "notes": [d.reason for d in kept.active("note")],
        "undo": None if last is None else _in_words(kept, last),
        "redo": None if again is None else _in_words(kept, again),
        "count": len(kept.all),
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "previous_findings": [] if hidden or previous is None else untouched(previous),
    }  # fmt: skip
    return ViewerMessage(content)


def _in_words(kept: KeptDecisions, decision: Decision) -> str:
    return in_words(as_numbered_now(kept.study.result, kept.all, decision))


def _finding(kept: KeptDecisions, found: ReviewedFinding) -> dict[str, Any]:
    """Describe a nodule as the reader left it, and as the model found it."""
    model = next((f for f in kept.study.result.findings if f.id == found.id), None)
    image = kept.study.image(found.image_uid)
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


def _side(kept: KeptDecisions, state: ReviewedStudy, regrader: Regrader, side: str) -> dict[str, Any]:
    """Describe a side: its grade, the reader's changes, and the model's evidence unless it is hidden."""
    hidden = kept.hidden
    model = None if hidden else kept.study.model_side(side)
    grade, reason = state.grades.get(side, (None, None))
    own = reason is not None
    about: dict[str, Any] = {
        "side": side,
        "system": model.system if model is not None else kept.study.grading_system(),
        "grade": grade if own or not hidden else None,
        "reason": reason,
        "changed": own,
        "model_grade": None if model is None else model.grade,
        "changes": [],
        "proposal": None,
    }
    if not hidden:
        changes = changes_on(state, side, {f.id: str(f.side) for f in kept.study.result.findings})
        about["changes"] = list(changes)
        about["proposal"] = asdict(regrader.propose(state, side)) if changes else None
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
