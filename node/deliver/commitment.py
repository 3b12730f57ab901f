"""Ask a peer to commit to what it stored (storage commitment push model, PS3.4 J), and take an answer at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from node.deliver.connection import tls_context
from node.deliver.deadline import TimeLimits
from node.errors import Permanent, Transient
from node.network import Peer
from node.receive.commitments import CommitmentReport, Commitments

_REQUEST = 1
"""Action Type ID of "Request Storage Commitment" (PS3.4 table J.3-1)."""

_AT_ONCE_S = 1.0
"""How long the association is kept for an answer on it; most archives call back on one of their own."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that a peer said it has."""

    sop_class_uid: str
    sop_instance_uid: str


def request_commitment(
    destination: Peer,
    calling_ae: str,
    transaction_uid: str,
    objects: Sequence[StoredObject],
    commitments: Commitments,
    limits: TimeLimits,
) -> None:
    """Ask a peer to commit to objects; its answer is kept in `commitments`, now or when it calls.

    Raises
    ------
    Transient
        ``peer-unreachable``, ``peer-aborted``.
    Permanent
        ``commitment-refused``: the peer does not offer the service or does not take the request.
    """
    peer = destination.application_entity
    commitments.expect(transaction_uid, peer.ae_title)
    answered = threading.Event()

    def take(event: evt.Event) -> tuple[int, None]:
        information = event.event_information
        kept = commitments.keep(
            str(information.get("TransactionUID", "")), peer.ae_title, CommitmentReport.of(information)
        )
        answered.set()
        return (0x0000 if kept else 0x0115), None

    entity = AE(ae_title=calling_ae)
    entity.connection_timeout, entity.acse_timeout = limits.connect_s, limits.associate_s
    entity.dimse_timeout = entity.network_timeout = limits.response_s
    association = entity.associate(
        peer.host,
        peer.port,
        contexts=[build_context(StorageCommitmentPushModel, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])],
        ae_title=peer.ae_title,
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, take)],
        tls_args=None if destination.tls is None else (tls_context(destination.tls), peer.host),
    )
    if association.is_rejected:
        raise Permanent("commitment-refused", peer=str(peer), status="the association is rejected")
    if not association.is_established:
        raise Transient("peer-unreachable", peer=str(peer))
    try:
        if not association.accepted_contexts:
            raise Permanent("commitment-refused", peer=str(peer), status="it does not offer it")
        status, _ = association.send_n_action(
            _information(transaction_uid, objects),
            _REQUEST,
            StorageCommitmentPushModel,
            StorageCommitmentPushModelInstance,
        )
        if "Status" not in status:
            raise Transient("peer-aborted", peer=str(peer), sop_instance="(storage commitment)")
        if int(status.Status):
            raise Permanent("commitment-refused", peer=str(peer), status=f"{int(status.Status):04X}")
        answered.wait(_AT_ONCE_S)
    finally:
        association.release()


def _information(transaction_uid: str, objects: Sequence[StoredObject]) -> Dataset:
    information = Dataset()
    information.TransactionUID = transaction_uid
    information.ReferencedSOPSequence = []
    for one in objects:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.sop_class_uid, one.sop_instance_uid
        information.ReferencedSOPSequence.append(item)
    return information
