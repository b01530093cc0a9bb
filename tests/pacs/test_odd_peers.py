"""Peers that answer oddly or not at all: nothing they have not taken counts as sent, and none ends the service."""

import base64
import io
import json
import ssl
import threading

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ho_imaging import UsageError
from ho_imaging.pacs import fetch as fetch_module
from ho_imaging.pacs import send as send_module
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination, Tls
from ho_imaging.pacs.fetch import DicomwebArchive, DimseArchive, FetchError
from ho_imaging.pacs.send import commit_objects, send_datasets, send_objects
from ho_imaging.pacs.spool import Spool

from .conftest import WebPeer, running, small_film, wait_for, write_films


def web(peer, **parts):
    return DicomwebDestination(kind="dicomweb", name="web", url=peer.url, **parts)


def dimse(port, **parts):
    values = {"kind": "dimse", "name": "pacs", "ae_title": "PEER", "host": "127.0.0.1", "port": port}
    return DimseDestination(**(values | parts))


def stow(peer, **parts):
    """Send a film by the web; give what became of it."""
    film = small_film(1)
    found = send_datasets(web(peer, **parts), [film], own_ae_title="")[film.SOPInstanceUID]
    return None if found is None else str(found)


def report(item, tag="00081198"):
    """A report of a failure (PS3.18 Table I.1-1)."""
    return json.dumps({tag: {"vr": "SQ", "Value": [item]}}).encode()


FAILED = report({"00081197": {"vr": "US", "Value": [0x0110]}})
HTML = {"headers": {"Content-Type": "text/html; charset=utf-8"}, "body": b"<html>Please log in"}
XML = {"headers": {"Content-Type": "application/dicom+xml"}}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({}, None),
        ({"status": 204}, None),
        ({"body": FAILED}, "refused with reason 0110"),
        ({"status": 202, "body": FAILED, "headers": {"Content-Type": "Application/DICOM+json; charset=utf-8"}}, "0110"),
        ({"body": report({})}, "refused without a reason"),
        ({"body": report({"00081197": {"vr": "US", "Value": [0xC000]}}, "0008119A")}, "refused with reason C000"),
        ({"body": b"[{}]"}, "cannot be understood"),
        ({"body": b"{"}, "cannot be understood"),
        (XML | {"body": b"<NativeDicomModel"}, "cannot be understood"),
        (HTML, "answered 200 and what is no report"),
        ({"status": 404}, "web answered 404"),
        ({"status": 409, "body": FAILED}, "web answered 409"),
        ({"status": 503}, "web answered 503"),
    ],
)
def test_only_what_an_archive_has_stored_counts_as_sent(web_peer, answer, says):
    web_peer.answers = [answer]
    found = stow(web_peer)
    assert found is None if says is None else says in found
    assert [method for method, _, _ in web_peer.asked] == ["POST"]  # what is to be sent again waits in the outbox


def test_a_redirect_does_not_turn_what_is_sent_into_a_question(web_peer):
    """A 301 makes a GET of a POST, and the list of studies that it gets is no proof that anything was stored."""
    web_peer.answers = [{"status": 301, "headers": {"Location": web_peer.url}}, {"status": 204}]
    assert stow(web_peer).startswith("web answered 301")
    assert [method for method, _, _ in web_peer.asked] == ["POST"]


@pytest.mark.parametrize(
    "answers",
    [
        [HTML],
        [{"body": b"[1]"}],
        [{"body": b'{"a": 1}'}],
        [{"status": 404}],
        [{"body": b"FILM"}, HTML],
        [{"body": b"FILM"}, {"status": 204}],
        [{"body": b"FILM"}, {"status": 204}, HTML],
        [{"body": b"FILM"}, {"status": 204}, {"body": b"{}"}],
        [{"body": b"FILM WITHOUT SERIES"}],
    ],
)
def test_a_study_that_is_not_given_as_it_should_be_is_said(web_peer, answers):
    item = {
        "00080016": {"vr": "UI", "Value": [DigitalXRayImageStorageForPresentation]},
        "00080018": {"vr": "UI", "Value": ["1.2.3.1.1"]},
    }
    film = json.dumps([item | {"0020000E": {"vr": "UI", "Value": ["1.2.3.1"]}}]).encode()
    bodies = {b"FILM": film, b"FILM WITHOUT SERIES": json.dumps([item]).encode()}
    web_peer.answers = [
        answer | {"body": bodies.get(answer.get("body"), answer.get("body", b""))} for answer in answers
    ]
    with pytest.raises(FetchError, match="answered"):
        DicomwebArchive(web(web_peer)).fetch("1.2.3")


