"""Augmentation of crops: geometric variation beyond the simulator's, and image degradation.

Domain randomisation beyond what is realistic makes networks trained on simulated radiographs transfer to real ones
(SyntheX: Gao et al., Nature Machine Intelligence 2023;5:294).
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import interpolate

from ho_imaging.training.cases import BITS, IGNORE_BIT
from ho_imaging.training.films import Film

__all__ = ["CropPlan", "bent", "change_picture", "cut_crop", "travelled"]

Image = NDArray[np.float32]
Bend = NDArray[np.float32]
"""Elastic displacement of each pixel of a crop, (rows, columns, 2): along columns, then rows, in image pixels."""

BENT_BY = 0.06
"""Standard deviation of an elastic displacement over its length. It adds bone shapes beyond those of the people in the
shape model."""


class CropPlan(NamedTuple):
    """Geometry of a crop.

    ``center``: (row, column) on the image. ``size``: side in pixels. ``rotation_deg``, ``scale`` and ``mirrored``:
    rotation, enlargement and reflection about the centre.
    """

    center: tuple[float, float]
    size: int
    rotation_deg: float = 0.0
    scale: float = 1.0
    mirrored: bool = False


def bent(size: int, pixel_mm: float, rng: np.random.Generator) -> Bend:
    """Draw a smooth elastic displacement of a crop.

    Parameters
    ----------
    size
        Side of the crop in pixels.
    pixel_mm
        Side of a pixel in mm.
    rng
        Random generator.

    Returns
    -------
    ndarray
        (size, size, 2) float32, displacement along columns, then rows, in pixels.

    """
    knots = max(2, round(size * pixel_mm / float(rng.uniform(40.0, 110.0))) + 1)
    by_px = float(rng.uniform(0.2, 1.0)) * BENT_BY * size / (knots - 1)
    moves = rng.normal(0.0, by_px, (knots, knots, 2)).astype(np.float32)
    return np.asarray(cv2.resize(moves, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def cut_crop(film: Film, plan: CropPlan, bend: Bend | None = None) -> Film:
    """Cut a crop; pixels outside the image are not valid and have empty masks.

    Parameters
    ----------
    film
        The image with its truth.
    plan
        Position and geometry of the crop.
    bend
        Elastic displacement from `bent`, or ``None``.

    Returns
    -------
    Film
        Arrays of (plan.size, plan.size).

    """
    angle = np.deg2rad(plan.rotation_deg)
    cosine, sine = np.cos(angle) / plan.scale, np.sin(angle) / plan.scale
    mirror = -1.0 if plan.mirrored else 1.0
    middle = (plan.size - 1) / 2
    # From crop (column, row) to image (column, row): OpenCV takes inverse maps.
    linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    offset = np.array([plan.center[1], plan.center[0]]) - linear @ np.array([middle, middle])
    steps = np.arange(plan.size, dtype=np.float32)
    x, y = np.meshgrid(steps, steps)
    columns, rows = (linear[i, 0] * x + linear[i, 1] * y + offset[i] for i in range(2))
    if bend is not None:
        columns, rows = columns + bend[..., 0], rows + bend[..., 1]
    where = (columns.astype(np.float32), rows.astype(np.float32))
    valid = cv2.remap(film.valid.astype(np.uint8), *where, cv2.INTER_NEAREST).astype(bool)
    pixels = cv2.remap(film.pixels, *where, cv2.INTER_LINEAR)
    bits = cv2.remap(film.bits, *where, cv2.INTER_NEAREST)
    return Film(np.where(valid, pixels, np.float32(0.0)), valid, np.asarray(bits, dtype=BITS))


def change_picture(film: Film, rng: np.random.Generator, *, travelled_share: float = 0.5) -> Film:
    """Degrade a crop at random: tone, sharpness, noise, objects, letters, covers, compression and collimation.

    Parameters
    ----------
    film
        The crop with its truth.
    rng
        Random generator.
    travelled_share
        Fraction of crops that are scaled, compressed and scaled back, see `travelled`.

    Returns
    -------
    Film
        The degraded crop; masks under opaque covers are emptied.

    """
    pixels, valid, bits = film.pixels, film.valid, film.bits
    if rng.random() < 0.8:
        pixels = _tone(pixels, rng)
    if rng.random() < 0.4:
        pixels = _look(pixels, rng)
    if rng.random() < 0.3:
        pixels = _shading(pixels, rng)
    if rng.random() < 0.6:
        pixels = _mottle(pixels, rng)
    if rng.random() < 0.3:
        pixels = _folds(pixels, rng)
    if rng.random() < 0.4:
        pixels = _sharpness(pixels, rng)
    if rng.random() < 0.5:
        pixels = _noise(pixels, rng)
    if rng.random() < 0.25:
        pixels = _things(pixels, rng)
    if rng.random() < 0.25:
        pixels = _letters(pixels, rng)
    if rng.random() < 0.12:
        pixels, bits = _cover(pixels, bits, rng)
    if rng.random() < travelled_share:
        pixels = travelled(np.where(valid, pixels, np.float32(0.0)), rng)
    if rng.random() < 0.15:
        valid = valid & _collimation(valid.shape, rng)
    pixels = np.where(valid, np.clip(pixels, 0.0, 1.0), 0.0).astype(np.float32)
    return Film(pixels, valid, bits)


def travelled(pixels: Image, rng: np.random.Generator) -> Image:
    """Rescale, sharpen and compress an image at random, as web and office programs do, and rescale it back.

    Compression comes after rescaling, so that a block of the compression becomes as large as a nodule: 8 pixels of 1
    mm, or of 0.2 mm. Artefacts are amplified as on an image whose few used grey levels are stretched in preparation.

    Parameters
    ----------
    pixels
        (rows, columns) float32 in [0, 1].
    rng
        Random generator.

    Returns
    -------
    ndarray
        (rows, columns) float32, about [0, 1].

    """
    rows, columns = pixels.shape
    pixel = float(np.exp(rng.uniform(np.log(0.4), np.log(3.2))))
    squeezed = float(np.exp(rng.normal(0.0, 0.12))) if rng.random() < 0.3 else 1.0
    size = (max(16, round(columns / pixel * squeezed)), max(16, round(rows / pixel / squeezed)))
    there = cv2.INTER_AREA if pixel > 1.0 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(pixels, size, interpolation=there), dtype=np.float32)
    if rng.random() < 0.25:
        blurred = np.asarray(cv2.GaussianBlur(small, (0, 0), float(rng.uniform(0.6, 1.4))), dtype=np.float32)
        small = small + np.float32(rng.uniform(0.3, 1.5)) * (small - blurred)
    if rng.random() < 0.3:
        small = _noise(small, rng)
    if rng.random() < 0.85:
        span = float(rng.uniform(0.4, 1.0))
        start = float(rng.uniform(0.0, 1.0 - span))
        for _ in range(1 + (rng.random() < 0.25)):
            small = (_lossy(small * np.float32(span) + np.float32(start), rng) - np.float32(start)) / np.float32(span)
    way = cv2.INTER_CUBIC if rng.random() < 0.8 else cv2.INTER_LINEAR
    back = cv2.resize(small, (columns, rows), interpolation=way if pixel > 1.0 else cv2.INTER_AREA)
    return np.asarray(back, dtype=np.float32)


def _tone(pixels: Image, rng: np.random.Generator) -> Image:
    gamma = float(np.exp(rng.normal(0.0, 0.25)))
    contrast = float(np.exp(rng.normal(0.0, 0.15)))
    middle = float(pixels.mean())
    toned = (np.clip(pixels, 0.0, 1.0) ** gamma - middle) * contrast + middle + rng.normal(0.0, 0.04)
    return np.asarray(toned, dtype=np.float32)


def _look(pixels: Image, rng: np.random.Generator) -> Image:
    """Apply other manufacturers' processing: tone curves, flattening, tiled equalisation, clipping."""
    kind = int(rng.integers(4))
    if kind == 0:
        steps = rng.gamma(float(rng.uniform(1.0, 4.0)), 1.0, 6) + 0.05
        heights = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])
        places = np.linspace(0.0, 1.0, 1024)
        curve = interpolate.PchipInterpolator(np.linspace(0.0, 1.0, 7), heights)(places).astype(np.float32)
        return np.asarray(curve[(np.clip(pixels, 0.0, 1.0) * np.float32(1023.0)).astype(np.int16)], dtype=np.float32)
    if kind == 1:
        reach = float(np.exp(rng.uniform(np.log(8.0), np.log(80.0))))
        # Blurred at a quarter of the size: equally smooth and sixteen times faster.
        small = cv2.resize(pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        slow = cv2.resize(cv2.GaussianBlur(small, (0, 0), reach / 4), pixels.shape[::-1])
        return np.asarray(pixels - np.float32(rng.uniform(-0.4, 0.8)) * (slow - slow.mean()), dtype=np.float32)
    if kind == 2:
        tiles = int(rng.integers(2, 9))
        equaliser = cv2.createCLAHE(float(np.exp(rng.uniform(0.0, np.log(5.0)))), (tiles, tiles))
        equalised = equaliser.apply((np.clip(pixels, 0.0, 1.0) * 65535.0).astype(np.uint16))
        return np.asarray(equalised / np.float32(65535.0), dtype=np.float32)
    black, white = np.float32(rng.uniform(0.0, 0.15)), np.float32(rng.uniform(0.8, 1.0))
    return np.asarray(np.clip((pixels - black) / (white - black), 0.0, 1.0), dtype=np.float32)


def _shading(pixels: Image, rng: np.random.Generator) -> Image:
    """Add a slow change of brightness, as from the heel effect or uneven grids."""
    knots = rng.normal(0.0, 0.06, (3, 3)).astype(np.float32)
    return pixels + np.asarray(cv2.resize(knots, pixels.shape[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _mottle(pixels: Image, rng: np.random.Generator) -> Image:
    """Add clouds, streaks and nets to soft tissue: fatty muscle, oedema, stool, dressings, clothes and sheets.

    A network that knows only smooth soft tissue takes every cloud in it for early ectopic bone.
    """
    shape = pixels.shape
    for _ in range(int(rng.integers(1, 4))):
        wide = float(np.exp(rng.uniform(np.log(2.5), np.log(60.0))))
        long = wide * (float(rng.uniform(1.5, 6.0)) if rng.random() < 0.4 else 1.0)
        field = _noise_field(shape, long, wide, float(rng.uniform(0.0, 180.0)), rng)
        kind = rng.random()
        if kind < 0.2:  # a net of septa or creases
            field = np.float32(0.8) - np.abs(field) * np.float32(1.6)
        elif kind < 0.45:  # patches with a border
            field = np.tanh(np.float32(rng.uniform(2.0, 8.0)) * (field - np.float32(rng.uniform(-0.5, 1.0))))
        spread = 0.3 * max(shape)
        here = np.clip(_noise_field(shape, spread, spread, 0.0, rng) + np.float32(rng.uniform(-0.3, 1.2)), 0.0, 1.0)
        pixels = pixels + np.float32(np.exp(rng.uniform(np.log(0.004), np.log(0.08)))) * field * here
    return np.asarray(pixels, dtype=np.float32)


def _noise_field(
    shape: tuple[int, ...], long_px: float, wide_px: float, angle_deg: float, rng: np.random.Generator
) -> Image:
    """Draw smooth noise of about unit variance, (rows, columns), stretched along a direction."""
    rows, columns = shape
    reach = int(np.hypot(rows, columns)) + 2
    knots = rng.standard_normal((int(reach / long_px) + 4, int(reach / wide_px) + 4)).astype(np.float32)
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), angle_deg, 1.0)
    start = turn[:, 2] + (reach - np.array([columns, rows])) / 2
    to_knots = np.diag([1.0 / wide_px, 1.0 / long_px])
    matrix = np.column_stack([to_knots @ turn[:, :2], to_knots @ start + 1.0])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(knots, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REFLECT))


def _sharpness(pixels: Image, rng: np.random.Generator) -> Image:
    blurred = np.asarray(cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.4, 1.6))), dtype=np.float32)
    if rng.random() < 0.6:
        return blurred
    return pixels + np.float32(rng.uniform(0.2, 1.2)) * (pixels - blurred)


