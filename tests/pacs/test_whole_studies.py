"""A study that is fetched is whole, or what is missing is said: lists, counts, sub-operations, contexts and titles."""

import json
from contextlib import contextmanager

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
)

from ho_imaging import UsageError
from ho_imaging.errors import NotARadiographError
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination
from ho_imaging.pacs.contexts import MOST_CONTEXTS, SYNTAXES, each_alone, sending_contexts
from ho_imaging.pacs.fetch import DicomwebArchive, DimseArchive, FetchError
from ho_imaging.pacs.listing import SeriesListed, StudyListed, Transfer, completeness_of
from ho_imaging.pacs.query import STUDY_KEYS, check_query
from ho_imaging.pacs.send import send_datasets
from ho_imaging.reading.classes import FILM_CLASSES, may_be_film
from ho_imaging.reading.projection_check import check_is_radiograph

from .conftest import NEVER_S, free_port, running, send, small_film
from .test_odd_peers import Paging

DX, RF, XA = map(str, (
    DigitalXRayImageStorageForPresentation, XRayRadiofluoroscopicImageStorage, XRayAngiographicImageStorage,
))  # fmt: skip
SR = str(BasicTextSRStorage)


def series(uid="s", modality="DX", count=None, **instances):
    return SeriesListed(uid, modality, count, instances)


def came(*uids, of="s"):
    return [(of, uid) for uid in uids]


MISSING = {
    "all that is listed came": (StudyListed(2, 1, (series(count=2, a=DX, b=DX),)), came("a", "b"), None),
    "nothing is listed or counted": (StudyListed(), came("a"), None),
    "one that is listed": (StudyListed(None, None, (series(a=DX, b=DX),)), came("a"), "1 of 2 images of series s"),
    "one that is counted": (StudyListed(None, None, (series(count=3),)), came("a", "b"), "1 of 3 images of series s"),
    "a list cut in silence": (StudyListed(8, 1, (series(count=8, a=DX),)), came("a"), "7 of 8 images of series s"),
    "a cut list, all came": (StudyListed(2, 1, (series(count=2, a=DX),)), came("a", "b"), None),
    "a study that only counts": (StudyListed(3), came("a"), "counts 3 objects in the study, and 2"),
    "a series that is not listed": (StudyListed(3, 2, (series(count=1, a=DX),)), came("a"), "and 2 of them"),
    "such a series that came": (StudyListed(3, 2, (series(count=1, a=DX),)), came("a") + came("x", "y", of="t"), None),
    "fewer series than counted": (StudyListed(None, 2, (series(a=DX),)), came("a"), "counts 2 series"),
    "a report in another series": (
        StudyListed(2, 2, (series(count=1, a=DX), series("r", "SR", 1))), came("a"), None,
    ),
    "another modality": (StudyListed(501, 2, (series(count=1, a=DX), series("c", "CT", 500))), came("a"), None),
    "a report in the films' series": (StudyListed(2, 1, (series(count=2, a=DX, r=SR),)), came("a"), None),
    "a series of unknown modality": (StudyListed(None, None, (series("u", "", 1),)), [], "1 of 1 images of series u"),
    "a fluoroscopic film": (StudyListed(None, None, (series("f", "RF", 1, f=RF),)), [], "1 of 1 images of series f"),
    "a film of two copies": (StudyListed(2, 1, (series(count=2, a=DX),)), came("a", "a"), None),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING)
def test_what_came_is_compared_with_what_is_listed_and_counted(case):
    listed, received, says = MISSING[case]
    found = completeness_of(listed, Transfer(received))
    assert found.complete == (says is None)
    assert says is None or any(says in str(reason) for reason in found.reasons)
    assert found.received == len(received)


def test_failed_sub_operations_count_where_no_list_explains_them():
    assert not completeness_of(StudyListed(), Transfer(came("a"), failed=1)).complete
    assert not completeness_of(StudyListed(None, None, (series(),)), Transfer(came("a"), failed=1)).complete
    assert completeness_of(StudyListed(None, None, (series(a=DX),)), Transfer(came("a"), failed=3)).complete
    elsewhere = completeness_of(StudyListed(), Transfer(came("a"), completed=2))
    assert "sent 2 objects, 1 came" in str(elsewhere.reasons[0])


