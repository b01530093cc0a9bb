"""The confidence of findings: coefficients that made the findings are found again, whatever there are more of."""

import numpy as np
import pytest

from ho_imaging.evaluation.confidence_fit import (
    Judged,
    JudgedImage,
    cross_validated,
    fit_finding_confidence,
    reliability_of,
    stated_by,
)
from ho_imaging.network.calibration import Calibration, recalibrate

TRUE = Calibration(temperature=1.5, bias=-1.0)


def image(number, kind, findings, has_nodules=None):
    shown = any(is_nodule for _, is_nodule in findings) if has_nodules is None else has_nodules
    return JudgedImage(f"{kind} {number}", kind, shown, tuple(Judged(*found) for found in findings))


def drawn(kind, count, calibration=TRUE, seed=3):
    """Draw images of one finding each, of which half show ectopic bone elsewhere: no image weighs more than another."""
    rng = np.random.default_rng(seed)
    peaks = 1 / (1 + np.exp(-rng.normal(1.0, 2.0, count)))
    truth = [rng.random() < recalibrate(peak, calibration) for peak in peaks]
    return [
        image(number, kind, [(float(peak), bool(is_true))], has_nodules=bool(number % 2))
        for number, (peak, is_true) in enumerate(zip(peaks, truth, strict=True))
    ]


def test_the_calibration_that_made_the_findings_is_found():
    found = fit_finding_confidence([*drawn("simulated", 4000), *drawn("real", 4000, seed=4)])
    assert (found.temperature, found.bias) == pytest.approx((1.5, -1.0), abs=0.12)


def test_a_kind_with_more_images_counts_no_more():
    few = [image(n, "real", [(0.9, False)], has_nodules=bool(n % 2)) for n in range(20)]
    for many in (20, 400):
        sure = [image(n, "simulated", [(0.9, True)], has_nodules=bool(n % 2)) for n in range(many)]
        assert recalibrate(0.9, fit_finding_confidence([*few, *sure])) == pytest.approx(0.5, abs=0.01)


def test_images_without_ectopic_bone_count_as_much_as_those_with():
    with_bone = [image(n, "real", [(0.9, True)]) for n in range(10)]
    without = [image(n, "real", [(0.9, False)]) for n in range(90)]
    # A tenth of the findings are right, but where half of the images show ectopic bone half of them are.
    assert recalibrate(0.9, fit_finding_confidence([*with_bone, *without])) == pytest.approx(0.5, abs=0.01)
    # Images without any finding are evidence as well: the same findings come from twice as many images.
    clean = [image(n, "real", []) for n in range(100, 190)]
    held = fit_finding_confidence([*with_bone, *without, *clean])
    assert recalibrate(0.9, held) == pytest.approx(2 / 3, abs=0.01)


def test_cross_validation_does_not_see_the_patient_it_judges():
    images = drawn("simulated", 60)
    odd = [*images, JudgedImage("odd", "simulated", True, (Judged(1e-9, True),) * 40)]
    apart = cross_validated(odd)[-1]
    whole = stated_by(odd, fit_finding_confidence(odd))[-1]
    assert apart < 0.05 < whole


def test_reliability_is_that_of_one_kind_by_weight():
    images = [
        image(0, "real", [(0.5, False), (0.5, False)], has_nodules=False),
        image(1, "real", [(0.5, True)]),
        image(2, "simulated", [(0.5, True)]),
    ]
    held = reliability_of(images, [0.25, 0.25, 0.95, 0.5], "real")
    assert held.count == 3
    assert held.stated == pytest.approx((0.25 + 0.25 + 0.95) / 3)
    assert held.true == pytest.approx(1 / 3)
    assert held.error == pytest.approx(2 / 3 * 0.25 + 1 / 3 * 0.05)
    assert reliability_of(images, [0.25, 0.25, 0.95, 0.5], "photograph").count == 0
