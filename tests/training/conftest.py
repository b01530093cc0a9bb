"""Toy patients: discs of bone in a slab of muscle, enough to train on, far too plain to learn anything from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ho_imaging.simulation.scene import Material
from ho_imaging.training.cases import MASK_BITS, Case, CaseInfo, write_case
from ho_imaging.training.films import Film
from ho_imaging.vocabulary import Structure

SHAPE = (150, 130)


def toy_case(seed: int, split: str = "train", *, shape: tuple[int, int] = SHAPE, scope: bool = True) -> Case:
    """Draw a case with two to four HO discs (none out of scope), one femoral head and a body that leaves a margin."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)

    def disc(row: float, column: float, radius: float) -> np.ndarray:
        return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2

    head = disc(shape[0] * 0.6, shape[1] * 0.5, shape[0] * 0.12)
    ho = np.zeros(shape, dtype=bool)
    for _ in range(int(rng.integers(2, 5)) if scope else 0):
        ho |= disc(rng.uniform(10, shape[0] * 0.4), rng.uniform(10, shape[1] - 10), rng.uniform(3, 9))
    body = np.zeros(shape, dtype=bool)
    body[:, 4:-4] = True
    bits = np.zeros(shape, dtype=np.uint16)
    for structure, mask in {Structure.HO: ho, Structure.FEMORAL_HEAD: head, Structure.BODY: body}.items():
        bits |= mask.astype(np.uint16) << MASK_BITS[structure]
    bone = (30.0 * head + 15.0 * ho).astype(np.float32)
    return Case(
        CaseInfo(pixel_mm=0.6, split=split, scope=scope, anatomy_seed=seed),
        {Material.MUSCLE: (150.0 * body).astype(np.float32), Material.BONE: bone},
        bits,
    )


def toy_film(case: Case, rng: np.random.Generator) -> Film:
    """Stand in for physics: brightness grows with mm of bone."""
    bone = case.thickness_mm[Material.BONE]
    pixels = 0.2 + 0.5 * bone / 30.0 + rng.normal(0.0, 0.02, bone.shape)
    return Film(np.clip(pixels, 0.0, 1.0).astype(np.float32), np.ones(bone.shape, dtype=bool), case.bits)


@pytest.fixture
def toy_film_maker():
    return toy_film


@pytest.fixture
def make_toy_case():
    return toy_case


@pytest.fixture
def toy_cases(tmp_path: Path) -> Path:
    """A folder of six training and two validation cases, one of them out of scope."""
    folder = tmp_path / "cases"
    folder.mkdir()
    for seed in range(8):
        split = "val" if seed >= 6 else "train"
        write_case(folder / f"case_{seed:04d}.safetensors", toy_case(seed, split, scope=seed % 4 != 3))
    return folder


@pytest.fixture
def toy_config(tmp_path: Path, toy_cases: Path) -> Path:
    """A configuration for a tiny network and a dozen steps, without worker processes."""
    path = tmp_path / "training.toml"
    path.write_text(
        f"""
        [data]
        cases = "{toy_cases.name}"
        crop_sizes = [64]
        crop_size_shares = [1.0]
        pixels_per_batch = {4 * 64 * 64}
        [run]
        steps = 12
        workers = 0
        threads = 1
        [network]
        widths = [8, 12, 16]
        blocks = [0, 1, 1]
        dilations = [1]
        [optimiser]
        learning_rate = 0.01
        ema_decay = 0.9
        """,
        encoding="utf-8",
    )
    return path
