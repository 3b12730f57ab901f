"""The read model of what the node has and does, the same for the command line, the API and the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import case, func, select, tuple_
from sqlalchemy.orm import Session

from node.archive.catalogue import Catalogue
from node.archive.tables import QuarantineRow, StudyRow
from node.deliver.tables import DeliveryItemRow, DeliveryRow
from node.observe.processes import read_failing
from node.reasons import sentence, text
from node.runs.pauses import pauses, running
from node.runs.results import Results
from node.runs.tables import DecisionRow, RunObjectRow, RunRow
from node.watch.tables import WatchRow
from pipelines.contract import Reason

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One check of a result."""

    name: str
    verdict: str
    code: str
    reason: str
    overridable: bool


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One delivery of a result, or of the note that rejects it (`purpose`).

    Of the objects that its destination wants, `total`, how many it has; and the others.
    """

    destination: str
    purpose: str
    state: str
    attempts: int
    sent: int
    total: int
    unwanted: int
    reason: str


@dataclass(frozen=True, slots=True)
class OutputReport:
    """One series that a run made."""

    sop_class: str
    series_uid: str
    instances: int


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage of a run took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelReport:
    """A model that a run uses."""

    name: str
    version: str
    sha256: str
    status: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run."""

    run_id: str
    state: str
    reason: str
    rule: str
    pipeline: str
    models: Mapping[str, ModelReport]
    stage: str
    progress: float
    verdict: str | None
    checks: tuple[CheckReport, ...]
    stages: tuple[StageReport, ...]
    queued_at: str
    started_at: str | None
    finished_at: str | None
    released_by: str | None
    outputs: tuple[OutputReport, ...]
    objects: Mapping[str, str]
    """SHA-256 of each object's data set, by SOP Instance UID."""
    previews: Mapping[str, str]
    deliveries: tuple[DeliveryReport, ...]


@dataclass(frozen=True, slots=True)
class QuarantineReport:
    """Something that was set apart; `entry` is its number, by which a person settles it."""

    entry: int
    reason: str
    code: str
    sop_instance_uid: str | None
    location: str


@dataclass(frozen=True, slots=True)
class StudyReport:
    """One study."""

    study_uid: str
    state: str
    reason: str
    revision: int
    instances: int
    decision: Mapping[str, Any] | None
    quarantined: tuple[QuarantineReport, ...]
    runs: tuple[RunReport, ...]


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """A process of the running node that does not start, or does not last."""

    name: str
    starts: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class PauseReport:
    """A pause in force; of every pipeline where `pipeline` is None. `running` are runs at work all the same."""

    pipeline: str | None
    by: str
    reason: str
    since: str
    running: int


