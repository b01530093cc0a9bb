"""What is told to be kept is kept, and what was taken is given back once."""

import hashlib
import time
from itertools import pairwise
from pathlib import Path

import pytest

from ho_imaging.messages import Message
from ho_imaging.pacs import spool as spool_module
from ho_imaging.pacs.disk import SpoolFullError
from ho_imaging.pacs.spool import Added, Spool
from ho_imaging.results.folder import folder_name

NO_ANSWER = Message("send_no_answer")


def make(folder, **limits):
    values = {"most_bytes": 1e9, "least_free_bytes": 0.0, "most_instances": 100}
    return Spool(folder / "spool", **(values | limits))


def add(spool, number, *, study="1.2", data=b"film"):
    return spool.add(
        data + bytes([number]), sop_uid=f"1.2.{number}", study_uid=study, series_uid="1.3", modality="DX"
    )  # fmt: skip


def test_an_instance_is_on_disk_and_known_to_the_next_process(tmp_path):
    assert add(make(tmp_path), 1)
    again = make(tmp_path)  # the first was never closed, as after a kill
    uid, (row,) = again.take_ready(0.0)
    assert (uid, row["sop_uid"]) == ("1.2", "1.2.1")
    assert (again.folder / row["file"]).read_bytes() == b"film\x01"
    assert hashlib.sha256(b"film\x01").hexdigest() == row["sha256"]


def test_a_study_waits_until_it_is_quiet_and_waits_anew_when_a_film_comes(tmp_path):
    spool = make(tmp_path)
    add(spool, 1)
    assert spool.take_ready(60.0) is None
    uid, rows = spool.take_ready(0.0)
    assert len(rows) == 1
    assert spool.take_ready(0.0) is None  # it is at work
    add(spool, 2)
    spool.end(uid, status="done", reason=None, objects=[], destinations=[])
    assert len(spool.take_ready(0.0)[1]) == 2


def test_the_same_film_again_changes_nothing(tmp_path):
    spool = make(tmp_path)
    add(spool, 1)
    spool.end(spool.take_ready(0.0)[0], status="done", reason=None, objects=[], destinations=[])
    assert add(spool, 1) is Added.REPEATED
    assert spool.take_ready(0.0) is None


def test_other_bytes_under_the_same_uid_do_not_replace_the_first(tmp_path):
    spool = make(tmp_path)
    add(spool, 1)
    assert add(spool, 1, data=b"other") is Added.DIFFERENT
    study, file = spool.known("1.2.1")
    assert (study, file.read_bytes()) == ("1.2", b"film\x01")


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"fi")], ids=["gone", "damaged"])
def test_a_film_that_was_lost_on_disk_is_taken_again(tmp_path, damage):
    spool = make(tmp_path)
    add(spool, 1)
    _, file = spool.known("1.2.1")
    damage(file)
    assert add(spool, 1) is Added.NEW
    assert file.read_bytes() == b"film\x01"


def test_a_study_at_work_when_the_process_ends_is_taken_up_again(tmp_path):
    spool = make(tmp_path)
    add(spool, 1)
    spool.take_ready(0.0)
    again = make(tmp_path)
    assert again.take_ready(0.0, suspect=True) is None  # opening it alone changes nothing: another may be at work there
    again.recover()
    assert again.take_ready(0.0) is None
    assert again.take_ready(0.0, suspect=True)[0] == "1.2"


@pytest.mark.parametrize("who_died", ["worker", "service"])
def test_a_suspect_comes_after_all_that_waits_and_nothing_that_came_later_goes_before_it(tmp_path, who_died):
    spool = make(tmp_path)
    add(spool, 1)
    uid, _ = spool.take_ready(0.0)
    add(spool, 2, study="1.4")
    if who_died == "worker":
        spool.put_back(uid, suspect=True)
    else:
        spool = make(tmp_path)
        spool.recover()
    add(spool, 3, study="1.5")
    assert spool.take_ready(0.0, suspect=True) is None
    assert spool.take_ready(0.0)[0] == "1.4"
    assert spool.take_ready(0.0) is None  # its turn: others wait, so that it is alone
    assert spool.take_ready(0.0, suspect=True)[0] == uid
    assert spool.take_ready(0.0)[0] == "1.5"


