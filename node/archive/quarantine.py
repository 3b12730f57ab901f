"""The quarantine service: a named person takes what was set apart into the catalogue, or discards it, with a reason.

Kept bytes are never changed, so nothing can be moved to another study than the one that it states.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy.orm import Session

from node.access import Permission, check
from node.actor import Actor
from node.archive.catalogue import Catalogue
from node.archive.files import ArchiveFiles
from node.archive.headers import look_at
from node.archive.quarantine_events import quarantine_settled, settling_refused
from node.archive.revisions import reopen
from node.archive.tables import QuarantineRow, StudyRow
from node.archive.taking import take_in
from node.audit import AuditTrail
from node.audit.trail import Recording
from node.clock import Clock
from node.database import Database
from node.errors import Permanent, Refusal
from node.states import StudyState


class Settlement(StrEnum):
    """How a quarantine entry is settled."""

    TAKEN = "taken"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling set in motion.

    Attributes
    ----------
    entries
        The entries that were settled.
    revisions
        The revision that each of their studies waits to be quiet in, by Study Instance UID; studies for which
        nothing changes are left out.
    """

    entries: tuple[int, ...]
    revisions: Mapping[str, int]


class QuarantineService:
    """Settles what was set apart.

    Parameters
    ----------
    database, trail, files, clock
        The node's parts.
    """

    def __init__(self, database: Database, trail: AuditTrail, files: ArchiveFiles, clock: Clock) -> None:
        self._database = database
        self._trail = trail
        self._files = files
        self._clock = clock

    def take(self, entries: Collection[int], by: Actor, reason: str) -> Settled:
        """Enter set-apart files into the catalogue, all of them or none; their studies are routed anew.

        A file with the SOP Instance UID of another one from outside replaces that one, whose bytes stay in the archive
        and are listed here. A file that was discarded or replaced before can be taken as well.

        Parameters
        ----------
        entries
            Numbers of quarantine entries.
        by, reason
            The person who wants it, and why.

        Raises
        ------
        Refusal
            Those of `node.access.check`, ``quarantine-needs-reason``, ``quarantine-unknown``, ``quarantine-settled``;
            ``quarantine-unreadable`` for a file that is no whole DICOM object; ``quarantine-foreign`` for one that
            states another patient, study, series or SOP class than what is filed; ``quarantine-own-object`` for another
            copy of an object that this node made.
        Permanent
            ``file-damaged``.
        """
        with self._audited_refusal(entries, by, Settlement.TAKEN):
            _check_act(by, reason)
            found = {entry: look_at(self._whole(entry)) for entry in entries}
            with self._trail.recording() as recording:
                rows = [_entry(recording.session, entry) for entry in entries]
                blocked = _blocked(recording.session, rows)
                for row in rows:
                    if take_in(recording.session, self._files, row, found[row.id], by, self._clock.now()):
                        blocked.add(row.study_uid)
                return self._settle(recording, rows, blocked, Settlement.TAKEN, by, reason)

    def discard(self, entries: Collection[int], by: Actor, reason: str) -> Settled:
        """Leave set-apart files out for good, all of them or none; what they blocked is routed anew without them.

        The bytes stay in the archive. The same bytes sent again change nothing.

        Parameters
        ----------
        entries
            Numbers of quarantine entries.
        by, reason
            The person who wants it, and why.

        Raises
        ------
        Refusal
            Those of `node.access.check`, ``quarantine-needs-reason``, ``quarantine-unknown`` or ``quarantine-settled``.
        """
        with self._audited_refusal(entries, by, Settlement.DISCARDED):
            _check_act(by, reason)
            with self._trail.recording() as recording:
                rows = [_entry(recording.session, entry) for entry in entries]
                for row in rows:
                    if row.settled_at is not None:
                        raise Refusal("quarantine-settled", entry=row.id, how=row.settled_by or "")
                blocked = _blocked(recording.session, rows)
                return self._settle(recording, rows, blocked, Settlement.DISCARDED, by, reason)

    def _whole(self, entry: int) -> Path:
        with self._database.read() as session:
            location = _entry(session, entry).location
        return self._files.whole(location)

    def _settle(
        self,
        recording: Recording,
        rows: Collection[QuarantineRow],
        blocked: Collection[str],
        how: Settlement,
        by: Actor,
        reason: str,
    ) -> Settled:
        """Mark the entries, let the studies that they blocked be routed anew, and record each entry."""
        session, now = recording.session, self._clock.now()
        for row in rows:
            row.settled_at, row.settled_by = now, f"{how} by {by}"
        revisions = {}
        for study_uid in sorted(blocked):
            study = session.get(StudyRow, study_uid)
            # For a rebuilt study nothing runs by itself, and one of our own objects alone has nothing to settle.
            if study is not None and study.state != StudyState.REBUILT and study.last_instance_at is not None:
                reopen(session, study, now)
                revisions[study_uid] = study.revision
        for row in rows:
            recording.record(quarantine_settled(session, row, how, by, reason, revisions.get(row.study_uid)))
        return Settled(tuple(row.id for row in rows), revisions)

    @contextmanager
    def _audited_refusal(self, entries: Collection[int], by: Actor, how: Settlement) -> Iterator[None]:
        try:
            yield
        except Permanent as refusal:
            with self._trail.recording() as recording:
                for entry in entries:
                    row = recording.session.get(QuarantineRow, entry)
                    if row is not None:
                        recording.record(settling_refused(recording.session, row, how, by, refusal.reason.code))
            raise


def _check_act(by: Actor, reason: str) -> None:
    check(by, Permission.SETTLE_QUARANTINE)
    if not reason.strip():
        raise Refusal("quarantine-needs-reason")


def _entry(session: Session, entry: int) -> QuarantineRow:
    row = session.get(QuarantineRow, entry)
    if row is None:
        raise Refusal("quarantine-unknown", entry=entry)
    return row


def _blocked(session: Session, rows: Collection[QuarantineRow]) -> set[str]:
    """Return the studies that one of these entries keeps from being computed."""
    return {row.study_uid for row in rows if row in Catalogue(session).set_apart(row.study_uid)}
