"""Registration and growth against films that were moved and changed by known amounts."""

import json
from dataclasses import replace
from datetime import date
from itertools import permutations
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest

from ho_imaging.errors import UsageError
from ho_imaging.findings import find_nodules, find_possible_nodules, read_anatomy
from ho_imaging.messages import Message
from ho_imaging.outputs import comparison_picture as picture
from ho_imaging.progression import growth
from ho_imaging.progression.change import NoduleCourse, Verdict, find_changes, verdict_of
from ho_imaging.progression.register import NotComparableError, register
from ho_imaging.progression.schema import ProgressionResult
from ho_imaging.progression.studies import analyze_study, compare_studies
from ho_imaging.reading.dates import DATE_FLAGS
from ho_imaging.reading.identity import PatientIdentity
from ho_imaging.reading.radiograph import QualityFlag
from ho_imaging.results.schema import ModelResult, json_schema
from ho_imaging.severity import FilmReading, grade_study
from ho_imaging.severity.film import view_of_side
from ho_imaging.vocabulary import Laterality, Side, SpacingBasis, Structure, View

SHAPE = (360, 300)


@pytest.fixture(autouse=True)
def sharp_outlines(monkeypatch):
    """Let outlines err by little: the rules are tested here, not the weights of the day."""
    monkeypatch.setattr(
        growth,
        "CONSTANTS",
        growth.Constants(whole=0.5, share=0.02, blur=0.02, scatter=0.02, change=0.05, reach=2.0, size=0.05),
    )


def hip(known, *nodules, angle_deg=0.0, scale=1.0, shift=(0.0, 0.0), pixel_mm=1.0, faint=(), **film):
    """A right hip with irregular bones, turned, enlarged and shifted; nodules are (row, column, radius).

    The network is not sure of those that are ``faint``.

    Everything is drawn in one plane with soft borders, so any position is as good as another.
    """
    rows, columns = np.indices(SHAPE).astype(float)
    angle = np.deg2rad(angle_deg)
    r0, c0 = (rows - 180 - shift[0]) / scale, (columns - 150 - shift[1]) / scale
    r = r0 * np.cos(angle) + c0 * np.sin(angle) + 180
    c = -r0 * np.sin(angle) + c0 * np.cos(angle) + 150

    def soft(signed_px):
        return np.clip(signed_px * scale / 2 + 0.5, 0.0, 1.0)

    wing = soft(55 + 6 * np.sin(c / 17) - np.hypot((r - 70) * 1.3, (c - 190) * 0.8))
    ramus = soft(14 - np.abs(r - 215 + 0.25 * (c - 200))) * (c > 170)
    head = soft(24 - np.hypot(r - 150, c - 150))
    neck = soft(11 - np.abs((r - 150) - 0.8 * (150 - c)) / 1.3) * (c < 152) * (c > 105)
    shaft = soft(15 + 2 * np.sin(r / 13) - np.abs(c - 105 + 0.06 * (r - 180))) * (r > 150)
    ho = np.zeros(SHAPE)
    for row, column, radius in nodules:
        ho = np.maximum(ho, soft(radius - np.hypot(r - row, c - column)))
    for row, column, radius in faint:
        ho = np.maximum(ho, 0.4 * soft(radius - np.hypot(r - row, c - column)))
    masks = {
        Structure.HO: ho,
        Structure.PELVIS: np.maximum(wing, ramus),
        Structure.FEMUR: np.maximum(np.maximum(head, neck), shaft),
        Structure.FEMORAL_HEAD: head,
    }
    picture = 0.3 + 0.3 * masks[Structure.PELVIS] + 0.4 * masks[Structure.FEMUR] + 0.2 * ho
    film = {"laterality": Laterality.RIGHT, "pixels": np.clip(picture, 0, 1)} | film
    prediction = known.prediction(masks, pixel_mm=pixel_mm, **film)
    anatomy = read_anatomy(prediction)
    found, possible = find_nodules(prediction, anatomy), find_possible_nodules(prediction, anatomy)
    return FilmReading(prediction.prepared, anatomy, found, possible)


