"""A picture of a film with what was found: outlines, measures, the gap, the grade and why."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ho_imaging.errors import UsageError
from ho_imaging.outputs.film_picture import FilmView, film_picture
from ho_imaging.outputs.label_places import Box, Named, place_labels
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.results.schema import (
    RESEARCH_USE,
    EvidenceResult,
    FindingResult,
    IdentifiersResult,
    ImageResult,
    SideResult,
    StudyResult,
)
from ho_imaging.vocabulary import Side, SpacingBasis, Structure

__all__ = ["draw_overlay"]

_OUTLINE = (255, 176, 0)
_GAP = (100, 200, 255)
_AXIS = (255, 255, 255)
_TEXT = (240, 240, 240)
_QUIET = (170, 170, 170)
_PANEL = (16, 16, 20)
"""Orange, sky blue and white keep apart for every common kind of colour vision (after Okabe and Ito)."""

_MARGIN = 14
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_SIDE_NAMES = {Side.RIGHT: "Right", Side.LEFT: "Left", Side.UNKNOWN: "Side not known"}


def draw_overlay(
    radiograph: Radiograph, result: StudyResult, *, outlines: bool = True, named: bool = True
) -> NDArray[np.uint8]:
    """Draw a film with what a study's result says of it.

    The film stands at the left at a bounded size, bone bright, in the window its maker chose, square in mm; a panel
    at the right lists grade, score and evidence of each side and the nodules.

    Parameters
    ----------
    radiograph
        The film.
    result
        Of the film's study.
    outlines
        Draw nodules, gaps and their labels.
    named
        Write the file's name, and the order and the patient where the result says them.

    Returns
    -------
    ndarray
        (rows, columns, 3) uint8 RGB.

    Raises
    ------
    UsageError
        If the result does not name the film.

    """
    uid = radiograph.sop_instance_uid
    image = next((i for i in result.images if i.sop_instance_uid == uid and i.frame == radiograph.frame), None)
    if image is None:
        raise UsageError(f"the result says nothing of film {uid}", remedy="give the result of this film's study")
    findings = tuple(finding for finding in result.findings if finding.sop_instance_uid == uid)
    sides = () if result.severity is None else result.severity.sides
    picture, view = film_picture(radiograph, image)
    canvas = Image.fromarray(picture).convert("RGB")
    size = max(13, round(canvas.height / 62))
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(canvas)
    line = max(2, round(canvas.height / 700))
    blocked = [*_draw_scale_bar(draw, image, view, font, canvas.size), *_draw_sides(draw, image, font, canvas.size)]
    if outlines:
        for finding in findings:
            for contour in finding.contours_xy_px:
                points = [view.xy(point) for point in contour]
                draw.line([*points, points[0]], fill=_OUTLINE, width=line, joint="curve")
            axis = [view.xy(point) for point in finding.long_axis_ends_xy_px]
            _dashes(draw, axis[0], axis[1], _AXIS, max(1, line // 2))
        for side in sides:
            evidence = side.evidence
            if evidence.gap_ends_xy_px is not None and evidence.sop_instance_uid == uid:
                _draw_gap(draw, view, evidence.gap_ends_xy_px, line)
        gaps = [side.evidence for side in sides if side.evidence.sop_instance_uid == uid]
        _draw_labels(draw, _labels(draw, view, findings, gaps, font), font, canvas.size, blocked)
    whose = _whose(image, result) if named else []
    return np.asarray(_with_panel(canvas, image, findings, sides, size, whose), dtype=np.uint8)


def _dashes(
    draw: ImageDraw.ImageDraw,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: tuple[int, int, int],
    width: int,
) -> None:
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    count = max(1, int(length / 9.0))
    for k in range(0, count, 2):
        a, b = k / count, min(1.0, (k + 1) / count)
        draw.line(
            [
                (start[0] + a * (end[0] - start[0]), start[1] + a * (end[1] - start[1])),
                (start[0] + b * (end[0] - start[0]), start[1] + b * (end[1] - start[1])),
            ],
            fill=colour,
            width=width,
        )


def _draw_gap(
    draw: ImageDraw.ImageDraw, view: FilmView, ends: tuple[tuple[float, float], tuple[float, float]], line: int
) -> None:
    a, b = view.xy(ends[0]), view.xy(ends[1])
    draw.line([a, b], fill=_GAP, width=line)
    for x, y in (a, b):
        draw.ellipse([x - 2 * line, y - 2 * line, x + 2 * line, y + 2 * line], outline=_GAP, width=line)


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    font: _Font,
    colour: tuple[int, int, int],
) -> None:
    draw.text(at, text, font=font, fill=colour, stroke_width=2, stroke_fill=(0, 0, 0))


@dataclass(frozen=True)
class _Label:
    """A label in two parts that cannot be read as one number: a name on a plate, and a length beside it."""

    name: str
    length: str
    named: Named
    colour: tuple[int, int, int]


def _labels(
    draw: ImageDraw.ImageDraw,
    view: FilmView,
    findings: Sequence[FindingResult],
    gaps: Sequence[EvidenceResult],
    font: _Font,
) -> list[_Label]:
    """Return the labels of nodules and gaps."""
    labels = []
    for finding in findings:
        rings = [[view.xy(point) for point in contour] for contour in finding.contours_xy_px]
        if rings:
            length = "" if finding.long_axis_mm is None else f"{finding.long_axis_mm:.0f} mm"
            labels.append(_label(draw, finding.id, length, rings, _OUTLINE, font))
    for evidence in gaps:
        if evidence.gap_ends_xy_px is not None:
            length = "" if evidence.gap_mm is None else f"{evidence.gap_mm:.1f} mm"
            ends = [view.xy(end) for end in evidence.gap_ends_xy_px]
            labels.append(_label(draw, "gap", length, [ends], _GAP, font))
    return labels


def _label(
    draw: ImageDraw.ImageDraw,
    name: str,
    length: str,
    rings: list[list[tuple[float, float]]],
    colour: tuple[int, int, int],
    font: _Font,
) -> _Label:
    size = _size(font)
    width = draw.textlength(name, font=font) + 0.5 * size
    width += 0.5 * size + draw.textlength(length, font=font) if length else 0.0
    return _Label(name, length, Named(rings, width, 1.35 * size), colour)


def _draw_labels(
    draw: ImageDraw.ImageDraw, labels: Sequence[_Label], font: _Font, size: tuple[int, int], blocked: Sequence[Box]
) -> None:
    """Draw each label near its nodule or gap, with a line to it."""
    px = _size(font)
    boxes = place_labels([label.named for label in labels], size, gap=0.5 * px, blocked=blocked)
    for label, box in zip(labels, boxes, strict=True):
        points = np.array([point for ring in label.named.rings for point in ring])
        middle = (0.5 * (box.left + box.right), 0.5 * (box.top + box.bottom))
        x, y = points[int(np.argmin(np.hypot(points[:, 0] - middle[0], points[:, 1] - middle[1])))]
        draw.line([box.nearest_to(float(x), float(y)), (float(x), float(y))], fill=label.colour, width=1)
        plate = box.left + draw.textlength(label.name, font=font) + 0.5 * px
        # On black and without a stroke: a stroke hides the point of 4.5.
        draw.rounded_rectangle([box.left, box.top, box.right, box.bottom], radius=0.25 * px, fill=(0, 0, 0))
        draw.rounded_rectangle([box.left, box.top, plate, box.bottom], radius=0.25 * px, fill=label.colour)
        draw.text((box.left + 0.25 * px, middle[1]), label.name, font=font, fill=(0, 0, 0), anchor="lm")
        draw.text((plate + 0.25 * px, middle[1]), label.length, font=font, fill=label.colour, anchor="lm")


def _size(font: _Font) -> float:
    return float(getattr(font, "size", 14))


def _draw_scale_bar(
    draw: ImageDraw.ImageDraw,
    image: ImageResult,
    view: FilmView,
    font: _Font,
    size: tuple[int, int],
) -> list[Box]:
    """Draw a bar of 50 mm where there are millimetres; return what it covers."""
    if image.measured_spacing_mm is None:
        return []
    per_mm = view.column_scale / image.measured_spacing_mm[1]
    length = 50.0 * per_mm
    x, y = _MARGIN, size[1] - _MARGIN
    draw.line([(x, y), (x + length, y)], fill=_TEXT, width=3)
    for k in range(6):
        draw.line([(x + k * 10 * per_mm, y - 6), (x + k * 10 * per_mm, y)], fill=_TEXT, width=2)
    height = 1.6 * getattr(font, "size", 14)
    text = f"50 mm ({SpacingBasis(image.measured_basis).value})"
    _text(draw, (x, y - 6 - height), text, font, _TEXT)
    return [Box(x, y - 6 - height, x + max(length, draw.textlength(text, font=font)), y + 2)]


def _draw_sides(draw: ImageDraw.ImageDraw, image: ImageResult, font: _Font, size: tuple[int, int]) -> list[Box]:
    """Name the sides in the upper corners; return what the names cover."""
    sides = [Side(side) for side in image.sides]
    if {Side.LEFT, Side.RIGHT} <= set(sides):
        names = [(_MARGIN, sides[0].value[0].upper()), (size[0] - 2.5 * _MARGIN, sides[1].value[0].upper())]
    else:
        names = [(_MARGIN, _SIDE_NAMES[side]) for side in sides[:1]]
    covered = []
    for left, name in names:
        _text(draw, (left, _MARGIN), name, font, _TEXT)
        covered.append(Box(left, _MARGIN, left + draw.textlength(name, font=font), _MARGIN + 1.35 * _size(font)))
    return covered


def _whose(image: ImageResult, result: StudyResult) -> list[str]:
    """Return the file's name, the order and the patient, as far as the result says them."""
    said = result.identifiers or IdentifiersResult()
    patient = [said.patient_name, said.patient_id, said.patient_birth_date, said.patient_sex]
    lines = [
        "" if image.path is None else PurePath(image.path.replace("\\", "/")).name,
        "" if said.accession_number is None else f"accession {said.accession_number}",
        ", ".join(part for part in patient if part),
        "" if said.study_date is None else f"study of {said.study_date}",
    ]
    return [line for line in lines if line]


