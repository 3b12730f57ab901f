"""Storage commitment: delivered when the destination commits; what it does not keep is sent again, once by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from orthanc import Orthanc
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)
from waiting import free_port, wait_for

from node.actor import Actor, Role
from node.clock import SystemClock
from node.network import Peer, Right
from node.receive.admission import Admission
from node.receive.commitments import CommitmentReport, Commitments
from node.receive.limits import ConnectionLimits
from node.receive.reception import ReceiveOptions, Reception
from node.states import DeliveryState

PHYSICIST = Actor.person("m.curie", Role)


@pytest.fixture
def released(delivering: Any, mr_study: Callable[[], Any]) -> Callable[[int], Any]:
    """Release a result of three images to a PACS that is asked for commitment."""

    def to(port: int, title: str = "PACS") -> Any:
        deliver = {"research": True, "commitment": True}
        peer = Peer(name="research", ae_title=title, host="127.0.0.1", port=port, deliver=deliver)  # type: ignore[arg-type]
        delivering.configure(peer)
        delivering.hold(mr_study(), slices=3)
        delivering.release()
        return delivering

    return to


class CommittingPacs:
    """A PACS that answers requests with what `answer` says, on an association of its own or not at all."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.asked: list[Dataset] = []
        self.status = 0x0000
        entity = AE(ae_title="PACS")
        entity.add_supported_context(CTImageStorage)
        entity.add_supported_context(StorageCommitmentPushModel)
        handlers = [(evt.EVT_C_STORE, self._on_store), (evt.EVT_N_ACTION, self._on_action)]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port: int = self._server.server_address[1]

    def close(self) -> None:
        self._server.shutdown()

    def _on_store(self, event: evt.Event) -> int:
        self.stored.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    def _on_action(self, event: evt.Event) -> tuple[int, None]:
        self.asked.append(event.action_information)
        return self.status, None

    def report(self, commitments: Commitments, *failed: str) -> None:
        """Answer the last request, as the receiver would keep it."""
        information = self.asked[-1]
        named = {str(item.ReferencedSOPInstanceUID) for item in information.ReferencedSOPSequence}
        report = CommitmentReport(frozenset(named - set(failed)), dict.fromkeys(failed, 0x0112))
        assert commitments.keep(str(information.TransactionUID), "PACS", report)


@pytest.fixture
def pacs() -> Iterator[CommittingPacs]:
    made = CommittingPacs()
    yield made
    made.close()


def commitments_of(delivering: Any) -> Commitments:
    return Commitments(delivering.node.layout.commitments)


@pytest.mark.hazard("HAZ-01")
def test_it_is_delivered_when_the_destination_commits_and_not_before(
    released: Callable[[int], Any], pacs: CommittingPacs
) -> None:
    delivering = released(pacs.port)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.COMMITTING, "commitment-awaited")
    assert delivering.attempt().state == DeliveryState.COMMITTING
    assert (len(pacs.stored), len(pacs.asked)) == (3, 1)
    pacs.report(commitments_of(delivering))
    row = delivering.attempt()
    assert (row.state, row.committed_at, row.reason_code) == (
        DeliveryState.DELIVERED,
        delivering.rooms.clock.now(),
        None,
    )
    assert len(pacs.stored) == 3
    assert list(delivering.node.layout.commitments.iterdir()) == []


@pytest.mark.hazard("HAZ-01")
def test_what_it_does_not_commit_to_is_sent_again_once_and_then_a_person_is_asked(
    released: Callable[[int], Any], pacs: CommittingPacs
) -> None:
    delivering = released(pacs.port)
    lost = delivering.attempt().items[1].sop_instance_uid
    pacs.report(commitments_of(delivering), lost)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.PENDING, "commitment-failed")
    assert [item.status for item in row.items] == [0, None, 0]
    assert delivering.attempt().state == DeliveryState.COMMITTING
    assert pacs.stored[3:] == [lost]
    pacs.report(commitments_of(delivering), lost)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "commitment-failed")
    assert row.reason_parameters["status"] == "0112"
    delivering.service().deliver_again(row.delivery_id, PHYSICIST, "the disk was replaced")
    assert delivering.attempt().state == DeliveryState.COMMITTING
    pacs.report(commitments_of(delivering))
    assert delivering.attempt().state == DeliveryState.DELIVERED
    assert pacs.stored[4:] == [lost]


