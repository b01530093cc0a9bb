"""Statistics against published numbers and numbers worked by hand."""

import math

import numpy as np
import pytest

from ho_imaging.statistics.intervals import Interval, bootstrap, wilson
from ho_imaging.statistics.probabilities import calibration_error, decision_curve, reliability
from ho_imaging.statistics.roc import auroc_interval, roc_curve


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(count, total, low, high):
    """Newcombe, Stat Med 1998;17:857, table I, method 3."""
    found = wilson(count, total)
    assert found.value == pytest.approx(count / total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nothing_is_not_known():
    assert math.isnan(wilson(0, 0).value)
    assert wilson(0, 0).to_dict() == {"value": None, "low": None, "high": None}
    assert wilson(3, 3).high == 1.0


def test_bootstrap_holds_the_figure_and_is_the_same_each_time():
    values = list(range(20))
    found = bootstrap(values, lambda drawn: float(np.mean(drawn)))
    assert found == bootstrap(values, lambda drawn: float(np.mean(drawn)))
    assert found.value == 9.5
    # Of a mean: about 1.96 standard errors either way, which are 5.77 / sqrt(20).
    assert (found.low, found.high) == pytest.approx((9.5 - 2.53, 9.5 + 2.53), abs=0.4)
    assert math.isnan(bootstrap([], lambda drawn: 1.0).value)


def test_the_interval_of_an_area_worked_by_hand():
    """Placements 1, 2/3 and 1/2, 1, 1: area 5/6, variance 1/36 + 1/36."""
    found = auroc_interval([0.9, 0.4, 0.5, 0.3, 0.1], [True, True, False, False, False])
    logit, half = math.log(5.0), 1.959964 * math.sqrt(1 / 18) / (5 / 36)
    assert found.value == pytest.approx(5 / 6)
    assert found.low == pytest.approx(1 / (1 + math.exp(half - logit)), abs=1e-6)
    assert found.high == pytest.approx(1 / (1 + math.exp(-half - logit)), abs=1e-6)


@pytest.mark.parametrize(
    ("scores", "labels", "value"),
    [([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 1.0), ([0.9, 0.5, 0.95], [1, 0, 0], 0.5), ([0.1], [0], math.nan)],
)
def test_an_area_without_a_variance_has_no_interval(scores, labels, value):
    found = auroc_interval(scores, [bool(label) for label in labels])
    assert found.value == pytest.approx(value, nan_ok=True)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_the_interval_of_an_area_covers_the_truth():
    """Scores of two normals 1 apart: the area is 0.760; 95 % of intervals hold it."""
    rng = np.random.default_rng(1)
    labels = [True] * 30 + [False] * 60
    held = 0
    for _ in range(400):
        found = auroc_interval([*rng.normal(1.0, 1.0, 30), *rng.normal(0.0, 1.0, 60)], labels)
        held += found.low <= 0.7602 <= found.high
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize("seed", range(40))
def test_the_area_is_that_under_the_curve(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 30))
    scores, labels = (rng.integers(0, 10, count) / 9).tolist(), (rng.random(count) < 0.4).tolist()
    area = auroc_interval(scores, labels).value
    rates, sensitivities, _ = roc_curve(scores, labels)
    if math.isnan(area):
        assert len(set(labels)) == 1
        return
    steps = np.diff(rates) * (sensitivities[1:] + sensitivities[:-1]) / 2
    assert area == pytest.approx(float(steps.sum()))
    assert (rates[0], sensitivities[0], rates[-1], sensitivities[-1]) == (0.0, 0.0, 1.0, 1.0)


def test_calibration_worked_by_hand():
    """Tenth 0.2: two items, stated 0.25 on average, one true; tenth 1.0 goes into the last: stated 1, true."""
    bins = reliability([0.2, 0.3 - 1e-9, 1.0], [True, False, True])
    assert [(found.low, found.count, found.true) for found in bins] == [(0.2, 2, 1), (0.9, 1, 1)]
    assert calibration_error([0.2, 0.3 - 1e-9, 1.0], [True, False, True]) == pytest.approx(2 / 3 * 0.25)
    assert math.isnan(calibration_error([], []))


def test_a_decision_curve_worked_by_hand():
    """Ten films, two positive. At 0.2 one positive and two negatives are called: 0.1 - 0.2 * 0.25 = 0.05."""
    stated = [0.9, 0.1, 0.3, 0.2, *[0.0] * 6]
    truth = [True, True, *[False] * 8]
    (found,) = decision_curve(stated, truth, [0.2])
    assert found.model == pytest.approx(0.05)
    assert found.all == pytest.approx(0.2 - 0.8 * 0.25)
    assert decision_curve([], [], [0.5]) == []


def test_an_interval_as_data():
    assert Interval(0.123456, math.nan, 1.0).to_dict() == {"value": 0.1235, "low": None, "high": 1.0}
