"""One study as one reader, or the model, read it: a form in which readings can be compared, measured and exported.

Points are (x, y), column and row in source pixels, as in `ho_imaging.readings.decisions`; millimetres are those of the
result's own findings, in the plane that its spacing basis names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ho_imaging.findings.outline import extent
from ho_imaging.readings.apply_decisions import review_state
from ho_imaging.readings.decision_history import until_commit, was_blinded
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.outlines import Outline, outline_shape
from ho_imaging.readings.reviewed_study import ReviewedFinding, ReviewedStudy
from ho_imaging.regions import plan_of
from ho_imaging.results.counting import Shown, counted_ids, originals
from ho_imaging.results.schema import FindingResult, ImageResult, SideResult, StudyResult
from ho_imaging.severity.burden import NoduleSize, burden_of
from ho_imaging.severity.systems import leading_system, system_named
from ho_imaging.vocabulary import Region, Side, Status

__all__ = [
    "MODEL",
    "Nodule",
    "NotBone",
    "Reading",
    "film_shape",
    "model_reading",
    "reader_reading",
    "state_reading",
    "was_blinded",
]

MODEL = "model"
"""The model's name where readers' names stand."""


@dataclass(frozen=True)
class Nodule:
    """A nodule that a reading holds for ectopic bone.

    ``drawn``: whether a reader drew the outline; else it is the model's. ``decided``: whether the reader said anything
    of it; else it is the model's, left standing. Areas count one pixel as the result's measured spacing squared.
    """

    id: str
    image_uid: str
    side: Side
    outline_xy_px: Outline
    drawn: bool
    decided: bool
    area_px: float
    area_mm2: float | None
    long_axis_mm: float | None
    density_ratio: float | None = None
    same_as: str | None = None
    """Id of the nodule that it is on a better film of the same projection."""
    repeat: bool = False
    """True if it adds nothing to totals: a better film shows it, too, or another projection of its side counts."""


@dataclass(frozen=True)
class NotBone:
    """A finding that the reader rejected; ``mimic``: the kind of structure, if the reader named it."""

    id: str
    image_uid: str
    outline_xy_px: Outline
    mimic: str | None


@dataclass(frozen=True)
class Reading:
    """A study as one reader, or the model, read it.

    Parameters
    ----------
    study_uid
        Study Instance UID.
    reader
        Name of the reader, or ``model``.
    nodules
        Nodules of ectopic bone, with their outlines.
    not_bone
        Findings that the reader takes for something else.
    grades, burdens
        Grade and burden (0 to 100) of each side; ``None`` without one.
    committed
        Whether the reader has finished the study.
    seconds
        How long it took, 0 for the model.
    committed_at
        When the reader finished, in UTC.
    reshaped
        Ids of the model's nodules whose outline the reader changed.
    regraded
        Sides whose grade is the reader's own.
    left_out
        Decisions that do not hold for this result, for the study was analysed again with another outcome.
    confirmed
        Sides whose grade and nodules contradict each other, for which the reader stood by both when finishing.

    """

    study_uid: str
    reader: str
    nodules: tuple[Nodule, ...]
    not_bone: tuple[NotBone, ...]
    grades: Mapping[str, str | None]
    burdens: Mapping[str, float | None]
    committed: bool
    seconds: float
    committed_at: datetime | None = None
    reshaped: frozenset[str] = frozenset()
    regraded: frozenset[str] = frozenset()
    left_out: tuple[Decision, ...] = ()
    confirmed: tuple[str, ...] = ()

    @property
    def area_mm2(self) -> float | None:
        """Area of all nodules together, each once (`counted_ids`); ``None`` without millimetres."""
        return _total([nodule.area_mm2 for nodule in self.nodules if not nodule.repeat])

    @property
    def long_axis_mm(self) -> float | None:
        """Long axis of the longest nodule, 0 without one; ``None`` without millimetres."""
        lengths = [nodule.long_axis_mm for nodule in self.nodules if not nodule.repeat]
        known = [length for length in lengths if length is not None]
        return max(known, default=0.0) if len(known) == len(lengths) else None

    @property
    def burden(self) -> float | None:
        """Burden of the worst side."""
        return max((score for score in self.burdens.values() if score is not None), default=None)


def model_reading(result: StudyResult) -> Reading:
    """Return the model's own reading of a study.

    Parameters
    ----------
    result
        What the model found.

    Returns
    -------
    Reading
        With every finding as it is, the reader named ``model``.

    """
    return _reading(result, MODEL, [_untouched(found) for found in result.findings], {}, True, 0.0, blinded=False)


def reader_reading(
    result: StudyResult, decisions: Sequence[Decision], *, blinded: bool | None = None, final: bool = False
) -> Reading:
    """Return a reader's reading of a study.

    Read with the model's result in sight, what the reader left alone stands as the model has it. A blinded reader saw
    nothing of it before the commitment: only what was drawn and graded is the reader's own.

    Parameters
    ----------
    result
        What the model found.
    decisions
        All of one reader on the study.
    blinded
        Whether the reading was; as the decisions themselves say by default.
    final
        Of a blinded reading, take in what was decided once the model's result was shown. Without it the reading is
        the reader's alone, as a comparison of readers needs it.

    Returns
    -------
    Reading
        Nodules, grades and burdens as the reader left them.

    Raises
    ------
    UsageError
        If the decisions are of several readers or of another study.

    """
    if blinded is None:
        blinded = was_blinded(decisions)
    whole = review_state(result, decisions)
    state = review_state(result, until_commit(decisions)) if blinded and not final else whole
    reading = state_reading(result, state, blinded=blinded)
    commit = next((decision for decision in decisions if decision.action == "commit"), None)
    return replace(
        reading,
        reader=whole.reader,
        seconds=whole.seconds,
        committed_at=None if commit is None else commit.at,
        left_out=whole.left_out,
    )


def state_reading(result: StudyResult, state: ReviewedStudy, *, blinded: bool = False) -> Reading:
    """Return the reading that a study amounts to as its reader left it; ``blinded``: the reader's own alone."""
    findings = [found for found in state.findings if not (blinded and found.status == "unseen")]
    regraded = {side: grade for side, (grade, reason) in state.grades.items() if reason is not None}
    reading = _reading(result, state.reader, findings, regraded, state.committed, state.seconds, blinded=blinded)
    return replace(
        reading,
        reshaped=frozenset(found.id for found in findings if found.reshaped),
        regraded=frozenset(regraded),
        left_out=state.left_out,
        confirmed=state.confirmed,
    )


