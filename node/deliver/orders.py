"""Order a delivery: one run's objects, or the note that rejects them, to one destination."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from pydicom import uid
from pydicom.uid import UID
from sqlalchemy.orm import Session

from node.database import change_state
from node.deliver.tables import DeliveryItemRow, DeliveryRow, Purpose
from node.errors import Refusal
from node.jobs.queue import JobQueue
from node.network import Peer
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState


class SendableObject(Protocol):
    """A kept object, as a delivery needs it."""

    @property
    def position(self) -> int:
        """Its place in the order of sending."""
        ...

    @property
    def sop_instance_uid(self) -> str:
        """Its SOP Instance UID."""
        ...

    @property
    def sop_class_uid(self) -> str:
        """Its SOP Class UID."""
        ...

    @property
    def location(self) -> str:
        """Its name in the archive."""
        ...


def order_delivery(
    session: Session,
    queue: JobQueue,
    run_id: str,
    objects: Iterable[SendableObject],
    destination: Peer,
    *,
    research_only: bool,
    now: datetime,
) -> DeliveryRow:
    """Add a delivery and enqueue its first attempt, within the session's transaction.

    It keeps the address that the destination has at this moment.

    Parameters
    ----------
    objects
        The run's objects. Images go first and structure sets after them: a planning system that gets contours before
        the images that they lie on refuses or mislays them.
    research_only
        Whether only a destination marked `research` may get them.

    Raises
    ------
    Refusal
        ``destination-wants-nothing`` when all the objects are of SOP classes that it does not want.
    """
    delivery = DeliveryRow(
        delivery_id=_delivery_id(run_id, destination.name),
        run_id=run_id,
        destination=destination.name,
        address=str(destination.address),
        research_only=research_only,
        state=DeliveryState.PENDING,
        created_at=now,
        began_at=now,
        items=[
            DeliveryItemRow(
                position=position,
                sop_instance_uid=item.sop_instance_uid,
                sop_class_uid=item.sop_class_uid,
                location=item.location,
                wanted=destination.wants(item.sop_class_uid),
            )
            for position, item in enumerate(sorted(objects, key=_sending_order))
        ],
    )
    check_something_wanted(delivery)
    session.add(delivery)
    queue.enqueue_delivery(session, delivery.delivery_id, delivery.destination)
    return delivery


def order_rejection(
    session: Session, queue: JobQueue, rejected: DeliveryRow, note: SendableObject, now: datetime
) -> DeliveryRow:
    """Add the delivery of a rejection note to where a result's delivery went, and enqueue its first attempt.

    Parameters
    ----------
    rejected
        The result's delivery; the note goes to the same peer at the same address, whatever SOP classes it wants.
    note
        The note.
    """
    delivery = DeliveryRow(
        delivery_id=f"{_delivery_id(rejected.run_id, rejected.destination)}:{Purpose.REJECTION.value}",
        run_id=rejected.run_id,
        destination=rejected.destination,
        purpose=Purpose.REJECTION,
        address=rejected.address,
        research_only=rejected.research_only,
        state=DeliveryState.PENDING,
        created_at=now,
        began_at=now,
        items=[
            DeliveryItemRow(
                position=0,
                sop_instance_uid=note.sop_instance_uid,
                sop_class_uid=note.sop_class_uid,
                location=note.location,
                wanted=True,
            )
        ],
    )
    session.add(delivery)
    queue.enqueue_delivery(session, delivery.delivery_id, delivery.destination)
    return delivery


def wants_something(destination: Peer, objects: Iterable[SendableObject]) -> bool:
    """Return whether a destination wants at least one of a run's objects."""
    return any(destination.wants(item.sop_class_uid) for item in objects)


def check_something_wanted(delivery: DeliveryRow) -> None:
    """Check that a delivery has an object to send: one without would end as delivered, and nothing would have left.

    Raises
    ------
    Refusal
        ``destination-wants-nothing``.
    """
    if not any(item.wanted for item in delivery.items):
        classes = sorted({UID(item.sop_class_uid).keyword or item.sop_class_uid for item in delivery.items})
        raise Refusal("destination-wants-nothing", destination=delivery.destination, found=", ".join(classes))


def has_delivery(session: Session, run_id: str, destination: str) -> bool:
    """Return whether a run has a delivery to the destination of that name, in whatever state."""
    return session.get(DeliveryRow, _delivery_id(run_id, destination)) is not None


def reopen_run(session: Session, run: RunRow) -> None:
    """Let a run that a person released wait for its deliveries again.

    Raises
    ------
    Refusal
        ``state-transition``.
    """
    if run.state != RunState.RELEASED:
        change_state(session, run, RunState.RELEASED)
        run.reason_code = run.reason_parameters = run.finished_at = None


_FIRST = (uid.CTImageStorage, uid.MRImageStorage)
_REFERRING = (uid.SegmentationStorage, uid.ParametricMapStorage, uid.RTStructureSetStorage)


def _sending_order(item: SendableObject) -> tuple[int, int]:
    """Return what an object is sorted by: images, then what refers to them, then all else; each as the run has it."""
    rank = 0 if item.sop_class_uid in _FIRST else 1 if item.sop_class_uid in _REFERRING else 2
    return rank, item.position


def _delivery_id(run_id: str, destination: str) -> str:
    return f"{run_id}:{destination}"
