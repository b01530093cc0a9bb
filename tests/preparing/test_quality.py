"""Resolution and noise of films whose own are known."""

import cv2
import numpy as np
import pytest

from ho_imaging.preparing import prepare
from ho_imaging.preparing.quality import film_quality, measure_texture


def texture(shape, seed=3, grain=0.006):
    """Power that falls by the cube of frequency, as anatomy's does, with white grain, in [0, 1]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    fall = np.maximum(np.hypot(rows, columns), 1.0 / max(shape)) ** -1.5
    smooth = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * fall, s=shape)
    picture = 0.5 + 0.12 * smooth / smooth.std() + grain * rng.standard_normal(shape)
    return np.clip(picture, 0.0, 1.0).astype(np.float32)


def in_8_bits(picture):
    return (np.rint(np.clip(picture, 0.0, 1.0) * 255) / 255).astype(np.float32)


@pytest.mark.parametrize("factor", [1.5, 2.0, 2.5, 3.0, 4.0])
@pytest.mark.parametrize("kernel", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
@pytest.mark.parametrize("grain", [0.002, 0.006])
def test_the_factor_of_an_enlarged_film_is_measured(known, factor, kernel, grain):
    picture = texture((420, 500), grain=grain)
    enlarged = in_8_bits(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=kernel))
    # Linear interpolation leaves more beyond the old Nyquist frequency, and takes more away below it.
    within = 0.35 if kernel == cv2.INTER_LINEAR else 0.25
    assert measure_texture(known.radiograph(enlarged)).detail_px == pytest.approx(factor, rel=within)


@pytest.mark.parametrize("grain", [0.0, 0.006, 0.03])
def test_a_film_with_real_pixels_has_them(known, grain):
    assert measure_texture(known.radiograph(in_8_bits(texture((600, 500), grain=grain)))).detail_px == 1.0


def test_black_edges_and_letters_do_not_count(known):
    enlarged = cv2.resize(texture((300, 360)), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(in_8_bits(enlarged), 200, 200, 300, 300, cv2.BORDER_CONSTANT, value=0.0)
    letters = np.zeros(framed.shape, dtype=np.uint8)
    cv2.putText(letters, "R 12:34 HOSPITAL", (320, 260), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 2)
    framed = np.maximum(framed, letters.astype(np.float32) / 255)
    assert measure_texture(known.radiograph(framed)).detail_px == pytest.approx(2.0, rel=0.25)


@pytest.mark.parametrize("sigma", [0.005, 0.01, 0.03])
def test_noise_is_read_back(known, sigma):
    smooth = cv2.GaussianBlur(texture((500, 500), grain=0.0), (0, 0), 3.0)
    noisy = smooth + np.float32(sigma) * np.random.default_rng(1).standard_normal(smooth.shape, dtype=np.float32)
    assert measure_texture(known.radiograph(noisy)).noise == pytest.approx(sigma, rel=0.1)


def test_nothing_is_said_of_too_little_film(known):
    assert measure_texture(known.radiograph(np.zeros((300, 300)))).detail_px is None
    assert measure_texture(known.radiograph(texture((40, 300)))).detail_px is None


def test_resolution_is_in_millimetres_of_the_film(known):
    enlarged = in_8_bits(cv2.resize(texture((300, 360)), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    prepared = prepare(known.radiograph(enlarged, spacing_mm=(0.3, 0.3)))
    quality = film_quality(prepared, prepared.scale.measured_mm)
    assert quality.source_pixel_mm == pytest.approx(0.3, rel=0.01)
    assert quality.resolution_mm == pytest.approx(0.6, rel=0.25)
    assert film_quality(prepared, None).resolution_mm is None
