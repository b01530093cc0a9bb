"""From the stages' own types to the result others read.

Numbers are rounded here, and points turned from (row, column) to (x, y), once and for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ho_imaging.files.path_text import path_text
from ho_imaging.findings.finding import Finding
from ho_imaging.findings.resolution import resolution_flags
from ho_imaging.messages import Message
from ho_imaging.network.prediction import ModelIdentity
from ho_imaging.preparing.quality import FilmQuality
from ho_imaging.reading.completeness import Completeness
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.results.messages import MessageResult, message_result
from ho_imaging.results.points import points_xy
from ho_imaging.results.schema import (
    CompletenessResult,
    CompressionResult,
    ContextResult,
    EvidenceResult,
    FilmQualityResult,
    FindingResult,
    ImageResult,
    ModelResult,
    QualityFlagResult,
    SeverityResult,
    SideResult,
    SiteResult,
    SoftwareResult,
    StudyResult,
    StudySeverityResult,
    SystemGradeResult,
)
from ho_imaging.results.schema_base import AxisEnds
from ho_imaging.severity.context import StudyContext
from ho_imaging.severity.film import FilmReading, sides_shown
from ho_imaging.severity.grade import Gap, Severity, SideSeverity
from ho_imaging.vocabulary import Side, SpacingBasis, Status

__all__ = ["failed_image", "finding_result", "image_result", "model_result", "severity_result", "study_result"]

_LENGTH_DIGITS = 2
_AREA_DIGITS = 1
_SHARE_DIGITS = 4
_PEAK_DIGITS = 6
"""An operating threshold is chosen between the highest probabilities of two films."""


def _rounded(value: float | None, digits: int = _LENGTH_DIGITS) -> float | None:
    return None if value is None else round(float(value), digits)


def _ends(ends: tuple[tuple[float, float], tuple[float, float]]) -> AxisEnds:
    first, second = points_xy(ends, _LENGTH_DIGITS)
    return first, second


def image_result(
    radiograph: Radiograph,
    *,
    status: Status,
    reason: Message | None = None,
    scope_probability: float | None = None,
    reading: FilmReading | None = None,
) -> ImageResult:
    """Describe a film that was read; ``reading``: what was found on it, where it was analysed."""
    spacing = radiograph.spacing
    highest = {} if reading is None else {side: round(p, _PEAK_DIGITS) for side, p in reading.highest.items()}
    flags = (*radiograph.quality, *(() if reading is None else resolution_flags(reading.quality)))
    return ImageResult(
        sop_instance_uid=radiograph.sop_instance_uid,
        series_uid=radiograph.series_uid,
        path=None if radiograph.path is None else path_text(radiograph.path),
        frame=radiograph.frame,
        status=status,
        reason=None if reason is None else message_result(reason),
        rows=radiograph.shape[0],
        columns=radiograph.shape[1],
        region=radiograph.region.value,
        region_source=radiograph.region.source,
        view=radiograph.view.value,
        view_source=radiograph.view.source,
        laterality=radiograph.laterality.value,
        laterality_source=radiograph.laterality.source,
        spacing_mm=None
        if spacing.row_mm is None or spacing.column_mm is None
        else (round(spacing.row_mm, 6), round(spacing.column_mm, 6)),
        spacing_basis=spacing.basis,
        spacing_source=spacing.source,
        magnification=_rounded(spacing.magnification, _SHARE_DIGITS),
        measured_spacing_mm=None if reading is None else _measured_spacing(reading),
        measured_basis=SpacingBasis.NONE if reading is None else reading.anatomy.scale.basis,
        sides=() if reading is None else _sides_in_order(reading),
        sides_meet_x_px=None
        if reading is None or not reading.anatomy.sides.both
        else _rounded(reading.anatomy.sides.middle_px),
        scope_probability=_rounded(scope_probability, _SHARE_DIGITS),
        highest_ho_probability=None if reading is None else max(highest.values(), default=0.0),
        highest_ho_probability_by_side=highest,
        quality=None if reading is None or reading.quality is None else _quality(reading.quality),
        quality_flags=tuple(QualityFlagResult(code=flag.code, message=message_result(flag.message)) for flag in flags),
    )


def _quality(quality: FilmQuality) -> FilmQualityResult:
    compression = quality.compression
    return FilmQualityResult(
        pixel_mm=_rounded(quality.source_pixel_mm, 4),
        resolution_mm=_rounded(quality.resolution_mm, 3),
        detail_px=_rounded(quality.detail_px, 3),
        noise=_rounded(quality.noise, 5),
        compression=CompressionResult(
            codec=compression.codec,
            known_from=compression.known_from,
            jpeg_quality=compression.jpeg_quality,
            step_grey=_rounded(compression.step_grey, 5),
            ratio=_rounded(compression.ratio, 2),
            near=compression.near,
            block_phase_xy_px=None if compression.blocks is None else compression.blocks.phase_px[::-1],
            block_strength=None if compression.blocks is None else compression.blocks.strength,
            block_mm=_rounded(quality.block_mm),
        ),
    )


def _measured_spacing(reading: FilmReading) -> tuple[float, float] | None:
    """Size of a source pixel by the millimetres of the findings."""
    cell_mm = reading.anatomy.scale.measured_mm
    if cell_mm is None:
        return None
    grid = reading.prepared.grid
    return round(cell_mm / grid.row_scale, 6), round(cell_mm / grid.column_scale, 6)


def _sides_in_order(reading: FilmReading) -> tuple[Side, ...]:
    shown = sides_shown(reading)
    if {Side.LEFT, Side.RIGHT} <= set(shown):
        return (Side.LEFT, Side.RIGHT) if reading.anatomy.sides.first is Side.LEFT else (Side.RIGHT, Side.LEFT)
    return shown


def failed_image(
    *, sop_instance_uid: str, series_uid: str | None, path: str | None, status: Status, reason: Message
) -> ImageResult:
    """Describe a film that could not be read, or was refused before its pixels were."""
    return ImageResult(
        sop_instance_uid=sop_instance_uid,
        series_uid=series_uid,
        path=None if path is None else path_text(path),
        status=status,
        reason=message_result(reason),
    )


def finding_result(finding: Finding, study_wide_id: str, same_as: str | None = None) -> FindingResult:
    """Describe a nodule under an id that is unique in its study; ``same_as``: the better film's finding of it."""
    return FindingResult(
        id=study_wide_id,
        sop_instance_uid=finding.sop_instance_uid,
        side=finding.side,
        confidence=round(finding.confidence, _SHARE_DIGITS),
        mean_probability=round(finding.mean_probability, _SHARE_DIGITS),
        area_px=round(finding.area_px, _AREA_DIGITS),
        area_mm2=_rounded(finding.area_mm2, _AREA_DIGITS),
        area_range_mm2=None
        if finding.area_range_mm2 is None
        else (round(finding.area_range_mm2[0], _AREA_DIGITS), round(finding.area_range_mm2[1], _AREA_DIGITS)),
        long_axis_px=round(finding.long_axis_px, _LENGTH_DIGITS),
        long_axis_mm=_rounded(finding.long_axis_mm),
        short_axis_px=round(finding.short_axis_px, _LENGTH_DIGITS),
        short_axis_mm=_rounded(finding.short_axis_mm),
        long_axis_ends_xy_px=_ends(finding.long_axis_ends_px),
        short_axis_ends_xy_px=_ends(finding.short_axis_ends_px),
        centroid_xy_px=points_xy([finding.centroid_px], _LENGTH_DIGITS)[0],
        contours_xy_px=tuple(points_xy(contour, _LENGTH_DIGITS) for contour in finding.contours_px),
        density_ratio=_rounded(finding.density_ratio, 3),
        nearest_bone=finding.nearest_bone,
        distance_to_bone_mm=_rounded(finding.distance_to_bone_mm),
        distance_to_joint_mm=_rounded(finding.distance_to_joint_mm),
        distance_to_joint_radii=_rounded(finding.distance_to_joint_radii),
        periarticular=finding.periarticular,
        joined_to=finding.joined_to,
        same_as=same_as,
    )


