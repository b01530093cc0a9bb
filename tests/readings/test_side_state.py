"""A reader's nodules on schematic hips: which side they are of, what grade follows, what Finish asks.

Truth is the drawing: 1 mm a pixel, pelvis down to row 99, femora from row 180 on about columns 80 (the patient's right)
and 240 (left), so that a polygon's rows say what grade it makes.
"""

import json
import re

import pytest

from ho_imaging.findings import find_nodules, read_anatomy
from ho_imaging.outputs.report.material import Material
from ho_imaging.outputs.report.page import report_html
from ho_imaging.readings.apply_decisions import review_state
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.readings import reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.readings.side_state import contradictions
from ho_imaging.results.bone_outlines import bone_outlines
from ho_imaging.results.build import finding_result, image_result, model_result, severity_result, study_result
from ho_imaging.results.folder import StudyFolder
from ho_imaging.results.schema import StudyResult
from ho_imaging.review.inputs import ReviewInput
from ho_imaging.review.session import ReviewSession
from ho_imaging.severity import FilmReading, grade_study
from ho_imaging.vocabulary import Status, View

UID = "1.2.3.4.5"
ISLAND = [(280, 130), (300, 130), (300, 150), (280, 150)]
SPUR = [(275, 95), (290, 95), (290, 150), (275, 150)]
LONG_SPUR = [(246, 95), (290, 95), (290, 174), (246, 174)]
BRIDGE = [(246, 95), (290, 95), (290, 190), (246, 190)]
F1 = (slice(95, 151), slice(20, 41))
"""A spur of the model's on the right: Brooker II."""


@pytest.fixture
def place(hips, tmp_path):
    """Keep a study as a batch does; ``bones``: whether the outlines of bones are kept with it."""

    def make(*nodules, bones=True, blinded=False, **film):
        prediction = hips(*nodules, **film)
        anatomy = read_anatomy(prediction)
        reading = FilmReading(prediction.prepared, anatomy, find_nodules(prediction, anatomy))
        image = image_result(prediction.prepared.radiograph, status=Status.DONE, reading=reading)
        result = study_result(
            "1.2.3",
            [image.model_copy(update={"path": str(tmp_path / "film.png")})],
            [finding_result(found, found.id) for found in reading.findings],
            severity_result(grade_study([reading])),
            model_result(prediction.model),
            [],
        )
        folder = tmp_path / "out" / "studies" / "1.2.3"
        folder.mkdir(parents=True, exist_ok=True)
        if bones:
            kept = bone_outlines(reading, result.model.sha256)
            StudyFolder(folder).bone_outlines(UID).write_text(kept.to_json())
        study = ReviewInput(result, None, None, folder, tmp_path / "reviews")
        return ReviewSession(study, "AB", ReviewStore(study.store), blinded=blinded)

    return make


def say(session, kind, **message):
    return [answer.content for answer in session.handle({"type": kind, "view": "v", "seq": 7, **message})][-1]


def draw(session, points, target=None, tool="polygon"):
    return say(session, "stroke", image_uid=UID, tool=tool, points=points, target=target)


def decide(session, action, target=None, value=None, reason=None):
    return say(session, "decide", action=action, target=target, value=value or {}, reason=reason)


def card(state, side):
    return next(about for about in state["sides"] if about["side"] == side)


@pytest.mark.parametrize(("outline", "grade"), [(ISLAND, "I"), (SPUR, "II"), (LONG_SPUR, "III"), (BRIDGE, "IV")])
def test_an_added_nodule_has_a_side_and_the_card_proposes_the_grade_that_follows(place, outline, grade):
    state = draw(place(), outline)
    assert [(f["id"], f["side"]) for f in state["findings"]] == [("R1", "left")]
    left, right = card(state, "left"), card(state, "right")
    assert (left["grade"], left["proposal"]["grade"], left["proposal"]["why_not"]) == ("0", grade, None)
    assert left["changes"] == ["R1 added"]
    assert (right["changes"], right["proposal"]) == ([], None)
    assert [one["side"] for one in state["contradictions"]] == ["left"]


def test_a_gap_is_measured_to_what_was_drawn(place):
    """From row 174.5 of the drawing to row 179.5 of the femur: 5 mm."""
    statement = card(draw(place(), LONG_SPUR), "left")["proposal"]["statement"]
    assert float(re.search(r"leave ([0-9.]+) mm", statement).group(1)) == pytest.approx(5.5, abs=0.6)


def test_rejecting_and_redrawing_change_what_follows(place):
    session = place(F1)
    state = decide(session, "reject", "F1")
    right = card(state, "right")
    assert (right["grade"], right["changes"], right["proposal"]["grade"]) == ("II", ["F1 rejected"], "0")
    state = draw(session, [(20, 100), (40, 100), (40, 176), (20, 176)], target="F1")
    assert card(state, "right")["changes"] == ["F1 redrawn"]
    assert card(state, "right")["proposal"]["grade"] == "II"  # beside the femur, not above it


