from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ho_imaging.training.augmentation import CropPlan, bent, change_picture, cut_crop, travelled
from ho_imaging.training.films import Film


def blob_film(row=70, column=40, shape=(120, 100)):
    """A film that is dark but for a small square, which is also its HO mask."""
    pixels = np.zeros(shape, dtype=np.float32)
    pixels[row - 1 : row + 2, column - 1 : column + 2] = 1.0
    return Film(pixels, np.ones(shape, dtype=bool), (pixels > 0).astype(np.uint16))


def center_of(mask):
    return np.argwhere(mask).mean(axis=0)


def test_a_plain_crop_is_a_slice():
    rng = np.random.default_rng(0)
    pixels = rng.random((50, 60), dtype=np.float32)
    film = Film(pixels, np.ones((50, 60), dtype=bool), rng.integers(0, 64, (50, 60), dtype=np.uint16))
    crop = cut_crop(film, CropPlan(center=(19.5, 29.5), size=20))
    np.testing.assert_allclose(crop.pixels, pixels[10:30, 20:40], atol=1e-6)
    np.testing.assert_array_equal(crop.bits, film.bits[10:30, 20:40])
    assert crop.valid.all()


def test_mirroring_turns_left_and_right_about():
    film = blob_film()
    plain = cut_crop(film, CropPlan(center=(60, 50), size=81))
    mirrored = cut_crop(film, CropPlan(center=(60, 50), size=81, mirrored=True))
    np.testing.assert_allclose(mirrored.pixels, plain.pixels[:, ::-1], atol=1e-5)


def test_enlarging_moves_points_away_from_the_centre():
    crop = cut_crop(blob_film(70, 40), CropPlan(center=(60, 50), size=81, scale=1.5))
    np.testing.assert_allclose(center_of(crop.bits), [40 + 15, 40 - 15], atol=0.6)


def test_turning_keeps_the_distance_and_moves_by_the_angle():
    crop = cut_crop(blob_film(60, 80), CropPlan(center=(60, 50), size=81, rotation_deg=10))
    row, column = center_of(crop.bits) - 40
    assert np.hypot(row, column) == pytest.approx(30, abs=0.7)
    assert abs(np.degrees(np.arctan2(row, column))) == pytest.approx(10, abs=1.5)


@given(
    center=st.tuples(st.floats(-20, 140), st.floats(-20, 120)),
    rotation=st.floats(-20, 20),
    scale=st.floats(0.7, 1.4),
    mirrored=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_mask_and_picture_move_together_and_outside_is_not_valid(center, rotation, scale, mirrored):
    film = blob_film()
    crop = cut_crop(film, CropPlan(center, 96, rotation, scale, mirrored))
    assert crop.pixels.shape == crop.valid.shape == crop.bits.shape == (96, 96)
    assert (crop.pixels[~crop.valid] == 0).all()
    assert (crop.bits[~crop.valid] == 0).all()
    if crop.bits.any() and crop.pixels.any():
        weights = crop.pixels / crop.pixels.sum()
        bright = np.array([(weights * axis).sum() for axis in np.indices(weights.shape)])
        assert np.abs(center_of(crop.bits) - bright).max() < 1.5


def test_changes_keep_range_and_never_invent_marks():
    rng = np.random.default_rng(5)
    film = blob_film()
    for _ in range(60):
        changed = change_picture(film, rng)
        assert changed.pixels.dtype == np.float32
        assert np.isfinite(changed.pixels).all()
        assert changed.pixels.min() >= 0
        assert changed.pixels.max() <= 1
        assert (changed.pixels[~changed.valid] == 0).all()
        assert (changed.bits & ~film.bits == 0).all()


def test_changes_leave_the_film_they_were_given():
    film = blob_film()
    before = film.pixels.copy(), film.valid.copy(), film.bits.copy()
    for seed in range(30):
        change_picture(film, np.random.default_rng(seed))
    for kept, now in zip(before, film, strict=True):
        np.testing.assert_array_equal(kept, now)


def test_bends_are_gentle_and_move_mask_and_picture_alike():
    rng = np.random.default_rng(4)
    film = blob_film(60, 50)
    for size in (81, 81, 81, 384):
        bend = bent(size, 0.6, rng)
        assert bend.shape == (size, size, 2)
        # Neighbours stay neighbours: nothing is folded over itself.
        assert np.abs(np.diff(bend, axis=0)).max() < 0.9
        assert np.abs(np.diff(bend, axis=1)).max() < 0.9
        crop = cut_crop(film, CropPlan(center=(60, 50), size=size), bend)
        if crop.bits.any() and (crop.pixels > 0.5).any():
            np.testing.assert_allclose(center_of(crop.bits > 0), center_of(crop.pixels > 0.5), atol=0.6)
    assert np.std([bent(384, 0.6, rng) for _ in range(20)]) > 1.0


def test_a_picture_that_travelled_keeps_its_place_and_depends_on_its_seed_alone():
    rows, columns = np.indices((128, 128))
    disc = (np.hypot(rows - 70, columns - 50) < 20).astype(np.float32) * np.float32(0.6) + np.float32(0.2)
    for seed in range(25):
        sent = travelled(disc, np.random.default_rng(seed))
        np.testing.assert_array_equal(sent, travelled(disc, np.random.default_rng(seed)))
        assert sent.shape == disc.shape
        assert sent.dtype == np.float32
        found = np.argwhere(sent > 0.5)
        np.testing.assert_allclose(found.mean(axis=0), [70, 50], atol=1.5)


def test_travelling_leaves_the_blocks_of_a_compression_behind():
    """A smooth ramp has no edges; after scaling and JPEG at low quality, some pictures show steps at block borders."""
    ramp = np.linspace(0.2, 0.8, 128, dtype=np.float32) * np.ones((128, 1), dtype=np.float32)
    curvature = [np.abs(np.diff(travelled(ramp, np.random.default_rng(seed)), 2, axis=1)).max() for seed in range(30)]
    assert np.abs(np.diff(ramp, 2, axis=1)).max() < 1e-6
    assert np.median(curvature) > 0.003
