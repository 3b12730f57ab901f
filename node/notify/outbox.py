"""From audited acts to notifications, in the transaction of the act: what a kill undoes, nobody is notified of."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from node.archive.tables import StudyRow
from node.audit.events import AuditEvent
from node.clock import Clock
from node.jobs.queue import JobQueue
from node.network import Channel, Identification
from node.notify.occasions import facts_of, occasion_of
from node.notify.tables import NotificationRow
from node.states import NotificationState

SCHEMA = 1


class Outbox:
    """Enters notifications.

    Parameters
    ----------
    queue, clock
        The node's parts.
    channels
        Those of the settings.
    node
        The node's name.
    """

    def __init__(self, queue: JobQueue, clock: Clock, channels: Sequence[Channel], node: str) -> None:
        self._queue = queue
        self._clock = clock
        self._channels = channels
        self._node = node

    def enter(self, session: Session, event: AuditEvent) -> None:
        """Enter what is to be sent because of an audited act, to each channel that wants it."""
        occasion = occasion_of(event)
        if occasion is None:
            return
        for channel in self._channels:
            if channel.wants(occasion) and event.details.get("channel", channel.name) == channel.name:
                self._enter(session, event, channel, occasion.value)

    def _enter(self, session: Session, event: AuditEvent, channel: Channel, occasion: str) -> None:
        now = self._clock.now()
        notification_id = uuid.uuid4().hex
        content: dict[str, object] = {
            "schema": SCHEMA,
            "id": notification_id,
            "occasion": occasion,
            "act": event.code.value,
            "outcome": event.outcome,
            "at": now.isoformat(timespec="seconds"),
            "node": self._node,
            "facts": facts_of(event),
        }
        if event.study_uid is not None:
            content["study"] = study_hash(event.study_uid)
            if channel.identify is Identification.ACCESSION:
                study = session.get(StudyRow, event.study_uid)
                content["accession"] = "" if study is None else study.accession_number
        session.add(
            NotificationRow(
                notification_id=notification_id,
                channel=channel.name,
                occasion=occasion,
                content=json.dumps(content, sort_keys=True),
                state=NotificationState.PENDING,
                created_at=now,
            )
        )
        session.flush()
        self._queue.enqueue_notification(session, notification_id, channel.name)


def study_hash(study_uid: str) -> str:
    """Return what stands for a study in notifications: it names nobody, and who knows the UID finds the study by it."""
    return hashlib.sha256(study_uid.encode()).hexdigest()[:16]
