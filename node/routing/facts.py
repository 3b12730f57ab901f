"""The facts of a study that is in the catalogue: what rules decide on, now or in a replay."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from node.archive.catalogue import Catalogue
from node.archive.tables import InstanceRow, SeriesRow, StudyRow
from node.rules import SeriesFacts, StudyFacts
from node.settings import Settings


def study_facts(session: Session, study: StudyRow, settings: Settings) -> StudyFacts:
    """Return what rules may ask of a study; nothing of it depends on when it is asked."""
    catalogue = Catalogue(session)
    return StudyFacts(
        study_uid=study.study_uid,
        calling_ae=study.calling_ae,
        called_ae=study.called_ae,
        series=tuple(
            _series_facts(series, catalogue.instances_of(series.series_uid))
            for series in catalogue.series_of(study.study_uid)
        ),
        source=settings.source(study.calling_ae),
        received_at=None if study.last_instance_at is None else settings.site_time(study.last_instance_at),
    )


def _series_facts(series: SeriesRow, instances: Sequence[InstanceRow]) -> SeriesFacts:
    own = any(instance.origin != "received" for instance in instances)
    return SeriesFacts.of(series.series_uid, series.attributes, [one.differing for one in instances], own)
