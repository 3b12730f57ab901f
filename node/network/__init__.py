"""Network: the peers that this node knows, and the channels by which it notifies people."""

from node.network.address import Address, FolderAddress, PeerAddress, WebAddress
from node.network.channels import Channel, Identification, Mail, Occasion, Webhook
from node.network.kinds import ReturnSettings, ReturnWay, StowSettings, TlsSettings
from node.network.names import AeTitle, Name, Port
from node.network.peers import DeliverySettings, Peer, Right
from node.network.result_classes import ResultClass

__all__ = [
    "Address",
    "AeTitle",
    "Channel",
    "DeliverySettings",
    "FolderAddress",
    "Identification",
    "Mail",
    "Name",
    "Occasion",
    "Peer",
    "PeerAddress",
    "Port",
    "ResultClass",
    "ReturnSettings",
    "ReturnWay",
    "Right",
    "StowSettings",
    "TlsSettings",
    "WebAddress",
    "Webhook",
]
