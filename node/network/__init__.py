"""Network: the peers that this node knows, and the channels by which it notifies people."""

from node.network.address import PeerAddress
from node.network.channels import Channel, Identification, Mail, Occasion, Webhook
from node.network.names import AeTitle, Name, Port
from node.network.peers import DeliverySettings, Peer, Right
from node.network.result_classes import ResultClass

__all__ = [
    "AeTitle",
    "Channel",
    "DeliverySettings",
    "Identification",
    "Mail",
    "Name",
    "Occasion",
    "Peer",
    "PeerAddress",
    "Port",
    "ResultClass",
    "Right",
    "Webhook",
]
