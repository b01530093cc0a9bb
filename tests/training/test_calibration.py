from __future__ import annotations

import numpy as np
import pytest

from ho_imaging.training.calibration import best_dice_threshold, fit_platt, scope_cut


def test_platt_recovers_a_known_distortion():
    rng = np.random.default_rng(0)
    true_logit = rng.normal(-1.0, 2.0, 200_000)
    labels = rng.random(len(true_logit)) < 1 / (1 + np.exp(-true_logit))
    fitted = fit_platt(3.0 * true_logit + 1.5, labels)  # logit / 3 - 0.5 undoes it
    assert fitted.temperature == pytest.approx(3.0, rel=0.03)
    assert fitted.bias == pytest.approx(-0.5, abs=0.03)


@pytest.mark.parametrize("label", [True, False])
def test_one_class_leaves_logits_alone(label):
    fitted = fit_platt(np.linspace(-1, 1, 5), np.full(5, label))
    assert (fitted.temperature, fitted.bias) == (1.0, 0.0)


def test_perfect_separation_stays_finite():
    fitted = fit_platt(np.array([-1.0, -0.5, 0.5, 1.0]), np.array([False, False, True, True]))
    assert 0.01 < fitted.temperature <= 1.0
    assert abs(fitted.bias) < 1.0


def test_the_threshold_with_the_best_dice():
    """Everything above 0.6 is bone and nothing below: any threshold from 0.4 to 0.6 is perfect, the middle is taken."""
    probabilities = np.array([0.1] * 50 + [0.395] * 10 + [0.605] * 10 + [0.9] * 20)
    labels = probabilities > 0.5
    assert best_dice_threshold(probabilities, labels) == pytest.approx(0.5, abs=0.011)


def test_the_threshold_agrees_with_trying_each():
    rng = np.random.default_rng(1)
    probabilities = rng.random(5000)
    labels = rng.random(5000) < probabilities**3

    def dice(threshold):
        found = probabilities >= threshold
        return 2 * (found & labels).sum() / (found.sum() + labels.sum())

    chosen = best_dice_threshold(probabilities, labels)
    assert dice(chosen) == pytest.approx(max(dice(t) for t in np.arange(0.05, 0.951, 0.01)), abs=1e-3)


def test_without_truth_the_threshold_is_a_half():
    assert best_dice_threshold(np.array([0.2, 0.9]), np.array([False, False])) == 0.5


def test_the_scope_cut_lies_between_the_kinds():
    probabilities = np.array([0.05, 0.2, 0.8, 0.9, 0.95])
    cut = scope_cut(probabilities, np.array([False, False, True, True, True]))
    assert 0.2 < cut < 0.8
    assert scope_cut(probabilities, np.ones(5, dtype=bool)) == 0.0
