"""`synthnode release` and `reject`: without a name nothing is even asked of the node."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from node.cli.app import app


@pytest.mark.parametrize("command", ["release", "reject"])
@pytest.mark.parametrize("name", ["", "   "])
def test_a_verdict_needs_a_name(command: str, name: str) -> None:
    done = CliRunner().invoke(app, [command, "1.2.3", "--by", name, "--reason", "looked at"])
    assert done.exit_code == 2
    assert "without a name" in done.output
