"""Grounds of a decision: what it was made on, and the check that a result still has it.

Ids number a study's findings over all its films, so another film or other weights give the same id to another nodule.
A decision therefore keeps a digest of what it was made of, its grounds, and is applied where the result has the same:

- on a nodule: its film and outline;
- a grade: the side and the nodules on it; given blinded, the side and the films;
- a commitment: the films, the nodules and the model's grades; given blinded, the films.

A decision that a script wrote may come without a digest. It is held to the model's weights, the film, and the
numbering: the same weights find the same nodules on the same film in the same order, so what has to be shown is that
the film's nodules are counted from the same number on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ho_imaging.results.schema import FindingResult, ModelResult, StudyResult
from ho_imaging.vocabulary import Status

if TYPE_CHECKING:
    from ho_imaging.readings.decisions import Decision

__all__ = ["ON_A_NODULE", "Present", "finding_grounds", "grounds_of", "nodule_key"]

ON_A_NODULE = frozenset({"accept", "reject", "reclassify", "reshape"})


def finding_grounds(finding: FindingResult) -> str:
    """Return the digest of a finding: of its film and outline, whatever its number."""
    return _digest("finding", finding.sop_instance_uid, finding.contours_xy_px)


def grounds_of(
    result: StudyResult, action: str, *, target: str | None = None, side: str | None = None, blinded: bool = False
) -> str | None:
    """Return the digest of what a decision on a result is made of; ``None``: it rests on nothing of the model's.

    Parameters
    ----------
    result
        What the reader has in sight.
    action
        The decision's.
    target
        The nodule it is on.
    side
        The side that is graded.
    blinded
        Whether the model's findings are hidden from the reader now.

    Returns
    -------
    str or None
        The digest, in hex.

    """
    if action == "commit":
        return _study_grounds(result, blinded=blinded)
    if action == "regrade" and side is not None:
        return _side_grounds(result, side, blinded=blinded)
    if action in ON_A_NODULE:
        return next((finding_grounds(found) for found in result.findings if found.id == target), None)
    return None


def nodule_key(decision: Decision) -> str:
    """Return a key that all decisions on one nodule share, whether the result still has the nodule or not."""
    if decision.grounds is not None:
        return decision.grounds
    return _digest("nodule", decision.image_uid, decision.target, _weights(decision.model))


@dataclass(frozen=True)
class Present:
    """Contents of a result against which decisions are checked.

    ``films``: those that were analysed. ``ids``: of the findings, by their digest. ``counted_alike``: films on which
    decisions without a digest number the findings as the result does. ``blinded``: ids of decisions without a digest
    that a blinded reader made before anything of the model's was shown. ``named``: films that any decision names.
    """

    result: StudyResult
    films: frozenset[str]
    ids: Mapping[str, tuple[str, ...]]
    counted_alike: frozenset[str]
    blinded: frozenset[str]
    named: frozenset[str]

    @staticmethod
    def of(result: StudyResult, decisions: Sequence[Decision], blinded: Sequence[Decision]) -> Present:
        """Look through a result and all of a reader's decisions; ``blinded``: those made without the model."""
        ids: dict[str, tuple[str, ...]] = {}
        for found in result.findings:
            digest = finding_grounds(found)
            ids[digest] = (*ids.get(digest, ()), found.id)
        return Present(
            result=result,
            films=frozenset(_films(result)) | {found.sop_instance_uid for found in result.findings},
            ids=ids,
            counted_alike=_counted_alike(result, decisions),
            blinded=frozenset(decision.id for decision in blinded if decision.grounds is None),
            named=frozenset(decision.image_uid for decision in decisions if decision.image_uid is not None),
        )

    def finding(self, decision: Decision) -> str | None:
        """Return the present id of a decision's finding; ``None`` if the result does not have it."""
        if decision.grounds is None:
            alike = decision.image_uid in self.counted_alike and self._same_weights(decision)
            return decision.target if alike else None
        ids = self.ids.get(decision.grounds, ())
        if decision.target in ids:
            return decision.target
        return ids[0] if len(ids) == 1 else None

    def has_grade(self, decision: Decision, earlier: Sequence[Decision], *, complete: bool) -> bool:
        """Return True if the result has on that side what a grade was given for.

        ``earlier``: grades that stand already. ``complete``: whether everything before was found in the result.
        """
        side = str(decision.value["side"])
        if decision.grounds is not None:
            return decision.grounds in {_side_grounds(self.result, side, blinded=blinded) for blinded in (False, True)}
        if decision.id in self.blinded:
            return True
        severity = self.result.severity
        model = next((s for s in (() if severity is None else severity.sides) if s.side == side), None)
        before = {None, *(other.value["to"] for other in earlier if other.value["side"] == side)}
        if model is not None:
            before.add(model.grade)
        same_system = model is None or model.system == decision.value["system"]
        return complete and self._same_weights(decision) and same_system and decision.value.get("from") in before

    def is_what_was_committed(self, decision: Decision, *, complete: bool) -> bool:
        """Return True if a commitment was made on this result; ``complete``: all decisions before it hold for it."""
        if decision.grounds is not None:
            return decision.grounds in {_study_grounds(self.result, blinded=blinded) for blinded in (False, True)}
        if not complete or decision.id in self.blinded:
            return complete
        # A film with nodules of which the reader never said a word may have come later.
        unread = {found.sop_instance_uid for found in self.result.findings} - self.named
        return self._same_weights(decision) and (len(self.films) <= 1 or not unread)

    def _same_weights(self, decision: Decision) -> bool:
        return _weights(decision.model) == _weights(self.result.model)


