"""Figures of invented films, each worked by hand."""

from pathlib import Path

import numpy as np
import pytest

from ho_imaging.errors import UsageError
from ho_imaging.evaluation.disagreements import disagreements
from ho_imaging.evaluation.labels import HO, Box
from ho_imaging.evaluation.matching import FilmLabel
from ho_imaging.evaluation.outcomes import FilmOutcome, GradePair, Outlined
from ho_imaging.evaluation.site_threshold import LEAST_THRESHOLD, fit_confidence, smallest_threshold, suggest_site
from ho_imaging.evaluation.validation_figures import EMPTY, by_size, group_figures, split_by_columns
from ho_imaging.evaluation.validation_schema import ValidationFigures, described_keys
from ho_imaging.messages import Message
from ho_imaging.network.calibration import AS_IT_IS, Calibration
from ho_imaging.network.prediction import ModelIdentity
from ho_imaging.vocabulary import Side

BOX = Box(0, 0, 10, 10)


def film(name, ho, score=None, outlines=(), *, status="done", boxes=0, sides=None, grades=(), groups=None, **more):
    """A film; ``outlines``: (confidence, boxes hit, side)."""
    label = FilmLabel((1,), ho, sides or {}, {}, (BOX,) * boxes, groups or {})
    made = tuple(Outlined(side, confidence, tuple(hits)) for confidence, hits, side in outlines)
    about = {"reason": None, "size_px": 900, "score": score, "outlines": made, "grades": tuple(grades)} | more
    return FilmOutcome(Path(name), name, f"1.{len(name)}", label, ho, status, **about)


def outline(confidence, *hits, side=Side.LEFT):
    return confidence, hits, side


FILMS = [
    film("yes both boxes", HO.YES, 0.9, [outline(0.9, 0), outline(0.8, 1), outline(0.3)], boxes=2),
    film("yes no box", HO.YES, 0.8, [outline(0.8)], boxes=1),
    film("yes missed", HO.YES, 0.3),
    film("no outlined twice", HO.NO, 0.85, [outline(0.85), outline(0.5)]),
    film("no", HO.NO, 0.2),
    film("no too", HO.NO, 0.1),
    film("unsure", HO.UNSURE, 0.95, [outline(0.95, 0)], boxes=1),
    film("yes refused", HO.YES, status="refused", reason=Message("head_too_small", squares=44, bone="pelvis")),
    film("no refused", HO.NO, status="refused", reason=Message("head_too_small", squares=51, bone="pelvis")),
    film("no failed", HO.NO, status="failed", reason=Message("file_empty")),
]


def test_each_figure_worked_by_hand():
    found = group_figures(FILMS, AS_IT_IS)
    counts = (found.films, found.accepted, found.refused, found.failed, found.pending)
    assert counts == (10, 7, 2, 1, 0)
    assert (found.labelled_yes, found.labelled_no, found.labelled_unsure) == (4, 5, 1)
    for share, count, total in [
        (found.sensitivity, 2, 3), (found.specificity, 2, 3), (found.false_positive_rate, 1, 3),
        (found.sensitivity_refused_as_negative, 2, 4), (found.specificity_refused_as_negative, 3, 4),
        (found.unsure_outlined, 1, 1), (found.box_hits, 2, 3), (found.box_hits_unsure, 1, 1),
    ]:  # fmt: skip
        assert (share.count, share.total, share.value) == (count, total, pytest.approx(count / total, abs=1e-4))
    # Positives 0.9, 0.8, 0.3 against negatives 0.85, 0.2, 0.1: 3 + 2 + 2 of 9 pairs in order.
    assert found.auc.value == pytest.approx(7 / 9, abs=1e-4)
    assert found.outlines_per_film_without_ho.value == pytest.approx(2 / 3, abs=1e-4)
    assert (found.films_with_boxes, found.outlines_outside_boxes_per_film.value) == (2, 1.0)
    # Stated 0.9, 0.8, 0.3, 0.85, 0.2, 0.1; tenths 0.9: 1 of 1, 0.8: 1 of 2 at 0.825, 0.3: 1 of 1, the rest 0 of 1.
    assert found.film_confidence.ece == pytest.approx((0.1 + 2 * 0.325 + 0.7 + 0.2 + 0.1) / 6, abs=1e-4)
    # On the films labelled no 0.85 and 0.5 are false; with boxes 0.9 and 0.8 are true, 0.3 and 0.8 false.
    assert (found.outline_confidence.items, found.outline_confidence.mean_true) == (6, pytest.approx(2 / 6, abs=1e-4))
    half = next(point for point in found.decision_curve if point.probability == 0.5)
    assert half.model == pytest.approx((2 - 1) / 6, abs=1e-4)
    assert half.all == 0.0
    assert [(r.code, r.films, r.labelled_yes, r.labelled_no) for r in found.not_analysed] == [
        ("head_too_small", 2, 1, 1), ("file_empty", 1, 0, 1),
    ]  # fmt: skip
    # Numbers differ from film to film: the text is that of one of them.
    assert "(44 squares of its diameter)" in found.not_analysed[0].reason
    assert found.sides is None


