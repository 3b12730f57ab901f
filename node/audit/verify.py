"""The verification of the audit trail against its anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from node.audit.anchor import Anchor, Reading
from node.audit.chain import START, Mark
from node.audit.diagnosis import diagnose
from node.audit.findings import AuditFinding, spans
from node.audit.identities import check_identities
from node.audit.rows import digest, hash_of_row, last_mark, rows
from node.audit.seal import Seal, sealed_text
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
        Where the trail ended when this machine last recorded, None when its anchor cannot be read. Behind `found` when
        another machine recorded since, or a kill came between a commit and the anchor.
    findings
        What is wrong, empty when nothing is.
    """

    rows: int
    since: int
    found: Mark
    anchored: Mark | None
    findings: tuple[AuditFinding, ...]

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
    # The anchor first: what it vouches for was committed before.
    unmade = anchor.unmade
    reading, findings = (None, []) if unmade else _read(anchor)
    vouched = reading.seal if reading else None
    anchored = vouched.end if vouched else None
    if not _has_rows_table(database):
        return VerifyReport(0, 0, START, anchored, tuple(findings + _without_rows(vouched)))
    with database.read() as session:
        last, signed = last_mark(session), sealed_text(session)
        if unmade and (signed is not None or last != START):
            if not anchor.unmade:  # the first recording of all came in between
                return verify(database, anchor, witnessed)
            findings.append(AuditFinding.of("audit-key-missing", file=str(anchor.key_file)))
        sealed = None if unmade else _sealed(anchor, signed)
        newest = max((s for s in (sealed, vouched) if s is not None), key=lambda s: s.generation, default=None)
        if last == START:
            return VerifyReport(0, 0, START, anchored, tuple(findings + _without_rows(newest)))
        if _is_seal_invalid(sealed, newest, findings):
            findings.append(AuditFinding.of("audit-seal-invalid", found_count=last.count))
        marks = [*(reading.marks if reading else ()), *([sealed.end] if sealed else ())]
        try:
            return _verified(session, newest, findings, last, anchored, marks, witnessed)
        except DBAPIError as failure:
            findings.append(AuditFinding.of("audit-database-unreadable", found=str(failure.orig)))
            return VerifyReport(0, 0, last, anchored, tuple(findings))


def _read(anchor: Anchor) -> tuple[Reading | None, list[AuditFinding]]:
    try:
        reading = anchor.read()
    except Permanent as trouble:
        return None, [AuditFinding(trouble.reason)]
    return reading, [AuditFinding.of("audit-anchor-damaged", file=str(anchor.file))] if reading.damaged else []


def _has_rows_table(database: Database) -> bool:
    return database.exists and inspect(database.engine).has_table(AuditRow.__tablename__)


def _sealed(anchor: Anchor, signed: str | None) -> Seal | None:
    try:
        return None if signed is None else anchor.unsign(signed)
    except Permanent:  # the key's trouble, which reading the anchor has named
        return None


def _is_seal_invalid(sealed: Seal | None, newest: Seal | None, findings: Sequence[AuditFinding]) -> bool:
    """Return whether the database's seal is not the one that was written last, as far as the key can tell."""
    without_key = {"audit-key-missing", "audit-key-exposed", "audit-anchor-forged"}
    return sealed != newest if sealed else not without_key.intersection(f.reason.code for f in findings)


def _without_rows(seal: Seal | None) -> list[AuditFinding]:
    if seal is None:
        return []
    first, last = seal.since.count + 1, seal.end.count
    return [AuditFinding.at("audit-database-empty", first, last)] if first <= last else []


def _verified(
    session: Session,
    newest: Seal | None,
    findings: list[AuditFinding],
    last: Mark,
    anchored: Mark | None,
    marks: Sequence[Mark],
    witnessed: Sequence[Mark],
) -> VerifyReport:
    seal = newest or _presumed(session, last)
    known = {mark.count: mark.head for mark in (*witnessed, *marks) if mark.count > seal.since.count}
    walked = walk(rows(session, seal.since.count, last.count), seal.since, known)
    if newest:
        findings += _closed(session, seal)
    findings += _chain(session, seal, walked, known) or _diverged(walked, marks, seal)
    findings += _contradicted(session, witnessed)
    findings += check_identities(session, seal.since.count)
    return VerifyReport(walked.count, seal.since.count, walked.end, anchored, tuple(findings))


def _presumed(session: Session, last: Mark) -> Seal:
    """Return what a seal would say of the rows as they are, so that the chain at least is followed."""
    first = next(rows(session, None, last.count))
    since = Mark(first["sequence"] - 1, str(first.get("previous_hash")))
    return Seal(since=since, end=last)


def _closed(session: Session, seal: Seal) -> list[AuditFinding]:
    before = seal.since.count
    if seal.closed:
        unchanged = digest(session, before) == seal.closed
        return [] if unchanged else [AuditFinding.at("audit-closed-changed", 1, before)]
    return spans("audit-row-inserted", (row["sequence"] for row in rows(session, None, before)))


def _chain(session: Session, seal: Seal, walked: Walked, known: dict[int, str]) -> list[AuditFinding]:
    end = seal.end
    if walked.sound is None and walked.end == end:
        return []
    if walked.count == 0:
        return [AuditFinding.at("audit-database-empty", seal.since.count + 1, end.count)]
    if walked.sound is None and walked.end.count == end.count:
        # Every link holds, only the head is another one: the hashes were made anew from some row on.
        agreed = [number for number, head in known.items() if walked.hashes.get(number) == head]
        first = max([seal.since.count, *agreed]) + 1
        return [AuditFinding.at("audit-chain-recomputed", first, end.count)]
    sound = walked.sound or Mark(min(walked.end.count, end.count), "")
    trusted = {**known, end.count: end.head}
    found = diagnose(list(rows(session, sound.count, walked.end.count)), sound, trusted, end.count)
    return found or [AuditFinding.at("audit-chain-recomputed", sound.count + 1, end.count)]


def _diverged(walked: Walked, marks: Sequence[Mark], seal: Seal) -> list[AuditFinding]:
    """Return the rows that this machine recorded and that others' rows stand in place of, in a chain that holds."""
    return [
        AuditFinding.at("audit-anchor-contradicted", mark.count, mark.count, head=mark.head)
        for mark in dict.fromkeys(marks)
        if mark.count > seal.since.count and walked.hashes.get(mark.count) != mark.head
    ]


def _contradicted(session: Session, witnessed: Sequence[Mark]) -> list[AuditFinding]:
    found = []
    for mark in witnessed:
        if hash_of_row(session, mark.count) != mark.head:
            found.append(AuditFinding.at("audit-witness-contradicted", mark.count, mark.count, head=mark.head))
    return found
