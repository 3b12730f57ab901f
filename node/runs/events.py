"""The audit events of runs: which run of which pipeline, with how many inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from node.actor import Actor
from node.audit import AuditCode, AuditEvent
from node.runs.tables import RunRow
from pipelines.contract import Reason


def run_queued(run: RunRow, by: Actor) -> AuditEvent:
    """Return that a run was ordered, by which rule."""
    return _event(AuditCode.RUN_QUEUED, run, by, rule=run.rule, pipeline=run.pipeline, inputs=len(run.inputs))


def run_repeated(run: RunRow, earlier: RunRow, by: Actor, reason: str) -> AuditEvent:
    """Return that a person had an earlier run computed again, and why."""
    return _event(AuditCode.RUN_REPEATED, run, by, earlier=earlier.run_id, reason=reason, number=run.run_number)


def repetition_refused(run: RunRow, by: Actor, reason: Reason) -> AuditEvent:
    """Return that a person was refused to have a run computed again, with the reason's code."""
    return replace(_event(AuditCode.RUN_REPEATED, run, by, reason=reason.code), outcome="failure")


def run_cancelled(run: RunRow, by: Actor, reason: str) -> AuditEvent:
    """Return that a person ended a run before it had a result, and why."""
    return _event(AuditCode.RUN_CANCELLED, run, by, reason=reason)


def cancellation_refused(run: RunRow, by: Actor, reason: Reason) -> AuditEvent:
    """Return that a person was refused to end a run, with the reason's code."""
    return replace(_event(AuditCode.RUN_CANCELLED, run, by, reason=reason.code), outcome="failure")


def run_started(run: RunRow, by: Actor) -> AuditEvent:
    """Return that a run's first attempt began, with which models."""
    models = [model["name"] for _, model in sorted(run.models.items())]
    return _event(AuditCode.RUN_STARTED, run, by, pipeline=run.pipeline, models=models, inputs=len(run.inputs))


def run_directed(run: RunRow, by: Actor) -> AuditEvent:
    """Return that the study's present revision changed where a run's result may go."""
    return _event(AuditCode.RUN_DIRECTED, run, by, state=run.state, destinations=list(run.destinations))


def run_not_directed(run: RunRow, by: Actor, further: Sequence[str]) -> AuditEvent:
    """Return that the study's present revision orders a run for destinations that it can get no delivery to."""
    event = _event(AuditCode.RUN_DIRECTED, run, by, state=run.state, destinations=list(further))
    return replace(event, outcome="failure")


def run_superseded(run: RunRow, by: Actor, by_run: str) -> AuditEvent:
    """Return that the study's present revision replaced a run, by another run or (empty) by none."""
    return _event(AuditCode.RUN_SUPERSEDED, run, by, by=by_run)


def _event(code: AuditCode, run: RunRow, actor: Actor, **details: str | int | list[str]) -> AuditEvent:
    return AuditEvent(
        code=code,
        actor=actor,
        study_uid=run.study_uid,
        correlation=run.correlation_id,
        details={"run": run.run_id, **details},
    )
