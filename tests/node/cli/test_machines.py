"""`synthnode machines` shows who takes jobs, and who was silent for too long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from node.cli.app import app
from node.machines.tables import ExecutorLeaseRow


def listed(data: Path, *options: str) -> str:
    done = CliRunner().invoke(app, ["machines", "--data", str(data), *options])
    assert done.exit_code == 0, done.exception
    return done.stdout


@pytest.mark.hazard("HAZ-11")
def test_who_takes_jobs_is_listed_and_who_is_silent_is_named(rooms: Any) -> None:
    data = rooms.node.settings.data
    assert "the node is stopped" in listed(data)
    engine, worker = rooms.node.lease("engine"), rooms.node.lease("worker-0")
    engine.take()
    worker.take()
    with rooms.node.database.write() as session:
        session.execute(
            update(ExecutorLeaseRow)
            .where(ExecutorLeaseRow.executor == worker.executor)
            .values(expires_ms=ExecutorLeaseRow.expires_ms - 60_000)
        )
    at_work, silent = listed(data).splitlines()
    assert at_work.startswith(f"{engine.executor}  at work")
    assert silent.startswith(f"{worker.executor}  silent")
    found = json.loads(listed(data, "--json").splitlines()[-1])
    assert [one["executor"] for one in found["executors"]] == [engine.executor, worker.executor]
    assert [one["left_seconds"] > 0 for one in found["executors"]] == [True, False]
