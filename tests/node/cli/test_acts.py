"""`synthnode runs`, `deliveries`, `quarantine`, `studies`: what is listed, what is done, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from node.actor import Actor
from node.cli.app import app
from node.errors import NodeError
from node.runs.tables import RunRow
from pipelines.contract import Reason

Call = Callable[..., Any]
BY = ("--by", "M. Curie", "--reason", "tried")


@pytest.fixture
def call(rooms) -> Call:
    """Give a command; return what a program reads, or else what people do."""

    def give(*words: str, as_json: bool = True) -> Any:
        place = ["--data", str(rooms.node.settings.data)]
        done = CliRunner().invoke(app, [*words, *place, *(["--json"] if as_json else [])])
        if isinstance(done.exception, NodeError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if as_json else done.stdout

    return give


@pytest.fixture
def queued(rooms, mr_study) -> str:
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.read() as session:
        return session.scalars(select(RunRow)).one().run_id


def test_a_run_is_listed_cancelled_and_says_who_did_it_and_why(queued: str, call: Call) -> None:
    (run,) = call("runs", "list")["runs"]
    assert (run["run_id"], run["state"], run["number"]) == (queued, "queued", 1)
    assert call("runs", "cancel", queued, *BY)["cancelled_by"] == "M. Curie"
    (run,) = call("runs", "list", "--state", "cancelled")["runs"]
    assert (run["code"], "M. Curie" in run["reason"], "tried" in run["reason"]) == ("run-cancelled", True, True)
    assert call("runs", "list", "--state", "queued")["runs"] == []
    assert queued[:12] in call("runs", "list", as_json=False)


def test_a_failed_run_is_ordered_again_and_a_role_must_be_written_as_one(rooms, queued: str, call: Call) -> None:
    rooms.node.release_service.fail(queued, Reason("run-crashed", {"error": "x"}), Actor.service("worker-0"))
    with pytest.raises(NodeError, match="model-role-unknown"):
        call("runs", "again", queued, *BY, "--model", "painter=head-mr-to-ct")
    done = CliRunner().invoke(app, ["runs", "again", queued, *BY, "--model", "painter"])
    assert done.exit_code == 2


def test_what_was_set_apart_is_listed_and_discarded(rooms, mr_study, call: Call) -> None:
    images = mr_study(2)
    images[1].PixelData = bytes(4)
    rooms.file(*images)
    (entry,) = call("quarantine", "list")["entries"]
    assert entry["reason"]
    assert entry["study_uid"] == str(images[0].StudyInstanceUID)
    done = call("quarantine", "discard", str(entry["entry"]), *BY)
    assert (done["entries"], done["discarded_by"]) == ([entry["entry"]], "M. Curie")
    assert call("quarantine", "list")["entries"] == []
    (settled,) = call("quarantine", "list", "--settled")["entries"]
    assert "M. Curie" in settled["settled"]


def test_a_study_is_completed_and_what_it_holds_is_said(rooms, mr_study, call: Call) -> None:
    images = mr_study()
    rooms.file(*images)
    done = call("studies", "complete", str(images[0].StudyInstanceUID), *BY)
    assert done["instances"] == {str(images[0].SeriesInstanceUID): len(images)}


def test_an_empty_list_says_so(rooms, call: Call) -> None:
    for room in ("runs", "deliveries", "quarantine"):
        assert call(room, "list", as_json=False).strip() in {"No run.", "No delivery.", "Nothing is set apart."}


def test_a_delivery_that_is_not_known_is_refused_by_name(rooms, call: Call) -> None:
    assert call("deliveries", "list", "--state", "failed")["deliveries"] == []
    with pytest.raises(NodeError, match="delivery-unknown"):
        call("deliveries", "again", "nothing", *BY)
