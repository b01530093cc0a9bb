from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.network import load_model
from ho_imaging.network.model_store import load_weights, read_description
from ho_imaging.training import loop, train
from ho_imaging.training.averaging import halfway
from ho_imaging.training.batches import StepBatches
from ho_imaging.training.cases import list_cases
from ho_imaging.training.config import OptimiserConfig, load_config
from ho_imaging.training.export import export_model
from ho_imaging.training.loop import LAST_FILE, LOG_FILE, learning_rate
from ho_imaging.training.mining import HardSpot, read_hard_spots, spot_name, write_hard_spots


def log_of(out_dir):
    return [json.loads(line) for line in (out_dir / LOG_FILE).read_text().splitlines()]


def with_steps(config_path, steps):
    text = config_path.read_text().replace("steps = 12", f"steps = {steps}")
    config_path.write_text(text)


def test_training_learns_and_the_result_can_be_used(tmp_path, toy_config, toy_film_maker):
    """Bright discs are easy: a tiny network finds most of them within seconds."""
    with_steps(toy_config, 300)
    progress = train(toy_config, tmp_path / "run", make_film=toy_film_maker)
    assert progress.step == 300
    scores = log_of(tmp_path / "run")[-1]
    assert scores["event"] == "validate"
    assert scores["dice_femoral_head"] > 0.8
    assert scores["dice_body"] > 0.9
    assert scores["dice_ho"] > 0.5

    export_model(toy_config, tmp_path / "run", tmp_path / "toy-1", version="1.0", make_film=toy_film_maker)
    description = read_description(tmp_path / "toy-1")
    assert description.training["steps"] == 300
    assert description.scope_threshold > 0
    assert description.usual_scope_logit is not None
    assert load_model(tmp_path / "toy-1").identity.name == "toy-1"


def test_a_run_may_begin_from_a_model(tmp_path, toy_config, toy_film_maker):
    """Fine-tuning starts from the model's weights: after no step at all they are what is kept."""
    train(toy_config, tmp_path / "run", make_film=toy_film_maker)
    export_model(toy_config, tmp_path / "run", tmp_path / "toy-1", version="1.0", make_film=toy_film_maker)
    with_steps(toy_config, 1)
    # At the first step of the warm-up next to nothing is learnt.
    train(toy_config, tmp_path / "tuned", init=tmp_path / "toy-1", make_film=toy_film_maker)
    train(toy_config, tmp_path / "anew", make_film=toy_film_maker)
    model = load_file(tmp_path / "toy-1" / "weights.safetensors")
    tuned, anew = (load_file(tmp_path / name / LAST_FILE) for name in ("tuned", "anew"))
    name = next(key for key, value in model.items() if value.ndim == 4)

    def distance(state):
        return float((next(v for k, v in state.items() if k.endswith(name)) - model[name]).norm())

    assert distance(tuned) < 0.1 * distance(anew)


def test_weights_halfway_are_the_mean_of_both(tmp_path, toy_config, toy_film_maker):
    def exported(name, **options):
        run = tmp_path / options.pop("run", f"run-{name}")
        train(toy_config, run, make_film=toy_film_maker)
        export_model(toy_config, run, tmp_path / name, version="1.0", make_film=toy_film_maker, **options)
        return load_file(tmp_path / name / "weights.safetensors")

    one = exported("one")
    toy_config.write_text(toy_config.read_text().replace("[run]", "[run]\nseed = 5"))
    other = exported("other")
    between = exported("between", run="run-other", halfway_to=tmp_path / "one")
    convolutions = [key for key, value in one.items() if value.ndim == 4]
    for key in convolutions:
        torch.testing.assert_close(between[key], (one[key] + other[key]) / 2)
    assert all(bool(value.isfinite().all()) for value in between.values())
    means = [key for key in between if key.endswith("running_mean")]
    assert any(not torch.allclose(between[key], (one[key] + other[key]) / 2) for key in means)


def test_normalisation_halfway_is_measured_at_full_size(tmp_path, toy_config, toy_film_maker):
    train(toy_config, tmp_path / "run", make_film=toy_film_maker)
    export_model(toy_config, tmp_path / "run", tmp_path / "one", version="1.0", make_film=toy_film_maker)
    state = load_file(tmp_path / "one" / "weights.safetensors")
    coarse = toy_config.with_name("coarse.toml")
    coarse.write_text(toy_config.read_text().replace("[data]", "[data]\ncoarse_steps = 1000"))
    fine, other = (halfway(state, tmp_path / "one", load_config(path), toy_film_maker) for path in (toy_config, coarse))
    for key, value in fine.items():
        torch.testing.assert_close(other[key], value)