def test_a_study_put_back_as_if_it_had_not_been_begun_is_no_suspect(tmp_path):
    spool = make(tmp_path)
    add(spool, 1)
    for _ in range(6):
        uid, _ = spool.take_ready(0.0)
        spool.put_back(uid)
    assert spool.take_ready(0.0)[0] == uid


@pytest.mark.parametrize("given_up", [False, True], ids=["ended", "put back"])
def test_a_study_at_work_is_not_taken_a_second_time_and_its_late_film_is_analysed_after(tmp_path, given_up):
    spool = make(tmp_path)
    add(spool, 1)
    uid, _ = spool.take_ready(0.0)
    add(spool, 2)
    add(spool, 3, study="1.4")
    assert spool.take_ready(0.0)[0] == "1.4"  # it holds up no other
    assert spool.take_ready(0.0) is None
    if given_up:
        spool.put_back(uid)
    else:
        spool.end(uid, status="done", reason=None, objects=[], destinations=[])
    again, rows = spool.take_ready(0.0)
    assert (again, [row["sop_uid"] for row in rows]) == (uid, ["1.2.1", "1.2.2"])
    spool.end(uid, status="done", reason=None, objects=[], destinations=[])
    assert spool.take_ready(0.0) is None
    assert spool.counts()["studies_ended"] == 1


@pytest.mark.parametrize("first_has_ended", [False, True])
def test_a_late_film_is_analysed_when_the_process_ends_in_between(tmp_path, first_has_ended):
    spool = make(tmp_path)
    add(spool, 1)
    uid, _ = spool.take_ready(0.0)
    add(spool, 2)
    spool.take_ready(0.0)  # by another worker
    if first_has_ended:
        spool.end(uid, status="done", reason=None, objects=[], destinations=[])
    again = make(tmp_path)
    again.recover()
    assert len(again.take_ready(0.0)[1]) == 2


def test_every_destination_gets_every_object_until_it_has_taken_it(tmp_path):
    spool = make(tmp_path)
    add(spool, 1)
    uid, _ = spool.take_ready(0.0)
    made = [(f"9.{n}", spool.folder / "out" / f"{n}.dcm") for n in range(2)]
    spool.end(uid, status="done", reason=None, objects=made, destinations=["a", "b"])
    assert [i.sop_uid for i in spool.outbox.due("a")] == [i.sop_uid for i in spool.outbox.due("b")] == ["9.0", "9.1"]
    spool.outbox.sent("a", "9.0")
    spool.outbox.not_sent("a", spool.outbox.due("a")[0], NO_ANSWER, keep_hours=1.0)
    assert spool.outbox.due("a") == []  # it waits before it tries again
    assert len(spool.outbox.due("b")) == 2
    assert spool.counts()["objects_waiting"] == 3


def test_delays_grow_and_an_old_object_is_given_up_and_counted(tmp_path, monkeypatch):
    spool = make(tmp_path)
    add(spool, 1)
    spool.end(spool.take_ready(0.0)[0], status="done", reason=None, objects=[("9.1", spool.folder / "x.dcm")],
              destinations=["a"])  # fmt: skip
    now, waits = time.time(), []
    monkeypatch.setattr("time.time", lambda: now)
    for _ in range(6):
        (item,) = spool.outbox.due("a")
        spool.outbox.not_sent("a", item, NO_ANSWER, keep_hours=1.0)
        start = now
        while not spool.outbox.due("a") and now - start < 2000:
            now += 1.0
            monkeypatch.setattr("time.time", lambda now=now: now)
        waits.append(now - start)
    assert all(later + 1 >= 2 * (earlier - 1) > 0 for earlier, later in pairwise(waits))
    monkeypatch.setattr("time.time", lambda: now + 2 * 3600)
    spool.outbox.not_sent("a", spool.outbox.due("a")[0], NO_ANSWER, keep_hours=1.0)
    assert spool.counts()["objects_given_up"] == 1


@pytest.mark.parametrize(
    "limits", [{"most_bytes": 7.0}, {"least_free_bytes": 1e18}, {"most_instances": 1}], ids=["spool", "disk", "study"]
)
def test_no_room_is_said_and_nothing_is_half_there(tmp_path, limits):
    spool = make(tmp_path, **limits)
    if "least_free_bytes" not in limits:
        add(spool, 1)
    with pytest.raises(SpoolFullError):
        add(spool, 2)
    assert spool.counts()["instances"] == (0 if "least_free_bytes" in limits else 1)
    assert not list((spool.folder / "in").glob("*/*.part"))


