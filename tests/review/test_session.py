"""A session answers the viewer, keeps every decision before it says so, and hides the model where it should."""

import json
import subprocess
import sys

import pytest

from ho_imaging.readings.decision_history import until_commit, was_blinded
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.review.inputs import open_study
from ho_imaging.review.session import ReviewSession

STUDY, FILM, LATERAL = "1.2.3", "1.2.3.1", "1.2.3.2"


@pytest.fixture
def start(batch):
    def make(reader="AB", **options):
        session = ReviewSession(open_study(batch), reader, ReviewStore(batch / "reviews"), **options)
        session.lines = session.store.path(STUDY, reader)
        return session

    return make


def say(session, kind, **message):
    return [answer.content for answer in session.handle({"type": kind, "view": "v", "seq": 7, **message})]


def decide(session, action, target=None, value=None, **more):
    return say(session, "decide", action=action, target=target, value=value or {}, **more)[-1]


def stroke(session, tool="brush", points=((300, 300), (330, 300)), target=None, radius=10, **more):
    message = {"tool": tool, "points": [list(p) for p in points], "target": target, "radius": radius}
    return say(session, "stroke", **({"image_uid": FILM} | message | more))[-1]


def statuses(state):
    return {f["id"]: f["status"] for f in state["findings"]}


def test_a_decision_is_on_disk_before_the_viewer_is_told(start):
    session = start()
    say(session, "hello")
    for answer in session.handle({"type": "decide", "action": "accept", "target": "F1", "seq": 1, "view": "v"}):
        last = json.loads(session.lines.read_text().splitlines()[-1])
        assert (last["action"], last["target"], last["image_uid"]) == ("accept", "F1", FILM)
        assert last["model"] == {"name": "test", "version": "1", "sha256": "a" * 64, "site": None}
        assert (answer.content["ack"], answer.content["view"]) == (1, "v")
        assert statuses(answer.content) == {"F1": "accepted", "F2": "unseen", "F3": "unseen", "F4": "unseen"}


def test_what_was_decided_is_there_in_the_next_session(start):
    session = start()
    say(session, "hello")
    decide(session, "reject", "F2", reason="a vessel")
    decide(session, "reclassify", "F3", {"mimic": "phlebolith"})
    stroke(session, points=[(300, 300)])
    about, state = say(start(), "hello")
    assert about["films"][1]["uid"] == LATERAL
    assert statuses(state) == {"F1": "unseen", "F2": "rejected", "F3": "mimic", "F4": "unseen", "R1": "added"}
    assert statuses(say(start("CD"), "hello")[1])["F2"] == "unseen"  # another reader starts afresh


def test_an_opening_that_could_not_be_kept_is_kept_the_next_time(start, monkeypatch):
    """Or a blinded reading would be taken for one with the model in sight."""
    session = start(blinded=True)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    assert [answer["type"] for answer in say(session, "hello")] == ["problem"]
    monkeypatch.undo()
    assert [answer["type"] for answer in say(session, "hello")] == ["study", "state"]
    assert was_blinded(session.store.read(STUDY, "AB"))


def test_decisions_that_are_out_of_reach_are_said_and_not_thrown(start, monkeypatch):
    session = start()
    say(session, "hello")
    real = type(session.lines).exists

    def locked(path, *args, **options):
        if path == session.lines:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(type(session.lines), "exists", locked)
    answer = decide(session, "accept", "F1")
    assert answer["type"] == "problem"
    assert "Permission denied" in answer["text"]


def test_a_decision_that_cannot_be_kept_is_not_shown(start, monkeypatch):
    session = start()
    say(session, "hello")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    answer = decide(session, "accept", "F1")
    assert answer["type"] == "problem"
    assert "No space left" in answer["text"]
    monkeypatch.undo()
    assert statuses(say(session, "hello")[1])["F1"] == "unseen"


