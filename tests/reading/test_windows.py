"""A window is judged by what it leaves of a film, and a film is never lost to one."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ho_imaging.errors import UsageError
from ho_imaging.pipeline import Analyzer
from ho_imaging.reading import dicom, read_radiograph
from ho_imaging.reading.visibility import LEAST_SAID, share_lost
from ho_imaging.review.films import film_pixels

SAMPLES = Path(__file__).parents[2] / "sample_data"


def codes(radiograph):
    return {flag.code for flag in radiograph.quality}


@pytest.fixture(scope="module")
def sample():
    """Give a simulated pelvis, small and not compressed, with a window from one share of its values to another."""
    whole = pydicom.dcmread(SAMPLES / "05_bridging.dcm")
    pixels = whole.pixel_array[::4, ::4].copy()

    def make(low=0.0, high=1.0, **attributes):
        film = pydicom.dcmread(SAMPLES / "05_bridging.dcm", stop_before_pixels=True)
        film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        film.Rows, film.Columns = pixels.shape
        film.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
        first, last = np.quantile(pixels, [low, high])
        film.WindowCenter, film.WindowWidth = round((first + last) / 2 + 0.5, 1), round(last - first + 1, 1)
        for keyword, value in attributes.items():
            if value is None:
                film.pop(keyword, None)
            else:
                setattr(film, keyword, value)
        return film

    return make


def share_of_detail_lost(film):
    return share_lost(*(_small(read_radiograph(film, whole_range=whole).pixels) for whole in (False, True)))


def _small(pixels):
    step = max(1, min(pixels.shape) // 512)
    return pixels[::step, ::step]


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 0.7), (0.0, 0.5), (0.0, 0.2), (0.25, 1.0), (0.5, 1.0), (0.8, 1.0), (0.3, 0.7), (0.45, 0.55)]
)
def test_a_window_that_hides_part_of_the_film_is_said(sample, low, high):
    film = sample(low, high)
    radiograph = read_radiograph(film)
    assert "window_clips" in codes(radiograph)
    message = next(str(flag.message) for flag in radiograph.quality if flag.code == "window_clips")
    assert f"{100 * share_of_detail_lost(film):.0f}%" in message


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.02, 1.0), (0.0, 0.95), (0.05, 0.95)])
def test_a_window_that_leaves_the_film_is_followed_without_a_word(sample, low, high):
    assert not {"window_clips", "window_misses"} & codes(read_radiograph(sample(low, high)))


@pytest.mark.parametrize(
    "stated",
    [
        {"WindowCenter": 100_000, "WindowWidth": 10},
        {"WindowCenter": -100_000, "WindowWidth": 10},
        {"WindowCenter": 500, "WindowWidth": 0},
        {"WindowCenter": 500, "WindowWidth": -400},
        {"WindowCenter": 500, "WindowWidth": 0.5},
        {"WindowCenter": 500, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 500, "WindowWidth": 400, "VOILUTFunction": "CUBIC"},
        {"WindowCenter": [500, 600], "WindowWidth": None},
        {"RescaleSlope": 1, "RescaleIntercept": -5000, "WindowCenter": 500, "WindowWidth": 500},  # in stored values
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_window_that_shows_nothing_is_said_and_all_values_are_shown(sample, stated):
    film = sample(**stated)
    radiograph = read_radiograph(film)
    assert codes(radiograph) & {"window_misses", "window_invalid"}
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(film, whole_range=True).pixels)


@pytest.mark.parametrize(
    ("center", "width", "function"),
    [(500, 1, "LINEAR"), (300, 1, "LINEAR"), (500, 0.01, "LINEAR_EXACT"), (500, 5, "SIGMOID"), (300, 20, "SIGMOID"),
     (700, 20, "LINEAR_EXACT"), (32768, 65536, "LINEAR")],
)  # fmt: skip
def test_windows_of_every_function_that_leave_little_are_said(sample, center, width, function):
    film = sample(WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
    assert {"window_clips", "window_misses"} & codes(read_radiograph(film))


@pytest.mark.parametrize(("center", "width"), [(32768, 65536), (100_000, 10)])
def test_the_viewer_does_not_open_on_a_black_picture(sample, center, width):
    film = film_pixels(sample(WindowCenter=center, WindowWidth=width))
    assert film.window[1] - film.window[0] > 65_000
    assert film.curve[-1] > 0.9


def test_of_several_windows_the_first_that_shows_the_film_is_used(sample):
    good = sample(0.0, 1.0)
    centers, widths = [100_000, 300, good.WindowCenter], [10, 5, good.WindowWidth]
    film = sample(WindowCenter=centers, WindowWidth=widths)
    radiograph = read_radiograph(film)
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(good).pixels)
    assert {"window_misses", "several_voi_views"} <= codes(radiograph)
    assert "window_clips" not in codes(radiograph)
    asked = read_radiograph(film, voi=1)
    assert "window_clips" in codes(asked)
    assert not np.array_equal(asked.pixels, radiograph.pixels)


def test_a_view_and_the_whole_range_are_not_asked_for_together(sample):
    with pytest.raises(UsageError, match="whole range"):
        read_radiograph(sample(), voi=0, whole_range=True)


@settings(max_examples=60, deadline=None)
@given(low=st.floats(0.0, 0.9), width=st.floats(0.02, 1.0), upright=st.booleans())
def test_the_loss_of_even_detail_is_the_share_that_is_clipped(low, width, upright):
    """Of a picture whose steps are alike at every grey, a window loses what lies outside it."""
    whole = np.tile(np.linspace(0.0, 1.0, 128, dtype=np.float32), (128, 1))
    whole = np.ascontiguousarray(whole.T) if upright else whole
    high = min(1.0, low + width)
    view = np.clip((whole - low) / (high - low), 0.0, 1.0).astype(np.float32)
    assert share_lost(view, whole) == pytest.approx(1.0 - (high - low), abs=0.03)


def test_air_shutters_and_padding_are_no_loss():
    rng = np.random.default_rng(1)
    whole = np.zeros((96, 128), np.float32)
    whole[20:80, 30:100] = 0.3 + 0.6 * rng.random((60, 70))
    view = np.clip((whole - 0.2) / 0.8, 0.0, 1.0).astype(np.float32)  # the air is black
    assert share_lost(view, whole) < 0.01
    whole[:10], view[:10] = np.nan, np.nan
    assert share_lost(view, whole) < 0.01
    assert LEAST_SAID > 0.01


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.6), (0.0, 0.2), (0.85, 1.0)])
def test_a_film_is_analysed_with_all_its_values_where_its_window_hides_them(sample, low, high):
    def seen(film):
        return Analyzer()._read(film)

    radiograph = seen(sample(low, high))
    assert {"window_clips", "whole_range_used"} <= codes(radiograph)
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(sample(), whole_range=True).pixels)
    assert "whole_range_used" not in codes(seen(sample()))


def test_a_film_whose_window_hides_part_of_it_is_decoded_once(sample, monkeypatch):
    decoded = []

    def decode_frame(*arguments, **options):
        decoded.append(arguments)
        return original(*arguments, **options)

    original = dicom.decode_frame
    monkeypatch.setattr(dicom, "decode_frame", decode_frame)
    radiograph = read_radiograph(sample(0.0, 0.5), never_clipped=True)
    assert len(decoded) == 1
    windowed, whole = (read_radiograph(sample(0.0, 0.5), whole_range=whole) for whole in (False, True))
    assert codes(radiograph) == codes(windowed) | codes(whole) | {"whole_range_used"}
    assert radiograph.quality[-1].code == "whole_range_used"


def test_a_refusal_names_a_window_and_what_to_do_about_it(fake_network, sample):
    film = sample(0.0, 0.3, BodyPartExamined="CHEST")
    image = Analyzer().analyze_films([film]).result.images[0]
    assert image.status == "refused"
    assert "window" in str(image.reason)
    assert "have its window corrected" in str(image.reason)