def right(reading):
    return view_of_side(reading, Side.RIGHT)


def study(*readings, name="1", sha256="a" * 64):
    model = ModelResult(name="test", version="1", sha256=sha256)
    result = SimpleNamespace(study_uid=name, status="done", warnings=(), model=model)
    films = {str(number): SimpleNamespace(reading=reading) for number, reading in enumerate(readings)}
    return SimpleNamespace(result=result, severity=grade_study(readings), films=films)


def compared(before, after, **options):
    return compare_studies([study(before), study(after, name="2")], **options).result


NODULE = (120, 70, 12)


@pytest.mark.parametrize(
    ("angle_deg", "scale", "shift"), [(0, 1.0, (0, 0)), (4, 1.0, (9, -6)), (-6, 1.08, (-12, 5)), (3, 0.93, (4, 14))]
)
def test_registration_finds_a_known_motion(known, angle_deg, scale, shift):
    before = right(hip(known, NODULE))
    after = right(hip(known, NODULE, angle_deg=angle_deg, scale=scale, shift=shift))
    found = register(before, after)
    assert found.scale == pytest.approx(1 / scale, abs=0.005)
    assert found.residual_mm < 0.4
    for motion in found.motions.values():
        assert motion.angle_deg == pytest.approx(-angle_deg, abs=0.4) or motion.angle_deg == pytest.approx(
            angle_deg, abs=0.4
        )
    centers = [np.concatenate(view.findings[0].levels[1]).mean(axis=0) for view in (before, after)]
    moved = found.motions[Structure.PELVIS].apply(centers[1][None])[0]
    assert moved == pytest.approx(centers[0], abs=0.8)


def test_another_person_is_not_comparable(known):
    before, after = hip(known, NODULE), hip(known, NODULE)
    stretched = {bone: tuple(o * (1.0, 1.4) for o in outlines) for bone, outlines in after.anatomy.outlines.items()}
    after.anatomy.outlines.update(stretched)
    with pytest.raises(NotComparableError):
        register(right(before), right(after))


def changes(before, after):
    registration = register(right(before), right(after))
    return find_changes(right(before), right(after), registration)


def test_the_same_nodules_at_another_magnification_are_stable(known):
    change = changes(hip(known, NODULE, (200, 50, 8)), hip(known, NODULE, (200, 50, 8), scale=1.1, angle_deg=5))
    assert [c.course for c in change.nodules] == [NoduleCourse.STABLE] * 2
    assert change.later_mm2 == pytest.approx(change.earlier_mm2, rel=0.03)
    assert verdict_of(change)[0] is Verdict.STABLE


def test_growth_is_measured_in_mm_of_the_first_film(known):
    change = changes(hip(known, NODULE), hip(known, (120, 70, 18), scale=1.1))
    (nodule,) = change.nodules
    assert nodule.course is NoduleCourse.GROWN
    assert nodule.earlier_mm2 == pytest.approx(np.pi * 12**2, rel=0.03)
    assert nodule.later_mm2 == pytest.approx(np.pi * 18**2, rel=0.04)
    assert verdict_of(change)[0] is Verdict.SPREADING


def test_new_and_gone_nodules_are_named(known):
    large = (230, 60, 14)
    new = changes(hip(known, NODULE), hip(known, NODULE, large))
    assert sorted(c.course for c in new.nodules) == [NoduleCourse.NEW, NoduleCourse.STABLE]
    assert verdict_of(new)[0] is Verdict.SPREADING
    gone = changes(hip(known, NODULE, large), hip(known, NODULE))
    assert sorted(c.course for c in gone.nodules) == [NoduleCourse.GONE, NoduleCourse.STABLE]
    assert verdict_of(gone)[0] is Verdict.REGRESSING


def test_two_nodules_that_merge_are_one_change(known):
    change = changes(hip(known, (120, 55, 9), (120, 80, 9)), hip(known, (120, 55, 14), (120, 80, 14)))
    (nodule,) = change.nodules
    assert len(nodule.earlier_ids) == 2
    assert nodule.course is NoduleCourse.GROWN


