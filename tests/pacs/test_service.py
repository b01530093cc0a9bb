"""The service against peers that behave, misbehave and go away; killed on the way."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage
from pynetdicom import build_context

from ho_imaging.batch.work import work
from ho_imaging.cli.serve import serve_until_told
from ho_imaging.errors import UsageError
from ho_imaging.messages import Message
from ho_imaging.pacs.config import load_serve_config, secret
from ho_imaging.pacs.ledger import Ledger
from ho_imaging.pacs.operate import Selection, select
from ho_imaging.pacs.send import PeerError
from ho_imaging.pacs.service import Service
from ho_imaging.results.messages import read_message

from .conftest import (
    NEVER_S,
    STAND_IN,
    free_port,
    let_studies_be_quiet,
    running,
    send,
    small_film,
    tool,
    wait_for,
    write_films,
)
from .kills import served_through_kills


def test_each_study_comes_back_once(config, peer, stand_ins):
    with running(config(quiet_s=NEVER_S, send=[peer.destination]), stand_ins.stand_in) as service:
        films = [small_film(n, study=f"1.2.3.{n // 2}") for n in range(10)]
        assert send(service.receiver.port, films) == [0] * 10
        let_studies_be_quiet(service)
        wait_for(lambda: len(peer.taken) >= 5)
        time.sleep(1.0)
        assert len(peer.taken) == len(set(peer.taken)) == 5
        assert service.counters.values()["studies_done"] == 5


def test_a_film_that_comes_while_its_study_is_at_work_starts_it_anew_after(config, peer, stand_ins, tmp_path):
    begun = tmp_path / "spool" / "begun"

    def runs(study):
        return len(list(begun.glob(f"{study}-*")))

    with running(config(send=[peer.destination], analysis={"workers": 2}), stand_ins.held_up) as service:
        port = service.receiver.port
        send(port, [small_film(1, study="1.2.3")])
        wait_for(lambda: runs("1.2.3") == 1)
        send(port, [small_film(2, study="1.2.3")])
        send(port, [small_film(3, study="1.2.4")])
        # The late film has waited longer: were its study free to take, the other worker would take it before this one.
        wait_for(lambda: runs("1.2.4") == 1 or runs("1.2.3") > 1)
        assert runs("1.2.3") == 1
        (begun / "let go").touch()
        wait_for(lambda: service.counters.values().get("studies_done") == 3)
        service.check()
        assert runs("1.2.3") == 2
        assert service.spool.counts()["studies_ended"] == 2
        wait_for(lambda: len(set(peer.taken)) >= 2 and not service.spool.counts().get("objects_waiting"))
    (place,) = (tmp_path / "spool" / "out" / "studies" / "1.2.3").glob("dicom")
    both = stand_ins.stable_uid("stand-in", "1.2.3", small_film(1).SOPInstanceUID, small_film(2).SOPInstanceUID)
    assert [path.name for path in place.glob("*.dcm")] == [f"ot-{both}.dcm"]
    assert both in peer.taken


def test_a_destination_that_refuses_or_sleeps_gets_it_later(config, peer, stand_ins):
    peer.answers = [0xA700, 0xC000]
    asleep = peer.destination | {"name": "asleep", "port": free_port()}
    with running(config(send=[peer.destination, asleep]), stand_ins.stand_in) as service:
        send(service.receiver.port, [small_film(1)])
        wait_for(lambda: len(peer.taken) == 1)
        wait_for(lambda: service.counters.values()["objects_not_sent"] >= 3)
        wait_for(lambda: service.spool.counts()["objects_waiting"] == 1)


def test_a_study_that_kills_its_worker_is_given_up_and_the_next_is_not(config, peer, stand_ins):
    with running(config(send=[peer.destination]), stand_ins.killer) as service:
        send(service.receiver.port, [small_film(1)])
        wait_for(lambda: service.counters.values().get("studies_failed") == 1)  # three workers have to start
        (study,) = service.spool.ledger.all("SELECT reason FROM studies")
        assert str(read_message(study["reason"])).startswith("given up after 2 tries alone: its worker was killed (SIG")
        assert service.spool.counts()["studies_ended"] == 1
        service.check()
        assert send(service.receiver.port, [small_film(2)]) == [0]


STOPPED = """
import sys
sys.path.insert(0, sys.argv[2])
import stand_ins
if __name__ == "__main__":
    from ho_imaging.cli import main
    from ho_imaging.pacs.service import Service
    Service.__init__.__kwdefaults__["function"] = stand_ins.held_up
    sys.exit(main(["serve", "--config", sys.argv[1]]))
