"""The states of studies, runs, deliveries and notifications, and which may follow which: the one such table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from node.errors import Refusal


class StudyState(StrEnum):
    """Where a received study stands."""

    RECEIVING = "receiving"
    """Instances come in, or came in a moment ago."""
    ROUTED = "routed"
    """It settled, and at least one rule took it."""
    UNROUTED = "unrouted"
    """It settled, and no rule took it; the decision says why."""
    REBUILT = "rebuilt"
    """The catalogue was rebuilt from the files: nothing runs by itself for it."""


class RunState(StrEnum):
    """Where one computation for a study stands."""

    QUEUED = "queued"
    WAITING = "waiting"
    """Its turn came while it may not start: runs are paused, or its class of urgency has its hours."""
    RUNNING = "running"
    HELD = "held"
    """Kept, and waiting for a named person."""
    REFUSED = "refused"
    """A check rejected the input or the result in a way that nobody may override."""
    REJECTED = "rejected"
    """A named person rejected the result."""
    RELEASED = "released"
    """A named person released it; deliveries are under way."""
    DELIVERED = "delivered"
    """Every destination said that it has every object."""
    UNDELIVERED = "undelivered"
    """A destination did not get every object, and no attempt is made any more until a person sends again."""
    FAILED = "failed"
    """The computation ended without a result."""
    CANCELLED = "cancelled"
    """A named person ended it before it had a result."""
    SUPERSEDED = "superseded"
    """A later revision of the study's inputs replaced it before every destination had it."""
    RECALLED = "recalled"
    """It was released, and then a named person recalled it or released another in its place."""


class DeliveryState(StrEnum):
    """Where the sending of one run's objects to one destination stands."""

    PENDING = "pending"
    """Waiting for its first or next attempt."""
    SENDING = "sending"
    COMMITTING = "committing"
    """The destination has every object, was asked to commit to them, and has not said so yet."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up with a reason; a person can send again."""
    CANCELLED = "cancelled"
    """Its result was recalled before the destination had every object; nothing more of it is sent."""


class NotificationState(StrEnum):
    """Where one notification to one channel stands."""

    PENDING = "pending"
    SENT = "sent"
    """The channel took it."""
    FAILED = "failed"
    """Given up with a reason."""


State = StudyState | RunState | DeliveryState | NotificationState

TRANSITIONS: Mapping[type[State], Mapping[State, frozenset[State]]] = {
    # By type: states of different things can have the same value, and are then equal as keys.
    StudyState: {
        StudyState.RECEIVING: frozenset({StudyState.ROUTED, StudyState.UNROUTED}),
        StudyState.ROUTED: frozenset({StudyState.RECEIVING}),
        StudyState.UNROUTED: frozenset({StudyState.RECEIVING}),
        StudyState.REBUILT: frozenset({StudyState.RECEIVING}),
    },
    RunState: {
        RunState.QUEUED: frozenset(
            {RunState.WAITING, RunState.RUNNING, RunState.FAILED, RunState.CANCELLED, RunState.SUPERSEDED}
        ),
        RunState.WAITING: frozenset({RunState.QUEUED, RunState.CANCELLED, RunState.SUPERSEDED}),
        # A worker that died while it ran leaves the run in RUNNING; the next attempt enters it again.
        RunState.RUNNING: frozenset(
            {
                RunState.RUNNING,
                RunState.HELD,
                RunState.REFUSED,
                RunState.FAILED,
                RunState.CANCELLED,
                RunState.SUPERSEDED,
            }
        ),
        RunState.HELD: frozenset({RunState.RELEASED, RunState.REJECTED, RunState.SUPERSEDED}),
        RunState.RELEASED: frozenset(
            {RunState.DELIVERED, RunState.UNDELIVERED, RunState.SUPERSEDED, RunState.RECALLED}
        ),
        # A person sends what was released before to a further destination, or again to one that did not get it.
        RunState.DELIVERED: frozenset({RunState.RELEASED, RunState.RECALLED}),
        RunState.UNDELIVERED: frozenset({RunState.RELEASED, RunState.SUPERSEDED, RunState.RECALLED}),
        RunState.REFUSED: frozenset(),
        RunState.REJECTED: frozenset(),
        RunState.FAILED: frozenset(),
        RunState.CANCELLED: frozenset(),
        # Some of it may have been sent before it was superseded.
        RunState.SUPERSEDED: frozenset({RunState.RECALLED}),
        RunState.RECALLED: frozenset(),
    },
    DeliveryState: {
        # Of two attempts that met after a crash one may wait already when the other has sent everything.
        DeliveryState.PENDING: frozenset(
            {DeliveryState.SENDING, DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.CANCELLED}
        ),
        # A sender that died leaves SENDING; the next attempt enters it again.
        DeliveryState.SENDING: frozenset(
            {
                DeliveryState.SENDING,
                DeliveryState.PENDING,
                DeliveryState.COMMITTING,
                DeliveryState.DELIVERED,
                DeliveryState.FAILED,
                DeliveryState.CANCELLED,
            }
        ),
        # Looked at again and again by attempts, which send nothing then.
        DeliveryState.COMMITTING: frozenset(
            {DeliveryState.SENDING, DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.CANCELLED}
        ),
        DeliveryState.DELIVERED: frozenset(),
        # A person sends again what has no recorded status.
        DeliveryState.FAILED: frozenset({DeliveryState.PENDING, DeliveryState.CANCELLED}),
        DeliveryState.CANCELLED: frozenset(),
    },
    NotificationState: {
        NotificationState.PENDING: frozenset({NotificationState.SENT, NotificationState.FAILED}),
        NotificationState.SENT: frozenset(),
        NotificationState.FAILED: frozenset(),
    },
}
"""Which states may follow which, for each kind of thing that has states."""


def successors(current: State) -> frozenset[State]:
    """Return the states that may follow `current`."""
    return TRANSITIONS[type(current)][current]


def check_transition(current: State, new: State) -> None:
    """Check that `new` may follow `current`; `node.database.change_state` makes the change.

    Raises
    ------
    Refusal
        ``state-transition`` otherwise.
    """
    if new not in successors(current):
        raise Refusal(
            "state-transition",
            thing=type(current).__name__.removesuffix("State").lower(),
            current=current.value,
            new=new.value,
        )
