"""Jobs that ended long ago go, counted; what is under way, ended badly or is young stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select, text

from node.audit.tables import AuditRow
from node.audit.verify import verify
from node.settings import KeepSection
from node.workflows import pruning
from node.workflows.pruning import Pruning

pytestmark = BOTH_DATABASES

DAY_MS = 86_400_000


def enqueue(rooms: Any, *names: str) -> None:
    with rooms.node.database.write() as session:
        for name in names:
            rooms.node.queue.enqueue_delivery(session, name, "pacs")


def end(rooms: Any, name: str, status: str, days_ago: float) -> None:
    ended = int(rooms.clock.now().timestamp() * 1000 - days_ago * DAY_MS)
    with rooms.node.database.write() as session:
        change = text("UPDATE workflow_status SET status = :status, completed_at = :ended WHERE workflow_uuid = :job")
        session.execute(change, {"status": status, "ended": ended, "job": f"delivery/{name}/1"})


def left(rooms: Any, table: str = "workflow_status") -> set[str]:
    with rooms.node.database.read() as session:
        names = session.execute(text(f"SELECT workflow_uuid FROM {table}")).scalars()
        return {name.split("/")[1] for name in names}


def prune(rooms: Any) -> int:
    return Pruning(rooms.node.trail, rooms.node.queue, rooms.clock, KeepSection(jobs_days=30)).prune()


def counted(rooms: Any) -> list[int]:
    with rooms.node.database.read() as session:
        rows = session.scalars(select(AuditRow.details).where(AuditRow.code == "jobs-removed"))
        return [json.loads(details)["count"] for details in rows]


@pytest.mark.hazard("HAZ-11")
def test_only_what_ended_well_and_long_ago_is_removed(rooms) -> None:
    enqueue(rooms, "old", "young", "bad", "given-up", "waiting", "begun")
    end(rooms, "old", "SUCCESS", 31)
    end(rooms, "young", "SUCCESS", 29)
    end(rooms, "bad", "ERROR", 400)
    end(rooms, "given-up", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", 400)
    with rooms.node.database.write() as session:
        session.execute(
            text(
                "UPDATE workflow_status SET status = 'PENDING', created_at = 1 WHERE workflow_uuid = 'delivery/begun/1'"
            )
        )
    assert prune(rooms) == 1
    assert left(rooms) == {"young", "bad", "given-up", "waiting", "begun"}
    assert left(rooms, "workflow_input") == left(rooms)
    assert counted(rooms) == [1]
    assert prune(rooms) == 0
    assert counted(rooms) == [1], "nothing removed, nothing said"
    assert verify(rooms.node.database, rooms.node.anchor).valid


def test_many_go_in_batches(rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_BATCH", 2)
    names = [f"d{number}" for number in range(5)]
    enqueue(rooms, *names)
    for name in names:
        end(rooms, name, "SUCCESS", 40)
    assert prune(rooms) == 5
    assert counted(rooms) == [2, 2, 1]
