"""What the service is told: a TOML file, checked before anything starts. Secrets come from files or the environment."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ho_imaging.errors import UsageError
from ho_imaging.toml_file import read_toml

__all__ = [
    "Accept",
    "Analysis",
    "DicomwebDestination",
    "DimseDestination",
    "Health",
    "Listen",
    "ServeConfig",
    "Spooling",
    "Tls",
    "load_serve_config",
    "secret",
]

AeTitle = Annotated[str, Field(pattern=r"^[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?$")]
"""1 to 16 characters without backslash (PS3.5 6.2, AE)."""

Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[float, Field(gt=0.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


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

    def for_server(self) -> ssl.SSLContext:
        """Context of a server (TLS 1.2 or later, BCP 195)."""
        if self.certificate is None:
            raise UsageError("TLS of the listener needs a certificate", remedy="set certificate and key")
        context = _PatientContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load(context, self)
        if self.authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def for_client(self) -> ssl.SSLContext:
        """Context of a client that checks the server's certificate and name."""
        context = ssl.create_default_context(cafile=None if self.authority is None else str(self.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load(context, self, with_authority=False)
        return context


class _PatientContext(ssl.SSLContext):
    """Leaves the handshake to the first read of a connection's own thread: a silent peer must not hold up the others.

    pynetdicom would do it where it accepts connections, one after the other and without a limit of time.
    """

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *arguments, **(options | {"do_handshake_on_connect": False}))


def _load(context: ssl.SSLContext, tls: Tls, *, with_authority: bool = True) -> None:
    try:
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
        if with_authority and tls.authority is not None:
            context.load_verify_locations(tls.authority)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"TLS files cannot be used: {error}", remedy="give PEM files that belong together") from error


class Listen(_Strict):
    """Where the service listens. On loopback unless told otherwise."""

    ae_title: AeTitle = "HO_IMAGING"
    host: str = "127.0.0.1"
    port: Port = 11112
    tls: Tls | None = None


class Accept(_Strict):
    """Who may send, and how much.

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
    """Where studies wait, how long a study must be quiet to be whole, and how long what has ended is kept."""

    folder: Path
    quiet_s: Annotated[float, Field(ge=0.0)] = 20.0
    keep_hours: Annotated[float, Field(ge=0.0)] = 72.0


class Analysis(_Strict):
    """How studies are analysed and which objects go back."""

    model: str = "default"
    device: str = "auto"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    limit_s: Positive = 300.0
    probability: bool = False
    anatomy: bool = False


class DimseDestination(_Strict):
    """A peer that takes objects by C-STORE; ``commit`` asks it to take charge of them (PS3.4 Annex J)."""

    kind: Literal["dimse"]
    name: Name
    ae_title: AeTitle
    host: str
    port: Port
    tls: Tls | None = None
    commit: bool = False


class DicomwebDestination(_Strict):
    """A peer that takes objects by STOW-RS. Of the secrets only the name of a variable or a file is written here."""

    kind: Literal["dicomweb"]
    name: Name
    url: Annotated[str, Field(pattern=r"^https?://.+$")]
    token_env: str | None = None
    token_file: Path | None = None
    user: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    tls: Tls | None = None


class Health(_Strict):
    """Health and counters by HTTP; no port, no endpoint."""

    host: str = "127.0.0.1"
    port: Port | None = None


class ServeConfig(_Strict):
    """All of it."""

    listen: Listen = Listen()
    accept: Accept = Accept()
    spool: Spooling
    analysis: Analysis = Analysis()
    send: tuple[Annotated[DimseDestination | DicomwebDestination, Field(discriminator="kind")], ...] = ()
    health: Health = Health()

    @model_validator(mode="after")
    def _names_differ(self) -> ServeConfig:
        names = [destination.name for destination in self.send]
        if len(set(names)) != len(names):
            raise ValueError("two destinations have the same name")
        return self


def load_serve_config(path: Path) -> ServeConfig:
    """Read and check a configuration.

    Raises
    ------
    UsageError
        If the file cannot be read or says something that has no meaning; the message names the entry.

    """
    return read_toml(path, ServeConfig, UsageError, remedy="see docs/pacs.md for an example")


def secret(variable: str | None, file: Path | None) -> str | None:
    """Read a secret from the environment or a file, whichever is named."""
    if variable is not None:
        value = os.environ.get(variable)
        if not value:
            raise UsageError(f"the environment variable {variable} is not set", remedy="set it before the start")
        return value
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UsageError(
                f"cannot be read: {error.strerror}", path=file, remedy="check the secret's file"
            ) from error
    return None
