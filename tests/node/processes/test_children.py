"""Children: ready when they say so, gone with their supervisor, alone under their name, seen when they hang."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.errors import Transient
from node.processes.child import alone
from node.processes.supervisor import Child, ChildPlan

CHILD = """
import sys
from pathlib import Path
from node.processes.child import run_child
folder = Path(sys.argv[1])
def start():
    return lambda: (folder / "stopped").write_text("in good order")
run_child("dummy", folder, start)
"""


def until(predicate: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if predicate():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Child]]:
    (tmp_path / "dummy_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    children: list[Child] = []

    def started(**options: float) -> Child:
        child = Child(ChildPlan("dummy", ("dummy_child", str(tmp_path))), tmp_path, **options)
        children.append(child)
        return child

    yield started
    for child in children:
        child.kill()


def test_a_child_is_ready_when_it_says_so_and_stops_in_good_order(start: Callable, tmp_path: Path) -> None:
    child = start()
    assert until(lambda: child.ready)
    child.ask_to_stop()
    assert child.wait(10)
    assert (tmp_path / "stopped").read_text() == "in good order"


@pytest.mark.hazard("HAZ-22")
def test_a_stopped_child_is_seen_to_hang_and_a_living_one_is_not(start: Callable) -> None:
    child = start(patience_s=1.5)
    assert until(lambda: child.ready and not child.hangs)
    time.sleep(2.0)
    assert not child.hangs
    os.kill(child.pid, signal.SIGSTOP)
    assert until(lambda: child.hangs, seconds=5)


@pytest.mark.hazard("HAZ-22")
def test_a_child_goes_with_its_supervisor(tmp_path: Path) -> None:
    (tmp_path / "dummy_child.py").write_text(CHILD)
    supervisor = (
        "import sys, time\nfrom pathlib import Path\nfrom node.processes.supervisor import Child, ChildPlan\n"
        "child = Child(ChildPlan('dummy', ('dummy_child', sys.argv[1])), Path(sys.argv[1]))\n"
        "print(child.pid, flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", supervisor, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert until((tmp_path / "dummy.ready").exists)
    process.kill()
    process.wait()
    assert until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.mark.hazard("HAZ-22")
def test_only_one_may_hold_a_name(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "x.lock"),
        pytest.raises(Transient, match=r"already-running.*x\.lock"),
        alone(tmp_path / "x.lock", wait_s=0.2),
    ):
        pass
    with alone(tmp_path / "x.lock", wait_s=0.2):
        pass


def test_a_child_prints_where_its_threads_stand_and_goes_on(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert until((tmp_path / "dummy.ready").exists)
        child.send_signal(signal.SIGUSR1)
        child.terminate()
        assert until((tmp_path / "stopped").exists)  # only then may its lifeline end, which ends it at once
        _, said = child.communicate(timeout=20)
        assert "in run_child" in said
    finally:
        child.kill()
