"""Images as an archive stores them: a scene is exposed, processed, annotated and quantised."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.annotations import annotate
from ho_imaging.simulation.beam import Beam, sample_beam
from ho_imaging.simulation.contrast import contrast_to_noise
from ho_imaging.simulation.physics import expose
from ho_imaging.simulation.scene import VISIBLE_MM, Scene
from ho_imaging.simulation.vendor import Look, develop, sample_look
from ho_imaging.vocabulary import Laterality

__all__ = ["Film", "StoredForm", "make_film", "sample_stored_form"]

Image = NDArray[np.float32]

Photometric = Literal["MONOCHROME1", "MONOCHROME2"]


@dataclass(frozen=True)
class StoredForm:
    """Mapping of tones to stored values.

    ``bits_stored``: 8 to 16. ``low`` and ``high``: fractions of the range of stored values that black and white are
    mapped to; values outside are unused, and the VOI window covers the used range.
    """

    bits_stored: int = 12
    photometric: Photometric = "MONOCHROME2"
    low: float = 0.0
    high: float = 1.0

    @property
    def limits(self) -> tuple[int, int]:
        """Lowest and highest stored value in use."""
        top = 2**self.bits_stored - 1
        return round(self.low * top), round(self.high * top)


@dataclass(frozen=True, eq=False)
class Film:
    """An image as stored, and the settings it was made with.

    ``pixels``: (rows, columns) uint16, stored values. ``window_center`` and ``window_width``: VOI window, function
    LINEAR (DICOM PS3.3 C.11.2.1.2), that restores the whole display range. ``display``: the same image as float32 in
    [0, 1], bone bright, before quantisation. ``valid``: bool, False under collimation and shutters. ``marks``: bool,
    annotations. ``beam``, ``look``: settings as plain data.
    """

    pixels: NDArray[np.uint16]
    bits_stored: int
    photometric: Photometric
    window_center: float
    window_width: float
    display: NDArray[np.float32]
    valid: NDArray[np.bool_]
    marks: NDArray[np.bool_]
    pixel_mm: float
    beam: Mapping[str, Any]
    look: Mapping[str, Any]
    nodule_contrast: tuple[float, ...] = ()
    """Contrast-to-noise ratio of each of the scene's nodules on this image, 0 where collimation hides half of it."""

    @property
    def burned_in(self) -> bool:
        """True if letters or lines are in the pixels."""
        return bool(self.marks.any())


def sample_stored_form(rng: np.random.Generator) -> StoredForm:
    """Draw bit depth, polarity and used range, as found in practice."""
    margins = rng.uniform(0.0, 0.25, 2) if rng.random() < 0.4 else np.zeros(2)
    return StoredForm(
        bits_stored=int(rng.choice([8, 10, 12, 14, 15, 16], p=[0.08, 0.2, 0.45, 0.15, 0.04, 0.08])),
        photometric="MONOCHROME1" if rng.random() < 0.3 else "MONOCHROME2",
        low=float(margins[0]),
        high=float(1.0 - margins[1]),
    )


def make_film(
    scene: Scene,
    seed: int | np.random.Generator,
    *,
    beam: Beam | None = None,
    look: Look | None = None,
    form: StoredForm | None = None,
    annotated: bool = True,
) -> Film:
    """Make an image of a scene; settings that are not given are drawn, and the same seed gives the same image.

    Parameters
    ----------
    scene
        The scene.
    seed
        Seed or random generator.
    beam
        Settings of the exposure.
    look
        Settings of the processing.
    form
        Mapping of tones to stored values.
    annotated
        Whether to add markers, text, collimation and shutters.

    Returns
    -------
    Film
        The image.

    """
    rng = np.random.default_rng(seed)
    # Always drawn, so that passing one setting does not change the others.
    drawn_beam, drawn_look, drawn_form = sample_beam(rng, scene.region), sample_look(rng), sample_stored_form(rng)
    beam, look, form = beam or drawn_beam, look or drawn_look, form or drawn_form
    display, twin = _develop_twins(scene, rng, beam, look)
    contrast = () if twin is None else _nodules_contrast(scene, display, twin)
    valid, marks = np.ones(display.shape, dtype=bool), np.zeros(display.shape, dtype=bool)
    if annotated:
        sides = {side.value: side for side in Laterality}
        laterality = sides.get(scene.laterality, Laterality.UNKNOWN)
        display, valid, marks = annotate(display, rng, pixel_mm=scene.pixel_mm, laterality=laterality)
    low, high = form.limits
    tones = display if form.photometric == "MONOCHROME2" else 1.0 - display
    pixels = np.rint(low + tones * np.float32(high - low)).astype(np.uint16)
    return Film(
        pixels=pixels,
        bits_stored=form.bits_stored,
        photometric=form.photometric,
        # PS3.3 C.11.2.1.2: black up to center - 0.5 - (width - 1) / 2, white above center - 0.5 + (width - 1) / 2.
        window_center=(low + high + 1) / 2.0,
        window_width=float(high - low + 1),
        display=display,
        valid=valid,
        marks=marks,
        pixel_mm=scene.pixel_mm,
        beam=asdict(beam),
        look=asdict(look),
        nodule_contrast=tuple(
            value if valid[layer.window][layer.mineral_mm > VISIBLE_MM].mean() > 0.5 else 0.0
            for value, layer in zip(contrast, scene.nodules, strict=False)
        ),
    )


def _develop_twins(scene: Scene, rng: np.random.Generator, beam: Beam, look: Look) -> tuple[Image, Image | None]:
    """Process the image and, if it has nodules, the same image without them: same noise, same processing."""
    again = copy.deepcopy(rng)
    display = develop(expose(scene.thickness_mm, scene.pixel_mm, rng, beam), rng, look)
    if not scene.nodules:
        return display, None
    return display, develop(expose(scene.without_nodules(), scene.pixel_mm, again, beam), again, look)


def _nodules_contrast(scene: Scene, display: Image, twin: Image) -> tuple[float, ...]:
    found = []
    for layer in scene.nodules:
        mask = np.zeros(display.shape, dtype=bool)
        mask[layer.window] = layer.mineral_mm > VISIBLE_MM
        found.append(contrast_to_noise(display, twin, mask, scene.pixel_mm))
    return tuple(found)
