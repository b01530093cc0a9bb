"""A study is analysed again: what was said of one nodule is never read as said of another; what is left out is told."""

import json
import logging

import pytest
from review_page import make_result, write_batch

from ho_imaging.readings.agreement import committed_readings
from ho_imaging.readings.apply_decisions import review_state
from ho_imaging.readings.decision_values import outline_of
from ho_imaging.readings.readings import reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import read_result
from ho_imaging.results.schema import ModelResult
from ho_imaging.review.inputs import open_study
from ho_imaging.review.reviewed_studies import reviewed_studies
from ho_imaging.review.session import ReviewSession
from ho_imaging.review.worklist import open_worklist

STUDY, FILM, LATERAL = "1.2.3", "1.2.3.1", "1.2.3.2"
ON_FILM = [((200.0, 150.0), 40.0), ((420.0, 430.0), 30.0), ((600.0, 120.0), 12.0)]
ON_LATERAL = [((200.0, 250.0), 25.0)]
OTHERS = [((210.0, 160.0), 44.0), ((300.0, 300.0), 20.0), ((500.0, 400.0), 60.0)]


@pytest.fixture
def place(batch):
    """``place(films)``: the batch's study analysed again, with nodules by film in the order of their numbers."""

    class Place:
        folder = batch

        def analysed(self, nodules, weights="a", **update):
            sizes = {FILM: ("a.png", 700, 600), LATERAL: ("b.png", 400, 500)}
            films = {uid: (batch.parent / "films" / sizes[uid][0], *sizes[uid][1:]) for uid in nodules}
            result = make_result(STUDY, films, nodules)
            model = ModelResult(name="test", version="1", sha256=weights * 64)
            result = result.model_copy(update={"model": model} | update)
            write_batch(batch, result)
            return result

        def session(self, reader="AB", **options):
            return ReviewSession(open_study(batch), reader, ReviewStore(batch / "reviews"), **options)

        @property
        def result(self):
            return read_result(batch / "studies" / STUDY / "result.json")

        def state(self, reader="AB"):
            return review_state(self.result, ReviewStore(batch / "reviews").read(STUDY, reader))

        def forget_grounds(self, reader="AB"):
            """Leave the decisions as a script writes them that gives no digest."""
            path = ReviewStore(batch / "reviews").path(STUDY, reader)
            old = [json.loads(line) for line in path.read_text().splitlines()]
            assert any([line.pop("grounds") for line in old])  # noqa: C419  (all of them are popped)
            path.write_text("".join(json.dumps(line) + "\n" for line in old))

    made = Place()
    made.analysed({FILM: ON_FILM})
    return made


def say(session, kind, **message):
    return [answer.content for answer in session.handle({"type": kind, "view": "v", "seq": 7, **message})][-1]


def decide(session, action, target=None, **more):
    told = say(session, "decide", action=action, target=target, **more)
    assert told["type"] == "state", told
    return told


def read(session):
    """Accept the first, reject the second, redraw the third, add one, grade a side, finish."""
    say(session, "hello")
    decide(session, "accept", "F1")
    decide(session, "reject", "F2")
    say(session, "stroke", tool="brush", points=[[120, 600], [150, 600]], target="F3", radius=8, image_uid=FILM)
    say(session, "stroke", tool="brush", points=[[300, 300], [330, 300]], radius=8, image_uid=FILM)
    decide(session, "regrade", value={"side": "left", "to": "III"}, reason="a spur")
    return decide(session, "commit")


def statuses(state):
    return {found.id: found.status for found in state.findings}


def exported(place, caplog):
    """Readings that are exported, and what is said of the others, in the log and in the summary."""
    caplog.clear()
    told = {}
    with caplog.at_level(logging.WARNING):
        readings = [r for reviewed in reviewed_studies(place.folder, left_out=told) for r in reviewed.readings]
    assert len(caplog.records) == len(told)
    return readings, told


