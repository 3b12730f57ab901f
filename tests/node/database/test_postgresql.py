"""What PostgreSQL alone needs: elsewhere no other machine writes, and a child without a heartbeat is killed."""

from __future__ import annotations

import json
import os
import signal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from postgresql import ON_POSTGRESQL, PostgresqlServer
from sqlalchemy import text
from typer.testing import CliRunner
from waiting import wait_for

from node.cli.app import app
from node.database import Database
from node.errors import Transient

pytestmark = ON_POSTGRESQL


@pytest.mark.hazard("HAZ-22")
@pytest.mark.timeout(60)
def test_a_process_that_was_stopped_in_a_recorded_change_holds_up_nobody_for_ever(migrated_database: Database) -> None:
    database = migrated_database
    database.close()
    context = get_context("fork")
    inside = context.Event()

    def hold() -> None:
        with Database(database.url, longest_pause_ms=500).write_exclusively():
            inside.set()
            signal.pause()

    stopped = context.Process(target=hold, daemon=True)
    stopped.start()
    assert inside.wait(20)
    os.kill(stopped.pid or 0, signal.SIGSTOP)
    try:
        with database.write_exclusively() as session:
            assert session.execute(text("SELECT 1")).scalar_one() == 1
    finally:
        stopped.kill()


@pytest.mark.hazard("HAZ-11")
@pytest.mark.timeout(60)
def test_one_node_works_on_a_database_and_when_it_is_gone_another(migrated_database: Database) -> None:
    url = migrated_database.url
    migrated_database.close()
    context = get_context("fork")
    inside = context.Event()

    def work() -> None:
        with Database(url).alone():
            inside.set()
            signal.pause()

    first = context.Process(target=work, daemon=True)
    first.start()
    assert inside.wait(20)
    with pytest.raises(Transient, match="database-in-use"), migrated_database.alone():
        pass
    first.kill()
    first.join()

    def enter() -> bool:
        try:
            with migrated_database.alone():
                return True
        except Transient:
            return False

    wait_for(enter, within=20, what="the server to miss the first")
    assert enter(), "it was given back"


@pytest.mark.hazard("HAZ-01")
def test_the_catalogue_is_rebuilt_into_postgresql(
    rooms: Any, mr_study: Any, postgresql_server: PostgresqlServer, tmp_path: Path
) -> None:
    images = mr_study(3)
    rooms.file(*images)
    empty = postgresql_server.url(postgresql_server.create_database()).replace("+psycopg", "")
    settings = tmp_path / "elsewhere.yaml"
    settings.write_text(f"data: data\ndatabase: {{url: '{empty}'}}\n")
    said = CliRunner().invoke(app, ["archive", "rebuild", "--json", "--config", str(settings)])
    assert json.loads(said.stdout.splitlines()[-1])["filed"] == 3
    status = CliRunner().invoke(app, ["status", "--json", "--config", str(settings)])
    (study,) = json.loads(status.stdout.splitlines()[-1])["studies"]
    assert (study["study_uid"], study["state"]) == (images[0].StudyInstanceUID, "rebuilt")
    assert CliRunner().invoke(app, ["audit", "verify", "--config", str(settings)]).exit_code == 0