class Paging:
    """An archive of one study that lists at most ``most`` at once; ``offsets``: whether it knows where to go on."""

    def __init__(self, films, most, *, offsets=True, warns=True):
        self.films, self.most, self.offsets, self.warns = films, most, offsets, warns

    def __call__(self, path):
        place, _, query = path.partition("?")
        if place.endswith(("/series", "/metadata")):
            return {"status": 204}
        if not place.endswith(("/instances", "/studies")):
            return self._film(place.rpartition("/")[2])
        asked = dict(part.split("=") for part in query.split("&") if part)
        first = int(asked.get("offset", 0)) if self.offsets else 0
        part = self.films[first : first + min(self.most, int(asked.get("limit", self.most)))]
        left = len(self.films) - first - len(part)
        said = f"299 pacs: There are {left} additional results that can be requested"
        return {
            "status": 200 if part else 204,
            "headers": {"Warning": said} if self.warns and left > 0 else {},
            "body": json.dumps([self._listed(film) for film in part]).encode() if part else b"",
        }

    @staticmethod
    def _listed(film):
        keywords = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
        return {f"{film[keyword].tag:08X}": {"vr": "UI", "Value": [str(film[keyword].value)]} for keyword in keywords}

    def _film(self, uid):
        (film,) = (film for film in self.films if film.SOPInstanceUID == uid)
        buffer = io.BytesIO()
        film.save_as(buffer, enforce_file_format=True)
        body = b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + buffer.getvalue() + b"\r\n--cut--\r\n"
        return {"headers": {"Content-Type": 'multipart/related; type="application/dicom"; boundary=cut'}, "body": body}


def uids(films):
    return [str(film.SOPInstanceUID) for film in films]


@pytest.mark.parametrize("warns", [True, False])
@pytest.mark.parametrize("most", [1, 2, 5, 100])
def test_a_list_in_parts_is_read_to_its_end(web_peer, most, warns):
    """Whether or not the archive says that there is more, and where the last part is a full one, too."""
    films = [small_film(number, study="1.2.3") for number in range(5)]
    films[1].SOPClassUID = BasicTextSRStorage
    web_peer.answers = [Paging(films, most, warns=warns)]
    archive = DicomwebArchive(web(web_peer))
    assert uids(archive.fetch("1.2.3")) == uids([films[0], *films[2:]])
    studies = [small_film(number) for number in range(5)]
    web_peer.answers = [Paging(studies, most, warns=warns)]
    assert archive.find({"ModalitiesInStudy": "DX"}) == [film.StudyInstanceUID for film in studies]


def test_an_archive_that_gives_the_same_part_again_ends_the_list_or_is_said_to_hold_back(web_peer):
    films = [small_film(number, study="1.2.3") for number in range(5)]
    web_peer.answers = [Paging(films, 5, offsets=False)]
    assert uids(DicomwebArchive(web(web_peer)).fetch("1.2.3")) == uids(films)
    web_peer.answers = [Paging(films, 2, offsets=False)]
    with pytest.raises(FetchError, match="only 2 of a longer list"):
        DicomwebArchive(web(web_peer)).fetch("1.2.3")


def test_a_list_without_end_is_read_no_further_than_anything_can_be_analysed(web_peer, monkeypatch):
    monkeypatch.setattr(fetch_module, "MOST_LISTED", 7)
    monkeypatch.setattr(fetch_module, "MOST_STUDIES", 7)
    texts = [small_film(number, study="1.2.3", SOPClassUID=BasicTextSRStorage) for number in range(100)]
    web_peer.answers = [Paging(texts, 3)]
    archive = DicomwebArchive(web(web_peer))
    with pytest.raises(FetchError, match="more than 7 objects"):
        archive.fetch("1.2.3")
    assert len(web_peer.asked) == 3
    web_peer.answers = [Paging([small_film(number) for number in range(100)], 3)]
    assert len(archive.find({"ModalitiesInStudy": "DX"})) == 7


def test_a_busy_archive_is_asked_again_for_a_while(web_peer, monkeypatch):
    monkeypatch.setattr(send_module, "_BUSY_PAUSE_S", 0.0)
    web_peer.answers = [{"status": 503}, {"status": 429}, {"body": b"[]"}]
    archive = DicomwebArchive(web(web_peer))
    assert archive.find({"PatientID": "x"}) == []
    web_peer.answers = [{"status": 503}]
    with pytest.raises(FetchError, match="answered 503"):
        archive.find({"PatientID": "x"})
    assert len(web_peer.asked) == 3 + 5


