"""How a destination is reached: DIMSE with TLS, STOW-RS or a folder, as the settings state it."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, model_validator

from node.network.names import AeTitle, Port


def _check_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("an absolute path is needed")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_check_absolute)]


class TlsSettings(BaseModel, extra="forbid", frozen=True):
    """TLS of associations that this node opens. The peer's certificate and host name are always checked."""

    ca_file: AbsolutePath | None = Field(
        None, description="The certificates that are trusted, PEM. Default: those of this machine."
    )
    certificate_file: AbsolutePath | None = Field(
        None, description="This node's certificate, PEM, for a peer that asks for one."
    )
    key_file: AbsolutePath | None = Field(None, description="The key of `certificate_file`, PEM.")

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file are needed both, or neither")
        return self


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("http(s)://HOST[:PORT]/PATH is accepted, nothing else")
    if parts.username is not None or parts.password is not None:
        # The address is shown in messages, and the settings file is copied about.
        raise ValueError("no user and no password may stand here: name a token_file")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("https is needed for any host but this machine")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class StowSettings(BaseModel, extra="forbid", frozen=True):
    """A DICOMweb service that results are stored at (STOW-RS, PS3.18 10.5)."""

    url: Annotated[str, AfterValidator(_check_url)] = Field(
        description="Where the service lies, without `/studies`; https for any host but this machine."
    )
    token_file: AbsolutePath | None = Field(
        None, description="A file that holds a bearer token, read anew for each delivery. Default: none is sent."
    )
    ca_file: AbsolutePath | None = Field(
        None, description="The certificates that are trusted, PEM. Default: those of this machine."
    )


class ReturnWay(StrEnum):
    """How a destination is asked for what it has."""

    GET = "get"
    MOVE = "move"
    WADO = "wado"
    FOLDER = "folder"


class ReturnSettings(BaseModel, extra="forbid", frozen=True):
    """How `synthnode destinations prove` gets back what it sent."""

    by: ReturnWay = Field(
        description="`get` (C-GET), `move` (C-MOVE), `wado` (WADO-RS at the `stow` service) or `folder`, into which a "
        "person exports."
    )
    ae_title: AeTitle | None = Field(None, description="`move`: the AE title that the peer knows this listener by.")
    host: str = Field("127.0.0.1", description="`move`: the address to listen on while it is asked.")
    port: Port | None = Field(None, description="`move`: the port to listen on while it is asked.")
    folder: AbsolutePath | None = Field(None, description="`folder`: where the peer exports to.")
    wait_seconds: Annotated[float, Field(gt=0, le=86400)] = Field(
        600.0, description="`folder`: how long an export is waited for."
    )

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if self.by is ReturnWay.MOVE and (self.ae_title is None or self.port is None):
            raise ValueError("move needs ae_title and port, as the peer knows them")
        if self.by is ReturnWay.FOLDER and self.folder is None:
            raise ValueError("folder needs a folder")
        return self
