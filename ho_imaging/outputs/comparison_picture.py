"""Figures of a comparison: the two images side by side in one frame, and the area over time."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ho_imaging.errors import WriteError
from ho_imaging.extras import missing_extra
from ho_imaging.files.atomic import write_text, writing
from ho_imaging.files.output_names import COMPARISON, PICTURE_SUFFIX, TREND
from ho_imaging.files.png import write_png
from ho_imaging.progression.change import NoduleCourse
from ho_imaging.progression.studies import Comparison, SideComparison
from ho_imaging.results.schema import RESEARCH_USE
from ho_imaging.severity.film import SideView
from ho_imaging.vocabulary import Side, Structure

__all__ = ["ChangeLabel", "SidePicture", "draw_side", "side_picture", "write_comparison"]

logger = logging.getLogger(__name__)

_PICTURE_MM_PX = 3.0
_REACH_RADII = 5.0
_EARLIER, _LATER, _TEXT = (100, 200, 255), (255, 176, 0), (240, 240, 240)
"""Sky blue and orange can be told apart with every common type of colour vision (after Okabe and Ito)."""

_BAR_PX = 64
_LINE_PX, _LETTER_PX = 26, 10.5
"""Height of a line under the picture, and width of a letter in it, in pixels."""
_BETWEEN_PX = 6
_DASH_PX = 9.0
_NAMES = {Side.RIGHT: "Right", Side.LEFT: "Left", Side.UNKNOWN: "Side not known"}


def write_comparison(comparison: Comparison, out_dir: Path) -> None:
    """Write ``comparison.json``, a picture per side and, if matplotlib is installed, the trend.

    Pictures of an earlier comparison in the same folder are removed.

    Parameters
    ----------
    comparison
        The comparison.
    out_dir
        Folder to write to; created if missing.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    result, trend = out_dir / COMPARISON, out_dir / TREND
    pictures = {side: out_dir / f"{side.value}{PICTURE_SUFFIX}" for side in Side}
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        # Without a comparison in the folder, files of these names are not ours.
        for path in (*pictures.values(), trend) if result.exists() else ():
            path.unlink(missing_ok=True)
        write_text(result, comparison.result.to_json())
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(
            f"cannot be written: {error.strerror}", path=out_dir, remedy="check space and rights"
        ) from error
    for side, compared in comparison.sides.items():
        write_png(pictures[side], draw_side(compared, side))
    _write_trend(comparison, trend)


@dataclass(frozen=True)
class ChangeLabel:
    """Position of the label of a nodule's course on a picture; ``change_mm2`` is ``None`` if unknown."""

    course: NoduleCourse
    change_mm2: float | None
    x: float
    y: float


@dataclass(frozen=True, eq=False)
class SidePicture:
    """Both images about the joint with outlines, without text.

    ``pixels``: (``panel_px``, 2 * ``panel_px`` + a gap, 3) uint8 RGB; the later image starts at column ``later_x``.
    """

    pixels: NDArray[np.uint8]
    panel_px: int
    later_x: int
    labels: tuple[ChangeLabel, ...]


def side_picture(compared: SideComparison) -> SidePicture:
    """Draw both images about the joint, the later one in the frame of the earlier one.

    Outlines of the earlier image are dashed, those of the later one solid.

    Parameters
    ----------
    compared
        The side on the two images.

    Returns
    -------
    SidePicture
        Picture and positions of labels.

    """
    joint = compared.earlier.joint
    if joint is None:  # pragma: no cover  (registration takes a joint)
        raise AssertionError
    grid = compared.earlier.film.prepared.grid
    mm = compared.earlier.film.anatomy.scale.measured_mm or 1.0
    center = grid.points_to_prepared(np.array([joint.center_px]))[0] * mm
    reach = _REACH_RADII * joint.radius_px / grid.column_scale * mm
    corner = center - reach
    size = int(2.0 * reach * _PICTURE_MM_PX)
    later_x = size + _BETWEEN_PX
    canvas = Image.new("RGB", (later_x + size, size), (16, 16, 20))
    canvas.paste(_panel(compared.earlier, corner, size, None), (0, 0))
    canvas.paste(_panel(compared.later, corner, size, compared), (later_x, 0))
    labels = tuple(_change_labels(compared, corner, later_x))
    return SidePicture(np.asarray(canvas, dtype=np.uint8), size, later_x, labels)


def draw_side(compared: SideComparison, side: Side) -> NDArray[np.uint8]:
    """Draw both images about the joint with labels of the changes.

    Parameters
    ----------
    compared
        The side on the two images.
    side
        Side of the patient, for the title.

    Returns
    -------
    ndarray
        (rows, columns, 3) uint8 RGB.

    """
    drawn = side_picture(compared)
    size = drawn.panel_px
    font, small, course = ImageFont.load_default(20), ImageFont.load_default(15), ImageFont.load_default(17)
    width = drawn.pixels.shape[1]
    said = f"{_NAMES[side]}: {compared.verdict.value}. {compared.statement}"
    lines = textwrap.wrap(said, int((width - 24) / _LETTER_PX))
    canvas = Image.new("RGB", (width, size + _BAR_PX + (len(lines) - 1) * _LINE_PX), (16, 16, 20))
    canvas.paste(Image.fromarray(drawn.pixels), (0, 0))
    draw = ImageDraw.Draw(canvas)
    draw.text((12, 10), "earlier", font=font, fill=_EARLIER, stroke_width=2, stroke_fill=(0, 0, 0))
    draw.text((drawn.later_x + 12, 10), "later", font=font, fill=_LATER, stroke_width=2, stroke_fill=(0, 0, 0))
    for label in drawn.labels:
        text = label.course.value + ("" if label.change_mm2 is None else f" {label.change_mm2:+.0f} sq mm")
        draw.text((label.x, label.y), text, font=course, fill=_TEXT, stroke_width=2, stroke_fill=(0, 0, 0))
    for number, line in enumerate(lines):
        draw.text((12, size + 6 + number * _LINE_PX), line, font=font, fill=_TEXT)
    draw.text((12, size + 36 + (len(lines) - 1) * _LINE_PX), RESEARCH_USE, font=small, fill=_LATER)
    return np.asarray(canvas, dtype=np.uint8)


