"""Figures of a comparison from records with a known answer."""

from pathlib import Path

import numpy as np
import pytest

from ho_imaging.errors import UsageError
from ho_imaging.evaluation import evaluate_pairs as module
from ho_imaging.evaluation.evaluate_pairs import PairRecord, evaluate_pairs, pair_figures
from ho_imaging.evaluation.truth import StudyTruth
from ho_imaging.vocabulary import Side


def record(course, verdict, **values):
    return PairRecord(pair="p", course=course, verdict=verdict, **({"has_ho": True} | values))


def test_false_spreading_counts_unchanged_pairs_only():
    records = [record("unchanged", "spreading"), *[record("unchanged", "stable")] * 19, record("growing", "spreading")]
    found = pair_figures(records)
    assert found["false_spreading"]["share"] == 0.05
    assert found["false_spreading"]["low"] < 0.05 < found["false_spreading"]["high"]
    assert found["verdicts"] == {"growing": {"spreading": 1}, "unchanged": {"spreading": 1, "stable": 19}}


def test_where_there_is_no_bone_nothing_grows():
    records = [record("growing", "stable", has_ho=False), record("unchanged", "spreading", has_ho=False)]
    found = pair_figures(records)
    assert found["verdicts"] == {"none": {"spreading": 1, "stable": 1}}
    assert found["false_spreading"]["share"] == 0.5


def test_growth_is_that_of_the_true_area():
    grown = [record("growing", "spreading", true_ratio=1.4), record("growing", "stable", true_ratio=1.3)]
    found = pair_figures([*grown, record("growing", "stable", true_ratio=1.0)])
    assert found["grown_by_a_quarter"] == {"pairs": 2, "spreading": 1, "stable": 1}


def test_errors_are_those_of_unchanged_nodules():
    found = pair_figures([record("unchanged", "stable", errors_in_sd=(0.5, -3.0), relative_changes=(0.1, -0.4))])
    assert found["unchanged_beyond_1.96_sd"] == 0.5
    assert found["unchanged_nodules"] == 2


def test_a_folder_without_pairs_says_how_to_make_them(tmp_path):
    with pytest.raises(UsageError, match="no pairs"):
        evaluate_pairs(None, tmp_path)


def visit(known, scale, nodules, heads=(("left", (100, 200)), ("right", (100, 60)))):
    """Truth of a film at a magnification; nodules are (side, number, centre, radius), heads have a radius of 20."""
    shape = (int(240 * scale), int(260 * scale))

    def disc(center, radius):
        return known.disc(shape, tuple(scale * number for number in center), scale * radius)

    picture = np.zeros(shape, dtype=np.uint8)
    for _, number, center, radius in nodules:
        picture[disc(center, radius)] = number
    masks = {f"femoral_head_{name}": disc(center, 20) for name, center in heads}
    return StudyTruth(Path(), picture, masks, {"truth": {"nodules": [{"side": side} for side, *_ in nodules]}})


def test_true_growth_is_not_that_of_a_person_who_stood_nearer_to_the_tube(known):
    """Radius 10 to 12 on the left, the same on the right, on a film that shows all of it larger by a tenth."""
    here, later = ("right", 2, (160, 60), 9), ("left", 1, (160, 200), 12)
    true = module._true_areas(visit(known, 1.0, [("left", 1, (160, 200), 10), here]), visit(known, 1.1, [later, here]))
    assert true[Side.LEFT] == pytest.approx((np.pi * 10**2, np.pi * 12**2), rel=0.02)
    assert true[Side.RIGHT] == pytest.approx((np.pi * 9**2, np.pi * 9**2), rel=0.02)


def test_where_nodules_cover_each_other_is_bone_once(known):
    two = [("left", 1, (160, 200), 10), ("left", 2, (160, 205), 10)]
    true = module._true_areas(visit(known, 1.0, two), visit(known, 1.0, two[:1]))
    together = visit(known, 1.0, two).nodules > 0
    assert true[Side.LEFT][0] == together.sum() < 1.5 * np.pi * 10**2
    assert true[Side.RIGHT] == (0.0, 0.0)


def test_a_head_that_a_film_cuts_tells_no_size(known):
    """Then the other head does; without any both films are taken to be alike."""
    nodule = [("left", 1, (160, 200), 10)]
    cut, whole = ("left", (100, 250)), ("right", (100, 60))
    one, later = visit(known, 1.0, nodule, (cut, whole)), visit(known, 1.1, nodule, (cut, whole))
    assert module._true_areas(one, later)[Side.LEFT] == pytest.approx((np.pi * 10**2,) * 2, rel=0.02)
    none = module._true_areas(visit(known, 1.0, nodule, (cut,)), visit(known, 1.1, nodule, (cut,)))[Side.LEFT]
    assert none[1] == pytest.approx(1.1**2 * none[0], rel=0.02)
