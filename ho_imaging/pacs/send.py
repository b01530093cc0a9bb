"""Objects to where they belong: C-STORE over one association for many (PS3.4 Annex B), or STOW-RS (PS3.18 10.5)."""

from __future__ import annotations

import copy
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.messages import Message
from ho_imaging.pacs.answers import Answers
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination, secret, within
from ho_imaging.pacs.contexts import sending_contexts

__all__ = [
    "PeerError",
    "associate",
    "check_destination",
    "commit_objects",
    "send_datasets",
    "send_objects",
    "web_client",
    "what_went_wrong",
]

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S = 15.0, 120.0
_WARNINGS = {0xB000, 0xB006, 0xB007}
"""Stored, with something changed or ignored (PS3.4 Table B.2-1)."""

_REPORTS = {
    "application/dicom+json": "application/dicom+json",
    "application/json": "application/json",
    "application/dicom+xml": "application/dicom+xml",
    "application/xml": "application/xml",
    "text/xml": "application/xml",
}
"""Names by which archives report what they stored, and by which the client recognises the report."""

_BUSY = (408, 429, 503, 504)
_BUSY_TRIES, _BUSY_PAUSE_S = 4, 1.0
"""An archive that says it is busy is asked again, after twice the time each time. What is sent waits in the outbox."""


class PeerError(HOImagingError, OSError):
    """A peer cannot be reached, or refuses."""


def check_destination(destination: DimseDestination | DicomwebDestination) -> None:
    """Raise `UsageError`, which begins with the entry, if a secret or certificate that is named cannot be used."""
    if isinstance(destination, DicomwebDestination):
        web_client(destination)
    else:
        _client_tls(destination)


def _never() -> bool:
    return False


def send_objects(
    destination: DimseDestination | DicomwebDestination,
    files: Mapping[str, Path],
    *,
    own_ae_title: str,
    stopped: Callable[[], bool] = _never,
) -> dict[str, Message | None]:
    """Send files by SOP Instance UID; return for each ``None`` when it was taken, else why not. A peer raises nothing.

    What was not tried is not in the answer: after an object at which the peer hung up (it must not hold up the others),
    or when ``stopped``, which is asked before each, says so.
    """
    found: dict[str, Message | None] = {}
    datasets: dict[str, Dataset] = {}
    for uid, path in files.items():
        try:
            datasets[uid] = pydicom.dcmread(path)
        except (OSError, EOFError, pydicom.errors.InvalidDicomError) as error:
            found[uid] = Message("send_object_unreadable", kind=type(error).__name__)
    return found | _send(destination, datasets, own_ae_title, stopped)


def send_datasets(
    destination: DimseDestination | DicomwebDestination, objects: Sequence[Dataset], *, own_ae_title: str
) -> dict[str, Message | None]:
    """Send data sets; likewise, with an answer for each."""
    datasets = {str(item.SOPInstanceUID): item for item in objects}
    not_tried = Message("send_association_ended")
    return dict.fromkeys(datasets, not_tried) | _send(destination, datasets, own_ae_title, _never)


def _send(
    destination: DimseDestination | DicomwebDestination,
    datasets: Mapping[str, Dataset],
    own_ae_title: str,
    stopped: Callable[[], bool],
) -> dict[str, Message | None]:
    if not datasets:
        return {}
    if isinstance(destination, DimseDestination):
        return _by_association(destination, datasets, own_ae_title, stopped)
    return _by_web(destination, datasets, stopped)


def _by_association(
    destination: DimseDestination, datasets: Mapping[str, Dataset], own_ae_title: str, stopped: Callable[[], bool]
) -> dict[str, Message | None]:
    wanted = sending_contexts([(str(d.SOPClassUID), str(d.file_meta.TransferSyntaxUID)) for d in datasets.values()])
    answers = Answers()
    try:
        association = associate(destination, own_ae_title, wanted, answers=answers)
    except HOImagingError as error:
        return {} if stopped() else dict.fromkeys(datasets, _why(error))
    found: dict[str, Message | None] = {}
    try:
        for uid, dataset in datasets.items():
            if stopped():
                break
            found[uid] = _store(association, answers, dataset)
            if found[uid] == Message("send_no_answer"):
                association.abort()  # it may look alive a little longer, and the next would be waited for in vain
            if not association.is_established:
                break
    finally:
        association.release()
    return found


def _why(error: HOImagingError) -> Message:
    """Return the message of an error, with its file if it names one."""
    return error.message if error.path is None else Message("send_setting", detail=str(error))


