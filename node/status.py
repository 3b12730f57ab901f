"""The read model of what the node has and does, the same for the command line, the API and the demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.archive.catalogue import Catalogue
from node.archive.tables import QuarantineRow, StudyRow
from node.deliver.tables import DeliveryRow
from node.jobs.results import Results
from node.jobs.tables import DecisionRow, RunRow
from node.reasons import text
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
    """One delivery of a result."""

    destination: str
    state: str
    attempts: int
    sent: int
    total: int
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
    """Something that was set apart."""

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
class StatusReport:
    """What the node has and does."""

    schema: int
    studies: tuple[StudyReport, ...]
    unlinked_quarantine: tuple[QuarantineReport, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def report(session: Session, results: Results, study_uid: str | None = None, limit: int = 100) -> StatusReport:
    """Return the state of the latest `limit` studies, or of one.

    Parameters
    ----------
    session
        For the questions; nothing is changed.
    results
        Where previews lie.
    study_uid
        Report this study alone.
    limit
        At most so many studies, the latest first.
    """
    question = select(StudyRow).order_by(StudyRow.last_instance_at.desc()).limit(limit)
    if study_uid is not None:
        question = question.where(StudyRow.study_uid == study_uid)
    catalogue = Catalogue(session)
    return StatusReport(
        schema=SCHEMA,
        studies=tuple(_study(session, results, catalogue, study) for study in session.scalars(question)),
        unlinked_quarantine=tuple(_quarantined(row) for row in catalogue.quarantined(None)),
    )


def _study(session: Session, results: Results, catalogue: Catalogue, study: StudyRow) -> StudyReport:
    runs = session.scalars(select(RunRow).where(RunRow.study_uid == study.study_uid).order_by(RunRow.queued_at))
    decision = session.scalars(
        select(DecisionRow).where(DecisionRow.study_uid == study.study_uid).order_by(DecisionRow.revision.desc())
    ).first()
    return StudyReport(
        study_uid=study.study_uid,
        state=study.state,
        reason=_sentence(study.reason_code, study.reason_parameters),
        revision=study.revision,
        instances=sum(len(catalogue.instances_of(s.series_uid)) for s in catalogue.series_of(study.study_uid)),
        decision=None if decision is None else decision.explanation,
        quarantined=tuple(_quarantined(row) for row in catalogue.quarantined(study.study_uid)),
        runs=tuple(_run(session, results, run) for run in runs),
    )


def _run(session: Session, results: Results, run: RunRow) -> RunReport:
    deliveries = session.scalars(
        select(DeliveryRow).where(DeliveryRow.run_id == run.run_id).order_by(DeliveryRow.destination)
    )
    series: dict[str, list[str]] = {}
    for item in run.objects:
        series.setdefault(item.series_uid, []).append(item.sop_class_uid)
    return RunReport(
        run_id=run.run_id,
        state=run.state,
        reason=_sentence(run.reason_code, run.reason_parameters),
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
        objects={item.sop_instance_uid: item.sha256 for item in run.objects},
        previews={name: str(results.folder_of(run.run_id) / name) for name in (run.previews or {}).get("names", ())},
        deliveries=tuple(_delivery(delivery) for delivery in deliveries),
    )


def _delivery(delivery: DeliveryRow) -> DeliveryReport:
    return DeliveryReport(
        destination=delivery.destination,
        state=delivery.state,
        attempts=delivery.attempts,
        sent=sum(item.status is not None for item in delivery.items),
        total=len(delivery.items),
        reason=_sentence(delivery.reason_code, delivery.reason_parameters),
    )


def _check(check: Mapping[str, Any]) -> CheckReport:
    reason = Reason(check["reason"]["code"], check["reason"]["parameters"])
    return CheckReport(check["name"], check["verdict"], reason.code, text(reason), check["overridable"])


def _quarantined(row: QuarantineRow) -> QuarantineReport:
    return QuarantineReport(
        reason=_sentence(row.reason_code, row.reason_parameters),
        code=row.reason_code,
        sop_instance_uid=row.sop_instance_uid,
        location=row.location,
    )


def _sentence(code: str | None, parameters: Mapping[str, Any] | None) -> str:
    return "" if code is None else text(Reason(code, parameters or {}))
