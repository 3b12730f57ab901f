from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from node.network import Right
from node.settings import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNTHNODE_CONFIG", raising=False)


def test_the_example_settings_are_valid_and_let_only_listed_peers_in() -> None:
    settings = load_settings(DEPLOY / "synthnode.yaml")
    assert settings.receive.host != "127.0.0.1"
    assert settings.peers_that_may(Right.STORE)
    assert all(destination.research for destination in settings.destinations)


def test_the_unit_starts_the_node_with_the_data_folder_that_it_may_write() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "synthnode.service")
    service = unit["Service"]
    settings = load_settings(DEPLOY / "synthnode.yaml")
    assert settings.data == Path("/var/lib") / service["StateDirectory"]
    program, command, option, file = service["ExecStart"].split()
    assert (Path(program).name, command, option, Path(file).name) == (
        "synthnode",
        "serve",
        "--config",
        "synthnode.yaml",
    )
