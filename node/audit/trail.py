"""The trail: rows written in the transaction of the change that they record, and anchored around its commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import structlog
from sqlalchemy.orm import Session

from node.access import Permission, check
from node.actor import Actor
from node.audit.anchor import Anchor
from node.audit.chain import ROW_SCHEMA, START, Mark, canonical, row_hash
from node.audit.events import AuditCode, AuditEvent, Detail
from node.audit.identities import subject_of
from node.audit.rows import digest, hash_of_row, last_mark
from node.audit.seal import Seal, put_seal, sealed_text
from node.audit.tables import AuditIdentity, AuditRow
from node.clock import Clock
from node.database import Database
from node.errors import Permanent, Refusal

# By the standard library's logger, so that a command, which configures no logs, prints none of these lines.
_log = structlog.wrap_logger(logging.getLogger(__name__))


Subscriber = Callable[[Session, AuditEvent], None]
"""Adds what follows from an act to its transaction, such as notifications; records nothing itself."""


class Recording:
    """One change under way: its session, and what is to be recorded of it.

    Attributes
    ----------
    session
        The write transaction's session; make the change through it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._events: list[tuple[AuditEvent, str | None]] = []

    def record(self, event: AuditEvent) -> None:
        """Note one act; its row is written when the block ends, and stands or falls with the change.

        Raises
        ------
        ValueError, TypeError
            When the details hold what JSON cannot carry, at the caller and not at the commit.
        """
        canonical(dict(event.details))
        subject = None if event.patient is None else subject_of(self.session, event.patient)
        self._events.append((event, subject))

    def record_for(self, subject: str, event: AuditEvent) -> None:
        """Note one act on a subject whose identifiers may be gone."""
        self._events.append((event, subject))

    def tell_subscribers(self, subscribers: Sequence[Subscriber]) -> None:
        """Give each act that was noted to those who have something to add to the transaction because of it."""
        for event, _subject in self._events:
            for subscriber in subscribers:
                subscriber(self.session, event)

    def append(self, before: Mark, clock: Clock) -> Mark:
        """Write the rows after `before` and return where the trail then stands."""
        mark = before
        for event, subject in self._events:
            row = {
                "sequence": mark.count + 1,
                "row_schema": ROW_SCHEMA,
                "at": clock.now().isoformat(timespec="microseconds"),
                "code": event.code.value,
                "outcome": event.outcome,
                "actor_kind": event.actor.kind.value,
                "actor_name": event.actor.name,
                "actor_address": event.actor.address,
                "study_uid": event.study_uid,
                "subject": subject,
                "correlation": event.correlation,
                "details": canonical(dict(event.details)),
                "previous_hash": mark.head,
            }
            mark = Mark(mark.count + 1, row_hash(row))
            self.session.add(AuditRow(**row, hash=mark.head))
        self.session.flush()
        return mark

    def tell(self, after: Mark) -> None:
        """Log what was recorded, and the trail's mark: kept on another machine, such lines are its witnesses."""
        for event, _subject in self._events:
            _log.info(
                "audited",
                act=event.code.value,
                outcome=event.outcome,
                actor=str(event.actor),
                study_uid=event.study_uid,
                correlation=event.correlation,
            )
        _log.info("audit trail", count=after.count, head=after.head)

    @property
    def silent(self) -> bool:
        """Whether nothing was noted, as when a change turned out to be none."""
        return not self._events