@pytest.mark.hazard("HAZ-11")
def test_an_answer_that_does_not_come_has_an_end(released: Callable[[int], Any], pacs: CommittingPacs) -> None:
    delivering = released(pacs.port)
    delivering.attempt()
    delivering.rooms.clock.advance(timedelta(hours=25).total_seconds())
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "commitment-late")


def test_a_destination_that_refuses_the_request_is_named(released: Callable[[int], Any], pacs: CommittingPacs) -> None:
    pacs.status = 0x0122
    row = released(pacs.port).attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "commitment-refused")


def test_an_answer_that_nobody_expects_of_that_peer_is_not_kept(tmp_path: Path) -> None:
    commitments = Commitments(tmp_path / "commitments")
    assert not commitments.keep("1.2.3", "PACS", CommitmentReport())
    commitments.expect("1.2.3", "PACS")
    assert not commitments.keep("1.2.3", "OTHER", CommitmentReport(frozenset({"1"})))
    assert not commitments.keep("../1.2.3", "PACS", CommitmentReport())
    assert commitments.report("1.2.3") is None
    assert commitments.keep("1.2.3", "PACS", CommitmentReport(frozenset({"1"}), {"2": 0x0110}))
    assert commitments.report("1.2.3") == CommitmentReport(frozenset({"1"}), {"2": 0x0110})
    commitments.forget("1.2.3")
    assert commitments.report("1.2.3") is None


@pytest.fixture
def receive(tmp_path: Path) -> Iterator[Callable[..., Reception]]:
    """Start a receiver that knows these peers and keeps answers in this folder."""
    started: list[Reception] = []

    def start(peers: Sequence[Peer], commitments: Path, port: int = 0) -> Reception:
        root = tmp_path / "receiver"
        options = ReceiveOptions(
            name="receive",
            machine="local",
            archive=root / "archive",
            journal=root / "journal",
            host="127.0.0.1",
            port=port,
            admission=Admission("SYNTHNODE", peers, 20),
            limits=ConnectionLimits(),
            commitments=commitments,
        )
        started.append(Reception.open(options, SystemClock()))
        return started[-1]

    yield start
    for reception in started:
        reception.close()


@pytest.mark.hazard("HAZ-14")
def test_a_peer_that_only_commits_may_report_and_not_store(tmp_path: Path, receive: Callable[..., Reception]) -> None:
    peer = Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=9, deliver={"commitment": True})  # type: ignore[arg-type]
    scanner = Peer(name="mr", ae_title="MR", host="127.0.0.1", may=(Right.STORE,))
    commitments = Commitments(tmp_path / "commitments")
    transaction = generate_uid()
    commitments.expect(transaction, "PACS")
    reception = receive([peer, scanner], tmp_path / "commitments")
    association = AE(ae_title="PACS").associate(
        "127.0.0.1",
        reception.port,
        contexts=[build_context(StorageCommitmentPushModel), build_context(CTImageStorage)],
        ae_title="SYNTHNODE",
        ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)],
    )
    assert association.is_established
    assert [str(context.abstract_syntax) for context in association.accepted_contexts] == [StorageCommitmentPushModel]
    information = Dataset()
    information.TransactionUID = transaction
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, "1.2.3"
    information.ReferencedSOPSequence = [item]
    told = (StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
    assert association.send_n_event_report(information, 1, *told)[0].Status == 0x0000
    information.TransactionUID = generate_uid()
    assert association.send_n_event_report(information, 1, *told)[0].Status == 0x0115
    association.release()
    assert commitments.report(transaction) == CommitmentReport(frozenset({"1.2.3"}))


@pytest.mark.peer("orthanc")
def test_orthanc_commits_to_what_it_has(
    tmp_path: Path, released: Callable[..., Any], receive: Callable[..., Reception]
) -> None:
    port = free_port()
    orthanc = Orthanc(tmp_path / "pacs", port)
    orthanc.start()
    try:
        delivering = released(orthanc.port, "ORTHANC")
        receive(delivering.node.settings.peers, delivering.node.layout.commitments, port)
        assert delivering.attempt().state in {DeliveryState.COMMITTING, DeliveryState.DELIVERED}
        wait_for(lambda: delivering.attempt().state == DeliveryState.DELIVERED, within=20, what="Orthanc to commit")
        assert delivering.row().committed_at is not None
        assert orthanc.instances() == 3
    finally:
        orthanc.stop()
