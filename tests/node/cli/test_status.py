"""`synthnode status`: what is known is shown, and of what is not the exit status tells."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner

from node.actor import Actor, Role
from node.cli.app import app
from node.observe.processes import FailingProcess, Processes, write_processes
from pipelines.contract import Reason


def status(rooms, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["status", *options, "--data", str(rooms.node.settings.data)])
    return done.exit_code, done.stdout


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_study_that_is_not_known_is_no_success(rooms, mr_study, form: tuple[str, ...]) -> None:
    images = mr_study()
    rooms.file(*images)
    assert status(rooms, str(images[0].StudyInstanceUID), *form)[0] == 0
    assert status(rooms, "1.2.3", *form)[0] == 1


def test_an_empty_node_has_nothing_to_show_and_that_is_no_fault(rooms) -> None:
    code, said = status(rooms, "--json")
    assert (code, json.loads(said)["studies"]) == (0, [])


@pytest.mark.hazard("HAZ-11", "HAZ-22")
def test_a_process_that_does_not_start_is_shown_with_the_reason(rooms) -> None:
    reason = Reason("port-not-free", {"host": "127.0.0.1", "port": 11112, "error": "in use"})
    failing = FailingProcess("receive", 4, reason)
    write_processes(rooms.node.layout.run, Processes({"supervisor": os.getpid()}, (failing,)))
    _, said = status(rooms)
    assert "receive does not stay at work (4 times in a row)" in said
    assert "127.0.0.1:11112 cannot be listened on" in " ".join(said.split())
    (shown,) = json.loads(status(rooms, "--json")[1])["failing_processes"]
    assert (shown["name"], shown["starts"], shown["code"]) == ("receive", 4, "port-not-free")


def test_what_is_set_apart_has_the_number_by_which_it_is_settled(rooms, mr_study) -> None:
    images = mr_study(2)
    images[1].PixelData = bytes(4)
    rooms.file(*images)
    assert "quarantine 1 " in status(rooms)[1]
    (study,) = json.loads(status(rooms, "--json")[1])["studies"]
    (entry,) = study["quarantined"]
    rooms.node.quarantine.discard([entry["entry"]], Actor.person("m.curie", Role), "sent again under another UID")
    assert "quarantine" not in status(rooms)[1]
