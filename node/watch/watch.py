"""Looks at scanners, disk and destinations by the clock; a change is audited, and so notified."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.actor import Actor
from node.archive.tables import StudyRow
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.audit.events import Detail, Outcome
from node.clock import Clock
from node.database import Database
from node.errors import NodeError
from node.network import Peer
from node.settings import Settings
from node.watch.tables import WatchRow
from pipelines.contract import Reason

WATCH = Actor.timer("watch")

_ROOM_AGAIN = 1.1
"""Times the room that is asked for: a disk at the limit must not be said to fill and to have room in turn."""

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one thing.

    Attributes
    ----------
    subject
        As `WatchRow` has it.
    code
        What a change is audited as.
    reason
        What is amiss; None where nothing is.
    details
        Facts for the audit.
    """

    subject: str
    code: AuditCode
    reason: Reason | None
    details: dict[str, Detail] = field(default_factory=dict)


class Watch:
    """Looks at what has a limit in the settings.

    Parameters
    ----------
    database, trail, settings, clock
        The node's parts.
    data, machine
        The folder whose disk is watched, and this machine's name.
    check_reachable
        Raises a `NodeError` where a destination does not answer.
    """

    def __init__(
        self,
        database: Database,
        trail: AuditTrail,
        settings: Settings,
        clock: Clock,
        data: Path,
        machine: str,
        check_reachable: Callable[[Peer], None],
    ) -> None:
        self._database = database
        self._trail = trail
        self._settings = settings
        self._clock = clock
        self._data = data
        self._machine = machine
        self._check_reachable = check_reachable

    def look(self) -> None:
        """Look at scanners and disk, and record what changed."""
        with self._database.read() as session:
            seen = [*self._scanners(session), self._disk(session)]
        for observation in seen:
            self._record(observation)

    def call_destinations(self) -> None:
        """Ask each destination whether it is there, and record what changed."""
        for destination in self._settings.destinations:
            self._record(self._destination(destination))

    def _scanners(self, session: Session) -> Iterator[Observation]:
        for peer in self._settings.peers:
            if peer.silent_after_hours is None:
                continue
            subject = f"scanner {peer.name}"
            row = session.get(WatchRow, subject)
            last = session.scalars(
                select(func.max(StudyRow.last_instance_at)).where(StudyRow.calling_ae == (peer.ae_title or "").strip())
            ).one()
            # One that has never sent is silent since it is watched.
            since = last if last is not None else row.since if row is not None else self._clock.now()
            quiet = self._clock.now() - since
            never_and_known = last is None and row is not None and row.failing
            silent = quiet > timedelta(hours=peer.silent_after_hours) or never_and_known
            facts: dict[str, Detail] = {
                "peer": peer.name,
                "hours": round(quiet.total_seconds() / 3600, 1),
                "accepted": peer.silent_after_hours,
            }
            reason = Reason("scanner-silent", {"peer": peer.name, "accepted": peer.silent_after_hours})
            yield Observation(subject, AuditCode.SCANNER_SILENT, reason if silent else None, facts)

    def _disk(self, session: Session) -> Observation:
        subject = f"disk of {self._machine}"
        row = session.get(WatchRow, subject)
        wanted = self._settings.watch.disk_free_mb
        free = shutil.disk_usage(self._data).free // _MB
        low = free < wanted * (_ROOM_AGAIN if row is not None and row.failing else 1.0)
        reason = Reason("disk-low", {"machine": self._machine, "accepted_mb": wanted})
        facts: dict[str, Detail] = {"free_mb": free, "accepted_mb": wanted}
        return Observation(subject, AuditCode.DISK_LOW, reason if low else None, facts)

    def _destination(self, destination: Peer) -> Observation:
        facts: dict[str, Detail] = {"destination": destination.name}
        reason = None
        try:
            self._check_reachable(destination)
        except NodeError as problem:
            reason = problem.reason
            facts["reason"] = reason.code
        return Observation(f"destination {destination.name}", AuditCode.DESTINATION_CHECKED, reason, facts)

    def _record(self, seen: Observation) -> None:
        """Enter what is seen for the first time; audit what changed."""
        failing = seen.reason is not None
        with self._database.read() as session:
            row = session.get(WatchRow, seen.subject)
        if row is not None and row.failing == failing:
            return
        with self._trail.recording() as recording:
            row = recording.session.get(WatchRow, seen.subject)
            if row is None:
                row = WatchRow(subject=seen.subject, failing=False, since=self._clock.now())
                recording.session.add(row)
            if row.failing == failing:
                return
            row.failing, row.since = failing, self._clock.now()
            row.reason_code = None if seen.reason is None else seen.reason.code
            row.reason_parameters = None if seen.reason is None else dict(seen.reason.parameters)
            outcome: Outcome = "failure" if failing else "success"
            recording.record(AuditEvent(seen.code, WATCH, outcome, details=seen.details))
