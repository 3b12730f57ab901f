"""One association that stores files at a peer, byte for byte as they lie on disk."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, _config, build_context, evt
from pynetdicom.association import Association

from node.deliver.deadline import Deadline, TimeLimits
from node.deliver.policy import Meaning, meaning_of
from node.errors import Permanent, Transient
from node.network import PeerAddress

# pynetdicom's own switch, for the process: files go out as they are, in chunks, never decoded and written anew.
_config.STORE_SEND_CHUNKED_DATASET = True

_GRACE_S = 5.0
"""How much longer pynetdicom waits by its own clocks, which do not run while it reads or writes a PDU."""

MOST_CONTEXTS = 128
"""Presentation contexts that one association can propose (PS3.8, 9.3.2.2: odd identifiers 1 to 255)."""


@dataclass(frozen=True, slots=True)
class StorableFile:
    """A Part 10 file, as its file meta describes it."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str

    @classmethod
    def of(cls, path: Path) -> StorableFile:
        """Read the file meta of `path`.

        Raises
        ------
        Permanent
            ``file-not-dicom`` when it is no Part 10 file or lacks a UID that a C-STORE needs.
        """
        try:
            meta = read_file_meta_info(path)
            return cls(
                path,
                str(meta.MediaStorageSOPClassUID),
                str(meta.MediaStorageSOPInstanceUID),
                str(meta.TransferSyntaxUID),
            )
        except Exception as error:  # pydicom raises many kinds on foreign bytes
            raise Permanent("file-not-dicom", file=str(path), error=str(error) or type(error).__name__) from error


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

    Raises
    ------
    Transient
        On entering: ``peer-unreachable``, ``association-rejected`` (for a while), ``peer-aborted`` or
        ``peer-stalled``.
    Permanent
        On entering: ``association-rejected`` when the peer says that it is for good.
    """

    def __init__(
        self, peer: PeerAddress, calling_ae: str, files: Iterable[StorableFile], *, limits: TimeLimits | None = None
    ) -> None:
        files = tuple(files)
        self._peer = peer
        self._limits = limits or TimeLimits()
        self._deadline = Deadline()
        self._seconds_left = self._limits.attempt_total_s(sum(file.path.stat().st_size for file in files))
        self._ae = AE(ae_title=calling_ae)
        self._ae.connection_timeout = self._limits.connect_s
        self._ae.acse_timeout = max(self._limits.associate_s, self._limits.release_s) + _GRACE_S
        # It would also run while a large object is sent over a slow line.
        self._ae.network_timeout = None
        self._contexts = sorted({(file.sop_class_uid, file.transfer_syntax_uid) for file in files})
        self._association: Association | None = None
        self._connected = False
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
                )
            if not association.is_established:
                raise self._why_not(association)
        except BaseException:
            self._deadline.close()
            raise
        self._association = association
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._association is not None and self._association.is_established:
                with self._deadline.within(self._limits.release_s):
                    if kind is None:
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
        association = self._association
        if association is None or not association.is_established:
            raise Transient("peer-aborted", peer=str(self._peer), sop_instance=file.sop_instance_uid)
        accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in association.accepted_contexts}
        if (file.sop_class_uid, file.transfer_syntax_uid) not in accepted:
            raise Permanent(
                "context-refused",
                peer=str(self._peer),
                sop_class=file.sop_class_uid,
                transfer_syntax=file.transfer_syntax_uid,
            )
        seconds = min(self._limits.store_s(file.path.stat().st_size), self._seconds_left)
        began = time.monotonic()
        association.dimse_timeout = seconds + _GRACE_S
        try:
            with self._deadline.within(seconds):
                status = association.send_c_store(file.path)
        except (RuntimeError, OSError, ValueError) as error:
            raise self._ended(file, seconds) from error
        self._seconds_left -= time.monotonic() - began
        if "Status" not in status:
            raise self._ended(file, seconds)
        return int(status.Status)

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
        return Transient("peer-unreachable", peer=str(self._peer))


def check_stored(status: int, peer: PeerAddress, sop_instance_uid: str) -> None:
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
            raise Transient("store-not-now", peer=str(peer), status=f"{status:04X}", sop_instance=sop_instance_uid)
        case Meaning.NEVER:
            raise Permanent("store-refused", peer=str(peer), status=f"{status:04X}", sop_instance=sop_instance_uid)


def storable_files(paths: Sequence[Path]) -> tuple[StorableFile, ...]:
    """Return the files of `paths`, each with what its file meta says."""
    return tuple(StorableFile.of(path) for path in paths)
