"""What associations brought, counted while they are open, and told to the audit in one row a study when they end."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from node.actor import Actor
from node.archive.filing import Filed, Outcome
from node.archive.patients import identity_of
from node.archive.tables import QuarantineRow, ReceiptRow, StudyRow
from node.audit import AuditCode, AuditEvent
from node.audit.events import Detail
from node.audit.trail import Recording
from node.receive.entries import AssociationEnd, Sender


class Receipts:
    """Counts and closes within one transaction.

    Parameters
    ----------
    recording
        The transaction, and the audit rows that commit with it.
    receiver
        The receiver whose journal is read.
    """

    def __init__(self, recording: Recording, receiver: str) -> None:
        self._recording = recording
        self._session = recording.session
        self._receiver = receiver

    def count(self, sender: Sender, filed: Filed, size: int) -> None:
        """Count one instance of an association."""
        row = self._session.get(ReceiptRow, (sender.association_id, filed.study_uid))
        if row is None:
            row = ReceiptRow(
                association_id=sender.association_id,
                study_uid=filed.study_uid,
                receiver=self._receiver,
                calling_ae=sender.calling_ae,
                called_ae=sender.called_ae,
                peer_host=sender.host,
                filed=0,
                own=0,
                duplicates=0,
                quarantined=0,
                size=0,
            )
            self._session.add(row)
            self._session.flush()
        row.filed += filed.outcome is Outcome.FILED
        row.own += filed.outcome is Outcome.OWN
        row.duplicates += filed.outcome is Outcome.DUPLICATE
        row.quarantined += filed.outcome is Outcome.QUARANTINED
        row.size += size

    def close(self, association_id: str, end: AssociationEnd) -> None:
        """Tell the audit what an association brought, now that it has ended."""
        question = select(ReceiptRow).where(ReceiptRow.association_id == association_id)
        self._record_receipts(self._session.scalars(question.order_by(ReceiptRow.study_uid)).all(), end)

    def close_all(self, end: AssociationEnd) -> None:
        """Tell the audit of every association that this receiver left open."""
        question = select(ReceiptRow).where(ReceiptRow.receiver == self._receiver)
        rows = self._session.scalars(question.order_by(ReceiptRow.association_id, ReceiptRow.study_uid)).all()
        self._record_receipts(rows, end)

    def _record_receipts(self, rows: Sequence[ReceiptRow], end: AssociationEnd) -> None:
        for row in rows:
            counts: dict[str, Detail] = {
                "association": row.association_id,
                "called_ae": row.called_ae,
                "end": end.value,
                "filed": row.filed,
                "own": row.own,
                "duplicates": row.duplicates,
                "quarantined": row.quarantined,
                "bytes": row.size,
            }
            self._record(AuditCode.INSTANCES_RECEIVED, row, "success", counts)
            if row.own:
                details: dict[str, Detail] = {"association": row.association_id, "instances": row.own}
                self._record(AuditCode.OWN_OBJECTS_RETURNED, row, "success", details)
            if row.quarantined:
                self._record_quarantined(row)
            self._session.delete(row)

    def _record_quarantined(self, row: ReceiptRow) -> None:
        question = (
            select(QuarantineRow.reason_code, func.count())
            .where(QuarantineRow.association_id == row.association_id, QuarantineRow.study_uid == row.study_uid)
            .group_by(QuarantineRow.reason_code)
            .order_by(QuarantineRow.reason_code)
        )
        for code, number in self._session.execute(question):
            details: dict[str, Detail] = {"association": row.association_id, "reason": code, "instances": number}
            self._record(AuditCode.INSTANCE_QUARANTINED, row, "failure", details)

    def _record(self, code: AuditCode, row: ReceiptRow, outcome: str, details: dict[str, Detail]) -> None:
        study = self._session.get(StudyRow, row.study_uid)
        self._recording.record(
            AuditEvent(
                code=code,
                actor=Actor.peer(row.calling_ae, row.peer_host),
                outcome="success" if outcome == "success" else "failure",
                study_uid=row.study_uid or None,
                patient=None if study is None else identity_of(study.patient),
                correlation=None if study is None else study.correlation_id,
                details=details,
            )
        )