"""


def is_running(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("all_are_told", [False, True])
def test_term_ends_a_study_at_work_which_is_begun_anew_with_all_its_tries(config, stand_ins, tmp_path, all_are_told):
    """Told to one process or, as a system does that stops a service, to all of them."""
    port = free_port()
    (tmp_path / "stand_ins.py").write_text(STAND_IN)
    (tmp_path / "stopped.py").write_text(STOPPED)
    (tmp_path / "serve.toml").write_text(
        f'[listen]\nport = {port}\n[spool]\nfolder = "{tmp_path}/spool"\nquiet_s = 0.3\n'
    )
    command = [sys.executable, str(tmp_path / "stopped.py"), str(tmp_path / "serve.toml"), str(tmp_path)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        wait_for(lambda: send(port, [small_film(1, study="1.2.3")]) == [0])
        begun = tmp_path / "spool" / "begun" / "1.2.3-0"
        wait_for(lambda: begun.exists() and begun.read_text())
        worker = int(begun.read_text())
        assert is_running(worker)
        os.kill(-process.pid if all_are_told else process.pid, signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        wait_for(lambda: not is_running(worker))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with running(config(), stand_ins.dies_once) as service:
        ended = service.counters.values
        wait_for(lambda: {"studies_done", "studies_failed"} & set(ended()))
        assert (ended().get("studies_done"), ended().get("studies_failed")) == (1, None)


def test_a_signal_is_heard_whichever_thread_it_reaches():
    """The system chooses one, and a main thread that waits without end is not woken for another's."""

    class Stopped:
        def __init__(self):
            self.told, self.stopped = threading.Event(), False

        def start(self):
            threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()

        def interrupt(self):
            self.told.set()

        def wait_for_interrupt(self, seconds):
            return self.told.wait(seconds)

        def check(self):
            pass

        def stop(self):
            self.stopped = True

    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    service = Stopped()
    try:
        serve_until_told(service)
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    assert service.stopped


def test_a_peer_that_does_not_answer_the_call_does_not_hold_up_the_end(config, peer, stand_ins, monkeypatch):
    called, let_go = threading.Event(), threading.Event()

    def associate(*_, **__):
        called.set()
        let_go.wait()
        raise PeerError(Message("archive_unreachable", archive="peer"))

    monkeypatch.setattr("ho_imaging.pacs.send.associate", associate)
    monkeypatch.setattr("ho_imaging.pacs.service._MOST_STOPPING_S", 1e6)
    with running(config(send=[peer.destination]), stand_ins.stand_in) as service:
        assert send(service.receiver.port, [small_film(1)]) == [0]
        assert called.wait(300)
    (sender,) = [thread for thread in threading.enumerate() if thread.name == "to peer"]
    assert sender.is_alive()
    let_go.set()
    sender.join(300)
    assert outbox_of(config()) == [("waiting", 0)]  # it was not tried


def test_an_object_on_its_way_is_sent_to_its_end(config, peer, stand_ins):
    begun, let_go = threading.Event(), threading.Event()
    take = peer.store

    def store(event):
        begun.set()
        let_go.wait()
        return take(event)

    peer.store = store
    with running(config(send=[peer.destination]), stand_ins.stand_in) as service:
        assert send(service.receiver.port, [small_film(1)]) == [0]
        assert begun.wait(300)
        service.interrupt()
        threading.Timer(1.0, let_go.set).start()
    assert len(peer.taken) == 1
    assert outbox_of(config()) == [("sent", 0)]


def outbox_of(config):
    """State and tries of each object in a spool that no service holds."""
    ledger = Ledger(config.spool.folder)
    try:
        return [(row["state"], row["attempts"]) for row in ledger.all("SELECT * FROM outbox")]
    finally:
        ledger.close()


def test_all_open_associations_end_with_the_service(config, stand_ins):
    """Also those of peers that never hang up, of which each would be waited for on its own."""
    with running(config(), stand_ins.stand_in) as service:
        lines = [associated_line(service.receiver.port) for _ in range(20)]
    for line in lines:
        line.settimeout(300)
        while line.recv(1000):
            pass
        line.close()


