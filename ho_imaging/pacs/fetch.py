"""Studies out of an archive: by DICOMweb (PS3.18 10.4, 10.6) or by C-FIND with C-GET or C-MOVE (PS3.4 Annex C)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.extras import require
from ho_imaging.messages import Message
from ho_imaging.pacs.config import AeTitle, DicomwebDestination, DimseDestination, PeerPort
from ho_imaging.pacs.contexts import COMPANIONS, MOST_CONTEXTS, SYNTAXES, each_alone
from ho_imaging.pacs.intake import Intake
from ho_imaging.pacs.listing import SeriesListed, StudyListed, Transfer, completeness_of, joined
from ho_imaging.pacs.query import check_query
from ho_imaging.pacs.send import PeerError, associate, check_destination, send_datasets, web_client, what_went_wrong
from ho_imaging.reading.classes import FILM_CLASSES
from ho_imaging.reading.completeness import StudyFilms
from ho_imaging.reading.own import is_own
from ho_imaging.reading.uid import is_uid

__all__ = ["Archive", "DicomwebArchive", "DimseArchive", "FetchError"]

logger = logging.getLogger(__name__)

MOST_STUDIES = 10_000
MOST_INSTANCES = 500
MOST_LISTED = 10_000
"""Objects of a study that a list is read to; films are only some of them."""

_SUCCESS, _WITH_FAILURES = 0x0000, 0xB000
"""Success, and: one or more failures or warnings (PS3.4 Tables C.4-2 and C.4-3)."""

_SUB_OPERATIONS = tuple(f"NumberOf{state}Suboperations" for state in ("Remaining", "Completed", "Failed", "Warning"))

_NO_DESTINATION = 0xA801
"""Refused: move destination unknown (PS3.4 Table C.4-2)."""

_LIST_CUT = (0xFE00, 0xA700)
"""Matching terminated, out of resources (PS3.4 Table C.4-1): Orthanc ends a list so that is over its limit."""

_PARTIAL = 206
"""Status of an answer that is a part of a list, in earlier versions of PS3.18."""

_MOST_WRONG = 20
"""Images of a study that an archive may fail to give by DICOMweb before the others are not asked for any more."""

_MOST_DIGITS = 12
_MOST_UID = 80
"""Characters of what is no UID that a message repeats."""

T = TypeVar("T", bound=tuple[str, ...])


class FetchError(HOImagingError, OSError):
    """An archive did not give what was asked for."""


class Archive(Protocol):
    """A source to find studies in, fetch them from and store results to."""

    def find(self, query: Mapping[str, str]) -> list[str]:
        """Study Instance UIDs of the studies that match: keywords of DICOM and values, with ``*`` and date ranges."""

    def dates(self, query: Mapping[str, str]) -> dict[str, str]:
        """Study Instance UIDs of the studies that match, with their Study Dates, empty where there is none."""

    def fetch(self, study_uid: str) -> StudyFilms:
        """Films of a study, and whether these are all: other objects stay where they are."""

    def put(self, objects: list[Dataset]) -> dict[str, Message | None]:
        """Store objects; for each SOP Instance UID ``None`` or why not."""


class DicomwebArchive:
    """An archive with QIDO-RS, WADO-RS and STOW-RS.

    Raises
    ------
    UsageError
        If a secret or a certificate that is named cannot be used; the message begins with the entry. If the extra
        ``pacs`` is not installed.

    """

    def __init__(self, peer: DicomwebDestination) -> None:
        require(("dicomweb_client",), "pacs", "fetching by DICOMweb")
        self._peer = peer
        self._more = False
        """True if the last answer said that there is more than it holds (PS3.18 8.3.4.4)."""
        self._client = web_client(peer, answered=self._note_warning)

    def find(self, query: Mapping[str, str]) -> list[str]:
        """See `Archive`; raises `FetchError`."""
        return list(self.dates(query))

    def dates(self, query: Mapping[str, str]) -> dict[str, str]:
        """See `Archive`; raises `FetchError`."""
        check_query(query)
        filters = dict(query)

        def page(offset: int) -> list[tuple[str, str]]:
            studies = self._client.search_for_studies(search_filters=filters, limit=MOST_STUDIES, **_from(offset))
            return [(_value(study, "StudyInstanceUID"), _value(study, "StudyDate")) for study in studies]

        return _not_too_many(dict(self._listed(page, MOST_STUDIES)))

    def fetch(self, study_uid: str) -> StudyFilms:
        """See `Archive`; raises `FetchError`."""
        _check_uid(study_uid)
        listed = self._list(study_uid)
        films = [(series.uid, uid) for series in listed.series for uid in series.instances if uid in series.films]
        _check_count(len(films), study_uid)
        fetched: list[Dataset] = []
        received: list[tuple[str, str]] = []
        wrong: list[FetchError] = []
        for series, uid in films:
            try:
                film = self._image(study_uid, series, uid)
            except FetchError as error:
                wrong.append(error)
                if not _is_of_one_image(error) or len(wrong) >= _MOST_WRONG:
                    break
            else:
                received.append((series, uid))
                fetched += [] if is_own(film) else [film]
        if wrong and not received:
            raise wrong[0]
        said = tuple(dict.fromkeys(error.message for error in wrong))
        return StudyFilms(fetched, completeness_of(listed, Transfer(received, said=said)))

    def _image(self, study_uid: str, series_uid: str, uid: str) -> Dataset:
        film: Dataset = self._ask(lambda: self._client.retrieve_instance(study_uid, series_uid, uid))
        if (film.get("StudyInstanceUID"), film.get("SOPInstanceUID")) != (study_uid, uid):
            raise FetchError(Message("archive_web_other_image", archive=str(self._peer.url)))
        return film

    def _list(self, study_uid: str) -> StudyListed:
        """List a study: its instances, and how many its archive counts, where it does."""

        def page(offset: int) -> list[tuple[str, str, str, str]]:
            items = self._client.search_for_instances(study_instance_uid=study_uid, **_from(offset))
            return [_instance(item) for item in items]

        def series_page(offset: int) -> list[tuple[str, str, str]]:
            items = self._client.search_for_series(
                study_instance_uid=study_uid, fields=["Modality", "NumberOfSeriesRelatedInstances"], **_from(offset)
            )
            return [_values(i, "SeriesInstanceUID", "Modality", "NumberOfSeriesRelatedInstances") for i in items]

        instances = self._listed(page, MOST_LISTED)
        if len(instances) > MOST_LISTED:
            raise FetchError(Message("study_too_many_objects", study=study_uid, most=MOST_LISTED))
        counted = {item[0]: item for item in self._if_known(lambda: self._listed(series_page, MOST_LISTED)) if item[0]}
        series = []
        for uid in dict.fromkeys([*(series for _, series, _, _ in instances), *counted]):
            here = [item for item in instances if item[1] == uid]
            _, modality, count = counted.get(uid, ("", next((item[3] for item in here), ""), ""))
            found = SeriesListed(uid, modality, _count(count), {item[0]: item[2] for item in here})
            series.append(self._with_rest(study_uid, found))
        asked = ["NumberOfStudyRelatedInstances", "NumberOfStudyRelatedSeries"]
        studies = self._if_known(
            lambda: self._client.search_for_studies(search_filters={"StudyInstanceUID": study_uid}, fields=asked)
        )
        said = next((_values(s, *asked) for s in studies if _value(s, "StudyInstanceUID") == study_uid), ("", ""))
        return StudyListed(_count(said[0]), _count(said[1]), tuple(series))

    def _with_rest(self, study_uid: str, series: SeriesListed) -> SeriesListed:
        """List what an archive counts in a series but did not list, from the series' metadata, which has no limit."""
        if not series.may_hold_films or not len(series.instances) < (series.count or 0) <= MOST_INSTANCES:
            return series
        items = self._if_known(lambda: self._client.retrieve_series_metadata(study_uid, series.uid))
        rest = {uid: kind for uid, _, kind, _ in self._if_known(lambda: [_instance(item) for item in items])}
        return replace(series, instances={**rest, **series.instances})

    def _if_known(self, call: Callable[[], list[Any]]) -> list[Any]:
        """Ask what not every archive answers; what cannot be had or understood is not known."""
        try:
            return list(self._ask(call))
        except FetchError as error:
            logger.debug("not known: %s", error)
            return []

    def put(self, objects: list[Dataset]) -> dict[str, Message | None]:
        """See `Archive`."""
        return send_datasets(self._peer, objects, own_ae_title="")

    def _listed(self, page: Callable[[int], list[T]], most: int) -> list[T]:
        """Put together a list that an archive may give in parts, until a part is empty or there are more than ``most``.

        ``page`` gives what begins at an offset; the first of each is its UID. An archive that gives the same part again
        does not know offsets: that is all, unless it says that there is more (PS3.18 8.3.4.4).
        """
        found: dict[str, T] = {}
        offset = 0
        while len(found) <= most:
            part = self._ask(lambda offset=offset: page(offset))  # type: ignore[misc]  # binds offset
            new = {item[0]: item for item in part if item[0] not in found}
            if not new:
                if part and self._more:
                    raise FetchError(Message("archive_list_cut", archive=str(self._peer.url), count=len(found)))
                break
            found |= new
            offset += len(part)
        return list(found.values())

    def _note_warning(self, response: Any, **_: object) -> None:
        self._more = response.headers.get("Warning", "").startswith("299") or response.status_code == _PARTIAL

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # the client raises what it likes at odd answers
            message = what_went_wrong(str(self._peer.url), error)
            raise FetchError(message) from error


