"""An operator's commands over the spool, without a service and beside one."""

import contextlib
import json
import time

import pytest

from ho_imaging.cli import main
from ho_imaging.messages import Message
from ho_imaging.pacs.operate import Selection, select
from ho_imaging.pacs.service import hold_spool, model_of, open_spool

from .conftest import running, send, small_film, wait_for

NO_FILM, AWAY = Message("no_radiographs"), Message("archive_unreachable", archive="a")


@pytest.fixture
def written(tmp_path, config):
    """Write a configuration of two destinations that are away; give its path and what it says."""
    path = tmp_path / "serve.toml"
    entry = '[[send]]\nkind = "dimse"\nname = "{}"\nae_title = "X"\nhost = "127.0.0.1"\nport = 9\n'
    path.write_text(f'[spool]\nfolder = "{tmp_path}/spool"\nreserve_mb = 0\n' + entry.format("a") + entry.format("b"))
    destinations = [
        {"kind": "dimse", "name": name, "ae_title": "X", "host": "127.0.0.1", "port": 9} for name in ("a", "b")
    ]
    return path, config(spool={"folder": str(tmp_path / "spool"), "reserve_mb": 0}, send=destinations)


def end(spool, study, status, **more):
    """Let a study of one film end, with one object if it is done."""
    spool.add(b"film" + study.encode(), sop_uid=f"{study}.1", study_uid=study, series_uid="1.9", modality="DX",
              sender="CR@10.0.0.1")  # fmt: skip
    assert spool.take_ready(0.0)[0] == study
    place = spool.results_folder(study) / "dicom"
    place.mkdir(parents=True)
    (place / "o.dcm").write_bytes(b"object")
    objects = [(f"{study}.9", place / "o.dcm")] if status == "done" else []
    spool.end(study, status=status, reason=None if status == "done" else NO_FILM, objects=objects,
              destinations=["a", "b"], **more)  # fmt: skip


@pytest.fixture
def spool(written):
    """A spool with a delivered study, one that failed, one that waits, and one that was given up for one peer."""
    made = open_spool(written[1])
    end(made, "1.1", "done", model="old")
    for name in ("a", "b"):
        made.outbox.sent(name, "1.1.9")
    end(made, "1.2", "failed", model=model_of(written[1]))
    end(made, "1.4", "done", model=model_of(written[1]))
    made.outbox.sent("b", "1.4.9")
    made.outbox.not_sent("a", made.outbox.due("a")[0], AWAY, keep_hours=-1.0)
    made.add(b"waits", sop_uid="1.3.1", study_uid="1.3", series_uid="1.9", modality="DX")
    yield made
    made.close()


def call(written, capsys, *arguments):
    """Run a command; give its exit status and lines."""
    action, *rest = arguments
    status = main(["-q", "service", action, "--config", str(written[0]), *rest])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ["1.1", "1.2", "1.4", "1.3"]),
        (["--state", "failed"], ["1.2"]),
        (["--state", "given-up"], ["1.4"]),
        (["--state", "failed", "--state", "waiting"], ["1.2", "1.3"]),
        (["1.3", "1.1"], ["1.1", "1.3"]),
        (["--older-than", "1h"], []),
        (["--newer-than", "1h", "--state", "done"], ["1.1", "1.4"]),
        (["--other-model"], ["1.1"]),
    ],
)
def test_studies_are_found_by_uid_state_age_and_model(spool, written, capsys, arguments, found):
    status, lines = call(written, capsys, "list", *arguments)
    assert status == 0
    assert [line["study_uid"] for line in lines] == found


def test_show_tells_senders_and_what_became_of_each_object(spool, written, capsys):
    _, (line,) = call(written, capsys, "show", "1.4")
    assert line["films"][0]["sender"] == "CR@10.0.0.1"
    assert {(one["destination"], one["state"]) for one in line["objects"]} == {("a", "given up"), ("b", "sent")}
    (lost,) = line["lost"]
    assert (lost["reason_code"], lost["reason"]) == ("archive_unreachable", str(AWAY))


def test_a_reason_is_kept_as_a_message_and_told_as_text_with_its_code(spool, written, capsys):
    _, (line,) = call(written, capsys, "list", "1.2")
    assert (line["reason"], line["reason_code"]) == ("holds no radiographs", "no_radiographs")
    (study,) = select(spool.ledger, Selection(study_uids=["1.2"]))
    assert study.reason == NO_FILM
    # As a version before this one kept it.
    spool.ledger.run("UPDATE studies SET reason = 'its worker died' WHERE study_uid = '1.2'")
    _, (line,) = call(written, capsys, "list", "1.2")
    assert (line["reason"], line["reason_code"]) == ("its worker died", "unclassified")


@pytest.mark.parametrize("arguments", [["retry"], ["send"], ["purge"]])
def test_an_action_on_everything_has_to_be_asked_for(spool, written, capsys, arguments):
    assert call(written, capsys, *arguments) == (2, [])


@pytest.mark.parametrize("arguments", [["show", "1.99"], ["send", "1.1", "--to", "nobody"]])
def test_what_is_not_there_is_said(spool, written, capsys, arguments):
    assert call(written, capsys, *arguments)[0] == 2


def test_a_failed_study_is_analysed_again_and_no_longer_an_alarm(spool, written, capsys):
    assert spool.counts()["failed_studies"] == 1
    assert call(written, capsys, "retry", "--state", "failed") == (0, [{"study_uid": "1.2", "action": "retry"}])
    assert "failed_studies" not in spool.counts()
    uids = {spool.take_ready(0.0)[0] for _ in range(2)}
    assert uids == {"1.2", "1.3"}


