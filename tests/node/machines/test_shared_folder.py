"""The proof that a machine sees the node's folder: not an empty mount point, another node's, or a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from postgresql import BOTH_DATABASES

from node.errors import Permanent, Transient
from node.machines.mark import find_mark

pytestmark = [BOTH_DATABASES, pytest.mark.hazard("HAZ-01")]

RELEASE = "1.0"


def checks(machine: Any) -> tuple[Callable[[], None], ...]:
    shared = machine.shared
    return lambda: shared.check_current(RELEASE), shared.check_node, lambda: shared.claim(RELEASE)


@pytest.fixture
def claimed(rooms: Any) -> Any:
    rooms.node.shared.claim(RELEASE)
    return rooms


def test_a_machine_that_sees_the_folder_may_work(claimed: Any, machine: Callable[..., Any]) -> None:
    other = machine("gpu-2")
    other.shared.check_current(RELEASE)
    other.shared.check_node()
    claimed.node.shared.claim(RELEASE)
    other.shared.check_current(RELEASE)


def test_an_empty_mount_point_is_no_shared_folder(claimed: Any, machine: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mnt").mkdir()
    other = machine("gpu-2", shared=tmp_path / "mnt")
    for check in checks(other):
        with pytest.raises(Transient, match="shared-folder-missing"):
            check()
    assert list((tmp_path / "mnt").iterdir()) == []


def test_the_folder_of_another_node_is_refused(claimed: Any, machine: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mnt").mkdir()
    (tmp_path / "mnt" / "node.json").write_text('{"schema": 1, "node": "another", "start": "x"}')
    other = machine("gpu-2", shared=tmp_path / "mnt")
    for check in checks(other):
        with pytest.raises(Permanent, match="shared-folder-foreign"):
            check()


def test_a_copy_of_the_folder_is_refused(claimed: Any, machine: Callable[..., Any], tmp_path: Path) -> None:
    shutil.copytree(claimed.node.layout.shared, tmp_path / "copy")
    claimed.node.shared.claim(RELEASE)
    other = machine("gpu-2", shared=tmp_path / "copy")
    with pytest.raises(Permanent, match="shared-folder-copy"):
        other.shared.check_current(RELEASE)


def test_another_release_is_refused(claimed: Any, machine: Callable[..., Any]) -> None:
    with pytest.raises(Permanent, match=r"machine-version.*found=1\.1.*expected=1\.0"):
        machine("gpu-2").shared.check_current("1.1")


def test_before_the_node_was_started_there_is_nothing_to_see(rooms: Any, machine: Callable[..., Any]) -> None:
    with pytest.raises(Transient, match="node-not-started"):
        machine("gpu-2").shared.check_current(RELEASE)


def test_a_rebuilt_database_takes_the_folders_node(claimed: Any) -> None:
    before = find_mark(claimed.node.layout.shared)
    with claimed.node.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM node")
    claimed.node.shared.claim(RELEASE)
    after = find_mark(claimed.node.layout.shared)
    assert before is not None
    assert after is not None
    assert (after.node, after.start != before.start) == (before.node, True)
    claimed.node.shared.check_current(RELEASE)
