from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ho_imaging.simulation.physics import Beam, Exposure, expose
from ho_imaging.simulation.scene import Scene
from ho_imaging.simulation.vendor import PROCESSING_SHARES, Look, develop, sample_look

PLAIN = Look(
    processing="log", detail_power=1.0, detail_gain=1.0, fine_gain=1.0, latitude=1.0, low_percent=0.0, tone="linear"
)
BAR, ROD, SOFT = (slice(60, 100), slice(64, 72)), (slice(60, 100), slice(123, 127)), (slice(60, 100), slice(90, 105))


@pytest.fixture
def exposure(slab_scene: Scene) -> Exposure:
    return expose(slab_scene.thickness_mm, slab_scene.pixel_mm, np.random.default_rng(0), Beam())


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_every_drawn_look_gives_a_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    signal = rng.gamma(2.0, 1.0, (70, 90)).astype(np.float32)
    signal[:20] = 0.0
    signal[50:] *= 40.0
    picture = develop(Exposure(signal, 80.0, float(rng.uniform(0.1, 1.0)), Beam()), rng)
    assert picture.shape == signal.shape
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0.0
    assert picture.max() <= 1.0


@pytest.mark.parametrize("processing", list(PROCESSING_SHARES))
def test_bone_is_brighter_than_soft_tissue_and_metal_brighter_still(exposure: Exposure, processing: str) -> None:
    look = Look(processing=processing, unsharp_amount=0.5 if processing == "unsharp" else 0.0)
    picture = develop(exposure, np.random.default_rng(1), look)
    assert picture[BAR].mean() > picture[SOFT].mean() + 0.05
    assert picture[ROD].mean() > picture[SOFT].mean() + 0.05
    assert picture[60:100, :12].mean() < picture[SOFT].mean()


def test_plain_log_film_is_linear_in_thickness() -> None:
    signal = np.exp(-np.linspace(0.0, 3.0, 64, dtype=np.float32))[None, :].repeat(64, axis=0)
    look = replace(PLAIN, high_percent=100.0)
    picture = develop(Exposure(signal, 1.0, 1.0, Beam()), np.random.default_rng(0), look)
    inside = picture[0][(picture[0] > 0.0) & (picture[0] < 1.0)].astype(float)
    assert inside.size > 40
    np.testing.assert_allclose(np.diff(inside), np.diff(inside).mean(), rtol=1e-3)


def test_multiscale_with_unit_gains_changes_nothing(exposure: Exposure) -> None:
    rng = np.random.default_rng(0)
    plain = develop(exposure, rng, PLAIN)
    np.testing.assert_allclose(develop(exposure, rng, replace(PLAIN, processing="multiscale")), plain, atol=1e-4)


def test_less_latitude_flattens_wide_differences_and_keeps_detail(exposure: Exposure) -> None:
    x = np.arange(512, dtype=np.float32)
    slope = 2.0 * x / 512.0
    ripple = 0.05 * np.sin(2.0 * np.pi * x / 6.0)
    signal = np.exp(-(slope + ripple))[None, :].repeat(512, axis=0).astype(np.float32)
    raw = Exposure(signal, 100.0, 0.5, exposure.beam)
    shares = []
    for latitude in (1.0, 0.4):
        look = replace(PLAIN, processing="multiscale", latitude=latitude, latitude_mm=20.0)
        row = develop(raw, np.random.default_rng(0), look)[256, 100:412].astype(float)
        trend = np.polyval(np.polyfit(np.arange(row.size), row, 3), np.arange(row.size))
        shares.append((row - trend).std() / np.ptp(trend))
    assert shares[1] > 1.5 * shares[0]


def test_weak_detail_is_lifted_over_strong_edges() -> None:
    x = np.arange(256)
    ripple = np.sin(2.0 * np.pi * x / 4.0)
    log_signal = np.where(x < 128, 0.02, 0.6) * ripple
    raw = Exposure(np.exp(-log_signal)[None, :].repeat(256, axis=0).astype(np.float32), 100.0, 0.5, Beam())
    ratios = []
    for power in (1.0, 0.6):
        look = replace(PLAIN, processing="multiscale", detail_power=power, latitude_mm=80.0, high_percent=100.0)
        row = develop(raw, np.random.default_rng(0), look)[128]
        ratios.append(float(row[30:100].std() / row[156:226].std()))
    assert ratios[1] > 1.5 * ratios[0]


