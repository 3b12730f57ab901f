"""`synthnode archive`: a lost database is rebuilt from the files, once, and says so in the audit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli import archive
from node.database import Database
from node.errors import Permanent
from node.processes.machines import run_main_machine
from node.status import report

pytestmark = pytest.mark.slow


def synthnode(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "node.cli", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def data(rooms, mr_study) -> Path:
    rooms.file(*mr_study(3))
    return rooms.node.settings.data


@pytest.mark.hazard("HAZ-01")
def test_a_lost_database_is_rebuilt_and_nothing_runs(rooms, data: Path) -> None:
    rooms.node.database.close()
    for file in data.glob("node.db*"):
        file.unlink()
    done = synthnode("archive", "rebuild", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["filed"] == 3
    with Database.embedded(data / "node.db").read() as session:
        (study,) = report(session, rooms.node.results, rooms.node.layout.run).studies
    assert (study.state, study.instances, study.runs) == ("rebuilt", 3, ())
    assert synthnode("audit", "verify", "--data", str(data)).returncode == 0
    assert synthnode("archive", "verify", "--data", str(data)).returncode == 0


@pytest.mark.hazard("HAZ-01")
def test_a_node_does_not_start_on_a_rebuild_that_was_cut_short(rooms, data: Path, monkeypatch) -> None:
    rooms.node.database.close()
    for file in data.glob("node.db*"):
        file.unlink()
    with monkeypatch.context() as cut:
        cut.setattr(archive, "rebuild_catalogue", interrupted)
        with pytest.raises(KeyboardInterrupt):
            archive.rebuild(data=data)
    with pytest.raises(Permanent, match="rebuild-unfinished"):
        run_main_machine(rooms.node, None, lambda: None)
    archive.rebuild(data=data)
    assert not rooms.node.layout.unfinished_rebuild.exists()


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_catalogue_that_is_there_is_not_rebuilt(data: Path) -> None:
    done = synthnode("archive", "rebuild", "--data", str(data))
    assert done.returncode == 2
    assert "catalogue" in done.stderr


def test_a_damaged_file_is_named(rooms, data: Path) -> None:
    location = next(iter(rooms.node.files.locations()))
    file = rooms.node.files.path(location)
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    done = synthnode("archive", "verify", "--data", str(data), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["damaged"] == [location]


def test_where_no_node_is_it_says_so(tmp_path: Path) -> None:
    for command in (["archive", "rebuild"], ["archive", "verify"], ["status"], ["release", "1.2", "--by", "x"]):
        done = synthnode(*command, "--data", str(tmp_path / "none"))
        assert done.returncode == 2
        assert "There is no node in" in done.stderr
    assert not (tmp_path / "none").exists()