@settings(max_examples=100, deadline=None)
@given(st.sets(st.sampled_from("abcdefgh")), st.sets(st.sampled_from("abcdefgh")), st.integers(0, 8) | st.none())
def test_a_study_passes_for_whole_only_with_all_that_is_listed_and_counted(there, got, count):
    got &= there
    listed = StudyListed(count, None, (series(count=count, **dict.fromkeys(there, DX)),))
    found = completeness_of(listed, Transfer(came(*got)))
    assert found.complete == (got == there and len(got) >= (count or 0))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, MOST_CONTEXTS - 1), st.integers(100, MOST_CONTEXTS))
def test_every_class_is_offered_in_every_syntax_within_the_limit(count, room):
    classes = [f"1.2.{number}" for number in range(min(count, room))]
    contexts = each_alone(classes, room=room)
    assert len(contexts) <= room
    for sop_class in classes:
        groups = [group for name, group in contexts if name == sop_class]
        assert sorted(syntax for group in groups for syntax in group) == sorted(SYNTAXES)
        assert all(len(group) == 1 for group in groups[:-1])


def test_all_classes_of_films_fit_with_the_usual_syntaxes_alone():
    contexts = each_alone(FILM_CLASSES, room=MOST_CONTEXTS - 1)
    for syntax in SYNTAXES[:8]:
        assert sum(group == [syntax] for _, group in contexts) == len(FILM_CLASSES)
    assert [len(group) for _, group in each_alone([DX], room=127)] == [1] * len(SYNTAXES)


def test_the_default_syntax_is_offered_for_whatever_is_sent():
    offered = sending_contexts([(DX, str(RLELossless)), (SR, str(ExplicitVRLittleEndian))])
    assert {(c, s) for c, (s,) in offered} >= {(c, ImplicitVRLittleEndian) for c in (DX, SR)}
    assert len(offered) == len({(c, s) for c, (s,) in offered}) == 5


@pytest.mark.parametrize("sop_class", FILM_CLASSES)
def test_reading_takes_what_is_fetched(sop_class):
    film = small_film(1, SOPClassUID=sop_class, Modality="RF")
    check_is_radiograph(film)
    assert may_be_film(str(sop_class), "RF")
    assert may_be_film(str(sop_class), "")


@pytest.mark.parametrize(("kind", "modality"), [(CTImageStorage, ""), (DX, "CT"), (XA, "XA"), (SR, "SR")])
def test_neither_reads_nor_fetches_what_is_no_radiograph(kind, modality):
    assert not may_be_film(str(kind), modality)
    with pytest.raises(NotARadiographError):
        check_is_radiograph(small_film(1, SOPClassUID=kind, Modality=modality))


@pytest.mark.parametrize(
    "key", ["BodyPartExamined", "Modality", "SeriesDescription", "SOPInstanceUID", "ViewPosition", "Rows", "StudyDat"]
)
def test_a_key_below_the_level_of_studies_is_refused_by_name(key):
    with pytest.raises(UsageError, match=key):
        check_query({"StudyDate": "20240101-", key: "x"})


def test_every_key_of_a_study_is_known_to_dicom():
    check_query(dict.fromkeys(STUDY_KEYS, "x"))


