"""`synthnode demo` as its users have it: a process, its words, its exit status, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "node.cli", "demo"]


@pytest.fixture
def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SYNTHNODE_")}


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of all processes that name `folder`."""
    return [line for line in _command_lines() if str(folder) in line]


def _command_lines() -> Iterator[str]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            yield (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("share", [None, 0.5])
def test_a_bad_study_ends_with_words_and_status_two(
    small_study: Path, tmp_path: Path, plain_environment: dict[str, str], share: float | None
) -> None:
    study = tmp_path / "study.txt"
    study.write_text("This is no study.")
    if share is not None:
        study = tmp_path / "study"
        study.mkdir()
        content = next(small_study.glob("*.dcm")).read_bytes()
        (study / "cut.dcm").write_bytes(content[: int(len(content) * share)])
    out = tmp_path / "out"
    ended = subprocess.run(
        [*COMMAND, "--study", str(study), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=120,
        env=plain_environment,
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert ("cut.dcm" if share else "study.txt") in ended.stderr
    assert not out.exists()
    assert processes_of(out) == []


def test_the_environment_may_not_change_the_demos_node(
    small_study: Path, tmp_path: Path, plain_environment: dict[str, str]
) -> None:
    ended = subprocess.run(
        [*COMMAND, "--study", str(small_study), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**plain_environment, "SYNTHNODE_RECEIVE__PORT": "104"},
    )
    assert ended.returncode == 2
    assert "SYNTHNODE_RECEIVE__PORT" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_demo_leaves_nothing_running(
    small_study: Path, tmp_path: Path, plain_environment: dict[str, str], number: signal.Signals
) -> None:
    out = tmp_path / "out"
    demo = subprocess.Popen(
        [*COMMAND, "--study", str(small_study), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=plain_environment,
        start_new_session=True,
    )
    log = out / "node" / "serve.log"
    try:
        assert wait_for(lambda: log.exists() and b"is ready" in log.read_bytes(), 180)
        assert len(processes_of(out)) > 3
        demo.send_signal(number)
        demo.wait(60)
    finally:
        demo.kill()
        demo.communicate()
    assert demo.returncode != 0
    assert wait_for(lambda: processes_of(out) == [], 30), processes_of(out)


@pytest.mark.slow
def test_the_demo_shows_the_whole_way_by_real_processes(
    small_study: Path, tmp_path: Path, plain_environment: dict[str, str]
) -> None:
    out = tmp_path / "out"
    ended = subprocess.run(
        [*COMMAND, "--study", str(small_study), "--out", str(out), "--json"],
        capture_output=True,
        text=True,
        timeout=580,
        env=plain_environment,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(ended.stdout)  # and nothing else: the tables are for people, on standard error
    assert "Research use only" in ended.stderr or "held" in ended.stderr
    assert told["ok"]
    assert (told["held"], told["released_by"], told["delivered"], told["audit_valid"]) == (True, "demo", True, True)
    stages = [stage["name"] for stage in told["stages"]]
    assert stages.index("send") < stages.index("infer") < stages.index("check") < stages.index("deliver")
    assert told["outputs"][0]["sop_class"] == "1.2.840.10008.5.1.4.1.1.2"
    assert len(list((out / "pacs").glob("*.dcm"))) == sum(output["instances"] for output in told["outputs"])
    assert Path(told["pictures"]["montage.png"]).read_bytes().startswith(b"\x89PNG")
    assert "Research use only" in Path(told["pictures"]["report.html"]).read_text(encoding="utf-8")
    assert processes_of(out) == []
