"""The DICOM receiver: C-STORE and C-ECHO by pynetdicom, whose handlers translate, delegate and translate back."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.pdu_primitives import A_P_ABORT

from node.errors import NodeError, Transient
from node.receive.admission import Admission
from node.receive.commitments import CommitmentReport, Commitments
from node.receive.contexts import STORAGE_CLASSES, contexts_for
from node.receive.entries import AssociationEnd, Sender
from node.receive.intake import Incoming, Intake, StoreRefused
from node.receive.limits import ConnectionLimits
from node.receive.server import FrontDoor, Listener
from pipelines.objects.encoding import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

log = structlog.get_logger(__name__)

SUCCESS = 0x0000
_PROCESSING_FAILURE, _INVALID_ARGUMENT = 0x0110, 0x0115
C_STORE_RQ = 0x0001
STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "archive-full": 0xA700,
        "archive-not-writable": 0xA700,
        "journal-not-writable": 0xA700,
        "class-mismatch": 0xA900,
        "data-set-empty": 0xC100,
        "uid-invalid": 0xC101,
        "request-incomplete": 0xC102,
        "internal-error": 0xC1FF,
    }
)
"""DIMSE status by reason code (PS3.4 table B.2-1): A7xx out of resources, A9xx and Cxxx the object itself."""


class Receiver:
    """A C-STORE and C-ECHO SCP.

    Parameters
    ----------
    intake
        Takes instances in.
    admission
        Judges who may open an association.
    limits
        Time-outs and sizes.
    spool
        Where large data sets are kept while they come in.
    commitments
        Takes what peers report on storage commitment.
    """

    def __init__(
        self,
        intake: Intake,
        admission: Admission,
        limits: ConnectionLimits,
        spool: Path,
        commitments: Commitments,
    ) -> None:
        self._intake = intake
        self._admission = admission
        self._commitments = commitments
        self._limits = limits
        self._senders: dict[Association, Sender] = {}
        self._broken: set[Association] = set()
        self._listener = Listener(FrontDoor(admission, limits, spool, self._refused), _ae(admission, limits))

    def start(self, host: str, port: int) -> int:
        """Listen on `host` and `port` (0: any free one), answer in threads, and return the port.

        Raises
        ------
        Transient
            ``port-not-free``: the address cannot be listened on.
        """
        handlers: list[EventHandlerType] = [
            (evt.EVT_CONN_OPEN, self._on_connected),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ESTABLISHED, self._on_established),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_DIMSE_RECV, self._on_message),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_N_EVENT_REPORT, self._on_commitment),
            (evt.EVT_ACSE_RECV, self._on_acse),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
        ]
        try:
            return self._listener.start(host, port, handlers)
        except OSError as error:
            raise Transient("port-not-free", host=host, port=port, error=error.strerror or str(error)) from error

    def stop(self) -> None:
        """Stop listening and abort what is open."""
        self._listener.stop()

    def _refused(self, calling_ae: str, called_ae: str, host: str, code: str) -> None:
        with _logged():
            self._intake.refused(calling_ae, called_ae, host, code)

    def _on_connected(self, event: Event) -> None:
        connection = getattr(event.assoc.dul.socket, "socket", None)
        if connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_requested(self, event: Event) -> None:
        request: Any = event.assoc.requestor.primitive
        proposed = request.presentation_context_definition_list
        classes = {str(context.abstract_syntax) for context in proposed}
        if not self._admission.may_store(str(request.calling_ae_title), str(event.assoc.requestor.address)):
            classes -= STORAGE_CLASSES
        event.assoc.acceptor.supported_contexts = contexts_for(classes)

    def _on_established(self, event: Event) -> None:
        self._senders[event.assoc] = _sender(event.assoc)

    def _on_echo(self, event: Event) -> int:
        return SUCCESS

    def _on_message(self, event: Event) -> None:
        # pynetdicom drops an incomplete request without an answer, and the sender would wait until it times out.
        message: Any = event.message
        command: Dataset = message.command_set
        if command.get("CommandField") == C_STORE_RQ and (lacking := _lacking(command)):
            log.warning("store refused", reason="request-incomplete", lacking=lacking)
            answer = C_STORE()
            answer.MessageIDBeingRespondedTo = command.get("MessageID") or 0
            answer.Status = STATUSES["request-incomplete"]
            event.assoc.dimse.send_msg(answer, message.context_id)

    def _on_store(self, event: Event) -> int | Dataset:
        sender = self._senders[event.assoc]
        try:
            self._intake.accept(incoming(event), sender)
        except (StoreRefused, Transient) as why:
            log.warning("store refused", association=sender.association_id, reason=why.reason.code)
            return failure(why)
        return SUCCESS

    def _on_commitment(self, event: Event) -> tuple[int, None]:
        sender = self._senders[event.assoc]
        try:
            information = event.event_information
            transaction = str(information.get("TransactionUID", ""))
            kept = self._commitments.keep(transaction, sender.calling_ae, CommitmentReport.of(information))
        except (OSError, AttributeError, TypeError, ValueError) as problem:
            log.warning("commitment report not kept", association=sender.association_id, reason=type(problem).__name__)
            return _PROCESSING_FAILURE, None
        if not kept:
            log.warning("commitment report not expected", association=sender.association_id)
        return (SUCCESS if kept else _INVALID_ARGUMENT), None

    def _on_acse(self, event: Event) -> None:
        # pynetdicom reports a broken connection as an abort by the provider.
        if isinstance(getattr(event, "primitive", None), A_P_ABORT):
            self._broken.add(event.assoc)

    def _on_released(self, event: Event) -> None:
        self._ended(event.assoc, AssociationEnd.RELEASED)

    def _on_aborted(self, event: Event) -> None:
        self._ended(event.assoc, AssociationEnd.LOST if event.assoc in self._broken else AssociationEnd.ABORTED)

    def _ended(self, association: Association, end: AssociationEnd) -> None:
        self._listener.left(association)
        self._broken.discard(association)
        sender = self._senders.pop(association, None)
        if sender is not None:
            with _logged():
                self._intake.ended(sender, end)


def incoming(event: Event) -> Incoming:
    """Translate a C-STORE request without decoding its data set.

    Raises
    ------
    StoreRefused
        ``data-set-empty``: the request has none; ``class-mismatch``: its SOP class is not the presentation context's.
    """
    request: Any = event.request
    context = event.context
    if request.DataSet is None:
        raise StoreRefused("data-set-empty", sop_instance=str(request.AffectedSOPInstanceUID))
    if str(request.AffectedSOPClassUID) != str(context.abstract_syntax):
        raise StoreRefused(
            "class-mismatch", found=str(request.AffectedSOPClassUID), negotiated=str(context.abstract_syntax)
        )
    request.DataSet.seek(0)
    return Incoming(
        str(request.AffectedSOPClassUID),
        str(request.AffectedSOPInstanceUID),
        str(context.transfer_syntax),
        request.DataSet,
    )


def failure(why: NodeError) -> Dataset:
    """Return the status that tells a sender why; ErrorComment (0000,0902) holds at most 64 characters."""
    status = Dataset()
    status.Status = STATUSES.get(why.reason.code, STATUSES["internal-error"])
    status.ErrorComment = why.reason.code[:64]
    return status


def _lacking(command: Dataset) -> list[str]:
    """Return what a C-STORE request must have and this one has not (PS3.7 9.3.1.1)."""
    keywords = ("MessageID", "AffectedSOPClassUID", "AffectedSOPInstanceUID", "Priority")
    return [keyword for keyword in keywords if command.get(keyword) in (None, "")]


def _ae(admission: Admission, limits: ConnectionLimits) -> AE:
    ae = AE(ae_title=admission.ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = limits.max_pdu
    ae.acse_timeout = limits.request_seconds
    ae.dimse_timeout = limits.dimse_seconds
    ae.network_timeout = limits.idle_seconds
    # How many may come in is judged at the front door; pynetdicom would count those who were turned away as well.
    ae.maximum_associations = 1_000_000
    return ae


def _sender(association: Association) -> Sender:
    request: Any = association.requestor.primitive
    calling, called = (str(title).strip() for title in (request.calling_ae_title, request.called_ae_title))
    return Sender(uuid.uuid4().hex, calling, called, str(association.requestor.address))


@contextmanager
def _logged() -> Iterator[None]:
    # What cannot be written down here is made good by the next start's line, which closes what was left open.
    try:
        yield
    except Transient as problem:
        log.error("journal not written", reason=problem.reason.code)
