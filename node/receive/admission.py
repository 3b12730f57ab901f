"""Who may open an association, and with which limits."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from node.network import Peer


class Rejection(Enum):
    """Why an association is turned away, with the result, source and diagnostic of PS3.8 table 9-21."""

    CALLED_AE_UNKNOWN = ("called-ae-unknown", (1, 1, 7))
    CALLING_AE_UNKNOWN = ("calling-ae-unknown", (1, 1, 3))
    ADDRESS_UNKNOWN = ("address-unknown", (1, 1, 3))
    TOO_MANY_ASSOCIATIONS = ("too-many-associations", (2, 3, 2))

    @property
    def code(self) -> str:
        """The reason's code."""
        return self.value[0]

    @property
    def pdu(self) -> tuple[int, int, int]:
        """Result, source and diagnostic."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Admission:
    """Judges who may open an association.

    Attributes
    ----------
    ae_title
        The called AE title that is answered to.
    peers
        Who may come in. Empty: any calling AE title, but from loopback addresses only.
    max_associations
        At one time, the one that is judged included.
    """

    ae_title: str
    peers: Sequence[Peer]
    max_associations: int

    def judge(self, calling_ae: str, called_ae: str, host: str, open_associations: int) -> Rejection | None:
        """Return why the association is turned away, or None when it may be opened.

        Parameters
        ----------
        calling_ae, called_ae
            AE titles as requested.
        host
            The peer's address.
        open_associations
            How many are open, this one included.
        """
        calling = calling_ae.strip()
        if not calling:
            return Rejection.CALLING_AE_UNKNOWN  # PS3.5 6.2: a title of spaces alone names nobody
        if not self.peers:
            if not _is_loopback(host):
                return Rejection.ADDRESS_UNKNOWN
        elif calling not in {peer.ae_title for peer in self.peers}:
            return Rejection.CALLING_AE_UNKNOWN
        elif not any(peer.ae_title == calling and _same_host(peer.host, host) for peer in self.peers):
            return Rejection.ADDRESS_UNKNOWN
        if called_ae.strip() != self.ae_title:
            return Rejection.CALLED_AE_UNKNOWN
        if open_associations > self.max_associations:
            return Rejection.TOO_MANY_ASSOCIATIONS
        return None


def _is_loopback(host: str) -> bool:
    try:
        return _address(host).is_loopback
    except ValueError:
        return False


def _same_host(known: str, host: str) -> bool:
    try:
        caller = _address(host)
        try:
            return _address(known) == caller
        except ValueError:
            # A name: resolved at each association, so that a change of address needs no restart.
            found = socket.getaddrinfo(known, None, proto=socket.IPPROTO_TCP)
            return any(_address(str(entry[4][0])) == caller for entry in found)
    except (ValueError, OSError):
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
