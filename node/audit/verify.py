"""The verification of the audit trail against its anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from node.audit.anchor import Anchor, Anchored, Reading
from node.audit.chain import START, Mark
from node.audit.diagnosis import diagnose
from node.audit.findings import Finding, spans
from node.audit.identities import check_identities
from node.audit.rows import digest, last_mark, rows
from node.audit.tables import AuditRow
from node.audit.walk import Walked, walk
from node.database import Database
from node.errors import Permanent


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification saw.

    Attributes
    ----------
    rows
        Rows of the present trail that the database holds.
    since
        Number of the last row that an earlier trail was closed with, 0 when this is the first.
    found
        Where the database's trail ends.
    anchored
        Where the anchor says that it ends, None when the anchor cannot be read.
    interrupted
        Whether a commit was cut short by a kill and came through: the trail ends where the anchor announced, and
        the next row confirms it. No fault.
    findings
        What is wrong, empty when nothing is.
    """

    rows: int
    since: int
    found: Mark
    anchored: Mark | None
    interrupted: bool
    findings: tuple[Finding, ...]

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify(database: Database, anchor: Anchor, witnessed: Sequence[Mark] = ()) -> VerifyReport:
    """Verify chain, anchor and identifiers; changes nothing.

    Parameters
    ----------
    database
        The database that holds the rows.
    anchor
        The anchor that was kept beside it.
    witnessed
        Marks noted earlier somewhere else (a log on another host, paper). They alone show that anchor *and*
        database were put back to an older state together, which no HMAC can.

    Returns
    -------
    VerifyReport
        Where the trail stands and what is wrong with it.
    """
    with anchor.locked():
        # Under the lock no commit is under way, so the last row and the anchor are of one moment. The rows up to
        # it never change again, so they are read after the lock is given back.
        last = _last(database)
        if last is None and anchor.unmade:
            return VerifyReport(0, 0, START, None, False, ())
        reading, findings = _read(anchor)
    anchored = reading.state.confirmed if reading else None
    if last is None:
        return VerifyReport(0, 0, START, anchored, False, tuple(_without_rows(reading, findings)))
    with database.read() as session:
        try:
            return _verified(session, reading, findings, last, witnessed)
        except DBAPIError as failure:
            findings.append(Finding.of("audit-database-unreadable", found=str(failure.orig)))
            return VerifyReport(0, 0, last, anchored, False, tuple(findings))


def _read(anchor: Anchor) -> tuple[Reading | None, list[Finding]]:
    try:
        reading = anchor.read()
    except Permanent as trouble:
        return None, [Finding(trouble.reason)]
    return reading, [Finding.of("audit-anchor-damaged", file=str(anchor.file))] if reading.damaged else []


def _last(database: Database) -> Mark | None:
    if not database.exists or not inspect(database.engine).has_table(AuditRow.__tablename__):
        return None
    with database.read() as session:
        last = last_mark(session)
    return None if last == START else last


def _without_rows(reading: Reading | None, findings: list[Finding]) -> list[Finding]:
    if reading is None:
        return findings
    first, last = reading.state.since.count + 1, reading.state.confirmed.count
    return [*findings, Finding.at("audit-database-empty", first, last)] if first <= last else findings


def _verified(
    session: Session, reading: Reading | None, findings: list[Finding], last: Mark, witnessed: Sequence[Mark]
) -> VerifyReport:
    state = reading.state if reading else _presumed(session, last)
    known = {mark.count: mark.head for mark in witnessed if mark.count > state.since.count}
    if reading:
        known.update((mark.count, mark.head) for mark in reading.earlier)
    walked = walk(rows(session, state.since.count, last.count), state.since, known)
    end = _end(session, state, walked)
    if reading:
        findings += _closed(session, state)
    findings += _chain(session, state, walked, end, known)
    findings += _contradicted(session, witnessed)
    findings += check_identities(session, state.since.count)
    interrupted = state.next is not None and end == state.next
    anchored = state.confirmed if reading else None
    return VerifyReport(walked.count, state.since.count, walked.end, anchored, interrupted, tuple(findings))


def _presumed(session: Session, last: Mark) -> Anchored:
    """Return what an anchor would say of the rows as they are, so that the chain at least is followed."""
    first = next(rows(session, None, last.count))
    since = Mark(first["sequence"] - 1, str(first.get("previous_hash")))
    return Anchored(since=since, confirmed=last)


def _end(session: Session, state: Anchored, walked: Walked) -> Mark:
    """Return which of the anchored ends this database is to be judged by: the announced one if it came that far."""
    if state.next is None or walked.end == state.confirmed:
        return state.confirmed
    came = session.scalars(select(AuditRow.sequence).where(AuditRow.hash == state.next.head)).first() is not None
    return state.next if came else state.confirmed


def _closed(session: Session, state: Anchored) -> list[Finding]:
    before = state.since.count
    if state.closed:
        unchanged = digest(session, before) == state.closed
        return [] if unchanged else [Finding.at("audit-closed-changed", 1, before)]
    return spans("audit-row-inserted", (row["sequence"] for row in rows(session, None, before)))


def _chain(session: Session, state: Anchored, walked: Walked, end: Mark, known: dict[int, str]) -> list[Finding]:
    if walked.sound is None and walked.end == end:
        return []
    if walked.count == 0:
        return [Finding.at("audit-database-empty", state.since.count + 1, end.count)]
    if walked.sound is None and walked.end.count == end.count:
        # Every link holds, only the head is another one: the hashes were made anew from some row on.
        agreed = [number for number, head in known.items() if walked.hashes.get(number) == head]
        first = max([state.since.count, *agreed]) + 1
        return [Finding.at("audit-chain-recomputed", first, end.count)]
    sound = walked.sound or Mark(min(walked.end.count, end.count), "")
    trusted = {**known, end.count: end.head}
    found = diagnose(list(rows(session, sound.count, walked.end.count)), sound, trusted, end.count)
    return found or [Finding.at("audit-chain-recomputed", sound.count + 1, end.count)]


def _contradicted(session: Session, witnessed: Sequence[Mark]) -> list[Finding]:
    found = []
    for mark in witnessed:
        stored = session.scalars(select(AuditRow.hash).where(AuditRow.sequence == mark.count)).first()
        if stored != mark.head:
            found.append(Finding.at("audit-witness-contradicted", mark.count, mark.count, head=mark.head))
    return found
