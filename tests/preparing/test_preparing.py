"""One scale, one grid, nothing lost, and the exact way back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ho_imaging.preparing import (
    PreparationContract,
    mask_to_prepared,
    normalise_intensity,
    prepare,
    probability_to_source,
    resample,
)
from ho_imaging.preparing.collimation import ExposedArea, find_exposed_area
from ho_imaging.preparing.resample import cells_to_prepared, grid_for, part_to_prepared
from ho_imaging.vocabulary import Region, SpacingBasis

RNG = np.random.default_rng(0)


def film(shape, seed=0):
    """A picture with large and small structure and noise, nowhere flat."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape) / max(shape)
    smooth = np.sin(7 * rows + 1) * np.cos(5 * columns) + rows
    return (0.5 + 0.2 * smooth + 0.03 * rng.standard_normal(shape)).astype(np.float32)


grids = st.tuples(
    st.integers(60, 400),
    st.integers(60, 400),
    st.floats(0.1, 0.9),
    st.floats(0.1, 0.9),
    st.integers(0, 20),
    st.integers(0, 20),
)


def grid_of(values):
    rows, columns, row_mm, column_mm, top, left = values
    return grid_for((rows, columns), slice(top, rows - 3), slice(left, columns), (0.6 / row_mm, 0.6 / column_mm))


