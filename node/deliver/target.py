"""The peer that a delivery may be sent to: the one it was released to, while the settings still name it."""

from __future__ import annotations

from node.deliver.tables import DeliveryRow
from node.errors import Permanent
from node.network import Peer
from node.settings import Settings


def check_target(delivery: DeliveryRow, settings: Settings) -> Peer:
    """Return the destination to send a delivery to, if the settings still agree with what was released.

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
    check_research(delivery, destination)
    check_address(delivery, str(destination.address))
    return destination


def check_address(delivery: DeliveryRow, address: str) -> None:
    """Check that a delivery was released to this address.

    Raises
    ------
    Permanent
        ``destination-changed``.
    """
    if delivery.address != address:
        raise Permanent(
            "destination-changed", destination=delivery.destination, released=delivery.address, found=address
        )


def check_research(delivery: DeliveryRow, destination: Peer) -> None:
    """Check that the destination may get what a delivery holds.

    Raises
    ------
    Permanent
        ``destination-not-research``.
    """
    if delivery.research_only and not destination.research:
        raise Permanent("destination-not-research", destination=destination.name)
