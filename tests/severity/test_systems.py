"""Each published system against schematic films whose grade follows from its definition by hand."""

import numpy as np
import pytest

from ho_imaging.findings import find_nodules, find_possible_nodules, read_anatomy
from ho_imaging.severity import FilmReading, grade_study, same_nodules
from ho_imaging.severity.systems import SYSTEMS
from ho_imaging.severity.systems.biplanar import grade_biplanar
from ho_imaging.severity.systems.walter_reed import involved_share
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Structure, View

ISLAND = (slice(130, 136), slice(30, 36))
LONG_ISLAND = (slice(130, 145), slice(30, 38))


def reading(prediction):
    anatomy = read_anatomy(prediction)
    found, possible = find_nodules(prediction, anatomy), find_possible_nodules(prediction, anatomy)
    return FilmReading(prediction.prepared, anatomy, found, possible)


def spur(gap_px):
    return (slice(100 + gap_px, 200), slice(56, 66))


def right(*films):
    return next(side for side in grade_study([reading(film) for film in films]).sides if side.side is Side.RIGHT)


def grade(side, system):
    return next(found for found in side.systems if found.system == system)


@pytest.mark.parametrize(
    ("nodules", "wanted"),
    [
        ((), "A"),
        ((ISLAND,), "A"),
        ((LONG_ISLAND,), "B"),
        ((spur(30),), "B"),
        ((spur(6),), "C"),
        ((spur(0),), "C"),
        ((ISLAND, spur(6)), "C"),
    ],
)
def test_della_valle(hips, nodules, wanted):
    assert grade(right(hips(*nodules)), "della_valle").grade == wanted


@pytest.mark.parametrize(
    ("nodules", "wanted"),
    [
        ((), "0"),
        (((slice(190, 196), slice(30, 36)),), "I A"),
        (((slice(150, 156), slice(30, 36)),), "III A"),
        (((slice(140, 170), slice(30, 38)), (slice(190, 196), slice(30, 36))), "II B"),
        ((spur(30),), "II B"),
        ((spur(0),), "II C"),
    ],
)
def test_schmidt_hackenbrock_by_place_and_size(known, nodules, wanted):
    """The femur's lateral part reaches up to row 180 and stands for the greater trochanter."""
    shape = (320, 320)
    masks = {s: np.zeros(shape, dtype=bool) for s in (Structure.HO, Structure.PELVIS, Structure.FEMUR)}
    masks[Structure.PELVIS][40:100, 20:150] = True
    masks[Structure.FEMUR][180:300, 50:95] = True
    masks[Structure.FEMORAL_HEAD] = known.disc(shape, (140, 95), 24)
    for nodule in nodules:
        masks[Structure.HO][nodule] = True
    film = known.prediction(masks, pixel_mm=1.0, laterality=Laterality.RIGHT)
    found = grade(right(film), "schmidt_hackenbrock")
    assert found.grade == wanted
    assert not found.confirmed


def test_every_system_gives_probabilities_that_sum_to_one(hips):
    for side in (right(hips()), right(hips(ISLAND)), right(hips(spur(11), basis=SpacingBasis.DETECTOR))):
        for found in side.systems:
            if found.grade is not None:
                assert sum(found.probabilities.values()) == pytest.approx(1.0)
                assert found.grade in found.probabilities


def test_what_is_not_sure_to_be_bone_shows_in_the_probabilities(hips):
    """A candidate of half the probability that is needed is not reported, but class 0 is not certain either."""
    film = hips(ISLAND)
    film.probabilities[Structure.HO][:] *= 0.45
    side = right(film)
    assert side.grade == "0"
    assert side.probabilities["0"] == pytest.approx(0.55, abs=0.06)
    assert side.probabilities["I"] == pytest.approx(0.45, abs=0.06)
    assert all(share > 0.0 for share in side.probabilities.values())  # nothing is excluded for certain
    assert side.alternatives == ("I",)


def test_the_same_film_gives_the_same_probabilities(hips):
    film = hips(spur(10), basis=SpacingBasis.DETECTOR)
    assert right(film).probabilities == right(film).probabilities


def test_probability_of_a_gap_follows_the_error_of_the_scale(hips):
    """Against the normal distribution of the scale: a gap of 10.4 mm, +- 2 % and half a pixel of 0.8 mm."""
    from scipy.stats import norm  # noqa: PLC0415

    gap_mm, pixel_mm = 13 * 0.8, 0.8
    expected = norm.cdf((gap_mm - 10.0) / np.hypot(0.02 * gap_mm, 0.5 * pixel_mm))
    side = right(hips(spur(13), pixel_mm=pixel_mm))
    # Of what falls on these two: a share goes to grades that no draw holds.
    share = side.probabilities["II"] / (side.probabilities["II"] + side.probabilities["III"])
    assert share == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize("angle_deg", [0, 10, 30, 45])
