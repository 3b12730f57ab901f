"""Deliveries: the sending of one run's objects to one destination, object by object."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from node.database.base import Base


class DeliveryRow(Base):
    """The sending of one run's objects to one destination."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("run_id", "destination"), Index("ix_deliveries_state", "state"))

    delivery_id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.run_id"))
    destination: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    reason_code: Mapped[str | None]
    reason_parameters: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    items: Mapped[list[DeliveryItemRow]] = relationship(
        order_by="DeliveryItemRow.position", cascade="all, delete-orphan"
    )


class DeliveryItemRow(Base):
    """One object of a delivery, and what the peer said of it; without a status it is still to be sent."""

    __tablename__ = "delivery_items"
    __table_args__ = (UniqueConstraint("delivery_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.delivery_id"), index=True)
    position: Mapped[int]
    sop_instance_uid: Mapped[str]
    sop_class_uid: Mapped[str]
    location: Mapped[str]
    status: Mapped[int | None]
    recorded_at: Mapped[datetime | None]
