"""One attempt at one notification, and what follows: it is sent, tried again later, or given up by name."""

from __future__ import annotations

from datetime import timedelta

import structlog

from node.clock import Clock
from node.database import Database, change_state
from node.errors import NodeError, Permanent, Transient
from node.jobs.queue import JobQueue
from node.network import Webhook
from node.notify.mail import send_mail
from node.notify.tables import NotificationRow
from node.notify.webhook import post
from node.settings import Settings
from node.states import NotificationState
from pipelines.contract import Reason

_WAITS_S = (5.0, 30.0, 120.0, 600.0, 1800.0)
"""Waits between attempts; the last one repeats."""

_GIVEN_UP_AFTER = timedelta(hours=24)
"""What is a day old helps nobody any more, and `status` has said it all the time."""

_log = structlog.get_logger(__name__)


class NotificationSender:
    """Makes attempts at notifications.

    Parameters
    ----------
    database, queue, settings, clock
        The node's parts.
    """

    def __init__(self, database: Database, queue: JobQueue, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._queue = queue
        self._settings = settings
        self._clock = clock

    def attempt(self, notification_id: str) -> None:
        """Try to send a notification once; everything that happened is in its row afterwards.

        Sent at least once: after a kill between the peer's answer and its record it is sent again under the same
        identifier.
        """
        with self._database.read() as session:
            row = session.get_one(NotificationRow, notification_id)
        if row.state != NotificationState.PENDING:
            return
        try:
            self._send(row)
        except Transient as problem:
            if self._clock.now() - row.created_at > _GIVEN_UP_AFTER:
                return self._end(row.notification_id, NotificationState.FAILED, problem.reason)
            return self._wait(row, problem.reason)
        except NodeError as problem:
            return self._end(row.notification_id, NotificationState.FAILED, problem.reason)
        return self._end(row.notification_id, NotificationState.SENT, None)

    def give_up(self, notification_id: str, attempt: int, reason: Reason) -> None:
        """End a notification whose job for that attempt the engine gave up."""
        with self._database.read() as session:
            row = session.get(NotificationRow, notification_id)
        if row is not None and row.attempts == attempt:
            self._end(notification_id, NotificationState.FAILED, reason)

    def _send(self, row: NotificationRow) -> None:
        channel = next((one for one in self._settings.notify.channels if one.name == row.channel), None)
        if channel is None:
            raise Permanent("channel-unknown", channel=row.channel)
        if isinstance(channel, Webhook):
            post(channel, row.notification_id, row.content, self._clock.now())
        else:
            send_mail(channel, row.notification_id, row.content, row.created_at)

    def _wait(self, seen: NotificationRow, reason: Reason) -> None:
        with self._database.write() as session:
            row = session.get_one(NotificationRow, seen.notification_id, with_for_update=True)
            if row.state != NotificationState.PENDING or row.attempts != seen.attempts:
                return
            row.reason_code, row.reason_parameters = reason.code, dict(reason.parameters)
            wait = _WAITS_S[min(row.attempts, len(_WAITS_S)) - 1]
            row.attempts += 1
            self._queue.enqueue_notification(
                session, row.notification_id, row.channel, attempt=row.attempts, delay_s=wait
            )

    def _end(self, notification_id: str, state: NotificationState, reason: Reason | None) -> None:
        with self._database.write() as session:
            row = session.get_one(NotificationRow, notification_id, with_for_update=True)
            if row.state != NotificationState.PENDING:
                return
            change_state(session, row, state)
            row.reason_code = None if reason is None else reason.code
            row.reason_parameters = None if reason is None else dict(reason.parameters)
            row.finished_at = self._clock.now()
        if reason is not None:
            _log.error("a notification was given up", channel=row.channel, reason=reason.code)