def test_without_films_nothing_is_known():
    found = group_figures([], AS_IT_IS)
    assert found.sensitivity.value is found.auc.value is found.film_confidence.ece is None
    assert found.decision_curve == found.not_analysed == ()


def test_grades_of_two_sides_worked_by_hand():
    def pair(side, label, found):
        return GradePair(side, "brooker", label, found, 0.6)

    label = {Side.LEFT: {"brooker": "II"}}
    films = [
        film("a", HO.YES, 0.9, grades=[pair(Side.LEFT, "II", "II"), pair(Side.RIGHT, "0", "0")]),
        film("b", HO.YES, 0.9, grades=[pair(Side.LEFT, "IV", "III"), pair(Side.RIGHT, "0", None)]),
    ]
    films = [FilmOutcome(**{**f.__dict__, "label": FilmLabel((1,), f.ho, {}, label, (), {})}) for f in films]
    (found,) = group_figures(films, AS_IT_IS).grades
    assert (found.compared, found.not_graded, found.same_grade.count) == (3, 1, 2)
    assert found.table[2][2] == found.table[0][0] == found.table[4][3] == 1
    # Weighted by squares: observed 1; by chance of labels 2, 0, 4 and grades 2, 0, 3: (0+4+1 + 4+0+9 + 4+16+1) / 3.
    assert found.kappa_quadratic.value == pytest.approx(1 - 1 / (39 / 3), abs=1e-4)
    (differs,) = disagreements(films[1:], AS_IT_IS)
    assert differs.what == ("left side: Brooker class III, labelled IV", "not outlined, labelled yes")


def test_sides_are_compared_where_they_have_labels():
    scores = {Side.LEFT: 0.9, Side.RIGHT: 0.2}
    films = [
        film("a", HO.YES, 0.9, [outline(0.9)], sides={Side.LEFT: HO.YES, Side.RIGHT: HO.NO}, side_scores=scores),
        film("b", None, 0.9, [outline(0.9)], sides={Side.LEFT: HO.NO}, side_scores=scores),
    ]
    found = group_figures(films, AS_IT_IS)
    assert (found.labelled_yes, found.labelled_otherwise, found.accepted_no) == (1, 1, 0)
    assert found.sides.sides == 3
    assert (found.sides.sensitivity.count, found.sides.specificity.count, found.sides.specificity.total) == (1, 1, 2)
    assert [item.film.name for item in disagreements(films, AS_IT_IS)] == ["b"]


def test_disagreements_come_the_surest_first():
    found = disagreements(FILMS, AS_IT_IS)
    assert [(item.film.name, item.what) for item in found] == [
        ("no outlined twice", ("outlined, labelled no",)),
        ("yes no box", ("outlined, but outside every box",)),
        ("yes missed", ("not outlined, labelled yes",)),
    ]
    assert [round(item.error, 6) for item in found] == [0.85, 0.8, 0.7]


