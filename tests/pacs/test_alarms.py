"""Health says what an operator has to know, the log says it once, and each film has its receipt."""

import json
import logging
import subprocess
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from ho_imaging.batch.work import Outcome
from ho_imaging.logs import LogSettings, forget, set_up
from ho_imaging.messages import Message
from ho_imaging.pacs import analysing as analysing_module
from ho_imaging.pacs.alarms import CODES, Alarm, Alarms, Situation, alarms_of
from ho_imaging.pacs.analysing import Analysing
from ho_imaging.pacs.disk import Reserve, SpoolFullError, free_bytes
from ho_imaging.pacs.sending import Sending
from ho_imaging.pacs.service import Service, check_config, open_spool
from ho_imaging.results.messages import read_message

from .conftest import NEVER_S, free_port, send, small_film, wait_for

EACH = [
    ({"stopped": ("analysis stopped",)}, "part_stopped"),
    ({"no_room": "the disk is nearly full"}, "disk_full"),
    ({"not_written": "no space"}, "results_not_written"),
    ({"longest_wait_s": 61.0}, "studies_stuck"),
    ({"silent_s": {"pacs": (31.0, Message("send_no_answer"))}}, "destination_down"),
    ({"given_up": 1}, "objects_given_up"),
    ({"failed": 1}, "studies_failed"),
]


@pytest.mark.parametrize(("parts", "code"), EACH)
def test_each_thing_is_an_alarm_of_its_own(parts, code):
    (alarm,) = alarms_of(Situation(**parts), stuck_s=60.0, silent_s=30.0)
    assert alarm.code == code


def test_all_is_well_below_the_limits():
    calm = Situation(longest_wait_s=59.0, silent_s={"pacs": (29.0, Message("send_no_answer"))})
    assert alarms_of(calm, stuck_s=60.0, silent_s=30.0) == ()
    assert {code for _, code in EACH} == set(CODES)


def test_an_alarm_is_logged_when_it_begins_and_ends_and_counted_once(caplog):
    caplog.set_level(logging.INFO, "ho_imaging")
    counted = []
    alarms = Alarms(counted.append)
    for minutes in (1, 2, 3):  # the same one, whatever its text says
        alarms.update((Alarm("destination_down", f"pacs has taken nothing for {minutes} min"),))
    assert alarms.gauges()["alarm_destination_down"] == 1
    assert alarms.gauges()["alarm_disk_full"] == 0
    alarms.update(())
    assert counted == ["alarms_destination_down"]
    assert [record.getMessage() for record in caplog.records] == [
        "alarm destination_down: pacs has taken nothing for 1 min", "alarm destination_down pacs is over",
    ]  # fmt: skip


@pytest.fixture
def spool(config):
    made = open_spool(config(spool={"folder": str(config().spool.folder), "reserve_mb": 0}))
    yield made
    made.close()


def put(spool, study="1.2"):
    spool.add(b"film", sop_uid=f"{study}.1", study_uid=study, series_uid="1.9", modality="DX")
    assert spool.take_ready(0.0)[0] == study


def test_a_study_whose_objects_could_not_be_made_has_failed(spool, config):
    counted = []
    analysing = Analysing(config(), spool, None, None, model="m", count=counted.append, stopping=threading.Event())
    put(spool)
    analysing._ended("1.2", Outcome("1.2", "done", None, problems=(Message("file_empty"),)))
    row = spool.ledger.one("SELECT * FROM studies")
    kept = read_message(row["reason"])
    assert (row["status"], kept.code, [one.code for one in kept.also]) == ("failed", "no_objects_made", ["file_empty"])
    assert counted == ["studies_failed"]
    assert spool.counts()["failed_studies"] == 1


def test_results_that_cannot_be_written_are_an_alarm_until_they_can(spool, config, monkeypatch):
    monkeypatch.setattr(analysing_module, "_NOT_WRITTEN_PAUSE_S", 0.0)
    analysing = Analysing(config(), spool, None, None, model="m", count=lambda _: None, stopping=threading.Event())
    put(spool)
    analysing._ended(
        "1.2",
        Outcome(
            "1.2",
            "stopped",
            Message("unclassified", problem="out: cannot be written: No space left on device", remedy=""),
        ),
    )
    assert "No space left" in analysing.not_written
    put(spool)  # it waits on
    analysing._ended("1.2", Outcome("1.2", "refused", Message("body_missing")))
    assert analysing.not_written is None


def sending_to(spool, config, **entry):
    values = {"kind": "dimse", "name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": free_port()}
    made = config(send=[values | entry])
    return Sending(made, made.send[0], spool, count=lambda _: None, stopping=threading.Event())


def ended(spool, study="1.2"):
    put(spool, study)
    file = spool.results_folder(study) / "dicom" / "o.dcm"
    file.parent.mkdir(parents=True)
    small_film(1).save_as(file, enforce_file_format=True)
    objects = [(str(small_film(1).SOPInstanceUID), file)]
    spool.end(study, status="done", reason=None, objects=objects, destinations=["pacs"])


def test_a_destination_is_silent_from_its_first_failure_until_it_takes_something(spool, config, peer, monkeypatch):
    ended(spool)
    sending = sending_to(spool, config)
    assert sending.silent == (0.0, None)
    assert sending._send()
    seconds, why = sending.silent
    assert seconds >= 0.0
    assert why == Message("archive_unreachable", archive="pacs")
    again = sending_to(spool, config, port=peer.port, ae_title="PEER")  # the next process knows it too
    assert again.silent[0] > 0.0
    spool.ledger.run("UPDATE outbox SET next_try = 0")
    assert again._send()
    assert again.silent == (0.0, None)