def test_a_nodule_that_was_redrawn_elsewhere_is_of_the_side_it_lies_on(place):
    session = place(F1)
    draw(session, BRIDGE, target="F1")
    state = draw(session, [(10, 90), (60, 90), (60, 160), (10, 160)], target="F1", tool="cut")
    assert [(f["id"], f["side"]) for f in state["findings"]] == [("F1", "left")]
    assert card(state, "right")["changes"] == card(state, "left")["changes"] == ["F1 redrawn, moved to left"]
    assert (card(state, "right")["proposal"]["grade"], card(state, "left")["proposal"]["grade"]) == ("0", "IV")
    (nodule,) = reader_reading(session.study.result, session.decisions).nodules
    assert nodule.side == "left"


def test_sides_follow_the_films_own_rule(place):
    """On a PA film the patient's left is on the left; where the hips lie apart, their middle counts, not the film's."""
    assert draw(place(view=View.PA), ISLAND)["findings"][0]["side"] == "right"
    session = place()
    image = session.study.result.images[0]
    assert image.sides_meet_x_px == pytest.approx(160.0, abs=0.5)
    moved = image.model_copy(update={"sides_meet_x_px": 100.0})
    assert [moved.side_at(column).value for column in (90.0, 130.0)] == ["right", "left"]
    assert image.side_at(130.0).value == "right"


def test_without_kept_bones_the_reader_has_to_choose(place):
    left = card(draw(place(bones=False), SPUR), "left")
    assert left["proposal"]["grade"] is None
    assert "outlines of bones were not kept" in left["proposal"]["why_not"]


def test_finish_asks_once_and_keeps_that_the_reader_confirmed(place):
    session = place()
    draw(session, SPUR)
    asked = decide(session, "commit")
    assert asked["type"] == "problem"
    assert "left: graded 0, no ectopic bone, but R1 counts as such" in asked["text"]
    assert [d.action for d in session.decisions] == ["add"]
    assert decide(session, "commit", value={"confirmed": ["right"]})["type"] == "problem"
    state = decide(session, "commit", value={"confirmed": ["left"]})
    assert state["committed"]
    line = json.loads(session.store.path("1.2.3", "AB").read_text().splitlines()[-1])
    assert line["value"] == {"confirmed": [{"side": "left", "grade": "0", "nodules": ["R1"]}]}
    assert session.state.confirmed == ("left",)
    assert reader_reading(session.study.result, session.decisions).confirmed == ("left",)


def test_a_grade_above_none_without_any_nodule_is_asked_about(place):
    session = place(F1)
    decide(session, "reject", "F1")
    assert "right: graded II, but no nodule is left or drawn" in decide(session, "commit")["text"]
    decide(session, "regrade", value={"side": "right", "to": "0"}, reason="a vessel")
    assert decide(session, "commit")["committed"]
    assert session.decisions[-1].value == {}


def test_a_blinded_reader_is_asked_about_own_nodules_only(place):
    session = place(F1, blinded=True)
    decide(session, "regrade", value={"side": "right", "to": "II"})
    state = decide(session, "regrade", value={"side": "left", "to": "0"})
    assert state["contradictions"] == []  # who grades blinded need not outline
    state = draw(session, ISLAND)
    assert [one["side"] for one in state["contradictions"]] == ["left"]
    assert "F1" not in json.dumps(state)
    assert card(state, "left")["proposal"] is None


def test_the_report_agrees_with_what_was_drawn_and_confirmed(place):
    session = place(F1)
    draw(session, SPUR)
    decide(session, "commit", value={"confirmed": ["left"]})
    result = session.study.result
    text = re.sub(r"<[^>]+>", "", report_html(Material(result, reviews=[session.state])))
    assert "0 (AB; 1\u00a0nodule)" in text.replace("1 nodule", "1\u00a0nodule")
    assert text.count("The reader was asked and confirmed both.") == 2  # in the result, and with the reader's decisions
    assert re.search(r"R1\s*left\s*added", text)
    german = report_html(Material(result, reviews=[session.state]), "de")
    assert "hat der Befunder beides" in german


def test_decisions_of_before_have_no_confirmation():
    old = Decision(reader="AB", study_uid="1.2.3", action="commit")
    assert old.value == {}
    with pytest.raises(ValueError, match="lacks side"):
        Decision(reader="AB", study_uid="1.2.3", action="commit", value={"confirmed": ["left"]})


def test_the_model_never_contradicts_itself(place):
    session = place(F1)
    assert contradictions(review_state(session.study.result, [])) == ()
    assert StudyResult.from_json(session.study.result.to_json()) == session.study.result
