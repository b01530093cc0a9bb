"""What adds up over the films of a study; the truth is counted by hand."""

from types import SimpleNamespace

import pytest

from ho_imaging.outputs.rows import study_row
from ho_imaging.results.counting import area_mm2, counted_findings


def finding(name, film, area, *, side="right", same_as=None):
    return SimpleNamespace(
        id=name, sop_instance_uid=film, side=side, area_mm2=area, same_as=same_as, long_axis_mm=area and area / 10
    )


def study(findings, *sides, **views):
    images = [
        SimpleNamespace(sop_instance_uid=film, view=view, status="done", region="hip", path=f"in/{film}.png")
        for film, view in views.items()
    ]
    worst = max(sides, key=lambda side: side.score or 0.0, default=None)
    severity = SimpleNamespace(sides=sides, study=worst)
    return SimpleNamespace(
        images=images, findings=findings, severity=severity, study_uid="1.2", status="done", reason=None, warnings=(),
        context=None, model=None, completeness=None, identifiers=None,
    )  # fmt: skip


def side(name, film, *, grade="II", score=20.0, certainty=0.9, alternatives=()):
    return SimpleNamespace(
        side=name, system="brooker", grade=grade, score=score, category="moderate", alternatives=alternatives,
        probabilities={grade: certainty}, evidence=SimpleNamespace(sop_instance_uid=film),
    )  # fmt: skip


def names(result):
    return [finding.id for finding in counted_findings(result)]


def test_two_projections_of_one_hip_are_not_added():
    shown = [finding("F1", "a", 100.0), finding("F2", "a", 50.0), finding("F3", "b", 120.0), finding("F4", "b", 90.0)]
    result = study(shown, side("right", "a"), a="ap", b="frog_leg")
    assert names(result) == ["F1", "F2"]
    row = study_row(result, "x")
    assert (row["findings"], row["area_mm2"], row["longest_mm"]) == (2, 150.0, 10.0)


def test_where_the_graded_film_shows_none_the_projection_with_most_counts():
    shown = [finding("F1", "b", 30.0), finding("F2", "c", 120.0)]
    assert names(study(shown, side("right", "a"), a="ap", b="frog_leg", c="lateral")) == ["F2"]


def test_films_of_one_projection_count_together_and_each_nodule_once():
    shown = [finding("F1", "a", 100.0), finding("F2", "b", 101.0, same_as="F1"), finding("F3", "b", 20.0)]
    assert names(study(shown, side("right", "a"), a="ap", b="ap")) == ["F1", "F3"]


def test_each_side_counts_by_its_own_films():
    shown = [finding("F1", "a", 10.0), finding("F2", "b", 40.0, side="left"), finding("F3", "b", 5.0)]
    assert names(study(shown, side("right", "a"), side("left", "b"), a="ap", b="frog_leg")) == ["F1", "F2"]


@pytest.mark.parametrize(("areas", "total"), [((), None), ((1.0, 2.0), 3.0), ((1.0, None), None), ((None,), None)])
def test_an_area_that_is_not_known_leaves_no_total_that_is_too_small(areas, total):
    assert area_mm2([finding(str(n), "a", area) for n, area in enumerate(areas)]) == total


def test_of_two_sides_of_one_grade_the_row_tells_of_the_worse():
    mild = side("right", "a", score=20.0, certainty=0.9)
    worse = side("left", "a", score=65.0, certainty=0.4, alternatives=("III",))
    row = study_row(study([], mild, worse, a="ap"), "x")
    assert (row["score"], row["certainty"], row["alternatives"]) == (65.0, 0.4, "III")
    assert (row["path"], row["side"]) == ("in/a.png", "left")