def test_groups_by_size_and_column():
    films = [
        film("a", HO.NO, size_px=499, groups={"implant": "Yes", "age": "1"}),
        film("bb", HO.NO, size_px=500, groups={"implant": "yes", "age": "2"}),
        film("ccc", HO.NO, size_px=799, groups={"implant": "", "age": "3"}),
        film("dddd", HO.NO, size_px=800, groups={"implant": "no", "age": "4"}),
        film("eeeee", HO.NO, size_px=None, groups={"implant": "no"}),
        *(film("x" * n, HO.NO, groups={"implant": "no", "age": str(n)}) for n in range(5, 15)),
    ]
    assert {name: len(group) for name, group in by_size(films).items()} == {
        "under 500 px": 1, "500 to 799 px": 2, "800 px and over": 11,
    }  # fmt: skip
    groups, left = split_by_columns(films, ["implant", "age", "maker"])
    assert {value: len(group) for value, group in groups["implant"].items()} == {EMPTY: 1, "Yes": 2, "no": 12}
    assert [(item.column, item.values) for item in left] == [("age", 15), ("maker", 1)]


@pytest.mark.parametrize("seed", range(40))
def test_the_threshold_is_the_smallest_that_keeps_the_rate(seed):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(rng.integers(1, 30)), rng.integers(1, 7)).tolist()
    rate = float(rng.uniform(0.0, 0.99))
    found = smallest_threshold(scores, rate)
    allowed = rate * len(scores) + 1e-9
    assert sum(score >= found for score in scores) <= allowed
    if found > LEAST_THRESHOLD:
        assert sum(score >= found - 1.01e-4 for score in scores) > allowed


def test_the_threshold_worked_by_hand():
    scores = [0.95, 0.9, 0.8, *[0.1] * 17]
    assert smallest_threshold(scores, 0.1) == 0.8001
    assert smallest_threshold(scores, 0.0) == 0.9501
    assert smallest_threshold([1.0, 0.5], 0.0) > 1.0
    assert smallest_threshold([0.9], 1.0) == LEAST_THRESHOLD


def test_few_positives_move_the_bias_alone():
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.1, 0.15]
    before = Calibration(temperature=1.5, bias=-1.0)
    fitted, words = fit_confidence(scores, [True, *[False] * 6], before)
    assert fitted.temperature == 1.5
    assert words == "the bias alone (5 films with a score of 0.2 or more, 1 of them positive)"
    logits = np.log(np.array(scores[:5]) / (1 - np.array(scores[:5])))
    # One positive aims at 2/3, each of four negatives at 1/6 (Platt 1999).
    assert (1 / (1 + np.exp(-(logits / 1.5 + fitted.bias)))).sum() == pytest.approx(2 / 3 + 4 / 6, abs=1e-6)
    assert fit_confidence([0.9], [False], before)[0] == before
    many = [0.9] * 9 + [0.3] + [0.9] + [0.3] * 9
    fitted, words = fit_confidence(many, [True] * 10 + [False] * 10, before)
    assert words.startswith("temperature and bias")
    logit = np.log(9.0)
    assert 1 / (1 + np.exp(-(logit / fitted.temperature + fitted.bias))) == pytest.approx(0.9, abs=0.02)


def test_a_site_file_rests_on_accepted_films_labelled_no():
    options = {
        "threshold_before": 0.79, "confidence_before": AS_IT_IS, "model": ModelIdentity("m", "1", "a" * 64),
        "labels_sha256": "b" * 64, "program": "p",
    }  # fmt: skip
    found = suggest_site(FILMS, rate=0.1, **options)
    assert found.threshold == 0.8501
    evidence = found.evidence
    assert (evidence.films, evidence.positives, evidence.negatives) == (6, 3, 3)
    assert (evidence.false_positive_rate_before, evidence.false_positive_rate_after) == (0.3333, 0.0)
    assert evidence.false_positive_rate_after_interval == (0.0, pytest.approx(0.5615, abs=1e-3))
    assert (evidence.sensitivity_before, evidence.sensitivity_after) == (0.6667, 0.3333)
    with pytest.raises(UsageError, match="no film labelled no"):
        suggest_site(FILMS[:3], rate=0.1, **options)
    with pytest.raises(UsageError, match="no threshold below 1"):
        suggest_site([film("a", HO.NO, 1.0)], rate=0.1, **options)


def test_every_key_of_the_figures_is_described():
    keys = described_keys(ValidationFigures)
    assert keys["all.sensitivity.low"]
    assert [name for name, text in keys.items() if len(text) < 10] == []