def test_a_nodule_outside_the_other_films_field_is_no_news(known):
    before = hip(known, NODULE)
    before.prepared.valid[240:] = False
    change = changes(before, hip(known, NODULE, (270, 60, 14)))
    assert NoduleCourse.OUTSIDE in [c.course for c in change.nodules]
    verdict, said = verdict_of(change)
    assert verdict is Verdict.CANNOT_TELL
    assert "outside the field" in str(said)


def test_a_nodule_cut_by_one_films_edge_is_compared_where_both_show_it(known):
    """The edge leaves a segment of the disc of 12 mm, beyond a chord 4 mm to the left of its centre."""
    before = hip(known, NODULE)
    before.prepared.valid[:, :64] = False  # the field begins at column 63.5 and is believed from 2 mm further on
    (nodule,) = changes(before, hip(known, NODULE)).nodules
    radius, chord = 12.0, 70.0 - 65.5
    segment = np.pi * radius**2 - radius**2 * np.arccos(chord / radius) + chord * np.sqrt(radius**2 - chord**2)
    assert nodule.course is NoduleCourse.STABLE
    assert nodule.earlier_mm2 == pytest.approx(segment, rel=0.05)
    assert nodule.later_mm2 == pytest.approx(segment, rel=0.05)


def test_a_nodule_that_grew_at_the_edge_has_grown(known):
    before = hip(known, NODULE)
    before.prepared.valid[:, :64] = False
    (nodule,) = changes(before, hip(known, (120, 70, 20))).nodules
    assert nodule.course is NoduleCourse.GROWN
    assert nodule.later_mm2 < 0.75 * np.pi * 20**2


def test_what_lies_over_native_bone_is_not_compared(known):
    """One film shows a nodule as far as the shaft, the other one across it."""
    beside, over = (230, 72, 12), (230, 92, 12)  # the shaft is about 30 px wide about column 102
    (nodule,) = changes(hip(known, beside), hip(known, beside, over)).nodules
    (whole,) = hip(known, beside, over).findings
    assert nodule.course is NoduleCourse.STABLE
    assert nodule.later_mm2 < 0.8 * whole.area_mm2


def test_a_nodule_that_lies_over_bone_is_compared_as_a_whole(known):
    over = (230, 102, 9)
    (nodule,) = changes(hip(known, over), hip(known, over)).nodules
    assert nodule.earlier_mm2 == pytest.approx(np.pi * 9**2, rel=0.05)


def test_what_one_film_only_just_shows_has_not_grown(known):
    """The lower half of a nodule is faint on the earlier film, where the later one shows all of it."""
    lower = (140, 70, 12)
    (nodule,) = changes(hip(known, NODULE, faint=[lower]), hip(known, NODULE, lower)).nodules
    assert nodule.course is NoduleCourse.STABLE
    (without,) = changes(hip(known, NODULE), hip(known, NODULE, lower)).nodules
    assert without.course is NoduleCourse.GROWN


def test_days_give_growth_per_month(known):
    result = compared(hip(known, NODULE), hip(known, (120, 70, 18)), days=[61])
    (side,) = result.overall.sides
    assert result.verdict == side.verdict == "spreading"
    assert side.change_mm2_per_month == pytest.approx(np.pi * (18**2 - 12**2) / (61 / 30.4375), rel=0.05)
    assert ProgressionResult.from_json(result.to_json()) == result


def test_dates_come_from_the_films_and_must_be_in_order(known):
    first = hip(known, NODULE, acquired=date(2025, 1, 1))
    second = hip(known, NODULE, acquired=date(2025, 3, 2))
    assert compared(first, second).overall.days == 60
    with pytest.raises(UsageError, match="study 2 was taken before study 1"):
        compared(second, first)
    undated = compared(hip(known, NODULE), second)
    assert undated.overall.days is undated.overall.sides[0].change_mm2_per_month is None


DATES = [date(2025, 1, 1), date(2025, 3, 2), None]


