"""`synthnode status`: what is known is shown, and of what is not the exit status tells."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from node.cli.app import app


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
