"""The correction for poor films: what it does to threshold and confidence follows from one shift of a logit."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ho_imaging.network.calibration import Calibration, recalibrate
from ho_imaging.network.model_store import read_description
from ho_imaging.network.quality_correction import QualityCorrection, features, shift_of, weigh_quality
from ho_imaging.preparing.quality import FilmQuality
from ho_imaging.reading.compression import NOT_KNOWN, Codec, Compression, KnownFrom
from ho_imaging.vocabulary import Structure

GOOD = FilmQuality(0.2, 0.2, 1.0, 0.0, NOT_KNOWN, None)
POOR = FilmQuality(0.5, 2.0, 4.0, 0.02, Compression(Codec.JPEG, KnownFrom.CODESTREAM, 50, 0.03), 4.0)
CORRECTION = QualityCorrection(resolution=0.5, compression=0.1, noise=0.05)


@pytest.fixture
def prediction(known):
    made = known.prediction({Structure.HO: np.full((20, 20), 0.9)})
    return replace(made, thresholds={Structure.HO: 0.8}, finding_confidence=Calibration(temperature=1.5, bias=-1.0))


def test_features_are_what_the_film_lacks():
    assert features(POOR, 0.5) == pytest.approx((2.0, 3.0, 2.0))
    assert features(GOOD, 0.5) == (0.0, 0.0, 0.0)
    assert features(replace(POOR, resolution_mm=None, noise=None, compression=NOT_KNOWN), 0.5) == (0.0, 0.0, 0.0)


def test_nothing_changes_without_coefficients_or_on_a_good_film(prediction):
    assert weigh_quality(prediction, POOR, QualityCorrection()) is prediction
    assert weigh_quality(prediction, GOOD, CORRECTION) is prediction


def test_threshold_and_confidence_follow_one_shift(prediction):
    shift = shift_of(POOR, 0.5, CORRECTION)
    assert shift == pytest.approx(0.5 * 2 + 0.1 * 3 + 0.05 * 2)
    weighed = weigh_quality(prediction, POOR, CORRECTION)
    for peak in (0.3, 0.85, 0.9, 0.95, 0.99):
        lowered = 1 / (1 + math.exp(-(math.log(peak / (1 - peak)) - shift)))
        assert (peak >= weighed.thresholds[Structure.HO]) == (lowered >= 0.8)
        expected = recalibrate(lowered, prediction.finding_confidence)
        assert recalibrate(peak, weighed.finding_confidence) == pytest.approx(expected, abs=1e-9)


def test_a_film_can_not_become_surer_and_the_shift_has_an_end():
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        QualityCorrection(compression=-0.1)
    assert shift_of(POOR, 0.5, QualityCorrection(resolution=10.0)) == 4.0


def test_a_model_that_states_no_correction_has_none():
    released = read_description(Path(__file__).parents[2] / "models" / "hip")
    assert shift_of(POOR, 0.5, released.quality_correction) >= 0.0
    text = (Path(__file__).parents[2] / "models" / "hip" / "model.toml").read_text(encoding="utf-8")
    if "[quality_correction]" not in text:
        assert released.quality_correction == QualityCorrection()
