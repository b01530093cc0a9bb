"""A site's reviewed films on their way into training: kept exactly, drawn by share, teaching bone and no anatomy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.network.unet import Output
from ho_imaging.training import train
from ho_imaging.training.batches import Batch, StepBatches
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, MIMIC_BIT, list_cases
from ho_imaging.training.config import LossConfig, load_config
from ho_imaging.training.films import Film
from ho_imaging.training.losses import training_loss
from ho_imaging.training.reviewed_films import (
    ReviewedFilm,
    ReviewedInfo,
    list_films,
    read_film,
    read_film_info,
    write_film,
)
from ho_imaging.training.validation import FilmLogits, make_validation_films, score_films
from ho_imaging.vocabulary import Structure

SHAPE = (150, 130)


def reviewed(seed, split="train", *, scope=True):
    """A picture with a bright disc that a reader outlined and, as bright, a bar that he rejected."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(SHAPE)
    ho = (rows - 40) ** 2 + (columns - 40) ** 2 <= 100
    mimic = (np.abs(rows - 110) < 3) & (np.abs(columns - 90) < 15)
    pixels = np.clip(0.2 + 0.6 * (ho | mimic) + rng.normal(0, 0.02, SHAPE), 0, 1).astype(np.float32)
    valid = np.ones(SHAPE, dtype=bool)
    valid[:, :6] = False
    bits = (ho.astype(np.uint16) << MASK_BITS[Structure.HO]) | (mimic.astype(np.uint16) << MIMIC_BIT)
    bits[60:64, 60:64] |= 1 << IGNORE_BIT
    info = ReviewedInfo(pixel_mm=0.6, split=split, scope=scope, study_uid="1.2", image_uid=f"1.2.{seed}")
    return ReviewedFilm(info, Film(np.where(valid, pixels, np.float32(0)), valid, bits))


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(5):
        write_film(folder / f"film_1.2.{seed}.safetensors", reviewed(seed, "val" if seed == 4 else "train"))
    return folder


def test_a_film_comes_back_as_it_was(films):
    path = films / "film_1.2.3.safetensors"
    given, back = reviewed(3), read_film(path)
    assert back.info == given.info == read_film_info(path)
    np.testing.assert_allclose(back.film.pixels, given.film.pixels, atol=0.5 / 65535)
    np.testing.assert_array_equal(back.film.valid, given.film.valid)
    np.testing.assert_array_equal(back.film.bits, given.film.bits)
    assert [p.name[-13] for p in list_films(films, "train")] == ["0", "1", "2", "3"]
    before = path.read_bytes()
    write_film(path, given)
    assert path.read_bytes() == before


def test_anatomy_is_never_kept(tmp_path):
    """Nobody reviewed it: a bit that slipped in would be taught as truth."""
    film = reviewed(0).film
    painted = film._replace(bits=film.bits | np.uint16(1 << MASK_BITS[Structure.FEMUR]))
    write_film(tmp_path / "film_1.safetensors", ReviewedFilm(reviewed(0).info, painted))
    np.testing.assert_array_equal(read_film(tmp_path / "film_1.safetensors").film.bits, film.bits)


@pytest.mark.parametrize("damage", [b"", b"\x80\x04N.", None])
def test_what_is_no_film_is_named(tmp_path, toy_cases, damage):
    path = tmp_path / "film_1.safetensors"
    # A case is a whole file of this kind, but no film.
    path.write_bytes(next(toy_cases.glob("*.safetensors")).read_bytes() if damage is None else damage)
    for read in (read_film, read_film_info):
        with pytest.raises(ReadError, match=r"film_1\.safetensors"):
            read(path)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_films_are_drawn_by_their_share(toy_config, toy_film_maker, films, share):
    toy_config.write_text(toy_config.read_text().replace("[data]", f"[data]\nfilm_share = {share}\ncrops_per_film = 1"))
    config = load_config(toy_config, films_dir=films)
    batches = StepBatches(
        list_cases(config.data.cases, "train"), config, toy_film_maker, 100, films=list_films(films, "train")
    )
    anatomy = torch.cat([batches[step].anatomy for step in range(40)])
    assert float((anatomy == 0).float().mean()) == pytest.approx(share, abs=0.12)
    for one, two in zip(batches[3], batches[3], strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


@pytest.mark.parametrize(("option", "bit"), [("ho_share", MASK_BITS[Structure.HO]), ("mimic_share", MIMIC_BIT)])
def test_crops_of_reviewed_films_favour_what_was_outlined_and_what_was_rejected(
    toy_config, toy_film_maker, films, option, bit
):
    shown = {}
    for share in (0.0, 0.9):
        other = {"ho_share": "mimic_share", "mimic_share": "ho_share"}[option]
        text = f"[data]\nfilm_share = 1.0\n{option} = {share}\n{other} = 0.0"
        config_path = toy_config.with_name(f"{share}.toml")
        config_path.write_text(toy_config.read_text().replace("[data]", text))
        config = load_config(config_path, films_dir=films)
        batches = StepBatches([], config, toy_film_maker, 100, films=list_films(films, "train"))
        bits = torch.cat([batches[step].bits for step in range(20)])
        shown[share] = float((bits >> bit & 1).flatten(1).any(1).float().mean())
    assert shown[0.9] > 0.6
    assert shown[0.9] > 1.5 * shown[0.0]


def test_a_film_without_known_anatomy_moves_bone_alone():
    structures = {Structure.HO: 1.0, Structure.FEMUR: 1.0}
    bits = torch.zeros(2, 8, 8, dtype=torch.uint8)
    films = torch.ones(2, 2, 8, 8)
    weight = torch.ones(2, 8, 8).half()
    batch = Batch(films, bits, weight, torch.ones(2), torch.tensor([1.0, 0.0]))
    logits = torch.zeros(2, 2, 8, 8, requires_grad=True)
    loss, _ = training_loss(Output(logits, torch.zeros(2)), batch, LossConfig(structures=structures, scope=0.0))
    loss.backward()
    assert (logits.grad[:, 0] != 0).all()
    assert (logits.grad[0, 1] != 0).all()
    assert (logits.grad[1, 1] == 0).all()


def test_reviewed_films_are_validated_on_bone_alone(toy_config, toy_film_maker, films):
    config = load_config(toy_config)
    made = make_validation_films(config.data.cases, 40, 0, toy_film_maker, films, pixel_mm=0.6)
    assert [film.info.anatomy_known for film in made] == [True, True, False]
    # A network that draws every film's bone right, and femoral heads nowhere but on the reviewed film.
    structures = (Structure.HO, Structure.FEMORAL_HEAD)
    logits = []
    for info, film, _ in made:
        maps = np.stack([(film.bits >> MASK_BITS[s] & 1) * 20.0 - 10.0 for s in structures]).astype(np.float32)
        if not info.anatomy_known:
            maps[1] = 10.0
        logits.append(FilmLogits(maps, 5.0 if info.scope else -5.0))
    scores = score_films(made, logits, structures)
    assert scores["dice_ho"] == scores["dice_femoral_head"] == 1.0


def test_a_run_on_reviewed_films_alone(tmp_path, toy_config, films):
    toy_config.write_text(
        toy_config.read_text().replace("[data]", '[data]\nfilms = "films"\nfilm_share = 1.0').replace("= 12", "= 2")
    )
    assert train(toy_config, tmp_path / "run", cases_dir=tmp_path / "none").step == 2


def test_a_folder_without_films_is_said(tmp_path, toy_config):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no reviewed training films"):
        train(toy_config, tmp_path / "run", films_dir=tmp_path / "empty")
