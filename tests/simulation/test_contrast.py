"""Contrast-to-noise against values worked out by hand."""

import numpy as np
import pytest

from ho_imaging.simulation.contrast import contrast_to_noise
from ho_imaging.simulation.film import make_film
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.vocabulary import Region, View


def square():
    mask = np.zeros((200, 200), dtype=bool)
    mask[80:120, 80:120] = True
    return mask


def test_a_bright_square_in_white_noise():
    """At pixels of 2 mm the eye's blur does nothing: tone 0.1 over noise of 0.02 is 5."""
    rng = np.random.default_rng(0)
    without = (0.4 + 0.02 * rng.standard_normal((200, 200))).astype(np.float32)
    shown = (without + 0.1 * square()).astype(np.float32)
    assert contrast_to_noise(shown, without, square(), 2.0) == pytest.approx(5.0, rel=0.05)


def test_a_slope_is_no_noise_and_an_edge_is():
    slope = np.tile(np.linspace(0.2, 0.8, 200, dtype=np.float32), (200, 1))
    # Half a percent of the grey scale is the least noise a monitor has.
    assert contrast_to_noise(slope + 0.1 * square(), slope, square(), 2.0) == pytest.approx(0.1 / 0.005, rel=0.05)
    edge = np.where(np.arange(200) < 100, 0.3, 0.7).astype(np.float32) * np.ones((200, 1), np.float32)
    assert contrast_to_noise(edge + 0.1 * square(), edge, square(), 2.0) < 1.0


def test_what_changes_nothing_has_none():
    flat = np.ones((200, 200), dtype=np.float32)
    assert contrast_to_noise(flat, flat, square(), 0.3) == 0.0


def test_a_film_tells_it_of_every_nodule():
    plan = HipPlan(pixel_mm=1.0, region=Region.PELVIS, view=View.AP, grades=("III", "I"), clutter=False)
    scene = sample_hip_scene(11, plan)
    film = make_film(scene, 3, annotated=False)
    assert len(film.nodule_contrast) == len(scene.truth["nodules"]) > 1
    assert max(film.nodule_contrast) > 0.5
    assert min(film.nodule_contrast) >= 0.0
    assert make_film(sample_hip_scene(11, HipPlan(pixel_mm=1.0, grades=("0", "0"))), 3).nodule_contrast == ()