def severity_result(severity: Severity) -> SeverityResult:
    """Describe the severity of the sides and of the study."""
    return SeverityResult(
        sides=tuple(_side(side) for side in severity.sides),
        study=StudySeverityResult(
            grade=severity.study.grade,
            system=severity.study.system,
            score=_rounded(severity.study.score, 1),
            category=None if severity.study.category is None else severity.study.category.value,
        ),
    )


def _side(side: SideSeverity) -> SideResult:
    evidence = side.evidence
    gap: Gap | None = evidence.gap
    return SideResult(
        side=side.side,
        system=side.system,
        grade=side.grade,
        alternatives=side.alternatives,
        score=_rounded(side.score, 1),
        category=None if side.category is None else side.category.value,
        probabilities=_shares(side.probabilities),
        possible=side.possible,
        systems=tuple(
            SystemGradeResult(
                system=grade.system,
                title=grade.title,
                citation=grade.citation,
                definition_confirmed=grade.confirmed,
                grade=grade.grade,
                alternatives=grade.alternatives,
                probabilities=_shares(grade.probabilities),
                statement=message_result(grade.statement),
                possible=grade.possible,
            )
            for grade in side.systems
        ),
        evidence=EvidenceResult(
            sop_instance_uid=evidence.sop_instance_uid,
            statement=message_result(evidence.statement),
            finding_ids=evidence.finding_ids,
            joined_to=dict(evidence.joined_to),
            gap_px=None if gap is None else _rounded(gap.length_px),
            gap_mm=None if gap is None else _rounded(gap.length_mm),
            gap_true_range_mm=None
            if gap is None or gap.true_range_mm is None
            else (round(gap.true_range_mm[0], _LENGTH_DIGITS), round(gap.true_range_mm[1], _LENGTH_DIGITS)),
            gap_ends_xy_px=None if gap is None else _ends(gap.ends_px),
            spacing_basis=SpacingBasis(evidence.spacing_basis),
            not_counted_ids=evidence.not_counted_ids,
        ),
    )