def test_a_grade_needs_a_reason(start):
    session = start()
    answer = decide(session, "regrade", value={"side": "left", "to": "III"}, reason=" ")
    assert answer["type"] == "problem"
    assert not session.decisions
    side = decide(session, "regrade", value={"side": "left", "to": "III"}, reason="a bridge")["sides"][1]
    assert (side["grade"], side["model_grade"], side["changed"], side["reason"]) == ("III", "II", True, "a bridge")
    assert side["gap"] == [[360.0, 280.0], [435.0, 280.0]]  # (row, column) became (x, y)
    decide(session, "regrade", value={"side": "left", "to": "IV"}, reason="again")
    assert session.decisions[-1].value == {"side": "left", "to": "IV", "from": "III", "system": "brooker"}


def test_strokes_reshape_and_add(start):
    session = start()
    # F2 is a disc of radius 30 about (x, y) = (430, 420); 0.2 mm a pixel.
    state = stroke(session, points=[(460, 420)], target="F2")
    f2 = next(f for f in state["findings"] if f["id"] == "F2")
    assert (f2["status"], f2["reshaped"]) == ("accepted", True)
    assert f2["size"] == "14 mm, 119 mm²"  # 70 px long; the disc's 2827 px and about half of the dot's 314
    assert f2["model_outline"][0][0] == pytest.approx([460.0, 420.0])
    state = stroke(session, "polygon", [(10, 10), (110, 10), (110, 60), (10, 60)])
    assert state["findings"][-1]["id"] == "R1"
    assert state["findings"][-1]["size"] == "22 mm, 200 mm²"
    assert "another film" in stroke(session, target="F4")["text"]
    assert "take from" in stroke(session, "eraser")["text"]
    assert "reject it instead" in stroke(session, "eraser", [(60, 35)], target="R1", radius=200)["text"]
    assert [d.action for d in session.decisions] == ["reshape", "add"]


def test_undo_goes_back_to_the_beginning_over_sessions_and_redo_forward(start):
    first = start()
    decide(first, "accept", "F1")
    stroke(first)
    decide(first, "regrade", value={"side": "left", "to": "IV"}, reason="x")
    session = start()
    state = decide(session, "reject", "R1")
    seen = []
    while state["undo"]:
        seen.append(state["undo"])
        state = say(session, "undo")[-1]
    assert seen == ["reject R1", "left graded IV", "add R1", "accept F1"]
    assert statuses(state) == {"F1": "unseen", "F2": "unseen", "F3": "unseen", "F4": "unseen"}
    assert say(session, "undo")[-1]["text"] == "there is nothing to undo"
    again = []
    while state["redo"]:
        again.append(state["redo"])
        state = say(session, "redo")[-1]
    assert again == seen[::-1]
    assert statuses(state)["R1"] == "rejected"
    say(session, "undo")
    state = decide(session, "accept", "F2")
    assert state["redo"] is None  # something new was decided
    assert stroke(session)["findings"][-1]["id"] == "R2"
    say(session, "undo")
    assert stroke(session)["findings"][-1]["id"] == "R3"  # an id is never given twice


def test_a_note_is_kept(start):
    session = start()
    assert decide(session, "note", reason=" ")["text"] == "the note is empty"
    assert decide(session, "note", reason="ask for a lateral view")["notes"] == ["ask for a lateral view"]
    assert say(session, "undo")[-1]["notes"] == []


def test_distances_carry_their_basis(start, tmp_path):
    session = start()
    state = decide(session, "measure", value={"from_xy_px": [100, 100], "to_xy_px": [130, 140]}, image_uid=FILM)
    assert session.decisions[-1].value["length_mm"] == pytest.approx(10.0)
    assert state["measures"][0]["text"] == "10.0 mm (calibrated)"
    state = say(session, "undo", id=state["measures"][0]["id"])[-1]
    assert state["measures"] == []
    from review_page import make_result, write_batch, write_film  # noqa: PLC0415

    write_film(tmp_path / "c.png", 200, 200)
    films = {"9.1": (tmp_path / "c.png", 200, 200)}
    write_batch(tmp_path / "bare", make_result("9", films, {}, spacing_mm=None))
    bare = ReviewSession(open_study(tmp_path / "bare"), "AB", ReviewStore(tmp_path / "reviews"))
    state = decide(bare, "measure", value={"from_xy_px": [0, 0], "to_xy_px": [30, 40]}, image_uid="9.1")
    assert state["measures"][0]["text"] == "50 px (no believable spacing)"
    assert bare.decisions[-1].value["length_mm"] is None


