from __future__ import annotations

import numpy as np
import pytest
import torch

from ho_imaging.training.batches import FILM_LANES, StepBatches, nodule_weights
from ho_imaging.training.cases import IGNORE_BIT, MIMIC_BIT, list_cases
from ho_imaging.training.config import load_config


def batches(toy_config, toy_film_maker):
    config = load_config(toy_config)
    return StepBatches(list_cases(config.data.cases, "train"), config, toy_film_maker, 100)


def test_a_batch_has_the_documented_shapes(toy_config, toy_film_maker):
    batch = batches(toy_config, toy_film_maker)[0]
    assert batch.films.shape == (4, 2, 64, 64)
    assert batch.films.dtype == torch.float32
    assert batch.bits.shape == batch.ho_weight.shape == (4, 64, 64)
    assert batch.scope.shape == (4,)
    assert set(batch.films[:, 1].unique().tolist()) <= {0.0, 1.0}


def test_a_step_gives_the_same_batch_every_time_and_another_gives_another(toy_config, toy_film_maker):
    first, again, other = (batches(toy_config, toy_film_maker)[step] for step in (7, 7, 8))
    for one, two in zip(first, again, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert not torch.equal(first.films, other.films)


def test_crops_favour_nodules(toy_config, toy_film_maker):
    """Of crops from films with HO most show some: they are cut around nodules."""
    shown = [
        (batch.bits & 1).flatten(1).any(1)[batch.scope == 1]
        for batch in map(batches(toy_config, toy_film_maker).__getitem__, range(20))
    ]
    assert torch.cat(shown).float().mean() > 0.6


def test_coarse_steps_show_as_much_of_the_film_in_half_the_pixels_a_side(toy_config, toy_film_maker):
    plain = "scale_range = [1.0, 1.0]\nrotation_deg = 0.0\nbend_share = 0.0\nho_share = 0.0\ncoarse_steps = 1\n"
    text = toy_config.read_text().replace("crop_sizes = [64]", "crop_sizes = [64]\n" + plain)
    toy_config.write_text(text)
    coarse, fine = (batches(toy_config, toy_film_maker)[step] for step in (0, 1))
    assert coarse.films.shape == (4, 2, 32, 32)
    assert fine.films.shape == (4, 2, 64, 64)
    largest = [int((batch.bits >> 3 & 1).flatten(1).sum(1).max()) for batch in (coarse, fine)]
    head_px = np.pi * (0.12 * 150) ** 2
    assert largest[1] <= 1.05 * head_px
    assert 0.2 * head_px < largest[0] < 1.05 * head_px / 4


def test_crops_are_cut_at_the_pixel_size_the_network_sees(toy_config, toy_film_maker):
    """The cases are of 0.6 mm: at 0.3 mm the same patient is four times as large in pixels."""
    plain = "scale_range = [1.0, 1.0]\nrotation_deg = 0.0\nbend_share = 0.0\nho_share = 0.0\n"
    text = toy_config.read_text().replace("crop_sizes = [64]", "crop_sizes = [128]\n" + plain)
    text = text.replace(f"pixels_per_batch = {4 * 64 * 64}", f"pixels_per_batch = {8 * 128 * 128}")
    largest = []
    for pixel_mm in (0.6, 0.3):
        toy_config.write_text(f"{text}\n[preparation]\npixel_mm = {pixel_mm}\n")
        crops = torch.cat([batches(toy_config, toy_film_maker)[step].bits for step in range(8)])
        largest.append(int((crops >> 3 & 1).flatten(1).sum(1).max()))
    head_px = np.pi * (0.12 * 150) ** 2
    assert largest[0] == pytest.approx(head_px, rel=0.05)
    assert largest[1] == pytest.approx(4 * head_px, rel=0.05)


def test_steps_that_share_films_cut_other_crops_and_depend_on_the_step_alone(toy_config, toy_film_maker):
    made = []

    def counted(case, rng):
        made.append(case)
        return toy_film_maker(case, rng)

    config = load_config(toy_config)
    shared = config.model_copy(update={"data": config.data.model_copy(update={"steps_per_film": 3})})
    steps = [FILM_LANES * step for step in range(3)]
    cases = list_cases(config.data.cases, "train")
    reader = StepBatches(cases, shared, counted, 100)
    first = [reader[step] for step in steps]
    films = len(made)
    assert not torch.equal(first[0].films, first[1].films)
    again = StepBatches(cases, shared, toy_film_maker, 100)[steps[2]]
    torch.testing.assert_close(first[2], again, rtol=0, atol=0)
    _ = reader[FILM_LANES * 3]
    assert len(made) == 2 * films


@pytest.mark.parametrize("steps_per_film", [1, 3])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_batches_do_not_depend_on_the_number_of_workers(toy_config, toy_film_maker, steps_per_film, workers):
    """Each of some workers takes every so-many-th step, as a data loader gives them out."""
    config = load_config(toy_config)
    cases = list_cases(config.data.cases, "train")
    data = config.data.model_copy(update={"steps_per_film": steps_per_film})
    run = config.run.model_copy(update={"workers": workers})
    shared = config.model_copy(update={"data": data, "run": run})
    readers = [StepBatches(cases, shared, toy_film_maker, 100) for _ in range(workers)]
    alone = config.model_copy(update={"data": data, "run": config.run.model_copy(update={"workers": 0})})
    for step in range(8):
        expected = StepBatches(cases, alone, toy_film_maker, 100)[step]
        for one, two in zip(readers[step % workers][step], expected, strict=True):
            torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_one_process_makes_no_film_of_shared_steps_twice(toy_config, toy_film_maker):
    made = []

    def counted(case, rng):
        made.append(case)
        return toy_film_maker(case, rng)

    config = load_config(toy_config)
    shared = config.model_copy(update={"data": config.data.model_copy(update={"steps_per_film": 3})})
    reader = StepBatches(list_cases(config.data.cases, "train"), shared, counted, 100)
    _ = [reader[step] for step in range(FILM_LANES)]
    films = len(made)
    _ = [reader[step] for step in range(FILM_LANES, 3 * FILM_LANES)]
    assert len(made) == films


def test_small_nodules_weigh_by_the_root_of_their_area():
    bits = np.zeros((60, 60), dtype=np.uint16)
    bits[5:15, 5:15] = 1  # 100 px
    bits[30:50, 30:50] = 1  # 400 px
    bits[55:57, 5:7] = 1  # 4 px, at the limit
    bits[50:60, 50:60] = 64
    weights = nodule_weights(bits, small_area_px=400.0, max_weight=5.0)
    assert weights[10, 10] == 2.0
    assert weights[40, 40] == 1.0
    assert weights[55, 5] == 5.0
    assert weights[20, 50] == 1.0
    assert (weights[50:, 50:] == 0).all()


def test_mimics_weigh_more_where_there_is_no_nodule():
    bits = np.zeros((30, 30), dtype=np.uint16)
    bits[5:15, 5:15] = 1
    bits[10:20, 10:20] |= 1 << MIMIC_BIT
    weights = nodule_weights(bits, small_area_px=400.0, max_weight=5.0, mimic_weight=3.0)
    assert (weights[5:15, 5:15] == 2.0).all()
    assert weights[19, 19] == 3.0
    assert weights[25, 25] == 1.0


def test_beside_a_nodule_every_pixel_weighs_as_the_nodule_does():
    """Too wide and too narrow an outline must cost alike."""
    bits = np.zeros((40, 40), dtype=np.uint16)
    bits[15:25, 15:25] = 1
    weights = nodule_weights(bits, small_area_px=400.0, max_weight=5.0)
    assert (weights[11:29, 20] == 2.0).all()
    assert (weights[[10, 29], 20] == 1.0).all()


def test_the_fringe_of_a_nodule_counts_in_part_and_metal_never():
    bits = np.zeros((40, 40), dtype=np.uint16)
    bits[15:25, 15:25] = 1
    bits[15:25, 25:27] = 1 << IGNORE_BIT  # fringe
    bits[15:25, 15:17] |= 1 << IGNORE_BIT  # behind metal
    bits[0:5, 0:5] = 1 << IGNORE_BIT  # a nodule too thin to show
    weights = nodule_weights(bits, small_area_px=400.0, max_weight=5.0, fringe_share=0.25)
    assert (weights[15:25, 25:27] == 0.5).all()
    assert not weights[15:25, 15:17].any()
    assert not weights[0:5, 0:5].any()
    assert not nodule_weights(bits, small_area_px=400.0, max_weight=5.0)[15:25, 25:27].any()
