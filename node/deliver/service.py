"""The delivery service: a person has a failed delivery sent again."""

from __future__ import annotations

from sqlalchemy.orm import Session

from node.access import Permission, check
from node.actor import Actor
from node.archive.freshness import Freshness
from node.audit import AuditTrail
from node.clock import Clock
from node.database import change_state
from node.deliver.events import delivery_repeated, repetition_refused
from node.deliver.orders import check_something_wanted, reopen_run
from node.deliver.tables import DeliveryRow, Purpose
from node.deliver.target import check_research
from node.errors import Permanent, Refusal
from node.jobs.queue import JobQueue
from node.network import Peer
from node.runs.tables import RunRow
from node.settings import Settings
from node.states import DeliveryState


class DeliveryService:
    """Acts of people on deliveries.

    Parameters
    ----------
    trail, queue, settings, freshness, clock
        The node's parts.
    """

    def __init__(
        self, trail: AuditTrail, queue: JobQueue, settings: Settings, freshness: Freshness, clock: Clock
    ) -> None:
        self._trail = trail
        self._queue = queue
        self._settings = settings
        self._freshness = freshness
        self._clock = clock

    def deliver_again(self, delivery_id: str, by: Actor, reason: str) -> None:
        """Have a failed delivery sent again, to the address that the settings name now.

        What the peer has taken before is not sent again, unless the settings name another peer by now.

        Parameters
        ----------
        delivery_id
            The delivery.
        by
            The person who wants it.
        reason
            Why it will go better.

        Raises
        ------
        Refusal
            ``delivery-unknown``, those of `node.access.check`, ``delivery-needs-reason``, ``state-transition`` when it
            has not failed or its run was superseded; or why the result does not stand for its study any more.
        Permanent
            ``destination-not-research``; or ``destination-wants-nothing``: what it wants is asked anew.
        SettingsError
            ``destination-unknown``.
        """
        try:
            self._deliver_again(delivery_id, by, reason)
        except Permanent as refusal:
            with self._trail.recording() as recording:
                delivery = recording.session.get(DeliveryRow, delivery_id)
                if delivery is not None:
                    run = recording.session.get_one(RunRow, delivery.run_id)
                    recording.record(repetition_refused(delivery, run, by, refusal.reason))
            raise

    def _deliver_again(self, delivery_id: str, by: Actor, reason: str) -> None:
        with self._trail.recording() as recording:
            session = recording.session
            delivery = session.get(DeliveryRow, delivery_id)
            if delivery is None:
                raise Refusal("delivery-unknown", delivery=delivery_id)
            check(by, Permission.DELIVER_AGAIN)
            if not reason.strip():
                raise Refusal("delivery-needs-reason", delivery=delivery_id)
            run = session.get_one(RunRow, delivery.run_id)
            change_state(session, delivery, DeliveryState.PENDING)
            if delivery.purpose == Purpose.RESULT:
                self._reopen(session, run)
            destination = self._settings.destination(delivery.destination)
            check_research(delivery, destination)
            _address_anew(delivery, destination)
            if delivery.purpose == Purpose.RESULT:
                for item in delivery.items:
                    item.wanted = destination.wants(item.sop_class_uid)
                check_something_wanted(delivery)
            delivery.reason_code = delivery.reason_parameters = delivery.finished_at = None
            delivery.commitment_uid = delivery.commitment_asked_at = None
            delivery.commitment_failures = 0
            delivery.began_at = self._clock.now()
            recording.record(delivery_repeated(delivery, run, by, reason))
            # Counted here and not when it begins: a job that died before it began must not lend its name to this one.
            delivery.attempts += 1
            self._queue.enqueue_delivery(session, delivery_id, delivery.destination, attempt=delivery.attempts)

    def _reopen(self, session: Session, run: RunRow) -> None:
        reopen_run(session, run)
        against = self._freshness.reason_against(session, run.study_uid, run.revision)
        if against is not None:
            raise Refusal(against.code, **against.parameters)


def _address_anew(delivery: DeliveryRow, destination: Peer) -> None:
    """Take the address of the settings; a peer that is another one has nothing yet."""
    address = str(destination.address)
    if delivery.address == address:
        return
    delivery.address, delivery.committed_at = address, None
    for item in delivery.items:
        item.status = item.recorded_at = None
