"""Network: the peers that this node knows, one table for who may call and for where results go."""

from node.network.address import PeerAddress
from node.network.names import AeTitle, Name, Port
from node.network.peers import DeliverySettings, Peer, Right
from node.network.result_classes import ResultClass

__all__ = ["AeTitle", "DeliverySettings", "Name", "Peer", "PeerAddress", "Port", "ResultClass", "Right"]