@pytest.mark.parametrize("order", list(permutations(DATES)))
def test_a_study_without_a_date_hides_no_wrong_order_and_no_time(known, order):
    studies = [study(hip(known, NODULE, acquired=day), name=str(n)) for n, day in enumerate(order)]
    if order.index(DATES[1]) < order.index(DATES[0]):
        with pytest.raises(UsageError, match="was taken before study"):
            compare_studies(studies)
        return
    result = compare_studies(studies).result
    days = [60 if None not in pair else None for pair in (order[:2], order[1:])]
    assert [interval.days for interval in result.intervals] == days
    ends_dated = None not in {order[0], order[-1]}
    assert result.overall.days == (60 if ends_dated else None)
    assert (result.overall.sides[0].change_mm2_per_month is not None) == ends_dated
    assert any("Not every study has a date" in str(text) for text in result.warnings)


def test_without_any_date_or_with_days_it_is_said_so_or_not_at_all(known):
    film = hip(known, NODULE)
    assert "dates_missing" in {warning.code for warning in compared(film, film).warnings}
    assert "dates_missing" not in {warning.code for warning in compared(film, film, days=[30]).warnings}


@pytest.mark.parametrize("code", sorted(DATE_FLAGS))
def test_an_interval_that_rests_on_a_doubtful_date_is_never_without_a_warning(known, code):
    doubt = QualityFlag(code, Message("date_in_future", keyword="ContentDate"))
    first = hip(known, NODULE, acquired=date(2025, 1, 1))
    second = hip(known, NODULE, acquired=date(2025, 3, 2), quality=(doubt,))
    result = compared(first, second)
    assert result.overall.sides[0].change_mm2_per_month is not None
    assert [
        w for w in result.warnings if str(w).startswith("study 2: ContentDate is in the future: it was not used. Inter")
    ]
    assert not [w for w in compared(first, second, days=[60]).warnings if "Intervals" in str(w)]


@pytest.mark.parametrize("days", [[-1], [1.5], [True], [float("nan")], ["30"], [10**6], [30, 30]])
def test_days_that_are_no_days_are_refused(known, days):
    film = hip(known, NODULE)
    with pytest.raises(UsageError, match="as many days"):
        compared(film, film, days=days)


def test_days_that_the_files_contradict_are_taken_with_a_warning(known):
    first, second = (hip(known, NODULE, acquired=date(2025, month, 2), angle_deg=month) for month in (1, 3))

    def said(*films, days):
        found = compared(*films, days=days)
        assert found.overall.days == days[0]
        return [str(w) for w in found.warnings if w.code in {"days_against_dates", "dates_reversed"}]

    assert said(first, second, days=[59]) == []
    (other,) = said(first, second, days=[590])
    assert other.startswith("By the dates in the files 59 days lie between studies 1 and 2; 590 were given")
    (reversed_,) = said(second, first, days=[59])
    assert "study 2 was taken 59 days before study 1" in reversed_
    assert said(hip(known, NODULE), second, days=[59]) == []


def test_studies_of_one_day_say_that_their_order_was_given(known):
    morning, evening = (hip(known, NODULE, acquired=date(2025, 1, 2), angle_deg=turn) for turn in (0, 2))
    assert "one_day" in {warning.code for warning in compared(morning, evening).warnings}
    later = hip(known, NODULE, acquired=date(2025, 1, 3), angle_deg=2)
    assert "one_day" not in {warning.code for warning in compared(morning, later).warnings}


def test_files_that_name_nobody_are_compared_with_a_warning(known):
    named, nameless = hip(known, NODULE, patient=PatientIdentity(number="a")), hip(known, NODULE)
    for films in ((named, nameless), (nameless, named), (nameless, nameless)):
        assert any(w.code == "patients_not_named" for w in compared(*films).warnings)
    assert not any(w.code == "patients_not_named" for w in compared(named, named).warnings)


def left(known, *nodules):
    return hip(known, *nodules, laterality=Laterality.LEFT, sop_instance_uid="1.2.3.4.6")