def test_a_map_of_mimics_is_trained_and_left_out_of_the_model(tmp_path, toy_config, toy_film_maker):
    toy_config.write_text(toy_config.read_text() + "\n[loss]\nmimic = 0.5\nmimic_pixel_weight = 3.0\n")
    train(toy_config, tmp_path / "run", make_film=toy_film_maker)
    assert load_file(tmp_path / "run" / LAST_FILE)["net.head.bias"].shape == (4 * 7,)
    export_model(toy_config, tmp_path / "run", tmp_path / "toy-1", version="1.0", make_film=toy_film_maker)
    assert load_weights(tmp_path / "toy-1")[1]["head.bias"].shape == (4 * 6,)


def test_a_model_of_another_shape_is_no_beginning(tmp_path, toy_config, toy_film_maker):
    train(toy_config, tmp_path / "run", make_film=toy_film_maker)
    export_model(toy_config, tmp_path / "run", tmp_path / "toy-1", version="1.0", make_film=toy_film_maker)
    toy_config.write_text(toy_config.read_text().replace("widths = [8, 12, 16]", "widths = [8, 12, 20]"))
    with pytest.raises(UsageError, match="architecture"):
        train(toy_config, tmp_path / "tuned", init=tmp_path / "toy-1", make_film=toy_film_maker)


@pytest.mark.parametrize("kernels", ["adamw", "muon"])
def test_a_run_cut_in_two_gives_the_same_weights(tmp_path, toy_config, toy_film_maker, monkeypatch, kernels):
    text = toy_config.read_text()
    toy_config.write_text(text.replace("[optimiser]", f'[optimiser]\nkernels = "{kernels}"'))
    assert toy_config.read_text() != text
    whole = tmp_path / "whole"
    train(toy_config, whole, make_film=toy_film_maker)
    cut = tmp_path / "cut"

    class KilledError(Exception):
        pass

    real_step = loop._Run._step

    def step_then_die(self, *args):
        if self.progress.step == 7:
            self._checkpoint(LAST_FILE)
            raise KilledError
        real_step(self, *args)

    monkeypatch.setattr(loop._Run, "_step", step_then_die)
    with pytest.raises(KilledError):
        train(toy_config, cut, make_film=toy_film_maker)
    monkeypatch.setattr(loop._Run, "_step", real_step)
    assert train(toy_config, cut, make_film=toy_film_maker).step == 12
    one, other = load_file(whole / LAST_FILE), load_file(cut / LAST_FILE)
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_workers_give_the_batches_one_process_gives(tmp_path, toy_config, monkeypatch):
    # Workers are fresh processes that import the film maker by name.
    shutil.copyfile(Path(__file__).with_name("conftest.py"), tmp_path / "toys_for_workers.py")
    monkeypatch.syspath_prepend(tmp_path)
    toy_film = importlib.import_module("toys_for_workers").toy_film
    with_steps(toy_config, 4)
    train(toy_config, tmp_path / "alone", make_film=toy_film)
    toy_config.write_text(toy_config.read_text().replace("workers = 0", "workers = 2"))
    train(toy_config, tmp_path / "helped", make_film=toy_film)
    one, other = (load_file(tmp_path / name / LAST_FILE) for name in ("alone", "helped"))
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_a_budget_of_minutes_ends_the_run(tmp_path, toy_config, toy_film_maker):
    with_steps(toy_config, 1_000_000)
    progress = train(toy_config, tmp_path / "run", max_minutes=0.03, make_film=toy_film_maker)
    assert 0 < progress.step < 1_000_000
    assert progress.seconds >= 0.03 * 60
    again = train(toy_config, tmp_path / "run", max_minutes=0.03, make_film=toy_film_maker)
    assert again.step == progress.step


def test_the_learning_rate_rises_then_falls():
    config = OptimiserConfig(learning_rate=1.0, warmup_share=0.1, final_share=0.01)
    assert learning_rate(config, 0.0) == pytest.approx(1e-3)
    assert learning_rate(config, 0.05) == pytest.approx(0.5)
    assert learning_rate(config, 0.1) == pytest.approx(1.0)
    assert learning_rate(config, 0.55) == pytest.approx((1.0 + 0.01) / 2)
    assert learning_rate(config, 1.0) == learning_rate(config, 1.2) == pytest.approx(0.01)


@pytest.mark.parametrize("minutes", [100.0, 400.0])
def test_a_level_rate_is_the_same_however_long_the_run_until_it_falls(minutes):
    """The end of a run may be put off while its rate has not begun to fall: what was trained stays what it was."""
    config = OptimiserConfig(learning_rate=1.0, warmup_share=0.0, final_share=0.01, decay_share=0.25)
    assert learning_rate(config, 70.0 / minutes) == 1.0
    assert learning_rate(config, 0.875) == pytest.approx((1.0 + 0.01) / 2)
    assert learning_rate(config, 1.0) == pytest.approx(0.01)


