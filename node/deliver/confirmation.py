"""Confirm a delivery: its destination is asked to commit to every object, and its answer is read object by object."""

from __future__ import annotations

from datetime import timedelta

from pydicom.uid import generate_uid
from sqlalchemy.orm import Session

from node.clock import Clock
from node.database import Database
from node.deliver.commitment import StoredObject, request_commitment
from node.deliver.deadline import TimeLimits
from node.deliver.tables import DeliveryRow
from node.errors import NodeError, Permanent, Transient
from node.network import Peer
from node.receive.commitments import CommitmentReport, Commitments
from node.settings import DeliverySection

_RESENT = 1
"""How often what a destination does not commit to is sent again before a person has to look."""


class CommitmentAwaited(NodeError):
    """The destination was asked and has not answered yet."""


class Confirmation:
    """Asks for storage commitment and reads what came of it.

    Parameters
    ----------
    database, clock
        The node's.
    commitments
        Where the receiver keeps answers.
    settings
        How long an answer is waited for, and as whom a peer is called.
    limits
        How long a peer may take.
    """

    def __init__(
        self, database: Database, commitments: Commitments, settings: DeliverySection, clock: Clock, limits: TimeLimits
    ) -> None:
        self._database = database
        self._commitments = commitments
        self._settings = settings
        self._clock = clock
        self._limits = limits

    def confirm(self, destination: Peer, delivery_id: str) -> None:
        """Return when the destination committed to every object of the delivery.

        What it does not commit to loses its status, so that it is sent again: by itself once, then by a person.

        Raises
        ------
        CommitmentAwaited
            ``commitment-awaited``: it was asked and has not answered yet.
        Transient
            ``commitment-failed``: sent again at the next attempt; those of `request_commitment`.
        Permanent
            ``commitment-failed`` for the second time, ``commitment-late``; those of `request_commitment`.
        """
        with self._database.read() as session:
            delivery = session.get_one(DeliveryRow, delivery_id)
            asked = delivery.commitment_uid
            stored = tuple(
                StoredObject(item.sop_class_uid, item.sop_instance_uid) for item in delivery.items if item.wanted
            )
        if asked is None:
            asked = generate_uid()
            calling_ae = self._settings.ae_title
            request_commitment(destination, calling_ae, asked, stored, self._commitments, self._limits)
            with self._database.write() as session:
                delivery = session.get_one(DeliveryRow, delivery_id)
                delivery.commitment_uid, delivery.commitment_asked_at = asked, self._clock.now()
        report = self._commitments.report(asked)
        address = str(destination.address)
        with self._database.write() as session:
            delivery = session.get_one(DeliveryRow, delivery_id)
            if report is None:
                self._check_not_late(delivery, address)
                raise CommitmentAwaited("commitment-awaited", peer=address)
            refused = self._read(session, delivery, report)
            failures = delivery.commitment_failures
        self._commitments.forget(asked)
        if refused:
            kind = Transient if failures <= _RESENT else Permanent
            first = report.failed.get(refused[0])
            status = "not named" if first is None else f"{first:04X}"
            raise kind("commitment-failed", peer=address, objects=len(refused), status=status)

    def _check_not_late(self, delivery: DeliveryRow, address: str) -> None:
        waited = timedelta(hours=self._settings.commitment_hours)
        if delivery.commitment_asked_at is not None and self._clock.now() - delivery.commitment_asked_at > waited:
            raise Permanent("commitment-late", peer=address, hours=self._settings.commitment_hours)

    def _read(self, session: Session, delivery: DeliveryRow, report: CommitmentReport) -> list[str]:
        """Enter an answer into the delivery's rows, and return what the destination does not commit to."""
        wanted = [item for item in delivery.items if item.wanted]
        refused = [item for item in wanted if item.sop_instance_uid not in report.committed]
        delivery.commitment_uid = delivery.commitment_asked_at = None
        if refused:
            delivery.commitment_failures += 1
            for item in refused:
                item.status = item.recorded_at = None
        else:
            delivery.committed_at = self._clock.now()
        session.flush()
        return [item.sop_instance_uid for item in refused]