def test_a_request_to_keep_objects_that_was_refused_is_made_again(spool, config, monkeypatch):
    from ho_imaging.pacs import sending as module  # noqa: PLC0415

    answers, asked = ["pacs refused to commit", None], []
    monkeypatch.setattr(module, "commit_objects", lambda *a, **k: asked.append(k["transaction_uid"]) or answers.pop(0))
    ended(spool)
    spool.outbox.sent("pacs", str(small_film(1).SOPInstanceUID))
    sending = sending_to(spool, config, commit=True)
    assert sending._commit()
    assert not sending._commit()  # not at once
    spool.ledger.run("UPDATE outbox SET next_try = 0")
    assert sending._commit()
    assert not sending._commit()  # its report is awaited
    assert len(set(asked)) == 2
    assert spool.counts()["objects_sent"] == 1


def get(port, page):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except urllib.error.URLError:  # not up yet
        return 0, ""


def test_a_reserve_is_made_spent_and_made_again(tmp_path):
    reserve = Reserve(tmp_path, 3_000_000)
    assert reserve.make()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 3_000_000  # not a sparse file
    assert reserve.spend()
    assert reserve.spent
    assert not reserve.spend()
    assert not reserve.make(beside=1e18)
    assert reserve.make()
    assert not reserve.spent


def test_what_is_delivered_makes_room_for_films_and_nothing_else_does(config, tmp_path):
    made = config(accept={"spool_gb": 3e-9, "free_gb": 0.0}, spool={"folder": str(tmp_path / "s"), "reserve_mb": 0})
    spool = open_spool(made)

    def add(study):
        spool.add(b"f", sop_uid=f"{study}.1", study_uid=study, series_uid="1.9", modality="DX")

    for study, status in (("1.1", "failed"), ("1.2", "done"), ("1.3", "done")):
        add(study)
        assert spool.take_ready(0.0)[0] == study
        objects = [(f"{study}.9", spool.folder / "out" / "x.dcm")] if status == "done" else []
        spool.end(study, status=status, reason=None, objects=objects, destinations=["pacs"])
    assert spool.room() is None
    spool._most_bytes = 2.0
    with pytest.raises(SpoolFullError):
        add("1.4")
    assert spool.room() is not None
    spool.outbox.sent("pacs", "1.3.9")
    assert spool.room() is None  # a delivered study gives way
    spool._most_bytes = 3.0
    add("1.4")
    assert {row["study_uid"] for row in spool.ledger.all("SELECT study_uid FROM studies")} == {"1.1", "1.2", "1.4"}
    spool.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB, with a way to fill it to the last byte."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a small file system")

    def fill():
        with (place / "of others").open("ab", buffering=0) as stream:
            while free_bytes(place) and stream.write(bytes(free_bytes(place))):
                pass

    yield SimpleNamespace(folder=place, fill=fill, empty=(place / "of others").unlink)
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.parametrize("reserve_mb", [0, 2])
def test_a_service_starts_on_a_full_disk_and_waits_and_says_so(config, stand_ins, small_disk, reserve_mb):
    port, spool = free_port(), {"folder": str(small_disk.folder / "spool"), "reserve_mb": reserve_mb}
    made = config(spool=spool, accept={"free_gb": 0.0}, health={"port": port})
    first = open_spool(made)
    first.add(b"film", sop_uid="1.2.1", study_uid="1.2", series_uid="1.9", modality="DX")
    first.close()
    small_disk.fill()
    check_config(made)
    service = Service(made, function=stand_ins.stand_in)
    starting = threading.Thread(target=service.start)
    starting.start()
    try:
        wait_for(lambda: "disk_full" in get(port, "health")[1])
        assert get(port, "live")[0] == 200
        assert "ho_imaging_alarm_disk_full 1" in get(port, "metrics")[1]
        if reserve_mb:  # enough to listen, and to say no
            starting.join(180)
            assert send(service.receiver.port, [small_film(1)]) == [0xA700]
        small_disk.empty()
        starting.join(180)
        wait_for(lambda: get(port, "health")[0] == 200)
        assert send(service.receiver.port, [small_film(1)]) == [0]
        assert (small_disk.folder / "spool" / "reserve").exists() == bool(reserve_mb)
        wait_for(lambda: service.counters.values().get("studies_done") == 2)
    finally:
        service.stop()


def test_a_film_has_a_receipt_with_sender_and_study_and_no_patient(config, stand_ins, capsys):
    made = config(quiet_s=NEVER_S)
    set_up(LogSettings(as_json=True))
    service = Service(made, function=stand_ins.stand_in)
    service.start()
    try:
        film = small_film(1)
        send(service.receiver.port, [film, film])
    finally:
        service.stop()
        forget()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"film"' in line]
    (kept,) = (made.spool.folder / "in").rglob("*.dcm")
    assert [line["message"].rpartition(": ")[2] for line in lines] == [
        f"kept, {kept.stat().st_size} bytes (0000)", "kept already (0000)",
    ]  # fmt: skip
    for line in lines:
        assert line["sender"] == "MODALITY@127.0.0.1"
        assert (line["study"], line["film"]) == (film.StudyInstanceUID, film.SOPInstanceUID)
        assert line["time"].endswith("Z")
        assert "Test" not in json.dumps(line)
