"""The facts of studies that are in the catalogue: what rules decide on, now or in a replay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.archive.filing import Origin
from node.archive.tables import InstanceRow, QuarantineRow, SeriesRow, StudyRow
from node.database import Database
from node.rules import SeriesFacts, StudyFacts
from node.settings import Settings

_AT_ONCE = 20
"""Studies that one transaction reads: none is open for long, whatever is asked of them meanwhile."""


def study_facts(session: Session, study: StudyRow, settings: Settings) -> StudyFacts:
    """Return what rules may ask of a study; nothing of it depends on when it is asked."""
    return _facts(session, [study], settings)[0]


def past_studies(database: Database, settings: Settings, since: datetime) -> Iterator[StudyFacts]:
    """Yield each study that something was received of since then, the latest first.

    Left out are studies of which an instance is set apart, since none of them is routed, and those that have only
    objects of this node. Nothing is locked: each transaction reads a few studies and ends before they are yielded.
    """
    with database.read() as session:
        apart = select(QuarantineRow.study_uid).where(
            QuarantineRow.origin == Origin.RECEIVED, QuarantineRow.settled_at.is_(None)
        )
        asked = select(StudyRow.study_uid).where(StudyRow.last_instance_at >= since, StudyRow.study_uid.not_in(apart))
        study_uids = session.scalars(asked.order_by(StudyRow.last_instance_at.desc(), StudyRow.study_uid)).all()
    for first in range(0, len(study_uids), _AT_ONCE):
        few = study_uids[first : first + _AT_ONCE]
        with database.read() as session:
            rows = {row.study_uid: row for row in session.scalars(select(StudyRow).where(StudyRow.study_uid.in_(few)))}
            found = _facts(session, [rows[study_uid] for study_uid in few if study_uid in rows], settings)
        yield from found


def _facts(session: Session, studies: Sequence[StudyRow], settings: Settings) -> list[StudyFacts]:
    uids = [study.study_uid for study in studies]
    columns = (SeriesRow.study_uid, SeriesRow.series_uid, SeriesRow.attributes)
    series = session.execute(select(*columns).where(SeriesRow.study_uid.in_(uids)).order_by(SeriesRow.series_uid)).all()
    asked = (
        select(InstanceRow.series_uid, InstanceRow.differing, InstanceRow.origin)
        .join(SeriesRow, SeriesRow.series_uid == InstanceRow.series_uid)
        .where(SeriesRow.study_uid.in_(uids))
        .order_by(InstanceRow.sop_instance_uid)
    )
    differing: dict[str, list[dict[str, Any]]] = defaultdict(list)
    own: set[str] = set()
    for series_uid, differs, origin in session.execute(asked):
        differing[series_uid].append(differs)
        if origin != Origin.RECEIVED:
            own.add(series_uid)
    facts: dict[str, list[SeriesFacts]] = defaultdict(list)
    for study_uid, series_uid, attributes in series:
        facts[study_uid].append(SeriesFacts.of(series_uid, attributes, differing[series_uid], series_uid in own))
    return [
        StudyFacts(
            study_uid=one.study_uid,
            calling_ae=one.calling_ae,
            called_ae=one.called_ae,
            series=tuple(facts[one.study_uid]),
            source=settings.source(one.calling_ae),
            received_at=None if one.last_instance_at is None else settings.site_time(one.last_instance_at),
        )
        for one in studies
    ]
