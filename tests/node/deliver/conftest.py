"""A peer that answers each C-STORE with the next status of a list, and a released result that is delivered to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, RTStructureSetStorage  # type: ignore[attr-defined]
from sqlalchemy import select

from node.actor import Actor, Role
from node.audit.tables import AuditRow
from node.deliver.confirmation import Confirmation
from node.deliver.deadline import TimeLimits
from node.deliver.sender import DeliverySender
from node.deliver.service import DeliveryService
from node.deliver.tables import DeliveryRow
from node.network import Peer
from node.receive.commitments import Commitments
from node.runs.tables import RunRow

PHYSICIST = Actor.person("m.curie", Role)

ABORT = -1


@dataclass
class FakePacs:
    """A storage SCP; `answers` are used up one by one, then everything is stored."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    received: list[tuple[str, bytes]] = field(default_factory=list)
    associations: int = 0
    on_store_hook: Callable[[evt.Event], int] | None = None

    def on_store(self, event: evt.Event) -> int:
        if self.on_store_hook is not None:
            return self.on_store_hook(event)
        answer = self.answers.pop(0) if self.answers else 0
        if answer == ABORT:
            event.assoc.abort()
            return 0
        self.received.append((str(event.request.AffectedSOPInstanceUID), event.request.DataSet.getvalue()))
        return answer

    def on_open(self, _event: evt.Event) -> None:
        self.associations += 1


@pytest.fixture
def start_pacs() -> Iterator[Callable[..., FakePacs]]:
    servers = []

    def start(
        *answers: int,
        port: int = 0,
        require_called: bool = False,
        takes: Sequence[str] = (CTImageStorage, RTStructureSetStorage),
    ) -> FakePacs:
        pacs = FakePacs(answers=list(answers))
        ae = AE(ae_title="PACS")
        ae.require_called_aet = require_called
        for sop_class in takes:
            ae.add_supported_context(sop_class)
        server = ae.start_server(
            ("127.0.0.1", port),
            block=False,
            evt_handlers=[(evt.EVT_C_STORE, pacs.on_store), (evt.EVT_ACCEPTED, pacs.on_open)],
        )
        servers.append(server)
        pacs.port = server.server_address[1]
        return pacs

    yield start
    for server in servers:
        server.shutdown()


@dataclass
class Delivering:
    """A result that was computed and is held, and its way to the destination `research`."""

    rooms: Any
    run_id: str = ""
    images: list[Any] = field(default_factory=list)

    @property
    def node(self) -> Any:
        return self.rooms.node

    def configure(self, *destinations: Peer) -> None:
        """Change the settings of destinations, as before a new start of the node."""
        self.node.settings = self.node.settings.model_copy(update={"peers": destinations})

    def hold(self, images: list[Any], slices: int = 1) -> None:
        """Bring a study to a held result."""
        self.rooms.pipeline.slices = slices
        self.rooms.file(*images)
        self.rooms.settle()
        with self.node.database.read() as session:
            self.run_id = session.scalars(select(RunRow.run_id)).one()
        self.rooms.compute(self.run_id)

    def release(self) -> None:
        self.node.release_service.release(self.run_id, PHYSICIST, "ok")

    def sender(self) -> DeliverySender:
        """Return a sender as a process that starts now has it: with the settings of this moment."""
        parts = self.node
        return DeliverySender(
            parts.database,
            parts.trail,
            parts.files,
            parts.queue,
            parts.settings,
            parts.freshness,
            self.rooms.clock,
            Confirmation(
                parts.database,
                Commitments(parts.layout.commitments),
                parts.settings.delivery,
                self.rooms.clock,
                TimeLimits(),
            ),
            TimeLimits(),
        )

    def service(self) -> DeliveryService:
        """Return the delivery service as a process that starts now has it."""
        parts = self.node
        return DeliveryService(parts.trail, parts.queue, parts.settings, parts.freshness, self.rooms.clock)

    def attempt(self, destination: str = "research") -> DeliveryRow:
        """Make one attempt and return the delivery."""
        self.sender().attempt(f"{self.run_id}:{destination}")
        return self.row(destination)

    def row(self, destination: str = "research") -> DeliveryRow:
        with self.node.database.read() as session:
            row = session.get_one(DeliveryRow, f"{self.run_id}:{destination}")
            _ = row.items
            return row

    def run(self) -> RunRow:
        with self.node.database.read() as session:
            return session.get_one(RunRow, self.run_id)

    def last_audit(self) -> AuditRow:
        with self.node.database.read() as session:
            return session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one()


@pytest.fixture
def research_pacs() -> Callable[..., Peer]:
    """The destination `research` at a port of this machine."""

    def made(port: int, *, research: bool = True, **changes: Any) -> Peer:
        stated = {"name": "research", "ae_title": "PACS", "host": "127.0.0.1", "port": port}
        return Peer(**{**stated, "deliver": {"research": research}, **changes})

    return made


@pytest.fixture
def delivering(rooms: Any) -> Delivering:
    return Delivering(rooms)
