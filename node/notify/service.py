"""The acts of people on notifications: try a channel, list what was sent and what was not."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.access import Permission
from node.actor import Actor
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.errors import SettingsError
from node.notify.tables import NotificationRow
from node.settings import Settings


class NotificationService:
    """Acts of people on notifications.

    Parameters
    ----------
    trail, settings
        The node's parts.
    """

    def __init__(self, trail: AuditTrail, settings: Settings) -> None:
        self._trail = trail
        self._settings = settings

    def test(self, channel: str, by: Actor) -> None:
        """Have a test sent to a channel.

        Raises
        ------
        Refusal
            Those of `node.access.check`.
        SettingsError
            ``channel-unknown``.
        """
        self._trail.check_access(by, Permission.TEST_NOTIFICATIONS)
        if channel not in {one.name for one in self._settings.notify.channels}:
            raise SettingsError("channel-unknown", channel=channel)
        with self._trail.recording() as recording:
            recording.record(AuditEvent(AuditCode.NOTIFICATION_TESTED, by, details={"channel": channel}))


def latest_notifications(session: Session, limit: int, state: str | None = None) -> Sequence[NotificationRow]:
    """Return the latest notifications, of one state or of all, the newest first."""
    question = select(NotificationRow).order_by(NotificationRow.created_at.desc(), NotificationRow.notification_id)
    if state is not None:
        question = question.where(NotificationRow.state == state)
    return session.scalars(question.limit(limit)).all()