def test_the_gap_between_slanted_surfaces_is_exact_to_a_tenth_of_a_pixel(known, angle_deg):
    """Two parallel edges, 12 px apart, drawn with soft borders at any angle."""
    rows, columns = np.indices((320, 320)).astype(float)
    angle = np.deg2rad(angle_deg)
    across = (rows - 130) * np.cos(angle) + (columns - 80) * np.sin(angle)
    along = (columns - 80) * np.cos(angle) - (rows - 130) * np.sin(angle)

    def soft(signed_px):
        return np.clip(signed_px / 4 + 0.5, 0.0, 1.0)

    pelvis, femur = soft(-across - 6), soft(across - 40)
    ho = np.minimum(np.minimum(soft(across - 6), soft(44 - across)), soft(12 - np.abs(along)))
    head = known.disc((320, 320), (150, 240), 24)
    masks = {Structure.HO: ho, Structure.PELVIS: pelvis, Structure.FEMUR: femur, Structure.FEMORAL_HEAD: head}
    film = known.prediction(masks, pixel_mm=1.0, laterality=Laterality.RIGHT)
    gap = right(film).evidence.gap
    assert gap.length_px == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize(
    ("views", "wanted"),
    [
        ({View.AP: True, View.LATERAL: False}, "2"),
        ({View.AP: False, View.LATERAL: False}, "1"),
        ({View.AP: False, View.CROSS_TABLE_LATERAL: None}, "1"),
        ({View.AP: None, View.FROG_LEG: None}, "0"),
        ({View.AP: True}, None),
        ({View.LATERAL: True}, None),
    ],
)
def test_biplanar(views, wanted):
    assert grade_biplanar(views)[0] == wanted


def test_the_biplanar_grade_does_not_depend_on_the_order_of_films(hips):
    side_on = hips(view=View.LATERAL, laterality=Laterality.RIGHT, sop_instance_uid="7.7")
    clean = hips(laterality=Laterality.RIGHT, sop_instance_uid="7.8")
    wide = hips(spur(30), laterality=Laterality.RIGHT, sop_instance_uid="7.9")
    for films in ((clean, wide, side_on), (wide, clean, side_on), (side_on, wide, clean)):
        assert grade(right(*films), "biplanar").grade == "1"


def test_two_views_of_a_hip_get_a_biplanar_grade(hips):
    front = hips(spur(30), laterality=Laterality.RIGHT)
    side_on = hips(spur(4), view=View.LATERAL, laterality=Laterality.RIGHT, sop_instance_uid="7.7")
    side = right(front, side_on)
    assert side.grade == "II"
    assert grade(side, "biplanar").grade == "2"


def test_involved_share_of_a_limb_is_that_of_a_bar_across_it():
    body = np.zeros((300, 200), dtype=bool)
    body[20:280, 60:140] = True  # 80 wide
    bone = np.zeros_like(body)
    bone[200:226, 70:100] = True  # 30 of 80, over a tenth of the length
    width, length = involved_share(body, bone)
    assert width == pytest.approx(30 / 80, abs=0.02)
    assert length == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(("wide", "word"), [(0, "none"), (10, "mild"), (30, "moderate"), (50, "severe")])
def test_a_residual_limb_is_graded_by_its_own_system(known, wide, word):
    shape = (300, 200)
    masks = {s: np.zeros(shape, dtype=bool) for s in (Structure.HO, Structure.FEMUR, Structure.BODY)}
    masks[Structure.BODY][20:280, 60:140] = True
    masks[Structure.FEMUR][20:180, 95:105] = True
    masks[Structure.HO][200:226, 70 : 70 + wide] = True
    film = known.prediction(masks, pixel_mm=1.0, region=Region.RESIDUAL_LIMB, laterality=Laterality.RIGHT)
    side = right(film)
    assert (side.system, side.grade, side.category) == ("walter_reed", word, word)
    assert "brooker" not in {found.system for found in side.systems}


def test_an_elbow_says_that_motion_is_needed(known):
    shape = (200, 200)
    film = known.prediction(
        {Structure.HO: known.disc(shape, (90, 90), 8)}, region=Region.ELBOW, laterality=Laterality.RIGHT
    )
    side = right(film)
    assert side.system == "hastings_graham"
    assert "motion" in side.grade


def test_systems_have_sources_and_names_of_their_own():
    assert len({system.name for system in SYSTEMS}) == len(SYSTEMS)
    assert all(system.citation and system.grades for system in SYSTEMS)


def test_a_nodule_on_two_films_of_a_projection_is_one_nodule(hips):
    """The second film is shifted by 7 px; islands about the joint stay where they are relative to it."""
    first = reading(hips(ISLAND, (slice(200, 212), slice(30, 40))))
    second = reading(hips(ISLAND, sop_instance_uid="6.6", basis=SpacingBasis.DETECTOR))
    named = [
        FilmReading(film.prepared, film.anatomy, tuple(f.__class__(**{**vars(f), "id": f"{n}-{f.id}"})
                                                         for f in film.findings))
        for n, film in enumerate((first, second))
    ]  # fmt: skip
    island = next(f for f in named[0].findings if f.centroid_px[0] < 150)
    assert same_nodules(named) == {"1-F1": island.id}
    lateral = reading(hips(ISLAND, view=View.LATERAL, sop_instance_uid="5.5"))
    assert same_nodules([first, lateral]) == {}