@dataclass(frozen=True, slots=True)
class WatchReport:
    """Something that is watched and amiss: a silent scanner, a full disk, a destination that does not answer."""

    subject: str
    since: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the node has and does: of all its studies, `studies_known`, those that were asked for."""

    schema: int
    studies_known: int
    studies: tuple[StudyReport, ...]
    unlinked_quarantine: tuple[QuarantineReport, ...]
    failing_processes: tuple[ProcessReport, ...]
    pauses: tuple[PauseReport, ...]
    amiss: tuple[WatchReport, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


class _Object(NamedTuple):
    sop_instance_uid: str
    sop_class_uid: str
    series_uid: str
    sha256: str


def report(
    session: Session,
    results: Results,
    run_folder: Path,
    study_uid: str | None = None,
    limit: int = 100,
    skip: int = 0,
) -> StatusReport:
    """Return the state of the latest `limit` studies, or of one.

    Parameters
    ----------
    session
        For the questions; nothing is changed.
    results
        Where previews lie.
    run_folder
        Where the node's processes say how they are.
    study_uid
        Report this study alone.
    limit
        At most so many studies, the latest first.
    skip
        Leave out so many of the latest.
    """
    catalogue = Catalogue(session)
    known = catalogue.studies(limit, skip) if study_uid is None else filter(None, [catalogue.study(study_uid)])
    return StatusReport(
        schema=SCHEMA,
        studies_known=catalogue.study_count(),
        studies=_studies(session, results, catalogue, list(known)),
        unlinked_quarantine=tuple(_quarantined(row) for row in catalogue.quarantined(None)),
        failing_processes=tuple(
            ProcessReport(one.name, one.starts, one.reason.code, text(one.reason)) for one in read_failing(run_folder)
        ),
        pauses=tuple(
            PauseReport(one.pipeline or None, one.by, one.reason, one.since.isoformat(), running(session, one.pipeline))
            for one in pauses(session)
        ),
        amiss=tuple(_amiss(row) for row in _failing(session)),
    )


def _failing(session: Session) -> Sequence[WatchRow]:
    return session.scalars(select(WatchRow).where(WatchRow.failing).order_by(WatchRow.subject)).all()


def _amiss(row: WatchRow) -> WatchReport:
    reason = sentence(row.reason_code, row.reason_parameters)
    return WatchReport(row.subject, row.since.isoformat(), row.reason_code or "", reason)


def _studies(
    session: Session, results: Results, catalogue: Catalogue, studies: Sequence[StudyRow]
) -> tuple[StudyReport, ...]:
    """Report studies by one question a table, however many there are."""
    uids = [study.study_uid for study in studies]
    explanations = _latest_explanations(session, uids)
    quarantined = catalogue.quarantined_by_study(uids)
    instances = catalogue.instance_counts(uids)
    runs = _runs(session, results, uids)
    return tuple(
        StudyReport(
            study_uid=study.study_uid,
            state=study.state,
            reason=sentence(study.reason_code, study.reason_parameters),
            revision=study.revision,
            instances=instances.get(study.study_uid, 0),
            decision=explanations.get(study.study_uid),
            quarantined=tuple(_quarantined(row) for row in quarantined[study.study_uid]),
            runs=tuple(runs.get(study.study_uid, ())),
        )
        for study in studies
    )


def _latest_explanations(session: Session, study_uids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    of_studies = DecisionRow.study_uid.in_(study_uids)
    latest = select(DecisionRow.study_uid, func.max(DecisionRow.revision)).where(of_studies)
    question = select(DecisionRow.study_uid, DecisionRow.explanation).where(
        tuple_(DecisionRow.study_uid, DecisionRow.revision).in_(latest.group_by(DecisionRow.study_uid))
    )
    return dict(session.execute(question).all())


def _runs(session: Session, results: Results, study_uids: Sequence[str]) -> Mapping[str, Sequence[RunReport]]:
    """Return the runs of each study, the first that was queued first."""
    question = select(RunRow).where(RunRow.study_uid.in_(study_uids)).order_by(RunRow.queued_at, RunRow.run_id)
    rows = session.scalars(question).all()
    objects = _objects(session, study_uids)
    deliveries = _deliveries(session, study_uids)
    found: dict[str, list[RunReport]] = {}
    for row in rows:
        run = _run(results, row, objects.get(row.run_id, ()), deliveries.get(row.run_id, ()))
        found.setdefault(row.study_uid, []).append(run)
    return found


def _objects(session: Session, study_uids: Sequence[str]) -> Mapping[str, Sequence[_Object]]:
    """Return what each run made, in the order of sending."""
    columns = (RunObjectRow.sop_instance_uid, RunObjectRow.sop_class_uid, RunObjectRow.series_uid, RunObjectRow.sha256)
    question = select(RunObjectRow.run_id, *columns).join(RunRow, RunRow.run_id == RunObjectRow.run_id)
    of_studies = question.where(RunRow.study_uid.in_(study_uids)).order_by(RunObjectRow.run_id, RunObjectRow.position)
    found: dict[str, list[_Object]] = {}
    for run_id, *values in session.execute(of_studies):
        found.setdefault(run_id, []).append(_Object(*values))
    return found


def _deliveries(session: Session, study_uids: Sequence[str]) -> Mapping[str, Sequence[DeliveryReport]]:
    """Return the deliveries of each run, by destination; of their objects only the counts are read."""
    question = (
        select(
            DeliveryRow,
            func.count(case((DeliveryItemRow.wanted, 1))),
            func.count(DeliveryItemRow.status),
            func.count(case((~DeliveryItemRow.wanted, 1))),
        )
        .join(RunRow, RunRow.run_id == DeliveryRow.run_id)
        .outerjoin(DeliveryItemRow, DeliveryItemRow.delivery_id == DeliveryRow.delivery_id)
        .where(RunRow.study_uid.in_(study_uids))
        .group_by(DeliveryRow.delivery_id)
        .order_by(DeliveryRow.destination, DeliveryRow.created_at)
    )
    found: dict[str, list[DeliveryReport]] = {}
    for delivery, total, sent, unwanted in session.execute(question):
        report = DeliveryReport(
            destination=delivery.destination,
            purpose=delivery.purpose,
            state=delivery.state,
            attempts=delivery.attempts,
            sent=sent,
            total=total,
            unwanted=unwanted,
            reason=sentence(delivery.reason_code, delivery.reason_parameters),
        )
        found.setdefault(delivery.run_id, []).append(report)
    return found


def _run(results: Results, run: RunRow, objects: Sequence[_Object], deliveries: Sequence[DeliveryReport]) -> RunReport:
    series: dict[str, list[str]] = {}
    for item in objects:
        series.setdefault(item.series_uid, []).append(item.sop_class_uid)
    return RunReport(
        run_id=run.run_id,
        state=run.state,
        reason=sentence(run.reason_code, run.reason_parameters),
        rule=run.rule,
        pipeline=run.pipeline,
        models={role: ModelReport(**model) for role, model in run.models.items()},
        stage=run.stage,
        progress=run.progress,
        verdict=run.verdict,
        checks=tuple(_check(check) for check in run.checks or ()),
        stages=tuple(StageReport(name, round(seconds, 3)) for name, seconds in (run.stages or {}).items()),
        queued_at=run.queued_at.isoformat(),
        started_at=None if run.started_at is None else run.started_at.isoformat(),
        finished_at=None if run.finished_at is None else run.finished_at.isoformat(),
        released_by=run.released_by,
        outputs=tuple(OutputReport(classes[0], uid, len(classes)) for uid, classes in series.items()),
        objects={item.sop_instance_uid: item.sha256 for item in objects},
        previews={name: str(results.folder_of(run.run_id) / name) for name in (run.previews or {}).get("names", ())},
        deliveries=tuple(deliveries),
    )


def _check(check: Mapping[str, Any]) -> CheckReport:
    reason = Reason(check["reason"]["code"], check["reason"]["parameters"])
    return CheckReport(check["name"], check["verdict"], reason.code, text(reason), check["overridable"])


def _quarantined(row: QuarantineRow) -> QuarantineReport:
    return QuarantineReport(
        entry=row.id,
        reason=sentence(row.reason_code, row.reason_parameters),
        code=row.reason_code,
        sop_instance_uid=row.sop_instance_uid,
        location=row.location,
    )
