"""One side of one film: its grade by every system, with the evidence, the probabilities and the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from ho_imaging.findings.finding import Finding
from ho_imaging.findings.resolution import why_too_coarse
from ho_imaging.messages import Message
from ho_imaging.severity.burden import burden_parts, burden_score, category_of
from ho_imaging.severity.certainty import SURE_CONFIDENCE, counted_nodules
from ho_imaging.severity.film import FilmReading, SideView, view_of_side
from ho_imaging.severity.grade import Evidence, Gap, SideSeverity, SystemGrade
from ho_imaging.severity.layout import AS_REPORTED, OUTLINES, Arrangement, Layout, arrange, lay_out
from ho_imaging.severity.likelihood import Draws, draw, grade_probabilities, scale_of
from ho_imaging.severity.systems import SYSTEMS, Measured, System, leading_system
from ho_imaging.severity.systems.hip import why_no_hip
from ho_imaging.severity.systems.system import at_least_a_centimetre
from ho_imaging.vocabulary import Side, Structure

__all__ = ["ALTERNATIVE_FROM", "SideReading", "read_side"]

ALTERNATIVE_FROM = 0.15
"""A grade this likely is named beside the reported one."""


@dataclass(frozen=True, eq=False)
class SideReading:
    """One side of one film.

    ``close``: whether bones come closer than 1 cm (``None``: no ectopic bone, or not known). ``measurable``: whether
    pelvis, femur and joint are seen.
    """

    view: SideView
    severity: SideSeverity
    measurable: bool
    close: bool | None


def read_side(film: FilmReading, side: Side) -> SideReading:
    """Grade one side of one film by every system that its region has."""
    view = view_of_side(film, side)
    leading = leading_system(film.prepared.radiograph.region.value)
    layouts = {which: lay_out(view, which) for which in OUTLINES}
    pixel_mm = film.anatomy.pixel_mm
    reported = [True] * len(view.findings) + [False] * len(view.possible)
    reach_mm = pixel_mm or film.prepared.assumed_pixel_mm
    everything = arrange(layouts[AS_REPORTED], reported, pixel_mm=reach_mm)
    counted = counted_nodules(everything, [finding.confidence for finding in (*view.findings, *view.possible)])
    left_out = tuple(f for f, counts in zip(view.findings, counted, strict=False) if not counts)
    arrangement = arrange(layouts[AS_REPORTED], counted, pixel_mm=reach_mm) if left_out else everything
    measured = _measure(view, arrangement)
    draws = draw(view, layouts)
    with_all = (everything, _measure(view, everything)) if left_out else None
    grades = {
        system.name: _grade(system, view, draws, arrangement, measured, with_all)
        for system in SYSTEMS
        if system is leading or system.refuses(view) is None
    }
    lead = grades[leading.name]
    gap = _gap(view, layouts[AS_REPORTED], arrangement) if why_no_hip(view) is None else None
    parts = burden_parts([f for f in view.findings if f not in left_out], view.joint, gap, bridged=arrangement.bridged)
    score = None if parts is None else burden_score(parts)
    if lead.grade is None and not view.findings:
        score = None  # nothing was found, but nothing can be excluded either
    if lead.grade is not None and leading.name == "brooker":
        lead = replace(lead, statement=_brooker_statement(view, arrangement, gap, lead))
        grades[leading.name] = lead
    severity = SideSeverity(
        side=side,
        system=lead.system,
        grade=lead.grade,
        alternatives=lead.alternatives,
        score=score,
        category=category_of(lead.grade, score),
        evidence=_evidence(view, arrangement, gap, lead.statement, left_out),
        probabilities=lead.probabilities,
        systems=tuple(grades.values()),
        possible=lead.possible,
    )
    close = None
    if arrangement.pieces:
        if arrangement.bridged or arrangement.gap_px == 0.0:
            close = True
        elif measured.gap_mm is not None:
            close = not at_least_a_centimetre(measured.gap_mm)
        elif arrangement.gap_px is None:
            close = False
    return SideReading(view, severity, why_no_hip(view) is None, close)


def _measure(view: SideView, arrangement: Arrangement) -> Measured:
    """Give the best guess of the true lengths."""
    pixel_mm = view.film.anatomy.pixel_mm
    if pixel_mm is None:
        return Measured(None, None)
    true_mm = pixel_mm * scale_of(view).factor
    return Measured(None if arrangement.gap_px is None else arrangement.gap_px * true_mm, true_mm)


def _grade(
    system: System,
    view: SideView,
    draws: Draws,
    arrangement: Arrangement,
    measured: Measured,
    with_all: tuple[Arrangement, Measured] | None,
) -> SystemGrade:
    """Grade by one system; ``with_all``: every reported nodule, where some do not count."""
    refusal = why_too_coarse(view.film.quality) or system.refuses(view)
    grade, possible, probabilities, statement = None, None, {}, refusal or system.uncovered
    if refusal is None:
        rule = system.rule(view)
        grade = rule(arrangement, measured)
        if grade is not None:
            probabilities = grade_probabilities(draws, rule, system.grades)
            statement = Message("grade_given", system=system.name, grade=grade)
            possible = None if with_all is None else rule(*with_all)
    if possible == grade:
        possible = None
    others = sorted(((p, g) for g, p in probabilities.items() if g != grade and p >= ALTERNATIVE_FROM), reverse=True)
    alternatives = tuple(other for _, other in others)
    if grade is not None and alternatives:
        statement = statement.with_also(_between(grade, alternatives, probabilities))
    if possible is not None:
        statement = statement.with_also(_possible(possible))
        alternatives = alternatives if possible in alternatives else (*alternatives, possible)
    if grade is None and system.name == "brooker" and refusal is None:
        alternatives = ("II", "III")
    return SystemGrade(
        system=system.name,
        title=system.title,
        citation=system.citation,
        confirmed=system.confirmed,
        grade=grade,
        alternatives=alternatives,
        probabilities=probabilities,
        statement=statement,
        possible=possible,
    )


def _possible(grade: str) -> Message:
    return Message("possible_grade", confidence=SURE_CONFIDENCE, grade=grade)


def _between(grade: str, alternatives: tuple[str, ...], probabilities: Mapping[str, float]) -> Message:
    named = sorted((grade, *alternatives), key=list(probabilities).index)
    shares = [Message("share.of_grade", grade=name, share=probabilities[name]) for name in named]
    return Message("between_grades", grades=named, shares=shares)


def _brooker_statement(view: SideView, arrangement: Arrangement, gap: Gap | None, lead: SystemGrade) -> Message:
    """Say what a Brooker class rests on."""
    if lead.grade == "0":
        said = Message("no_ectopic_bone") if lead.possible is None else Message("none_sure")
    elif lead.grade == "IV":
        said = Message("bridge")
    elif lead.grade == "I":
        said = Message("islands")
    elif gap is None:
        said = Message("spurs_alone")
    elif gap.length_px == 0.0:
        said = Message("spurs_touch")
    else:
        # Neither class II nor III is given without millimetres.
        said = _gap_statement(cast("float", gap.length_mm), scale_of(view).factor, is_wide=lead.grade == "II")
    likely = tuple(other for other in lead.alternatives if lead.probabilities.get(other, 0.0) >= ALTERNATIVE_FROM)
    if likely:
        said = said.with_also(_between(lead.grade or "", likely, lead.probabilities))
    return said if lead.possible is None else said.with_also(_possible(lead.possible))


def _gap_statement(length_mm: float, factor: float, *, is_wide: bool) -> Message:
    """Say how long a gap is; ``factor`` takes away magnification, ``is_wide`` is what its true length was judged."""
    true_mm = length_mm * factor
    # 9.96 mm is less than 1 cm, and rounded it would not look so.
    gap_mm = true_mm if is_wide else min(true_mm, 9.9)
    if factor == 1.0:
        return Message("gap_wide", gap_mm=gap_mm) if is_wide else Message("gap_narrow", gap_mm=gap_mm)
    if is_wide:
        return Message("gap_wide_magnified", measured_mm=length_mm, gap_mm=gap_mm)
    return Message("gap_narrow_magnified", measured_mm=length_mm, gap_mm=gap_mm)


def _gap(view: SideView, layout: Layout, arrangement: Arrangement) -> Gap | None:
    line = layout.line(arrangement)
    if line is None or arrangement.gap_px is None or arrangement.bridged:
        return None
    grid, pixel_mm = view.film.prepared.grid, view.film.anatomy.pixel_mm
    ends = grid.points_to_source(line)
    length_mm = None if pixel_mm is None else arrangement.gap_px * pixel_mm
    true_range_mm = None
    if length_mm is not None and pixel_mm is not None:
        scale = scale_of(view)
        low, high = scale.range(length_mm)
        true_range_mm = (max(low - pixel_mm, 0.0), high + pixel_mm)
    return Gap(
        length_px=float(np.linalg.norm(ends[1] - ends[0])),
        length_mm=length_mm,
        ends_px=((float(ends[0, 0]), float(ends[0, 1])), (float(ends[1, 0]), float(ends[1, 1]))),
        true_range_mm=true_range_mm,
    )


def _evidence(
    view: SideView, arrangement: Arrangement, gap: Gap | None, statement: Message, left_out: Sequence[Finding]
) -> Evidence:
    findings = (*view.findings, *view.possible)

    def names(joined: int) -> tuple[str, ...]:
        return tuple(findings[index].id for piece in arrangement.pieces if piece[joined] for index in piece[0])

    return Evidence(
        sop_instance_uid=view.film.prepared.radiograph.sop_instance_uid,
        finding_ids=tuple(finding.id for finding in view.findings),
        joined_to={Structure.PELVIS: names(1), Structure.FEMUR: names(2)},
        gap=gap,
        spacing_basis=view.film.anatomy.basis.value,
        statement=statement,
        not_counted_ids=tuple(finding.id for finding in left_out),
    )
