"""Coefficients that made the candidates are found again."""

import numpy as np
import pytest

from ho_imaging.evaluation.quality_fit import fit_quality_correction


def candidates(weights, count=6000):
    rng = np.random.default_rng(5)
    logits = rng.normal(1.0, 2.0, count)
    qualities = np.abs(rng.normal(0.0, 1.0, (count, 3)))
    score = -0.5 + 1.2 * (logits - qualities @ np.array(weights))
    return logits, qualities, (rng.random(count) < 1 / (1 + np.exp(-score))).astype(float)


def test_the_coefficients_that_made_the_candidates_are_found():
    found = fit_quality_correction(*candidates((0.8, 0.3, 0.0)))
    assert (found.resolution, found.compression) == pytest.approx((0.8, 0.3), abs=0.1)
    assert found.noise < 0.1


def test_a_fault_that_would_make_findings_surer_is_not_corrected():
    assert fit_quality_correction(*candidates((0.0, -0.5, 0.0))).compression == 0.0
