"""Deliveries: the sending of one run's objects to one destination, object by object."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from node.database.base import Base


class Purpose(StrEnum):
    """What a delivery carries."""

    RESULT = "result"
    """The objects that a run made."""
    REJECTION = "rejection"
    """The note that rejects them, to a destination that may have got some."""


class DeliveryRow(Base):
    """The sending of one run's objects, or of the note that rejects them, to one destination.

    Attributes
    ----------
    purpose
        One of `Purpose`.
    destination
        The destination's name in the settings.
    address
        Its address as a person released to it; where the settings name another one now, nothing is sent.
    research_only
        Whether only a destination marked `research` may get it: a model of status ``reference`` made it.
    attempts
        How many attempts were enqueued; the last one's job has this number.
    commitment_uid, commitment_asked_at, committed_at
        The transaction of the request for storage commitment that is open, when it was made, and when the destination
        committed to every object.
    commitment_failures
        How often it refused to commit to an object since a person last had it sent.
    began_at
        When the present series of attempts began; giving up is counted from here.
    """

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("run_id", "destination", "purpose"), Index("ix_deliveries_state", "state"))

    delivery_id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.run_id"))
    destination: Mapped[str]
    purpose: Mapped[str] = mapped_column(default=Purpose.RESULT)
    address: Mapped[str]
    research_only: Mapped[bool]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=1)
    reason_code: Mapped[str | None]
    reason_parameters: Mapped[dict[str, Any] | None]
    commitment_uid: Mapped[str | None]
    commitment_asked_at: Mapped[datetime | None]
    committed_at: Mapped[datetime | None]
    commitment_failures: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    began_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    items: Mapped[list[DeliveryItemRow]] = relationship(
        order_by="DeliveryItemRow.position", cascade="all, delete-orphan"
    )

    @property
    def to_send(self) -> list[DeliveryItemRow]:
        """What the destination wants and has no recorded status, in the order of sending."""
        return [item for item in self.items if item.wanted and item.status is None]


class DeliveryItemRow(Base):
    """One object of a delivery, and what the peer said of it; a wanted one without a status is still to be sent.

    Attributes
    ----------
    wanted
        Whether the destination wanted its SOP class when the delivery was ordered. What it does not want is not sent.
    """

    __tablename__ = "delivery_items"
    __table_args__ = (UniqueConstraint("delivery_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.delivery_id"), index=True)
    position: Mapped[int]
    sop_instance_uid: Mapped[str]
    sop_class_uid: Mapped[str]
    location: Mapped[str]
    wanted: Mapped[bool]
    status: Mapped[int | None]
    recorded_at: Mapped[datetime | None]


class DestinationProofRow(Base):
    """What came of sending the acceptance object to a destination and asking for it back.

    Attributes
    ----------
    destination, address
        The destination's name in the settings, and where it was reached.
    profile_name, profile
        The planning profile that the object was made with: its name in the settings and its values.
    way
        How it was asked for (`node.network.ReturnWay`).
    verdict
        ``PASS`` where it came back as it was sent, else ``FAIL``.
    findings
        What differed, or why it did not come back: reason codes with their parameters.
    """

    __tablename__ = "destination_proofs"
    __table_args__ = (Index("ix_destination_proofs_destination", "destination", "proved_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    destination: Mapped[str]
    address: Mapped[str]
    profile_name: Mapped[str | None]
    profile: Mapped[dict[str, Any]]
    way: Mapped[str]
    verdict: Mapped[str]
    findings: Mapped[list[dict[str, Any]]]
    study_uid: Mapped[str]
    proved_by: Mapped[str]
    proved_at: Mapped[datetime]
