"""A resumed or exported run must have the configuration that it was started with."""

from __future__ import annotations

import json

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ho_imaging.errors import UsageError
from ho_imaging.training import loop, train
from ho_imaging.training.export import export_model
from ho_imaging.training.loop import BEST_FILE, CONFIG_FILE, LAST_FILE

STRUCTURES = "[loss.structures]\nho = 3.0\nbody = 1.0\n"


@pytest.fixture
def config(toy_config):
    toy_config.write_text(
        f"{toy_config.read_text().replace('= 12', '= 2')}\n[preparation]\npixel_mm = 0.6\n{STRUCTURES}"
    )
    return toy_config


def replaced(path, old, new):
    text = path.read_text()
    assert old in text
    other = path.with_name("other.toml")
    other.write_text(text.replace(old, new))
    return other


def make_old(path, **progress):
    """Take from a checkpoint what older ones did not have."""
    tensors = load_file(path)
    with safe_open(str(path), framework="pt") as file:
        said = json.loads(file.metadata()["progress"])
    del said["began_from"]
    save_file(tensors, path, metadata={"progress": json.dumps(said | progress)})


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (STRUCTURES, "[loss.structures]\nbody = 1.0\nho = 3.0\n", "loss.structures"),
        ("widths = [8, 12, 16]", "widths = [8, 12, 20]", "network.widths"),
        ("pixel_mm = 0.6", "pixel_mm = 0.5", "preparation.pixel_mm"),
        ("[optimiser]", '[optimiser]\nkernels = "muon"', "optimiser.kernels"),
    ],
)
def test_another_configuration_is_refused_before_anything_is_written(tmp_path, config, toy_film_maker, old, new, named):
    run = tmp_path / "run"
    train(config, run, make_film=toy_film_maker)
    other = replaced(config, old, new)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(UsageError, match=rf"{LAST_FILE}: was made with {named} = "):
        train(other, run, make_film=toy_film_maker)
    with pytest.raises(UsageError, match=rf"{BEST_FILE}: was made with {named} = "):
        export_model(other, run, tmp_path / "m", version="1", make_film=toy_film_maker)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert not (tmp_path / "m").exists()


def test_what_may_change_on_the_way_does(tmp_path, config, toy_film_maker):
    run = tmp_path / "run"
    train(config, run, make_film=toy_film_maker)
    longer = replaced(replaced(config, "steps = 2", "steps = 3"), "ho = 3.0", "ho = 4.0")
    assert train(longer, run, make_film=toy_film_maker).step == 3
    assert (run / CONFIG_FILE).read_text() == longer.read_text()


def test_data_that_cannot_be_trained_on_leaves_a_run_as_it_was(tmp_path, config, toy_film_maker):
    run = tmp_path / "run"
    train(config, run, make_film=toy_film_maker)
    other = replaced(config, 'cases = "cases"', 'cases = "none"')
    with pytest.raises(UsageError, match="no training cases"):
        train(other, run, make_film=toy_film_maker)
    assert (run / CONFIG_FILE).read_text() == config.read_text()


@pytest.mark.parametrize(("first", "then"), [("adamw", "muon"), ("muon", "adamw")])
def test_older_checkpoints_go_on_with_the_kernels_they_hold(tmp_path, config, toy_film_maker, first, then):
    run = tmp_path / "run"
    config.write_text(config.read_text().replace("[optimiser]", f'[optimiser]\nkernels = "{first}"'))
    train(config, run, make_film=toy_film_maker)
    make_old(run / LAST_FILE)
    with pytest.raises(UsageError, match=f"{first}.*{then}"):
        train(replaced(config, first, then), run, make_film=toy_film_maker)
    assert train(replaced(config, "steps = 2", "steps = 3"), run, make_film=toy_film_maker).step == 3


def test_coarse_steps_are_for_random_weights(tmp_path, config, toy_film_maker, monkeypatch):
    """Whether it is begun, gone on with as it was begun, or gone on with by the folder alone."""
    sizes = []
    real_step = loop._Run._step

    def step(self, batch, *args):
        sizes.append(batch.films.shape[-1])
        real_step(self, batch, *args)

    monkeypatch.setattr(loop._Run, "_step", step)
    config.write_text(config.read_text().replace("[data]", "[data]\ncoarse_steps = 1000"))
    first, tuned = tmp_path / "first", tmp_path / "tuned"

    def sizes_of(run, steps, **options):
        sizes.clear()
        train(replaced(config, "steps = 2", f"steps = {steps}"), run, make_film=toy_film_maker, **options)
        return sizes.copy()

    assert sizes_of(first, 2) == [32, 32]
    model = tmp_path / "model"
    export_model(config, first, model, version="1", make_film=toy_film_maker)
    assert sizes_of(first, 3, init=model) == [32], "it has begun from random weights"
    assert sizes_of(tuned, 2, init=model) == [64, 64]
    assert sizes_of(tuned, 3) == [64]
    assert sizes_of(tuned, 4, init=model) == [64]
    make_old(tuned / LAST_FILE)
    assert sizes_of(tuned, 5, init=model) == [64]


def test_a_model_is_made_anew_with_the_configuration_it_carries(tmp_path, config, toy_film_maker):
    train(config, tmp_path / "run", make_film=toy_film_maker)
    options = {"version": "1", "cases_dir": tmp_path / "cases", "make_film": toy_film_maker}
    first = export_model(config, tmp_path / "run", tmp_path / "m", **options)
    assert export_model(tmp_path / "m" / "training.toml", tmp_path / "run", tmp_path / "m", **options) == first
    assert (tmp_path / "m" / "training.toml").read_text() == config.read_text()