class DimseArchive:
    """An archive without web: C-FIND, then C-GET, or C-MOVE to a port of ours that it knows as ``own_ae_title``.

    Raises
    ------
    UsageError
        If the title, the port or a certificate that is named cannot be used; the message begins with the entry. If the
        extra ``pacs`` is not installed.

    """

    def __init__(
        self, peer: DimseDestination, *, own_ae_title: str = "HO_IMAGING", move_port: int | None = None
    ) -> None:
        require(("pynetdicom",), "pacs", "fetching by DIMSE")
        _check_entry("ae_title", AeTitle, own_ae_title, "1 to 16 characters without a backslash")
        if move_port is not None:
            _check_entry("move_port", PeerPort, move_port, "1 to 65535")
        check_destination(peer)
        self._peer, self._own, self._move_port = peer, own_ae_title, move_port

    def find(self, query: Mapping[str, str]) -> list[str]:
        """See `Archive`; raises `FetchError`."""
        return list(self.dates(query))

    def dates(self, query: Mapping[str, str]) -> dict[str, str]:
        """See `Archive`; raises `FetchError`."""
        from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
            StudyRootQueryRetrieveInformationModelFind,
        )

        check_query(query)
        asked = Dataset()
        asked.QueryRetrieveLevel, asked.StudyInstanceUID, asked.StudyDate = "STUDY", "", ""
        for keyword, value in query.items():
            try:
                setattr(asked, keyword, value)
            except (TypeError, ValueError) as error:
                raise UsageError(f"{keyword} cannot be asked for", remedy="ask for something else") from error
        found: dict[str, str] = {}
        with _Association(self._peer, self._own, [(StudyRootQueryRetrieveInformationModelFind, None)]) as association:
            for status, study in association.send_c_find(asked, StudyRootQueryRetrieveInformationModelFind):
                if found and status.get("Status") in _LIST_CUT:
                    raise FetchError(Message("archive_list_cut", archive=self._peer.name, count=len(found)))
                self._check(status, "C-FIND")
                if study is not None and len(found) <= MOST_STUDIES:
                    found[str(study.get("StudyInstanceUID", ""))] = str(study.get("StudyDate", "") or "")
        return _not_too_many(found)

    def fetch(self, study_uid: str) -> StudyFilms:
        """See `Archive`; raises `FetchError`."""
        _check_uid(study_uid)  # an archive would take an empty one, or one with an asterisk, for any study
        listed = self._list(study_uid)
        intake = Intake(study_uid, MOST_INSTANCES)
        classes = listed.film_classes
        if classes is None or len(classes) >= MOST_CONTEXTS:
            classes = frozenset(FILM_CLASSES)
        # Without radiographs there is nothing to ask for.
        asked = [_asked(study_uid, series) for series in listed.film_series or (None,)]
        transfer = self._transfer(asked, intake, sorted(classes)) if classes else Transfer(())
        _check_count(len(intake.films), study_uid)
        return StudyFilms(intake.films, completeness_of(listed, transfer))

    def _list(self, study_uid: str) -> StudyListed:
        """List a study by C-FIND; an archive that cannot be asked so tells nothing."""
        from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
            StudyRootQueryRetrieveInformationModelFind,
        )

        model = StudyRootQueryRetrieveInformationModelFind

        def ask(association: Any, level: str, *keywords: str, **known: str) -> tuple[list[tuple[str, ...]], bool]:
            """Return what an archive lists at a level, and whether its list ended well."""
            asked = Dataset()
            asked.QueryRetrieveLevel = level
            for keyword, value in {**dict.fromkeys(keywords, ""), **known}.items():
                setattr(asked, keyword, value)
            found: list[tuple[str, ...]] = []
            try:
                for status, item in association.send_c_find(asked, model):
                    self._check(status, "C-FIND")
                    if item is None or any(item.get(name) not in {None, "", uid} for name, uid in known.items()):
                        continue  # some archives tell more than they are asked for
                    if len(found) < MOST_LISTED:
                        found.append(tuple(str(item.get(keyword, "") or "") for keyword in keywords))
            except FetchError as error:
                logger.debug("not listed to the end: %s", error)
                return found, False
            return found, True

        counts: list[tuple[str, ...]] = []
        series: list[SeriesListed] = []
        whole = False
        try:
            with _Association(self._peer, self._own, [(model, None)]) as association:
                counts, _ = ask(
                    association, "STUDY", "NumberOfStudyRelatedInstances", "NumberOfStudyRelatedSeries",
                    StudyInstanceUID=study_uid,
                )  # fmt: skip
                listed, whole = ask(
                    association, "SERIES", "SeriesInstanceUID", "Modality", "NumberOfSeriesRelatedInstances",
                    StudyInstanceUID=study_uid,
                )  # fmt: skip
                series = [SeriesListed(uid, modality, _count(count)) for uid, modality, count in listed]
                for place, found in enumerate(series):
                    if found.may_hold_films and is_uid(found.uid):
                        instances, _ = ask(
                            association, "IMAGE", "SOPInstanceUID", "SOPClassUID",
                            StudyInstanceUID=study_uid, SeriesInstanceUID=found.uid,
                        )  # fmt: skip
                        series[place] = replace(found, instances={sop: kind for sop, kind in instances if sop})
        except FetchError as error:  # what it told before stays known
            logger.debug("not listed: %s", error)
        study = counts[0] if len(counts) == 1 else ("", "")
        return StudyListed(_count(study[0]), _count(study[1]), tuple(series), cut=not whole)

    def _transfer(self, asked: Sequence[Dataset], intake: Intake, classes: Sequence[str]) -> Transfer:
        if self._move_port is None:
            return self._get(asked, intake, classes)
        return self._move(asked, intake, classes, self._move_port)

    def put(self, objects: list[Dataset]) -> dict[str, Message | None]:
        """See `Archive`."""
        return send_datasets(self._peer, objects, own_ae_title=self._own)

    def _get(self, asked: Sequence[Dataset], intake: Intake, classes: Sequence[str]) -> Transfer:
        from pynetdicom import build_role, evt  # noqa: PLC0415
        from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
            StudyRootQueryRetrieveInformationModelGet,
        )

        model = StudyRootQueryRetrieveInformationModelGet
        others = [sop_class for sop_class in COMPANIONS if sop_class not in classes]
        roles = [build_role(sop_class, scp_role=True) for sop_class in (*classes, *others)]
        contexts = [
            (model, None),
            *each_alone(classes, room=MOST_CONTEXTS - 1 - len(others)),
            *((sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian]) for sop_class in others),
        ]
        handlers = [(evt.EVT_C_STORE, intake.take)]
        with _Association(self._peer, self._own, contexts, handlers=handlers, roles=roles) as association:
            return self._all(asked, lambda one: association.send_c_get(one, model), intake, "C-GET")

    def _move(self, asked: Sequence[Dataset], intake: Intake, classes: Sequence[str], port: int) -> Transfer:
        from pynetdicom import AE, evt  # noqa: PLC0415
        from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
            StudyRootQueryRetrieveInformationModelMove,
        )

        model = StudyRootQueryRetrieveInformationModelMove
        receiver = AE(self._own)
        receiver.require_called_aet = True
        # Many archives send under another title than the one they are asked by: what is sent decides, see `Intake`.
        for sop_class in classes:
            receiver.add_supported_context(sop_class, list(SYNTAXES))
        for sop_class in set(COMPANIONS) - set(classes):
            receiver.add_supported_context(sop_class)
        try:
            receiver.start_server(("", port), block=False, evt_handlers=[(evt.EVT_C_STORE, intake.take)])
        except OSError as error:
            raise UsageError(f"cannot listen on port {port}: {error.strerror}", remedy="choose another") from error
        try:
            with _Association(self._peer, self._own, [(model, None)]) as association:
                transfer = self._all(
                    asked, lambda one: association.send_c_move(one, self._own, model), intake, "C-MOVE"
                )
        finally:
            receiver.shutdown()
        others = intake.senders - {self._peer.ae_title}
        if others:
            logger.info("%s sent the study as %s", self._peer.name, ", ".join(sorted(others)))
        return transfer

    def _all(
        self,
        asked: Sequence[Dataset],
        send: Callable[[Dataset], Iterable[tuple[Dataset, Any]]],
        intake: Intake,
        what: str,
    ) -> Transfer:
        """Send every request; raise where nothing came and one of them was not answered, or with an error."""
        parts: list[Transfer] = []
        wrong: list[FetchError] = []
        for one in asked:
            try:
                parts.append(self._ended(send(one), intake, what))
            except FetchError as error:
                wrong.append(error)
                if error.code == "archive_silent":
                    break  # the association has ended
        if wrong and not intake.received:
            raise wrong[0]
        said = tuple(dict.fromkeys([*intake.turned_away, *(error.message for error in wrong)]))
        return joined([*parts, Transfer(tuple(intake.received), 0, 0, said)])

    def _ended(self, answers: Iterable[tuple[Dataset, Any]], intake: Intake, what: str) -> Transfer:
        """Read the answers to their end; what did not come is told, whatever the last status says."""
        status, announced = Dataset(), 0
        named: Any = None
        for status, identifier in answers:
            if status.get("Status") is None:
                raise FetchError(Message("archive_silent", archive=self._peer.name, service=what))
            named = identifier.get("FailedSOPInstanceUIDList") if isinstance(identifier, Dataset) else None
            announced = max(announced, sum(number or 0 for number in map(status.get, _SUB_OPERATIONS)))
        code = status.get("Status")
        if code == _NO_DESTINATION:
            raise FetchError(
                Message(
                    "archive_does_not_know_us",
                    archive=self._peer.name,
                    own=self._own,
                    service=what,
                    status=f"{code:04X}",
                )
            )
        if code not in {_SUCCESS, _WITH_FAILURES}:
            raise FetchError(
                Message("transfer_status", service=what, status=f"{code:04X}")
                if intake.received
                else Message("archive_answer", archive=self._peer.name, service=what, status=f"{code:04X}")
            )
        # Counts are optional in the last answer (PS3.7 9.1.3.1); some archives have them only in those before.
        listed = 0 if not named else 1 if isinstance(named, str) else len(named)
        failed = max(int(status.get("NumberOfFailedSuboperations") or 0), listed)
        completed = status.get("NumberOfCompletedSuboperations")
        if completed is None:
            completed = max(0, announced - failed)
        doubts = []
        if code == _WITH_FAILURES and not failed and not status.get("NumberOfWarningSuboperations"):
            doubts.append(Message("transfer_status", service=what, status=f"{code:04X}"))
        said = intake.strangers if failed else []
        if failed:
            logger.warning("%s: %d objects were not sent by the %s", self._peer.name, failed, what)
        return Transfer(tuple(intake.received), failed, int(completed), tuple(said), tuple(doubts))

    def _check(self, status: Dataset, what: str) -> None:
        code = status.get("Status")
        if code is None:
            raise FetchError(Message("archive_silent", archive=self._peer.name, service=what))
        if code not in {0x0000, 0xFF00, 0xFF01, 0xB000}:
            raise FetchError(Message("archive_answer", archive=self._peer.name, service=what, status=f"{code:04X}"))