def test_what_ended_long_ago_and_was_sent_goes(tmp_path, monkeypatch):
    spool = make(tmp_path)
    add(spool, 1)
    out = spool.folder / "out" / "x.dcm"
    out.write_bytes(b"x")
    spool.end(spool.take_ready(0.0)[0], status="done", reason=None, objects=[("9.1", out)], destinations=["a"])
    later = time.time() + 100 * 3600
    monkeypatch.setattr("time.time", lambda: later)
    assert spool.removal.sweep(72.0) == 0  # it was not sent yet
    spool.outbox.sent("a", "9.1")
    assert spool.removal.sweep(72.0) == 1
    assert not out.exists()
    assert not list((spool.folder / "in").glob("*/*"))
    assert spool.counts() == {"instances": 0, "instance_bytes": 0}


def ended(spool, number, *, study="1.2"):
    """Let a study of one film end with all that an analysis leaves; give its folder of results."""
    add(spool, number, study=study)
    assert spool.take_ready(0.0)[0] == study
    place = spool.folder / "out" / "studies" / folder_name(study)
    (place / "dicom").mkdir(parents=True)
    for name in ("result.json", "thumbnail.jpg", f"1.2.{number}.bones.json", f"dicom/9.{number}.dcm"):
        (place / name).write_bytes(b"of a patient")
    objects = [(f"9.{number}", place / "dicom" / f"9.{number}.dcm")]
    spool.end(study, status="done", reason=None, objects=objects, destinations=["a"])
    spool.outbox.sent("a", f"9.{number}")
    return place


