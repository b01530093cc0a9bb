"""Configuration of the service: a TOML file, checked before the start. Secrets come from files or the environment."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.files.toml import read_toml

__all__ = [
    "Accept",
    "AeTitle",
    "Analysis",
    "DicomwebDestination",
    "DimseDestination",
    "Health",
    "Listen",
    "PeerPort",
    "Priors",
    "ServeConfig",
    "Spooling",
    "Tls",
    "load_serve_config",
    "secret",
    "within",
]

AeTitle = Annotated[str, Field(pattern=r"^[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?$")]
"""1 to 16 characters without backslash (PS3.5 6.2, AE)."""

Port = Annotated[int, Field(ge=0, le=65535)]
PeerPort = Annotated[int, Field(ge=1, le=65535)]
"""One that others know: not 0, which leaves the choice to the system."""

Positive = Annotated[float, Field(gt=0.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        known = text.startswith(("http://", "https://")) and parts.hostname and parts.port != 0
    except ValueError:  # of the port, or of brackets
        known = False
    if not known or parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "is no address of the form https://HOST:PORT/PATH (user and password have places of their own)"
        )
    return text.rstrip("/")  # paths are put behind it, and many servers know none with two slashes


WebAddress = Annotated[str, AfterValidator(_web_address)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tls(_Strict):
    """Certificates as PEM files.

    A server with ``authority`` asks clients for a certificate of that authority; a client trusts it in place of the
    system's.
    """

    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None

    @field_validator("key")
    @classmethod
    def _belongs_to_a_certificate(cls, key: Path | None, others: ValidationInfo) -> Path | None:
        if key is not None and others.data.get("certificate") is None:
            raise ValueError("is the key of no certificate: give that too")
        return key

    def for_server(self) -> ssl.SSLContext:
        """Context of a server (TLS 1.2 or later, BCP 195); raises `UsageError`, which begins with the entry."""
        if self.certificate is None:
            raise UsageError("certificate: a listener with TLS needs one", remedy="set certificate and key")
        context = _PatientContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._present(context)
        if self.authority is not None:
            with _using("authority", self.authority):
                context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def for_client(self) -> ssl.SSLContext:
        """Context of a client that checks the server's certificate and name; raises likewise."""
        if self.authority is None:
            context = ssl.create_default_context()
        else:
            with _using("authority", self.authority):
                context = ssl.create_default_context(cafile=str(self.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._present(context)
        return context

    def _present(self, context: ssl.SSLContext) -> None:
        if self.certificate is None:
            return
        if self.key is not None:
            with _using("key", self.key):
                pass  # what follows does not say which of the two is missing
        with _using("certificate", self.certificate):
            # With a password, if an empty one: OpenSSL would ask whoever sits at the terminal for that of a locked key.
            context.load_cert_chain(self.certificate, self.key, password="")


class _PatientContext(ssl.SSLContext):
    """Leaves the handshake to the first read of a connection's own thread: a silent peer must not hold up the others.

    pynetdicom would do it where it accepts connections, one after the other and without a limit of time.
    """

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *arguments, **(options | {"do_handshake_on_connect": False}))


@contextlib.contextmanager
def _using(entry: str, file: Path) -> Iterator[None]:
    try:
        file.open("rb").close()
        yield
    except ssl.SSLError as error:
        raise UsageError(
            f"{entry}: cannot be used ({error.reason or 'not PEM'})",
            path=file,
            remedy="give PEM files that belong together, the key without a password",
        ) from error
    except OSError as error:
        raise UsageError(
            f"{entry}: cannot be read: {error.strerror}", path=file, remedy="check the path and its rights"
        ) from error


class Listen(_Strict):
    """Address on which the service listens; loopback by default."""

    ae_title: AeTitle = "HO_IMAGING"
    host: str = "127.0.0.1"
    port: Port = 11112
    tls: Tls | None = None


class Accept(_Strict):
    """Permitted senders, and their limits.

    ``calling``: AE titles, empty for any. Sizes bound memory and disk: an instance over ``instance_mb`` ends its
    association, a study or spool over its limit is answered "out of resources" (PS3.4 B.2.3, A700), never dropped.
    """

    calling: tuple[AeTitle, ...] = ()
    associations: Annotated[int, Field(ge=1, le=500)] = 20
    pdu_bytes: Annotated[int, Field(ge=4096, le=2**24)] = 65536
    instance_mb: Positive = 300.0
    study_instances: Annotated[int, Field(ge=1)] = 200
    spool_gb: Positive = 50.0
    free_gb: Annotated[float, Field(ge=0.0)] = 1.0
    network_timeout_s: Positive = 60.0


class Spooling(_Strict):
    """Spool: folder, quiet time after which a study is complete, and retention of ended studies.

    ``reserve_mb`` of the disk are kept for the service's own notes and results, 0 for none.
    """

    folder: Path
    quiet_s: Annotated[float, Field(ge=0.0)] = 20.0
    keep_hours: Annotated[float, Field(ge=0.0)] = 72.0
    reserve_mb: Annotated[float, Field(ge=0.0, le=1e6)] = 64.0


class Analysis(_Strict):
    """Analysis of studies and objects to send back; ``site``: a site file of ``ho-imaging validate``.

    ``refusals``: send a report of a study that was
    refused or failed. ``resent``: which ended studies are analysed anew when their films are sent again unchanged.
    """

    model: str = "default"
    site: Path | None = None
    device: str = "auto"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    limit_s: Positive = 300.0
    probability: bool = False
    anatomy: bool = False
    refusals: bool = False
    resent: Literal["never", "failed", "always"] = "failed"


class DimseDestination(_Strict):
    """A peer that takes objects by C-STORE; ``commit`` asks it to take charge of them (PS3.4 Annex J)."""

    kind: Literal["dimse"]
    name: Name
    ae_title: AeTitle
    host: str
    port: PeerPort
    tls: Tls | None = None
    commit: bool = False


class DicomwebDestination(_Strict):
    """A peer that takes objects by STOW-RS. Of the secrets only the name of a variable or a file is written here."""

    kind: Literal["dicomweb"]
    name: Name
    url: WebAddress
    token_env: str | None = None
    token_file: Path | None = None
    user: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    tls: Tls | None = None

    @field_validator("password_env", "password_file")
    @classmethod
    def _is_of_a_user(cls, value: str | Path | None, others: ValidationInfo) -> str | Path | None:
        if value is not None and others.data.get("user") is None:
            raise ValueError("is the password of no user: name the user too")
        return value

    @field_validator("tls")
    @classmethod
    def _has_a_use(cls, tls: Tls | None, others: ValidationInfo) -> Tls | None:
        if tls is not None and others.data.get("url", "").startswith("http:"):
            raise ValueError("has no use with an address that begins with http: write https")
        return tls


class Priors(_Strict):
    """Archive to search for the patient's last study of the same side, to measure growth; none without ``archive``.

    ``archive``: name of a destination that is asked too, by C-FIND and C-GET or by DICOMweb; ``move_port``: by C-MOVE
    to this port of ours instead. Not more than ``years`` back, and not more than ``studies`` are looked into.
    """

    archive: Name | None = None
    move_port: PeerPort | None = None
    years: Positive = 5.0
    studies: Annotated[int, Field(ge=1, le=20)] = 3


class Health(_Strict):
    """Health and counters by HTTP; no port, no endpoint. Alarms are logged all the same.

    A study that waits for ``stuck_minutes`` is an alarm, and a destination that takes nothing for
    ``destination_minutes``.
    """

    host: str = "127.0.0.1"
    port: Port | None = None
    stuck_minutes: Positive = 60.0
    destination_minutes: Positive = 1.0


class ServeConfig(_Strict):
    """All of it."""

    listen: Listen = Listen()
    accept: Accept = Accept()
    spool: Spooling
    analysis: Analysis = Analysis()
    send: tuple[Annotated[DimseDestination | DicomwebDestination, Field(discriminator="kind")], ...] = ()
    health: Health = Health()
    priors: Priors = Priors()

    @model_validator(mode="after")
    def _names_differ(self) -> ServeConfig:
        names = [destination.name for destination in self.send]
        if len(set(names)) != len(names):
            raise ValueError("two destinations have the same name")
        if self.priors.archive is not None and self.priors.archive not in names:
            raise ValueError(f"priors.archive: no destination is named {self.priors.archive!r}")
        return self


def load_serve_config(path: Path) -> ServeConfig:
    """Read and check a configuration.

    Raises
    ------
    UsageError
        If the file cannot be read or says something that has no meaning; the message names the entry.

    """
    return read_toml(path, ServeConfig, UsageError, remedy="see docs/pacs.md for an example")


@contextlib.contextmanager
def within(place: str) -> Iterator[None]:
    """Put the place in the configuration before what an error says."""
    try:
        yield
    except HOImagingError as error:
        raise type(error)(f"{place}{error.problem}", path=error.path, remedy=error.remedy) from error


def secret(what: str, variable: str | None, file: Path | None) -> str | None:
    """Read a secret from the environment or a file, whichever is named.

    ``what``: of the entries that name them, for example ``token`` of ``token_env`` and ``token_file``.

    Raises
    ------
    UsageError
        If it is not there or empty; the message begins with the entry.

    """
    if variable is not None:
        value = os.environ.get(variable, "")
        if not value.strip():
            raise UsageError(
                f"{what}_env: the environment variable {variable} is not set", remedy="set it before the start"
            )
        return value
    if file is not None:
        try:
            value = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or "no text in UTF-8"
            raise UsageError(
                f"{what}_file: cannot be read: {why}", path=file, remedy="check the secret's file"
            ) from error
        if not value:
            raise UsageError(f"{what}_file: is empty", path=file, remedy="write the secret into it")
        return value
    return None
