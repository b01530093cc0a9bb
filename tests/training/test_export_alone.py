"""A model of reviewed films alone: what they cannot tell comes from the model that the run began from."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest
import torch

from ho_imaging.network.calibration import Calibration
from ho_imaging.network.model_store import find_model, load_weights, read_description, save_model
from ho_imaging.network.unet import UNet
from ho_imaging.training import averaging, train
from ho_imaging.training.averaging import halfway
from ho_imaging.training.batches import StepBatches
from ho_imaging.training.config import load_config
from ho_imaging.training.export import export_model
from ho_imaging.training.films import Film
from ho_imaging.training.reviewed_films import ReviewedFilm, ReviewedInfo, list_films, write_film
from ho_imaging.vocabulary import Structure

THRESHOLDS = {structure: 0.31 + 0.01 * number for number, structure in enumerate(Structure)}
CALIBRATION = {s: Calibration(temperature=1.0 + number / 8, bias=-0.25) for number, s in enumerate(Structure)}


@pytest.fixture
def alone(tmp_path, toy_config):
    """A configuration of nothing but reviewed films, all of them in scope, with bright discs of bone."""
    (tmp_path / "films").mkdir()
    rows, columns = np.indices((150, 130))
    for seed in range(5):
        ho = ((rows - 40 - 10 * seed) ** 2 + (columns - 40) ** 2 <= 100).astype(np.uint8)
        pixels = (0.2 + 0.6 * ho + np.random.default_rng(seed).normal(0, 0.02, ho.shape)).clip(0, 1).astype(np.float32)
        info = ReviewedInfo(pixel_mm=0.6, split="val" if seed == 4 else "train")
        film = ReviewedFilm(info, Film(pixels, np.ones(ho.shape, dtype=bool), ho))
        write_film(tmp_path / "films" / f"film_{seed}.safetensors", film)
    shutil.rmtree(tmp_path / "cases")
    text = toy_config.read_text().replace("= 12", "= 4")
    toy_config.write_text(text.replace("[data]", '[data]\nfilms = "films"\nfilm_share = 1.0'))
    return toy_config


@pytest.fixture
def base(tmp_path, alone):
    config = load_config(alone)
    torch.manual_seed(0)
    return save_model(
        tmp_path / "base",
        UNet(config.network, len(config.structures)),
        name="base",
        version="7",
        structures=config.structures,
        preparation=config.preparation,
        thresholds={structure: THRESHOLDS[structure] for structure in config.structures},
        calibration={structure: CALIBRATION[structure] for structure in config.structures},
        scope_threshold=0.125,
        scope_calibration=Calibration(temperature=2.0, bias=0.5),
    )


@pytest.mark.parametrize("named", ["by the run", "by halfway"])
def test_what_reviewed_films_do_not_tell_is_the_models(tmp_path, alone, base, caplog, monkeypatch, named):
    monkeypatch.setattr(averaging, "BATCHES", 2)
    begun = {"init": tmp_path / "base"} if named == "by the run" else {}
    train(alone, tmp_path / "run", **begun)
    option = {} if begun else {"halfway_to": tmp_path / "base"}
    with caplog.at_level(logging.WARNING):
        made = export_model(alone, tmp_path / "run", tmp_path / "m", version="1", **option)
    for structure in set(made.structures) - {Structure.HO}:
        assert made.thresholds[structure] == THRESHOLDS[structure]
        assert made.calibration[structure] == CALIBRATION[structure]
        assert f"threshold of {structure}; using that of base 7" in caplog.text
    assert made.calibration[Structure.HO] != CALIBRATION[Structure.HO], "films tell bone"
    assert (made.scope_threshold, made.scope_calibration) == (0.125, Calibration(temperature=2.0, bias=0.5))
    card = (tmp_path / "m" / "MODEL_CARD.md").read_text()
    assert "| dice_ho |" in card
    assert "dice_femur" not in card, "nobody knows the femur on these films"


@pytest.mark.parametrize("gone", [False, True])
def test_without_a_model_to_ask_defaults_are_taken_and_said(tmp_path, alone, base, caplog, gone):
    train(alone, tmp_path / "run", init=tmp_path / "base" if gone else None)
    shutil.rmtree(tmp_path / "base")
    with caplog.at_level(logging.WARNING):
        made = export_model(alone, tmp_path / "run", tmp_path / "m", version="1")
    assert (made.thresholds[Structure.FEMUR], made.calibration[Structure.FEMUR]) == (0.5, Calibration())
    assert made.scope_threshold == 0.0
    assert "scope threshold (0 lets every film through); using a default" in caplog.text
    assert "threshold of femur; using a default" in caplog.text
    assert (f"{tmp_path / 'base'}: has no model.toml" in caplog.text) == gone
    assert find_model(tmp_path / "m") == tmp_path / "m"
    assert read_description(tmp_path / "m") == made


def test_normalisation_halfway_is_measured_on_the_sites_films(tmp_path, alone, base):
    """The statistics of the first layer are those of what its kernels make of the crops of these films."""
    config = load_config(alone)
    state = load_weights(tmp_path / "base")[1]
    found = halfway(state, tmp_path / "base", config, no_film)
    batches = StepBatches([], config, no_film, averaging.BATCHES, films=list_films(tmp_path / "films", "train"))
    films = torch.cat([batches[step].films for step in range(averaging.BATCHES)])
    seen = torch.nn.functional.conv2d(films, state["stem.conv.weight"], stride=2, padding=2)
    mean, spread = seen.mean((0, 2, 3)), seen.std((0, 2, 3))
    torch.testing.assert_close(found["stem.norm.running_mean"], mean, rtol=0.02, atol=0.02 * float(spread.min()))


def no_film(_case, _rng):
    raise AssertionError("there is no case to make a film of")
