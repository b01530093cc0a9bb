"""Manufacturers' image processing: from a raw signal to the image that readers see.

Processing is proprietary and tuned in every hospital; a `Look` spans what is published of it. Multi-scale
contrast: Vuylsteke and Schoeters, "Multiscale image contrast amplification (MUSICA)", SPIE 2167 (1994); tone curves:
DICOM PS3.3 C.11.2 (sigmoid) and the film curve of Hurter and Driffield.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.detector import gaussian
from ho_imaging.simulation.physics import Exposure

__all__ = ["Look", "develop", "sample_look"]

Image = NDArray[np.float32]
Processing = Literal["multiscale", "unsharp", "log", "linear", "scanned_film"]
ToneCurve = Literal["sigmoid", "gamma", "linear", "shoulder"]

PROCESSING_SHARES: dict[Processing, float] = {
    "multiscale": 0.55,
    "unsharp": 0.2,
    "log": 0.1,
    "linear": 0.03,
    "scanned_film": 0.12,
}


@dataclass(frozen=True)
class Look:
    """Settings of the processing.

    Scales are in mm, so that they do not depend on the pixel pitch. ``detail_power`` below 1 amplifies faint detail
    relative to strong edges; ``latitude`` scales structures wider than ``latitude_mm``, and less than 1 flattens the
    image. ``unsharp_amount`` at ``unsharp_mm`` makes dark halos about metal. The window extends from the percentile
    ``low_percent`` of the covered part to ``high_percent``, each moved by a fraction of its width (``low_shift``,
    ``high_shift``). ``clahe_clip``: 0 for none. The rest is for film on a light box: ``black`` and ``white`` are the
    ends of the grey scale, ``vignetting`` is towards the corners, ``grain`` is a standard deviation.
    """

    processing: Processing = "multiscale"
    detail_power: float = 0.8
    detail_gain: float = 1.5
    fine_gain: float = 1.0
    latitude: float = 0.6
    latitude_mm: float = 30.0
    unsharp_amount: float = 0.0
    unsharp_mm: float = 3.0
    low_percent: float = 3.0
    high_percent: float = 99.5
    low_shift: float = 0.0
    high_shift: float = 0.0
    tone: ToneCurve = "sigmoid"
    tone_strength: float = 1.0
    clahe_clip: float = 0.0
    black: float = 0.0
    white: float = 1.0
    vignetting: float = 0.0
    grain: float = 0.0
    grain_mm: float = 0.2
    dust: int = 0


def sample_look(rng: np.random.Generator) -> Look:
    """Draw settings of the processing, over a wider range than manufacturers offer.

    Parameters
    ----------
    rng
        Random generator.

    Returns
    -------
    Look
        The settings.

    """
    processing: Processing = rng.choice(list(PROCESSING_SHARES), p=list(PROCESSING_SHARES.values()))
    scanned = processing == "scanned_film"
    windowed_badly = rng.random() < 0.15
    unsharp_too = processing == "multiscale" and rng.random() < 0.25
    unsharp = float(rng.uniform(0.2, 2.2) if processing == "unsharp" else rng.uniform(0.1, 0.8) * unsharp_too)
    equalised = not unsharp_too and rng.random() < 0.15
    faded = scanned or rng.random() < 0.1
    tones: tuple[ToneCurve, ...] = ("sigmoid", "gamma", "linear", "shoulder")
    return Look(
        processing=str(processing),  # type: ignore[arg-type]  # numpy returns its own string type
        detail_power=float(rng.uniform(0.6, 1.0)),
        detail_gain=float(np.exp(rng.uniform(np.log(0.9), np.log(2.6)))),
        fine_gain=float(rng.uniform(0.4, 1.5)),
        latitude=float(rng.uniform(0.25, 0.9)),
        latitude_mm=float(np.exp(rng.uniform(np.log(12.0), np.log(80.0)))),
        unsharp_amount=unsharp,
        unsharp_mm=float(np.exp(rng.uniform(np.log(0.8), np.log(15.0)))),
        low_percent=float(rng.uniform(0.0, 12.0)),
        high_percent=float(rng.uniform(95.0, 100.0)),
        low_shift=float(np.clip(rng.normal(0.0, 0.2 if windowed_badly else 0.06), -0.5, 0.25)),
        high_shift=float(np.clip(rng.normal(0.12, 0.25 if windowed_badly else 0.1), -0.12, 0.6)),
        tone=str(rng.choice(tones, p=(0.4, 0.4, 0.15, 0.05))),  # type: ignore[arg-type]  # likewise
        tone_strength=float(rng.uniform(0.3, 1.6)),
        clahe_clip=float(rng.uniform(1.0, 2.5)) if equalised else 0.0,
        black=float(rng.uniform(0.0, 0.12)) if faded else 0.0,
        white=float(rng.uniform(0.82, 1.0)) if faded else 1.0,
        vignetting=float(rng.uniform(-0.12, 0.15)) if scanned else 0.0,
        grain=float(rng.uniform(0.004, 0.03)) if scanned else 0.0,
        grain_mm=float(rng.uniform(0.05, 0.5)),
        dust=int(rng.integers(0, 25)) if scanned and rng.random() < 0.6 else 0,
    )


def develop(exposure: Exposure, rng: np.random.Generator, look: Look | None = None) -> Image:
    """Process a raw signal for presentation.

    Parameters
    ----------
    exposure
        The raw image.
    rng
        Random generator, also for grain and dust of scanned film.
    look
        Settings of the processing; ``None`` draws them.

    Returns
    -------
    ndarray
        (rows, columns) float32 in [0, 1], bone bright.

    """
    look = sample_look(rng) if look is None else look
    pixel_mm = exposure.pixel_mm
    if look.processing == "linear":
        picture = -np.sqrt(np.maximum(exposure.signal, 0.0))
    else:
        # The smallest usable step of a detector: 1/2000 of the signal at the exposure control.
        picture = -np.log(np.maximum(exposure.signal, np.float32(5e-4)))
    covered = _covered(exposure)
    if look.processing == "multiscale":
        picture = _multiscale(picture, look, pixel_mm)
    if look.unsharp_amount > 0.0:
        picture = picture + np.float32(look.unsharp_amount) * (picture - gaussian(picture, look.unsharp_mm / pixel_mm))
    picture = _window(picture, covered, look)
    if look.clahe_clip > 0.0:
        equaliser = cv2.createCLAHE(clipLimit=look.clahe_clip, tileGridSize=(8, 8))
        picture = equaliser.apply((picture * 65535.0).astype(np.uint16)).astype(np.float32) / np.float32(65535.0)
    picture = _tone(picture, look)
    if look.processing == "scanned_film":
        picture = _scan(picture, look, pixel_mm, rng)
    if look.black > 0.0 or look.white < 1.0:
        picture = picture * np.float32(look.white - look.black) + np.float32(look.black)
    return np.asarray(np.clip(picture, 0.0, 1.0), dtype=np.float32)


def _covered(exposure: Exposure) -> NDArray[np.bool_]:
    """Return a sparse mask of pixels behind an object, to find the window."""
    sparse = exposure.signal[::4, ::4]
    # Half the open field corresponds to 2 cm of tissue; a saturated detector shows nothing there.
    limit = min(0.5 * exposure.open_field, 0.98 * exposure.beam.saturation)
    covered = sparse < limit
    return np.asarray(covered if covered.mean() > 0.02 else np.ones_like(covered))


def _multiscale(picture: Image, look: Look, pixel_mm: float) -> Image:
    """Decompose into octaves, amplify faint detail, compress wide differences, and recombine."""
    depth = int(np.clip(np.log2(min(picture.shape) / 8.0), 1, 8))
    levels: list[Image] = []
    current: Image = picture
    for _ in range(depth):
        smaller = cv2.pyrDown(current)
        up = cv2.pyrUp(smaller, dstsize=(current.shape[1], current.shape[0]))
        levels.append(np.asarray(current - up, dtype=np.float32))
        current = np.asarray(smaller, dtype=np.float32)
    result: Image = current * np.float32(look.latitude)
    for octave in reversed(range(depth)):
        detail = levels[octave]
        width_mm = pixel_mm * 2.0 ** (octave + 1)
        # The gain falls smoothly from detail_gain to the latitude as structures become wider than latitude_mm.
        narrow = 1.0 / (1.0 + (width_mm / look.latitude_mm) ** 2)
        gain = look.latitude + (look.detail_gain - look.latitude) * narrow
        if width_mm < 1.5:
            gain *= look.fine_gain
        up = cv2.pyrUp(result, dstsize=(detail.shape[1], detail.shape[0]))
        result = up + np.float32(gain) * _compress(detail, look.detail_power * narrow + (1.0 - narrow))
    return np.asarray(result, dtype=np.float32)


def _compress(detail: Image, power: float) -> Image:
    """Apply an odd power law that keeps differences of 0.25 (about 25 % of signal), linear below 0.01."""
    if power > 0.98:
        return detail
    size = np.abs(detail)
    np.maximum(size, np.float32(0.01), out=size)
    factor = cv2.pow(size * np.float32(4.0), power - 1.0)
    return np.asarray(detail * factor, dtype=np.float32)


def _window(picture: Image, covered: NDArray[np.bool_], look: Look) -> Image:
    """Apply the window found from the covered part: 0 and below is black, 1 and above white.

    The middle two thirds of the covered part always keep their tones: an image on which the hip is invisible would be
    repeated, not reported.
    """
    percents = [look.low_percent, look.high_percent, 16.0, 84.0]
    low, high, dark, bright = np.percentile(picture[::4, ::4][covered], percents)
    width = max(float(high - low), 0.05)
    low = min(low + look.low_shift * width, dark)
    high = max(high + look.high_shift * width, bright)
    scale = 1.0 / max(float(high - low), 0.05)
    return np.asarray(np.clip((picture - np.float32(low)) * np.float32(scale), 0.0, 1.0), dtype=np.float32)


def _tone(picture: Image, look: Look) -> Image:
    """Apply a tone curve through a table of 1024 steps, 0 to 0 and 1 to 1."""
    x = np.linspace(0.0, 1.0, 1024)
    strength = look.tone_strength
    if look.tone == "sigmoid":
        curve = np.tanh((x - 0.5) * 2.0 * strength)
        curve = (curve - curve[0]) / (curve[-1] - curve[0])
    elif look.tone == "gamma":
        curve = x ** (0.6 + 0.6 * strength)
    elif look.tone == "shoulder":
        curve = (1.0 - np.exp(-strength * x)) / (1.0 - np.exp(-strength))
    else:
        return picture
    position = picture * np.float32(1023.0)
    index = position.astype(np.int16)
    np.minimum(index, 1022, out=index)
    position -= index
    table = curve.astype(np.float32)
    return np.asarray(table[index] + position * np.diff(table)[index], dtype=np.float32)


def _scan(picture: Image, look: Look, pixel_mm: float, rng: np.random.Generator) -> Image:
    """Simulate film on a scanner or light box: grain, uneven light, dust."""
    rows, columns = picture.shape
    y = np.linspace(-1.0, 1.0, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1.0, 1.0, columns, dtype=np.float32)[None, :]
    picture = picture * (1.0 - np.float32(look.vignetting) * 0.5 * (x * x + y * y))
    grain = gaussian(rng.standard_normal(picture.shape, dtype=np.float32), look.grain_mm / pixel_mm)
    picture += np.float32(look.grain / max(float(grain[::4, ::4].std()), 1e-6)) * grain
    for _ in range(look.dust):
        start = (int(rng.integers(columns)), int(rng.integers(rows)))
        reach = max(round(float(rng.exponential(1.5)) / pixel_mm), 0)
        end = (start[0] + int(rng.integers(-reach, reach + 1)), start[1] + int(rng.integers(-reach, reach + 1)))
        cv2.line(picture, start, end, float(rng.choice([0.0, 1.0])), 1, cv2.LINE_AA)
    return np.asarray(picture, dtype=np.float32)
