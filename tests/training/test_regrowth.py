"""Other nodules in the same patient: under the skin, reproducible, and sometimes none."""

from __future__ import annotations

import numpy as np
import pytest

from ho_imaging.simulation.scene import Layer, Material
from ho_imaging.training.cases import IGNORE_BIT
from ho_imaging.training.regrowth import regrow, turned
from ho_imaging.vocabulary import Structure


@pytest.fixture
def case(make_toy_case):
    plain = make_toy_case(2, shape=(300, 260))
    bits = plain.bits & ~np.uint16(1)
    island = Layer(80, 60, np.full((20, 30), 3.0, np.float32), fixed=False)
    spur = Layer(150, 120, np.full((40, 12), 5.0, np.float32), fixed=True)
    info = plain.info.model_copy(update={"heads_rc": ((180.0, 130.0),)})
    return plain._replace(info=info, bits=bits, nodules=(island, spur))


def test_the_same_draw_gives_the_same_patient_and_others_differ(case):
    donor = (case.info, case.nodules)
    one, again = (regrow(case, donor, np.random.default_rng(4)) for _ in range(2))
    assert one.places == again.places
    for first, second in zip(one.case.nodules, again.case.nodules, strict=True):
        np.testing.assert_array_equal(first.mineral_mm, second.mineral_mm)
    drawn = [regrow(case, donor, np.random.default_rng(seed)) for seed in range(60)]
    counts = [len(draw.case.nodules) for draw in drawn]
    assert min(counts) == 0
    assert max(counts) >= 3
    # Where something grew first stays a place worth looking at, also when nothing grows there now.
    assert all(draw.places[0] == (80, 60, 20, 30) for draw in drawn)


@pytest.mark.parametrize("seed", range(20))
def test_nodules_lie_on_the_film_and_under_the_skin(case, seed):
    grown = regrow(case, (case.info, case.nodules), np.random.default_rng(seed)).case
    whole = grown.with_nodules()
    ho = whole.mask(Structure.HO)
    assert (ho & ~whole.mask(Structure.BODY)).sum() <= 0.03 * max(ho.sum(), 1)
    for layer in grown.nodules:
        rows, columns = layer.window
        assert 0 <= rows.start < rows.stop <= 300
        assert 0 <= columns.start < columns.stop <= 260
        if layer.fixed:
            assert (layer.top, layer.left) == (150, 120)
    added = whole.thickness_mm[Material.BONE] - case.thickness_mm[Material.BONE]
    assert (added[ho] > 0.39).all()
    assert (added >= -1e-4).all()
    is_open = (whole.bits >> IGNORE_BIT & 1 == 1) & ~ho
    assert (added[is_open] <= 0.41).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_nodule_is_as_large_and_as_deep_on_a_finer_grid(seed):
    rows, columns = np.indices((41, 41)) - 20
    ball = np.sqrt(np.maximum(15.0**2 - rows**2 - columns**2, 0.0)).astype(np.float32)
    plain, fine = (turned(ball, np.random.default_rng(seed), scale=scale) for scale in (1.0, 1.5))
    assert fine.max() == pytest.approx(plain.max(), rel=0.02)
    assert fine.sum() / 1.5**2 == pytest.approx(plain.sum(), rel=0.02)


def test_the_case_itself_is_left_alone(case):
    before = case.thickness_mm[Material.BONE].copy()
    regrow(case, None, np.random.default_rng(0)).case.with_nodules()
    np.testing.assert_array_equal(case.thickness_mm[Material.BONE], before)
