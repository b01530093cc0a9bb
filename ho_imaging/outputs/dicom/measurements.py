"""The structured report: TID 1500 with a planar region a nodule and a group a side (PS3.16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    CoordinatesForMeasurement,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TrackingIdentifier,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as standard

from ho_imaging.outputs.dicom import codes
from ho_imaging.outputs.dicom.basis import basis_code
from ho_imaging.outputs.dicom.identity import Maker, as_reference, series_words, take_over
from ho_imaging.outputs.dicom.masks import one_outline, to_image_coordinates, within
from ho_imaging.outputs.dicom.root_result import refer_to_others
from ho_imaging.outputs.dicom.segmentation import tracking
from ho_imaging.reading.own import MANUFACTURER, MODEL_NAME
from ho_imaging.results.counting import counted_findings
from ho_imaging.results.schema import FindingResult, ImageResult, SideResult, StudyResult
from ho_imaging.vocabulary import Region, Side

__all__ = ["structured_report"]

SERIES_NUMBER = 8802
_LONGEST_DESCRIPTION = 64
"""Characters of a long string (PS3.5 6.2, LO)."""
MOST_POINTS = 2000
"""Points of a nodule's outline that a report carries; more are thinned evenly."""


def structured_report(
    result: StudyResult, sources: Mapping[str, Dataset], maker: Maker, others: Sequence[Dataset] = ()
) -> ComprehensiveSR:
    """Write what was measured and graded as a report; every statement names the film it rests on.

    ``others``: the other objects made of the result, which the report refers to.

    Its completeness is PARTIAL and it is not verified: no reader has seen it. With an observer it states the reader's
    reading, is COMPLETE unless the study is known not to be, and is not verified either: who may sign it is for the
    hospital to say.
    """
    observer = maker.observer
    images = {image.sop_instance_uid: image for image in result.images}
    algorithm = _algorithm(result, maker)
    groups: list[PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations] = [
        _nodule(finding, images[finding.sop_instance_uid], sources[finding.sop_instance_uid], algorithm, maker)
        for finding in result.findings
        if finding.sop_instance_uid in sources and finding.contours_xy_px
    ]
    if result.severity is not None:
        counted = counted_findings(result)
        groups += [_side(side, counted, images, sources, algorithm, maker) for side in result.severity.sides]
    evidence = [as_reference(source) for source in sources.values()]
    first = evidence[0]
    report = MeasurementReport(
        observation_context=_context(maker),
        procedure_reported=codes.PLAIN_RADIOGRAPHY,
        imaging_measurements=groups or None,
        title=standard.DCM.ImagingMeasurementReport,
        referenced_images=_describable(evidence) or None,
    )
    made = ComprehensiveSR(
        evidence=[*evidence, *others],
        content=report,
        series_instance_uid=maker.uid("series", "sr", str(first.StudyInstanceUID)),
        series_number=SERIES_NUMBER,
        sop_instance_uid=maker.uid("sr", *sorted(sources)),
        instance_number=1,
        **maker.equipment(),
        is_complete=observer is not None,
        is_final=False,
        is_verified=False,
        series_description=series_words("report", maker),
        coding_schemes=[codes.CODING_SCHEME],
    )
    refer_to_others(made, others)
    missing = None if result.completeness is None else "; ".join(map(str, result.completeness.reasons))
    if missing:
        made.CompletionFlag = "PARTIAL"
        made.CompletionFlagDescription = f"Incomplete study: {missing}"[:_LONGEST_DESCRIPTION]
    take_over(made, next(iter(sources.values())), maker)
    return made


def _algorithm(result: StudyResult, maker: Maker) -> AlgorithmIdentification:
    said = (f"weights sha256 {maker.model.sha256}", maker.model.site_words(), result.research_use)
    return AlgorithmIdentification(
        name=f"ho_imaging {maker.model.name}", version=maker.model.version, parameters=[text for text in said if text]
    )


