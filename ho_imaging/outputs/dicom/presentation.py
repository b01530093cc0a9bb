"""Presentation state: outlines, measures and grade over the original in any viewer (PS3.3 A.33.1)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from highdicom.color import CIELabColor
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from skimage.measure import approximate_polygon

from ho_imaging.outputs.dicom.basis import basis_words, state_presentation_spacing
from ho_imaging.outputs.dicom.greys import state_greys
from ho_imaging.outputs.dicom.identity import Maker, as_single_frame, restore_class, series_words, take_over
from ho_imaging.outputs.dicom.masks import to_image_coordinates, within
from ho_imaging.reading.decode import photometric_of
from ho_imaging.reading.values import stated_whole
from ho_imaging.results.schema import FindingResult, ImageResult, SideResult
from ho_imaging.vocabulary import Side

__all__ = ["presentation_state"]

logger = logging.getLogger(__name__)

SERIES_NUMBER = 8803
_OUTLINE_LAYER, _GRADE_LAYER = "HO_OUTLINES", "HO_GRADE"
_ORANGE_LAB, _BLUE_LAB = (78.0, 24.0, 76.0), (76.0, -12.0, -30.0)
_OUTLINE_TOLERANCE_PX = 0.3
_SIDE_WORDS = {Side.RIGHT: "Right", Side.LEFT: "Left", Side.UNKNOWN: "Side not known"}


def presentation_state(
    source: Dataset,
    image: ImageResult,
    findings: Sequence[FindingResult],
    sides: Sequence[SideResult],
    maker: Maker,
) -> GrayscaleSoftcopyPresentationState | None:
    """Annotate a film with its nodules' outlines and long axes, the gap and the grade.

    Shown as the film was read. ``None`` for a colour film, which a grayscale presentation cannot carry.
    """
    if stated_whole(source, "SamplesPerPixel", 1) > 1 or photometric_of(source) == "PALETTE COLOR":
        logger.info("no presentation state: %s is in colour", source.SOPInstanceUID)
        return None
    film = as_single_frame(source)
    outlines = GraphicLayer(
        layer_name=_OUTLINE_LAYER,
        order=1,
        description="Nodules and their measures",
        display_color=CIELabColor(*_ORANGE_LAB),
    )
    grades = GraphicLayer(
        layer_name=_GRADE_LAYER, order=2, description="Grade and gap", display_color=CIELabColor(*_BLUE_LAB)
    )
    annotations = [
        GraphicAnnotation(
            referenced_images=[film],
            graphic_layer=grades,
            graphic_objects=_gaps(sides, source) or None,
            text_objects=_summary(sides, image),
        )
    ]
    if findings:
        annotations.append(
            GraphicAnnotation(
                referenced_images=[film],
                graphic_layer=outlines,
                graphic_objects=[line for finding in findings for line in _outline(finding, source)],
                text_objects=[_label(finding, source) for finding in findings],
            )
        )
    made = GrayscaleSoftcopyPresentationState(
        referenced_images=[film],
        series_instance_uid=maker.uid("series", "pr", str(source.StudyInstanceUID)),
        series_number=SERIES_NUMBER,
        sop_instance_uid=maker.uid("pr", str(source.SOPInstanceUID)),
        instance_number=1,
        content_label="HO_FINDINGS",
        content_description="Suspected HO, measures and grade. Research use only",
        content_creator_name="ho_imaging^",
        graphic_annotations=annotations,
        graphic_layers=[outlines, grades],
        series_description=series_words("annotations", maker),
        **maker.equipment(),
    )
    restore_class(made, source)
    state_greys(made, source, image)
    state_presentation_spacing(made, image, source)
    made.Laterality = source.get("Laterality") or ""
    made.PresentationCreationDate = maker.created.strftime("%Y%m%d")
    made.PresentationCreationTime = maker.created.strftime("%H%M%S")
    take_over(made, source, maker)
    return made


def _outline(finding: FindingResult, source: Dataset) -> list[GraphicObject]:
    lines = []
    for contour in finding.contours_xy_px:
        points = approximate_polygon(np.asarray([*contour, contour[0]], dtype=np.float64), _OUTLINE_TOLERANCE_PX)
        # A contour near the tolerance's own size is drawn as it is.
        if len(points) < 4:
            points = np.asarray([*contour, contour[0]], dtype=np.float64)
        lines.append(_line(points, source, filled=False))
    lines.append(_line(np.asarray(finding.long_axis_ends_xy_px, dtype=np.float64), source))
    return lines


def _gaps(sides: Sequence[SideResult], source: Dataset) -> list[GraphicObject]:
    return [
        _line(np.asarray(side.evidence.gap_ends_xy_px, dtype=np.float64), source)
        for side in sides
        if side.evidence.gap_ends_xy_px is not None
    ]


def _line(points: NDArray[np.float64], source: Dataset, *, filled: bool = False) -> GraphicObject:
    return GraphicObject(
        graphic_type=GraphicTypeValues.POLYLINE,
        graphic_data=within(to_image_coordinates(points), source),
        units=AnnotationUnitsValues.PIXEL,
        is_filled=filled,
    )


def _label(finding: FindingResult, source: Dataset) -> TextObject:
    points = np.concatenate([np.asarray(contour, dtype=np.float64) for contour in finding.contours_xy_px])
    corner = np.array([[points[:, 0].max(), points[:, 1].min()]])
    size = f" {finding.long_axis_mm:.0f} mm" if finding.long_axis_mm is not None else ""
    anchor = within(to_image_coordinates(corner), source)[0]
    return TextObject(
        text_value=f"{finding.id}{size}",
        units=AnnotationUnitsValues.PIXEL,
        anchor_point=(float(anchor[0]), float(anchor[1])),
    )


def _summary(sides: Sequence[SideResult], image: ImageResult) -> list[TextObject]:
    """Grade of each side and the banner, one below the other at the film's top."""
    lines = []
    for side in sides:
        word = "not graded" if side.grade is None else f"{side.system.replace('_', ' ')} {side.grade}"
        if side.grade is not None and side.alternatives:
            word += f" (or {' or '.join(side.alternatives)})"
        score = "" if side.score is None else f", burden {side.score:.1f} of 100"
        lines.append(f"{_SIDE_WORDS[Side(side.side)]}: {word}{score}")
    lines += [f"Sizes: {basis_words(image)}", "Research use only"]
    return [
        TextObject(
            text_value=text,
            units=AnnotationUnitsValues.DISPLAY,
            bounding_box=(0.02, 0.02 + 0.03 * number, 0.6, 0.045 + 0.03 * number),
        )
        for number, text in enumerate(lines)
    ]
