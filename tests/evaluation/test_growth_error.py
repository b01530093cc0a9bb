"""The interval of growth against sides whose growth and errors were drawn with a known spread."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ho_imaging.evaluation.growth_error import SideRecord, fit_constants, growth_figures
from ho_imaging.progression.growth import LEAST_MM2, Constants, growth_of, spread_of


def sides(count, seed, *, sd=0.1, growth=(0.8, 1.8), blur=(0.0, 0.0), size_sd=0.0):
    """Sides of 300 to 3000 mm² whose later area is read with a relative error of a known spread.

    ``blur`` adds to the spread; ``size_sd``: error that both areas share.
    """
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        before = float(rng.uniform(300.0, 3000.0))
        after = before * float(rng.uniform(*growth))
        here = float(rng.uniform(*blur))
        common = math.exp(rng.normal(0.0, size_sd)) if size_sd else 1.0
        read = (after + LEAST_MM2) * math.exp(rng.normal(0.0, math.hypot(sd, 0.5 * here))) - LEAST_MM2
        areas = common * before, common * read
        made.append(
            SideRecord(
                side="left", true_mm2=(before, after), whole=areas, shared=areas, faint=0.0, outside=0.0,
                matched=sum(areas), blur=here, unlike=0.03 + abs(read - before) / (read + before), held_back=False,
            )
        )  # fmt: skip
    return made


def share_held(known, constants):
    held = [g.low <= math.exp(s.log_ratio) <= g.high for s in known if (g := growth_of(s.areas, constants))]
    assert len(held) == len(known)
    return np.mean(held)


def test_fitted_intervals_hold_95_of_100_of_other_sides():
    constants = fit_constants(sides(200, 1))
    assert 0.93 <= share_held(sides(400, 2), constants) <= 0.975
    (middle,) = sides(1, 0, growth=(1.0, 1.0))
    assert constants.reach * spread_of(middle.areas, constants) == pytest.approx(1.96 * 0.1, rel=0.25)


def test_fitted_intervals_are_wide_where_errors_are():
    constants = fit_constants(sides(300, 3, sd=0.05, blur=(0.0, 0.6)))
    for blur in (0.1, 0.5):
        others = sides(400, 4, sd=0.05, blur=(blur, blur))
        assert 0.91 <= share_held(others, constants) <= 0.995
    widths = [spread_of(side.areas, constants) for side in (sides(1, 0, blur=(b, b))[0] for b in (0.1, 0.5))]
    assert widths[1] > 2.0 * widths[0]


def test_fitted_intervals_are_wide_where_outlines_do_not_agree():
    """As one that is larger by a fifth, of which a third is at another place, and not one that has only grown."""
    exact, apart = sides(150, 8, sd=0.05), sides(150, 9, sd=0.3)
    exact = [side.model_copy(update={"unlike": _grown(side)}) for side in exact]
    apart = [side.model_copy(update={"unlike": 0.3 + _grown(side)}) for side in apart]
    constants = fit_constants([*exact, *apart])
    (near, far) = (sides(1, 0)[0].model_copy(update={"unlike": _grown(sides(1, 0)[0]) + more}) for more in (0.0, 0.3))
    assert (near.areas.scatter, far.areas.scatter) == pytest.approx((0.0, 0.3))
    assert spread_of(far.areas, constants) > 2.0 * spread_of(near.areas, constants)


def _grown(side):
    """The share of the outlined area that is on one film only where bone was only added or lost."""
    return abs(side.whole[1] - side.whole[0]) / sum(side.whole)


def test_an_error_that_both_areas_share_widens_the_change_in_mm2_alone():
    exact, sized = (fit_constants(sides(200, 5, sd=0.03, growth=(1.3, 1.8), size_sd=sd)) for sd in (0.0, 0.3))
    assert exact.size <= 0.1 < sized.size
    (side,) = sides(1, 0, growth=(1.5, 1.5))
    plain, wide = (growth_of(side.areas, replace(sized, size=size)) for size in (0.0, sized.size))
    assert (plain.low, plain.high) == (wide.low, wide.high)
    assert 0.0 < wide.change_mm2[1] < plain.change_mm2[1] < plain.change_mm2[2] < wide.change_mm2[2]


def test_too_few_sides_fit_nothing():
    assert fit_constants(sides(19, 0)) is None


def test_wrong_verdicts_are_counted_by_the_truth():
    (same,) = sides(1, 1, sd=1e-6, growth=(1.0, 1.0))
    grown = same.model_copy(update={"true_mm2": (same.true_mm2[0], 1.5 * same.true_mm2[0])})
    read = (same.whole[0], 2.0 * same.whole[0])
    said = same.model_copy(update={"whole": read, "shared": read})
    unknown = grown.model_copy(update={"matched": 0.0})
    found = growth_figures([[grown, same], [said], [unknown]])
    assert found["wrong_stable"]["count"] == found["wrong_spreading"]["count"] == 1
    assert found["cannot_tell_of_growth_over_20_percent"] | {"low": 0, "high": 0} == {
        "count": 1, "of": 2, "share": 0.5, "low": 0, "high": 0,
    }  # fmt: skip
    assert found["verdicts"]["unchanged"] == {"spreading": 1, "stable": 1, "regressing": 0, "cannot tell": 0}
    assert found["fitted"] is found["cross_validated"] is None


def test_what_holds_a_side_back_keeps_it_from_stable():
    (same,) = sides(1, 1, sd=1e-6, growth=(1.0, 1.0))
    found = growth_figures([[same.model_copy(update={"held_back": True})]])
    assert found["verdicts"]["unchanged"]["cannot tell"] == 1


def test_pairs_are_judged_by_constants_of_other_pairs():
    """One pair whose errors are far larger than all others' must not widen its own intervals."""
    pairs = [[side] for side in sides(50, 6, sd=0.02)] + [sides(10, 7, sd=0.5)]
    found = growth_figures(pairs)
    assert found["cross_validated"]["sides"] == found["sides"] == 60
    alone = fit_constants([side for number, pair in enumerate(pairs) if number % 5 for side in pair])
    held = [g.low <= math.exp(s.log_ratio) <= g.high for s in pairs[50] if (g := growth_of(s.areas, alone))]
    assert sum(held) < 5


def test_a_wider_reach_holds_more():
    known = sides(50, 3)
    narrow, wide = (Constants(0.5, 0.05, 0.0, 0.0, 0.0, reach, 0.0) for reach in (1.0, 4.0))
    held = [
        sum(g.low <= math.exp(s.log_ratio) <= g.high for s in known if (g := growth_of(s.areas, c)))
        for c in (narrow, wide)
    ]
    assert held[0] < held[1]