@pytest.mark.parametrize("earlier_shows_both", [True, False])
def test_a_side_with_ectopic_bone_that_one_study_shows_leaves_the_study_in_doubt(known, earlier_shows_both):
    both, one = study(hip(known, NODULE), left(known)), study(left(known), name="2")
    pair = [both, one] if earlier_shows_both else [one, both]
    result = compare_studies(pair).result
    right_, left_ = result.overall.sides
    shows = "earlier" if earlier_shows_both else "later"
    assert (right_.side, right_.verdict) == ("right", "cannot tell")
    assert str(right_.statement) == f"Cannot tell: only the {shows} study shows this side."
    assert ((right_.earlier_grade or right_.later_grade), right_.change_mm2) == ("I", None)
    assert (left_.side, left_.verdict) == ("left", "stable")
    assert result.verdict == result.overall.verdict == "cannot tell"


def test_a_clear_side_that_one_study_shows_is_named_and_leaves_no_doubt(known):
    """A follow-up of the hip that is ill, after a pelvis."""
    result = compare_studies([study(hip(known), left(known, NODULE)), study(left(known, NODULE), name="2")]).result
    assert [(side.side, side.verdict) for side in result.overall.sides] == [
        ("right", "cannot tell"),
        ("left", "stable"),
    ]
    assert result.verdict == "stable"


def test_growth_on_one_side_is_spreading_whatever_the_other_shows(known):
    pair = [study(hip(known, NODULE), left(known, NODULE)), study(left(known, (120, 70, 18)), name="2")]
    assert compare_studies(pair).result.verdict == "spreading"


def test_studies_of_opposite_hips_tell_nothing(known):
    result = compare_studies([study(hip(known)), study(left(known), name="2")]).result
    assert [str(side.statement) for side in result.overall.sides] == [
        "Cannot tell: only the earlier study shows this side.",
        "Cannot tell: only the later study shows this side.",
    ]
    assert result.verdict == "cannot tell"


def test_a_film_of_an_unknown_side_may_be_of_any(known):
    unknown = hip(known, NODULE, laterality=Laterality.UNKNOWN)
    result = compared(hip(known, NODULE), unknown)
    assert {str(side.statement) for side in result.overall.sides} == {"Cannot tell: no film of this side on both."}
    assert result.verdict == "cannot tell"


def test_a_result_names_the_weights_and_what_millimetres_rest_on(known):
    result = compared(hip(known, NODULE), hip(known, NODULE, basis=SpacingBasis.ANATOMICAL))
    assert (result.model.sha256, result.software.name) == ("a" * 64, "ho_imaging")
    (side,) = result.overall.sides
    assert (side.earlier_basis, side.later_basis) == ("calibrated", "anatomical")
    assert ProgressionResult.from_json(result.to_json()) == result


def test_a_comparison_is_as_its_schema_says(known):
    result = compared(hip(known, NODULE), hip(known, NODULE))
    jsonschema.validate(json.loads(result.to_json()), json_schema(ProgressionResult))


def test_studies_of_different_weights_are_not_compared(known):
    film = hip(known, NODULE)
    with pytest.raises(UsageError, match="different models"):
        compare_studies([study(film), study(film, name="2", sha256="b" * 64)])