def _counted_alike(result: StudyResult, decisions: Sequence[Decision]) -> frozenset[str]:
    """Return the films whose findings are numbered in the result as in decisions without a digest.

    The films before it may have been others, so that its count began elsewhere. It began no later if its first number
    now was in use, no earlier if its last was or nothing can come before it; a number it does not have now shows that
    the count has moved.
    """
    weights = _weights(result.model)
    used: dict[str, set[str]] = {}
    for decision in decisions:
        plain = decision.grounds is None and decision.action in ON_A_NODULE and _weights(decision.model) == weights
        if plain and decision.image_uid is not None and not str(decision.target).startswith("R"):
            used.setdefault(decision.image_uid, set()).add(str(decision.target))
    alike = set()
    for film, names in used.items():
        ids = [found.id for found in result.findings if found.sop_instance_uid == film]
        if ids and names <= set(ids) and ids[0] in names and (ids[-1] in names or ids[0] == result.findings[0].id):
            alike.add(film)
    return frozenset(alike)


def _side_grounds(result: StudyResult, side: str, *, blinded: bool) -> str:
    if blinded:
        return _digest("side, blinded", side, _films(result))
    return _digest("side", side, sorted(finding_grounds(found) for found in result.findings if found.side == side))


def _study_grounds(result: StudyResult, *, blinded: bool) -> str:
    if blinded:
        return _digest("study, blinded", _films(result))
    sides = () if result.severity is None else result.severity.sides
    return _digest(
        "study",
        _films(result),
        sorted((finding_grounds(found), str(found.side)) for found in result.findings),
        sorted((str(side.side), side.system, side.grade or "") for side in sides),
    )


def _films(result: StudyResult) -> list[str]:
    return sorted(image.sop_instance_uid for image in result.images if image.status == Status.DONE)


def _weights(model: ModelResult | None) -> str | None:
    """Return what decides which nodules a film has and how they are numbered: the weights, and the site file."""
    if model is None or model.site is None:
        return None if model is None else model.sha256
    return f"{model.sha256} {model.site.sha256}"


def _digest(*parts: object) -> str:
    """Return 32 hexadecimal digits: the same for the same parts, in every run."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:32]
