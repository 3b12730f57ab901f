"""A full disk: processes at work do not look dead, and the supervisor does not end."""

from __future__ import annotations

import errno
import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.composition import Node
from node.processes import child
from node.processes.child import Heartbeat
from node.processes.supervisor import Supervisor
from node.settings import load_settings


def full(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.hazard("HAZ-20")
def test_a_heartbeat_is_written_over_and_outlives_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "HEARTBEAT_S", 0.01)
    file = tmp_path / "x.beat"
    Heartbeat(file)
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_bytes()) and time.monotonic() < deadline:
        time.sleep(0.01)
    size, before = file.stat().st_size, file.read_bytes()
    with monkeypatch.context() as disk:
        disk.setattr(child.os, "pwrite", full)
        time.sleep(0.1)
    while file.read_bytes() == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert file.read_bytes() > before
    assert file.stat().st_size == size


@pytest.mark.hazard("HAZ-20")
def test_a_list_of_processes_that_cannot_be_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(load_settings(None, data=tmp_path))
    node.layout.make()
    supervisor = Supervisor(node.layout.run, (), lambda: None)
    child = SimpleNamespace(plan=SimpleNamespace(name="engine"), pid=7)
    children = [SimpleNamespace(child=child, failing=None)]
    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", full)
        supervisor._write_list(children)
    file = node.layout.run / "processes.json"
    assert not file.exists()
    supervisor._write_list(children)
    assert json.loads(file.read_text())["pids"]["engine"] == 7
