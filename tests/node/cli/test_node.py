"""`synthnode node`: pauses are made, shown and ended at the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from node.actor import Actor
from node.cli.app import app
from node.errors import Refusal
from node.runs.tables import RunRow


def invoke(rooms: Any, *words: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, [*words, "--json", "--data", str(rooms.node.settings.data)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, json.loads(done.stdout)


def act(rooms: Any, name: str, *words: str) -> tuple[int, dict[str, Any]]:
    reason = () if name == "resume" else ("--reason", "the card is exchanged")
    return invoke(rooms, "node", name, "--by", "m.curie", *reason, *words)


def test_a_pause_is_shown_until_it_is_ended(rooms) -> None:
    assert act(rooms, "pause") == (0, {"schema": 1, "pipeline": None, "paused": True, "running": 0})
    _, status = invoke(rooms, "status")
    (shown,) = status["pauses"]
    assert (shown["pipeline"], shown["by"], shown["reason"]) == (None, "m.curie", "the card is exchanged")
    said = CliRunner().invoke(app, ["status", "--data", str(rooms.node.settings.data)]).stdout
    assert "runs by m.curie since 2" in said
    assert "none at work" in said
    with pytest.raises(Refusal, match="paused-already"):
        act(rooms, "pause")
    assert act(rooms, "drain")[0] == 0, "to drain what is paused makes sense"
    assert act(rooms, "resume") == (0, {"schema": 1, "pipeline": None, "paused": False, "running": 0})
    assert invoke(rooms, "status")[1]["pauses"] == []


def test_a_pipeline_that_is_resumed_stays_paused_with_the_node(rooms) -> None:
    act(rooms, "pause", "--pipeline", "synthetic-ct-head")
    act(rooms, "pause")
    assert act(rooms, "resume", "--pipeline", "synthetic-ct-head")[1]["paused"] is True


def test_who_drains_is_told_that_a_run_is_still_at_work(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.read() as session:
        run_id = session.scalars(select(RunRow.run_id)).one()
    rooms.computation()._begin(run_id, Actor.service("worker-0"))
    code, said = act(rooms, "drain", "--wait", "0.1")
    assert (code, said["running"]) == (1, 1)
    rooms.compute(run_id)
    assert act(rooms, "drain", "--wait", "0.1")[0] == 0


def test_status_shows_a_page_and_says_how_many_there_are(rooms, mr_study) -> None:
    for _ in range(3):
        rooms.file(*mr_study(1))
        rooms.clock.advance(1)
    pages = [invoke(rooms, "status", "--limit", "2", "--skip", str(skip))[1] for skip in (0, 2, 4)]
    assert [len(page["studies"]) for page in pages] == [2, 1, 0]
    assert {page["studies_known"] for page in pages} == {3}
    assert len({study["study_uid"] for page in pages for study in page["studies"]}) == 3