def files_of(spool):
    return {path for part in ("in", "out") for path in (spool.folder / part).rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("study", ["1.2", "../.."])
def test_all_that_is_of_a_study_goes_with_it_and_nothing_of_another(tmp_path, study):
    spool = make(tmp_path)
    other = ended(spool, 2, study="1.4")
    kept = files_of(spool)
    place = ended(spool, 1, study=study)
    gone = files_of(spool) - kept
    add(spool, 3, study="1.4")  # it waits anew
    kept = files_of(spool) - gone
    assert spool.removal.sweep(-1.0) == 1
    assert files_of(spool) == kept
    assert not place.exists()
    assert len(list((spool.folder / "in").iterdir())) == 1
    assert (other / "thumbnail.jpg").exists()
    assert spool.counts()["studies_waiting"] == 1


def test_what_cannot_be_deleted_is_said_and_deleted_later(tmp_path, monkeypatch, caplog):
    spool = make(tmp_path)
    place = ended(spool, 1)
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path.name == "thumbnail.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        assert spool.removal.sweep(-1.0) == 0
    assert "thumbnail.jpg: Permission denied" in caplog.text
    assert files_of(spool) == {place / "thumbnail.jpg"}  # the rest is gone all the same
    assert spool.counts()["studies_leaving"] == 1
    again = make(tmp_path)
    again.recover()
    assert again.take_ready(0.0) is None
    assert again.removal.sweep(-1.0) == 1
    assert files_of(again) == set()
    assert again.counts() == {"instances": 0, "instance_bytes": 0}


def test_a_film_that_comes_while_its_study_goes_stays_and_is_analysed(tmp_path, monkeypatch):
    spool = make(tmp_path)
    ended(spool, 1)
    write = spool_module.write_durably

    def sweep_before_it_is_noted(path, data):
        write(path, data)
        spool.removal.sweep(-1.0)

    monkeypatch.setattr(spool_module, "write_durably", sweep_before_it_is_noted)
    add(spool, 2)
    _, rows = spool.take_ready(0.0)
    assert [(spool.folder / row["file"]).read_bytes() for row in rows] == [b"film\x01", b"film\x02"]


def test_a_film_that_comes_during_a_sweep_keeps_its_study(tmp_path, monkeypatch):
    spool = make(tmp_path)
    ended(spool, 1, study="1.2")
    ended(spool, 2, study="1.4")
    unlink = Path.unlink

    def add_meanwhile(path, missing_ok=False):
        monkeypatch.setattr(Path, "unlink", unlink)
        unlink(path, missing_ok=missing_ok)
        add(spool, 3, study="1.4")

    monkeypatch.setattr(Path, "unlink", add_meanwhile)
    assert spool.removal.sweep(-1.0) == 1
    uid, rows = spool.take_ready(0.0)
    assert (uid, [row["sop_uid"] for row in rows]) == ("1.4", ["1.2.2", "1.2.3"])
    assert all((spool.folder / row["file"]).exists() for row in rows)


def test_a_sweep_deletes_nothing_outside_the_spool(tmp_path):
    spool = make(tmp_path)
    kept = tmp_path / "kept"
    (kept / "dicom").mkdir(parents=True)
    (kept / "dicom" / "9.1.dcm").touch()
    place = ended(spool, 1)
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    place.rmdir()
    place.symlink_to(kept)
    add(spool, 2, study="1.4")
    beside = spool.folder / "out" / ".." / ".." / "kept" / "dicom" / "9.1.dcm"
    spool.end(spool.take_ready(0.0)[0], status="done", reason=None, objects=[("9.2", beside)], destinations=["a"])
    spool.outbox.sent("a", "9.2")
    for _ in range(2):
        spool.removal.sweep(-1.0)
    assert not place.is_symlink()
    assert spool.counts() == {"instances": 0, "instance_bytes": 0}
    assert (kept / "dicom" / "9.1.dcm").exists()


def test_names_on_disk_are_not_the_senders(tmp_path):
    spool = make(tmp_path)
    spool.add(b"x", sop_uid="../../etc/passwd", study_uid="../..", series_uid="1", modality="DX")
    (path,) = (spool.folder / "in").glob("*/*.dcm")
    assert ".." not in str(path.relative_to(spool.folder))
    assert len(path.stem) == 40


def test_a_film_of_a_full_study_that_was_lost_can_be_brought_again(tmp_path):
    spool = make(tmp_path, most_instances=1)
    add(spool, 1)
    spool.known("1.2.1")[1].unlink()
    assert add(spool, 1) is Added.NEW
    with pytest.raises(SpoolFullError):
        add(spool, 2)


def test_a_film_that_two_bring_stays_where_one_of_them_finds_no_room_to_note_it(tmp_path, monkeypatch):
    """The first finds that it cannot be noted when the second has been told that it is kept."""
    spool = make(tmp_path)
    note = spool._note

    def full(*values):
        monkeypatch.setattr(spool, "_note", note)
        assert add(spool, 1) is Added.NEW
        raise SpoolFullError("full")

    monkeypatch.setattr(spool, "_note", full)
    with pytest.raises(SpoolFullError):
        add(spool, 1)
    _, (row,) = spool.take_ready(0.0)
    assert (spool.folder / row["file"]).read_bytes() == b"film\x01"


def test_who_was_asked_to_commit_is_known_to_the_next_process_for_as_long_as_objects_are_kept(tmp_path, monkeypatch):
    spool = make(tmp_path)
    assert spool.outbox.begin_commitment("2.1", "a") == "2.1"
    spool.outbox.begin_commitment("2.2", "b")
    spool.close()
    again = make(tmp_path)
    again.removal.sweep(1.0)
    assert [again.outbox.asked_to_commit(f"2.{n}") for n in (1, 2, 3)] == ["a", "b", None]
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 3601.0)
    again.removal.sweep(1.0)
    assert again.outbox.asked_to_commit("2.1") is None


def test_what_a_peer_takes_and_does_not_keep_is_sent_ever_later_and_given_up(tmp_path, monkeypatch):
    spool = make(tmp_path)
    ended(spool, 1)
    now = start = time.time() + 1.0
    waits = []
    monkeypatch.setattr("time.time", lambda: now)
    while spool.counts().get("objects_given_up", 0) == 0:
        spool.outbox.send_again("a", "9.1", keep_hours=1.0)
        begun = now
        while not spool.outbox.due("a") and not spool.counts().get("objects_given_up"):
            now += 1.0
            monkeypatch.setattr("time.time", lambda now=now: now)
        waits.append(now - begun)
        spool.outbox.sent("a", "9.1") if spool.outbox.due("a") else None
    assert all(later >= earlier for earlier, later in pairwise(waits[:-1]))
    assert waits[-2] >= 100 * waits[0]
    assert 3600 < now - start < 2 * 3600
