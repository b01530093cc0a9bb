"""Each store gets its own answer, or none; nothing that was taken is thought lost, or the other way round."""

import threading
import time
from contextlib import contextmanager

import pytest
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ho_imaging.messages import Message
from ho_imaging.pacs import send as send_module
from ho_imaging.pacs.answers import Answers
from ho_imaging.pacs.config import DimseDestination
from ho_imaging.pacs.send import associate, send_datasets

from .conftest import small_film


@pytest.fixture(autouse=True)
def peers_keep_their_answers():
    """Leave pynetdicom as it is: what it loses is the question here."""


CONTEXTS = [(DigitalXRayImageStorageForPresentation, [ExplicitVRLittleEndian])]


@contextmanager
def archive(store):
    from pynetdicom import AE, evt  # noqa: PLC0415

    entity = AE("PEER")
    entity.add_supported_context(*CONTEXTS[0])
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    port = server.server_address[1]
    yield DimseDestination(kind="dimse", name="pacs", ae_title="PEER", host="127.0.0.1", port=port)
    server.shutdown()


def test_no_answer_is_lost_to_the_thread_of_the_association(monkeypatch):
    """Even where it never rests, as on a machine that is so busy that it always notices a request too late."""
    monkeypatch.setattr(send_module, "REPLY_TIMEOUT_S", 20.0)
    statuses = [0x0000, 0xA700, 0xB007, 0x0110] * 5
    left = list(statuses)
    with archive(lambda _: left.pop(0)) as peer:
        answers = Answers()
        association = associate(peer, "US", CONTEXTS, answers=answers)
        rest = association._reactor_checkpoint.wait
        association._reactor_checkpoint.wait = lambda *_: time.sleep(0.002)
        try:
            found = [answers.store(association, small_film(number)) for number in range(len(statuses))]
        finally:
            association._reactor_checkpoint.wait = rest
            association.release()
    assert found == statuses


def test_a_late_answer_is_not_that_of_the_next_store(monkeypatch):
    monkeypatch.setattr(send_module, "REPLY_TIMEOUT_S", 1.0)
    go_on = threading.Event()

    def slow(event):
        if event.request.AffectedSOPInstanceUID == small_film(1).SOPInstanceUID:
            go_on.wait(20)
            return 0x0000
        return 0xA700

    films = [small_film(1), small_film(2)]
    with archive(slow) as peer:
        found = send_datasets(peer, films, own_ae_title="US")
        go_on.set()
        monkeypatch.setattr(send_module, "REPLY_TIMEOUT_S", 60.0)
        assert [found[film.SOPInstanceUID] for film in films] == [
            Message("send_no_answer"),
            Message("send_association_ended"),
        ]
        assert send_datasets(peer, films[1:], own_ae_title="US") == {
            films[1].SOPInstanceUID: Message("send_refused_status", status="A700")
        }


@pytest.mark.parametrize("responds_to", [0, 7])
def test_an_answer_to_another_request_is_none(responds_to):
    answers = Answers()

    class Association:
        def send_c_store(self, dataset, msg_id):
            from pydicom.dataset import Dataset  # noqa: PLC0415

            event, status = type("Event", (), {})(), Dataset()
            event.message = type("Message", (), {})()
            event.message.command_set = Dataset()
            event.message.command_set.MessageIDBeingRespondedTo = msg_id + responds_to
            event.message.command_set.Status = status.Status = 0x0000
            answers.received(event)
            return status

    assert answers.store(Association(), small_film(1)) == (None if responds_to else 0x0000)
