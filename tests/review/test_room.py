"""The list in the viewer: each study's decisions go to that study, and the next one opens."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path

import pytest

from ho_imaging.cli.main import main
from ho_imaging.errors import UsageError
from ho_imaging.readings.plan import ReadingPlan, write_plan
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.review.page_server import PageServer, _host_names
from ho_imaging.review.room import open_room
from ho_imaging.review.worklist import open_worklist

UIDS = ["1.2.3", "1.2.4", "1.2.5"]


@pytest.fixture
def three(batch, tmp_path):
    """Three studies, in the order of their UIDs."""
    from review_page import make_result, write_batch, write_film  # noqa: PLC0415

    for uid in UIDS[1:]:
        path = tmp_path / "films" / f"{uid}.png"
        write_film(path, 300, 250)
        write_batch(batch, make_result(uid, {f"{uid}.1": (path, 300, 250)}, {f"{uid}.1": [((100.0, 80.0), 20.0)]}))
    return batch


def ask(room, kind, **more):
    return [answer.content for answer in room.handle({"type": kind, "view": "v", "seq": 1, **more})]


def actions(batch, uid):
    return [decision.action for decision in ReviewStore(batch / "reviews").read(uid, "AB")]


def test_after_a_study_the_next_one_that_is_left_opens_and_the_time_is_kept(three):
    room = open_room(open_worklist(three, "AB"))
    study, state = ask(room, "hello")
    assert study["study_uid"] == UIDS[0]
    assert state["place"] == {"number": 1, "of": 3, "finished": 0}
    ask(room, "decide", study=UIDS[0], action="accept", target="F1")
    ask(room, "decide", study=UIDS[0], action="commit")
    study, state = ask(room, "next", study=UIDS[0], seconds=12.5)
    assert (study["study_uid"], state["place"]["finished"]) == (UIDS[1], 1)
    assert actions(three, UIDS[0]) == ["open", "accept", "commit", "close"]
    assert ReviewStore(three / "reviews").read(UIDS[0], "AB")[-1].value == {"seconds": 12.5}
    # Without finishing to the last one; what is left comes round again, and what is finished does not.
    assert ask(room, "step", study=UIDS[1], by=1)[0]["study_uid"] == UIDS[2]
    assert ask(room, "step", study=UIDS[2], by=1)[0]["type"] == "problem"
    ask(room, "decide", study=UIDS[2], action="commit")
    assert ask(room, "next", study=UIDS[2])[0]["study_uid"] == UIDS[1]
    ask(room, "decide", study=UIDS[1], action="commit")
    assert ask(room, "next", study=UIDS[1])[0]["type"] == "all-read"
    assert [row["state"] for row in ask(room, "list")[0]["studies"]] == ["committed"] * 3


def test_a_view_that_stayed_behind_writes_to_the_study_that_it_shows(three):
    room = open_room(open_worklist(three, "AB"))
    ask(room, "hello")
    ask(room, "next", study=UIDS[0])
    state = ask(room, "decide", study=UIDS[0], action="accept", target="F2")[0]
    assert (state["study_uid"], state["findings"][1]["status"]) == (UIDS[0], "accepted")
    assert actions(three, UIDS[1]) == ["open"]
    assert ask(room, "decide", study="9.9", action="commit")[0]["type"] == "problem"


def test_accept_all_accepts_what_is_left_and_nothing_that_was_decided(three):
    room = open_room(open_worklist(three, "AB"))
    ask(room, "hello")
    ask(room, "decide", action="reject", target="F2")
    state = ask(room, "accept-all")[0]
    assert [found["status"] for found in state["findings"]] == ["accepted", "rejected", "accepted", "accepted"]
    assert actions(three, UIDS[0]) == ["open", "reject", "accept", "accept", "accept"]


def test_the_next_film_is_sent_ahead_and_a_study_without_films_is_passed_over(three, tmp_path):
    room = open_room(open_worklist(three, "AB"))
    ask(room, "hello")
    while (told := ask(room, "ahead", study=UIDS[0]))[-1]["state"] == "busy":
        time.sleep(0.01)
    assert [(part["type"], part["study_uid"]) for part in told] == [
        ("film", UIDS[1]), ("strip", UIDS[1]), ("ahead", UIDS[0]),
    ]  # fmt: skip
    assert actions(three, UIDS[1]) == []  # nobody has opened it
    (tmp_path / "films" / f"{UIDS[2]}.png").unlink()
    ask(room, "next", study=UIDS[0])
    assert ask(room, "step", study=UIDS[1], by=1)[0]["type"] == "problem"
    ask(room, "decide", study=UIDS[1], action="commit")
    study = ask(room, "next", study=UIDS[1])[0]
    assert study["study_uid"] == UIDS[0]
    assert "the film is not there any more" in study["warnings"][0]


def test_a_blinded_list_tells_nothing_of_the_model(three):
    write_plan(three / "reviews", ReadingPlan(readers=("AB", "CD"), blinded=True, readings_per_study=2))
    listed = open_worklist(three, "AB")
    room = open_room(listed)
    assert room.session.hidden
    assert room.session.study.result.study_uid == listed[0].study_uid
    assert ask(room, "accept-all")[0]["type"] == "problem"
    for row in ask(room, "list")[0]["studies"]:
        assert (row["grade"], row["category"]) == (None, None)
    with pytest.raises(UsageError, match="not in this list"):
        open_room(listed, "1.2.9")


def test_a_list_opens_in_a_notebook(three):
    pytest.importorskip("anywidget")
    viewer = open_worklist(three, "AB").open(UIDS[1])
    assert viewer.session.study.result.study_uid == UIDS[1]
    assert viewer.session.store.folder == three / "reviews"


def test_the_page_answers_its_own_machine_and_who_has_the_token(three):
    server = PageServer(open_room(open_worklist(three, "AB")), port=0)
    server.start()
    address, _, token = server.url.partition("/#token=")
    host = address.removeprefix("http://")

    def post(message, given=token, name=host, method="POST", path="/message"):
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request(method, path, message, {"Authorization": f"Bearer {given}", "Host": name})
        answer = connection.getresponse()
        found = answer.status, answer.read(), answer.headers
        connection.close()
        return found

    try:
        hello = json.dumps({"type": "hello"})
        assert post(None, method="GET", path="/")[0] == 200
        assert "default-src 'none'" in post(None, method="GET", path="/")[2]["Content-Security-Policy"]
        assert post(None, method="GET", path="/../page_server.py")[0] == 404
        assert post(hello, given="")[0] == 403
        assert post(hello, name="reading.example")[0] == 404  # DNS rebinding
        assert post("[]")[0] == 400
        assert post("[" * 100_000)[0] == 400
        status, body, _ = post(hello)
        assert status == 200
        head = json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")])
        assert head["content"]["study_uid"] == UIDS[0]
    finally:
        server.stop()


def test_the_port_is_left_out_of_the_name_where_it_is_that_of_http():
    assert _host_names(80) == {"127.0.0.1", "localhost", "127.0.0.1:80", "localhost:80"}
    assert _host_names(8737) == {"127.0.0.1:8737", "localhost:8737"}


@pytest.mark.parametrize("name", ["", "  ", "A\nB"])
def test_a_reader_without_a_name_is_refused_in_one_line(three, capsys, name):
    assert main(["review", str(three), "--reader", name, "--no-browser", "--port", "0"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "the reader has no printable name" in said


def test_the_command_prints_the_address_and_names_the_reader(three, monkeypatch, capsys):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "wait", interrupted)
    assert main(["review", str(three), "--reader", "AB", "--no-browser", "--port", "0"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("http://127.0.0.1:")
    assert "Reader AB: 3 of 3 studies are left" in told.err
    assert main(["review", str(Path(three) / "nowhere"), "--no-browser"]) == 2