def _with_panel(
    film: Image.Image,
    image: ImageResult,
    findings: tuple[FindingResult, ...],
    sides: tuple[SideResult, ...],
    size: int,
    whose: Sequence[str],
) -> Image.Image:
    heading, body, small = (
        ImageFont.load_default(round(1.5 * size)),
        ImageFont.load_default(size),
        ImageFont.load_default(round(0.85 * size)),
    )
    width = max(420, round(26 * size))
    lines: list[tuple[str, _Font, tuple[int, int, int]]] = []
    per_line = max(20, int(width / (0.52 * size)))
    named = [line for text in whose for line in textwrap.wrap(text, per_line + 6)]
    lines += [(text, small, _TEXT) for text in (*named, *([""] if named else []))]
    for side in sides:
        lines += _side_lines(side, heading, body, small, per_line)
    if findings:
        lines.append(("Nodules on this film", body, _OUTLINE))
    for finding in findings:
        lines.append((_finding_line(finding), small, _TEXT))
    basis = SpacingBasis(image.measured_basis)
    if basis is not SpacingBasis.CALIBRATED:
        lines.append(("", small, _TEXT))
        note = "no mm: no spacing" if image.measured_spacing_mm is None else f"mm: {basis.value} spacing"
        lines.append((note, small, _QUIET))
    footer = textwrap.wrap(RESEARCH_USE, per_line + 8)
    panel_height = sum(round(1.35 * getattr(font, "size", size)) for _, font, _ in lines)
    height = max(film.height, panel_height + (len(footer) + 3) * round(1.4 * size))
    canvas = Image.new("RGB", (film.width + width, height), _PANEL)
    canvas.paste(film, (0, 0))
    draw = ImageDraw.Draw(canvas)
    y = float(_MARGIN)
    for text, font, colour in lines:
        draw.text((film.width + _MARGIN, y), text, font=font, fill=colour)
        y += round(1.35 * getattr(font, "size", size))
    y = height - _MARGIN - len(footer) * 1.2 * size
    for text in footer:
        draw.text((film.width + _MARGIN, y), text, font=small, fill=_OUTLINE)
        y += 1.2 * size
    return canvas