@pytest.mark.parametrize("old", [False, True])
def test_the_same_result_again_keeps_everything(place, old, caplog):
    assert read(place.session())["committed"]
    before = place.state()
    if old:
        place.forget_grounds()
    place.analysed({FILM: ON_FILM})
    state = place.state()
    assert (state.findings, state.grades, state.committed) == (before.findings, before.grades, True)
    assert statuses(state) == {"F1": "accepted", "F2": "rejected", "F3": "accepted", "R1": "added"}
    assert state.left_out == ()
    readings, told = exported(place, caplog)
    assert (len(readings), told) == (1, {})
    assert say(place.session(), "hello")["left_out"] is None


def test_a_film_that_sorts_first_renumbers_and_decisions_follow_their_nodules(place, caplog):
    read(place.session())
    before = place.state()
    place.analysed({LATERAL: ON_LATERAL, FILM: ON_FILM})
    state = place.state()
    assert statuses(state) == {"F1": "unseen", "F2": "accepted", "F3": "rejected", "F4": "accepted", "R1": "added"}
    assert [f.outline_xy_px for f in state.findings[1:]] == [f.outline_xy_px for f in before.findings]
    assert state.grades["left"] == ("II", None)  # the new film shows another nodule on that side
    assert not state.committed
    assert [d.action for d in state.left_out] == ["regrade", "commit"]
    readings, told = exported(place, caplog)
    assert readings == []
    assert "left graded III" in told[f"{STUDY} read by AB"]
    assert "AB is left out" in caplog.text
    assert committed_readings(place.folder) == {}
    (row,) = open_worklist(place.folder, "AB")
    assert row.state == "open"

    # Who looks again and finishes is done with it.
    session = place.session()
    told = say(session, "hello")
    assert "analysed again" in told["left_out"]
    assert "left graded III" in told["left_out"]
    assert not next(side for side in told["sides"] if side["side"] == "left")["changed"]
    decide(session, "accept", "F1")
    assert decide(session, "commit")["left_out"] is None
    assert place.state().committed
    assert len(exported(place, caplog)[0]) == 1


def test_what_undo_would_take_back_is_named_by_its_number_now(place):
    session = place.session()
    decide(session, "reject", "F2")
    place.analysed({LATERAL: ON_LATERAL, FILM: ON_FILM})
    session = place.session()
    assert say(session, "hello")["undo"] == "reject F3"
    assert say(session, "undo")["findings"][2]["status"] == "unseen"


def test_a_film_without_nodules_is_not_finished_unseen(place):
    read(place.session())
    place.analysed({FILM: ON_FILM, LATERAL: []})
    state = place.state()
    assert statuses(state) == {"F1": "accepted", "F2": "rejected", "F3": "accepted", "R1": "added"}
    assert state.grades["left"] == ("III", "a spur")
    assert [d.action for d in state.left_out] == ["commit"]
    assert not state.committed


@pytest.mark.parametrize("old", [False, True])
def test_other_weights_leave_the_readers_own_outlines_and_nothing_else(place, old, caplog):
    read(place.session())
    (reshape,) = (d for d in ReviewStore(place.folder / "reviews").read(STUDY, "AB") if d.action == "reshape")
    if old:
        place.forget_grounds()
    place.analysed({FILM: OTHERS}, weights="b")
    state = place.state()
    (kept,) = (found for found in state.findings if found.id.startswith("R-"))
    assert statuses(state) == {"F1": "unseen", "F2": "unseen", "F3": "unseen", kept.id: "added", "R1": "added"}
    assert kept.outline_xy_px == outline_of(reshape.value)
    assert state.grades["left"] == ("II", None)
    assert [d.action for d in state.left_out] == ["accept", "reject", "regrade", "commit"]
    reading = reader_reading(place.result, ReviewStore(place.folder / "reviews").read(STUDY, "AB"), final=True)
    assert not reading.committed
    assert reading.not_bone == ()
    assert {nodule.id for nodule in reading.nodules if nodule.decided} == {kept.id, "R1"}
    assert exported(place, caplog)[0] == []


def test_an_outline_that_outlived_its_finding_is_the_readers_to_change(place):
    read(place.session())
    place.analysed({FILM: OTHERS}, weights="b")
    session = place.session()
    kept = next(f["id"] for f in say(session, "hello")["findings"] if f["id"].startswith("R-"))
    assert {f["id"]: f["status"] for f in decide(session, "reject", kept)["findings"]}[kept] == "rejected"
    told = say(session, "stroke", tool="brush", points=[[400, 500], [430, 500]], radius=8, image_uid=FILM)
    assert told["findings"][-1]["id"] == "R2"
    # The weights of then find the nodule again: it is one nodule, not two.
    place.analysed({FILM: ON_FILM})
    assert statuses(place.state()) == {
        "F1": "accepted", "F2": "rejected", "F3": "rejected", "R1": "added", "R2": "added",
    }  # fmt: skip


