"""Who may open an association, and with which limits."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from node.network import Peer, Right


class Rejection(Enum):
    """Why an association is turned away, with the result, source and diagnostic of PS3.8 table 9-21."""

    CALLED_AE_UNKNOWN = ("called-ae-unknown", (1, 1, 7))
    CALLING_AE_UNKNOWN = ("calling-ae-unknown", (1, 1, 3))
    RIGHT_MISSING = ("peer-may-not-store", (1, 1, 3))
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
    """Checks who may open an association.

    Attributes
    ----------
    ae_title
        The called AE title that is answered to.
    peers
        All peers that the node knows. Those that may store may come in. While none may, any other calling AE title may,
        but from loopback addresses only: a listed peer has the rights that it was given, wherever it calls from.
    max_associations
        At one time.
    """

    ae_title: str
    peers: Sequence[Peer]
    max_associations: int

    def check_titles(self, calling_ae: str, called_ae: str, host: str) -> Rejection | None:
        """Return why who asks is turned away, or None. It may look up host names, which may take many seconds.

        Parameters
        ----------
        calling_ae, called_ae
            AE titles as requested.
        host
            The caller's address.
        """
        calling = calling_ae.strip()
        if not calling:
            return Rejection.CALLING_AE_UNKNOWN  # PS3.5 6.2: a title of spaces alone names nobody
        return self._check_caller(calling, host) or (
            Rejection.CALLED_AE_UNKNOWN if called_ae.strip() != self.ae_title else None
        )

    def may_store(self, calling_ae: str, host: str) -> bool:
        """Return whether who was let in may store; a peer that only reports on storage commitment may not."""
        titled = [peer for peer in self.peers if peer.ae_title == calling_ae.strip()]
        here = [peer for peer in titled if peer.host is not None and _same_host(peer.host, host)]
        return not titled or any(Right.STORE in peer.may for peer in here)

    def check_room(self, open_associations: int) -> Rejection | None:
        """Return why nobody can come in now, or None; counted are those that are open and the one that asks."""
        return Rejection.TOO_MANY_ASSOCIATIONS if open_associations > self.max_associations else None

    def _check_caller(self, calling: str, host: str) -> Rejection | None:
        titled = [peer for peer in self.peers if peer.ae_title == calling]
        if not titled:
            if any(Right.STORE in peer.may for peer in self.peers):
                return Rejection.CALLING_AE_UNKNOWN
            return None if _is_loopback(host) else Rejection.ADDRESS_UNKNOWN
        known = [peer for peer in titled if peer.host is not None and _same_host(peer.host, host)]
        if not known:
            return Rejection.ADDRESS_UNKNOWN
        return None if any(Right.STORE in peer.may or peer.commits for peer in known) else Rejection.RIGHT_MISSING


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
