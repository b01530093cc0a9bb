"""Studies out of an archive: by DICOMweb (PS3.18 10.4, 10.6) or by C-FIND with C-GET or C-MOVE (PS3.4 Annex C)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.pacs.config import AeTitle, DicomwebDestination, DimseDestination, PeerPort
from ho_imaging.pacs.receive import FILMS, SYNTAXES
from ho_imaging.pacs.send import PeerError, associate, check_destination, send_datasets, web_client, what_went_wrong
from ho_imaging.reading.own import is_own
from ho_imaging.reading.uid import is_uid

__all__ = ["Archive", "DicomwebArchive", "DimseArchive", "FetchError"]

logger = logging.getLogger(__name__)

MOST_STUDIES = 10_000
MOST_INSTANCES = 500
MOST_LISTED = 10_000
"""Objects of a study that a list is read to; films are only some of them."""

T = TypeVar("T", bound=tuple[str, ...])


class FetchError(HOImagingError, OSError):
    """An archive did not give what was asked for."""


class Archive(Protocol):
    """Where studies can be found, had and put back."""

    def find(self, query: Mapping[str, str]) -> list[str]:
        """Study Instance UIDs of the studies that match: keywords of DICOM and values, with ``*`` and date ranges."""

    def fetch(self, study_uid: str) -> list[Dataset]:
        """Films of a study: other objects stay where they are."""

    def put(self, objects: list[Dataset]) -> dict[str, str | None]:
        """Store objects; for each SOP Instance UID ``None`` or why not."""


class DicomwebArchive:
    """An archive with QIDO-RS, WADO-RS and STOW-RS.

    Raises
    ------
    UsageError
        If a secret or a certificate that is named cannot be used; the message begins with the entry.

    """

    def __init__(self, peer: DicomwebDestination) -> None:
        self._peer = peer
        self._warning = ""
        self._client = web_client(peer, answered=self._note_warning)

    def find(self, query: Mapping[str, str]) -> list[str]:
        """See `Archive`; raises `FetchError`."""
        check_query(query)
        filters = dict(query)

        def page(offset: int) -> list[tuple[str, str]]:
            studies = self._client.search_for_studies(search_filters=filters, limit=MOST_STUDIES, **_from(offset))
            return [(_value(study, "StudyInstanceUID"), "") for study in studies]

        return [uid for uid, _ in self._listed(page, MOST_STUDIES)][:MOST_STUDIES]

    def fetch(self, study_uid: str) -> list[Dataset]:
        """See `Archive`; raises `FetchError`."""
        _check_uid(study_uid)

        def page(offset: int) -> list[tuple[str, str, str]]:
            items = self._client.search_for_instances(study_instance_uid=study_uid, **_from(offset))
            return [(_value(i, "SOPInstanceUID"), _value(i, "SeriesInstanceUID"), _class(i)) for i in items]

        instances = self._listed(page, MOST_LISTED)
        films = [(instance, series) for instance, series, sop_class in instances if sop_class in FILMS]
        _check_count(len(films), study_uid)
        if len(instances) > MOST_LISTED:
            raise FetchError(
                f"study {study_uid} has more than {MOST_LISTED} objects", remedy="fetch its films by DIMSE"
            )
        fetched = [
            self._ask(
                lambda instance=instance, series=series: self._client.retrieve_instance(  # type: ignore[misc]  # binds
                    study_uid, series, instance
                )
            )
            for instance, series in films
        ]
        return [film for film in fetched if not is_own(film)]

    def put(self, objects: list[Dataset]) -> dict[str, str | None]:
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
                if part and self._warning.startswith("299"):
                    raise FetchError(
                        f"{self._peer.url} gives only {len(found)} of a longer list", remedy="raise its limit of a list"
                    )
                break
            found |= new
            offset += len(part)
        return list(found.values())

    def _note_warning(self, response: Any, **_: object) -> None:
        self._warning = response.headers.get("Warning", "")

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # the client raises what it likes at odd answers
            raise FetchError(
                f"{self._peer.url} {what_went_wrong(error)}", remedy="check address and credentials"
            ) from error


class DimseArchive:
    """An archive without web: C-FIND, then C-GET, or C-MOVE to a port of ours that it knows as ``own_ae_title``.

    Raises
    ------
    UsageError
        If the title, the port or a certificate that is named cannot be used; the message begins with the entry.

    """

    def __init__(
        self, peer: DimseDestination, *, own_ae_title: str = "HO_IMAGING", move_port: int | None = None
    ) -> None:
        _check_entry("ae_title", AeTitle, own_ae_title, "1 to 16 characters without a backslash")
        if move_port is not None:
            _check_entry("move_port", PeerPort, move_port, "1 to 65535")
        check_destination(peer)
        self._peer, self._own, self._move_port = peer, own_ae_title, move_port

    def find(self, query: Mapping[str, str]) -> list[str]:
        """See `Archive`; raises `FetchError`."""
        from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
            StudyRootQueryRetrieveInformationModelFind,
        )

        check_query(query)
        asked = Dataset()
        asked.QueryRetrieveLevel, asked.StudyInstanceUID = "STUDY", ""
        for keyword, value in query.items():
            try:
                setattr(asked, keyword, value)
            except (TypeError, ValueError) as error:
                raise UsageError(f"{keyword} cannot be asked for", remedy="ask for something else") from error
        found: list[str] = []
        with _Association(self._peer, self._own, [StudyRootQueryRetrieveInformationModelFind]) as association:
            for status, study in association.send_c_find(asked, StudyRootQueryRetrieveInformationModelFind):
                self._check(status, "C-FIND")
                if study is not None and len(found) < MOST_STUDIES:
                    found.append(str(study.get("StudyInstanceUID", "")))
        return found

    def fetch(self, study_uid: str) -> list[Dataset]:
        """See `Archive`; raises `FetchError`."""
        _check_uid(study_uid)  # an archive would take an empty one, or one with an asterisk, for any study
        asked = Dataset()
        asked.QueryRetrieveLevel, asked.StudyInstanceUID = "STUDY", study_uid
        films = self._get(asked) if self._move_port is None else self._move(asked, self._move_port)
        _check_count(len(films), study_uid)
        return films

    def put(self, objects: list[Dataset]) -> dict[str, str | None]:
        """See `Archive`."""
        return send_datasets(self._peer, objects, own_ae_title=self._own)

    def _get(self, asked: Dataset) -> list[Dataset]:
        from pynetdicom import build_role, evt  # noqa: PLC0415
        from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
            StudyRootQueryRetrieveInformationModelGet,
        )

        got: list[Dataset] = []
        roles = [build_role(film, scp_role=True) for film in FILMS]
        contexts = [StudyRootQueryRetrieveInformationModelGet, *FILMS]
        handlers = [(evt.EVT_C_STORE, lambda event: _keep(event, got))]
        with _Association(self._peer, self._own, contexts, handlers=handlers, roles=roles) as association:
            for status, _ in association.send_c_get(asked, StudyRootQueryRetrieveInformationModelGet):
                self._check(status, "C-GET")
        return got

    def _move(self, asked: Dataset, port: int) -> list[Dataset]:
        from pynetdicom import AE, evt  # noqa: PLC0415
        from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
            StudyRootQueryRetrieveInformationModelMove,
        )

        got: list[Dataset] = []
        receiver = AE(self._own)
        receiver.require_called_aet = True
        receiver.require_calling_aet = [self._peer.ae_title]
        for film in FILMS:
            receiver.add_supported_context(film, SYNTAXES)
        try:
            receiver.start_server(
                ("", port), block=False, evt_handlers=[(evt.EVT_C_STORE, lambda event: _keep(event, got))]
            )
        except OSError as error:
            raise UsageError(f"cannot listen on port {port}: {error.strerror}", remedy="choose another") from error
        try:
            with _Association(self._peer, self._own, [StudyRootQueryRetrieveInformationModelMove]) as association:
                for status, _ in association.send_c_move(asked, self._own, StudyRootQueryRetrieveInformationModelMove):
                    self._check(status, "C-MOVE")
        finally:
            receiver.shutdown()
        return got

    def _check(self, status: Dataset, what: str) -> None:
        code = status.get("Status")
        if code is None:
            raise FetchError(f"{self._peer.name} did not answer the {what}", remedy="check that it is there")
        if code not in {0x0000, 0xFF00, 0xFF01, 0xB000}:
            raise FetchError(f"{self._peer.name} answered the {what} with {code:04X}", remedy="see its log")
        if code == 0xB000:
            # As a rule of kinds we do not take. Which kinds they were it does not say.
            logger.warning(
                "%s: %s objects were not sent by the %s; if films are among them, see its log",
                self._peer.name,
                status.get("NumberOfFailedSuboperations", "some"),
                what,
            )


class _Association:
    """An association that ends with its block."""

    def __init__(
        self,
        peer: DimseDestination,
        own_ae_title: str,
        contexts: list[Any],
        *,
        handlers: list[Any] | None = None,
        roles: list[Any] | None = None,
    ) -> None:
        wanted = [(context, SYNTAXES if context in FILMS else None) for context in contexts]
        try:
            self._association = associate(peer, own_ae_title, wanted, handlers=handlers, roles=roles)
        except PeerError as error:
            raise FetchError(error.problem, remedy=error.remedy) from error
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
            raise FetchError(f"{self._name} cannot be asked: {error}", remedy="see what it offers") from error


def check_query(query: Mapping[str, str]) -> None:
    """Raise `UsageError` for a keyword that DICOM does not have."""
    for keyword in query:
        if tag_for_keyword(keyword) is None:
            raise UsageError(f"{keyword!r} is no DICOM keyword", remedy="write for example StudyDate=20240101-20241231")


def _keep(event: Any, got: list[Dataset]) -> int:
    if len(got) > MOST_INSTANCES:  # one more says that there were too many
        return 0xA700
    dataset = event.dataset
    dataset.file_meta = event.file_meta
    if not is_own(dataset):
        got.append(dataset)
    return 0x0000


def _check_entry(entry: str, kind: Any, value: object, form: str) -> None:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise UsageError(f"{entry}: {value!r} cannot be one", remedy=f"give {form}") from error


def _check_uid(study_uid: str) -> None:
    if not is_uid(study_uid):
        raise FetchError(f"{study_uid!r} is no UID of a study", remedy="give digits with dots between them")


def _check_count(count: int, study_uid: str) -> None:
    if count > MOST_INSTANCES:
        raise FetchError(
            f"study {study_uid} has more than {MOST_INSTANCES} films", remedy="no such study can be analysed"
        )


def _from(offset: int) -> dict[str, int]:
    """Argument to begin a list at; the first part is asked for without, as of any archive."""
    return {"offset": offset} if offset else {}


def _class(item: Mapping[str, Any]) -> str:
    """SOP class of an instance; one without might be a film, and it might be no instance at all but a complaint."""
    found = _value(item, "SOPClassUID")
    if not found:
        raise ValueError("an instance of no class")
    return found


def _value(item: Mapping[str, Any], keyword: str) -> str:
    """First value of an attribute in DICOM JSON (PS3.18 F.2)."""
    tag = tag_for_keyword(keyword)
    values = item.get(f"{Tag(tag):08X}", {}).get("Value") or [""] if tag is not None else [""]
    return str(values[0])
