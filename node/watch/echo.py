"""Is a destination there: a C-ECHO (PS3.4 A) by this node's own AE title."""

from __future__ import annotations

from collections.abc import Callable

from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from node.errors import Transient
from node.network import Peer

_LIMIT_S = 10.0


def echo_as(calling_ae: str) -> Callable[[Peer], None]:
    """Return what raises ``peer-unreachable`` where a peer does not answer a C-ECHO with success."""

    def check_reachable(peer: Peer) -> None:
        entity = AE(ae_title=calling_ae)
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _LIMIT_S
        entity.add_requested_context(Verification)
        address = peer.address
        association = entity.associate(address.host, address.port, ae_title=address.ae_title)
        if not association.is_established:
            raise Transient("peer-unreachable", peer=str(address))
        try:
            status = association.send_c_echo()
        finally:
            association.release()
        if status.get("Status") != 0:
            raise Transient("peer-unreachable", peer=str(address))

    return check_reachable