def test_unsharp_masking_darkens_the_rim_of_metal(exposure: Exposure) -> None:
    rows = slice(60, 100)
    rims = []
    for amount in (0.0, 1.5):
        look = replace(PLAIN, processing="unsharp", unsharp_amount=amount, unsharp_mm=2.0, high_percent=100.0)
        picture = develop(exposure, np.random.default_rng(0), look)
        rims.append(float(picture[rows, 105:110].mean() - picture[rows, 117:119].mean()))
    assert rims[1] > rims[0] + 0.02


@pytest.mark.parametrize("tone", ["sigmoid", "gamma", "linear", "shoulder"])
@pytest.mark.parametrize("strength", [0.3, 1.0, 1.6])
def test_tone_curves_keep_order_and_ends(tone: str, strength: float) -> None:
    signal = np.exp(-np.linspace(0.0, 3.0, 128, dtype=np.float32))[None, :].repeat(128, axis=0)
    look = replace(PLAIN, tone=tone, tone_strength=strength, high_percent=100.0)
    row = develop(Exposure(signal, 100.0, 0.5, Beam()), np.random.default_rng(0), look)[0]
    assert (np.diff(row) >= -1e-6).all()
    assert row[0] == pytest.approx(0.0, abs=1e-6)
    # The window is found on every fourth pixel.
    assert row[-1] == pytest.approx(1.0, abs=0.03)


@given(st.floats(-0.5, 0.25), st.floats(-0.2, 0.6), st.floats(0.0, 12.0), st.floats(95.0, 100.0))
@settings(max_examples=30, deadline=None)
def test_no_window_hides_the_middle_of_the_patient(low: float, high: float, dark: float, bright: float) -> None:
    signal = np.random.default_rng(0).lognormal(0.0, 0.5, (160, 160)).astype(np.float32)
    look = replace(PLAIN, low_shift=low, high_shift=high, low_percent=dark, high_percent=bright)
    picture = develop(Exposure(signal, 1000.0, 0.5, Beam()), np.random.default_rng(0), look)
    assert ((picture > 0.0) & (picture < 1.0)).mean() > 0.6


def test_faded_film_has_neither_black_nor_white(exposure: Exposure) -> None:
    look = replace(PLAIN, black=0.1, white=0.9)
    picture = develop(exposure, np.random.default_rng(0), look)
    assert picture.min() == pytest.approx(0.1)
    assert picture.max() == pytest.approx(0.9)


def test_grain_has_its_strength(exposure: Exposure) -> None:
    look = replace(PLAIN, processing="scanned_film", grain=0.03, grain_mm=0.1)
    grainy = develop(exposure, np.random.default_rng(0), look)
    smooth = develop(exposure, np.random.default_rng(0), replace(look, grain=0.0))
    assert (grainy - smooth)[SOFT].std() == pytest.approx(0.03, rel=0.15)


def test_same_seed_same_picture(exposure: Exposure) -> None:
    first = develop(exposure, np.random.default_rng(5))
    assert np.array_equal(first, develop(exposure, np.random.default_rng(5)))
    assert not np.array_equal(first, develop(exposure, np.random.default_rng(6)))


def test_raw_signal_is_left_alone(exposure: Exposure) -> None:
    before = exposure.signal.copy()
    for seed in range(12):
        develop(exposure, np.random.default_rng(seed))
    assert np.array_equal(exposure.signal, before)


def test_looks_vary_widely() -> None:
    rng = np.random.default_rng(0)
    looks = [sample_look(rng) for _ in range(300)]
    assert {look.processing for look in looks} == set(PROCESSING_SHARES)
    assert {look.tone for look in looks} == {"sigmoid", "gamma", "linear", "shoulder"}
    assert 0.05 < np.mean([look.clahe_clip > 0.0 for look in looks]) < 0.3