class _Association:
    """An association that ends with its block."""

    def __init__(
        self,
        peer: DimseDestination,
        own_ae_title: str,
        contexts: Sequence[tuple[str, list[UID] | None]],
        *,
        handlers: Sequence[Any] = (),
        roles: list[Any] | None = None,
    ) -> None:
        try:
            self._association = associate(peer, own_ae_title, contexts, handlers=handlers, roles=roles)
        except PeerError as error:
            raise FetchError(error.message) from error
        self._name = peer.name

    def __enter__(self) -> Any:
        return self._association

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            self._association.release()
        else:
            self._association.abort()
        if isinstance(error, ValueError | RuntimeError) and not isinstance(error, HOImagingError):
            # It offers no such service, hung up in between, or a value of the query cannot be written as DICOM.
            raise FetchError(Message("archive_cannot_be_asked", archive=self._name, detail=str(error))) from error


def _check_entry(entry: str, kind: Any, value: object, form: str) -> None:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise UsageError(f"{entry}: {value!r} cannot be one", remedy=f"give {form}") from error


def _asked(study_uid: str, series_uid: str | None) -> Dataset:
    """Return the identifier of a request for a study, or for one series of it."""
    asked = Dataset()
    asked.QueryRetrieveLevel, asked.StudyInstanceUID = "STUDY", study_uid
    if series_uid is not None:
        asked.QueryRetrieveLevel, asked.SeriesInstanceUID = "SERIES", series_uid
    return asked


