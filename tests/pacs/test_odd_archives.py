"""Archives that answer oddly when a study is fetched: what did not come is said, and what came is had."""

import io
from contextlib import contextmanager

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation

from ho_imaging.messages import Message
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination
from ho_imaging.pacs.fetch import DicomwebArchive, DimseArchive, FetchError

from .conftest import small_film
from .test_odd_peers import Paging

STUDY, DX = "1.2.3", str(DigitalXRayImageStorageForPresentation)
COUNTS = [f"NumberOf{state}Suboperations" for state in ("Remaining", "Completed", "Failed", "Warning")]


def of_study(number, series=1):
    return small_film(number, study=STUDY, SeriesInstanceUID=f"{STUDY}.{series}")


def uids(films):
    return sorted(str(film.SOPInstanceUID) for film in films)


@contextmanager
def archive(films, *, listed=None, alter=None, refuses=(), aborts_after=None, find_ends=None):
    """An archive by C-GET.

    ``listed``: what it tells of each level, nothing at all where ``None``. ``alter`` changes a C-GET's answer before it
    is sent. ``refuses``: series that it does not give. ``aborts_after`` so many films. ``find_ends``: status at the end
    of a list, by level.
    """
    from pynetdicom import AE, evt  # noqa: PLC0415

    find, get = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"

    def give(event):
        series = event.identifier.get("SeriesInstanceUID")
        chosen = [film for film in films if series in {None, film.SeriesInstanceUID}]
        yield len(chosen)
        if series in refuses:
            yield 0xA702, None
            return
        for number, film in enumerate(chosen):
            if number == aborts_after:
                event.assoc.abort()
                return
            yield 0xFF00, film

    def answer(event):
        asked = event.identifier
        for item in listed:
            if item["level"] == asked.QueryRetrieveLevel:
                told = Dataset()
                for keyword, value in item.items():
                    if keyword != "level" and (keyword in asked or keyword.endswith("InstanceUID")):
                        setattr(told, keyword, value)
                yield 0xFF00, told
        if (find_ends or {}).get(asked.QueryRetrieveLevel) is not None:
            yield find_ends[asked.QueryRetrieveLevel], None

    def accepted(event):
        send = event.assoc.dimse.send_msg

        def altered(primitive, context_id):
            if type(primitive).__name__ == "C_GET" and alter is not None:
                alter(primitive)
            send(primitive, context_id)

        event.assoc.dimse.send_msg = altered

    entity = AE("PEER")
    for context in (get, *([] if listed is None else [find])):
        entity.add_supported_context(context)
    entity.add_supported_context(DX, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_C_GET, give), (evt.EVT_C_FIND, answer), (evt.EVT_ACCEPTED, accepted)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    port = server.server_address[1]
    try:
        yield DimseArchive(DimseDestination(kind="dimse", name="pacs", ae_title="PEER", host="127.0.0.1", port=port))
    finally:
        server.shutdown()


