"""Objects to where they belong: C-STORE over one association for many (PS3.4 Annex B), or STOW-RS (PS3.18 10.5)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from ho_imaging.errors import UsageError
from ho_imaging.pacs.config import DicomwebDestination, DimseDestination, secret

__all__ = ["associate", "commit_objects", "send_datasets", "send_objects", "web_session"]

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S = 15.0, 120.0
_WARNINGS = {0xB000, 0xB006, 0xB007}
"""Stored, with something changed or ignored (PS3.4 Table B.2-1)."""


def send_objects(
    destination: DimseDestination | DicomwebDestination, files: Mapping[str, Path], *, own_ae_title: str
) -> dict[str, str | None]:
    """Send files by SOP Instance UID; give for each ``None`` when it was taken, else why not. A peer raises nothing."""
    found: dict[str, str | None] = {}
    datasets: dict[str, Dataset] = {}
    for uid, path in files.items():
        try:
            datasets[uid] = pydicom.dcmread(path)
        except (OSError, pydicom.errors.InvalidDicomError) as error:
            found[uid] = f"cannot be read ({type(error).__name__})"
    return found | send_datasets(destination, list(datasets.values()), own_ae_title=own_ae_title)


def send_datasets(
    destination: DimseDestination | DicomwebDestination, objects: Sequence[Dataset], *, own_ae_title: str
) -> dict[str, str | None]:
    """Send data sets; likewise."""
    datasets = {str(item.SOPInstanceUID): item for item in objects}
    if isinstance(destination, DimseDestination):
        return _by_association(destination, datasets, own_ae_title)
    return _by_web(destination, datasets)


def _by_association(
    destination: DimseDestination, datasets: Mapping[str, Dataset], own_ae_title: str
) -> dict[str, str | None]:
    wanted = sorted({(str(d.SOPClassUID), str(d.file_meta.TransferSyntaxUID)) for d in datasets.values()})
    association = associate(destination, own_ae_title, wanted)
    if not association.is_established:
        why = "rejected the association" if association.is_rejected else "cannot be reached"
        return dict.fromkeys(datasets, f"{destination.name} {why}")
    found: dict[str, str | None] = {}
    try:
        for uid, dataset in datasets.items():
            found[uid] = _store(association, dataset)
            if not association.is_established:
                break
    finally:
        if association.is_established:
            association.release()
    return dict.fromkeys(datasets, "the association ended") | found


def _store(association: Any, dataset: Dataset) -> str | None:
    try:
        answer = association.send_c_store(dataset)
    except (ValueError, RuntimeError, AttributeError) as error:
        return f"cannot be sent: {error}"[:200]
    status = answer.get("Status")
    if status is None:
        return "no answer"
    if status == 0x0000 or status in _WARNINGS:
        return None
    return f"refused with status {status:04X}"


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

    association = associate(destination, own_ae_title, [(StorageCommitmentPushModel, None)])
    if not association.is_established:
        return f"{destination.name} takes no request for commitment"
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
    finally:
        association.release()
    return None if answer.get("Status") == 0x0000 else f"{destination.name} refused to commit"


def _by_web(destination: DicomwebDestination, datasets: Mapping[str, Dataset]) -> dict[str, str | None]:
    from dicomweb_client.api import DICOMwebClient  # noqa: PLC0415  (an extra)
    from requests import RequestException  # noqa: PLC0415

    found: dict[str, str | None] = {}
    try:
        client = DICOMwebClient(destination.url, session=web_session(destination))
    except (UsageError, ValueError) as error:
        return dict.fromkeys(datasets, str(error))
    for uid, dataset in datasets.items():
        try:
            answer = client.store_instances([dataset])
        except RequestException as error:
            status = None if error.response is None else error.response.status_code
            found[uid] = f"{destination.name} answered {status}" if status else f"{destination.name} cannot be reached"
            continue
        failed = answer.get("FailedSOPSequence")
        found[uid] = f"refused with reason {failed[0].get('FailureReason'):04X}" if failed else None
    return found


def web_session(peer: DicomwebDestination) -> Any:
    """Make a session with a peer's token, user or client certificate, and a limit on every wait.

    Raises
    ------
    UsageError
        If a secret that is named cannot be read.

    """
    import requests  # noqa: PLC0415

    class Bounded(requests.adapters.HTTPAdapter):
        def send(self, *arguments: Any, **options: Any) -> Any:
            options["timeout"] = options.get("timeout") or (CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S)
            return super().send(*arguments, **options)

    session = requests.Session()
    session.mount("http://", Bounded())
    session.mount("https://", Bounded())
    token = secret(peer.token_env, peer.token_file)
    if token is not None:
        session.headers["Authorization"] = f"Bearer {token}"
    elif peer.user is not None:
        session.auth = (peer.user, secret(peer.password_env, peer.password_file) or "")
    if peer.tls is not None:
        if peer.tls.authority is not None:
            session.verify = str(peer.tls.authority)
        if peer.tls.certificate is not None:
            session.cert = (str(peer.tls.certificate), str(peer.tls.key or peer.tls.certificate))
    return session


def associate(
    destination: DimseDestination,
    own_ae_title: str,
    contexts: Sequence[tuple[str, str | list[UID] | None]],
    *,
    handlers: list[Any] | None = None,
    roles: list[Any] | None = None,
) -> Any:
    """Open an association with a peer, by TLS where it is set, with a limit on every wait.

    ``contexts``: SOP class and transfer syntaxes of each, ``None`` for the usual ones.
    """
    from pynetdicom import AE  # noqa: PLC0415  (an extra, and slow to load)

    entity = AE(own_ae_title)
    entity.connection_timeout = entity.acse_timeout = CONNECT_TIMEOUT_S
    entity.dimse_timeout = entity.network_timeout = REPLY_TIMEOUT_S
    for sop_class, syntaxes in contexts:
        entity.add_requested_context(sop_class, syntaxes)
    host, tls = destination.host, destination.tls
    security = None if tls is None else (tls.for_client(), host)
    return entity.associate(
        host,
        destination.port,
        ae_title=destination.ae_title,
        tls_args=security,
        evt_handlers=handlers,
        ext_neg=roles,
    )