def _side_lines(
    side: SideResult,
    heading: _Font,
    body: _Font,
    small: _Font,
    per_line: int,
) -> list[tuple[str, _Font, tuple[int, int, int]]]:
    grade = "not graded" if side.grade is None else f"{side.system.capitalize()} {side.grade}"
    if side.alternatives and side.grade is not None:
        grade += f" (or {' or '.join(side.alternatives)})"
    lines: list[tuple[str, _Font, tuple[int, int, int]]] = [
        (f"{_SIDE_NAMES[Side(side.side)]}: {grade}", heading, _TEXT)
    ]
    if side.score is not None:
        word = "" if side.category is None else f", {side.category}"
        lines.append((f"burden {side.score:.1f} of 100{word}", body, _TEXT))
    lines += [(text, small, _QUIET) for text in textwrap.wrap(str(side.evidence.statement), per_line + 6)]
    lines.append(("", body, _TEXT))
    return lines


def _finding_line(finding: FindingResult) -> str:
    if finding.long_axis_mm is not None and finding.short_axis_mm is not None and finding.area_mm2 is not None:
        size = f"{finding.long_axis_mm:.1f} x {finding.short_axis_mm:.1f} mm, {finding.area_mm2:.0f} sq mm"
    else:
        size = f"{finding.long_axis_px:.0f} x {finding.short_axis_px:.0f} px"
    joined = f", on {' and '.join(Structure(bone).value for bone in finding.joined_to)}" if finding.joined_to else ""
    return f"{finding.id}: {size}, {finding.confidence:.0%}{joined}"
