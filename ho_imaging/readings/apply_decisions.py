"""Application of a reader's decisions to a result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from ho_imaging.errors import UsageError
from ho_imaging.readings.decision_history import active_decisions, seconds_open, until_commit, was_blinded
from ho_imaging.readings.decision_values import outline_of
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.grounds import ON_A_NODULE, Present, nodule_key
from ho_imaging.readings.outlines import Outline, outline_shape
from ho_imaging.readings.reviewed_study import ReviewedFinding, ReviewedStudy
from ho_imaging.results.schema import ImageResult, StudyResult
from ho_imaging.vocabulary import Side

__all__ = ["as_numbered_now", "confirmed_sides", "review_state"]


def review_state(result: StudyResult, decisions: Sequence[Decision]) -> ReviewedStudy:
    """Apply a reader's decisions to a result; a pure replay that honours undo and redo.

    A reshaped nodule counts as accepted unless it was called a mimic. A finding is followed to the number it has now.
    What was said of something that the result does not have is ``left_out``, and then the study is committed only if
    it was again for this result; an outline the reader drew in place of a lost finding's stays, as an added nodule.

    Raises
    ------
    UsageError
        If the decisions are of several readers or of another study.

    """
    readers = sorted({decision.reader for decision in decisions})
    if len(readers) > 1:
        raise UsageError(f"decisions of {len(readers)} readers", remedy="apply each reader's on its own")
    if any(decision.study_uid != result.study_uid for decision in decisions):
        raise UsageError(f"decisions on another study than {result.study_uid}", remedy="read them by the study's UID")
    present = _present(result, decisions)
    active = active_decisions(decisions)
    findings = _to_review(result, active, present)
    outlived = _outlived(decisions)
    sides = () if result.severity is None else result.severity.sides
    grades: dict[str, tuple[str | None, str | None]] = {str(side.side): (side.grade, None) for side in sides}
    regrades: list[Decision] = []
    left_out: list[Decision] = []
    committed = False
    confirmed: tuple[str, ...] = ()
    for decision in active:
        if decision.action == "regrade":
            if present.has_grade(decision, regrades, complete=not left_out):
                grades[str(decision.value["side"])] = (str(decision.value["to"]), decision.reason)
                regrades.append(decision)
            else:
                left_out.append(decision)
        elif decision.action == "commit":
            if present.is_what_was_committed(decision, complete=not left_out):
                # Whoever commits this very result has looked at it again: nothing before is left to be told.
                committed, left_out = True, []
                confirmed = confirmed_sides(decision)
            else:
                left_out.append(decision)
        elif decision.target is not None:
            found = _applied(findings, decision, present, outlived)
            if found is not None:
                findings[found.id] = found
            elif decision.action == "add" or (decision.action in ON_A_NODULE and not _is_added(decision.target)):
                left_out.append(decision)
    return ReviewedStudy(
        study_uid=result.study_uid,
        reader=readers[0] if readers else "",
        findings=tuple(findings.values()),
        grades=grades,
        committed=committed and not left_out,
        seconds=seconds_open(decisions),
        left_out=tuple(left_out),
        confirmed=confirmed,
    )


def confirmed_sides(commit: Decision) -> tuple[str, ...]:
    """Return the sides for which a reader confirmed a grade that its nodules contradict."""
    confirmed = commit.value.get("confirmed", [])
    return (
        tuple(str(item["side"]) for item in confirmed if isinstance(item, dict)) if isinstance(confirmed, list) else ()
    )


def as_numbered_now(result: StudyResult, decisions: Sequence[Decision], decision: Decision) -> Decision:
    """Return a reader's decision with the present id of its nodule, if the result still has the nodule."""
    if decision.target is None or _is_added(decision.target):
        return decision
    name = _present(result, decisions).finding(decision)
    return decision if name is None else decision.model_copy(update={"target": name})


def _present(result: StudyResult, decisions: Sequence[Decision]) -> Present:
    return Present.of(result, decisions, until_commit(decisions) if was_blinded(decisions) else ())


def _to_review(result: StudyResult, active: Sequence[Decision], present: Present) -> dict[str, ReviewedFinding]:
    """Return the nodules to apply decisions to: findings, and outlines that readers drew on findings now gone."""
    findings = {
        found.id: ReviewedFinding(
            id=found.id,
            image_uid=found.sop_instance_uid,
            side=Side(found.side),
            status="unseen",
            outline_xy_px=found.contours_xy_px,
        )
        for found in result.findings
    }
    for name, decision in _outlived(active).items():
        if present.finding(decision) is None and decision.image_uid in present.films:
            findings[name] = _drawn(name, decision, result, "unseen")
    return findings


def _drawn(name: str, decision: Decision, result: StudyResult, status: Literal["unseen", "added"]) -> ReviewedFinding:
    outline = outline_of(decision.value)
    return ReviewedFinding(name, str(decision.image_uid), _side(result, decision, outline), status, outline)


def _side(result: StudyResult, decision: Decision, outline: Outline) -> Side:
    """Return the side of an outline, by where its middle lies on its film."""
    image = _image(result, str(decision.image_uid))
    return Side.UNKNOWN if image is None else image.side_at(float(outline_shape(outline).centroid.x))


def _image(result: StudyResult, uid: str) -> ImageResult | None:
    return next((image for image in result.images if image.sop_instance_uid == uid), None)


def _outlived(decisions: Sequence[Decision]) -> dict[str, Decision]:
    """Return the first reshaping of each of the model's nodules, by the id its outline has once the nodule is gone."""
    found: dict[str, Decision] = {}
    for decision in decisions:
        if decision.action == "reshape" and not _is_added(str(decision.target)):
            found.setdefault(_own_id(decision), decision)
    return found


def _own_id(decision: Decision) -> str:
    """Return the id of an outline whose finding is gone: the same in every analysis of the study."""
    return f"R-{nodule_key(decision)[:6]}"


def _applied(
    findings: Mapping[str, ReviewedFinding], decision: Decision, present: Present, outlived: Mapping[str, Decision]
) -> ReviewedFinding | None:
    """Apply a decision on one nodule; ``None``: it speaks of a nodule, or a film, that is not there."""
    found = None
    if decision.action == "add" and decision.target is not None and decision.image_uid in present.films:
        found = _drawn(decision.target, decision, present.result, "added")
    elif decision.target is not None and decision.action != "add":
        found = findings.get(_name_now(decision, present, outlived))
    if found is None:
        return None
    kept: Literal["accepted", "added"] = "added" if _is_added(found.id) else "accepted"
    if decision.action == "accept":
        found = replace(found, status=kept, mimic=None)
    elif decision.action == "reject":
        found = replace(found, status="rejected", mimic=None)
    elif decision.action == "reclassify":
        found = replace(found, status="mimic", mimic=str(decision.value["mimic"]))
    elif decision.action == "reshape":
        status = found.status if found.status == "mimic" else kept
        outline = outline_of(decision.value)
        side = _side(present.result, decision, outline)
        found = replace(found, outline_xy_px=outline, reshaped=True, status=status, side=side)
    return found


def _name_now(decision: Decision, present: Present, outlived: Mapping[str, Decision]) -> str:
    """Return the present id of a decision's nodule."""
    target = str(decision.target)
    if _is_added(target):
        # The finding may be back, under the weights of then.
        source = outlived.get(target)
        return target if source is None else present.finding(source) or target
    return present.finding(decision) or _own_id(decision)


def _is_added(finding_id: str) -> bool:
    return re.fullmatch("R([0-9]+|-[0-9a-f]{6})", finding_id) is not None
