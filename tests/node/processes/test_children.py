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
from node.observe.processes import FailingProcess, Processes, read_failing, write_processes
from node.processes.child import alone
from node.processes.children import HANG_S, Child, ChildPlan, KeptChild, restart_pause
from pipelines.contract import Reason

pytestmark = pytest.mark.slow

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

    def started(patience_s: float = HANG_S) -> Child:
        child = Child(ChildPlan("dummy", ("dummy_child", str(tmp_path))), tmp_path, patience_s=patience_s)
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


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], KeptChild]]:
    """Keeps a child of the given source running."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("node.processes.children._PAUSE_S", 0.1)
    children: list[KeptChild] = []

    def kept(source: str) -> KeptChild:
        (tmp_path / "dummy_child.py").write_text(source)
        children.append(KeptChild(ChildPlan("dummy", ("dummy_child", str(tmp_path))), tmp_path))
        return children[-1]

    yield kept
    for one in children:
        one.child.kill()


def watched(kept: KeptChild, predicate: Callable[[], bool]) -> bool:
    return until(lambda: kept.watch() or predicate())


@pytest.mark.hazard("HAZ-22")
def test_a_child_that_hangs_is_killed_and_started_again(keep: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.processes.children.HANG_S", 1.0)
    kept = keep(CHILD)
    first = kept.child
    assert watched(kept, lambda: first.ready and not first.hangs)
    os.kill(first.pid, signal.SIGSTOP)
    assert watched(kept, lambda: kept.child.pid != first.pid and kept.child.ready)
    assert first.exit_status == -signal.SIGKILL
    assert kept.failing is None


@pytest.mark.hazard("HAZ-11", "HAZ-22")
def test_a_child_that_cannot_start_says_why_and_is_started_ever_more_seldom(keep: Callable, tmp_path: Path) -> None:
    taken = CHILD.replace(
        "def start():\n",
        "from node.errors import Transient\ndef start():\n"
        "    if (folder / 'taken').exists():\n"
        "        raise Transient('port-not-free', host='127.0.0.1', port=104, error='in use')\n",
    )
    (tmp_path / "taken").touch()
    kept = keep(taken)
    assert watched(kept, lambda: kept.failing is not None and kept.failing.starts == 2)
    assert (kept.failing.name, kept.failing.reason.code) == ("dummy", "port-not-free")
    write_processes(tmp_path, Processes({"supervisor": os.getpid()}, (kept.failing,)))
    assert read_failing(tmp_path) == (kept.failing,)
    (tmp_path / "taken").unlink()
    assert watched(kept, lambda: kept.child.ready)
    assert kept.failing is None


@pytest.mark.hazard("HAZ-11", "HAZ-22")
def test_a_child_that_dies_each_time_it_is_at_work_is_started_ever_more_seldom_and_named(
    keep: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    mortal = CHILD.replace(
        "def start():\n",
        "import os, threading, time\n"
        "def die():\n"
        "    while not (folder / 'dummy.ready').exists():\n"
        "        time.sleep(0.02)\n"
        "    time.sleep(0.2)\n"
        "    os._exit(7)\n"
        "def start():\n"
        "    threading.Thread(target=die, daemon=True).start()\n",
    )
    kept = keep(mortal)
    assert watched(kept, lambda: kept.failing is not None and kept.failing.starts == 3)
    assert (kept.failing.reason.code, kept.failing.reason.parameters["status"]) == ("process-ended", 7)
    monkeypatch.setattr("node.processes.children.STEADY_S", 0.0)
    assert watched(kept, lambda: kept.failing is None)


def test_a_child_that_leaves_no_word_is_named_with_its_status(keep: Callable) -> None:
    kept = keep("raise SystemExit(3)")
    assert watched(kept, lambda: kept.failing is not None)
    assert (kept.failing.reason.code, kept.failing.reason.parameters["status"]) == ("process-ended", 3)


def test_pauses_grow_to_half_a_minute() -> None:
    assert [restart_pause(starts) for starts in (0, 1, 2, 3, 6, 60)] == [1.0, 1.0, 2.0, 4.0, 30.0, 30.0]


def test_a_node_that_runs_as_another_user_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int, signal: int) -> None:
        raise PermissionError

    failing = FailingProcess("engine", 3, Reason("process-hung", {}))
    write_processes(tmp_path, Processes({"supervisor": 1}, (failing,)))
    monkeypatch.setattr(os, "kill", refused)
    assert read_failing(tmp_path) == (failing,)


def test_of_a_node_that_does_not_run_nothing_is_known(tmp_path: Path) -> None:
    assert read_failing(tmp_path) == ()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    failing = FailingProcess("engine", 3, Reason("process-hung", {}))
    write_processes(tmp_path, Processes({"supervisor": ended.pid}, (failing,)))
    assert read_failing(tmp_path) == ()


@pytest.mark.hazard("HAZ-22")
def test_a_child_goes_with_its_supervisor(tmp_path: Path) -> None:
    (tmp_path / "dummy_child.py").write_text(CHILD)
    supervisor = (
        "import sys, time\nfrom pathlib import Path\nfrom node.processes.children import Child, ChildPlan\n"
        "child = Child(ChildPlan('dummy', ('dummy_child', sys.argv[1])), Path(sys.argv[1]), patience_s=30.0)\n"
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