def _context(maker: Maker) -> ObservationContext:
    """Name the program as the device that observed, and the reader as the person where there is one."""
    observer = maker.observer
    return ObservationContext(
        observer_person_context=None
        if observer is None
        else ObserverContext(
            observer_type=standard.DCM.Person,
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(name=observer.name),
        ),
        observer_device_context=ObserverContext(
            observer_type=standard.DCM.Device,
            observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
                uid=maker.uid("device"),
                name=f"{maker.model.name} {maker.model.version}",
                manufacturer_name=MANUFACTURER,
                model_name=MODEL_NAME,
                serial_number=maker.model.sha256[:16],
            ),
        ),
    )


def _describable(sources: Sequence[Dataset]) -> list[Dataset]:
    """Those that the image library can describe (TID 1603): the library may be left out, its entries' parts may not."""
    return [s for s in sources if len(s.get("PatientOrientation") or ()) == 2 and s.get("ImagerPixelSpacing")]


def _nodule(
    finding: FindingResult,
    image: ImageResult,
    source: Dataset,
    algorithm: AlgorithmIdentification,
    maker: Maker,
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    points = within(to_image_coordinates(one_outline(finding.contours_xy_px, MOST_POINTS)), source)
    identifier, uid = tracking(maker, finding)
    observer = maker.observer
    drawn = observer is not None and (finding.id in observer.drawn or finding.id in observer.reshaped)
    measures = [
        _measure(codes.AREA, finding.area_mm2, codes.MM2, finding.area_px),
        _measure(codes.LONG_AXIS, finding.long_axis_mm, codes.MM, finding.long_axis_px),
        _measure(codes.SHORT_AXIS, finding.short_axis_mm, codes.MM, finding.short_axis_px),
    ]
    if not drawn:
        measures.append(
            Measurement(name=codes.CERTAINTY, value=round(100.0 * finding.confidence, 1), unit=codes.PERCENT)
        )
    if finding.density_ratio is not None:
        measures.append(Measurement(name=codes.DENSITY_RATIO, value=finding.density_ratio, unit=codes.RATIO))
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=uid, identifier=identifier),
        referenced_region=ImageRegion(
            graphic_type="POLYLINE",
            graphic_data=points,
            source_image=SourceImageForRegion.from_source_image(source),
        ),
        finding_type=codes.HETEROTOPIC_OSSIFICATION,
        finding_category=codes.MORPHOLOGICALLY_ABNORMAL,
        method=basis_code(image),
        finding_sites=_site(Region(image.region), Side(finding.side)),
        algorithm_id=None if drawn else algorithm,
        measurements=measures,
    )


