"""The catalogue: what is in the archive, in the questions that people and rooms ask of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from node.archive.files import ArchiveFiles, Kept
from node.archive.filing import Arrival, Filing, Origin, Outcome, Provenance
from node.archive.headers import Header, read_header
from node.archive.tables import InstanceRow, QuarantineRow, SeriesRow, StudyRow
from node.errors import Permanent
from node.states import StudyState


class Catalogue:
    """Asks the catalogue; never commits.

    Parameters
    ----------
    session
        Where to ask.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def study(self, study_uid: str) -> StudyRow | None:
        """Return the study of that UID, or None."""
        return self._session.get(StudyRow, study_uid)

    def study_count(self) -> int:
        """Return how many studies there are."""
        return self._session.scalar(select(func.count()).select_from(StudyRow)) or 0

    def studies(self, limit: int = 100, skip: int = 0) -> Sequence[StudyRow]:
        """Return at most `limit` studies, the one with the latest arrival first, without the first `skip`."""
        latest = func.coalesce(StudyRow.last_instance_at, StudyRow.first_received_at)
        question = select(StudyRow).order_by(latest.desc(), StudyRow.study_uid)
        return self._session.scalars(question.limit(limit).offset(skip)).all()

    def studies_to_settle(self, before: datetime, after: datetime) -> Sequence[StudyRow]:
        """Return the studies that are receiving and whose last instance came until `before` or since `after`.

        One that a person declared complete after its last instance is among them at once.

        Nothing comes in the future: who has an instance of then was received before the clock was set back, and would
        wait until it is that time again. Oldest first.
        """
        question = (
            select(StudyRow)
            .where(
                StudyRow.state == StudyState.RECEIVING,
                (StudyRow.last_instance_at <= before)
                | (StudyRow.last_instance_at >= after)
                | (StudyRow.completed_at >= StudyRow.last_instance_at),
            )
            .order_by(StudyRow.last_instance_at, StudyRow.study_uid)
        )
        return self._session.scalars(question).all()

    def series_of(self, study_uid: str) -> Sequence[SeriesRow]:
        """Return the series of a study, by UID."""
        question = select(SeriesRow).where(SeriesRow.study_uid == study_uid).order_by(SeriesRow.series_uid)
        return self._session.scalars(question).all()

    def instances_of(self, series_uid: str) -> Sequence[InstanceRow]:
        """Return the instances of a series, by UID."""
        question = select(InstanceRow).where(InstanceRow.series_uid == series_uid)
        return self._session.scalars(question.order_by(InstanceRow.sop_instance_uid)).all()

    def instance_counts(self, study_uids: Collection[str]) -> Mapping[str, int]:
        """Return the number of instances of each of these studies, our own included; without any, it is left out."""
        question = select(SeriesRow.study_uid, func.count()).select_from(InstanceRow).join(SeriesRow)
        counted = question.where(SeriesRow.study_uid.in_(study_uids)).group_by(SeriesRow.study_uid)
        return dict(self._session.execute(counted).all())

    def instance(self, sop_instance_uid: str) -> InstanceRow | None:
        """Return the instance of that UID, or None."""
        return self._session.get(InstanceRow, sop_instance_uid)

    def quarantined(self, study_uid: str | None) -> Sequence[QuarantineRow]:
        """Return what is set apart of a study and not settled; of None, what belongs to no study of the catalogue."""
        of_study: ColumnElement[bool] = QuarantineRow.study_uid == study_uid
        if study_uid is None:
            of_study = ~select(StudyRow).where(StudyRow.study_uid == QuarantineRow.study_uid).exists()
        return self._set_apart(of_study)

    def quarantined_by_study(self, study_uids: Collection[str]) -> Mapping[str, Sequence[QuarantineRow]]:
        """Return what is set apart of each of these studies, as `quarantined` does, in one question."""
        rows: dict[str, list[QuarantineRow]] = {study_uid: [] for study_uid in study_uids}
        for row in self._set_apart(QuarantineRow.study_uid.in_(study_uids)):
            rows[row.study_uid].append(row)
        return rows

    def set_apart(self, study_uid: str) -> list[QuarantineRow]:
        """Return what is set apart of what came from outside; an object of our own that a peer altered is no input."""
        return [row for row in self.quarantined(study_uid) if row.origin == Origin.RECEIVED]

    def _set_apart(self, of_study: ColumnElement[bool]) -> Sequence[QuarantineRow]:
        unsettled = select(QuarantineRow).where(of_study, QuarantineRow.settled_at.is_(None))
        return self._session.scalars(unsettled.order_by(QuarantineRow.id)).all()


def own_arrival(files: ArchiveFiles, location: str, sha256: str, at: datetime) -> Arrival:
    """Return an object that this node made and kept, looked at and ready to be entered.

    Reading two hundred headers takes a second or two, so it is done before the write transaction, not in it.

    Parameters
    ----------
    location, sha256
        As `ArchiveFiles.keep` gave them.
    at
        The time of the entry.
    """
    file = files.path(location)
    header = read_header(file)
    return Arrival(
        kept=Kept(sha256, file.stat().st_size, location),
        received_at=at,
        provenance=Provenance(),
        sop_class_uid=header.sop_class_uid,
        sop_instance_uid=header.sop_instance_uid,
        transfer_syntax_uid=header.transfer_syntax_uid,
        found=header,
    )


def register_own(session: Session, files: ArchiveFiles, arrivals: Sequence[Arrival], correlation_id: str) -> None:
    """Enter objects that this node made and kept; entering them again changes nothing.

    It opens no revision, and does not change when their study's last instance came.

    Parameters
    ----------
    session
        Inside the transaction that holds the result.
    arrivals
        From `own_arrival`.
    correlation_id
        The run's; a study that is not known (any more) is entered with it.

    Raises
    ------
    Permanent
        ``own-object-not-filed``: one would have to be quarantined.
    """
    filing = Filing(session, files)
    filing.expect(arrivals)
    for arrival in arrivals:
        study_uid = arrival.found.study_uid if isinstance(arrival.found, Header) else ""
        unknown_study = session.get(StudyRow, study_uid) is None
        filed = filing.file(arrival)
        row = session.get(InstanceRow, arrival.sop_instance_uid)
        if filed.outcome is Outcome.QUARANTINED or row is None or row.origin != Origin.OWN:
            raise Permanent("own-object-not-filed", sop_instance=arrival.sop_instance_uid)
        if unknown_study:
            session.get_one(StudyRow, study_uid).correlation_id = correlation_id
