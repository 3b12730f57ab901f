"""What a connection may cost before it is given up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Time-outs and sizes of connections and associations.

    Attributes
    ----------
    request_seconds
        From the connection to the last byte of its association request (the ARTIM timer of PS3.8 9.1.5).
    pdu_seconds
        From the first to the last byte of a PDU, and for the peer to take one of ours.
    dimse_seconds
        Wait for the rest of a message.
    idle_seconds
        Wait for the next message.
    max_pdu
        Bytes of a P-DATA-TF PDU, as offered to the sender.
    request_bytes
        Of an association request. One with all 128 presentation contexts and every transfer syntax has about 0.4 MB.
    data_bytes
        Of a P-DATA-TF PDU, whatever was offered: some senders do not keep to it.
    object_bytes
        Of the data set of one object.
    memory_bytes
        Of a data set that is kept in memory while it comes in; the rest of a longer one goes to an unnamed file.
    waiting, waiting_of_host
        Connections at one time, in all and from one address, whose request has not come yet. Above it the oldest of
        them goes, so that a sender that says at once what it wants is always heard.
    """

    request_seconds: float = 30.0
    pdu_seconds: float = 30.0
    dimse_seconds: float = 60.0
    idle_seconds: float = 300.0
    max_pdu: int = 131072
    request_bytes: int = 1 << 20
    data_bytes: int = 1 << 20
    object_bytes: int = 4 << 30
    memory_bytes: int = 4 << 20
    waiting: int = 64
    waiting_of_host: int = 16
