"""Figures of a comparison from records with a known answer."""

import pytest

from ho_imaging.errors import UsageError
from ho_imaging.evaluation.evaluate_pairs import PairRecord, evaluate_pairs, pair_figures


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
