"""One attempt at one delivery: send what has no recorded status, record each status as it comes."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.actor import Actor
from node.archive.files import ArchiveFiles
from node.archive.freshness import Freshness
from node.audit import AuditTrail
from node.clock import Clock
from node.database import Database, change_state
from node.deliver.association import check_stored
from node.deliver.confirmation import CommitmentAwaited, Confirmation
from node.deliver.connection import connect
from node.deliver.deadline import TimeLimits
from node.deliver.events import delivery_done, delivery_failed
from node.deliver.folder import FolderConnection
from node.deliver.policy import given_up, pause_for_commitment, wait_after
from node.deliver.rejections import check_rejection_sent
from node.deliver.storable import StorableFile
from node.deliver.tables import DeliveryItemRow, DeliveryRow, Purpose
from node.deliver.target import check_address, check_target
from node.errors import Permanent, SettingsError, Transient
from node.jobs.queue import JobQueue
from node.network import Peer
from node.runs.tables import RunRow
from node.settings import Settings
from node.states import DeliveryState, RunState
from pipelines.contract import Reason

SENDER = Actor.service("deliver")

_ENDED = frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.CANCELLED})
"""After a crash two attempts can meet; the one that comes second finds the delivery ended."""


ReasonAgainst = Callable[[Session, str, int], Reason | None]


class DeliverySender:
    """Makes attempts at deliveries.

    Parameters
    ----------
    database, trail, files, queue, settings, freshness, clock
        The node's parts.
    confirmation
        What asks for storage commitment.
    limits
        How long a peer may take.
    """

    def __init__(
        self,
        database: Database,
        trail: AuditTrail,
        files: ArchiveFiles,
        queue: JobQueue,
        settings: Settings,
        freshness: Freshness,
        clock: Clock,
        confirmation: Confirmation,
        limits: TimeLimits,
    ) -> None:
        self._confirmation = confirmation
        self._database = database
        self._trail = trail
        self._files = files
        self._queue = queue
        self._settings = settings
        self._freshness = freshness
        self._clock = clock
        self._limits = limits

    def attempt(self, delivery_id: str) -> None:
        """Try to complete the delivery once; everything that happened is in its rows afterwards."""
        delivery = self._begin(delivery_id)
        if delivery is None:
            return
        try:
            destination = check_target(delivery, self._settings)
            if delivery.to_send or delivery.commitment_uid is None:
                self._check_current(delivery_id, self._freshness.reason_against)
                self._send(destination, delivery)
            if destination.commits and delivery.committed_at is None:
                self._confirmation.confirm(destination, delivery_id)
        except CommitmentAwaited as problem:
            return self._await_commitment(delivery_id, delivery.attempts, problem.reason)
        except (Transient, SettingsError) as problem:
            # A destination that is not in the settings any more may be there again after the next start.
            return self._retry(delivery, problem.reason)
        except Permanent as problem:
            return self._fail(delivery_id, delivery.attempts, problem.reason)
        except OSError as problem:
            # A disk, a mount or the machine's own network: no word of the peer, and nothing that resending would harm.
            return self._retry(delivery, Reason("delivery-io-failed", {"error": problem.strerror or str(problem)}))
        try:
            return self._conclude(delivery_id)
        except Permanent as problem:
            return self._fail(delivery_id, delivery.attempts, problem.reason)

    def _begin(self, delivery_id: str) -> DeliveryRow | None:
        """Enter SENDING and return the delivery as it then is; None when it has ended."""
        with self._database.write() as session:
            delivery = _delivery(session, delivery_id)
            if delivery.state in _ENDED:
                return None
            change_state(session, delivery, DeliveryState.SENDING)
            _ = delivery.items
            return delivery

    def _check_current(self, delivery_id: str, reason_against: ReasonAgainst) -> None:
        """Check that the result still stands for its study: images may have come since it was released.

        A rejection note goes out whatever became of the study since.

        Raises
        ------
        Permanent
            The run was superseded or recalled.
        Transient
            Why the result must not leave now; settling ends the run or lets it go.
        """
        with self._database.read() as session:
            delivery = _delivery(session, delivery_id)
            if delivery.purpose == Purpose.REJECTION:
                return
            run = session.get_one(RunRow, delivery.run_id)
            _check_released(run)
            check_rejection_sent(session, run, delivery.destination)
            against = reason_against(session, run.study_uid, run.revision)
        if against is not None:
            raise Transient(against.code, **against.parameters)

    def _send(self, destination: Peer, delivery: DeliveryRow) -> None:
        """Send what has no status, in order, and record each status as it comes, up to the first that is not stored."""
        wanted = [item for item in delivery.items if item.wanted]
        whole = destination.deliver is not None and destination.deliver.folder is not None
        items = wanted if whole else delivery.to_send
        if not items:
            return
        files = {item.id: StorableFile.of(self._files.whole(item.location)) for item in items}
        address = str(destination.address)
        calling_ae = self._settings.delivery.ae_title
        # A note that rejects a result lies beside it in a folder.
        name = delivery.run_id if delivery.purpose == Purpose.RESULT else f"{delivery.run_id}-{delivery.purpose}"
        with connect(destination, calling_ae, tuple(files.values()), name, self._limits) as connection:
            to_send = delivery.to_send
            for item, status in zip(to_send, connection.store_each(files[item.id] for item in to_send), strict=True):
                check_stored(status, address, item.sop_instance_uid)
                self._record(item.id, status, address)
                if item is not to_send[-1]:
                    # An image that was filed meanwhile keeps the next object here.
                    self._check_current(item.delivery_id, self._freshness.reason_in_catalogue)
            if isinstance(connection, FolderConnection):
                connection.finish(files.values())

    def _record(self, item_id: int, status: int, address: str) -> None:
        """Record what the destination at `address` said of an object.

        Raises
        ------
        Permanent
            ``destination-changed``: a person sends it to another one by now, which does not have it.
        """
        with self._database.write() as session:
            item = session.get_one(DeliveryItemRow, item_id)
            # Locked: between the question and the commit nobody may address it anew.
            check_address(session.get_one(DeliveryRow, item.delivery_id, with_for_update=True), address)
            item.status, item.recorded_at = status, self._clock.now()

    def _retry(self, delivery: DeliveryRow, reason: Reason) -> None:
        """Have the next attempt made after a pause, or end the delivery when it was tried for long enough."""
        if given_up(delivery.began_at, self._clock.now(), self._settings.delivery):
            self._fail(delivery.delivery_id, delivery.attempts, reason)
        else:
            self._wait(delivery.delivery_id, delivery.attempts, reason)

    def _await_commitment(self, delivery_id: str, attempt: int, reason: Reason) -> None:
        """Have the answer looked for after a pause that grows with the time since the question."""
        with self._database.write() as session:
            delivery = _delivery(session, delivery_id)
            if delivery.state != DeliveryState.SENDING or delivery.attempts != attempt:
                return
            change_state(session, delivery, DeliveryState.COMMITTING)
            delivery.reason_code, delivery.reason_parameters = reason.code, dict(reason.parameters)
            now = self._clock.now()
            wait = pause_for_commitment(delivery.commitment_asked_at or now, now)
            delivery.attempts += 1
            self._queue.enqueue_delivery(
                session, delivery_id, delivery.destination, attempt=delivery.attempts, delay_s=wait
            )

    def _wait(self, delivery_id: str, attempt: int, reason: Reason) -> None:
        """Enqueue the next attempt, unless that was done or the delivery has ended."""
        with self._database.write() as session:
            delivery = _delivery(session, delivery_id)
            if delivery.state != DeliveryState.SENDING or delivery.attempts != attempt:
                return
            change_state(session, delivery, DeliveryState.PENDING)
            delivery.reason_code, delivery.reason_parameters = reason.code, dict(reason.parameters)
            wait = wait_after(delivery.attempts, self._settings.delivery)
            delivery.attempts += 1
            self._queue.enqueue_delivery(
                session, delivery_id, delivery.destination, attempt=delivery.attempts, delay_s=wait
            )

    def _fail(self, delivery_id: str, attempt: int, reason: Reason) -> None:
        """End the delivery, unless it has ended or another attempt was enqueued since."""
        with self._trail.recording() as recording:
            delivery = _delivery(recording.session, delivery_id)
            if delivery.state in _ENDED or delivery.attempts != attempt:
                return
            change_state(recording.session, delivery, DeliveryState.FAILED)
            delivery.reason_code, delivery.reason_parameters = reason.code, dict(reason.parameters)
            delivery.finished_at = self._clock.now()
            run = recording.session.get_one(RunRow, delivery.run_id)
            recording.record(delivery_failed(delivery, run, SENDER, reason))
            self._close_run(recording.session, run)

    def give_up(self, delivery_id: str, attempt: int, reason: Reason) -> None:
        """End a delivery whose job for that attempt the engine gave up; does nothing when it has ended or goes on."""
        self._fail(delivery_id, attempt, reason)

    def _conclude(self, delivery_id: str) -> None:
        with self._trail.recording() as recording:
            delivery = _delivery(recording.session, delivery_id)
            if delivery.state in _ENDED or delivery.to_send:
                return  # ended by another attempt, or addressed to another peer since
            run = recording.session.get_one(RunRow, delivery.run_id)
            if delivery.purpose == Purpose.RESULT:
                _check_released(run)
            change_state(recording.session, delivery, DeliveryState.DELIVERED)
            delivery.reason_code = delivery.reason_parameters = None
            delivery.finished_at = self._clock.now()
            recording.record(delivery_done(delivery, run, SENDER))
            self._close_run(recording.session, run)

    def _close_run(self, session: Session, run: RunRow) -> None:
        """End the run when its last delivery has ended: delivered only if all were."""
        if run.state != RunState.RELEASED:
            return
        session.flush()
        of_run = select(DeliveryRow).where(DeliveryRow.run_id == run.run_id, DeliveryRow.purpose == Purpose.RESULT)
        deliveries = session.scalars(of_run).all()
        states = {DeliveryState(delivery.state) for delivery in deliveries}
        if states == {DeliveryState.DELIVERED}:
            change_state(session, run, RunState.DELIVERED)
        elif states <= {DeliveryState.DELIVERED, DeliveryState.FAILED}:
            change_state(session, run, RunState.UNDELIVERED)
            failed = next(d for d in deliveries if d.state == DeliveryState.FAILED)
            run.reason_code, run.reason_parameters = failed.reason_code, failed.reason_parameters
        else:
            return
        run.finished_at = self._clock.now()


def _delivery(session: Session, delivery_id: str) -> DeliveryRow:
    return session.get_one(DeliveryRow, delivery_id)


def _check_released(run: RunRow) -> None:
    """Check that nothing has ended the run since its release, such as a newer revision of its study."""
    if run.state != RunState.RELEASED:
        raise Permanent(run.reason_code or "run-not-released", **(run.reason_parameters or {"run": run.run_id}))
