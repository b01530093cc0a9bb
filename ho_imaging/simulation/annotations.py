"""Annotations and borders of radiographs: side markers, text, measurement lines, collimation and shutters."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.detector import gaussian
from ho_imaging.vocabulary import Laterality

__all__ = ["Annotated", "annotate", "collimate"]

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)
WORDS = ("AP", "SUPINE", "ERECT", "PORTABLE", "WEIGHT BEARING", "PELVIS", "HIP", "TABLE", "PRE", "POST", "XT", "F1")

INKED_SHARE = 0.3
"""Fraction of ink from which a pixel belongs to an annotation."""

WORD_GAP_MM = 6.0
"""Strokes closer than this belong to one annotation."""


class Annotated(NamedTuple):
    """An image with annotations and borders.

    ``pixels``: (rows, columns) float32 in [0, 1]. ``valid``: bool, False where collimation or a shutter covers the
    image. ``marks``: bool, where lead letters, text or lines are in the pixels; the letters of a word form one
    component.
    """

    pixels: Image
    valid: Mask
    marks: Mask


def annotate(
    pixels: Image, rng: np.random.Generator, *, pixel_mm: float, laterality: Laterality = Laterality.UNKNOWN
) -> Annotated:
    """Collimate an image and add markers, text and lines at random.

    Markers are placed towards the edges but may cover anything, as on real radiographs.

    Parameters
    ----------
    pixels
        (rows, columns) float32 in [0, 1], bone bright, display values; not changed.
    rng
        Random generator.
    pixel_mm
        Pixel pitch in mm.
    laterality
        Side that a lead marker names. If unknown it names the half of the image it is in, column 0 being the patient's
        right.

    Returns
    -------
    Annotated
        The image with annotations.

    """
    valid = np.ones(pixels.shape, dtype=bool)
    lead, text, lines = rng.random() < 0.7, rng.random() < 0.25, rng.random() < 0.05
    if rng.random() < 0.4:
        pixels, valid = collimate(pixels, rng, pixel_mm=pixel_mm)
    pixels = pixels.copy()
    ink = np.zeros_like(pixels)
    if lead:
        _paint(pixels, ink, *_lead_marker(pixels.shape, rng, pixel_mm, laterality))
    if text:
        for _ in range(int(rng.integers(1, 4))):
            _text(pixels, ink, rng)
    if lines:
        _paint(pixels, ink, *_measuring_line(pixels.shape, rng))
    reach_px = 2 * round(WORD_GAP_MM / pixel_mm / 2) + 1
    words = cv2.getStructuringElement(cv2.MORPH_RECT, (reach_px, reach_px))
    marks = cv2.morphologyEx((ink > INKED_SHARE).astype(np.uint8), cv2.MORPH_CLOSE, words).astype(bool)
    return Annotated(np.clip(pixels, 0.0, 1.0), valid, marks)


def collimate(pixels: Image, rng: np.random.Generator, *, pixel_mm: float) -> tuple[Image, Mask]:
    """Collimate an image: unexposed borders or an electronic shutter.

    Lead blades leave unexposed film, bright, with a penumbra and scatter below them. An electronic shutter has one tone
    and may be round.

    Parameters
    ----------
    pixels
        (rows, columns) float32 in [0, 1].
    rng
        Random generator.
    pixel_mm
        Pixel pitch in mm.

    Returns
    -------
    pixels : ndarray
        (rows, columns) float32.
    valid : ndarray
        (rows, columns) bool, False below blades and shutter.

    """
    rows, columns = pixels.shape
    turn = float(rng.normal(0.0, 1.2) if rng.random() < 0.7 else 0.0)
    openings = 1.0 - np.clip(rng.exponential(0.06, 4), 0.0, 0.2) * (rng.random(4) < 0.75)
    top, left, bottom, right = openings / 2.0
    angle = np.deg2rad(turn)
    y = ((np.arange(rows, dtype=np.float32) - (rows - 1) / 2.0) / rows)[:, None]
    x = ((np.arange(columns, dtype=np.float32) - (columns - 1) / 2.0) / columns)[None, :]
    across = x * np.cos(angle) + y * np.sin(angle) * (rows / columns)
    along = y * np.cos(angle) - x * np.sin(angle) * (columns / rows)
    # Distance inside the nearest blade, in pixels; fully open blades stay outside the image.
    far = np.float32(np.inf)
    distances = [
        np.where(opening < 0.5, (opening + sign * axis) * extent, far)
        for opening, sign, axis, extent in (
            (top, 1.0, along, rows),
            (bottom, -1.0, along, rows),
            (left, 1.0, across, columns),
            (right, -1.0, across, columns),
        )
    ]
    inside = np.minimum(np.minimum(distances[0], distances[1]), np.minimum(distances[2], distances[3]))
    shutter = rng.random() < 0.6
    if shutter and rng.random() < 0.12:
        radius = float(rng.uniform(0.56, 0.68))
        inside = np.minimum(
            inside, (radius - np.hypot(x * columns, y * rows) / max(rows, columns)) * max(rows, columns)
        )
    valid = np.asarray(inside > 0.0)
    if shutter:
        tone = np.float32(rng.choice([0.0, 0.0, 0.0, 0.0, 1.0, float(rng.uniform(0.0, 0.25))]))
        return np.where(valid, pixels, tone).astype(np.float32), valid
    penumbra_px = max(float(rng.uniform(0.3, 2.0)) / pixel_mm, 0.3)
    closed = 1.0 / (1.0 + np.exp(np.clip(inside / penumbra_px, -30.0, 30.0)))
    # Unexposed film is bright; scatter from the open field darkens it near the edge.
    reach_px = float(rng.uniform(5.0, 40.0)) / pixel_mm
    brightness = float(rng.uniform(0.7, 1.0))
    creep = float(rng.uniform(0.0, 0.5)) * gaussian(valid.astype(np.float32), reach_px)
    covered = np.float32(brightness) * (1.0 - creep)
    return np.asarray(pixels + closed * (covered - pixels), dtype=np.float32), valid


def _paint(pixels: Image, ink: Image, share: Image, tone: float) -> None:
    """Add ink of a tone to an image, and to the map of all ink."""
    pixels += share * (np.float32(tone) - pixels)
    np.maximum(ink, share, out=ink)


def _lead_marker(
    shape: tuple[int, ...], rng: np.random.Generator, pixel_mm: float, laterality: Laterality
) -> tuple[Image, float]:
    """Draw a lead letter, often with initials, sometimes framed, rotated or mirrored; return its ink and tone."""
    edge, along, offset = int(rng.integers(4)), float(rng.uniform(0.06, 0.94)), float(rng.uniform(0.04, 0.2))
    v, u = ((offset, along), (1.0 - offset, along), (along, offset), (along, 1.0 - offset))[edge]
    # Column 0 is the patient's right where both sides are shown.
    named = {Laterality.LEFT: "L", Laterality.RIGHT: "R"}.get(laterality, "R" if u < 0.5 else "L")
    initials = "".join(rng.choice(list("ABCDEFGHJKMNPSTVW"), int(rng.integers(1, 4)))) if rng.random() < 0.5 else ""
    height_mm = float(rng.uniform(9.0, 24.0))
    # Drawn four times as large, then downsampled: lead letters have edges finer than a pixel.
    zoom = 4
    size_px = max(int(height_mm / pixel_mm * zoom), 12)
    canvas = np.zeros((size_px * 3, size_px * 3), dtype=np.uint8)
    middle = canvas.shape[0] // 2
    stroke = max(int(size_px * rng.uniform(0.08, 0.22)), 1)
    font = int(rng.choice(FONTS))
    _centred_text(canvas, named, (middle, middle), size_px, font, stroke)
    if initials:
        _centred_text(canvas, initials, (middle, middle + int(0.85 * size_px)), size_px // 3, font, max(stroke // 3, 1))
    if rng.random() < 0.25:
        half = int(size_px * rng.uniform(0.7, 0.95))
        low, high = (middle - half, middle - half), (middle + half, middle + int(1.25 * half))
        cv2.rectangle(canvas, low, high, 255, max(stroke // 2, 1), cv2.LINE_AA)
    if rng.random() < 0.15:
        cv2.circle(canvas, (middle - int(0.8 * size_px), middle), max(size_px // 8, 1), 255, -1, cv2.LINE_AA)
    angle = float(rng.normal(0.0, 8.0) + rng.choice([0.0, 90.0, 180.0, 270.0], p=[0.82, 0.06, 0.06, 0.06]))
    flip = -1.0 if rng.random() < 0.08 else 1.0
    rows, columns = shape
    cosine, sine = np.cos(np.deg2rad(angle)) / zoom, np.sin(np.deg2rad(angle)) / zoom
    linear = np.array([[cosine * flip, -sine], [sine * flip, cosine]])
    shift = np.array([u * columns, v * rows]) - linear @ np.array([middle, middle])
    soft = cv2.GaussianBlur(canvas, (0, 0), 0.45 * zoom)
    ink = cv2.warpAffine(soft, np.column_stack([linear, shift]), (columns, rows), flags=cv2.INTER_LINEAR)
    share = ink.astype(np.float32) * np.float32(rng.uniform(0.75, 1.0) / 255.0)
    return share, float(rng.uniform(0.88, 1.0))


def _centred_text(
    canvas: NDArray[np.uint8], text: str, center: tuple[int, int], height_px: int, font: int, stroke: int
) -> None:
    (_, unit_height), _ = cv2.getTextSize("R", font, 1.0, 1)
    scale = height_px / max(unit_height, 1)
    (width, height), _ = cv2.getTextSize(text, font, scale, stroke)
    origin = (center[0] - width // 2, center[1] + height // 2)
    cv2.putText(canvas, text, origin, font, scale, 255, stroke, cv2.LINE_AA)


def _text(pixels: Image, ink: Image, rng: np.random.Generator) -> None:
    """Burn in a line of text, bright or dark, sometimes on a box."""
    rows, columns = pixels.shape
    kind = rng.random()
    if kind < 0.5:
        text = str(rng.choice(WORDS))
    elif kind < 0.8:
        text = f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 60)):02d}"
    else:
        text = f"{int(rng.integers(60, 110))} kV {int(rng.integers(2, 80))} mAs"
    height_px = max(int(rows * rng.uniform(0.012, 0.04)), 6)
    font, stroke = int(rng.choice(FONTS)), int(rng.integers(1, 3))
    where = (
        int(rng.uniform(0.1, 0.9) * columns),
        int(rng.choice([rng.uniform(0.02, 0.1), rng.uniform(0.9, 0.98)]) * rows),
    )
    tone = float(rng.choice([1.0, 1.0, 0.9, 0.0]))
    canvas = np.zeros(pixels.shape, dtype=np.uint8)
    if rng.random() < 0.2:
        half_width = int(0.45 * height_px * len(text))
        low, high = (where[0] - half_width, where[1] - height_px), (where[0] + half_width, where[1] + height_px)
        box = np.asarray(cv2.rectangle(np.zeros_like(pixels), low, high, 1.0, -1), dtype=np.float32)
        _paint(pixels, ink, box, 1.0 - tone)
    _centred_text(canvas, text, where, height_px, font, stroke)
    _paint(pixels, ink, canvas.astype(np.float32) / np.float32(255.0), tone)


def _measuring_line(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[Image, float]:
    """Draw a caliper with ticks and its length, or an arrow; return its ink and tone."""
    rows, columns = shape
    size = np.array([columns, rows])
    start = rng.uniform(0.15, 0.85, 2) * size
    direction = rng.normal(size=2)
    direction /= max(float(np.linalg.norm(direction)), 1e-6)
    end = start + direction * float(rng.uniform(0.05, 0.35)) * float(size.min())
    first = (round(float(start[0])), round(float(start[1])))
    last = (round(float(end[0])), round(float(end[1])))
    ink = np.zeros(shape, dtype=np.uint8)
    if rng.random() < 0.4:
        cv2.arrowedLine(ink, first, last, 255, int(rng.integers(1, 4)), cv2.LINE_AA, tipLength=0.25)
    else:
        cv2.line(ink, first, last, 255, 1, cv2.LINE_AA)
        tick = np.array([-direction[1], direction[0]]) * max(0.008 * rows, 3.0)
        for x, y in (start, end):
            low, high = (
                (round(float(x - tick[0])), round(float(y - tick[1]))),
                (round(float(x + tick[0])), round(float(y + tick[1]))),
            )
            cv2.line(ink, low, high, 255, 1, cv2.LINE_AA)
        length = f"{float(rng.uniform(5.0, 120.0)):.1f} mm"
        _centred_text(ink, length, last, max(int(0.018 * rows), 6), cv2.FONT_HERSHEY_SIMPLEX, 1)
    return ink.astype(np.float32) / np.float32(255.0), float(rng.choice([1.0, 1.0, 0.0]))