def film_shape(reading: Reading, image_uid: str) -> BaseGeometry:
    """Return all nodules of a film as one shape in (x, y) source pixels."""
    return shapely.union_all([outline_shape(n.outline_xy_px) for n in reading.nodules if n.image_uid == image_uid])


def _untouched(found: FindingResult) -> ReviewedFinding:
    return ReviewedFinding(found.id, found.sop_instance_uid, Side(found.side), "unseen", found.contours_xy_px)


def _reading(
    result: StudyResult,
    reader: str,
    findings: Sequence[ReviewedFinding],
    regraded: Mapping[str, str | None],
    committed: bool,
    seconds: float,
    *,
    blinded: bool,
) -> Reading:
    images = {image.sop_instance_uid: image for image in result.images if image.status == Status.DONE}
    model = {found.id: found for found in result.findings}
    nodules = _counted(
        result,
        [
            _nodule(found, images[found.image_uid], model.get(found.id))
            for found in findings
            if found.image_uid in images and found.stands
        ],
    )
    sides = {str(side.side): side for side in (() if result.severity is None else result.severity.sides)}
    names = list(dict.fromkeys([*sides, *regraded]))
    grades: dict[str, str | None] = {
        name: regraded[name] if name in regraded else None if blinded or name not in sides else sides[name].grade
        for name in names
    }
    untouched = {found.id for found in findings if found.status in {"unseen", "accepted"} and not found.reshaped}
    return Reading(
        study_uid=result.study_uid,
        reader=reader,
        nodules=nodules,
        not_bone=tuple(
            NotBone(found.id, found.image_uid, found.outline_xy_px, found.mimic)
            for found in findings
            if found.status in {"rejected", "mimic"} and found.id in model
        ),
        grades=grades,
        burdens={
            name: _burden(name, grades[name], sides.get(name), nodules, result, untouched, blinded) for name in names
        },
        committed=committed,
        seconds=seconds,
    )


