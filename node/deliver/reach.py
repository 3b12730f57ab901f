"""Is a destination there: a C-ECHO, a connection to its service, or its folder."""

from __future__ import annotations

from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from node.deliver.connection import tls_context, web_connection
from node.deliver.deadline import TimeLimits
from node.errors import Permanent, Transient
from node.network import Peer


def check_reachable(destination: Peer, calling_ae: str, limits: TimeLimits) -> None:
    """Check that a destination answers; of a DICOMweb service only that it can be connected to, with its certificate.

    Raises
    ------
    Transient
        ``peer-unreachable``, ``peer-aborted``, ``folder-not-there``.
    Permanent
        ``echo-refused``, ``tls-refused``, ``token-unusable``.
    """
    deliver = destination.deliver
    if deliver is not None and deliver.folder is not None:
        if not deliver.folder.is_dir():
            raise Transient("folder-not-there", folder=str(deliver.folder))
    elif deliver is not None and deliver.stow is not None:
        with web_connection(deliver.stow, limits):
            pass
    else:
        _echo(destination, calling_ae, limits)


def _echo(destination: Peer, calling_ae: str, limits: TimeLimits) -> None:
    entity = AE(ae_title=calling_ae)
    entity.connection_timeout, entity.acse_timeout = limits.connect_s, limits.associate_s
    entity.dimse_timeout = entity.network_timeout = limits.response_s
    entity.add_requested_context(Verification)
    peer = destination.application_entity
    tls = None if destination.tls is None else (tls_context(destination.tls), peer.host)
    association = entity.associate(peer.host, peer.port, ae_title=peer.ae_title, tls_args=tls)
    if association.is_rejected:
        raise Permanent("echo-refused", peer=str(peer), status="the association is rejected")
    if not association.is_established:
        raise Transient("peer-unreachable", peer=str(peer))
    try:
        if not association.accepted_contexts:
            raise Permanent("echo-refused", peer=str(peer), status="it takes no C-ECHO")
        status = association.send_c_echo()
        if "Status" not in status:
            raise Transient("peer-aborted", peer=str(peer), sop_instance="(C-ECHO)")
        if int(status.Status):
            raise Permanent("echo-refused", peer=str(peer), status=f"{int(status.Status):04X}")
    finally:
        association.release()