def test_what_was_drawn_on_a_film_that_is_gone_is_left_out_and_said(place):
    place.analysed({FILM: ON_FILM, LATERAL: ON_LATERAL})
    session = place.session()
    say(session, "stroke", tool="brush", points=[[300, 300], [330, 300]], radius=8, image_uid=LATERAL)
    say(session, "stroke", tool="brush", points=[[250, 200], [260, 200]], radius=8, target="F4", image_uid=LATERAL)
    place.analysed({FILM: ON_FILM})
    state = place.state()
    assert set(statuses(state)) == {"F1", "F2", "F3"}
    assert [(d.action, d.target) for d in state.left_out] == [("add", "R1"), ("reshape", "F4")]


def test_another_grade_of_the_model_is_looked_at_again(place):
    session = place.session()
    say(session, "hello")
    assert decide(session, "commit")["committed"]
    severity = json.loads(place.result.model_dump_json())["severity"]
    severity["sides"][1]["grade"] = "IV"
    place.analysed({FILM: ON_FILM}, severity=type(place.result.severity).model_validate(severity))
    assert not place.state().committed


def test_old_decisions_whose_numbers_may_have_moved_are_left_out(place):
    """Two films, of which the first is gone: F3 is still a number of the film, of another nodule."""
    place.analysed({LATERAL: ON_LATERAL, FILM: ON_FILM})
    session = place.session()
    decide(session, "accept", "F3")
    place.forget_grounds()
    assert place.state().left_out[0].target == "F3"  # F2 and F4 were not decided on: the count is not known
    place.analysed({FILM: ON_FILM})
    assert set(statuses(place.state()).values()) == {"unseen"}
    decide(place.session(), "accept", "F3")
    assert statuses(place.state()) == {"F1": "unseen", "F2": "unseen", "F3": "accepted"}


def test_old_decisions_on_a_film_that_was_renumbered_are_left_out(place, caplog):
    read(place.session())
    place.forget_grounds()
    place.analysed({LATERAL: ON_LATERAL, FILM: ON_FILM})
    state = place.state()
    assert {status for name, status in statuses(state).items() if name.startswith("F")} == {"unseen"}
    assert [d.action for d in state.left_out] == ["accept", "reject", "regrade", "commit"]
    assert exported(place, caplog)[0] == []


def test_an_old_commitment_does_not_cover_a_film_nobody_spoke_of(place):
    read(place.session())
    place.forget_grounds()
    place.analysed({FILM: ON_FILM, LATERAL: ON_LATERAL})
    state = place.state()
    assert statuses(state) == {"F1": "accepted", "F2": "rejected", "F3": "accepted", "F4": "unseen", "R1": "added"}
    assert [d.action for d in state.left_out] == ["commit"]


def test_a_blinded_reading_stands_whatever_the_model_finds_while_its_films_are_the_same(place, caplog):
    session = place.session(blinded=True)
    say(session, "hello")
    say(session, "stroke", tool="brush", points=[[300, 300], [330, 300]], radius=8, image_uid=FILM)
    decide(session, "regrade", value={"side": "left", "to": "I"})
    assert decide(session, "commit")["committed"]
    place.analysed({FILM: OTHERS}, weights="b")
    state = place.state()
    assert (state.committed, state.grades["left"][0], state.left_out) == (True, "I", ())
    decide(place.session(blinded=True), "reject", "F1")  # seen after the commitment
    place.analysed({FILM: ON_FILM})
    assert not place.state().committed
    assert committed_readings(place.folder)["AB"][STUDY].committed  # the blinded part is what it was
    assert exported(place, caplog)[0] == []
    place.analysed({LATERAL: ON_LATERAL, FILM: ON_FILM})
    assert committed_readings(place.folder) == {}
    assert not say(place.session(blinded=True), "hello")["hidden"]
