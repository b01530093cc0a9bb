from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ho_imaging.statistics.detection import FilmLesions, cpm, dice, froc, match_lesions, sensitivity_at
from ho_imaging.statistics.roc import auroc
from ho_imaging.training.cases import MASK_BITS
from ho_imaging.training.films import Film
from ho_imaging.training.reviewed_films import ReviewedInfo
from ho_imaging.training.validation import FilmLogits, ValidationFilm, score_films
from ho_imaging.vocabulary import Structure


def film(lesions=(), alarms=(), areas=None):
    return FilmLesions(
        np.array(lesions, dtype=float),
        np.array(areas if areas is not None else [100.0] * len(lesions), dtype=float),
        np.array(alarms, dtype=float),
    )


def test_froc_of_a_case_worked_by_hand():
    """Two films, four lesions (one never found), three false alarms."""
    films = [film([0.9, 0.6], [0.7]), film([0.4, -np.inf], [0.5, 0.3])]
    curve = froc(films)
    # Strict to lenient: 0.9 hit, 0.7 alarm, 0.6 hit, 0.5 alarm, 0.4 hit, 0.3 alarm.
    np.testing.assert_allclose(curve.thresholds, [np.inf, 0.9, 0.7, 0.6, 0.5, 0.4, 0.3])
    np.testing.assert_allclose(curve.sensitivity, [0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75])
    np.testing.assert_allclose(curve.false_alarms_per_film, [0, 0, 0.5, 0.5, 1.0, 1.0, 1.5])
    assert sensitivity_at(curve, 0.0) == 0.25
    assert sensitivity_at(curve, 0.49) == 0.25
    assert sensitivity_at(curve, 0.5) == 0.5
    assert sensitivity_at(curve, 1.0) == 0.75
    assert cpm(curve) == pytest.approx((0.25 + 0.25 + 0.5 + 0.75 * 4) / 7)


def test_froc_by_size_counts_only_those_lesions_but_every_alarm():
    films = [film([0.9, 0.2], [0.5], areas=[10.0, 1000.0])]
    small = froc(films, areas_mm2=(0.0, 50.0))
    large = froc(films, areas_mm2=(50.0, np.inf))
    assert sensitivity_at(small, 0.5) == 1.0
    assert sensitivity_at(large, 0.5) == 0.0
    assert sensitivity_at(large, 1.0) == 1.0


def test_ties_are_not_counted_in_anyones_favour():
    """A lesion and an alarm of the same score come together: no point of the curve has one without the other."""
    curve = froc([film([0.5], [0.5])])
    assert sensitivity_at(curve, 0.9) == 0.0
    assert sensitivity_at(curve, 1.0) == 1.0


def test_froc_without_anything_found_is_flat():
    curve = froc([film([-np.inf]), film()])
    assert cpm(curve) == 0.0


def test_without_a_lesion_there_is_no_sensitivity():
    curve = froc([film(alarms=[0.4]), film()])
    np.testing.assert_allclose(curve.false_alarms_per_film, [0.0, 0.5])
    assert math.isnan(sensitivity_at(curve, 1.0))
    assert math.isnan(cpm(curve))
    # Lesions of another size are none of these.
    assert math.isnan(cpm(froc([film([0.9], areas=[10.0])], areas_mm2=(50.0, np.inf))))


def test_validation_films_without_a_lesion_are_scored_by_dice_alone():
    def scored(truth, found):
        bits = truth.astype(np.uint8) << MASK_BITS[Structure.HO]
        seen = ValidationFilm(
            ReviewedInfo(pixel_mm=1.0, split="val"),
            Film(np.zeros(truth.shape, np.float32), np.ones(truth.shape, bool), np.asarray(bits, np.uint8)),
            1.0,
        )
        logits = FilmLogits(np.where(found, 4.0, -4.0).astype(np.float32)[None], 1.0)
        return score_films([seen], [logits], [Structure.HO])

    square, empty = squares((10, 10, 10)), squares()
    alarm, quiet = scored(empty, square), scored(empty, empty)
    assert math.isnan(alarm["cpm"])
    assert (alarm["score"], quiet["score"]) == (0.0, 1.0)
    # Half of the nodule found: Dice 2/3, and sensitivity 1 at every rate.
    half = scored(square, square & (np.arange(60) < 15))
    assert half["score"] == pytest.approx((2 / 3 + 1.0) / 2)