def associated_line(port):
    """Ask for an association over a bare connection, and leave it."""
    from pynetdicom.pdu import A_ASSOCIATE_RQ  # noqa: PLC0415
    from pynetdicom.pdu_primitives import (  # noqa: PLC0415
        A_ASSOCIATE,
        ImplementationClassUIDNotification,
        MaximumLengthNotification,
    )

    asked = A_ASSOCIATE()
    asked.application_context_name = "1.2.840.10008.3.1.1.1"
    asked.calling_ae_title, asked.called_ae_title = "MODALITY", "HO_IMAGING"
    context = build_context("1.2.840.10008.1.1")
    context.context_id = 1
    asked.presentation_context_definition_list = [context]
    longest, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received, implementation.implementation_class_uid = 16384, "1.2.3"
    asked.user_information = [longest, implementation]
    request = A_ASSOCIATE_RQ()
    request.from_primitive(asked)
    line = socket.create_connection(("127.0.0.1", port), timeout=60)
    line.sendall(request.encode())
    assert line.recv(1) == b"\x02"  # accepted
    return line


def test_the_report_of_a_study_that_was_not_analysed_is_delivered_where_it_is_wanted(config, peer):
    """By the analysis itself; what could not be read at all has its report too."""
    reports, store = {}, peer.store

    def note(event):
        reports[str(event.dataset.StudyInstanceUID)] = event.dataset
        return store(event)

    peer.store = note
    films = [small_film(1), small_film(2, PixelData=b"")]
    with running(config(analysis={"refusals": True}, send=[peer.destination]), work) as service:
        assert send(service.receiver.port, films) == [0, 0]
        wait_for(lambda: len(reports) == 2)
        ends = {study.study_uid: study for study in select(service.spool.ledger, Selection())}
        assert service.counters.values().get("studies_done") is None
    for film in films:
        report, end = reports[film.StudyInstanceUID], ends[film.StudyInstanceUID]
        assert (report.SOPClassUID, report.PatientID) == ("1.2.840.10008.5.1.4.1.1.88.22", film.PatientID)
        (summary,) = [item for item in report.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "121111"]
        assert summary.TextValue == f"Not analysed for heterotopic ossification ({end.state}): {end.reason}"
        code = summary.ContentSequence[0].ConceptCodeSequence[0]
        assert (code.get("LongCodeValue") or code.CodeValue) == end.reason.code


def test_who_may_send_and_to_whom(config, stand_ins):
    with running(config(accept={"calling": ["MODALITY"]}), stand_ins.stand_in) as service:
        port = service.receiver.port
        assert send(port, [small_film(1)]) == [0]
        assert send(port, [small_film(2)], called="SOMEONE") == [None]
        assert send(port, [small_film(2)], calling="STRANGER") == [None]
        wait_for(lambda: service.counters.values().get("associations_rejected") == 2)  # counted after the answer


def test_a_second_service_on_a_spool_is_told_so_and_changes_nothing(config, stand_ins):
    with running(config(quiet_s=NEVER_S), stand_ins.stand_in) as service:
        send(service.receiver.port, [small_film(1)])
        assert service.spool.take_ready(0.0) is not None  # it is at work now
        second = Service(config(), function=stand_ins.stand_in)
        with pytest.raises(UsageError, match=r"another run \(process \d+\).*its own spool"):
            second.start()
        assert service.spool.counts()["studies_analysing"] == 1
    with running(config(), stand_ins.stand_in) as service:  # the first has let go of it
        wait_for(lambda: service.counters.values().get("studies_done") == 1)


def test_no_room_is_answered_as_such_and_nothing_is_dropped(config, stand_ins):
    with running(config(accept={"study_instances": 2}), stand_ins.stand_in) as service:
        films = [small_film(n, study="1.2.3") for n in range(3)]
        assert send(service.receiver.port, films) == [0, 0, 0xA700]
    with running(config(accept={"free_gb": 1e9}), stand_ins.stand_in) as service:
        assert send(service.receiver.port, [small_film(9)]) == [0xA700]


def test_health_and_counters(config, stand_ins):
    with running(config(), stand_ins.stand_in) as service:
        send(service.receiver.port, [small_film(1)])

        def get(page):
            with urllib.request.urlopen(f"http://127.0.0.1:{service.health_port}{page}", timeout=10) as answer:
                return answer.read().decode()

        assert json.loads(get("/health")) == {"status": "ok"}
        assert "ho_imaging_instances_stored_total 1" in get("/metrics")
        assert "P1" not in get("/metrics")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get("/../../etc/passwd")


