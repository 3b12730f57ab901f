"""A kill at any moment leaves a trail that verifies, and a node that goes on."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from node.actor import Actor, Role
from node.audit import AuditTrail
from node.audit.anchor import Anchor
from node.audit.seal import Seal
from node.clock import SystemClock

pytestmark = pytest.mark.hazard("HAZ-12")

FORK = multiprocessing.get_context("fork")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingAnchor(Anchor):
    """An anchor whose process is killed at the named point."""

    def __init__(self, file: Path, key_file: Path, point: str) -> None:
        super().__init__(file, key_file)
        self._point = point

    def _reach(self, point: str) -> None:
        if point == self._point:
            die()

    def check_writable(self) -> None:
        super().check_writable()
        self._reach("before the commit")

    def advance(self, seal: Seal) -> None:
        self._reach("after the commit")
        super().advance(seal)
        self._reach("after the anchor")

    def replace(self, seal: Seal) -> None:
        self._reach("before the new anchor")
        super().replace(seal)
        self._reach("after the new anchor")

    def _put(self, seal: Seal, key: bytes) -> None:
        self._reach("before the first anchor")
        super()._put(seal, key)
        self._reach("before the key has its name")


def killed(room: Any, factory: Callable[[Path], Any], point: str, act: Callable[[Any], None]) -> None:
    room.database.close()

    def run() -> None:
        child = factory(room.folder)
        anchor = DyingAnchor(child.anchor.file, child.anchor.key_file, point)
        act(type(child)(child.folder, child.database, anchor, AuditTrail(child.database, anchor, SystemClock())))

    process = FORK.Process(target=run)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("point", "rows", "anchored"),
    [
        ("before the commit", 3, 3),
        ("after the commit", 4, 3),
        ("after the anchor", 4, 4),
    ],
)
def test_a_kill_around_the_commit(
    room: Any, room_factory: Callable[[Path], Any], point: str, rows: int, anchored: int
) -> None:
    room.note(3)
    killed(room, room_factory, point, lambda child: child.note(1, start=3))
    report = room.verify()
    assert (report.valid, report.rows, report.anchored.count) == (True, rows, anchored)
    room.note(2, start=9)
    report = room.verify()
    assert (report.valid, report.rows, report.anchored) == (True, rows + 2, report.found)


def test_a_row_that_only_the_seal_covers_cannot_be_altered(room: Any, room_factory: Callable[[Path], Any]) -> None:
    room.note(3)
    killed(room, room_factory, "after the commit", lambda child: child.note(1, start=3))
    room.sql("UPDATE audit_rows SET actor_name = 'x' WHERE sequence = 4")
    assert [(finding.reason.code, finding.first) for finding in room.verify().findings] == [("audit-row-altered", 4)]


@pytest.mark.parametrize("point", ["before the first anchor", "before the key has its name"])
def test_a_kill_at_first_start(room: Any, room_factory: Callable[[Path], Any], point: str) -> None:
    killed(room, room_factory, point, lambda child: child.note(1))
    assert room.verify().valid
    room.note(2)
    report = room.verify()
    assert (report.valid, report.rows) == (True, 2)


@pytest.mark.parametrize("point", ["before the new anchor", "after the new anchor"])
def test_a_kill_while_a_new_trail_begins(room: Any, room_factory: Callable[[Path], Any], point: str) -> None:
    room.note(4)
    room.sql("DELETE FROM audit_rows WHERE sequence = 2")
    person = Actor.person("physicist", Role)
    killed(room, room_factory, point, lambda child: child.trail.begin_new_trail("row 2 gone", person))
    room.trail.begin_new_trail("row 2 gone", person)
    room.note(1)
    assert room.verify().valid


def test_random_kills_lose_no_acknowledged_row(room: Any, room_factory: Callable[[Path], Any]) -> None:
    rng = random.Random(7)
    room.database.close()
    acknowledged = 0

    def write(to: Connection) -> None:
        child = room_factory(room.folder)
        while True:
            child.note(1)
            to.send_bytes(b"1")

    for _ in range(12):
        receiving, sending = FORK.Pipe(duplex=False)
        process = FORK.Process(target=write, args=(sending,))
        process.start()
        sending.close()
        assert receiving.poll(30)
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        process.join()
        while receiving.poll():
            try:
                receiving.recv_bytes()
            except EOFError:
                break
            acknowledged += 1
        report = room.verify()
        assert report.valid, report.findings
        assert report.rows >= acknowledged
    assert acknowledged >= 12
