"""One association that stores files at a peer, byte for byte as they lie on disk."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association

from node.deliver.c_store import HeldSocket, StoreRequest, exchange_c_store
from node.deliver.deadline import Deadline, TimeLimits
from node.deliver.policy import Meaning, meaning_of
from node.deliver.storable import StorableFile
from node.errors import Permanent, Transient
from node.network import PeerAddress

_GRACE_S = 5.0
"""How much longer pynetdicom waits by its own clocks, which do not run while it reads or writes a PDU."""

MOST_CONTEXTS = 128
"""Presentation contexts that one association can propose (PS3.8, 9.3.2.2: odd identifiers 1 to 255)."""


class StoreAssociation:
    """An association for C-STORE, open within a ``with`` block.

    Parameters
    ----------
    peer
        Whom to call.
    calling_ae
        As whom.
    files
        What will be sent: their SOP classes and transfer syntaxes are what is proposed.
    limits
        How long the peer may take.
    tls
        Encrypts the connection; the peer's certificate and name are checked as it says.

    Raises
    ------
    Transient
        On entering: ``peer-unreachable``, ``association-rejected`` (for a while), ``peer-aborted`` or
        ``peer-stalled``.
    Permanent
        On entering: ``association-rejected`` when the peer says that it is for good.
    """

    def __init__(
        self,
        peer: PeerAddress,
        calling_ae: str,
        files: Iterable[StorableFile],
        *,
        limits: TimeLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        files = tuple(files)
        self._peer = peer
        self._limits = limits or TimeLimits()
        self._deadline = Deadline()
        self._seconds_left = self._limits.attempt_total_s(sum(file.size for file in files))
        self._ae = AE(ae_title=calling_ae)
        self._ae.connection_timeout = self._limits.connect_s
        self._ae.acse_timeout = max(self._limits.associate_s, self._limits.release_s) + _GRACE_S
        # It would also run while a large object is sent over a slow line.
        self._ae.network_timeout = None
        self._contexts = sorted({(file.sop_class_uid, file.transfer_syntax_uid) for file in files})
        self._tls = tls
        self._association: Association | None = None
        self._held: HeldSocket | None = None
        self._accepted: dict[tuple[str, str], int] = {}
        self._messages = 0
        self._connected = False
        self._broken = False
        if len(self._contexts) > MOST_CONTEXTS:
            raise Permanent("too-many-contexts", found=len(self._contexts), accepted=MOST_CONTEXTS)

    def __enter__(self) -> Self:
        try:
            with self._deadline.within(self._limits.connect_s + self._limits.associate_s):
                association = self._ae.associate(
                    self._peer.host,
                    self._peer.port,
                    contexts=[build_context(sop_class, [syntax]) for sop_class, syntax in self._contexts],
                    ae_title=self._peer.ae_title,
                    evt_handlers=[(evt.EVT_CONN_OPEN, self._on_open)],
                    max_pdu=131072,
                    tls_args=None if self._tls is None else (self._tls, self._peer.host),
                )
            if not association.is_established:
                raise self._why_not(association)
        except BaseException:
            self._deadline.close()
            raise
        self._association = association
        self._accepted = {
            (str(context.abstract_syntax), str(context.transfer_syntax[0])): context.context_id or 0
            for context in association.accepted_contexts
        }
        if association.dul.socket is not None:
            self._held = association.dul.socket = HeldSocket(association.dul.socket)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._association is not None and self._association.is_established:
                with self._deadline.within(self._limits.release_s):
                    if kind is None and not self._broken:
                        self._association.release()
                    else:
                        self._association.abort()
        finally:
            self._deadline.close()

    def store(self, file: StorableFile) -> int:
        """Send one file and return the peer's status (PS3.4, B.2.3; PS3.7, 9.1.1.1.9).

        Raises
        ------
        Permanent
            ``context-refused``: the peer does not take this SOP class in this transfer syntax.
        Transient
            ``peer-aborted``: the association ended before a status came; ``peer-stalled``: none came in time.
        """
        association, held = self._association, self._held
        if association is None or held is None or not association.is_established:
            raise Transient("peer-aborted", peer=str(self._peer), sop_instance=file.sop_instance_uid)
        context_id = self._accepted.get((file.sop_class_uid, file.transfer_syntax_uid))
        if context_id is None:
            raise Permanent(
                "context-refused",
                peer=str(self._peer),
                sop_class=file.sop_class_uid,
                transfer_syntax=file.transfer_syntax_uid,
            )
        seconds = min(self._limits.store_s(file.size), self._seconds_left)
        began = time.monotonic()
        self._messages = self._messages % 65535 + 1
        request = StoreRequest(context_id, self._messages, association.acceptor.maximum_length or 0)
        try:
            with self._deadline.within(seconds), held.holding() as connection:
                status = exchange_c_store(connection, file, request)
        except (OSError, ValueError) as error:
            self._broken = True
            raise self._ended(file, seconds) from error
        self._seconds_left -= time.monotonic() - began
        return status

    def store_each(self, files: Iterable[StorableFile]) -> Iterator[int]:
        """Yield the peer's status of each file, in order, sent as it is asked for; see `store`."""
        return map(self.store, files)

    def _ended(self, file: StorableFile, seconds: float) -> Transient:
        if self._deadline.passed:
            return Transient(
                "peer-stalled", peer=str(self._peer), sop_instance=file.sop_instance_uid, seconds=round(seconds, 1)
            )
        return Transient("peer-aborted", peer=str(self._peer), sop_instance=file.sop_instance_uid)

    def _on_open(self, event: evt.Event) -> None:
        self._connected = True
        # With Nagle's algorithm and delayed acknowledgements every C-STORE waits 40 ms (measured).
        wrapped = event.assoc.dul.socket
        if wrapped is not None and wrapped.socket is not None:
            self._deadline.attach(wrapped.socket)
            wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _why_not(self, association: Association) -> Permanent | Transient:
        if association.is_rejected:
            answer = association.acceptor.primitive
            result = getattr(answer, "result", None)
            source, reason = getattr(answer, "result_source", 0), getattr(answer, "diagnostic", 0)
            kind = Permanent if result == 1 else Transient  # PS3.8, 9.3.4: 1 rejected-permanent, 2 rejected-transient
            return kind(
                "association-rejected", peer=str(self._peer), source=int(source or 0), diagnostic=int(reason or 0)
            )
        if self._connected and self._deadline.passed:
            seconds = round(self._limits.associate_s, 1)
            return Transient("peer-stalled", peer=str(self._peer), sop_instance="(none yet)", seconds=seconds)
        refused = association.rejected_contexts
        if refused and not association.accepted_contexts:
            # pynetdicom aborts an association that is good for nothing.
            sop_class, syntax = self._contexts[0]
            return Permanent("context-refused", peer=str(self._peer), sop_class=sop_class, transfer_syntax=syntax)
        if self._connected:
            return Transient("peer-aborted", peer=str(self._peer), sop_instance="(none yet)")
        # pynetdicom does not say whether the connection or its encryption failed.
        return Transient("peer-unreachable" if self._tls is None else "tls-not-established", peer=str(self._peer))


def check_stored(status: int, peer: str, sop_instance_uid: str) -> None:
    """Check that a status says that the peer has the object.

    Raises
    ------
    Transient
        ``store-not-now``: the same object may be taken later.
    Permanent
        ``store-refused``.
    """
    match meaning_of(status):
        case Meaning.AGAIN:
            raise Transient("store-not-now", peer=peer, status=f"{status:04X}", sop_instance=sop_instance_uid)
        case Meaning.NEVER:
            raise Permanent("store-refused", peer=peer, status=f"{status:04X}", sop_instance=sop_instance_uid)