def test_a_used_folder_keeps_no_picture_of_the_last_comparison(known, tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "_write_trend", lambda _, path: path.touch() if trend else None)
    right_film, left_film = hip(known, NODULE), left(known, NODULE)
    (tmp_path / "left.png").write_text("somebody's own, as nothing was compared here")
    trend = True
    picture.write_comparison(compare_studies([study(right_film), study(right_film)]), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"comparison.json", "right.png", "trend.png", "left.png"}
    (tmp_path / "notes.txt").touch()
    trend = False
    picture.write_comparison(compare_studies([study(left_film), study(left_film)]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"comparison.json", "left.png", "notes.txt"}
    assert (tmp_path / "left.png").read_bytes().startswith(b"\x89PNG")


def test_two_patients_are_not_compared_unless_asked(known):
    first, second = (
        hip(known, NODULE, patient=PatientIdentity(number="a")),
        hip(known, NODULE, patient=PatientIdentity(number="b")),
    )
    with pytest.raises(UsageError, match="different patients"):
        compared(first, second)
    assert compared(first, second, allow_other_patient=True).verdict == "stable"


def test_films_that_do_not_fit_cannot_tell(known):
    from ho_imaging.vocabulary import View  # noqa: PLC0415

    result = compared(hip(known, NODULE), hip(known, NODULE, view=View.FROG_LEG))
    assert result.verdict == "cannot tell"
    assert "different projections" in str(result.overall.sides[0].statement)
    unscaled = compared(hip(known, NODULE), hip(known, NODULE, pixel_mm=None))
    assert unscaled.verdict in {"stable", "cannot tell"}


def test_three_studies_give_each_interval_and_the_whole(known):
    films = [hip(known, (120, 70, radius)) for radius in (12, 18, 18)]
    result = compare_studies([study(film, name=str(n)) for n, film in enumerate(films)], days=[30, 60]).result
    assert [interval.verdict for interval in result.intervals] == ["spreading", "stable"]
    assert result.verdict == "stable"
    assert (result.overall.verdict, result.overall.days) == ("spreading", 90)


def test_one_study_is_nothing_to_compare(known):
    with pytest.raises(UsageError, match="two studies"):
        compare_studies([study(hip(known, NODULE))])


def test_a_verdict_needs_its_interval(known, monkeypatch):
    """With outlines that err by a third neither growth nor none can be told: what was +671 +- 780 once was stable."""
    wide = growth.Constants(whole=0.5, share=0.16, blur=0.0, scatter=0.0, change=0.0, reach=2.0, size=0.0)
    monkeypatch.setattr(growth, "CONSTANTS", wide)
    for radius in (12.5, 13):
        (side,) = compared(hip(known, NODULE), hip(known, (120, 70, radius))).overall.sides
        assert side.growth.change_low_mm2 < 0.0 < side.growth.margin_mm2 < side.growth.change_high_mm2
        assert side.verdict == "cannot tell"
        assert "would settle it" in str(side.statement)
    (side,) = compared(hip(known, NODULE), hip(known, (120, 70, 18))).overall.sides
    assert side.verdict == "spreading"
    true = np.pi * (18**2 - 12**2)
    assert side.growth.change_low_mm2 < true < side.growth.change_high_mm2


def test_the_same_film_twice_is_stable_however_much_outlines_err(known, monkeypatch):
    monkeypatch.setattr(
        growth, "CONSTANTS", growth.Constants(0.5, share=0.5, blur=1.0, scatter=1.0, change=1.0, reach=4.0, size=0.5)
    )
    for nodules in ((NODULE,), (NODULE, (200, 50, 8)), ((120, 70, 3),)):
        (side,) = compared(hip(known, *nodules), hip(known, *nodules)).overall.sides
        assert (side.verdict, side.change_mm2) == ("stable", 0.0)
        assert side.growth.ratio_high - side.growth.ratio_low == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"sop_instance_uid": "1.1"}, {"sop_instance_uid": "1.1"}, True),
        ({"sop_instance_uid": "1.1"}, {"sop_instance_uid": "1.2"}, True),  # the same pixels under another UID
        ({"sop_instance_uid": "1.1"}, {"sop_instance_uid": "1.2", "angle_deg": 2}, False),
    ],
)
def test_one_film_in_two_studies_is_never_without_a_warning(known, first, second, said):
    warnings = compared(hip(known, NODULE, **first), hip(known, NODULE, **second)).warnings
    assert ("one_film_twice" in {warning.code for warning in warnings}) is said


def blurred(known, *nodules):
    """The same hip, whose nodules the network outlines alike, with a rim of doubt about them."""
    rim = [(row, column, radius + 5) for row, column, radius in nodules]
    return hip(known, *nodules, faint=rim)


