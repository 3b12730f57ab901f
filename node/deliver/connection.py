"""One way to send objects, whatever kind of destination takes them: a connection that answers with a status each."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from node.deliver.association import StoreAssociation
from node.deliver.deadline import TimeLimits
from node.deliver.folder import FolderConnection
from node.deliver.storable import StorableFile
from node.deliver.stow import StowConnection
from node.errors import SettingsError
from node.network import Peer, StowSettings, TlsSettings


class Connection(Protocol):
    """A connection to a destination, open within a ``with`` block.

    Entering and sending raise `Transient` where another attempt may succeed, `Permanent` where none will.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def store_each(self, files: Iterable[StorableFile]) -> Iterator[int]:
        """Yield the status of each file in order, in the terms of a C-STORE response (PS3.4, table B.2-1)."""
        ...


def connect(
    destination: Peer, calling_ae: str, files: Sequence[StorableFile], name: str, limits: TimeLimits
) -> Connection:
    """Return a connection to a destination, by its kind.

    Parameters
    ----------
    calling_ae
        As whom an application entity is called.
    files
        What will be sent.
    name
        What the delivery's folder is called, at a destination that is one.
    limits
        How long a peer may take.

    Raises
    ------
    SettingsError
        ``tls-file-unusable``.
    """
    deliver = destination.deliver
    if deliver is not None and deliver.stow is not None:
        return web_connection(deliver.stow, limits)
    if deliver is not None and deliver.folder is not None:
        return FolderConnection(deliver.folder, name)
    tls = None if destination.tls is None else tls_context(destination.tls)
    return StoreAssociation(destination.application_entity, calling_ae, files, limits=limits, tls=tls)


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return what encrypts an association and checks the peer's certificate and host name (PS3.15 B.9: TLS 1.2).

    Raises
    ------
    SettingsError
        ``tls-file-unusable``.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        files = (settings.ca_file, settings.certificate_file, settings.key_file)
        raise _unusable(files, error) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def web_connection(settings: StowSettings, limits: TimeLimits) -> StowConnection:
    """Return a connection to a DICOMweb service, encrypted and checked unless it is on this machine.

    Raises
    ------
    SettingsError
        ``tls-file-unusable``.
    Permanent
        ``token-unusable``.
    """
    tls = tls_context(TlsSettings(ca_file=settings.ca_file)) if settings.url.startswith("https:") else None
    return StowConnection(settings.url, tls, settings.token_file, limits)


def _unusable(files: Iterable[object], error: OSError) -> SettingsError:
    return SettingsError(
        "tls-file-unusable",
        files=", ".join(str(file) for file in files if file is not None) or "(this machine's)",
        error=error.strerror or str(error),
    )