def test_tls_with_client_certificates(config, stand_ins, tmp_path, certificates):
    tls = {"certificate": certificates["server"], "key": certificates["server_key"], "authority": certificates["ca"]}
    with running(config(listen={"port": 0, "tls": tls}), stand_ins.stand_in) as service:
        port = service.receiver.port
        assert send(port, [small_film(1)]) == [None]  # in the clear
        (path,) = write_films([small_film(2)], tmp_path / "films")
        command = [tool("storescu"), "-aec", "HO_IMAGING", "--propose-uncompr"]
        ours = ["+tls", certificates["client_key"], certificates["client"], "+cf", certificates["ca"]]
        nobody = ["--anonymous-tls", "+cf", certificates["ca"]]
        tail = ["localhost", str(port), str(path)]
        assert subprocess.run([*command, *nobody, *tail], check=False, capture_output=True).returncode != 0
        done = subprocess.run([*command, *ours, *tail], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert service.spool.counts()["instances"] == 1


@pytest.mark.parametrize(
    "shares",
    [(0.3, 0.6), pytest.param(sorted(random.Random(7).uniform(0.0, 1.0) for _ in range(20)), marks=pytest.mark.slow)],
    ids=["twice", "twenty times"],
)
def test_five_hundred_studies_through_kills(peer, tmp_path, shares):
    """Four senders, the service killed on the way: every study comes back, none twice under another name."""
    studies = 500
    port = free_port()
    left = {lane: [small_film(n) for n in range(studies) if n % 4 == lane] for lane in range(4)}

    def sender(lane):
        while left[lane]:
            batch = left[lane][:25]
            statuses = send(port, batch)
            left[lane] = [f for f, s in zip(batch, statuses, strict=True) if s != 0] + left[lane][25:]
            if None in statuses:
                time.sleep(0.3)  # as a modality does: what was not answered is sent again

    with served_through_kills(tmp_path, port, peer.destination, left, sender, shares):
        wait_for(lambda: len(set(peer.taken)) >= studies)
        time.sleep(1.5)
    assert len(set(peer.taken)) == studies
    # An object whose answer the kill swallowed is sent again under its own name, which replaces it.
    assert sum(Counter(peer.taken).values()) <= studies + 200 * len(shares)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[spool]\n", "spool.folder"),
        ('[spool]\nfolder = "x"\n[listen]\nport = 99999\n', "listen.port"),
        ('[spool]\nfolder = "x"\n[listen]\nae_title = "A TITLE OF MORE THAN 16"\n', "listen.ae_title"),
        ('[spool]\nfolder = "x"\n[[send]]\nkind = "dicomweb"\nname = "w"\nurl = "ftp://x"\n', "url"),
        ('[spool]\nfolder = "x"\npassword = "hunter2"\n', "spool.password"),
        ("[spool\n", "not valid TOML"),
    ],
)
def test_a_configuration_that_means_nothing_is_said(tmp_path, text, says):
    path = tmp_path / "serve.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=says) as raised:
        load_serve_config(path)
    assert "hunter2" not in str(raised.value)


def test_secrets_come_from_the_environment_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("TOKEN", "t")
    (tmp_path / "secret").write_text("s\n")
    assert secret("token", "TOKEN", None) == "t"
    assert secret("token", None, tmp_path / "secret") == "s"
    assert secret("token", None, None) is None
    with pytest.raises(UsageError, match=r"token_env: .*NOT_SET"):
        secret("token", "NOT_SET", None)
    for content in (b" \n", b"\xff\xfe"):
        (tmp_path / "secret").write_bytes(content)
        with pytest.raises(UsageError, match=r"secret: password_file: "):
            secret("password", None, tmp_path / "secret")


def test_a_health_port_in_use_is_said(config, stand_ins):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = Service(config(health={"port": taken.getsockname()[1]}), function=stand_ins.stand_in)
        with pytest.raises(UsageError, match="health: cannot listen"):
            service.start()


def test_what_went_out_late_and_has_been_replaced_is_not_committed_and_costs_nothing_else(config, peer, stand_ins):
    """A newer result takes the place of an object between its sending and the request to keep it."""
    with running(config(send=[peer.destination | {"commit": True}]), stand_ins.stand_in) as service:
        store, gone = peer.store, threading.Event()

        def replace(event):
            for path in service.spool.folder.glob("out/studies/*/dicom/*.dcm"):
                path.unlink()
            gone.set()
            return store(event)

        peer.store = replace
        send(service.receiver.port, [small_film(1)])
        wait_for(gone.is_set)
        peer.store = store
        send(service.receiver.port, [small_film(2)])
        wait_for(lambda: len(peer.taken) == 2)
        service.check()