@contextmanager
def archive(films, *, syntaxes=(ExplicitVRLittleEndian,), listed=None, title="PEER", move_port=None):
    """An archive that gives ``films`` and lists ``listed`` by C-FIND (nothing at all where it is ``None``)."""
    from pynetdicom import AE, evt  # noqa: PLC0415

    find, get, move = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 3, 2))

    def give(_event):
        if move_port is not None:
            yield "127.0.0.1", move_port
        yield len(films)
        for film in films:
            yield 0xFF00, film

    def answer(event):
        asked = event.identifier
        for item in listed:
            told = Dataset()
            told.QueryRetrieveLevel = asked.QueryRetrieveLevel
            for element in asked:
                if element.keyword in item:
                    setattr(told, element.keyword, item[element.keyword])
            if item["level"] == asked.QueryRetrieveLevel:
                yield 0xFF00, told

    entity = AE(title)
    entity.require_called_aet = False
    for context in (get, move, *([] if listed is None else [find])):
        entity.add_supported_context(context)
    for sop_class in {film.SOPClassUID for film in films} - {BasicTextSRStorage}:
        entity.add_supported_context(sop_class, list(syntaxes), scu_role=True, scp_role=True)
        entity.add_requested_context(sop_class, list(syntaxes))
    handlers = [(evt.EVT_C_GET, give), (evt.EVT_C_MOVE, give), (evt.EVT_C_FIND, answer)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    peer = DimseDestination(
        kind="dimse", name="pacs", ae_title="PEER", host="127.0.0.1", port=server.server_address[1]
    )  # fmt: skip
    try:
        yield DimseArchive(peer, move_port=move_port)
    finally:
        server.shutdown()


def of_study(number, **changes):
    return small_film(number, study="1.2.3", **changes)


def listing(films, count):
    """What an archive says at the three levels of a query."""
    return [
        {"level": "STUDY", "NumberOfStudyRelatedInstances": count},
        {"level": "SERIES", "SeriesInstanceUID": "1.2.3.1", "Modality": "DX", "NumberOfSeriesRelatedInstances": count},
        *({"level": "IMAGE", "SOPInstanceUID": f.SOPInstanceUID, "SOPClassUID": f.SOPClassUID} for f in films),
    ]


def uids(films):
    return sorted(str(film.SOPInstanceUID) for film in films)


def test_films_are_had_in_the_syntax_that_an_archive_keeps_them_in():
    kept = of_study(2)
    kept.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
    films = [of_study(1), kept, of_study(3, SOPClassUID=RF, Modality="RF")]
    with archive(films, syntaxes=[ExplicitVRLittleEndian, JPEGLSLossless]) as peer:
        got = peer.fetch("1.2.3")
    assert uids(got) == uids(films)
    assert got.completeness.complete


@pytest.mark.parametrize("listed", [None, []])
def test_a_film_that_cannot_be_sent_is_said(listed):
    kept = of_study(2)
    kept.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2, which nobody offers
    with archive([of_study(1), kept], listed=listed) as peer:
        got = peer.fetch("1.2.3")
    assert len(got) == 1
    assert "1 objects were not sent" in str(got.completeness.reasons[0])


def test_a_list_tells_a_report_that_was_not_sent_from_a_film_that_was_not():
    report = of_study(2, SOPClassUID=SR)
    film = of_study(1)
    with archive([film, report], listed=listing([film, report], 2)) as peer:
        assert peer.fetch("1.2.3").completeness.complete
    with archive([film], listed=listing([film, of_study(3)], 2)) as peer:
        (reason,) = peer.fetch("1.2.3").completeness.reasons
    assert "1 of 2 images of series 1.2.3.1 did not come" in str(reason)
    with archive([film], listed=listing([film], 8)) as peer:
        found = peer.fetch("1.2.3").completeness
    assert (found.received, found.expected) == (1, 8)


def test_a_study_of_which_nothing_was_sent_does_not_hold_no_radiographs():
    film = of_study(1)
    film.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
    with archive([film]) as peer, pytest.raises(FetchError, match="A702"):
        peer.fetch("1.2.3")


@pytest.mark.parametrize("title", ["PEER", "PEER_STORE"])
def test_films_that_come_from_another_title_are_taken_and_those_of_another_study_are_not(title, caplog):
    caplog.set_level("INFO")
    films = [of_study(1), small_film(2, study="1.2.4")]
    with archive(films, title=title, move_port=free_port()) as peer:
        got = peer.fetch("1.2.3")
    assert uids(got) == uids(films[:1])
    assert f"{title} sent an object that was not asked for" in caplog.text


class Counting(Paging):
    """An archive that cuts its lists in silence, though it counts; ``metadata``: whether it gives them."""

    def __init__(self, films, most, *, metadata):
        super().__init__(films, most, offsets=False, warns=False)
        self.metadata = metadata

    def __call__(self, path):
        place = path.partition("?")[0]
        counted = {"00201209": {"vr": "IS", "Value": [len(self.films)]}, "00080060": {"vr": "CS", "Value": ["DX"]}}
        if place.endswith("/series"):
            body = [{"0020000E": {"vr": "UI", "Value": [f"{self.films[0].StudyInstanceUID}.1"]}} | counted]
        elif place.endswith("/studies"):
            uid = {"vr": "UI", "Value": [self.films[0].StudyInstanceUID]}
            body = [{"0020000D": uid, "00201208": {"vr": "IS", "Value": [len(self.films)]}}]
        elif place.endswith("/metadata"):
            body = [self._listed(film) for film in self.films]
            if not self.metadata:
                return {"status": 404}
        else:
            return super().__call__(path)
        return {"body": json.dumps(body).encode()}


@pytest.mark.parametrize("metadata", [True, False])
def test_a_list_that_is_cut_in_silence_is_completed_from_metadata_or_said(web_peer, metadata):
    films = [of_study(number) for number in range(8)]
    web_peer.answers = [Counting(films, 3, metadata=metadata)]
    got = DicomwebArchive(DicomwebDestination(kind="dicomweb", name="web", url=web_peer.url)).fetch("1.2.3")
    assert uids(got) == uids(films if metadata else films[:3])
    assert got.completeness.complete == metadata
    assert metadata or "5 of 8 images" in str(got.completeness.reasons[0])


@pytest.mark.parametrize(("kind", "modality", "taken"), [(RF, "RF", True), (XA, "RF", True), (SR, "SR", False)])
def test_the_web_gives_what_reading_takes(web_peer, kind, modality, taken):
    films = [of_study(1), of_study(2, SOPClassUID=kind, Modality=modality)]
    for film in films:
        film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    web_peer.answers = [Paging(films, 100)]
    got = DicomwebArchive(DicomwebDestination(kind="dicomweb", name="web", url=web_peer.url)).fetch("1.2.3")
    assert uids(got) == uids(films if taken else films[:1])


@pytest.mark.parametrize("takes", [[ImplicitVRLittleEndian], [ExplicitVRLittleEndian]])
def test_a_peer_of_uncompressed_objects_alone_gets_compressed_ones_too(takes):
    from pynetdicom import AE, evt  # noqa: PLC0415

    film, got = small_film(1), []
    film.compress(RLELossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    entity = AE("SINK")
    entity.add_supported_context(DX, takes)
    keep = [(evt.EVT_C_STORE, lambda event: got.append(event.dataset) or 0)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=keep)
    peer = DimseDestination(kind="dimse", name="s", ae_title="SINK", host="127.0.0.1", port=server.server_address[1])
    try:
        assert send_datasets(peer, [film], own_ae_title="US") == {film.SOPInstanceUID: None}
    finally:
        server.shutdown()
    assert got[0].PixelData == small_film(1).PixelData
    assert film.file_meta.TransferSyntaxUID == RLELossless


def test_the_service_keeps_the_first_of_two_films_of_one_identifier(config, stand_ins, caplog):
    """Whatever differs; a sender whose image is not safe here is not told that it is."""
    caplog.set_level("INFO", "ho_imaging")
    film = small_film(1)
    with running(config(quiet_s=NEVER_S), stand_ins.stand_in) as service:
        port = service.receiver.port
        assert send(port, [film]) == [0x0000]
        assert send(port, [small_film(1, study="1.2.9")]) == [0xC001]
        assert send(port, [small_film(1, PatientID="OTHER", PixelData=b"\1" * 512)]) == [0xC001]
        assert send(port, [small_film(1, PixelData=b"\1" * 512)]) == [0xC001]
        assert send(port, [small_film(1, PatientID="CORRECTED")]) == [0xB006]
        assert send(port, [small_film(1, StudyDescription="Hip")]) == [0xB006]
        study, path = service.spool.known(str(film.SOPInstanceUID))
        kept = pydicom.dcmread(path)
        assert (study, kept.PatientID, kept.PixelData) == (film.StudyInstanceUID, "P1", film.PixelData)
        counts = service.counters.values()
        assert (counts["instances_not_unique"], counts["instances_different"]) == (3, 4)
        assert "came again with another patient (PatientID): the first is kept" in caplog.text
        assert "CORRECTED" not in caplog.text
