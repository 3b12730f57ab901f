"""A peer that answers each C-STORE with the next status of a list, or aborts where the list says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, RTStructureSetStorage  # type: ignore[attr-defined]

ABORT = -1


@dataclass
class FakePacs:
    """A storage SCP; `answers` are used up one by one, then everything is stored."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    received: list[tuple[str, bytes]] = field(default_factory=list)
    associations: int = 0

    def on_store(self, event: evt.Event) -> int:
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

    def start(*answers: int, port: int = 0, require_called: bool = False) -> FakePacs:
        pacs = FakePacs(answers=list(answers))
        ae = AE(ae_title="PACS")
        ae.require_called_aet = require_called
        for sop_class in (CTImageStorage, RTStructureSetStorage):
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