def test_an_archive_that_is_long_in_answering_is_let_go(web_peer, monkeypatch):
    web_peer.answers = [{"after_s": 2.0}]
    monkeypatch.setattr(send_module, "REPLY_TIMEOUT_S", 0.2)
    assert "cannot be reached" in stow(web_peer)


def test_a_slash_at_the_end_is_none_too_many(web_peer):
    web_peer.url += "/"
    assert stow(web_peer) is None
    assert web_peer.asked[0][1] == "/dicom-web/studies"


def test_the_token_goes_out_whatever_else_the_user_has_noted(web_peer, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HO_TEST_TOKEN", "abc")
    assert stow(web_peer, token_env="HO_TEST_TOKEN") is None
    assert web_peer.asked[0][2]["Authorization"] == "Bearer abc"
    for wrong in ("a\nb", "d€f"):
        monkeypatch.setenv("HO_TEST_TOKEN", wrong)
        assert "token_env: holds more than" in stow(web_peer, token_env="HO_TEST_TOKEN")


def test_a_password_may_hold_any_letter(web_peer, monkeypatch):
    monkeypatch.setenv("HO_TEST_PASSWORD", "pass€wörd")
    assert stow(web_peer, user="reader", password_env="HO_TEST_PASSWORD") is None
    kind, _, encoded = web_peer.asked[0][2]["Authorization"].partition(" ")
    assert (kind, base64.b64decode(encoded).decode()) == ("Basic", "reader:pass€wörd")


def test_the_authority_that_is_named_is_the_one_that_is_trusted(certificates, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates["server"], certificates["server_key"])
    peer = WebPeer(context)
    try:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates["client"])
        assert stow(peer, tls=Tls(authority=certificates["ca"])) is None
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates["ca"])
        assert "cannot be reached" in stow(peer, tls=Tls(authority=certificates["client"]))
    finally:
        peer.stop()


@pytest.mark.parametrize("host", ["nosuch.invalid", "no..name"])
def test_a_name_that_is_not_known_is_a_peer_that_is_away(host):
    film = small_film(1)
    (why,) = send_datasets(dimse(104, host=host), [film], own_ae_title="US").values()
    assert str(why).startswith("pacs cannot be reached")
    assert "pacs cannot be reached" in commit_objects(
        dimse(104, host=host), [("1.2", "1.2.3")], own_ae_title="US", transaction_uid="1.2.4"
    )
    with pytest.raises(FetchError, match="cannot be reached"):
        DimseArchive(dimse(104, host=host)).find({"PatientID": "x"})


def test_a_certificate_that_has_gone_since_the_start_is_a_reason(peer, tmp_path):
    film = small_film(1)
    tls = Tls(authority=tmp_path / "gone.pem")
    (why,) = send_datasets(dimse(peer.port, tls=tls), [film], own_ae_title="US").values()
    assert "tls.authority: cannot be read" in str(why)


def test_objects_that_cannot_be_read_are_a_reason_too(peer, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "other").write_bytes(b"of something else" * 100)
    files = {"1.2.1": tmp_path / "empty", "1.2.2": tmp_path / "other", "1.2.3": tmp_path / "nosuch"}
    found = send_objects(dimse(peer.port), files, own_ae_title="US")
    assert found.keys() == files.keys()
    assert {why.code for why in found.values()} == {"send_object_unreadable"}


def test_an_object_at_which_a_peer_hangs_up_does_not_hold_up_the_others(config, peer, stand_ins, tmp_path):
    films = [small_film(n) for n in range(4)]
    paths = write_films(films, tmp_path / "spool" / "out")
    spool = Spool(tmp_path / "spool", most_bytes=1e9, least_free_bytes=0.0, most_instances=9)
    spool.add(b"x", sop_uid="1.2.3", study_uid="1.2", series_uid="1.2.1", modality="DX")
    objects = [(str(film.SOPInstanceUID), path) for film, path in zip(films, paths, strict=True)]
    spool.end(spool.take_ready(0.0)[0], status="done", reason=None, objects=objects, destinations=["peer"])
    spool.close()
    poison, store = films[0].SOPInstanceUID, peer.store

    def hang_up(event):
        if event.request.AffectedSOPInstanceUID == poison:
            event.assoc.abort()
            return 0xC000
        return store(event)

    peer.store = hang_up
    with running(config(send=[peer.destination]), stand_ins.stand_in) as service:
        wait_for(lambda: sorted(peer.taken) == sorted(film.SOPInstanceUID for film in films[1:]))
        wait_for(lambda: service.spool.counts()["objects_waiting"] == 1)
        service.check()


