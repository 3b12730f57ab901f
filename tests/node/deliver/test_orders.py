"""The order of sending: images before what lies on them, whatever order a pipeline wrote them in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import (
    CTImageStorage,
    EncapsulatedPDFStorage,
    MRImageStorage,
    ParametricMapStorage,
    RTStructureSetStorage,
    SegmentationStorage,
)

from node.deliver.orders import order_delivery
from node.network import Peer

IMAGES = (CTImageStorage, MRImageStorage)
LYING_ON_IMAGES = (RTStructureSetStorage, SegmentationStorage, ParametricMapStorage)
ALL = (*IMAGES, *LYING_ON_IMAGES, EncapsulatedPDFStorage)


@dataclass
class Made:
    position: int
    sop_class_uid: str
    sop_instance_uid: str = "1.2.3"
    location: str = ""


class Nothing:
    """Stands for the session and the queue: what they are given is no matter here."""

    def add(self, _row: object) -> None:
        return None

    def enqueue_delivery(self, *_: object) -> None:
        return None


@pytest.mark.hazard("HAZ-21")
@given(st.lists(st.sampled_from(ALL), min_size=1, max_size=12))
def test_images_go_before_what_lies_on_them_and_each_kind_as_it_was_made(classes: list[str]) -> None:
    objects = [Made(position, uid, str(position)) for position, uid in enumerate(classes)]
    wants = ["CTImageStorage", "MRImageStorage", "RTStructureSetStorage"]
    pacs = Peer(name="p", ae_title="P", host="127.0.0.1", port=9, deliver={"wants": wants})  # type: ignore[arg-type]
    if not any(pacs.wants(uid) for uid in classes):
        return
    nothing: Any = Nothing()
    now = datetime(2026, 1, 5, tzinfo=UTC)
    delivery = order_delivery(nothing, nothing, "run", objects, pacs, research_only=False, now=now)
    assert [item.position for item in delivery.items] == list(range(len(classes)))
    ranks = [0 if i.sop_class_uid in IMAGES else 1 if i.sop_class_uid in LYING_ON_IMAGES else 2 for i in delivery.items]
    assert ranks == sorted(ranks)
    for kind in (0, 1, 2):
        made = [int(i.sop_instance_uid) for i, rank in zip(delivery.items, ranks, strict=True) if rank == kind]
        assert made == sorted(made)
