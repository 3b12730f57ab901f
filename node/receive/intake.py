"""Taking an instance in: bytes to the archive, a line to the journal, and only then is it ours.

This is the whole of what a transport needs: one that replaces pynetdicom's, or STOW-RS, calls the same three methods.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from node.archive.files import ArchiveFiles
from node.clock import Clock
from node.errors import NodeError
from node.receive.entries import AssociationClosed, AssociationEnd, AssociationRefused, InstanceReceived, Sender
from node.receive.journal import Journal

_UID = re.compile(r"[0-9.]{1,64}")
_REFUSALS_EVERY_S = 60.0
_REFUSALS_COUNTED = 1000


class StoreRefused(NodeError):
    """An instance is not taken; the sender is told why and nothing is kept under its name."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An instance as a transport hands it over.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid
        As the request states them.
    transfer_syntax_uid
        As negotiated.
    data_set
        The encoded data set, seekable and at its first byte; never decoded on the receiving path.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set: BinaryIO


class Intake:
    """Takes instances in for one receiver.

    Parameters
    ----------
    files
        Where bytes are kept.
    journal
        Where receipts are written.
    clock
        Gives the time of receipt.
    """

    def __init__(self, files: ArchiveFiles, journal: Journal, clock: Clock) -> None:
        self._files = files
        self._journal = journal
        self._clock = clock
        self._refusals: dict[tuple[str, str], tuple[datetime, int]] = {}
        self._counting = threading.Lock()

    def accept(self, incoming: Incoming, sender: Sender) -> None:
        """Keep an instance; when this returns it is durable, bytes, name and receipt.

        Raises
        ------
        StoreRefused
            ``uid-invalid``, ``data-set-empty``.
        Transient
            The disk is full or cannot be written; nothing may be acknowledged.
        """
        for keyword, uid in (
            ("AffectedSOPClassUID", incoming.sop_class_uid),
            ("AffectedSOPInstanceUID", incoming.sop_instance_uid),
        ):
            if _UID.fullmatch(uid) is None:
                raise StoreRefused("uid-invalid", attribute=keyword, found=uid[:64])
        if not incoming.data_set.read(1):
            raise StoreRefused("data-set-empty", sop_instance=incoming.sop_instance_uid)
        incoming.data_set.seek(0)
        kept = self._files.keep_data_set(
            incoming.sop_class_uid, incoming.sop_instance_uid, incoming.transfer_syntax_uid, incoming.data_set
        )
        self._journal.append(
            InstanceReceived(
                sender=sender,
                sop_class_uid=incoming.sop_class_uid,
                sop_instance_uid=incoming.sop_instance_uid,
                transfer_syntax_uid=incoming.transfer_syntax_uid,
                sha256=kept.sha256,
                size=kept.size,
                location=kept.location,
                at=self._clock.now(),
            )
        )

    def ended(self, sender: Sender, end: AssociationEnd) -> None:
        """Write down that an association ended.

        Raises
        ------
        Transient
            The journal cannot be written.
        """
        self._journal.append(AssociationClosed(sender.association_id, end, self._clock.now()))

    def refused(self, calling_ae: str, called_ae: str, host: str, reason: str) -> None:
        """Write down that an association was turned away: of a host and a reason at most one line a minute.

        Raises
        ------
        Transient
            The journal cannot be written.
        """
        now = self._clock.now()
        with self._counting:
            since, count = self._refusals.get((host, reason), (None, 0))
            if since is not None and 0 <= (now - since).total_seconds() < _REFUSALS_EVERY_S:
                self._refusals[host, reason] = (since, count + 1)
                return
            if len(self._refusals) >= _REFUSALS_COUNTED:
                self._refusals.clear()
            self._refusals[host, reason] = (now, 0)
        self._journal.append(AssociationRefused(calling_ae, called_ae, host, reason, count + 1, now))