@given(grids, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_points_come_back_where_they_were(values, seed):
    grid = grid_of(values)
    points = np.random.default_rng(seed).uniform(-50, 500, (20, 2))
    assert grid.points_to_source(grid.points_to_prepared(points)) == pytest.approx(points, abs=1e-6)
    # The corner of the kept part is the corner of the prepared grid: half a cell before the first centre.
    corner = grid.points_to_source(np.array([[-0.5, -0.5]]))[0]
    assert corner == pytest.approx([values[4] - 0.5, values[5] - 0.5], abs=1e-9)


@given(grids, st.floats(0.36, 0.64), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_straight_edge_comes_back_within_half_a_source_pixel(values, where, across, flip_rows, flip_columns):
    grid = grid_of(values)
    rows, columns = grid.source_shape
    mask = np.zeros(grid.source_shape, dtype=bool)
    if across:
        mask[:, : round(where * columns)] = True
    else:
        mask[: round(where * rows)] = True
    mask = mask[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    back = probability_to_source(mask_to_prepared(mask, grid), grid)
    line = (back[rows // 2] if across else back[:, columns // 2]).astype(np.float64)
    truth = mask[rows // 2] if across else mask[:, columns // 2]
    inside = slice(max(values[5 if across else 4], 1), (columns if across else rows - 3) - 1)
    edge = np.flatnonzero(np.diff(truth[inside].astype(int)))
    assert len(edge) == 1
    crossing = np.flatnonzero(np.diff((line[inside] >= 0.5).astype(int)))
    assert len(crossing) == 1
    left, right = line[inside][crossing[0]], line[inside][crossing[0] + 1]
    exact = crossing[0] + (0.5 - left) / (right - left)
    # The mask's edge lies halfway between its last and the next pixel. A cell covered to a share a by it comes back
    # wrong by (a - 1/2)(1 - a) / a cells, at most 0.0858: half a source pixel of 0.103 mm, 0.05 mm for finer ones.
    cell = grid.column_scale if across else grid.row_scale
    assert abs(exact - (edge[0] + 0.5)) <= max(0.5, 0.0858 * cell) + 1e-3


@given(st.integers(0, 50), st.floats(0.02, 50), st.floats(-100, 100))
@settings(max_examples=25, deadline=None)
def test_the_scale_does_not_depend_on_brightness_and_contrast(seed, gain, offset):
    pixels = film((80, 90), seed)
    first = normalise_intensity(pixels)
    second = normalise_intensity((pixels.astype(np.float64) * gain + offset).astype(np.float32))
    assert np.abs(first - second).max() < 0.02
    assert first.min() >= 0
    assert first.max() <= 1


def test_a_makers_tone_curve_is_mostly_undone_and_order_is_kept():
    pixels = np.clip(film((200, 200)), 0.01, None)
    plain, curved = normalise_intensity(pixels), normalise_intensity(pixels**1.8)
    linear = (pixels - pixels.min()) / np.ptp(pixels)
    before = np.abs(linear - (pixels**1.8 - (pixels**1.8).min()) / np.ptp(pixels**1.8)).mean()
    assert np.abs(plain - curved).mean() < 0.6 * before
    order = np.argsort(pixels, axis=None)
    assert (np.diff(plain.ravel()[order]) >= -1e-6).all()


def test_a_faint_nodule_keeps_at_least_forty_percent_of_its_contrast():
    pixels = film((300, 300))
    faint = pixels.copy()
    faint[140:160, 140:160] += 0.02
    span = float(np.percentile(pixels, 99.7) - np.percentile(pixels, 0.5))
    change = (normalise_intensity(faint) - normalise_intensity(pixels))[140:160, 140:160].mean()
    assert change >= 0.4 * 0.02 / span * 0.95


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("borders", [(0, 0, 0, 0), (30, 0, 0, 0), (0, 0, 25, 40), (20, 30, 40, 50)])
def test_shutters_are_left_out_and_nothing_else(value, borders):
    top, bottom, left, right = borders
    pixels = film((400, 500))
    inside = np.zeros(pixels.shape, dtype=bool)
    inside[top : 400 - bottom, left : 500 - right] = True
    pixels[~inside] = value
    area = find_exposed_area(pixels)
    valid = np.zeros(pixels.shape, dtype=bool)
    valid[area.rows, area.columns] = area.valid
    assert (valid & ~inside).sum() <= 0.01 * inside.sum()
    assert (inside & ~valid).sum() <= 0.005 * inside.sum()


@pytest.mark.parametrize("seed", range(6))
def test_a_coarse_mask_covers_as_much_of_each_prepared_pixel_as_the_same_mask_in_stored_pixels(seed):
    rng = np.random.default_rng(seed)
    cells = rng.random((90, 70)) > 0.4
    rows, columns = slice(7, 7 + 90 * 3 - seed), slice(0, 70 * 3 - seed % 2)
    grid = grid_for((400, 300), rows, columns, (1.3 + 0.4 * seed, 1.1 + 0.5 * seed))
    stored = ExposedArea(rows, columns, cells).valid
    np.testing.assert_allclose(cells_to_prepared(cells, grid), part_to_prepared(stored, grid), atol=1e-6)


def test_letters_in_the_shutter_keep_it_rather_than_lose_anatomy():
    pixels = film((400, 400))
    pixels[:40] = 0.0
    pixels[10:30, 100:300] = 1.0
    area = find_exposed_area(pixels)
    assert area.rows.stop == 400
    assert area.valid[-300:].all()


def test_a_blank_film_is_kept_whole():
    area = find_exposed_area(np.zeros((100, 120), np.float32))
    assert area.valid.shape == (100, 120)
    assert not normalise_intensity(np.zeros((100, 120), np.float32)).any()


def test_the_grid_has_the_pixel_size_asked_for(known):
    prepared = prepare(known.radiograph(film((600, 480)), spacing_mm=(0.2, 0.25)), PreparationContract(pixel_mm=0.6))
    assert prepared.pixels.shape == (round(600 * 0.2 / 0.6), round(480 * 0.25 / 0.6))
    assert prepared.scale.measured_mm == 0.6
    assert prepared.grid.row_scale == pytest.approx(3.0, rel=0.01)
    assert prepared.grid.column_scale == pytest.approx(2.4, rel=0.01)


def test_without_spacing_a_usual_field_is_assumed_and_said(known):
    radiograph = known.radiograph(film((860, 430)), spacing_mm=None, basis=SpacingBasis.NONE, region=Region.PELVIS)
    prepared = prepare(radiograph)
    assert prepared.scale.measured_mm is None
    assert prepared.pixels.shape[0] == pytest.approx(430 / 0.6, abs=1)
    again = prepare(radiograph, source_pixel_mm=0.3)
    assert again.pixels.shape == (round(860 * 0.3 / 0.6), round(430 * 0.3 / 0.6))


def test_padding_is_no_image(known):
    pixels = film((300, 300))
    padding = np.zeros((300, 300), dtype=bool)
    padding[:, :60] = True
    prepared = prepare(known.radiograph(pixels, padding=padding, spacing_mm=(0.6, 0.6)))
    assert prepared.grid.points_to_source(np.array([[0.0, 0.0]]))[0][1] >= 59
    assert prepared.valid.all()


def test_a_film_that_is_mostly_padding_keeps_what_is_film_and_nothing_else():
    """A small film on a large sheet: 9 % of it, and the file says so."""
    pixels = film((400, 400))
    padding = np.ones((400, 400), dtype=bool)
    padding[140:260, 150:270] = False
    pixels[padding] = 0.0
    area = find_exposed_area(pixels, padding)
    assert (area.rows.start, area.rows.stop, area.columns.start, area.columns.stop) == (140, 260, 150, 270)
    assert area.valid.all()
    flat = find_exposed_area(np.full((400, 400), 0.5, np.float32), padding)
    np.testing.assert_array_equal(flat.valid, ~padding)


def test_weighted_sums_of_rows_are_made_of_products_too_small_for_threads(monkeypatch):
    """OpenBLAS shares larger ones among threads, which spin beside those of the network."""
    image = np.random.default_rng(0).random((301, 5000), dtype=np.float32)
    weights = resample._weights_of_blocks(0, 2.94, 205, 301, 2)
    products, multiply = [], np.matmul

    def counted(first, second, out):
        products.append(first.shape[0] * first.shape[1] * second.shape[1])
        multiply(first, second, out=out)

    monkeypatch.setattr(resample.np, "matmul", counted)
    sums = weights.of_rows(image)
    dense = np.zeros((205, 301))
    np.add.at(dense, (np.arange(205)[:, None], weights.rows), weights.weights)
    assert np.allclose(sums, dense @ image, atol=1e-5)
    assert max(products) <= 1 << 18
