"""Traffic that means no good, while an honest peer goes on sending: it is served all along."""

import contextlib
import errno
import os
import random
import resource
import socket
import ssl
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ho_imaging.files import atomic
from ho_imaging.pacs.health import Counters
from ho_imaging.pacs.receive import Receiver
from ho_imaging.pacs.spool import Spool

from .conftest import NEVER_S, let_studies_be_quiet, running, send, small_film, tool, wait_for, write_films

VERIFICATION, DX = b"1.2.840.10008.1.1", b"1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT = b"1.2.840.10008.1.2.1"


def item(kind, value):
    return struct.pack(">BBH", kind, 0, len(value)) + value


def request(*, called=b"HO_IMAGING", calling=b"ANYBODY", sop_class=DX):
    """An A-ASSOCIATE-RQ PDU (PS3.8 9.3.2) with one presentation context."""
    context = item(0x20, b"\x01\x00\x00\x00" + item(0x30, sop_class) + item(0x40, EXPLICIT))
    user = item(0x50, item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3"))
    fixed = struct.pack(">HH16s16s32s", 1, 0, called.ljust(16), calling.ljust(16), b"")
    body = fixed + item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    return struct.pack(">BBL", 1, 0, len(body)) + body


@contextlib.contextmanager
def connected(port, first=b""):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(first)
        yield line


def answer(line):
    """Type of the PDU that comes back; ``None`` if the line is closed instead."""
    try:
        head = line.recv(10)
    except ConnectionError:
        return None
    return head[0] if head else None


def rss_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


class Honest:
    """Sends a film every so often and notes each answer; what is not answered it sends again, as a modality does."""

    def __init__(self, port):
        self.port, self.statuses, self._ended = port, [], threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        wait_for(lambda: self.statuses)
        return self

    def _run(self):
        while not self._ended.is_set():
            film = small_film(len(self.statuses) + 1000)
            for _ in range(10):
                (status,) = send(self.port, [film])
                if status is not None:
                    break
                time.sleep(0.3)
            self.statuses.append(status)
            time.sleep(0.02)

    def __exit__(self, *_):
        before = len(self.statuses)
        with contextlib.suppress(AssertionError):
            wait_for(lambda: len(self.statuses) >= before + 2)
        self._ended.set()
        self._thread.join()
        assert len(self.statuses) >= before + 2, "it was not served"
        assert set(self.statuses) == {0}, self.statuses


class Listening:
    """The part of the service that faces the network: what it writes is what a whole one would analyse."""

    def __init__(self, config):
        accept = config.accept
        self.counters = Counters()
        self.spool = Spool(
            config.spool.folder, most_bytes=accept.spool_gb * 1e9, least_free_bytes=0.0, most_instances=200
        )
        self.receiver = Receiver(config, self.spool, self.counters.add)
        self.receiver.start()

    def count(self, name):
        return self.counters.values().get(name, 0)

    def stop(self):
        self.receiver.stop()
        self.spool.close()


@pytest.fixture
def listening(config):
    """Make a listener; ``accept`` says how it differs from one with short waits."""
    made = []

    def make(**accept):
        made.append(Listening(config(accept={"network_timeout_s": 2.0, "instance_mb": 2.0} | accept)))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def service(listening):
    return listening()


def test_random_bytes_and_broken_pdus(service):
    rng = random.Random(0)
    with Honest(service.receiver.port) as honest:
        for number in range(150):
            associated = rng.random() < 0.4
            with connected(honest.port, request() if associated else b"") as line:
                if associated:
                    answer(line)
                kind = rng.choice([0, 1, 2, 3, 4, 4, 4, 5, 6, 7, 99])
                length = rng.choice([0, 4, 6, 68, 2**16, 2**31, 2**32 - 1])
                body = rng.randbytes(rng.choice([0, 3, 68, 500]))
                with contextlib.suppress(ConnectionError):
                    line.sendall(struct.pack(">BBL", kind, 0, length)[: rng.choice([3, 6, 6])] + body)
                if number % 5 == 0:
                    line.settimeout(0.1)
                    with contextlib.suppress(OSError):
                        line.recv(100)
    assert service.spool.counts()["instances"] == len(honest.statuses)


@pytest.mark.parametrize("associated", [False, True], ids=["first PDU", "in an association"])
def test_a_pdu_of_four_gigabytes_is_not_awaited(service, associated):
    """Whatever a header announces, no more than one allowed PDU is held."""
    before = rss_mb()
    with Honest(service.receiver.port) as honest, connected(honest.port, request() if associated else b"") as line:
        if associated:
            assert answer(line) == 2
            line.recv(4096)
        line.sendall(struct.pack(">BBL", 4 if associated else 1, 0, 2**32 - 1))
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                line.sendall(bytes(2**20))
        assert service.count("connections_cut_for_size") == 1
        assert rss_mb() - before < 100


def test_an_instance_without_end_is_cut(service):
    """P-DATA of allowed length, one after the other, never the last fragment."""
    fragment = struct.pack(">BBLLBB", 4, 0, 16006, 16002, 1, 0) + bytes(16000)
    before = rss_mb()
    with Honest(service.receiver.port) as honest, connected(honest.port, request()) as line:
        assert answer(line) == 2
        with contextlib.suppress(ConnectionError):
            for _ in range(3000):
                line.sendall(fragment)
        wait_for(lambda: service.count("associations_aborted_for_size"))
        assert rss_mb() - before < 100


def test_many_silent_connections_do_not_shut_others_out(listening):
    service = listening(network_timeout_s=60.0)
    with contextlib.ExitStack() as lines, Honest(service.receiver.port) as honest:
        held = [lines.enter_context(connected(honest.port)) for _ in range(150)]
        assert [answer(line) for line in held[:100]] == [None] * 100  # the oldest gave way
        assert service.count("connections_cut_for_silence") >= 100


def test_senders_of_one_byte_now_and_then_are_cut(service):
    """Slow-loris: most of them before an association, some in one."""
    with contextlib.ExitStack() as lines, Honest(service.receiver.port) as honest:
        slow = {lines.enter_context(connected(honest.port)): iter(request() + bytes(1000)) for _ in range(20)}
        for _ in range(2):
            line = lines.enter_context(connected(honest.port, request()))
            assert answer(line) == 2
            slow[line] = iter(struct.pack(">BBL", 4, 0, 5000) + bytes(5000))

        def cut():
            for line in list(slow):
                try:
                    line.send(bytes([next(slow[line])]))
                except OSError:
                    del slow[line]
            time.sleep(0.05)
            return not slow

        wait_for(cut)


def test_more_associations_than_allowed_are_turned_away_and_the_rest_go_on(listening):
    service = listening(associations=4, network_timeout_s=60.0)
    port = service.receiver.port
    with contextlib.ExitStack() as lines:
        held = [lines.enter_context(connected(port, request())) for _ in range(4)]
        assert [answer(line) for line in held] == [2] * 4
        with connected(port, request()) as line:
            rejected = line.recv(10)
        assert rejected[0] == 3
        assert tuple(rejected[7:10]) == (2, 3, 2)  # for now, local limit exceeded (PS3.8 Table 9-21)
        assert send(port, [small_film(1)]) == [None]
    wait_for(lambda: send(port, [small_film(1)]) == [0])


@pytest.mark.parametrize(
    "wrong",
    [{"called": b"SOMEONE"}, {"called": b"../../etc/passwd"}, {"called": b"\xff" * 16}, {"calling": b" " * 16}],
    ids=["another's", "path", "no text", "blank"],
)
def test_wrong_titles_are_turned_away(service, wrong):
    with Honest(service.receiver.port) as honest, connected(honest.port, request(**wrong)) as line:
        assert answer(line) in {3, 7, None}


def test_an_unknown_kind_of_object_finds_no_context(service):
    with connected(service.receiver.port, request(sop_class=b"1.2.840.10008.5.1.4.1.1.481.3")) as line:
        accepted = line.recv(4096)
    assert accepted[0] == 2
    context = accepted.index(b"\x21\x00")
    assert accepted[context + 6] in {3, 4}  # abstract syntax or transfer syntaxes not supported (PS3.8 Table 9-18)


def store(port, film, said):
    """C-STORE a film under another instance than its own, and as a DX image whatever it is; give the status."""
    import io  # noqa: PLC0415

    from pynetdicom import AE  # noqa: PLC0415
    from pynetdicom.dsutils import encode  # noqa: PLC0415

    entity = AE("LIAR")
    entity.dimse_timeout = entity.acse_timeout = 20
    entity.add_requested_context(DX.decode(), EXPLICIT.decode())
    association = entity.associate("127.0.0.1", port, ae_title="HO_IMAGING")
    assert association.is_established
    tell = association.dimse.send_msg

    def lie(message, context):
        message.DataSet = io.BytesIO(encode(film, is_implicit_vr=False, is_little_endian=True))
        tell(message, context)

    association.dimse.send_msg = lie
    status = association.send_c_store(small_film(1, SOPInstanceUID=said)).get("Status")
    association.release()
    return status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"StudyInstanceUID": "../../x"}, 0xC000),
        ({"StudyInstanceUID": "/etc/passwd"}, 0xC000),
        ({"StudyInstanceUID": ""}, 0xC000),
        ({"SeriesInstanceUID": "1..2"}, 0xC000),
        ({"SOPInstanceUID": "1.2.4"}, 0xA900),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1"}, 0xA900),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.3"}, 0xA900),
        ({"Manufacturer": "ho_imaging", "ManufacturerModelName": "ho_imaging (research use only)"}, 0x0000),
    ],
    ids=["path", "absolute path", "empty", "no UID", "another instance", "another class", "plan for a film", "our own"],
)
def test_what_is_not_what_it_says_gets_its_status_and_no_place(service, tmp_path, changes, status):
    film = small_film(1, **({"SOPInstanceUID": "1.2.3"} | changes))
    assert store(service.receiver.port, film, "1.2.3") == status
    assert service.spool.counts()["instances"] == 0
    assert not list(tmp_path.rglob("*.dcm"))


