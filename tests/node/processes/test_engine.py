"""The engine's tick: receipts first, but a sender that never stops keeps no study from settling."""

from __future__ import annotations

import pytest

from node.archive.ingest import BATCH
from node.processes.engine import take_in


class Stream:
    """An ingest that always finds something; a router and early orders that note when they were asked."""

    def __init__(self, *batches: int) -> None:
        self.batches = list(batches)
        self.said: list[object] = []

    def step(self) -> int:
        taken = self.batches.pop(0) if self.batches else 1
        self.said.append(taken)
        return taken

    def settle_due(self) -> int:
        self.said.append("settled")
        return 0

    def order_due(self) -> int:
        self.said.append("early orders")
        return 0


def test_all_that_waits_is_taken_in_before_anything_settles() -> None:
    stream = Stream(BATCH, BATCH, 7)
    take_in(stream, stream, stream)
    assert stream.said == [BATCH, BATCH, 7, "settled", "early orders"]


@pytest.mark.hazard("HAZ-11")
def test_studies_settle_while_somebody_goes_on_sending() -> None:
    stream = Stream()
    take_in(stream, stream, stream)
    assert stream.said == [1, "settled", "early orders"]
