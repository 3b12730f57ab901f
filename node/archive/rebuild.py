"""The catalogue made anew from the files, when the database is gone.

Files are taken in the order in which they came: by the journals' receipts, and where there is none by the file's time,
ties by hash; structure sets last. So of two files with one SOP Instance UID the same one wins again, and the other is
quarantined again.
What was decided and computed for the studies is not in the files: every study becomes `rebuilt`, and nothing runs for
it by itself. Journals count as read to their end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from node.access import Permission
from node.actor import Actor
from node.archive.files import ArchiveFiles, Kept
from node.archive.filing import Arrival, Filing, Outcome, Provenance
from node.archive.headers import Header, Unusable, look_at
from node.archive.ingest import BATCH
from node.archive.tables import JournalPositionRow, StudyRow
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.errors import Refusal
from node.receive.entries import InstanceReceived
from node.receive.journal import JournalReader
from node.states import StudyState
from pipelines.contract import Reason


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found.

    Attributes
    ----------
    studies
        In the catalogue now.
    filed, own, duplicates, quarantined
        Files by what became of them; `own` are objects that a synthnode made, and structure sets drawn on them.
    missing
        Files that were acknowledged and are gone; they are among the quarantined.
    """

    studies: int
    filed: int
    own: int
    duplicates: int
    quarantined: int
    missing: int


def rebuild(journal: Path, files: ArchiveFiles, trail: AuditTrail, by: Actor) -> Rebuilt:
    """Make the catalogue from the files, in one transaction; only while no process of the node runs.

    Parameters
    ----------
    journal
        Folder of the receivers' journals; may be lost as well.
    files
        The archive's files.
    trail
        The audit trail of the new, migrated, empty database; begun anew if the old one is lost with its database.
    by
        Who asks for it.

    Raises
    ------
    Refusal
        ``catalogue-not-empty``: there are studies; nothing is changed. Those of `node.access.check`.
    """
    trail.check_access(by, Permission.REBUILD_ARCHIVE)
    reader = JournalReader(journal)
    receipts = first_receipts(reader)
    there = set(files.locations())
    missing = receipts.keys() - there
    in_order = iter(sorted(there | missing, key=lambda location: _came(files, receipts, location)))
    counts = dict.fromkeys(Outcome, 0)
    with trail.recording() as recording:
        session = recording.session
        if session.scalars(select(StudyRow).limit(1)).first() is not None:
            raise Refusal("catalogue-not-empty")
        # A structure set is known as drawn on an image of ours only once that image is filed, and files that
        # came within one tick of the file system's clock have no order.
        structures: list[str] = []
        while some := list(islice(in_order, BATCH)):
            arrivals = [_arrival(files, location, receipts.get(location)) for location in some]
            structures += [arrival.kept.location for arrival in arrivals if _refers(arrival)]
            _file(session, files, [arrival for arrival in arrivals if not _refers(arrival)], counts)
        _file(session, files, [_arrival(files, location, receipts.get(location)) for location in structures], counts)
        studies = _mark_rebuilt(session)
        _skip_journals(session, reader)
        result = Rebuilt(
            studies,
            filed=counts[Outcome.FILED],
            own=counts[Outcome.OWN],
            duplicates=counts[Outcome.DUPLICATE],
            quarantined=counts[Outcome.QUARANTINED],
            missing=len(missing),
        )
        recording.record(
            AuditEvent(
                AuditCode.ARCHIVE_REBUILT,
                by,
                details={
                    "studies": result.studies,
                    "filed": result.filed,
                    "own": result.own,
                    "duplicates": result.duplicates,
                    "quarantined": result.quarantined,
                    "missing": result.missing,
                },
            )
        )
    return result


def _file(session: Session, files: ArchiveFiles, arrivals: Sequence[Arrival], counts: dict[Outcome, int]) -> None:
    filing = Filing(session, files)
    filing.expect(arrivals)
    for arrival in arrivals:
        counts[filing.file(arrival).outcome] += 1
    session.flush()


def _refers(arrival: Arrival) -> bool:
    return isinstance(arrival.found, Header) and bool(arrival.found.refers_to)


def first_receipts(reader: JournalReader) -> Mapping[str, InstanceReceived]:
    """Return the first receipt of each file that was acknowledged, by its name in the archive."""
    first: dict[str, InstanceReceived] = {}
    for receiver in reader.receivers():
        for line in reader.read(receiver):
            entry = line.entry
            if isinstance(entry, InstanceReceived):
                known = first.get(entry.location)
                if known is None or entry.at < known.at:
                    first[entry.location] = entry
    return first


def _came(files: ArchiveFiles, receipts: Mapping[str, InstanceReceived], location: str) -> tuple[datetime, str]:
    receipt = receipts.get(location)
    return (_file_time(files.path(location)) if receipt is None else receipt.at), location


def _file_time(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _arrival(files: ArchiveFiles, location: str, receipt: InstanceReceived | None) -> Arrival:
    file = files.path(location)
    found = look_at(file)
    sha256 = Path(location).stem
    if isinstance(found, Header) and files.hash_of(location) != sha256:
        found = Unusable(Reason("file-damaged", {"file": location}), found.study_uid, found.series_uid)
    if receipt is not None:
        return Arrival(
            kept=Kept(sha256, receipt.size, location),
            received_at=receipt.at,
            provenance=Provenance(receipt.sender.association_id, receipt.sender.calling_ae, receipt.sender.called_ae),
            sop_class_uid=receipt.sop_class_uid,
            sop_instance_uid=receipt.sop_instance_uid,
            transfer_syntax_uid=receipt.transfer_syntax_uid,
            found=found,
        )
    known = found if isinstance(found, Header) else None
    return Arrival(
        kept=Kept(sha256, file.stat().st_size, location),
        received_at=_file_time(file),
        provenance=Provenance(),
        sop_class_uid=known.sop_class_uid if known else "",
        sop_instance_uid=known.sop_instance_uid if known else "",
        transfer_syntax_uid=known.transfer_syntax_uid if known else "",
        found=found,
    )


def _mark_rebuilt(session: Session) -> int:
    session.execute(
        update(StudyRow)
        .where(StudyRow.state == StudyState.RECEIVING)
        .values(state=StudyState.REBUILT, reason_code="catalogue-rebuilt", reason_parameters={})
    )
    found: Sequence[str] = session.scalars(select(StudyRow.study_uid)).all()
    return len(found)


def _skip_journals(session: Session, reader: JournalReader) -> None:
    for receiver in reader.receivers():
        end = reader.end(receiver)
        session.merge(JournalPositionRow(receiver=receiver, sequence=end.sequence, offset=end.offset))
