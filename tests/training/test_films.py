from __future__ import annotations

import numpy as np
import pytest

from ho_imaging.simulation.annotations import annotate
from ho_imaging.training.cases import IGNORE_BIT, MIMIC_BIT
from ho_imaging.training.films import Film, on_grid, simulate_film
from ho_imaging.vocabulary import Structure


@pytest.mark.parametrize("seed", range(4))
def test_a_case_becomes_a_film_with_bone_bright(make_toy_case, seed):
    """Whatever the maker's look: bone of 30 mm is brighter than the muscle about it, and the truth is unchanged."""
    case = make_toy_case(seed)
    film = simulate_film(case, np.random.default_rng(seed))
    assert film.pixels.shape == film.valid.shape == case.bits.shape
    assert film.pixels.dtype == np.float32
    assert 0 <= film.pixels.min() < film.pixels.max() <= 1
    assert (film.pixels[~film.valid] == 0).all()
    bone = case.mask(Structure.FEMORAL_HEAD) & film.valid
    muscle = case.mask(Structure.BODY) & ~case.mask(Structure.FEMORAL_HEAD) & ~case.mask(Structure.HO) & film.valid
    assert np.median(film.pixels[bone]) > np.median(film.pixels[muscle]) + 0.1
    # Only where the film is black all through is the truth about HO left open.
    np.testing.assert_array_equal(film.bits & 0x3F, case.bits)
    is_open = film.bits >> IGNORE_BIT & 1 == 1
    assert (film.pixels[is_open] < 0.01).all()


def test_every_draw_is_another_film_and_the_same_draw_the_same(make_toy_case):
    case = make_toy_case(1)
    one, again, other = (simulate_film(case, np.random.default_rng(seed)).pixels for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.01


def test_letters_on_a_film_are_mimics(make_toy_case, monkeypatch):
    """Beside what the patient's own mimics are, and nothing else is."""
    written = []

    def watched(*arguments, **settings):
        written.append(annotate(*arguments, **settings))
        return written[-1]

    monkeypatch.setattr("ho_imaging.simulation.annotations.annotate", watched)
    marked = 0
    for seed in range(8):
        film = simulate_film(make_toy_case(seed), np.random.default_rng(seed))
        np.testing.assert_array_equal(film.bits >> MIMIC_BIT & 1 == 1, written[-1].marks)
        marked += bool(written[-1].marks.any())
    assert 0 < marked < 8


@pytest.mark.parametrize("wanted_mm", [0.4, 0.5, 0.6, 0.9])
def test_on_another_grid_everything_keeps_its_size_in_mm(make_toy_case, wanted_mm):
    case = make_toy_case(3)
    pixels = case.bits.astype(np.float32) / 64
    film = Film(np.where(case.mask(Structure.BODY), pixels, np.float32(0.0)), case.mask(Structure.BODY), case.bits)
    moved = on_grid(film, 0.6, wanted_mm)
    assert {array.shape for array in moved} == {moved.pixels.shape}
    assert moved.pixels.dtype == np.float32
    np.testing.assert_allclose(np.array(moved.bits.shape) * wanted_mm, np.array(film.bits.shape) * 0.6, atol=0.5)
    assert (moved.pixels[~moved.valid] == 0).all()
    for bit in range(4):
        before_mm2 = (film.bits >> bit & 1).sum() * 0.6**2
        assert (moved.bits >> bit & 1).sum() * wanted_mm**2 == pytest.approx(before_mm2, rel=0.05)
    centre_mm = [
        np.argwhere(bits >> 3 & 1).mean(axis=0) * pixel_mm
        for bits, pixel_mm in ((film.bits, 0.6), (moved.bits, wanted_mm))
    ]
    np.testing.assert_allclose(*centre_mm, atol=0.5)
