"""Nodules laid into finished films: where they may lie, what they change, and that the truth says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ho_imaging.simulation.scene import Layer
from ho_imaging.training.batches import StepBatches
from ho_imaging.training.cases import IGNORE_BIT, write_case
from ho_imaging.training.config import load_config
from ho_imaging.training.films import Film
from ho_imaging.training.laying_in import NEAR_MM, SEEN_TONE, beside_joint, lay_in, soft_tissue
from ho_imaging.training.reviewed_films import ReviewedFilm, ReviewedInfo, list_films, write_film

ROWS, COLUMNS = 200, 300


def a_leg(seed=0):
    """Soft tissue from column 20 on with a bright bone in columns 60 to 90, dark air before it."""
    pixels = np.full((ROWS, COLUMNS), 0.4, dtype=np.float32)
    pixels[:, :20] = 0.02
    pixels[:, 60:90] = 0.9
    pixels += np.random.default_rng(seed).normal(0.0, 0.01, pixels.shape).astype(np.float32)
    valid = np.ones(pixels.shape, dtype=bool)
    valid[:10] = False
    return Film(
        np.where(valid, np.clip(pixels, 0.0, 1.0), np.float32(0.0)), valid, np.zeros(pixels.shape, dtype=np.uint16)
    )


def a_ball(radius=7):
    rows, columns = np.indices((2 * radius + 3, 2 * radius + 3)) - radius - 1
    return (2.0 * np.sqrt(np.clip(radius**2 - rows**2 - columns**2, 0, None))).astype(np.float32)


def test_soft_tissue_is_near_bone_and_neither_bone_nor_air():
    film = a_leg()
    where = soft_tissue(film.pixels, film.valid, 0.6)
    assert where[100, 30:50].all()
    assert where[100, 100:140].all()
    assert not where[:, 60:90].any()
    assert not where[:, :16].any()
    assert not where[:10].any()
    reach_px = NEAR_MM / 0.6
    assert not where[:, int(90 + reach_px) + 3 :].any()


@pytest.mark.parametrize("pixels", [np.zeros((60, 60)), np.full((60, 60), 0.5)])
def test_a_film_without_tones_has_no_soft_tissue(pixels):
    assert not soft_tissue(pixels.astype(np.float32), np.ones(pixels.shape, dtype=bool), 0.6).any()
    assert not soft_tissue(pixels.astype(np.float32), np.zeros(pixels.shape, dtype=bool), 0.6).any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 4), blur=st.floats(0.4, 1.5))
def test_what_is_laid_in_is_what_the_truth_says(seed, count, blur):
    film = a_leg()
    where = soft_tissue(film.pixels, film.valid, 0.6)
    laid = lay_in(film, [a_ball(), a_ball(4)], where, count, np.random.default_rng(seed), blur_px=blur)
    assert 1 <= len(laid.masks) <= count
    together = np.sum(laid.masks, axis=0)
    assert together.max() == 1  # none over another
    for mask, place in zip(laid.masks, laid.places, strict=True):
        assert where[mask].mean() >= 0.9
        assert mask[place.top : place.top + place.height, place.left : place.left + place.width].sum() == mask.sum()
    change = laid.film.pixels - film.pixels
    ho, is_open = laid.film.bits & 1 == 1, laid.film.bits >> IGNORE_BIT & 1 == 1
    assert not (ho & ~(together > 0)).any()
    assert (change[ho] >= SEEN_TONE - 1e-6).all()
    assert not (ho & is_open).any()
    assert np.abs(change[~ho & ~is_open]).max() <= 0.0021
    assert not change[ndimage.distance_transform_edt(together == 0) > 12].any()


def test_nowhere_to_lay_leaves_the_film_alone():
    film = a_leg()
    laid = lay_in(film, [a_ball()], np.zeros(film.valid.shape, dtype=bool), 3, np.random.default_rng(0))
    np.testing.assert_array_equal(laid.film.pixels, film.pixels)
    assert not laid.film.bits.any()
    assert laid.masks == laid.places == ()


def test_a_sites_films_without_ectopic_bone_get_some(toy_config, toy_cases, toy_film_maker, make_toy_case, tmp_path):
    donor = make_toy_case(0)._replace(nodules=(Layer(5, 5, a_ball(), fixed=False),))
    donor = donor._replace(info=donor.info.model_copy(update={"nodules": ((5, 5, False),)}))
    write_case(toy_cases / "donor_0.safetensors", donor)
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(3):
        info = ReviewedInfo(pixel_mm=0.6, image_uid=f"1.2.{seed}")
        write_film(folder / f"film_{seed}.safetensors", ReviewedFilm(info, a_leg(seed)))
    shown = {}
    for share in (0.0, 1.0):
        text = f"[data]\nfilm_share = 1.0\nlay_in_share = {share}\nho_share = 0.9"
        config_path = toy_config.with_name(f"lay_{share}.toml")
        config_path.write_text(toy_config.read_text().replace("[data]", text))
        config = load_config(config_path, films_dir=folder)
        cases = list(toy_cases.glob("donor_*"))
        batches = StepBatches(cases, config, toy_film_maker, 100, films=list_films(folder, "train"))
        bits = torch.cat([batches[step].bits for step in range(10)])
        assert not torch.cat([batches[step].anatomy for step in range(3)]).any()
        shown[share] = float((bits & 1).flatten(1).any(1).float().mean())
    assert shown[0.0] == 0.0
    assert shown[1.0] > 0.3


def test_nodules_are_found_where_most_cases_have_none_and_small_ones_come_alone(
    toy_config, toy_cases, toy_film_maker, make_toy_case
):
    # Most simulated cases have no nodule that touches no bone: a film would seldom get one.
    for number, fixed in enumerate((True, True, False)):
        layers = (Layer(5, 5, a_ball(4), fixed=fixed), Layer(40, 40, a_ball(20), fixed=fixed))
        donor = make_toy_case(number)._replace(nodules=layers)
        info = donor.info.model_copy(update={"nodules": ((5, 5, fixed), (40, 40, fixed))})
        write_case(toy_cases / f"donor_{number}.safetensors", donor._replace(info=info))
    batches = StepBatches(list(toy_cases.glob("donor_*")), load_config(toy_config), toy_film_maker, 100)
    rng = np.random.default_rng(0)
    counts = [len(batches._free_nodules(0.6, rng)) for _ in range(300)]
    assert 0.7 < np.mean(np.array(counts) > 0) < 0.9  # 1 - (2/3)^4 of films
    assert 0.5 < counts.count(1) / (counts.count(1) + counts.count(2)) < 0.7


def test_nodules_lie_beside_the_femur_and_not_in_the_cavity_of_the_pelvis():
    # A ring of two halves with a femur outside of each, at 1 mm a pixel.
    pelvis, femur = np.zeros((200, 300), dtype=bool), np.zeros((200, 300), dtype=bool)
    pelvis[40:120, 70:90] = pelvis[40:120, 210:230] = True
    femur[90:200, 40:55] = femur[90:200, 245:260] = True
    both = beside_joint(femur, pelvis, 1.0)
    assert both[100, 30]  # beside the shaft
    assert both[100, 62]  # between femur and pelvis
    assert both[100, 280]
    assert both[160, 75]  # below the ring there is no cavity
    assert not both[60:120, 95:205].any()
    assert not (both & femur).any()
    one = beside_joint(femur & (np.arange(300) < 150), pelvis & (np.arange(300) < 150), 1.0)
    assert one[100, 30]
    assert not one[100, 95:].any()
    assert not beside_joint(femur, np.zeros_like(pelvis), 1.0).any()