def _counted(result: StudyResult, nodules: Sequence[Nodule]) -> tuple[Nodule, ...]:
    """Mark the nodules that add nothing to totals, by the rule that counts the model's."""
    shown = [Shown(n.id, str(n.side), n.image_uid, n.same_as, n.area_mm2) for n in nodules]
    better, counted = originals(shown), counted_ids(shown, result)
    return tuple(replace(n, same_as=better[n.id], repeat=n.id not in counted) for n in nodules)


def _nodule(found: ReviewedFinding, image: ImageResult, model: FindingResult | None) -> Nodule:
    if model is not None and not found.reshaped:
        return Nodule(
            id=found.id,
            image_uid=found.image_uid,
            side=found.side,
            outline_xy_px=found.outline_xy_px,
            drawn=False,
            decided=found.status != "unseen",
            area_px=model.area_px,
            area_mm2=model.area_mm2,
            long_axis_mm=model.long_axis_mm,
            density_ratio=model.density_ratio,
            same_as=model.same_as,
        )
    area_px = float(outline_shape(found.outline_xy_px).area)
    area_mm2 = long_axis_mm = None
    if image.measured_spacing_mm is not None:
        row_mm, column_mm = image.measured_spacing_mm
        points = np.array([point for ring in found.outline_xy_px for point in ring], dtype=np.float64)
        area_mm2 = area_px * row_mm * column_mm
        long_axis_mm = extent(points * (column_mm, row_mm)).long_axis
    return Nodule(
        id=found.id,
        image_uid=found.image_uid,
        side=found.side,
        outline_xy_px=found.outline_xy_px,
        drawn=True,
        decided=True,
        area_px=area_px,
        area_mm2=area_mm2,
        long_axis_mm=long_axis_mm,
        density_ratio=None if model is None else model.density_ratio,
        same_as=None if model is None else model.same_as,
    )


def _burden(
    name: str,
    grade: str | None,
    side: SideResult | None,
    nodules: Sequence[Nodule],
    result: StudyResult,
    untouched: set[str],
    blinded: bool,
) -> float | None:
    """Return a side's burden: the model's own where nothing of it was changed, else by its formula from what is left.

    A nodule that the model did not measure counts with a density ratio of one half, as the formula has it.
    """
    here = [nodule for nodule in nodules if nodule.side == name and not nodule.repeat]
    theirs = {found.id for found in result.findings if found.side == name and found.same_as is None}
    left = {nodule.id for nodule in nodules if nodule.side == name and nodule.same_as is None}
    unchanged = theirs == left and theirs <= untouched
    if side is not None and not blinded and unchanged and grade == side.grade:
        return side.score
    region = next((Region(image.region) for image in result.images if image.status == Status.DONE), Region.UNKNOWN)
    diameter_mm = _landmark_diameter_mm(name, result.findings, region)
    if diameter_mm is None or any(nodule.area_mm2 is None for nodule in here):
        return None
    system = leading_system(region) if side is None else system_named(side.system)
    bridged = system is not None and grade in system.bridged
    gap_mm = None
    if side is not None and not blinded and side.evidence.gap_mm is not None:
        spurs = {name for names in side.evidence.joined_to.values() for name in names}
        gap_mm = side.evidence.gap_mm if spurs & {nodule.id for nodule in here} else None
    sizes = [NoduleSize(n.area_mm2 or 0.0, n.long_axis_mm or 0.0, n.density_ratio) for n in here]
    return round(burden_of(sizes, diameter=diameter_mm, gap=gap_mm, bridged=bridged), 1)


def _landmark_diameter_mm(name: str, findings: Sequence[FindingResult], region: Region) -> float | None:
    """Return the diameter of a side's landmark by the model's distances to the joint, else the usual one."""
    for found in findings:
        if found.side == name and found.distance_to_joint_mm and found.distance_to_joint_radii:
            return 2.0 * found.distance_to_joint_mm / found.distance_to_joint_radii
    landmark = plan_of(region).landmark
    return None if landmark is None else landmark.diameter_mm


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