def _shares(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {grade: round(share, _SHARE_DIGITS) for grade, share in probabilities.items()}


def model_result(identity: ModelIdentity) -> ModelResult:
    """Describe the weights."""
    site = identity.site
    return ModelResult(
        name=identity.name,
        version=identity.version,
        sha256=identity.sha256,
        site=None if site is None else SiteResult(sha256=site.sha256, threshold=site.threshold),
    )


def study_result(
    study_uid: str,
    images: Sequence[ImageResult],
    findings: Sequence[FindingResult],
    severity: SeverityResult | None,
    model: ModelResult | None,
    warnings: Sequence[Message],
    context: StudyContext | None = None,
    possible: Sequence[FindingResult] = (),
    completeness: Completeness | None = None,
) -> StudyResult:
    """Put a study's result together; its status is the best of its films', its reason that of the first of them."""
    order = (Status.DONE, Status.REFUSED, Status.FAILED)
    status = min((Status(image.status) for image in images), key=order.index, default=Status.FAILED)
    reason: MessageResult | None = None
    if status is not Status.DONE:
        none_found = message_result(Message("image_not_found"))
        reason = next((image.reason for image in images if image.status == status), none_found)
    return StudyResult(
        study_uid=study_uid,
        status=status,
        reason=reason,
        images=tuple(images),
        findings=tuple(findings),
        possible_findings=tuple(possible),
        severity=severity if status is Status.DONE else None,
        context=None if context is None else _context(context),
        completeness=None if completeness is None else _completeness(completeness),
        model=model,
        software=_software(),
        warnings=tuple(message_result(warning) for warning in dict.fromkeys(warnings)),
    )


def _context(context: StudyContext) -> ContextResult:
    return ContextResult(
        cause=None if context.cause is None else context.cause.value,
        days_since_event=context.days_since_event,
        prophylaxis=context.prophylaxis.value,
        source=context.source,
        wording=context.wording,
    )


def _completeness(completeness: Completeness) -> CompletenessResult:
    return CompletenessResult(
        complete=completeness.complete,
        received=completeness.received,
        expected=completeness.expected,
        reasons=tuple(message_result(reason) for reason in completeness.reasons),
    )


def _software() -> SoftwareResult:
    from ho_imaging._version import __version__  # noqa: PLC0415  (the package imports this module late)

    return SoftwareResult(name="ho_imaging", version=__version__)
