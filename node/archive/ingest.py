"""From the receipt journals into the catalogue and the audit: position, rows and audit in one transaction.

A crash at any moment leaves either all of a batch or nothing of it, and the next step takes it up again; what is filed
twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import structlog

from node.actor import Actor
from node.archive.equivalence import differences
from node.archive.files import ArchiveFiles, Kept
from node.archive.filing import Arrival, Filing, Provenance
from node.archive.headers import look_at
from node.archive.receipts import Receipts
from node.archive.tables import InstanceRow, JournalPositionRow, StudyRow
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.audit.trail import Recording
from node.database import Database
from node.errors import Permanent
from node.receive.entries import (
    AssociationClosed,
    AssociationEnd,
    AssociationRefused,
    InstanceReceived,
    ReceiverStarted,
)
from node.receive.journal import START, JournalReader, Line, Position

BATCH = 256
"""Lines in one transaction; of 200 KB slices it takes about a second."""

log = structlog.get_logger(__name__)


class Ingest:
    """Reads receipts; one process alone runs it.

    Parameters
    ----------
    journal
        Folder of the journals.
    files
        The files that they name.
    database, trail
        Where positions, catalogue and audit are.
    """

    def __init__(self, journal: Path, files: ArchiveFiles, database: Database, trail: AuditTrail) -> None:
        self._journal = JournalReader(journal)
        self._files = files
        self._database = database
        self._trail = trail

    def step(self) -> int:
        """Take in at most one batch of each receiver; return how many lines, 0 when nothing waits.

        Raises
        ------
        Permanent
            ``journal-schema``, ``journal-position``.
        OSError
            A file or a journal cannot be read now.
        """
        return sum(self._step(receiver) for receiver in self._journal.receivers())

    def _step(self, receiver: str) -> int:
        position = self._position(receiver)
        lines = list(islice(self._journal.read(receiver, position), BATCH))
        if not lines:
            return 0
        arrivals = {
            index: self._arrival(line.entry)
            for index, line in enumerate(lines)
            if isinstance(line.entry, InstanceReceived)
        }
        compared = self._compare(arrivals.values())
        with self._trail.recording() as recording:
            filing = Filing(recording.session, self._files, compared)
            filing.expect(arrivals.values())
            self._take(recording, receiver, lines, arrivals, filing)
            self._advance(recording, receiver, position, lines[-1].after)
        return len(lines)

    def _take(
        self,
        recording: Recording,
        receiver: str,
        lines: Sequence[Line],
        arrivals: Mapping[int, Arrival],
        filing: Filing,
    ) -> None:
        receipts = Receipts(recording, receiver)
        for index, line in enumerate(lines):
            match line.entry:
                case InstanceReceived() as entry:
                    filed = filing.file(arrivals[index])
                    receipts.count(entry.sender, filed, entry.size)
                    if filed.reopened is not None:
                        _record_revision(recording, filed.reopened, entry)
                case AssociationClosed(association_id=association_id, end=end):
                    receipts.close(association_id, end)
                case ReceiverStarted():
                    receipts.close_all(AssociationEnd.LOST)
                case AssociationRefused() as refused:
                    _record_refusal(recording, refused)
                case None:
                    # What it said is still in the archive: `archive verify` names the file that has no row.
                    log.error("journal line damaged", receiver=receiver, before=str(line.after))

    def _compare(self, arrivals: Iterable[Arrival]) -> dict[tuple[str, str], tuple[str, ...]]:
        """Compare what came with what is filed under the same UID, before anybody waits for this transaction."""
        came = {one.sop_instance_uid: one.kept for one in arrivals}
        with self._database.read() as session:
            known = [row for uid in came if (row := session.get(InstanceRow, uid)) is not None]
        return {
            (row.sha256, kept.sha256): differences(self._files.path(row.location), self._files.path(kept.location))
            for row in known
            if (kept := came[row.sop_instance_uid]).sha256 != row.sha256
        }

    def _arrival(self, entry: InstanceReceived) -> Arrival:
        return Arrival(
            kept=Kept(entry.sha256, entry.size, entry.location),
            received_at=entry.at,
            provenance=Provenance(entry.sender.association_id, entry.sender.calling_ae, entry.sender.called_ae),
            sop_class_uid=entry.sop_class_uid,
            sop_instance_uid=entry.sop_instance_uid,
            transfer_syntax_uid=entry.transfer_syntax_uid,
            found=look_at(self._files.path(entry.location)),
        )

    def _position(self, receiver: str) -> Position:
        with self._database.read() as session:
            row = session.get(JournalPositionRow, receiver)
            return START if row is None else Position(row.sequence, row.offset)

    def _advance(self, recording: Recording, receiver: str, expected: Position, after: Position) -> None:
        row = recording.session.get(JournalPositionRow, receiver)
        found = START if row is None else Position(row.sequence, row.offset)
        if found != expected:
            raise Permanent("journal-position", receiver=receiver, expected=str(expected), found=str(found))
        if row is None:
            recording.session.add(JournalPositionRow(receiver=receiver, sequence=after.sequence, offset=after.offset))
        else:
            row.sequence, row.offset = after


def _record_revision(recording: Recording, study: StudyRow, entry: InstanceReceived) -> None:
    recording.record(
        AuditEvent(
            code=AuditCode.STUDY_REVISED,
            actor=Actor.peer(entry.sender.calling_ae, entry.sender.host),
            study_uid=study.study_uid,
            correlation=study.correlation_id,
            details={"revision": study.revision, "association": entry.sender.association_id},
        )
    )


def _record_refusal(recording: Recording, refused: AssociationRefused) -> None:
    recording.record(
        AuditEvent(
            code=AuditCode.ASSOCIATION_REFUSED,
            actor=Actor.peer(refused.calling_ae, refused.host),
            outcome="failure",
            details={"called_ae": refused.called_ae, "reason": refused.reason, "count": refused.count},
        )
    )
