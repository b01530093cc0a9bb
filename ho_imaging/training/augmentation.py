"""Random changes to a film's crop: geometry the simulator does not cover, and what happens to pictures afterwards.

Domain randomisation beyond what is realistic is what carries networks trained on simulated X-rays over to real ones
(SyntheX: Gao et al., Nature Machine Intelligence 2023).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.training.cases import IGNORE_BIT
from ho_imaging.training.films import Film

__all__ = ["CropPlan", "change_picture", "cut_crop"]

Image = NDArray[np.float32]


class CropPlan(NamedTuple):
    """Where to cut: ``center`` (row, column) on the film, ``size`` px a side, turned, enlarged, mirrored."""

    center: tuple[float, float]
    size: int
    rotation_deg: float = 0.0
    scale: float = 1.0
    mirrored: bool = False


def cut_crop(film: Film, plan: CropPlan) -> Film:
    """Cut a crop; what lies outside the film is not valid and carries no masks."""
    angle = np.deg2rad(plan.rotation_deg)
    cosine, sine = np.cos(angle) / plan.scale, np.sin(angle) / plan.scale
    mirror = -1.0 if plan.mirrored else 1.0
    middle = (plan.size - 1) / 2
    # Crop (column, row) to film (column, row), as OpenCV's inverse maps go.
    linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    offset = np.array([plan.center[1], plan.center[0]]) - linear @ np.array([middle, middle])
    matrix = np.column_stack([linear, offset])
    size = (plan.size, plan.size)
    nearest = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    valid = cv2.warpAffine(film.valid.astype(np.uint8), matrix, size, flags=nearest).astype(bool)
    pixels = cv2.warpAffine(film.pixels, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    bits = cv2.warpAffine(film.bits, matrix, size, flags=nearest)
    return Film(np.where(valid, pixels, np.float32(0.0)), valid, np.asarray(bits, dtype=np.uint8))


def change_picture(film: Film, rng: np.random.Generator) -> Film:
    """Change tone, sharpness and noise, burn in letters, cover and collimate, each now and then."""
    pixels, valid, bits = film.pixels, film.valid, film.bits
    if rng.random() < 0.8:
        pixels = _tone(pixels, rng)
    if rng.random() < 0.3:
        pixels = _shading(pixels, rng)
    if rng.random() < 0.4:
        pixels = _sharpness(pixels, rng)
    if rng.random() < 0.5:
        pixels = _noise(pixels, rng)
    if rng.random() < 0.1:
        pixels = _lossy(pixels, rng)
    if rng.random() < 0.25:
        pixels = _letters(pixels, rng)
    if rng.random() < 0.12:
        pixels, bits = _cover(pixels, bits, rng)
    if rng.random() < 0.15:
        valid = valid & _collimation(valid.shape, rng)
    pixels = np.where(valid, np.clip(pixels, 0.0, 1.0), 0.0).astype(np.float32)
    return Film(pixels, valid, bits)


def _tone(pixels: Image, rng: np.random.Generator) -> Image:
    gamma = float(np.exp(rng.normal(0.0, 0.25)))
    contrast = float(np.exp(rng.normal(0.0, 0.15)))
    middle = float(pixels.mean())
    toned = (np.clip(pixels, 0.0, 1.0) ** gamma - middle) * contrast + middle + rng.normal(0.0, 0.04)
    return np.asarray(toned, dtype=np.float32)


def _shading(pixels: Image, rng: np.random.Generator) -> Image:
    """Change brightness slowly over the film, as from the heel effect or uneven grids."""
    knots = rng.normal(0.0, 0.06, (3, 3)).astype(np.float32)
    return pixels + np.asarray(cv2.resize(knots, pixels.shape[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)


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
    """JPEG, as films in presentations and teaching files have been through."""
    eight_bit = (np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", eight_bit, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    return np.asarray(decoded, dtype=np.float32) / np.float32(255.0)


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


def _cover(
    pixels: Image, bits: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Lay an opaque label or shield on the film: nothing under it can be seen, so nothing is marked there."""
    rows, columns = pixels.shape
    height, width = int(rows * rng.uniform(0.05, 0.25)), int(columns * rng.uniform(0.05, 0.35))
    top, left = int(rng.integers(0, rows - height)), int(rng.integers(0, columns - width))
    pixels, bits = pixels.copy(), bits.copy()
    pixels[top : top + height, left : left + width] = np.float32(rng.choice([0.0, 1.0, float(rng.random())]))
    bits[top : top + height, left : left + width] &= np.uint8(1 << IGNORE_BIT)
    return pixels, bits


def _collimation(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Shutters: one to four straight edges, a little askew."""
    rows = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)
    open_field = np.ones(shape, dtype=bool)
    for quarter in rng.choice(4, size=int(rng.integers(1, 5)), replace=False):
        angle = quarter * np.pi / 2 + rng.normal(0.0, 0.05)
        open_field &= rows * np.sin(angle) + columns * np.cos(angle) < rng.uniform(0.25, 0.5)
    return open_field