def test_a_blinded_reader_is_told_nothing_of_the_model_before_committing(start):
    session = start(blinded=True, previous=start().study)
    told = say(session, "hello")
    told.append(decide(session, "regrade", value={"side": "left", "to": "I"}))
    told.append(stroke(session))
    told.append(decide(session, "measure", value={"from_xy_px": [1, 1], "to_xy_px": [2, 2]}, image_uid=FILM))
    for kind in ("anatomy", "probability"):
        told += say(session, kind, pane="current", uid=FILM)
    told.append(decide(session, "accept", "F1"))
    told.append(stroke(session, target="F1"))
    text = json.dumps(told)
    for word in ("F1", "F2", 'confidence": 0', "Spurs", "15.0", '"gap"', '"category"'):
        assert word not in text, word
    assert session.decisions[1].value["from"] is None
    assert session.decisions[1].reason == "read without the model's grade"
    assert not (session.lines.read_text().count("F1"))
    state = decide(session, "commit")
    assert not state["hidden"]
    assert statuses(state) == {"F1": "unseen", "F2": "unseen", "F3": "unseen", "F4": "unseen", "R1": "added"}
    assert state["sides"][1]["model_grade"] == "II"
    assert state["sides"][1]["grade"] == "I"
    decide(session, "accept", "F1")
    assert [d.action for d in until_commit(session.decisions)] == ["open", "regrade", "add", "measure", "commit"]
    assert not say(start(blinded=True), "hello")[1]["hidden"]  # it was seen; hiding it again would be pretence


def test_films_come_whole(start):
    import zlib  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    session = start()
    answers = list(session.handle({"type": "film", "pane": "current", "uid": LATERAL, "view": "v", "seq": 3}))
    head = answers[0].content
    assert (head["type"], head["rows"], head["columns"], len(head["curve"])) == ("film", 400, 500, 256)
    data = b"".join(zlib.decompress(a.buffers[0]) for a in answers[1:])
    np.testing.assert_array_equal(
        np.frombuffer(data, "<u2").reshape(400, 500), session.study.films.pixels(LATERAL).codes
    )
    gone = say(session, "film", pane="previous", uid=LATERAL)[-1]
    assert "no previous study" in gone["text"]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "decide", "action": "undo"},
        {"type": "decide", "action": "accept", "target": "F77"},
        {"type": "decide"},
        {"type": "decide", "action": "reclassify", "target": "F1", "value": {"mimic": "ghost"}},
        {"type": "decide", "action": "accept", "target": "F1", "reason": 7},
        {"type": "decide", "action": "regrade", "value": {"side": "left", "to": "VII"}, "reason": "x"},
        {"type": "decide", "action": "regrade", "value": {"side": "middle", "to": "I"}, "reason": "x"},
        {"type": "stroke", "image_uid": FILM, "tool": "spray", "points": "zz"},
        {"type": "stroke", "image_uid": "8.8", "tool": "brush", "points": [[1, 1]]},
        {"type": "film", "pane": "current", "uid": "../../etc/passwd"},
        {"type": "shutdown"},
        {},
    ],
)
def test_nonsense_changes_nothing_and_is_answered(start, message):
    session = start()
    answers = list(session.handle(message))
    assert answers[-1].content["type"] == "problem"
    assert session.decisions == []


def test_time_and_two_notebooks_of_one_reader(start):
    one, two = start(), start()
    say(one, "hello")
    decide(two, "accept", "F1")
    assert statuses(decide(one, "accept", "F2"))["F1"] == "accepted"
    say(one, "close", seconds=12.5)
    assert [d.action for d in start().decisions] == ["open", "accept", "accept", "close"]
    assert start().state.seconds == 12.5


def test_the_package_needs_no_notebook_libraries():
    code = (
        "import sys\nfor name in ('anywidget', 'ipywidgets', 'traitlets', 'IPython'): sys.modules[name] = None\n"
        "import ho_imaging, ho_imaging.review, ho_imaging.review.session\n"
        "try:\n    ho_imaging.review.review\nexcept ho_imaging.UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ho-imaging[review]" in done.stdout