def test_an_object_that_is_gone_does_not_count_as_sent_until_a_newer_one_takes_its_place(config, peer, stand_ins):
    peer.answers = [0xA700] * 100
    with running(config(send=[peer.destination]), stand_ins.stand_in) as service:

        def waiting():
            return service.spool.ledger.all("SELECT * FROM outbox WHERE state = 'waiting'")

        send(service.receiver.port, [small_film(1, study="1.2.3")])
        wait_for(lambda: peer.answers != [0xA700] * 100)
        for path in service.spool.folder.glob("out/studies/*/dicom/*.dcm"):
            path.unlink()
        peer.answers = []
        wait_for(lambda: [row for row in waiting() if "send_object_unreadable" in (row["reason"] or "")])
        assert peer.taken == []
        assert service.spool.counts()["objects_waiting"] == 1
        send(service.receiver.port, [small_film(2, study="1.2.3")])
        wait_for(lambda: len(peer.taken) == 1 and not waiting())
        assert service.spool.counts()["objects_sent"] == 2


@contextmanager
def committing(name):
    """A destination that is asked to keep what it takes: its entry, what it took, and the transactions it was asked."""
    from pynetdicom import AE, AllStoragePresentationContexts, evt  # noqa: PLC0415
    from pynetdicom.sop_class import StorageCommitmentPushModel  # noqa: PLC0415

    taken, asked = [], []

    def store(event):
        taken.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    def action(event):
        asked.append(str(event.action_information.TransactionUID))
        return 0x0000, None

    entity = AE(name.upper())
    entity.supported_contexts = AllStoragePresentationContexts[:127]
    entity.add_supported_context(SecondaryCaptureImageStorage)
    entity.add_supported_context(StorageCommitmentPushModel)
    handlers = [(evt.EVT_C_STORE, store), (evt.EVT_N_ACTION, action)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    entry = {
        "kind": "dimse", "name": name, "ae_title": name.upper(), "host": "127.0.0.1", "commit": True,
        "port": server.server_address[1],
    }  # fmt: skip
    try:
        yield SimpleNamespace(entry=entry, taken=taken, asked=asked)
    finally:
        server.shutdown()


def report_commitment(port, transaction, *, kept=(), not_kept=()):
    """Say what is kept of a transaction and what is not, as an archive does (PS3.4 J.3.3)."""
    from pynetdicom import AE, build_role  # noqa: PLC0415
    from pynetdicom.sop_class import (  # noqa: PLC0415
        StorageCommitmentPushModel,
        StorageCommitmentPushModelInstance,
    )

    def referenced(uids):
        items = []
        for uid in uids:
            items.append(Dataset())
            items[-1].ReferencedSOPClassUID, items[-1].ReferencedSOPInstanceUID = SecondaryCaptureImageStorage, uid
        return items

    report = Dataset()
    report.TransactionUID, report.ReferencedSOPSequence = transaction, referenced(kept)
    if not_kept:
        report.FailedSOPSequence = referenced(not_kept)
        for item in report.FailedSOPSequence:
            item.FailureReason = 0x0110
    entity = AE("ARCHIVE")
    entity.add_requested_context(StorageCommitmentPushModel)
    roles = [build_role(StorageCommitmentPushModel, scp_role=True)]
    association = entity.associate("127.0.0.1", port, ae_title="HO_IMAGING", ext_neg=roles)
    answer, _ = association.send_n_event_report(
        report, 2 if not_kept else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    association.release()
    return answer.Status


def test_each_destination_commits_for_itself_and_no_stranger_for_it(config, stand_ins):
    with (
        committing("first") as first,
        committing("second") as second,
        running(config(send=[first.entry, second.entry]), stand_ins.stand_in) as service,
    ):
        port, counts = service.receiver.port, service.spool.counts
        send(port, [small_film(1)])
        wait_for(lambda: first.asked and second.asked)
        (uid,) = first.taken
        assert report_commitment(port, "1.2.3.4", kept=[uid]) == 0
        assert (counts().get("objects_committed"), counts()["objects_sent"]) == (None, 2)
        assert report_commitment(port, first.asked[0], kept=[uid]) == 0
        assert (counts()["objects_committed"], counts()["objects_sent"]) == (1, 1)
        assert report_commitment(port, second.asked[0], not_kept=[uid]) == 0
        wait_for(lambda: len(second.asked) == 2)
        assert report_commitment(port, second.asked[1], kept=[uid]) == 0
        assert counts()["objects_committed"] == 2
        assert (first.taken, second.taken) == ([uid], [uid, uid])


def test_it_listens_on_loopback_unless_told(config):
    assert config().listen.host == "127.0.0.1"
    assert config().health.host == "127.0.0.1"
