"""`synthnode destinations`: what it prints, for people and for programs, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from node.cli.destinations import app


@pytest.fixture
def config(tmp_path: Path, rooms: Any) -> Path:
    """A node with a folder, and with a PACS that is away."""
    (tmp_path / "imports").mkdir()
    folder = str(tmp_path / "imports")
    peers = [
        {"name": "tps", "deliver": {"folder": folder, "returns": {"by": "folder", "folder": folder}}},
        {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 9, "deliver": {}},
    ]
    file = tmp_path / "destinations.yaml"
    file.write_text(yaml.safe_dump({"schema": 1, "data": str(rooms.node.settings.data), "peers": peers}))
    return file


def called(config: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*arguments, "--json", "--config", str(config)])
    return result.exit_code, json.loads(result.stdout)


def test_a_proof_is_told_and_listed(config: Path) -> None:
    status, proof = called(config, "prove", "tps", "--by", "m.curie")
    assert (status, proof["passed"], proof["findings"], proof["current"]) == (0, True, [], True)
    _, listed = called(config, "list")
    tps, pacs = listed["destinations"]
    assert (tps["name"], tps["proof"]["proved_by"], pacs["proof"]) == ("tps", "m.curie", None)
    shown = CliRunner().invoke(app, ["list", "--config", str(config)]).stdout
    assert "PASS" in shown
    assert "never" in shown


def test_who_does_not_answer_is_named_by_the_exit_status(config: Path) -> None:
    assert called(config, "echo", "tps") == (
        0,
        {"schema": 1, "name": "tps", "address": str(config.parent / "imports"), "answers": True, "reason": ""},
    )
    status, answer = called(config, "echo", "pacs")
    assert (status, answer["answers"], answer["reason"]) == (1, False, "peer-unreachable")
