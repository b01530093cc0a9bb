"""One side of one film: its grade by every system, with the evidence, the probabilities and the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ho_imaging.findings.finding import Finding
from ho_imaging.findings.resolution import why_too_coarse
from ho_imaging.messages import Message
from ho_imaging.severity.burden import film_burden
from ho_imaging.severity.certainty import SURE_CONFIDENCE, counted_nodules
from ho_imaging.severity.film import FilmReading, SideView, has_measurable_joint, view_of_side
from ho_imaging.severity.grade import Evidence, Gap, SideSeverity, SystemGrade
from ho_imaging.severity.layout import AS_REPORTED, Arrangement, Layout, arrange, lay_out_side
from ho_imaging.severity.likelihood import Draws, draw, grade_probabilities
from ho_imaging.severity.systems import Measured, System, all_systems, leading_system
from ho_imaging.severity.systems.system import at_least_a_centimetre
from ho_imaging.severity.true_lengths import true_lengths
from ho_imaging.vocabulary import Side

__all__ = ["ALTERNATIVE_FROM", "SideReading", "read_side"]

ALTERNATIVE_FROM = 0.15
"""A grade this likely is named beside the reported one."""


@dataclass(frozen=True, eq=False)
class SideReading:
    """One side of one film.

    ``close``: True if bones come closer than 1 cm (``None``: no ectopic bone, or not known). ``measurable``: the joint
    and its opposing bones are seen.
    """

    view: SideView
    severity: SideSeverity
    measurable: bool
    close: bool | None


def read_side(film: FilmReading, side: Side) -> SideReading:
    """Grade one side of one film by every system that its region has.

    Parameters
    ----------
    film
        As it was read.
    side
        One that it shows.

    Returns
    -------
    SideReading
        With the grade of the system that leads in the film's region.

    """
    view = view_of_side(film, side)
    plan = film.anatomy.plan
    leading = leading_system(film.prepared.radiograph.region.value)
    layouts = lay_out_side(view)
    reported = [True] * len(view.findings) + [False] * len(view.possible)
    reach_px = plan.gap_reach_mm / film.anatomy.scale.cell_mm
    everything = arrange(layouts[AS_REPORTED], reported, reach_px=reach_px)
    counted = counted_nodules(everything, [finding.confidence for finding in (*view.findings, *view.possible)])
    left_out = tuple(f for f, counts in zip(view.findings, counted, strict=False) if not counts)
    arrangement = arrange(layouts[AS_REPORTED], counted, reach_px=reach_px) if left_out else everything
    measured = _measure(view, arrangement)
    draws = draw(view, layouts)
    with_all = (everything, _measure(view, everything)) if left_out else None
    is_measurable = has_measurable_joint(view)
    gap = _gap(view, layouts[AS_REPORTED], arrangement) if is_measurable else None
    refusals = {system.name: system.refuses(view) for system in all_systems()}
    grades = {
        system.name: _grade(system, view, refusals[system.name], draws, arrangement, measured, with_all)
        for system in all_systems()
        if system is leading or refusals[system.name] is None
    }
    lead = _explained(leading, view, arrangement, gap, grades[leading.name])
    grades[leading.name] = lead
    counting = [finding for finding in view.findings if finding not in left_out]
    score = film_burden(counting, view.joint, plan.landmark, gap, bridged=arrangement.bridged)
    if lead.grade is None and not view.findings:
        score = None  # nothing was found, but nothing can be excluded either
    severity = SideSeverity(
        side=side,
        system=lead.system,
        grade=lead.grade,
        alternatives=lead.alternatives,
        score=score,
        category=leading.category(lead.grade, score),
        evidence=_evidence(view, arrangement, gap, lead.statement, left_out),
        probabilities=lead.probabilities,
        systems=tuple(grades.values()),
        possible=lead.possible,
    )
    return SideReading(view, severity, is_measurable, _are_close(arrangement, measured))


def _are_close(arrangement: Arrangement, measured: Measured) -> bool | None:
    """Return True if bones come closer than 1 cm; ``None`` without ectopic bone, or where it is not known."""
    if not arrangement.pieces:
        return None
    if arrangement.bridged or arrangement.gap_px == 0.0:
        return True
    if measured.gap_mm is not None:
        return not at_least_a_centimetre(measured.gap_mm)
    return False if arrangement.gap_px is None else None


def _measure(view: SideView, arrangement: Arrangement) -> Measured:
    """Return the best guess of the true lengths."""
    cell_mm = view.film.anatomy.scale.measured_mm
    if cell_mm is None:
        return Measured(None, None)
    true_mm = cell_mm * true_lengths(view).factor
    return Measured(None if arrangement.gap_px is None else arrangement.gap_px * true_mm, true_mm)


def _grade(
    system: System,
    view: SideView,
    refusal: Message | None,
    draws: Draws,
    arrangement: Arrangement,
    measured: Measured,
    with_all: tuple[Arrangement, Measured] | None,
) -> SystemGrade:
    """Grade by one system; ``with_all``: every reported nodule, where some do not count."""
    refusal = why_too_coarse(view.film.quality) or refusal
    grade, possible, probabilities, statement = None, None, {}, refusal or system.uncovered
    if refusal is None:
        rule = system.rule(view)
        grade = rule(arrangement, measured)
        if grade is not None:
            probabilities = grade_probabilities(draws, rule, system.grades)
            statement = Message("grade_given", system=system.title, grade=grade)
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
    if grade is None and refusal is None and system.undecided:
        alternatives = system.undecided
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


def _explained(
    system: System, view: SideView, arrangement: Arrangement, gap: Gap | None, lead: SystemGrade
) -> SystemGrade:
    """Return a grade with what it rests on, where its system says so."""
    if lead.grade is None or system.explains is None:
        return lead
    said = system.explains(view, arrangement, gap, lead)
    likely = tuple(other for other in lead.alternatives if lead.probabilities.get(other, 0.0) >= ALTERNATIVE_FROM)
    if likely:
        said = said.with_also(_between(lead.grade, likely, lead.probabilities))
    return replace(lead, statement=said if lead.possible is None else said.with_also(_possible(lead.possible)))


def _gap(view: SideView, layout: Layout, arrangement: Arrangement) -> Gap | None:
    line = layout.line(arrangement)
    if line is None or arrangement.gap_px is None or arrangement.bridged:
        return None
    grid, cell_mm = view.film.prepared.grid, view.film.anatomy.scale.measured_mm
    ends = grid.points_to_source(line)
    length_mm = true_range_mm = None
    if cell_mm is not None:
        length_mm = arrangement.gap_px * cell_mm
        low, high = true_lengths(view).range(length_mm)
        true_range_mm = (max(low - cell_mm, 0.0), high + cell_mm)
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
    on_first, on_second = (
        tuple(findings[index].id for piece in arrangement.pieces if piece[place] for index in piece.nodules)
        for place in (1, 2)
    )
    return Evidence(
        sop_instance_uid=view.film.prepared.radiograph.sop_instance_uid,
        finding_ids=tuple(finding.id for finding in view.findings),
        joined_to=dict(zip(view.film.anatomy.plan.opposing, (on_first, on_second), strict=False)),
        gap=gap,
        spacing_basis=view.film.anatomy.scale.basis.value,
        statement=statement,
        not_counted_ids=tuple(finding.id for finding in left_out),
    )
