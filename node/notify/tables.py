"""The outbox: one row for each notification and channel, written with the change that it is about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from node.database.base import Base


class NotificationRow(Base):
    """One notification to one channel.

    Attributes
    ----------
    notification_id
        The same at every attempt: a receiver that got it twice can tell.
    channel
        The channel's name in the settings.
    occasion
        One of `node.network.Occasion`.
    content
        What is sent, as JSON text: the bytes that a webhook's signature is over.
    state
        One of `node.states.NotificationState`.
    attempts
        How many attempts were enqueued; the last one's job has this number.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_created_at", "created_at"),)

    notification_id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str]
    occasion: Mapped[str]
    content: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=1)
    reason_code: Mapped[str | None]
    reason_parameters: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