class AuditTrail:
    """Writes the audit trail.

    Parameters
    ----------
    database
        Where rows go, with the changes that they record.
    anchor
        Where this machine keeps count and head outside it, and the key.
    clock
        Gives the rows' times.
    subscribers
        Called with each act in its transaction.
    """

    def __init__(
        self, database: Database, anchor: Anchor, clock: Clock, subscribers: Sequence[Subscriber] = ()
    ) -> None:
        self._database = database
        self._anchor = anchor
        self._clock = clock
        self._subscribers = subscribers

    @contextmanager
    def recording(self) -> Iterator[Recording]:
        """Open a write transaction that leaves audit rows, one at a time among all machines; not to be nested.

        The lock of exclusive writers comes before any row: taken last, two recordings of which one changed a row that
        the other wants would wait for each other for ever on PostgreSQL.

        The seal of the new end is part of the transaction; after the commit it goes into this machine's anchor. After
        a kill in between the anchor is one recording behind, which is no fault: its mark is still in the chain. A
        trail that does not agree with seal or anchor takes no further rows: they would cover up what happened to it.

        Raises
        ------
        Permanent
            ``audit-seal-invalid``, ``audit-anchor-mismatch`` and the codes of `Anchor.read`; the change is then not
            made.
        """
        with self._database.write_exclusively() as session:
            recording = Recording(session)
            yield recording
            if recording.silent:
                return
            recording.tell_subscribers(self._subscribers)
            last, before = self._place(session)
            after = recording.append(before, self._clock)
            seal = replace(last, end=after, generation=last.generation + 1)
            put_seal(session, self._anchor.sign(seal))
            self._anchor.check_writable()
        self._anchor.advance(seal)
        recording.tell(after)

    def check_access(self, by: Actor, permission: Permission) -> None:
        """Check that `by` may do it, and record where not, for acts that concern no run and no delivery.

        A trail that takes no rows stays as it is found; the refusal is then in the log alone.

        Raises
        ------
        Refusal
            Those of `node.access.check`.
        """
        try:
            check(by, permission)
        except Refusal as refusal:
            details: dict[str, Detail] = {"permission": permission.value, "reason": refusal.reason.code}
            try:
                with self.recording() as recording:
                    recording.record(AuditEvent(AuditCode.ACCESS_REFUSED, by, "failure", details=details))
            except Permanent as trouble:
                _log.warning(
                    "refused, and the trail takes no row",
                    actor=str(by),
                    act=permission.value,
                    reason=trouble.reason.code,
                )
            raise

    def erase(self, subject: str, by: Actor, reason: str) -> None:
        """Erase the identifiers and the salt behind `subject`; the rows stay, the chain still verifies.

        Raises
        ------
        Refusal
            ``audit-subject-unknown``: nobody of that hash, or erased before; those of `node.access.check`.
        """
        self.check_access(by, Permission.ERASE_IDENTITY)
        with self.recording() as recording:
            identity = recording.session.get(AuditIdentity, subject)
            if identity is None:
                raise Refusal("audit-subject-unknown", subject=subject)
            recording.session.delete(identity)
            recording.record_for(subject, AuditEvent(AuditCode.IDENTITY_ERASED, by, details={"reason": reason}))

    def begin_new_trail(self, reason: str, by: Actor) -> None:
        """Close the trail as it is found, and begin another after it that says why.

        For a database that was lost, restored or tampered with, and for a lost or forged anchor. Numbers and hashes
        go on from where the old anchor stood, so no number is given twice; the old anchor's file is kept; rows that
        are still there are sealed by a digest, so that they cannot be changed further.

        Raises
        ------
        Refusal
            Those of `node.access.check`.
        """
        self.check_access(by, Permission.BEGIN_TRAIL)
        with self._database.write_exclusively() as session:
            kept = self._anchor.set_aside()
            old, trouble = self._last_seal(session)
            last = last_mark(session)
            since = Mark(max(old.end.count, last.count), last.head if old.holds_nothing() else old.end.head)
            recording = Recording(session)
            details: dict[str, Detail] = {
                "reason": reason,
                "old_anchor": trouble or "intact",
                "old_anchor_kept_as": kept,
                "old_count": old.end.count,
                "old_head": old.end.head,
                "found_count": last.count,
                "found_head": last.head,
            }
            recording.record(AuditEvent(AuditCode.TRAIL_BEGUN, by, details=details))
            closed = digest(session, since.count)
            after = recording.append(since, self._clock)
            seal = Seal(since, closed, after, old.generation + 1)
            put_seal(session, self._anchor.sign(seal))
        self._anchor.replace(seal)
        recording.tell(after)

    def join(self, reason: str, by: Actor) -> None:
        """Begin an anchor on a machine that has none, at the present end of a trail that others record into.

        The key must have been brought here before. What was cut off before this moment only the others can find.

        Raises
        ------
        Refusal
            Those of `node.access.check`, ``audit-anchor-there``.
        Permanent
            ``audit-key-missing``, ``audit-key-exposed``, ``audit-seal-invalid``: the database's trail does not end as
            its seal says.
        """
        self.check_access(by, Permission.BEGIN_TRAIL)
        with self._database.write_exclusively() as session:
            if self._anchor.file.exists():
                raise Refusal("audit-anchor-there", file=str(self._anchor.file))
            signed, found = sealed_text(session), last_mark(session)
            last = self._anchor.unsign(signed or "")
            if last is None or found != last.end:
                raise Permanent("audit-seal-invalid", found_count=found.count)
            recording = Recording(session)
            recording.record(AuditEvent(AuditCode.ANCHOR_BEGUN, by, details={"reason": reason}))
            after = recording.append(found, self._clock)
            seal = replace(last, end=after, generation=last.generation + 1)
            put_seal(session, self._anchor.sign(seal))
        self._anchor.replace(seal)
        recording.tell(after)

    def _place(self, session: Session) -> tuple[Seal, Mark]:
        """Return the last seal and the mark that the next row follows."""
        signed, found = sealed_text(session), last_mark(session)
        if signed is None and found == START and self._anchor.unmade:
            self._anchor.create()
        anchored = self._anchor.read().seal
        seal = Seal() if signed is None else self._anchor.unsign(signed)
        if seal is None or (signed is None and found != START):
            raise Permanent("audit-seal-invalid", found_count=found.count)
        # Rows before `since` may be gone with an earlier database; the trail then goes on from where they ended.
        before = found if found.count > seal.since.count else seal.since
        mark = anchored.end
        kept = mark.count <= seal.since.count or hash_of_row(session, mark.count) == mark.head
        if before != seal.end or seal.generation < anchored.generation or not kept:
            raise Permanent(
                "audit-anchor-mismatch",
                found_count=before.count,
                found_head=before.head,
                anchored_count=max(mark.count, seal.end.count),
            )
        return seal, before

    def _last_seal(self, session: Session) -> tuple[Seal, str]:
        """Return the newest seal that is known, of database or anchor, and what is wrong with the anchor."""
        trouble, anchored = "", Seal()
        if self._anchor.unmade:
            trouble = "audit-anchor-missing"
            self._anchor.create()
        else:
            try:
                anchored = self._anchor.read().seal
            except Permanent as why:
                trouble = why.reason.code
                if trouble == "audit-key-missing":
                    self._anchor.create()
        signed = sealed_text(session)
        sealed = None if signed is None else self._anchor.unsign(signed)
        return max(sealed or Seal(), anchored, key=lambda seal: (seal.end.count, seal.generation)), trouble