@pytest.mark.parametrize("by_web", [True, False], ids=["web", "DIMSE"])
def test_what_is_left_when_the_service_stops_is_not_tried(peer, web_peer, tmp_path, by_web):
    films = [small_film(n) for n in range(4)]
    paths = write_films(films, tmp_path / "films")
    files = {str(film.SOPInstanceUID): path for film, path in zip(films, paths, strict=True)}

    def stopped():
        return len(web_peer.asked) + len(peer.taken) >= 2

    destination = web(web_peer) if by_web else dimse(peer.port)
    found = send_objects(destination, files, own_ae_title="US", stopped=stopped)
    assert found == dict.fromkeys(list(files)[:2])


class Holding:
    """An archive that gives films by C-GET and answers C-FIND; ``contexts`` it offers besides films."""

    def __init__(self, contexts, objects=(), answers=()):
        from pynetdicom import AE, evt  # noqa: PLC0415

        def get(event):
            yield len(objects)
            for item in objects:
                yield 0xFF00, item

        def find(event):
            for item in answers:
                yield 0xFF00, item

        entity = AE("PEER")
        for context in contexts:
            entity.add_supported_context(context)
        entity.add_supported_context(
            DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, scu_role=True, scp_role=True
        )
        self._server = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_GET, get), (evt.EVT_C_FIND, find)]
        )
        self.archive = DimseArchive(dimse(self._server.server_address[1]))

    def __enter__(self):
        return self.archive

    def __exit__(self, *_):
        self._server.shutdown()


GET, FIND = "1.2.840.10008.5.1.4.1.2.2.3", "1.2.840.10008.5.1.4.1.2.2.1"


def test_a_study_with_too_many_films_is_not_taken_for_a_smaller_one(monkeypatch):
    films = [small_film(n, study="1.2.3") for n in range(3)]
    with Holding([GET], films) as archive:
        assert len(archive.fetch("1.2.3")) == 3
        monkeypatch.setattr(fetch_module, "MOST_INSTANCES", 2)
        with pytest.raises(FetchError, match="more than 2 films"):
            archive.fetch("1.2.3")


def test_objects_that_were_not_given_make_a_study_incomplete_where_nothing_says_what_they_were():
    text = small_film(2, study="1.2.3", SOPClassUID=BasicTextSRStorage)
    with Holding([GET], [small_film(1, study="1.2.3"), text]) as archive:
        films = archive.fetch("1.2.3")
    assert len(films) == 1
    (reason,) = films.completeness.reasons
    assert "1 objects were not sent" in str(reason)


def test_an_archive_that_has_no_such_service_is_said():
    with Holding([]) as archive, pytest.raises(FetchError, match="cannot be asked"):
        archive.fetch("1.2.3")


def test_a_find_that_makes_no_sense_is_said_and_an_answer_without_a_study_is_no_crash():
    named, nameless = Dataset(), Dataset()
    named.StudyInstanceUID = "1.2.3"
    nameless.PatientID = "x"
    with Holding([FIND], answers=[named, nameless]) as archive:
        assert archive.find({"PatientID": "x"}) == ["1.2.3", ""]
        with pytest.raises(UsageError, match="ProcedureCodeSequence"):
            archive.find({"ProcedureCodeSequence": "x"})


def test_a_peer_that_hangs_up_when_asked_to_commit_is_a_reason():
    from pynetdicom import AE, evt  # noqa: PLC0415
    from pynetdicom.sop_class import StorageCommitmentPushModel  # noqa: PLC0415

    asked = threading.Event()

    def hang_up(event):
        asked.set()
        event.assoc.abort()
        return 0x0110, None

    entity = AE("PEER")
    entity.add_supported_context(StorageCommitmentPushModel)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_ACTION, hang_up)])
    try:
        why = commit_objects(
            dimse(server.server_address[1]), [("1.2", "1.2.3")], own_ae_title="US", transaction_uid="1.2.4"
        )
        assert asked.is_set()
        assert why
    finally:
        server.shutdown()