def _noise(pixels: Image, rng: np.random.Generator) -> Image:
    grain = rng.standard_normal(pixels.shape, dtype=np.float32)
    if rng.random() < 0.5:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.8), dtype=np.float32) * np.float32(2.5)
    return pixels + grain * np.float32(rng.uniform(0.003, 0.035))


def _lossy(pixels: Image, rng: np.random.Generator) -> Image:
    """Compress as JPEG with a random block origin: an image may have been cropped after compression."""
    quality = int(rng.integers(60, 96)) if rng.random() < 0.5 else int(rng.integers(25, 76))
    top, left = (int(v) for v in rng.integers(0, 8, 2))
    eight_bit = (np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8)
    framed = cv2.copyMakeBorder(eight_bit, top, 0, left, 0, cv2.BORDER_REPLICATE)
    _, encoded = cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), dtype=np.float32)
    return decoded[top:, left:] / np.float32(255.0)


def _folds(pixels: Image, rng: np.random.Generator) -> Image:
    """Add borders of soft tissue: gluteal and groin folds, fat planes, and rounded parts over the bone.

    A fold is brighter or darker on one side of a curved line and fades from there. A rounded part, such as genitals, a
    breast or an apron of fat, has the attenuation profile of a rounded body.
    """
    rows, columns = pixels.shape
    y, x = np.indices(pixels.shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        at = (float(rng.uniform(0, rows)), float(rng.uniform(0, columns)))
        tone = np.float32(np.exp(rng.uniform(np.log(0.015), np.log(0.18))))
        if rng.random() < 0.65:
            angle = float(rng.uniform(0.0, 2.0 * np.pi))
            across = (y - at[0]) * np.float32(np.cos(angle)) + (x - at[1]) * np.float32(np.sin(angle))
            bow = float(rng.normal(0.0, 0.0015))
            along = (x - at[1]) * np.float32(np.cos(angle)) - (y - at[0]) * np.float32(np.sin(angle))
            across = across + np.float32(bow) * along**2
            fades = np.float32(np.exp(rng.uniform(np.log(4.0), np.log(80.0))))
            reach = np.float32(rng.uniform(30.0, 250.0))
            edge = np.clip(across / np.float32(rng.uniform(0.8, 4.0)), 0.0, 1.0)
            shape = edge * np.exp(-np.maximum(across, 0.0) / fades) * np.exp(-((along / reach) ** 2))
            pixels = pixels + (tone if rng.random() < 0.7 else -tone) * shape
        else:
            angle, radius = float(rng.uniform(0.0, np.pi)), float(rng.uniform(30.0, 110.0))
            wide = radius * float(rng.uniform(0.45, 1.0))
            u = (y - at[0]) * np.float32(np.cos(angle)) + (x - at[1]) * np.float32(np.sin(angle))
            v = (x - at[1]) * np.float32(np.cos(angle)) - (y - at[0]) * np.float32(np.sin(angle))
            inside = np.clip(1.0 - (u / np.float32(radius)) ** 2 - (v / np.float32(wide)) ** 2, 0.0, None)
            pixels = pixels + tone * np.sqrt(inside)
    return np.asarray(pixels, dtype=np.float32)


def _letters(pixels: Image, rng: np.random.Generator) -> Image:
    rows, columns = pixels.shape
    for _ in range(int(rng.integers(1, 4))):
        count = int(rng.integers(1, 9))
        text = "".join(rng.choice(list("LRAPMKVSD0123456789:/- "), count))
        where = (int(rng.integers(0, columns)), int(rng.integers(0, rows)))
        size, weight = float(rng.uniform(0.4, 2.5)), int(rng.integers(1, 5))
        tone = float(rng.choice([1.0, 1.0, 0.85, 0.0]))
        ink = np.zeros(pixels.shape, dtype=np.uint8)
        cv2.putText(ink, text, where, cv2.FONT_HERSHEY_SIMPLEX, size, 255, weight, cv2.LINE_AA)
        share = ink.astype(np.float32) / np.float32(255.0)
        pixels = pixels + share * (np.float32(tone) - pixels)
    return pixels


def _things(pixels: Image, rng: np.random.Generator) -> Image:
    """Add objects with drawn outlines: rings, discs, tubes, clips, wires and readers' arrows.

    Which objects they are does not matter: a network that has seen many shapes that no bone has learns texture instead
    of brightness.
    """
    rows, columns = pixels.shape
    for _ in range(int(rng.integers(1, 5))):
        ink = np.zeros(pixels.shape, dtype=np.uint8)
        at = np.array([rng.uniform(0, columns), rng.uniform(0, rows)])
        _THINGS[int(rng.integers(len(_THINGS)))](ink, at, rng)
        share = ink.astype(np.float32) / np.float32(255.0)
        if rng.random() < 0.7:
            share = np.asarray(cv2.GaussianBlur(share, (0, 0), float(rng.uniform(0.4, 1.2))), dtype=np.float32)
        if rng.random() < 0.35:
            pixels = pixels + share * (np.float32(rng.choice([1.0, 1.0, 0.0])) - pixels)  # opaque, or burned in
        else:
            pixels = pixels + share * np.float32(rng.uniform(0.05, 0.5))
    return pixels


def _point(at: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(at[0])), round(float(at[1]))


def _disc(ink: NDArray[np.uint8], at: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Draw a button, electrode, coin or washer."""
    radius = float(rng.uniform(3.0, 16.0))
    axes = _point(radius * np.array([1.0, rng.uniform(0.7, 1.0)]))
    turn = float(rng.uniform(0.0, 180.0))
    cv2.ellipse(ink, _point(at), axes, turn, 0, 360, int(rng.integers(60, 255)), -1, cv2.LINE_AA)
    if rng.random() < 0.6:
        cv2.ellipse(ink, _point(at), axes, turn, 0, 360, 255, int(rng.integers(1, 3)), cv2.LINE_AA)
    holes = int(rng.choice([0, 1, 2, 4]))
    for hole in range(holes):
        angle = 2.0 * np.pi * hole / max(holes, 1) + 0.4
        off = 0.35 * radius * np.array([np.cos(angle), np.sin(angle)]) if holes > 1 else np.zeros(2)
        cv2.circle(ink, _point(at + off), max(1, round(0.16 * radius)), 0, -1, cv2.LINE_AA)


def _course(at: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return points along a gently bent line through ``at``."""
    length, steps = float(rng.uniform(15.0, 250.0)), 40
    heading = rng.uniform(0.0, 2.0 * np.pi) + np.linspace(0.0, rng.normal(0.0, 1.0), steps)
    points = np.cumsum(np.column_stack([np.cos(heading), np.sin(heading)]), axis=0) * length / steps
    return np.asarray(points - points.mean(axis=0) + at, dtype=np.float64)


def _tube(ink: NDArray[np.uint8], at: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Draw tubing, a lead, a drain or a calcified vessel: two walls, often broken, or one wire."""
    course = _course(at, rng)
    normal = np.gradient(course, axis=0)[:, ::-1] * (1.0, -1.0)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    wall = float(rng.uniform(1.5, 6.0)) if rng.random() < 0.7 else 0.0
    weight, shown = int(rng.integers(1, 4)), float(rng.choice([1.0, rng.uniform(0.3, 0.9)]))
    for side in (wall, -wall):
        line = np.rint(course + side * normal).astype(np.int32)
        for start, end in itertools.pairwise(line):
            if rng.random() < shown:
                cv2.line(ink, _point(start), _point(end), 255, weight, cv2.LINE_AA)


def _clips(ink: NDArray[np.uint8], at: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Draw clips or staples: short strokes or brackets, in a row or scattered."""
    heading = rng.uniform(0.0, 2.0 * np.pi)
    stride = float(rng.uniform(5.0, 16.0)) * np.array([np.cos(heading), np.sin(heading)])
    length, weight = float(rng.uniform(3.0, 12.0)), int(rng.integers(1, 3))
    bracket, turned = rng.random() < 0.5, heading + np.pi / 2 + rng.normal(0.0, 0.2)
    for number in range(int(rng.integers(1, 12))):
        here = at + number * stride + rng.normal(0.0, 1.5, 2)
        angle = turned + rng.normal(0.0, 0.15)
        along = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(ink, _point(here - along), _point(here + along), 255, weight, cv2.LINE_AA)
        if bracket:
            leg = 0.4 * along[::-1] * (1.0, -1.0)
            cv2.line(ink, _point(here - along), _point(here - along + leg), 255, weight, cv2.LINE_AA)
            cv2.line(ink, _point(here + along), _point(here + along + leg), 255, weight, cv2.LINE_AA)


def _arrow(ink: NDArray[np.uint8], at: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Draw an arrow or a measurement line, as readers burn them in."""
    angle, length = rng.uniform(0.0, 2.0 * np.pi), float(rng.uniform(12.0, 90.0))
    end = at + length * np.array([np.cos(angle), np.sin(angle)])
    weight = int(rng.integers(1, 6))
    if rng.random() < 0.7:
        cv2.arrowedLine(ink, _point(at), _point(end), 255, weight, cv2.LINE_AA, 0, float(rng.uniform(0.12, 0.45)))
    else:
        cv2.line(ink, _point(at), _point(end), 255, weight, cv2.LINE_AA)
        for tip in (at, end):
            cv2.drawMarker(ink, _point(tip), 255, cv2.MARKER_CROSS, int(rng.integers(4, 12)), 1, cv2.LINE_AA)


_THINGS = (_disc, _tube, _clips, _arrow)


def _cover(
    pixels: Image, bits: NDArray[np.uint16], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Add an opaque label or shield and empty the masks below it, where nothing can be seen."""
    rows, columns = pixels.shape
    height, width = int(rows * rng.uniform(0.05, 0.25)), int(columns * rng.uniform(0.05, 0.35))
    top, left = int(rng.integers(0, rows - height)), int(rng.integers(0, columns - width))
    pixels, bits = pixels.copy(), bits.copy()
    pixels[top : top + height, left : left + width] = np.float32(rng.choice([0.0, 1.0, float(rng.random())]))
    bits[top : top + height, left : left + width] &= BITS(1 << IGNORE_BIT)
    return pixels, bits


def _collimation(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the mask of the field inside one to four straight shutter edges, slightly rotated."""
    rows = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)
    open_field = np.ones(shape, dtype=bool)
    for quarter in rng.choice(4, size=int(rng.integers(1, 5)), replace=False):
        angle = quarter * np.pi / 2 + rng.normal(0.0, 0.05)
        open_field &= rows * np.sin(angle) + columns * np.cos(angle) < rng.uniform(0.25, 0.5)
    return open_field