def listing(films, count=None):
    """Return what an archive lists: ``count`` objects in the study, and these films."""
    found = [{"level": "STUDY", "NumberOfStudyRelatedInstances": count or len(films), "StudyInstanceUID": STUDY}]
    for uid in dict.fromkeys(film.SeriesInstanceUID for film in films):
        here = [film for film in films if film.SeriesInstanceUID == uid]
        counted = {"NumberOfSeriesRelatedInstances": len(here), "StudyInstanceUID": STUDY, "SeriesInstanceUID": uid}
        found.append({"level": "SERIES", "Modality": "DX", **counted})
    for film in films:
        said = {key: str(film[key].value) for key in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID")}
        found.append({"level": "IMAGE", "StudyInstanceUID": STUDY, **said})
    return found


def without_counts(answer):
    for name in COUNTS:
        setattr(answer, name, None)


def with_failures_uncounted(answer):
    without_counts(answer)
    if answer.Status == 0x0000:
        answer.Status = 0xB000


def last_without_counts(answer):
    """Counts in the answers before the last alone, of one object more than is sent."""
    if answer.Status == 0x0000:
        without_counts(answer)
    else:
        answer.NumberOfRemainingSuboperations += 1


def failed_uncounted(answer):
    """Warnings are counted, and failures only named."""
    without_counts(answer)
    if answer.Status == 0x0000:
        answer.Status, answer.NumberOfWarningSuboperations = 0xB000, 1
        failed = Dataset()
        failed.FailedSOPInstanceUIDList = "1.2.3.9.9"
        from pynetdicom.dsutils import encode  # noqa: PLC0415

        answer.Identifier = io.BytesIO(encode(failed, True, True))


def warned_of_one(answer):
    if answer.Status == 0x0000:
        answer.Status, answer.NumberOfWarningSuboperations = 0xB000, 1


FILMS = [of_study(1), of_study(2)]

GETS = {
    "no counts at all": ({"alter": without_counts}, 2, None),
    "B000 without a count": ({"alter": with_failures_uncounted}, 2, "transfer_status"),
    "B000 without a count, all that is listed came": (
        {"alter": with_failures_uncounted, "listed": listing(FILMS)}, 2, None,
    ),
    "B000 for warnings": ({"alter": warned_of_one}, 2, None),
    "failures that are named and not counted": ({"alter": failed_uncounted}, 2, "objects_not_sent"),
    "more announced than came, and no last count": ({"alter": last_without_counts}, 2, "objects_lost"),
    "hung up midway": ({"aborts_after": 1}, 1, "archive_silent"),
    "hung up midway, listed": ({"aborts_after": 1, "listed": listing(FILMS)}, 1, "images_missing"),
    "each listed twice": ({"listed": [*listing(FILMS), *listing(FILMS)[2:]]}, 2, None),
    "a list cut at its images": ({"listed": listing(FILMS)[:-1], "find_ends": {"IMAGE": 0xFE00}}, 2, None),
    "a list cut at its images, and not all came": (
        {"listed": listing([*FILMS, of_study(3)])[:-2], "find_ends": {"IMAGE": 0xFE00}}, 2, "images_missing",
    ),
    "a list cut at its series": ({"listed": listing(FILMS), "find_ends": {"SERIES": 0xA700}}, 2, None),
    "a list that ends in an error": ({"listed": listing(FILMS), "find_ends": {"IMAGE": 0xC001}}, 2, None),
    "a list of other studies too": (
        {"listed": [*listing(FILMS), {"level": "STUDY", "NumberOfStudyRelatedInstances": 9, "StudyInstanceUID": "1.9"},
                    {"level": "SERIES", "Modality": "DX", "NumberOfSeriesRelatedInstances": 9,
                     "StudyInstanceUID": "1.9", "SeriesInstanceUID": "1.9.1"}]}, 2, None,
    ),
    "an image without a UID": (
        {"listed": [*listing(FILMS), {"level": "IMAGE", "SOPClassUID": DX, "SOPInstanceUID": ""}]}, 2, None,
    ),
    "one more counted than has a UID": (
        {"listed": [*listing([*FILMS, of_study(3)])[:-1], {"level": "IMAGE", "SOPClassUID": DX, "SOPInstanceUID": ""}]},
        2, "images_missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GETS)
def test_what_came_of_a_get_is_had_and_what_did_not_is_said(case):
    odd, came, code = GETS[case]
    with archive(FILMS, **odd) as peer:
        got = peer.fetch(STUDY)
    assert len(got) == came
    codes = {reason.code for reason in got.completeness.reasons}
    assert codes == set() if code is None else code in codes, got.completeness


@pytest.mark.parametrize("refused", [1, 2])
def test_of_two_series_one_that_is_not_given_does_not_cost_the_other(refused):
    """Each is asked for alone, where the study holds others that are no radiographs."""
    films = [of_study(1, series=1), of_study(2, series=2)]
    report = {"Modality": "SR", "NumberOfSeriesRelatedInstances": 1, "SeriesInstanceUID": f"{STUDY}.3"}
    told = [*listing(films, count=3), {"level": "SERIES", "StudyInstanceUID": STUDY, **report}]
    with archive(films, listed=told, refuses=[f"{STUDY}.{refused}"]) as peer:
        got = peer.fetch(STUDY)
    assert uids(got) == uids(film for film in films if film.SeriesInstanceUID != f"{STUDY}.{refused}")
    assert Message("images_missing", missing=1, expected=1, series=f"{STUDY}.{refused}") in got.completeness.reasons
    neither = archive(films, listed=told, refuses=[f"{STUDY}.1", f"{STUDY}.2"])
    with neither as peer, pytest.raises(FetchError, match="A702"):
        peer.fetch(STUDY)


def multipart(body, kind="application/dicom"):
    return {
        "headers": {"Content-Type": 'multipart/related; type="application/dicom"; boundary=cut'},
        "body": b"--cut\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body + b"\r\n--cut--\r\n",
    }


def as_file(film):
    buffer = io.BytesIO()
    film.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Odd(Paging):
    """An archive by DICOMweb of two films that answers ``odd`` in place of the second."""

    def __init__(self, odd):
        super().__init__(FILMS, 100)
        self.odd = odd

    def _film(self, uid):
        return self.odd if uid == FILMS[1].SOPInstanceUID else super()._film(uid)


WEB = {
    "not there": ({"status": 404}, "archive_web_status"),
    "gone": ({"status": 410}, "archive_web_status"),
    "broken": ({"status": 500}, "archive_web_status"),
    "forbidden": ({"status": 403}, "archive_web_status"),
    "nothing": ({"status": 204}, "archive_web"),
    "the other film again": (multipart(as_file(FILMS[0])), "archive_web_other_image"),
    "of another study": (multipart(as_file(small_film(2, study="1.9"))), "archive_web_other_image"),
    "without a part": (
        {"headers": {"Content-Type": "multipart/related; boundary=cut"}, "body": b"--cut--\r\n"}, "archive_web",
    ),
    "a part that is no film": (multipart(b"<html>not today</html>", "text/html"), "archive_web"),
    "a page": ({"headers": {"Content-Type": "text/html"}, "body": b"<html>log in</html>"}, "archive_web"),
    "no type": ({"headers": {"Content-Type": ""}, "body": as_file(FILMS[1])}, "archive_web"),
    "half of it": (multipart(as_file(FILMS[1])[:200]), "archive_web"),
}  # fmt: skip


def web(peer):
    return DicomwebArchive(DicomwebDestination(kind="dicomweb", name="web", url=peer.url))


@pytest.mark.parametrize("case", WEB)
def test_a_film_that_the_web_does_not_give_is_said_and_costs_no_other(web_peer, case):
    odd, code = WEB[case]
    web_peer.answers = [Odd(odd)]
    got = web(web_peer).fetch(STUDY)
    assert uids(got) == uids(FILMS[:1])
    codes = [reason.code for reason in got.completeness.reasons]
    assert "images_missing" in codes
    assert any(one.startswith(code) for one in codes), codes


def test_a_film_alone_without_parts_is_taken(web_peer):
    """As some archives send it, against the standard."""
    web_peer.answers = [Odd({"headers": {"Content-Type": "application/dicom"}, "body": as_file(FILMS[1])})]
    got = web(web_peer).fetch(STUDY)
    assert uids(got) == uids(FILMS)
    assert got.completeness.complete


def test_an_answer_that_is_called_a_part_is_not_taken_for_all(web_peer):
    """206 of earlier versions of the standard, without a Warning, of an archive that knows no offsets."""
    whole = Paging([of_study(number) for number in range(5)], 3, offsets=False, warns=False)

    def partly(path):
        answer = whole(path)
        return answer | ({"status": 206} if "/instances" in path and not path.endswith(".1") else {})

    web_peer.answers = [partly]
    with pytest.raises(FetchError, match="only 3 of a longer list"):
        web(web_peer).fetch(STUDY)


def test_an_image_without_a_uid_in_a_list_of_the_web_is_missed(web_peer):
    class Nameless(Paging):
        @staticmethod
        def _listed(film):
            told = Paging._listed(film)
            return told | ({"00080018": {"vr": "UI"}} if film.SOPInstanceUID == FILMS[1].SOPInstanceUID else {})

    web_peer.answers = [Nameless(FILMS, 100)]
    got = web(web_peer).fetch(STUDY)
    assert uids(got) == uids(FILMS[:1])
    assert not got.completeness.complete
