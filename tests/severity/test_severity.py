"""Grades against schematic hips with known gaps; the score against what it must obey."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ho_imaging.findings import find_nodules, read_anatomy
from ho_imaging.messages import Message
from ho_imaging.preparing.scale import Scale
from ho_imaging.regions import plan_of
from ho_imaging.severity import Category, FilmReading, grade_study
from ho_imaging.severity.burden import BurdenParts, burden_score
from ho_imaging.severity.grade import Evidence, Gap, SideSeverity, SystemGrade
from ho_imaging.severity.layout import Arrangement, Piece
from ho_imaging.severity.study import severity_of_study
from ho_imaging.severity.systems import BROOKER, WALTER_REED
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, View


def reading(prediction):
    anatomy = read_anatomy(prediction)
    return FilmReading(prediction.prepared, anatomy, find_nodules(prediction, anatomy))


def sides(prediction):
    return {side.side: side for side in grade_study([reading(prediction)]).sides}


def spur(gap_px):
    """A spur on the right femur, joined to its outer edge, that ends ``gap_px`` below the pelvis."""
    return (slice(100 + gap_px, 200), slice(56, 66))


def test_hips_without_ectopic_bone_are_class_0_on_both_sides(hips):
    severity = grade_study([reading(hips())])
    assert [(s.side, s.grade, s.score) for s in severity.sides] == [(Side.RIGHT, "0", 0.0), (Side.LEFT, "0", 0.0)]
    assert (severity.study.grade, severity.study.score, severity.study.category) == ("0", 0.0, Category.NONE)


def test_an_island_is_class_i_on_its_side_only(hips):
    graded = sides(hips((slice(130, 140), slice(30, 45))))
    assert graded[Side.RIGHT].grade == "I"
    assert graded[Side.LEFT].grade == "0"
    assert graded[Side.RIGHT].evidence.gap is None


@pytest.mark.parametrize(
    ("gap_px", "pixel_mm", "grade"),
    [
        (11, 1.0, "II"),
        (10, 1.0, "II"),
        (9, 1.0, "III"),
        (13, 0.8, "II"),
        (12, 0.8, "III"),
        (8, 1.25, "II"),
        (7, 1.25, "III"),
    ],
)
def test_the_gap_decides_between_ii_and_iii_and_ten_is_ii(hips, gap_px, pixel_mm, grade):
    side = sides(hips(spur(gap_px), pixel_mm=pixel_mm))[Side.RIGHT]
    assert side.evidence.gap.length_mm == pytest.approx(gap_px * pixel_mm)
    assert side.grade == grade


def test_the_ends_of_the_gap_lie_on_both_surfaces(hips):
    gap = sides(hips(spur(15)))[Side.RIGHT].evidence.gap
    rows = sorted(end[0] for end in gap.ends_px)
    assert rows == pytest.approx([99.5, 114.5])
    assert all(56 <= end[1] <= 66 for end in gap.ends_px)
    assert gap.length_px == pytest.approx(15)


def test_bridging_bone_is_class_iv_and_says_what_overlap_can_do(hips):
    side = sides(hips((slice(95, 200), slice(56, 66))))[Side.RIGHT]
    assert side.grade == "IV"
    assert "Overlap" in str(side.evidence.statement)
    assert side.category is Category.SEVERE


def test_a_chain_of_touching_nodules_bridges_too(hips):
    upper, lower = (slice(95, 150), slice(56, 66)), (slice(151, 200), slice(56, 66))  # one pixel apart
    assert sides(hips(upper, lower))[Side.RIGHT].grade == "IV"


def test_the_joint_space_itself_never_counts(hips):
    """A spur far from the other bone is class II, however close head and socket are."""
    side = sides(hips((slice(200, 215), slice(96, 125))))[Side.RIGHT]
    assert side.grade == "II"
    assert side.evidence.gap.length_mm > 60


def test_a_detector_length_near_a_centimetre_may_be_either(hips):
    uncertain = sides(hips(spur(11), basis=SpacingBasis.DETECTOR))[Side.RIGHT]
    # 11 mm at the detector are 9.6 mm without the usual magnification: III, perhaps II.
    assert (uncertain.grade, uncertain.alternatives) == ("III", ("II",))
    assert uncertain.probabilities["II"] + uncertain.probabilities["III"] > 0.9
    assert "Between II and III" in str(uncertain.evidence.statement)
    low, high = uncertain.evidence.gap.true_range_mm
    assert low < 9.6
    assert high > 10.0
    clear = sides(hips(spur(20), basis=SpacingBasis.DETECTOR))[Side.RIGHT]
    assert (clear.grade, clear.alternatives) == ("II", ())
    calibrated = sides(hips(spur(13), basis=SpacingBasis.CALIBRATED))[Side.RIGHT]
    assert (calibrated.grade, calibrated.alternatives) == ("II", ())


def test_a_lateral_film_carries_no_brooker_class(hips):
    graded = grade_study([reading(hips(spur(5), view=View.LATERAL, laterality=Laterality.RIGHT))])
    assert [side.grade for side in graded.sides] == [None]
    assert "AP" in str(graded.sides[0].evidence.statement)
    assert graded.sides[0].score > 0


def test_a_film_without_bones_carries_no_grade(known):
    from ho_imaging.vocabulary import Structure  # noqa: PLC0415

    film = known.prediction({Structure.HO: known.disc((200, 200), (100, 100), 9)}, laterality=Laterality.LEFT)
    (side,) = grade_study([reading(film)]).sides
    assert side.grade is None
    assert "pelvis" in str(side.evidence.statement)


def test_a_film_without_any_side_says_why_it_carries_no_class(known):
    from ho_imaging.vocabulary import Region, Structure  # noqa: PLC0415

    femur = np.zeros((200, 200), dtype=bool)
    femur[:, 80:120] = True
    film = known.prediction({Structure.FEMUR: femur}, laterality=Laterality.UNKNOWN, region=Region.THIGH)
    severity = grade_study([reading(film)])
    assert [(side.side, side.grade) for side in severity.sides] == [(Side.UNKNOWN, None)]
    assert "thigh" in str(severity.sides[0].evidence.statement)
    assert severity.study.grade is None


def test_an_implant_is_no_bone_and_does_not_join(hips):
    implant = np.zeros((320, 320), dtype=bool)
    implant[100:180, 74:86] = True  # stem and neck between pelvis and femur
    side = sides(hips((slice(130, 150), slice(84, 95)), implant=implant))[Side.RIGHT]
    assert side.grade == "I"


def test_the_worst_film_of_a_side_counts_and_is_named(hips):
    severity = grade_study([reading(hips()), reading(hips(spur(5), sop_instance_uid="9.9"))])
    right = next(side for side in severity.sides if side.side is Side.RIGHT)
    assert right.grade == severity.study.grade == "III"
    assert right.evidence.sop_instance_uid == "9.9"
    assert "one of 2 films" in str(right.evidence.statement)


def one_side(side, grade, *, alternatives=(), nodules=("F1",), system="brooker"):
    evidence = Evidence("1.2", nodules, {}, None, "none", Message("islands"))
    return SideSeverity(side, system, grade, alternatives, 10.0, None, evidence)


@pytest.mark.parametrize(
    ("other", "ungraded", "grade"),
    [
        ("0", {"alternatives": ("II", "III")}, None),
        ("II", {"alternatives": ("II", "III")}, None),
        ("III", {"alternatives": ("II", "III")}, "III"),
        ("0", {}, None),  # a lateral film: any grade may be meant
        ("III", {}, None),
        ("IV", {}, "IV"),
        ("IV", {"system": "walter_reed"}, None),
        ("0", {"nodules": ()}, "0"),
    ],
)
def test_a_side_that_could_not_be_graded_does_not_take_the_grade_of_the_other(other, ungraded, grade):
    sides = [one_side(Side.LEFT, other), one_side(Side.RIGHT, None, **ungraded)]
    for order in (sides, sides[::-1]):
        study = severity_of_study(order)
        assert (study.grade, study.system) == (grade, None if grade is None else "brooker")


parts = st.builds(
    BurdenParts,
    area=st.floats(0.001, 20),
    extent=st.floats(0.001, 10),
    count=st.integers(1, 30),
    mineral=st.floats(0, 20),
    gap=st.one_of(st.none(), st.floats(0, 5)),
)


@given(parts, st.floats(0, 5), st.floats(0, 5), st.integers(0, 5))
def test_more_is_never_less(a, more_area, more_extent, more_count):
    b = BurdenParts(a.area + more_area, a.extent + more_extent, a.count + more_count, a.mineral, a.gap)
    assert 0 < burden_score(a) <= burden_score(b) <= 100


@given(parts, st.floats(0, 4), st.floats(0, 4), st.floats(0, 5), st.floats(0, 5))
def test_denser_is_more_and_a_wider_gap_is_less(a, d1, d2, g1, g2):
    low = BurdenParts(a.area, a.extent, a.count, min(d1, d2), max(g1, g2))
    high = BurdenParts(a.area, a.extent, a.count, max(d1, d2), min(g1, g2))
    assert burden_score(low) <= burden_score(high)


def test_nothing_is_zero_and_the_worked_example_of_the_documentation_holds():
    assert burden_score(BurdenParts(0, 0, 0, 0, None)) == 0
    example = BurdenParts(area=0.5, extent=0.8, count=2, mineral=0.3, gap=0.25)
    assert burden_score(example) == pytest.approx(45.70, abs=0.01)


@pytest.mark.parametrize(
    ("grade", "score", "word"),
    [
        ("0", 0, "none"),
        ("I", 12, "mild"),
        ("I", 31, "moderate"),
        ("II", 5, "moderate"),
        ("III", 20, "severe"),
        (None, 70, "severe"),
        ("I", 59.94, "moderate"),
        ("I", 59.96, "severe"),  # a result says 60.0
        ("I", 29.96, "moderate"),
    ],
)
def test_words_agree_with_grades(grade, score, word):
    assert BROOKER.category(grade, score) == word


@pytest.mark.parametrize(("grade", "score", "word"), [("none", 50, "none"), ("mild", 90, "mild"), (None, 70, "severe")])
def test_grades_that_are_words_stand_as_they_are(grade, score, word):
    assert WALTER_REED.category(grade, score) == word


@pytest.mark.parametrize(
    ("gap_mm", "grade", "said"), [(9.96, "III", "9.9 mm"), (10.0, "II", "10.0 mm"), (9.2, "III", "9.2 mm")]
)
def test_the_length_that_is_said_is_on_the_side_of_a_centimetre_that_the_class_says(gap_mm, grade, said):
    anatomy = SimpleNamespace(scale=Scale(1.0, SpacingBasis.CALIBRATED), plan=plan_of(Region.HIP))
    view = SimpleNamespace(film=SimpleNamespace(anatomy=anatomy))
    spurs = Arrangement((Piece((0,), True, False),), gap_mm, None)
    lead = SystemGrade("brooker", "Brooker class", "", True, grade, (), {}, "")
    statement = BROOKER.explains(view, spurs, Gap(20.0, gap_mm, ((0.0, 0.0), (0.0, 0.0))), lead)
    assert str(statement).startswith(f"Spurs leave {said} between")


def test_bone_that_only_an_ungradable_view_shows_is_not_lost(hips):
    clean = reading(hips(laterality=Laterality.RIGHT))
    lateral = reading(hips(spur(5), view=View.LATERAL, laterality=Laterality.RIGHT, sop_instance_uid="8.8"))
    side, other = grade_study([clean, lateral]).sides
    assert (side.side, other.side, other.score) == (Side.RIGHT, Side.LEFT, 0)
    assert side.grade == "0"
    assert side.score > 0
    assert side.category is not Category.NONE
    assert "Another film" in str(side.evidence.statement)


def test_the_score_does_not_depend_on_the_source_grid(hips):
    square, oblong = (sides(hips(spur(15), scale=scale))[Side.RIGHT].score for scale in ((2.0, 2.0), (1.0, 2.0)))
    assert square == pytest.approx(oblong, rel=0.01)