def test_auroc_worked_by_hand():
    # Pairs positive over negative: (0.8 > 0.7, 0.3), (0.5 < 0.7, > 0.3), (0.3 < 0.7, tie 0.3): 2 + 1 + 0.5 of 6.
    assert auroc([0.8, 0.5, 0.3, 0.7, 0.3], [True, True, True, False, False]) == pytest.approx(3.5 / 6)
    assert math.isnan(auroc([0.1, 0.2], [True, True]))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_is_the_share_of_pairs_in_order(pairs):
    scores, labels = [s for s, _ in pairs], [bool(label) for _, label in pairs]
    positives = [s for s, label in pairs if label]
    negatives = [s for s, label in pairs if not label]
    if not positives or not negatives:
        assert math.isnan(auroc(scores, labels))
        return
    expected = np.mean([(p > n) + 0.5 * (p == n) for p in positives for n in negatives])
    assert auroc(scores, labels) == pytest.approx(expected)


def squares(*where, shape=(60, 60)):
    mask = np.zeros(shape, dtype=bool)
    for row, column, side in where:
        mask[row : row + side, column : column + side] = True
    return mask


def test_matching_finds_misses_and_alarms():
    truth = squares((5, 5, 10), (40, 40, 10))
    probability = (0.8 * squares((6, 6, 8)) + 0.6 * squares((5, 40, 10))).astype(np.float32)
    matched = match_lesions(probability, truth, pixel_mm=1.0)
    np.testing.assert_allclose(matched.lesion_scores, [0.8, -np.inf], rtol=1e-6)
    np.testing.assert_allclose(matched.lesion_areas_mm2, [100.0, 100.0])
    np.testing.assert_allclose(matched.false_alarm_scores, [0.6], rtol=1e-6)
    assert matched.film_score == pytest.approx(0.8)


def test_one_candidate_may_find_two_lesions():
    truth = squares((10, 10, 10), (10, 30, 10))
    bridge = np.zeros((60, 60), dtype=np.float32)
    bridge[10:20, 10:40] = 0.7
    matched = match_lesions(bridge, truth, pixel_mm=1.0)
    np.testing.assert_allclose(matched.lesion_scores, [0.7, 0.7], rtol=1e-6)
    assert len(matched.false_alarm_scores) == 0


def test_open_truth_is_no_alarm_and_specks_do_not_count():
    found = (0.9 * squares((10, 10, 10)) + 0.9 * squares((50, 50, 2))).astype(np.float32)
    nothing = np.zeros((60, 60), dtype=bool)
    assert len(match_lesions(found, nothing, pixel_mm=1.0).false_alarm_scores) == 1
    ignored = match_lesions(found, nothing, pixel_mm=1.0, ignore=squares((8, 8, 14)))
    assert len(ignored.false_alarm_scores) == 0
    assert not ignored.has_lesion
    # On a grid of 2 mm the speck of 2 x 2 px is 16 mm2, and counts.
    assert len(match_lesions(found, nothing, pixel_mm=2.0).false_alarm_scores) == 2


def test_a_graze_is_no_hit():
    truth = squares((10, 10, 20))
    grazing = np.zeros((60, 60), dtype=np.float32)
    grazing[29:59, 10:30] = 0.9  # shares one row of twenty with the lesion, and 1/30 of itself
    matched = match_lesions(grazing, truth, pixel_mm=1.0)
    assert matched.lesion_scores[0] == -np.inf
    assert len(matched.false_alarm_scores) == 1


def test_dice_of_known_overlap():
    a, b = squares((0, 0, 10)), squares((0, 5, 10))
    assert dice(a, b) == pytest.approx(0.5)
    assert dice(np.zeros((2, 2), dtype=bool), np.zeros((2, 2), dtype=bool)) == 1.0
