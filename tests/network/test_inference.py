from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ho_imaging.errors import UsageError
from ho_imaging.network import inference, load_model, predict
from ho_imaging.network.calibration import Calibration
from ho_imaging.network.model_store import save_model
from ho_imaging.vocabulary import Structure


@pytest.fixture
def model(model_folder):
    return load_model(model_folder, device="cpu", precision="float32")


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (37, 53), (64, 64), (129, 71)])
def test_maps_have_the_films_shape_whatever_its_size(model, make_prepared, rows, columns):
    prediction = predict(model, make_prepared(rows, columns))
    assert set(prediction.probabilities) == set(Structure)
    for probability in prediction.probabilities.values():
        assert probability.shape == (rows, columns)
        assert probability.dtype == np.float32
        assert np.isfinite(probability).all()
        assert probability.min() >= 0
        assert probability.max() <= 1
    assert prediction.model == model.identity
    assert prediction.scope_probability is None


def test_tiles_agree_with_the_whole_film(model, make_prepared, monkeypatch):
    film = make_prepared(300, 420)
    whole, whole_scope = inference.predict_logits(model.net, film.pixels, film.valid)
    monkeypatch.setattr(inference, "TILE", 160)
    monkeypatch.setattr(inference, "OVERLAP", 96)
    tiled, tiled_scope = inference.predict_logits(model.net, film.pixels, film.valid, max_pixels=1)
    assert np.abs(whole - tiled).max() < 0.02 * whole.std()
    assert tiled_scope == pytest.approx(whole_scope, abs=0.05)


@given(length=st.integers(1, 5000), tile=st.integers(8, 40), overlap=st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_tiles_leave_no_gap(length, tile, overlap):
    tile, overlap = tile * 32, overlap * 32
    starts = inference._starts(length, tile, overlap)
    covered = np.zeros(length)
    for start in starts:
        end = min(start + tile, length)
        assert start < length
        weight = inference._ramp(end - start, overlap, open_start=start == 0, open_end=start + tile >= length)
        assert (weight > 0).all()
        covered[start:end] += weight
    assert covered.min() > 1e-4
    # Wherever two tiles meet, one of them counts in full measure or nearly so.
    assert (covered > 0.5).all()


def test_bfloat16_is_close_to_float32(model_folder, make_prepared):
    film = make_prepared(96, 128)
    exact = predict(load_model(model_folder, device="cpu", precision="float32"), film)
    rounded = predict(load_model(model_folder, device="cpu", precision="bfloat16"), film)
    for structure in Structure:
        difference = np.abs(exact.probabilities[structure] - rounded.probabilities[structure])
        assert difference.mean() < 0.01
        assert difference.max() < 0.1


def test_threads_share_a_model_and_agree(model, make_prepared):
    films = [make_prepared(64 + 8 * seed, 96, seed=seed) for seed in range(6)]
    alone = [predict(model, film) for film in films]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda film: predict(model, film), films))
    for one, other in zip(alone, together, strict=True):
        for structure in Structure:
            np.testing.assert_array_equal(one.probabilities[structure], other.probabilities[structure])


def test_what_is_not_valid_is_never_read_and_never_marked(model, make_prepared):
    film = make_prepared(80, 80)
    valid = film.valid.copy()
    valid[:, 60:] = False
    hidden = dataclasses.replace(film, valid=valid)
    scribbled = dataclasses.replace(hidden, pixels=np.where(valid, film.pixels, np.float32(np.nan)))
    first, second = predict(model, hidden), predict(model, scribbled)
    for structure in Structure:
        np.testing.assert_array_equal(first.probabilities[structure], second.probabilities[structure])
        assert (first.probabilities[structure][:, 60:] == 0).all()


def test_calibration_is_applied_to_the_logit(tmp_path, make_net, make_prepared):
    net = make_net()
    for name, calibration in {"plain": Calibration(), "bent": Calibration(temperature=2.0, bias=-1.0)}.items():
        save_model(
            tmp_path / name,
            net,
            name=name,
            version="1",
            structures=tuple(Structure),
            calibration={Structure.HO: calibration},
            scope_threshold=0.5,
        )
    film = make_prepared(64, 64)
    plain, bent = (
        predict(load_model(tmp_path / name, device="cpu", precision="float32"), film) for name in ("plain", "bent")
    )
    p, q = (prediction.probabilities[Structure.HO].astype(np.float64) for prediction in (plain, bent))
    np.testing.assert_allclose(np.log(q / (1 - q)), np.log(p / (1 - p)) / 2 - 1, atol=1e-3)
    assert 0 < plain.scope_probability < 1


def test_flipping_makes_the_prediction_mirror_symmetric(model, make_prepared):
    film = make_prepared(64, 64)
    mirrored = dataclasses.replace(film, pixels=np.ascontiguousarray(film.pixels[:, ::-1]))
    one = predict(model, film, flip=True).probabilities[Structure.HO]
    other = predict(model, mirrored, flip=True).probabilities[Structure.HO]
    np.testing.assert_allclose(one, other[:, ::-1], atol=1e-5)


def test_shapes_that_disagree_are_an_error(model):
    with pytest.raises(UsageError):
        inference.predict_logits(model.net, np.zeros((8, 8), dtype=np.float32), np.ones((8, 9), dtype=bool))


def test_loading_leaves_the_callers_gradients_alone(model, make_prepared):
    predict(model, make_prepared(32, 32))
    assert torch.is_grad_enabled()