def _is_of_one_image(error: FetchError) -> bool:
    """Return True if the next image may be had: the archive is there and knows us."""
    status = error.message.parameters.get("status")
    return error.code != "archive_web_unreachable" and status not in {401, 403}


def _check_uid(study_uid: str) -> None:
    if not is_uid(study_uid):
        raise FetchError(Message("study_uid_invalid", uid=study_uid[:_MOST_UID]))


def _not_too_many(found: Mapping[str, str]) -> dict[str, str]:
    if len(found) > MOST_STUDIES:
        logger.warning("more than %d studies match: only the first of them are taken", MOST_STUDIES)
    return dict(list(found.items())[:MOST_STUDIES])


def _check_count(count: int, study_uid: str) -> None:
    if count > MOST_INSTANCES:
        raise FetchError(Message("study_too_many_films", study=study_uid, most=MOST_INSTANCES))


def _from(offset: int) -> dict[str, int]:
    """Argument to begin a list at; the first part is asked for without, as of any archive."""
    return {"offset": offset} if offset else {}


def _instance(item: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """SOP instance, series, class and modality of an instance in a list.

    One without a class might be a film, and it might be no instance at all but a complaint.
    """
    kind = _value(item, "SOPClassUID")
    if not kind:
        raise ValueError("an instance of no class")
    return _value(item, "SOPInstanceUID"), _value(item, "SeriesInstanceUID"), kind, _value(item, "Modality")


def _values(item: Mapping[str, Any], *keywords: str) -> Any:
    return tuple(_value(item, keyword) for keyword in keywords)


def _count(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS else None


def _value(item: Mapping[str, Any], keyword: str) -> str:
    """First value of an attribute in DICOM JSON (PS3.18 F.2)."""
    tag = tag_for_keyword(keyword)
    values = item.get(f"{Tag(tag):08X}", {}).get("Value") or [""] if tag is not None else [""]
    return str(values[0])