def test_an_edge_that_is_not_steep_on_either_film_widens_the_interval(known):
    before, after = hip(known, NODULE), hip(known, (120, 70, 13))
    blurs = [
        changes(*pair).areas.blur
        for pair in ((before, after), (blurred(known, NODULE), after), (before, blurred(known, (120, 70, 13))))
    ]
    # Edges are 2 px wide: the rim, at a probability of 0.4, falls to 0.05 and the nodule to 0.95 so far off the radius.
    expected = [np.log((np.pi * (r + 5.75) ** 2 + 20.0) / (np.pi * (r - 0.9) ** 2 + 20.0)) for r in (12, 13)]
    assert blurs[0] < 0.4
    assert blurs[1:] == pytest.approx(expected, rel=0.05)


def test_outlines_that_do_not_agree_widen_the_interval(known):
    """A nodule that has grown lies about what it was; one as large beside its place is one that was outlined badly."""
    grown, moved = (changes(hip(known, NODULE), hip(known, nodule)) for nodule in ((120, 70, 15), (125, 78, 12)))
    assert grown.areas.scatter == pytest.approx(0.0, abs=0.01)
    assert moved.areas.scatter > 0.3
    assert moved.growth.high / moved.growth.low > grown.growth.high / grown.growth.low - 0.05


def test_growth_is_not_stated_without_a_nodule_that_both_films_show_well(known):
    large, small = (120, 70, 12), (250, 50, 8)
    faint = hip(known, large, faint=[small])
    (side,) = compared(faint, hip(known, large, small)).overall.sides
    assert side.growth is not None  # the large one is seen well on both
    (side,) = compared(hip(known, faint=[large]), hip(known, large)).overall.sides
    assert (side.verdict, side.growth) == ("cannot tell", None)
    assert "too faint" in str(side.statement)


def test_a_side_whose_grade_rose_is_never_stable(known):
    before, after = study(hip(known, NODULE)), study(hip(known, NODULE), name="2")
    raised = tuple(replace(side, grade="III") for side in after.severity.sides)
    after.severity = replace(after.severity, sides=raised)
    (side,) = compare_studies([before, after]).result.overall.sides
    assert (side.earlier_grade, side.later_grade, side.verdict) == ("I", "III", "cannot tell")
    assert "The grade rose" in str(side.statement)
    (side,) = compare_studies([after, before]).result.overall.sides
    assert side.verdict == "stable"


def test_a_new_nodule_is_never_stable(known):
    """Small beside what was there: within the margin by its area."""
    large, small = (120, 70, 30), (250, 50, 7)
    (side,) = compared(hip(known, large), hip(known, large, small)).overall.sides
    assert side.growth.change_high_mm2 < side.growth.margin_mm2 or side.verdict == "spreading"
    assert side.verdict in {"cannot tell", "spreading"}


def test_what_is_seen_on_one_film_only_is_not_told(known):
    for pair in ((hip(known), hip(known, NODULE)), (hip(known, NODULE), hip(known))):
        (side,) = compared(*pair).overall.sides
        assert (side.verdict, side.growth) == ("cannot tell", None)
        assert "on one film only" in str(side.statement)


def test_other_projections_say_what_would_settle_it(known):
    (side,) = compared(hip(known, NODULE), hip(known, NODULE, view=View.FROG_LEG)).overall.sides
    assert str(side.statement) == (
        "Cannot tell: the films are of different projections. Films of the same projection would settle it."
    )


def test_sides_without_ectopic_bone_on_either_film_are_stable(known):
    (side,) = compared(hip(known), hip(known)).overall.sides
    assert (side.verdict, side.growth.change_low_mm2, side.growth.change_high_mm2) == ("stable", -20.0, 20.0)


def test_an_output_folder_in_place_of_films_is_said(tmp_path):
    """Which has no films, whatever it holds; any other folder without films is said to hold no study."""
    (tmp_path / "ledger.sqlite").touch()
    (tmp_path / "studies").mkdir()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"is an output folder of ho-imaging .*give the films"):
        analyze_study(None, tmp_path)
    with pytest.raises(UsageError, match=r"empty: holds 0 studies"):
        analyze_study(None, tmp_path / "empty")
