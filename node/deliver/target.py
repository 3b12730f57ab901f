"""The peer that a delivery may be sent to: the one it was released to, while the settings still name it."""

from __future__ import annotations

from node.deliver.association import Peer
from node.deliver.tables import DeliveryRow
from node.errors import Permanent
from node.settings import Destination, Settings


def peer_of(destination: Destination) -> Peer:
    """Return the address of a destination in the settings."""
    return Peer(destination.ae_title, destination.host, destination.port)


def recorded_peer(delivery: DeliveryRow) -> Peer:
    """Return the address that a delivery was released to."""
    return Peer(delivery.ae_title, delivery.host, delivery.port)


def check_target(delivery: DeliveryRow, settings: Settings) -> Peer:
    """Return the peer to send a delivery to, if the settings still agree with what was released.

    A person released the result to a machine, not to a name. A destination that is gone from the settings may be
    there again after the next start, so the delivery waits; one that has another address or lost its research mark is
    a decision that somebody took meanwhile, so it ends, and only a person can send it again.

    Raises
    ------
    SettingsError
        ``destination-unknown``.
    Permanent
        ``destination-changed`` or ``destination-not-research``.
    """
    destination = settings.destination(delivery.destination)
    released, found = recorded_peer(delivery), peer_of(destination)
    check_research(delivery, destination)
    if found != released:
        raise Permanent("destination-changed", destination=destination.name, released=str(released), found=str(found))
    return released


def check_research(delivery: DeliveryRow, destination: Destination) -> None:
    """Check that the destination may get what a delivery holds.

    Raises
    ------
    Permanent
        ``destination-not-research``.
    """
    if delivery.research_only and not destination.research:
        raise Permanent("destination-not-research", destination=destination.name)
