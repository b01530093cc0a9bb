"""Sides of the patient on films whose sides are known, whatever the file says of them."""

from dataclasses import replace

import numpy as np
import pytest

from ho_imaging.findings import read_anatomy
from ho_imaging.findings.sides import plan_sides
from ho_imaging.reading.radiograph import Sourced
from ho_imaging.severity import FilmReading, grade_study
from ho_imaging.vocabulary import Laterality, Side, Structure, View

HEADS = [(80.0, 24.0), (240.0, 24.0)]
R, L, U = Side.RIGHT, Side.LEFT, Side.UNKNOWN


@pytest.fixture
def plan(hips):
    """Sides at the columns of the two schematic hips; ``heads`` are those that are seen."""

    def make(heads=HEADS, source="test", **film):
        if "laterality" in film:
            film["laterality"] = Sourced(film["laterality"], source)
        prediction = hips()
        radiograph = prediction.prepared.radiograph
        changed = {key: value if key != "view" else Sourced(value, "test") for key, value in film.items()}
        prepared = replace(prediction.prepared, radiograph=replace(radiograph, **changed))
        sides = plan_sides(prepared, heads)
        return sides.at(80.0), sides.at(240.0)

    return make


@pytest.mark.parametrize(
    ("view", "runs_to", "wanted"),
    [
        (View.AP, None, (R, L)),
        (View.FROG_LEG, None, (R, L)),
        (View.UNKNOWN, None, (R, L)),
        (View.PA, None, (L, R)),
        (View.PA, Side.LEFT, (R, L)),
        (View.AP, Side.RIGHT, (L, R)),
        (View.UNKNOWN, Side.RIGHT, (L, R)),
        (View.LATERAL, Side.RIGHT, (U, U)),
    ],
)
def test_patient_orientation_decides_and_else_the_view(plan, view, runs_to, wanted):
    assert plan(view=view, columns_run_to=runs_to) == wanted


@pytest.mark.parametrize("stated", [Laterality.RIGHT, Laterality.LEFT, Laterality.UNKNOWN, Laterality.BILATERAL])
def test_two_hips_are_two_sides_whatever_side_the_file_names(plan, stated):
    assert plan(laterality=stated) == (R, L)
    # The nearer head of a lateral film, or what a network takes for one, is no other hip.
    one = {Laterality.RIGHT: (R, R), Laterality.LEFT: (L, L), Laterality.UNKNOWN: (U, U)}
    if stated in one:
        assert plan(laterality=stated, heads=[(150.0, 24.0), (200.0, 20.0)]) == one[stated]


def test_the_callers_side_counts_for_the_whole_film(plan):
    assert plan(laterality=Laterality.LEFT, source="caller") == (L, L)


def test_one_hip_amid_a_film_that_nobody_called_bilateral_has_no_side(plan):
    guessed = {"laterality": Laterality.BILATERAL, "source": "region (BodyPartExamined)"}
    assert plan(heads=[(150.0, 24.0)], **guessed) == (U, U)
    assert plan(heads=[(80.0, 24.0)], **guessed) == (R, L)
    assert plan(heads=[], **guessed) == (R, L)
    assert plan(heads=[(150.0, 24.0)], laterality=Laterality.BILATERAL) == (R, L)


def test_what_a_lateral_film_shows_is_credited_to_no_side_that_nobody_named(hips):
    prediction = hips((slice(120, 150), slice(20, 40)), view=View.LATERAL)
    anatomy = read_anatomy(prediction)
    reading = FilmReading(prediction.prepared, anatomy, ())
    assert [side.side for side in grade_study([reading]).sides] == [Side.UNKNOWN]


@pytest.mark.parametrize("stated", [Laterality.RIGHT, Laterality.LEFT])
def test_every_joint_and_column_has_the_side_it_lies_on(hips, stated):
    anatomy = read_anatomy(hips(laterality=stated))
    assert {joint.side: round(joint.center_px[1]) for joint in anatomy.joints} == {R: 80, L: 240}
    columns = np.arange(anatomy.masks[Structure.PELVIS].shape[1])
    assert [anatomy.sides.at(float(column)) for column in columns] == [R] * 160 + [L] * 160