def test_films_without_pixels_and_with_false_sizes_end_with_a_reason(config):
    """By the analysis itself: taken, read in a worker, and noted as what they are."""
    from ho_imaging.batch.work import work  # noqa: PLC0415

    films = [
        small_film(1, PixelData=b""),
        small_film(2, Rows=65535, Columns=65535),
        small_film(3, BitsAllocated=8, BitsStored=16),
    ]
    with running(config(), work) as service:
        assert send(service.receiver.port, films) == [0, 0, 0]
        wait_for(lambda: service.spool.counts().get("studies_ended") == 3)
        service.check()
        ends = service.counters.values()
        assert ends.get("studies_failed", 0) + ends.get("studies_refused", 0) == 3


def test_everything_written_lies_in_the_spool(service, tmp_path):
    films = [small_film(n, study=name) for n, name in enumerate(["1.2.3", "1" * 60, "0.0", "1.2.3.4.5.6"])]
    assert send(service.receiver.port, films) == [0] * 4
    assert len(list((tmp_path / "spool" / "in").glob("*/*.dcm"))) == 4
    assert [path for path in tmp_path.rglob("*") if (tmp_path / "spool") not in (path, *path.parents)] == []


def test_a_silent_peer_does_not_hold_up_a_tls_listener(config, tmp_path, certificates):
    tls = {"certificate": certificates["server"], "key": certificates["server_key"], "authority": certificates["ca"]}
    service = Listening(config(listen={"port": 0, "tls": tls}, accept={"network_timeout_s": 20.0}))
    port = service.receiver.port
    context = ssl.create_default_context(cafile=certificates["ca"])
    context.load_cert_chain(certificates["client"], certificates["client_key"])
    with contextlib.ExitStack() as lines:
        lines.callback(service.stop)
        for _ in range(10):
            lines.enter_context(connected(port))
        plain = lines.enter_context(socket.create_connection(("localhost", port), timeout=15))
        line = lines.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        line.sendall(request(sop_class=VERIFICATION))
        assert line.recv(10)[0] == 2
        (path,) = write_films([small_film(2)], tmp_path / "films")
        command = [tool("storescu"), "-aec", "HO_IMAGING", "--propose-uncompr", "+tls", certificates["client_key"],
                   certificates["client"], "+cf", certificates["ca"], "localhost", str(port), str(path)]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_answered_and_nothing_is_lost_when_there_is_room_again(config, peer, stand_ins, monkeypatch):
    with running(config(quiet_s=NEVER_S, send=[peer.destination]), stand_ins.stand_in) as service:
        port = service.receiver.port
        with monkeypatch.context() as full:
            full.setattr(atomic.os, "fsync", no_space)
            assert send(port, [small_film(1)]) == [0xA700]
        assert not list((service.spool.folder / "in").rglob("*.*"))
        # The same for the ledger: SQLite's own "database or disk is full".
        limit = service.spool.ledger.database.execute("PRAGMA page_count").fetchone()[0]
        service.spool.ledger.database.execute(f"PRAGMA max_page_count = {limit}")
        statuses = send(port, films := [small_film(n) for n in range(2, 200)])
        assert statuses[-1] == 0xA700
        assert set(statuses) == {0, 0xA700}
        service.check()
        service.spool.ledger.database.execute("PRAGMA max_page_count = 1000000")
        left = [small_film(1), *(f for f, s in zip(films, statuses, strict=True) if s != 0)]
        assert set(send(port, left)) == {0}
        let_studies_be_quiet(service)
        wait_for(lambda: len(set(peer.taken)) == 199)
        service.check()


def test_a_small_disk_fills_up_for_real(config, peer, stand_ins, tmp_path):
    """The spool on a file system of a few megabytes, with nothing kept free: films, ledger and results share it."""
    spool = tmp_path / "spool"
    spool.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(spool)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system")
    try:
        made = config(quiet_s=NEVER_S, accept={"free_gb": 0.0}, send=[peer.destination])
        with running(made, stand_ins.stand_in) as service:
            big = bytes(500 * 500 * 2)
            films = [small_film(n, Rows=500, Columns=500, PixelData=big) for n in range(14)]
            statuses = send(service.receiver.port, films)
            assert set(statuses) == {0, 0xA700}
            service.check()
            subprocess.run(["mount", "-o", "remount,size=60m", str(spool)], check=True)
            left = [f for f, s in zip(films, statuses, strict=True) if s != 0]
            assert set(send(service.receiver.port, left)) == {0}
            let_studies_be_quiet(service)
            wait_for(lambda: len(set(peer.taken)) == 14)
            service.check()
    finally:
        subprocess.run(["umount", "-l", str(spool)], check=False)