def test_new_weights_are_asked_for_and_the_study_is_theirs_after(spool, written, capsys):
    assert call(written, capsys, "retry", "--other-model") == (0, [{"study_uid": "1.1", "action": "retry"}])
    taken = [spool.take_ready(0.0)[0] for _ in range(2)]
    assert "1.1" in taken
    spool.end("1.1", status="done", reason=None, objects=[], destinations=[], model=model_of(written[1]))
    assert call(written, capsys, "list", "--other-model") == (0, [])


def test_objects_that_were_given_up_are_sent_again_where_they_are_missing(spool, written, capsys):
    assert spool.counts()["objects_given_up"] == 1
    assert call(written, capsys, "send", "1.4", "--to", "a")[0] == 0
    assert [item.sop_uid for item in spool.outbox.due("a")] == ["1.4.9"]
    assert spool.outbox.due("b") == []
    assert "objects_given_up" not in spool.counts()


def test_a_destination_that_is_new_gets_what_was_made_before(spool, written, capsys):
    with spool.ledger.change():
        spool.ledger.database.execute("DELETE FROM outbox WHERE destination = 'b'")
    assert call(written, capsys, "send", "--state", "done", "--to", "b")[0] == 0
    assert {item.sop_uid for item in spool.outbox.due("b")} == {"1.1.9", "1.4.9"}


def test_purge_leaves_what_has_yet_to_be_done_and_deletes_the_rest(spool, written, capsys):
    status, lines = call(written, capsys, "purge", "--all")
    assert status == 1
    assert {line["study_uid"] for line in lines if line["action"]} == {"1.1", "1.2", "1.4"}
    (left,) = [line for line in lines if line["study_uid"] == "1.3"]
    assert (left["reason_code"], left["reason"]) == (
        "operate_not_finished", "it is not yet analysed or sent (--force deletes it all the same)",
    )  # fmt: skip
    assert spool.counts() == {"studies_waiting": 1, "instances": 1, "instance_bytes": 5}
    assert [path.name for path in (spool.folder / "out" / "studies").iterdir()] == []
    assert call(written, capsys, "purge", "1.3", "--force")[0] == 0
    assert spool.counts() == {"instances": 0, "instance_bytes": 0}


def test_what_was_lost_is_remembered_when_its_study_is_swept_and_until_it_is_purged(spool, written, capsys):
    spool.removal.sweep(-1.0)
    assert (spool.counts()["objects_given_up"], spool.counts()["failed_studies"]) == (1, 1)
    _, lines = call(written, capsys, "list", "--state", "gone")
    assert [line["study_uid"] for line in lines] == ["1.2", "1.4"]
    assert call(written, capsys, "send", "1.4")[0] == 1  # its objects have gone
    assert call(written, capsys, "purge", "--state", "gone")[0] == 0
    assert not {"objects_given_up", "failed_studies"} & set(spool.counts())


def test_a_study_at_work_is_purged_when_it_has_ended_and_sends_nothing(spool, written, capsys):
    assert spool.take_ready(0.0)[0] == "1.3"
    with contextlib.ExitStack() as held:
        hold_spool(spool.folder, held)  # as the service does
        assert call(written, capsys, "purge", "1.3", "--force")[0] == 0
    assert spool.removal.let_go() == 0
    spool.end("1.3", status="done", reason=None, objects=[("9", spool.folder / "out" / "x")], destinations=["a"])
    assert spool.outbox.due("a") == []
    assert spool.removal.let_go() == 1


@pytest.mark.parametrize(("again", "status", "anew"), [
    ("failed", "failed", True), ("failed", "done", False), ("never", "failed", False), ("always", "done", True),
])  # fmt: skip
def test_films_that_are_sent_again_begin_a_study_anew_where_that_is_wanted(written, again, status, anew):
    config = written[1].model_copy(update={"analysis": written[1].analysis.model_copy(update={"resent": again})})
    spool = open_spool(config)
    end(spool, "1.1", status)
    spool.add(b"film1.1", sop_uid="1.1.1", study_uid="1.1", series_uid="1.9", modality="DX")
    assert (spool.take_ready(0.0) is not None) == anew
    spool.close()


def test_beside_a_running_service(config, peer, stand_ins, tmp_path, capsys):
    """A study that is purged is analysed anew when it comes again, and one that is retried comes back once."""
    made = config(send=[peer.destination], spool={"folder": str(tmp_path / "spool"), "quiet_s": 0.1, "reserve_mb": 1})
    path = tmp_path / "serve.toml"
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in peer.destination.items())
    path.write_text(f'[spool]\nfolder = "{tmp_path}/spool"\n[[send]]\n{lines}')
    film = small_film(1, study="1.2.3")
    with running(made, stand_ins.stand_in) as service:
        done, counts = service.counters.values, service.spool.counts
        send(service.receiver.port, [film])
        wait_for(lambda: counts().get("objects_sent") == 1)
        assert call((path,), capsys, "send", "1.2.3")[0] == 0
        wait_for(lambda: len(peer.taken) == 2 and counts().get("objects_sent") == 1)
        assert call((path,), capsys, "purge", "1.2.3")[0] == 0
        wait_for(lambda: not any(name.startswith("studies_") for name in counts()))
        assert not list((tmp_path / "spool" / "in").rglob("*.dcm"))
        assert send(service.receiver.port, [film]) == [0]
        wait_for(lambda: done().get("studies_done") == 2)
        time.sleep(0.3)
        assert call((path,), capsys, "retry", "1.2.3")[0] == 0
        wait_for(lambda: done().get("studies_done") == 3)
        assert len(set(peer.taken)) == 1
