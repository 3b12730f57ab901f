"""What a machine checks and does around its processes: the main machine of a node, and one that only computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from node.actor import Actor
from node.audit import AuditCode, AuditEvent
from node.audit.seal import check_sealed
from node.composition import Node
from node.database import check_revision, is_migrated, migrate
from node.errors import Permanent, SettingsError, Transient
from node.machines.mount import MOUNTS, check_mount
from node.processes.child import alone
from node.processes.children import ChildPlan
from node.processes.supervisor import Supervisor

_LOCK_WAIT_S = 2.0

_log = structlog.get_logger(__name__)


def run_main_machine(node: Node, config: Path | None, announce: Callable[[], None]) -> None:
    """Run the node's one main machine until it is told to stop: receiver, engine, and a worker for each of its devices.

    Parameters
    ----------
    node
        The node.
    config
        The settings file that the children read, if any.
    announce
        Called once, when every child is ready.

    Raises
    ------
    Transient
        ``already-running``: another node has this data folder. ``database-in-use``: another one has the database.
        ``shared-folder-missing``: most likely it is not mounted.
    Permanent
        ``database-missing``: there are files, but no database; it must be rebuilt, not begun anew.
        ``audit-trail-unsealed``: a person has to begin another trail, before the database is migrated.
        ``rebuild-unfinished``: a rebuild was begun and cut short. ``shared-folder-foreign``, ``shared-mount-unsafe``.
    """
    node.layout.make_own()
    _check_shared_mount(node)
    with alone(node.layout.lock, wait_s=_LOCK_WAIT_S), node.database.alone():
        _check_database_kept(node)
        check_sealed(node.database)
        node.shared.check_node()
        node.layout.make()
        migrate(node.database)
        node.shared.claim(node.version)
        node.results.sweep()
        # What cannot work must be said here, once and in words, not by children that die in a circle.
        _check_rules(node)
        common = _common_arguments(node, config)
        plans = (
            ChildPlan("receive", ("node.processes.receive", *common)),
            ChildPlan("engine", ("node.processes.engine", *common)),
            *_workers(node, common),
        )
        with _recorded(node):
            Supervisor(node.layout.run, plans, announce).run()


def run_worker_machine(node: Node, config: Path | None, announce: Callable[[], None]) -> None:
    """Run a further machine of a node until it is told to stop: a worker for each of its devices, and nothing else.

    Parameters
    ----------
    node, config, announce
        As for `run_main_machine`.

    Raises
    ------
    SettingsError
        ``worker-needs-postgresql``.
    Transient
        ``already-running``, ``node-not-started``; ``shared-folder-missing``: most likely it is not mounted.
    Permanent
        ``schema-revision``, ``machine-version``: another release than the node's. ``shared-folder-foreign``,
        ``shared-folder-copy``, ``shared-mount-unsafe``. ``audit-key-missing``, ``audit-anchor-missing``: this machine
        has not joined the trail.
    """
    if node.settings.database.url is None:
        raise SettingsError("worker-needs-postgresql")
    node.layout.make_own()
    _check_shared_mount(node)
    with alone(node.layout.lock, wait_s=_LOCK_WAIT_S):
        if not is_migrated(node.database):
            raise Transient("node-not-started", database=node.database.name)
        check_revision(node.database)
        node.shared.check_current(node.version)
        node.results.sweep()
        with _recorded(node):
            Supervisor(node.layout.run, _workers(node, _common_arguments(node, config)), announce).run()


def _common_arguments(node: Node, config: Path | None) -> tuple[str, ...]:
    common = ("--data", str(node.settings.data))
    return common if config is None else (*common, "--config", str(config))


def _workers(node: Node, common: tuple[str, ...]) -> tuple[ChildPlan, ...]:
    return tuple(
        ChildPlan(name, ("node.processes.worker", "--name", name, "--device", device, *common))
        for name, device in node.settings.compute.workers.items()
    )


@contextmanager
def _recorded(node: Node) -> Iterator[None]:
    """Record the machine's start, and its end in good order."""
    _record(node, AuditCode.NODE_STARTED)
    try:
        yield
    finally:
        _record(node, AuditCode.NODE_STOPPED)


def _record(node: Node, code: AuditCode) -> None:
    with node.trail.recording() as recording:
        recording.record(AuditEvent(code, Actor.service("supervisor", node.machine.name)))


def _check_rules(node: Node) -> None:
    """Seed the rules at the first start; say later when the active version cannot be used: studies wait then."""
    node.packages()
    node.rules.seed(node.settings.rules_file)
    try:
        node.active_rules.read()
    except SettingsError as why:
        _log.error("rules cannot be used", reason=why.reason.code)


def _check_shared_mount(node: Node) -> None:
    if MOUNTS.exists():
        check_mount(node.layout.shared, MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))


def _check_database_kept(node: Node) -> None:
    """Refuse to begin an empty database beside an archive: every study would be received and run again."""
    if node.layout.unfinished_rebuild.exists():
        raise Permanent("rebuild-unfinished", data=str(node.layout.data))
    journal = node.layout.journal
    if not is_migrated(node.database) and journal.is_dir() and any(journal.iterdir()):
        raise Permanent("database-missing", database=node.database.name, data=str(node.layout.data))
