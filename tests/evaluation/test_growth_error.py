"""The interval of growth against sides whose growth and errors were drawn with a known spread."""

import math

import numpy as np
import pytest

from ho_imaging.evaluation import growth_error
from ho_imaging.evaluation.growth_error import SideRecord, fit_constants, growth_figures
from ho_imaging.progression.growth import LEAST_MM2, Constants, growth_of


def sides(count, seed, *, sd=0.1, growth=(0.8, 1.8)):
    """Sides of 300 to 3000 mm² whose later area is read with a relative error of a known spread."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        before = float(rng.uniform(300.0, 3000.0))
        after = before * float(rng.uniform(*growth))
        read = (after + LEAST_MM2) * math.exp(rng.normal(0.0, sd)) - LEAST_MM2
        made.append(
            SideRecord(
                side="left", verdict="stable", true_mm2=(before, after), whole=(before, read), shared=(before, read),
                doubtful=0.0, single=0.0, matched=before + read,
            )
        )  # fmt: skip
    return made


def test_fitted_intervals_hold_95_of_100_of_other_sides():
    constants = fit_constants(sides(200, 1))
    held = [g.low <= math.exp(s.log_ratio) <= g.high for s in sides(400, 2) if (g := growth_of(s.areas, constants))]
    assert len(held) == 400
    assert 0.93 <= np.mean(held) <= 0.975
    spread = math.hypot(constants.share, constants.small * math.sqrt(100.0 / 1500.0))
    assert constants.reach * spread == pytest.approx(1.96 * 0.1, rel=0.2)


def test_too_few_sides_fit_nothing():
    assert fit_constants(sides(19, 0)) is None


def test_wrong_verdicts_are_counted_by_the_truth(monkeypatch):
    monkeypatch.setattr(growth_error, "fit_constants", lambda _: None)
    grown, same = sides(1, 0, growth=(1.5, 1.5))[0], sides(1, 1, growth=(1.0, 1.0))[0]
    found = growth_figures([grown, same, same.model_copy(update={"verdict": "spreading"}),
                            grown.model_copy(update={"verdict": "cannot tell"})])  # fmt: skip
    assert found["wrong_stable"]["count"] == found["wrong_spreading"]["count"] == 1
    assert found["cannot_tell_of_growth_over_20_percent"] | {"low": 0, "high": 0} == {
        "count": 1, "of": 2, "share": 0.5, "low": 0, "high": 0,
    }  # fmt: skip
    assert found["verdicts"]["unchanged"] == {"spreading": 1, "stable": 1, "regressing": 0, "cannot tell": 0}


def test_a_wider_reach_holds_more():
    known = sides(50, 3)
    narrow, wide = (Constants(0.5, 0.05, 0.0, 0.0, reach) for reach in (1.0, 4.0))
    held = [
        sum(g.low <= math.exp(s.log_ratio) <= g.high for s in known if (g := growth_of(s.areas, c)))
        for c in (narrow, wide)
    ]
    assert held[0] < held[1]
