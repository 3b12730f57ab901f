"""The listening socket: a connection becomes an association when its request has come, is sound, and is admitted."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import BaseServer
from typing import Any

import structlog
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.events import EventHandlerType
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from node.receive.admission import Admission
from node.receive.contexts import contexts_for
from node.receive.guard import guarded, receive_pdu
from node.receive.limits import ConnectionLimits
from node.receive.pdus import AssociationRequest, PduRefused, provider_abort, read_request, rejection
from node.receive.waiting import WaitingConnections

log = structlog.get_logger(__name__)

Refuse = Callable[[str, str, str, str], None]
"""Writes down a refusal: calling and called AE title (empty where none was said), the peer's address, the code why."""

_FAREWELL_S = 2.0
"""How long a peer that was turned away may take to close its side, so that it reads why."""


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """What is asked of a connection before it is an association.

    Attributes
    ----------
    admission, limits
        Who may come in, and what a connection may cost.
    spool
        Where large data sets are kept while they come in.
    refuse
        Writes a refusal down.
    """

    admission: Admission
    limits: ConnectionLimits
    spool: Path
    refuse: Refuse


class GuardedServer(ThreadedAssociationServer):
    """Listens; each connection has a thread of its own, which holds up nobody's end."""

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def shutdown(self) -> None:
        """Stop listening; pynetdicom's own way would look for the server among those that its AE started."""
        BaseServer.shutdown(self)
        self.server_close()


class _Handler(RequestHandler):
    """Handles one connection."""

    def __init__(self, request: Any, client_address: Any, server: Any, listener: Listener) -> None:
        self._listener = listener
        super().__init__(request, client_address, server)

    def handle(self) -> None:
        """Read the request, and open an association or turn the peer away."""
        self._listener.meet(self.request, str(self.client_address[0]), self._create_association)


class Listener:
    """A listening server and the associations that it opened.

    Parameters
    ----------
    door
        What is asked of a connection.
    ae
        pynetdicom's own settings.
    """

    def __init__(self, door: FrontDoor, ae: AE) -> None:
        self._door = door
        self._ae = ae
        self._waiting = WaitingConnections(door.limits)
        self._open: set[Association] = set()
        self._opening = threading.Lock()
        self._server: ThreadedAssociationServer | None = None

    def start(self, host: str, port: int, handlers: list[EventHandlerType]) -> int:
        """Listen in threads and return the port.

        Raises
        ------
        OSError
            The address cannot be listened on.
        """

        def handler(request: Any, address: Any, server: Any) -> _Handler:
            return _Handler(request, address, server, self)

        server = self._ae.make_server(
            (host, port),
            contexts=contexts_for(["1.2.840.10008.1.1"]),
            evt_handlers=handlers,
            server_class=GuardedServer,
            request_handler=handler,
        )
        self._server = server
        threading.Thread(target=server.serve_forever, name="receive-listener", daemon=True).start()
        return int(server.server_address[1])

    def stop(self) -> None:
        """Stop listening and abort what is open."""
        if self._server is not None:
            for association in self._alive():
                association.abort()
            self._server.shutdown()

    def meet(self, connection: socket.socket, host: str, create: Callable[[], Association]) -> None:
        """Read a connection's request, and open an association with what `create` gives or turn the peer away."""
        with self._waiting.holding(connection, host), suppress(OSError):
            request = self._request(connection, host)
            if request is not None and self._opened(connection, host, request, create):
                return
        with suppress(OSError):
            connection.close()

    def left(self, association: Association) -> None:
        """Forget an association that has come to its end, though its thread may take a moment."""
        with self._opening:
            self._open.discard(association)

    def _request(self, connection: socket.socket, host: str) -> AssociationRequest | None:
        limits = self._door.limits
        try:
            pdu = receive_pdu(connection, limits, time.monotonic() + limits.request_seconds)
            return read_request(pdu) if pdu else None
        except PduRefused as why:
            code = "request-late" if why.reason.code == "pdu-late" else why.reason.code
            log.warning("connection ended", host=host, reason=code, **why.reason.parameters)
            self._door.refuse("", "", host, code)
            self._say(connection, provider_abort())
        return None

    def _opened(
        self, connection: socket.socket, host: str, request: AssociationRequest, create: Callable[[], Association]
    ) -> bool:
        # Names are looked up before the lock is taken: a name server that is away must hold up no other peer.
        rejected = self._door.admission.check_titles(request.calling_ae, request.called_ae, host)
        with self._opening:
            self._open = set(self._alive())
            rejected = rejected or self._door.admission.check_room(len(self._open) + 1)
            if rejected is None:
                connection.settimeout(None)
                association = guarded(
                    create(), connection, request.pdu, self._door.limits, self._door.spool, self._given_up
                )
                self._open.add(association)
        if rejected is None:
            association.start()
            return True
        log.warning("association refused", calling_ae=request.calling_ae, host=host, reason=rejected.code)
        self._door.refuse(request.calling_ae, request.called_ae, host, rejected.code)
        self._say(connection, rejection(*rejected.pdu))
        return False

    def _given_up(self, association: Association, code: str) -> None:
        request: Any = association.requestor.primitive
        titles = ("", "") if request is None else (str(request.calling_ae_title), str(request.called_ae_title))
        self._door.refuse(titles[0].strip(), titles[1].strip(), str(association.requestor.address), code)
        self.left(association)

    def _alive(self) -> list[Association]:
        # One that was created and not yet started is not alive, and has no identity of a thread.
        return [one for one in self._open if one.is_alive() or one.ident is None]

    def _say(self, connection: socket.socket, pdu: bytes) -> None:
        """Send a last PDU and wait a moment for the peer to close, or it might never read it."""
        connection.settimeout(_FAREWELL_S)
        connection.sendall(pdu)
        connection.shutdown(socket.SHUT_WR)
        until = time.monotonic() + _FAREWELL_S
        while time.monotonic() < until and connection.recv(1 << 16):
            pass
