"""Whether a result still stands: late images, conflicts and receipts that nobody has read yet all speak against it."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from postgresql import BOTH_DATABASES
from pydicom import Dataset
from sqlalchemy import select

from node.archive import freshness
from node.archive.tables import JournalPositionRow
from node.receive.entries import AssociationClosed, AssociationEnd
from node.receive.journal import Journal, JournalReader
from node.runs.tables import RunRow
from pipelines.contract import Reason

pytestmark = BOTH_DATABASES


@pytest.fixture
def settled(rooms, mr_study) -> tuple[Any, list[Dataset]]:
    images = mr_study(3)
    rooms.file(*images)
    rooms.settle()
    return rooms, images


def reason(rooms: Any) -> Reason | None:
    with rooms.node.database.read() as session:
        run = session.scalars(select(RunRow)).one()
        return rooms.node.freshness.reason_against(session, run.study_uid, run.revision)


def code(rooms: Any) -> str:
    found = reason(rooms)
    return "" if found is None else found.code


def test_nothing_speaks_against_a_study_that_is_as_it_was(settled) -> None:
    rooms, _ = settled
    assert reason(rooms) is None


@pytest.mark.hazard("HAZ-08")
def test_a_late_image_that_was_filed(settled, mr_study) -> None:
    rooms, images = settled
    rooms.file(*mr_study(1, StudyInstanceUID=images[0].StudyInstanceUID))
    assert code(rooms) == "study-receiving"


@pytest.mark.hazard("HAZ-08")
def test_a_late_image_that_was_acknowledged_and_not_read(settled, mr_study) -> None:
    rooms, images = settled
    rooms.acknowledge(*mr_study(1, StudyInstanceUID=images[0].StudyInstanceUID))
    assert code(rooms) == "receipts-unread"


@pytest.mark.hazard("HAZ-08")
def test_an_unread_image_that_cannot_be_read_may_be_of_the_study(settled, mr_study) -> None:
    rooms, _ = settled
    rooms.acknowledge(*mr_study(1), damaged=True)
    assert code(rooms) == "receipts-unread"


def test_an_unread_image_of_another_study_does_not_matter(settled, mr_study) -> None:
    rooms, _ = settled
    rooms.acknowledge(*mr_study(2))
    assert reason(rooms) is None


@pytest.mark.hazard("HAZ-08")
def test_when_more_is_unread_than_is_looked_at_nothing_is_known_until_it_is(
    settled, mr_study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "MOST_LOOKED_AT", 2)
    rooms, _ = settled
    rooms.acknowledge(*mr_study(5))
    assert [code(rooms) for _ in range(4)] == ["receipts-unread", "receipts-unread", "", ""], "two, two and one"


@pytest.mark.hazard("HAZ-08")
def test_behind_a_flood_of_others_a_late_image_is_found(settled, mr_study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "MOST_LOOKED_AT", 2)
    rooms, images = settled
    rooms.acknowledge(*mr_study(3), *mr_study(1, StudyInstanceUID=images[0].StudyInstanceUID))
    assert [code(rooms) for _ in range(4)] == ["receipts-unread"] * 4


def test_what_was_read_does_not_count_and_ends_of_associations_neither(settled, mr_study) -> None:
    rooms, images = settled
    rooms.acknowledge(*mr_study(1, StudyInstanceUID=images[0].StudyInstanceUID))
    end = JournalReader(rooms.node.layout.journal).end("receive-0")
    with rooms.node.database.write() as session:
        session.add(JournalPositionRow(receiver="receive-0", sequence=end.sequence, offset=end.offset))
    journal = Journal(rooms.node.layout.journal, "receive-0", rooms.clock)
    journal.append(AssociationClosed("a" * 32, AssociationEnd.RELEASED, rooms.clock.now()))
    journal.close()
    assert reason(rooms) is None


@pytest.mark.hazard("HAZ-08", "HAZ-18")
def test_other_bytes_under_a_known_uid(settled) -> None:
    rooms, images = settled
    images[1].PixelData = b"\1" * 8
    rooms.file(images[1])
    assert code(rooms) in {"study-quarantined", "study-receiving"}


@pytest.mark.hazard("HAZ-08")
def test_a_revision_that_does_not_order_it_any_more(settled) -> None:
    rooms, _ = settled
    with rooms.node.database.write() as session:
        session.scalars(select(RunRow)).one().revision = 0
    assert code(rooms) == "run-outdated"


@pytest.mark.hazard("HAZ-08")
def test_a_file_that_waits_is_looked_at_once(settled, mr_study, monkeypatch) -> None:
    rooms, images = settled
    rooms.acknowledge(*mr_study(3))
    looked = Mock(side_effect=freshness.look_at)
    monkeypatch.setattr(freshness, "look_at", looked)
    assert [code(rooms), code(rooms)] == ["", ""]
    assert looked.call_count == 3
    rooms.acknowledge(*mr_study(1, StudyInstanceUID=images[0].StudyInstanceUID))
    assert [code(rooms), code(rooms)] == ["receipts-unread"] * 2
    assert looked.call_count == 4