def _panel(view: SideView, corner: NDArray[np.float64], size: int, compared: SideComparison | None) -> Image.Image:
    """Draw one image in the picture's frame with the outlines of its nodules, on the later one the earlier ones too."""
    mm = view.film.anatomy.scale.measured_mm or 1.0
    motion = None if compared is None else compared.registration.motions[_proximal(view)]
    # From picture (x, y) to mm of the earlier image to this image's prepared (column, row).
    to_mm = np.array([[0.0, 1.0 / _PICTURE_MM_PX, corner[0]], [1.0 / _PICTURE_MM_PX, 0.0, corner[1]]])
    if motion is not None:
        back = motion.rotation.T / motion.scale
        to_mm = np.column_stack([back @ to_mm[:, :2], back @ (to_mm[:, 2] - motion.shift)])
    matrix = to_mm[::-1] / mm
    shown = cv2.warpAffine(
        view.film.prepared.pixels, matrix, (size, size), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    inside = view.film.prepared.pixels[view.film.prepared.valid]
    low, high = np.percentile(inside, [0.5, 99.8])
    tones = (np.clip((shown - low) / max(float(high - low), 1e-6), 0.0, 1.0) * 255).astype(np.uint8)
    picture = Image.fromarray(tones).convert("RGB")
    draw = ImageDraw.Draw(picture)
    if compared is None:
        _outline(draw, view, corner, None, _EARLIER)
    else:
        _outline(draw, compared.earlier, corner, None, _EARLIER)
        _outline(draw, view, corner, compared, _LATER)
    return picture


def _outline(
    draw: ImageDraw.ImageDraw,
    view: SideView,
    corner: NDArray[np.float64],
    compared: SideComparison | None,
    colour: tuple[int, int, int],
) -> None:
    mm = view.film.anatomy.scale.measured_mm or 1.0
    for finding in view.findings:
        for contour in finding.levels[1]:
            points = contour * mm
            if compared is not None:
                first = _proximal(view)
                bone = finding.joined_to[0] if finding.joined_to else first
                points = compared.registration.motions[bone].apply(points)
            places = [(float(c), float(r)) for r, c in (points - corner) * _PICTURE_MM_PX]
            if compared is not None:
                draw.line([*places, places[0]], fill=colour, width=2, joint="curve")
            else:
                _dashed(draw, [*places, places[0]], colour)


def _proximal(view: SideView) -> Structure:
    """Return the bone whose motion the whole picture follows."""
    return next(iter(view.film.anatomy.plan.opposing))


def _dashed(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: tuple[int, int, int]) -> None:
    """Draw a dashed line: in greyscale, dashes distinguish the earlier outlines from the later ones."""
    travelled = 0.0
    for start, end in pairwise(points):
        if travelled % (2.0 * _DASH_PX) < _DASH_PX:
            draw.line([start, end], fill=colour, width=2)
        travelled += float(np.hypot(end[0] - start[0], end[1] - start[1]))


def _change_labels(compared: SideComparison, corner: NDArray[np.float64], later_x: int) -> Iterator[ChangeLabel]:
    for change in compared.change.nodules:
        view, ids = (compared.later, change.later_ids) if change.later_ids else (compared.earlier, change.earlier_ids)
        finding = next((f for f in (*view.findings, *view.possible) if f.id == ids[0]), None)
        if finding is None:
            continue
        points = np.concatenate(finding.levels[1]) * (view.film.anatomy.scale.measured_mm or 1.0)
        if change.later_ids:
            points = compared.registration.motions[_proximal(view)].apply(points)
        row, column = ((points - corner) * _PICTURE_MM_PX).max(axis=0)
        told = change.course not in {NoduleCourse.OUTSIDE, NoduleCourse.UNCERTAIN}
        difference = change.later_mm2 - change.earlier_mm2 if told else None
        yield ChangeLabel(change.course, difference, later_x + float(column) + 6, float(row) - 12)


def _write_trend(comparison: Comparison, path: Path) -> None:
    """Plot area over time, one line per side, relative to the first study; skipped without matplotlib or dates."""
    intervals = comparison.result.intervals
    if any(interval.days is None for interval in intervals):
        return
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)
    except ImportError as error:
        logger.warning("%s", missing_extra(error, "evaluate", "the plot of areas over time"))
        return
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for side in (Side.RIGHT, Side.LEFT, Side.UNKNOWN):
        days, areas, errors = [0.0], [0.0], [0.0]
        for interval in intervals:
            found = next((s for s in interval.sides if s.side == side and s.change_mm2 is not None), None)
            if found is None:
                break
            days.append(days[-1] + float(interval.days or 0))
            areas.append(areas[-1] + float(found.change_mm2 or 0.0))
            errors.append(float(np.hypot(errors[-1], 1.96 * float(found.change_sd_mm2 or 0.0))))
        if len(days) > 1:
            axes.errorbar(days, areas, yerr=errors, marker="o", capsize=4, label=_NAMES[side].lower())
    axes.axhline(0.0, color="0.7", linewidth=1)
    axes.set_xlabel("days since the first study")
    axes.set_ylabel("change of projected area, mm²")
    axes.legend(frameon=False)
    with writing(path) as part:
        figure.savefig(part, format="png", dpi=120)