def _side(
    side: SideResult,
    counted: Sequence[FindingResult],
    images: Mapping[str, ImageResult],
    sources: Mapping[str, Dataset],
    algorithm: AlgorithmIdentification,
    maker: Maker,
) -> MeasurementsAndQualitativeEvaluations:
    rests_on = side.evidence.sop_instance_uid or ""
    image, source = images.get(rests_on), sources.get(rests_on)
    here = [finding for finding in counted if finding.side == side.side]
    # A viewer that draws what a report measures (OHIF) fails on a group that lies nowhere on its film.
    where = None if source is None or image is None else _inferred_from(_edge_of_side(side, image, source), source)
    word, graded_as = Side(side.side).value.capitalize(), _grade_words(side)
    count = codes.named(codes.COUNT, f"{word}, {graded_as}, research. {codes.COUNT.meaning}")
    measures = [Measurement(name=count, value=len(here), unit=codes.NODULES, referenced_coordinates=where)]
    if side.score is not None:
        burden = codes.named(codes.BURDEN, f"{word}: {_lower(codes.BURDEN)}")
        measures.append(Measurement(name=burden, value=side.score, unit=codes.SCORE_POINTS))
    if side.evidence.gap_mm is not None:
        ends = side.evidence.gap_ends_xy_px
        line = None if source is None or ends is None else _inferred_from(np.asarray(ends, dtype=np.float64), source)
        gap_mm = side.evidence.gap_mm
        gap = codes.named(codes.GAP, f"{word}: least gap of opposing bones outside the joint")
        measures.append(Measurement(name=gap, value=gap_mm, unit=codes.MM, referenced_coordinates=line))
    graded = [system for system in side.systems if system.grade is not None]
    leading = next((system for system in graded if system.system == side.system), None)
    if leading is not None and leading.grade in leading.probabilities:
        chance = round(100.0 * leading.probabilities[leading.grade], 1)
        probability = codes.named(codes.GRADE_PROBABILITY, f"{word}: probability of {graded_as}")
        measures.append(Measurement(name=probability, value=chance, unit=codes.PERCENT))
    words = [
        QualitativeEvaluation(
            name=codes.system_code(system.system, system.title),
            value=codes.grade_code(system.system, system.title, system.grade or ""),
        )
        for system in graded
    ]
    if leading is None:
        title = next((system.title for system in side.systems if system.system == side.system), side.system)
        words.append(QualitativeEvaluation(name=codes.system_code(side.system, title), value=codes.NOT_GRADED))
    if side.category in codes.SEVERITY_WORDS:
        words.append(QualitativeEvaluation(name=codes.SEVERITY, value=codes.SEVERITY_WORDS[side.category]))
    words.append(QualitativeEvaluation(name=codes.STATEMENT, value=codes.message_code(side.evidence.statement)))
    region = Region.UNKNOWN if image is None else Region(image.region)
    name = f"{Side(side.side).value} side"
    return MeasurementsAndQualitativeEvaluations(
        source_images=None if source is None else [SourceImageForMeasurementGroup.from_source_image(source)],
        tracking_identifier=TrackingIdentifier(uid=maker.uid("side", name, *sorted(sources)), identifier=name),
        finding_type=codes.HETEROTOPIC_OSSIFICATION,
        method=None if image is None else basis_code(image),
        finding_sites=_site(region, Side(side.side)),
        algorithm_id=None if maker.observer is not None and side.side in maker.observer.regraded else algorithm,
        measurements=measures,
        qualitative_evaluations=words,
    )


def _grade_words(side: SideResult) -> str:
    """Return the grade as viewers show it that list numbers alone (OHIF), in at most 30 characters."""
    title = next((system.title for system in side.systems if system.system == side.system), side.system)
    return f"{title[:20].strip()} {side.grade}"[:30] if side.grade is not None else "not graded"


def _lower(code: CodedConcept) -> str:
    words = str(code.meaning)
    return words[0].lower() + words[1:]


def _edge_of_side(side: SideResult, image: ImageResult, source: Dataset) -> NDArray[np.float64]:
    """Return a line (2, 2) in (x, y) down the left edge of a side's part of the film, from its top to a quarter of it.

    Viewers write to the right of what was measured, so the words stand over the side that they are of.
    """
    columns, rows = float(source.Columns), float(source.Rows)
    left = 0.0
    if len(image.sides) == 2 and side.side == image.sides[1]:
        left = 0.5 * columns if image.sides_meet_x_px is None else image.sides_meet_x_px
    x = min(left + 0.01 * columns, columns - 1.0)
    return np.array([[x, 0.02 * rows], [x, 0.25 * rows]])


def _inferred_from(points_xy_px: NDArray[np.float64], source: Dataset) -> list[CoordinatesForMeasurement]:
    return [
        CoordinatesForMeasurement(
            graphic_type="POLYLINE",
            graphic_data=within(to_image_coordinates(points_xy_px), source),
            source_image=SourceImageForRegion.from_source_image(source),
        )
    ]


def _measure(name: CodedConcept, value_mm: float | None, unit: CodedConcept, value_px: float) -> Measurement:
    """Return a measure in millimetres where there are any, else in pixels."""
    if value_mm is not None:
        return Measurement(name=name, value=value_mm, unit=unit)
    return Measurement(name=name, value=value_px, unit=codes.PIXELS)


def _site(region: Region, side: Side) -> Sequence[FindingSite] | None:
    if region not in codes.SITES:
        return None
    return [FindingSite(anatomic_location=codes.SITES[region], laterality=codes.SIDES.get(side))]
