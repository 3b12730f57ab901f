"""The receive process does not acknowledge images into a folder that nobody else sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from node.layout import Layout
from node.observe.processes import take_end


@pytest.mark.hazard("HAZ-01")
def test_nothing_is_received_into_an_empty_mount_point(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path)
    layout.make_own()
    command = [sys.executable, "-m", "node.processes.receive", "--data", str(tmp_path)]
    # Its standard input is its lifeline: a pipe that stays open.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as receiver:
        assert receiver.wait(timeout=60) != 0
    left = take_end(layout.run, "receive")
    assert left is not None
    assert (left.code, left.parameters) == ("shared-folder-missing", {"folder": str(tmp_path)})
    assert not layout.journal.exists()
    assert not layout.archive.exists()