def _store(association: Any, answers: Answers, dataset: Dataset) -> Message | None:
    try:
        status = answers.store(association, _as_accepted(association, dataset))
    except (ValueError, RuntimeError, AttributeError) as error:
        return Message("send_failed", detail=str(error)[:200])
    if status is None:
        return Message("send_no_answer")
    if status == 0x0000 or status in _WARNINGS:
        return None
    return Message("send_refused_status", status=f"{status:04X}")


def _as_accepted(association: Any, dataset: Dataset) -> Dataset:
    """Return an object in a syntax that the peer takes: uncompressed where it takes no other."""
    syntax = dataset.file_meta.TransferSyntaxUID
    taken = [c.transfer_syntax[0] for c in association.accepted_contexts if c.abstract_syntax == dataset.SOPClassUID]
    if not UID(syntax).is_compressed or syntax in taken or not taken:
        return dataset
    plain = copy.deepcopy(dataset)
    plain.decompress(generate_instance_uid=False)
    return plain


def commit_objects(
    destination: DimseDestination, references: Sequence[tuple[str, str]], *, own_ae_title: str, transaction_uid: str
) -> str | None:
    """Ask a peer to take charge of objects, (SOP class, SOP instance) each; ``None`` when it takes up the request.

    Whether it then holds them it says later, by N-EVENT-REPORT under the transaction's UID.
    """
    from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # noqa: PLC0415
        StorageCommitmentPushModel,
        StorageCommitmentPushModelInstance,
    )

    try:
        association = associate(destination, own_ae_title, [(StorageCommitmentPushModel, None)])
    except HOImagingError as error:
        return f"no request for commitment: {error.problem}"
    try:
        request = Dataset()
        request.TransactionUID = transaction_uid
        request.ReferencedSOPSequence = []
        for sop_class, sop_instance in references:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
            request.ReferencedSOPSequence.append(item)
        answer, _ = association.send_n_action(
            request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        if answer.get("Status") is None:
            association.abort()
    except (ValueError, RuntimeError):  # it has hung up meanwhile
        return f"{destination.name} takes no request for commitment"
    finally:
        association.release()
    return None if answer.get("Status") == 0x0000 else f"{destination.name} refused to commit"


def _by_web(
    destination: DicomwebDestination, datasets: Mapping[str, Dataset], stopped: Callable[[], bool]
) -> dict[str, Message | None]:
    import requests  # noqa: PLC0415  (an extra)

    found: dict[str, Message | None] = {}
    try:
        client = web_client(destination, answered=_plain_report, redirects=False)
    except HOImagingError as error:
        return dict.fromkeys(datasets, _why(error))
    for uid, dataset in datasets.items():
        if stopped():
            break
        try:
            report = client.store_instances([dataset])
            # What an archive could not even take for an object it lists without its UID (PS3.18 Table I.1-1).
            failed = report.get("FailedSOPSequence") or report.get("OtherFailuresSequence")
            reason = failed[0].get("FailureReason") if failed else None
        except requests.ConnectTimeout:  # the others would have to wait as long for the same
            return dict.fromkeys(datasets, Message("archive_unreachable", archive=destination.name)) | found
        except Exception as error:  # noqa: BLE001  (the client raises what it likes at odd answers)
            found[uid] = what_went_wrong(destination.name, error)
            continue
        if not failed:
            found[uid] = None
        elif reason is None:
            found[uid] = Message("send_refused")
        else:
            found[uid] = Message("send_refused_reason", reason=f"{reason:04X}")
    return found


def _plain_report(response: Any, **_: object) -> None:
    """Let the client read the report on what was stored.

    It looks for some types, without parameters, and thinks all is well where it knows none: a refusal in another form
    would pass for success, and so would the page of something that is no archive, say to log in.
    """
    from requests import RequestException  # noqa: PLC0415

    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.ok and response.content and kind not in _REPORTS:
        raise RequestException("no report on what was stored", response=response)
    response.headers["Content-Type"] = _REPORTS.get(kind, kind)


def what_went_wrong(archive: str, error: Exception) -> Message:
    """Return a message on what a client of DICOMweb raises, which holds no data of the answer."""
    import requests  # noqa: PLC0415

    status = error.response.status_code if getattr(error, "response", None) is not None else None  # type: ignore[attr-defined]
    if status is not None and status < 300:
        return Message("archive_web_no_report", archive=archive, status=status)
    if status is not None:
        return Message("archive_web_status", archive=archive, status=status)
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return Message("archive_web_unreachable", archive=archive, kind=type(error).__name__)
    return Message("archive_web_not_understood", archive=archive, kind=type(error).__name__)


def web_client(
    peer: DicomwebDestination, *, answered: Callable[..., None] | None = None, redirects: bool = True
) -> Any:
    """Make a client with a peer's token, user or client certificate, and a limit on every wait.

    ``answered`` is shown each answer. Without ``redirects`` one ends in an error: a POST would go on as a GET, whose
    success says nothing of what was sent.

    Raises
    ------
    UsageError
        If a secret or a certificate that is named cannot be used; the message begins with the entry.

    """
    import requests  # noqa: PLC0415
    from dicomweb_client.api import DICOMwebClient  # noqa: PLC0415  (an extra)
    from urllib3 import Retry  # noqa: PLC0415

    _client_tls(peer)  # said now, and for each file
    authority = None if peer.tls is None else peer.tls.authority

    class Bounded(requests.adapters.HTTPAdapter):
        def send(self, *arguments: Any, **options: Any) -> Any:
            options["timeout"] = (CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S)
            if authority is not None:
                options["verify"] = str(authority)  # which a variable of the environment would replace
            return super().send(*arguments, **options)

    session = requests.Session()
    busy = Retry(
        _BUSY_TRIES, connect=0, read=0, other=0, allowed_methods=["GET"], status_forcelist=_BUSY,
        backoff_factor=_BUSY_PAUSE_S, raise_on_status=False, respect_retry_after_header=False,
    )  # fmt: skip
    session.mount("http://", Bounded(max_retries=busy))
    session.mount("https://", Bounded(max_retries=busy))
    if not redirects:
        session.max_redirects = 0
    token = secret("token", peer.token_env, peer.token_file)
    if token is not None:
        if not (token.isascii() and token.isprintable()):
            entry = "token_file" if peer.token_env is None else "token_env"
            raise UsageError(f"{entry}: holds more than the letters of a token", remedy="look for line breaks in it")
        session.auth = _Bearer(token)
    elif peer.user is not None:
        password = secret("password", peer.password_env, peer.password_file) or ""
        # Not the Latin-1 that text becomes, which has no place for many passwords (RFC 7617).
        session.auth = requests.auth.HTTPBasicAuth(peer.user.encode(), password.encode())
    if peer.tls is not None and peer.tls.certificate is not None:
        session.cert = (str(peer.tls.certificate), str(peer.tls.key or peer.tls.certificate))
    try:
        client = DICOMwebClient(peer.url, session=session, callback=answered)
    except ValueError as error:
        raise UsageError("url: is no address of DICOMweb", remedy="write https://HOST:PORT/PATH") from error
    client.set_http_retry_params(retry=False)  # it would send a body anew that has been read to its end
    return client


class _Bearer:
    """Puts a token into requests. As their authentication: a header alone gives way to what a .netrc file says."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _client_tls(peer: DimseDestination | DicomwebDestination) -> ssl.SSLContext | None:
    if peer.tls is None:
        return None
    with within("tls."):
        return peer.tls.for_client()


def associate(
    destination: DimseDestination,
    own_ae_title: str,
    contexts: Sequence[tuple[str, list[UID] | None]],
    *,
    handlers: Sequence[Any] = (),
    roles: list[Any] | None = None,
    answers: Answers | None = None,
) -> Any:
    """Open an association with a peer, by TLS where it is set, with a limit on every wait.

    ``contexts``: SOP class and transfer syntaxes of each, ``None`` for the usual ones; each is offered as it is given.
    ``answers`` are kept apart for whoever sends more than one request.

    Raises
    ------
    PeerError
        If there is none to be had.
    UsageError
        If a certificate that is named cannot be used.

    """
    from pynetdicom import AE, build_context, evt  # noqa: PLC0415  (an extra, and slow to load)

    answers = Answers() if answers is None else answers
    entity = AE(own_ae_title)
    entity.connection_timeout = entity.acse_timeout = CONNECT_TIMEOUT_S
    entity.dimse_timeout = entity.network_timeout = REPLY_TIMEOUT_S
    # Not those of the entity, which would put the syntaxes of one class into one context.
    offered = [build_context(c) if syntaxes is None else build_context(c, [*syntaxes]) for c, syntaxes in contexts]
    host, tls = destination.host, _client_tls(destination)
    try:
        association = entity.associate(
            host,
            destination.port,
            offered,
            ae_title=destination.ae_title,
            tls_args=None if tls is None else (tls, host),
            evt_handlers=[
                *handlers,
                (evt.EVT_DIMSE_RECV, answers.received),
                # Before its thread begins to look for messages.
                (evt.EVT_ESTABLISHED, lambda event: answers.watch(event.assoc)),
            ],
            ext_neg=roles,
        )
    except (OSError, UnicodeError) as error:  # of its name, which is not known or is none
        raise PeerError(Message("archive_unreachable_because", archive=destination.name, detail=str(error))) from error
    if not association.is_established:
        if association.is_rejected:
            raise PeerError(Message("archive_rejects", archive=destination.name))
        raise PeerError(Message("archive_unreachable", archive=destination.name))
    return association