def test_a_rate_that_never_falls_is_level_to_the_end():
    config = OptimiserConfig(learning_rate=1.0, warmup_share=0.0, decay_share=0.0)
    assert learning_rate(config, 1.0) == learning_rate(config, 0.5) == 1.0


def test_a_finished_folder_is_not_overwritten(tmp_path, toy_config, toy_film_maker):
    with_steps(toy_config, 1)
    train(toy_config, tmp_path / "run", make_film=toy_film_maker)
    with pytest.raises(UsageError, match="already holds a run"):
        train(toy_config, tmp_path / "run", resume=False, make_film=toy_film_maker)


def test_a_damaged_checkpoint_is_named(tmp_path, toy_config, toy_film_maker):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LAST_FILE).write_bytes(b"\x80\x04N.")
    with pytest.raises(ReadError, match="not a checkpoint"):
        train(toy_config, tmp_path / "run", make_film=toy_film_maker)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("workers = 0", "wrokers = 0", "wrokers"),
        ("crop_sizes = [64]", "crop_sizes = [70]", "multiples of 8"),
        ("crop_sizes = [64]", "crop_sizes = [72]\ncoarse_steps = 1", "multiples of 16"),
        ("crop_size_shares = [1.0]", "crop_size_shares = [0.5, 0.5]", "same length"),
        ("learning_rate = 0.01", "learning_rate = -1", "learning_rate"),
        ("[optimiser]", "[loss.structures]\npelvis = 1.0\n[optimiser]", "loss.structures must contain ho"),
        ("steps = 12", "steps =", "TOML"),
    ],
)
def test_configurations_are_read_strictly(toy_config, old, new, named):
    toy_config.write_text(toy_config.read_text().replace(old, new))
    with pytest.raises(UsageError, match=named):
        load_config(toy_config)


def test_a_run_needs_an_end(tmp_path, toy_config):
    toy_config.write_text(toy_config.read_text().replace("steps = 12", ""))
    with pytest.raises(UsageError, match="neither minutes nor steps"):
        train(toy_config, tmp_path / "run")


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_is_above_nothing(tmp_path, toy_config, toy_film_maker, minutes):
    with pytest.raises(UsageError, match="greater than 0 minutes"):
        train(toy_config, tmp_path / "run", minutes, make_film=toy_film_maker)
    assert not (tmp_path / "run").exists()


def test_spots_count_on_the_cases_they_were_found_on_alone(tmp_path, toy_config, toy_film_maker):
    """Cases of another folder may have the same file names, or others: neither are they looked at where those went
    wrong, nor are those looked for."""
    toy_config.write_text(toy_config.read_text().replace("[run]", "hard_share = 1.0\n[run]"))
    config = load_config(toy_config)
    cases = list_cases(config.data.cases, "train")
    shutil.copytree(config.data.cases, tmp_path / "other")
    other = list_cases(tmp_path / "other", "train")

    def films(*spots):
        write_hard_spots(tmp_path / "hard.json", spots)
        return StepBatches(cases, config, toy_film_maker, 100, tmp_path / "hard.json")[3].films

    found = HardSpot(spot_name(cases[0]), 20.0, 30.0)
    elsewhere = [found._replace(case=spot_name(other[0])), found._replace(case=spot_name(other[0].with_name("no")))]
    without = films()
    assert torch.equal(films(*elsewhere), without)
    assert not torch.equal(films(found), without)
    assert torch.equal(films(found, *elsewhere), films(found))


@pytest.mark.parametrize("pixel_mm", [0.6, 0.4])
def test_places_that_went_wrong_are_found_and_shown_again(tmp_path, toy_config, toy_film_maker, pixel_mm):
    """An untrained network misses every disc: each is a hard spot, and later crops are cut about the spots."""
    toy_config.write_text(f"{toy_config.read_text()}\n[preparation]\npixel_mm = {pixel_mm}\n")
    text = toy_config.read_text().replace("[run]", "hard_share = 1.0\n[run]\nmine_minutes = 0.0001\nmine_films = 4")
    toy_config.write_text(text)
    with_steps(toy_config, 6)
    train(toy_config, tmp_path / "run", make_film=toy_film_maker)
    spots = read_hard_spots(tmp_path / "run" / "hard.json")
    assert spots
    assert any(entry["event"] == "mine" for entry in log_of(tmp_path / "run"))
    config = load_config(toy_config)
    cases = list_cases(config.data.cases, "train")
    assert {spot.case for spot in spots} <= {spot_name(path) for path in cases}
    batches = StepBatches(cases, config, toy_film_maker, 100, tmp_path / "run" / "hard.json")
    shown = torch.cat([(batches[step].bits & 1).flatten(1).any(1) for step in range(10)])
    assert shown.float().mean() > 0.6
    torch.testing.assert_close(batches[3].films, batches[3].films, rtol=0, atol=0)
