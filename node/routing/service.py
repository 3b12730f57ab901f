"""The service of orders: a named person has a run computed again, under a new run number, or ends one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from models.packages import ModelPackage
from node.access import Permission, check
from node.actor import Actor
from node.archive.freshness import Freshness
from node.audit import AuditTrail
from node.clock import Clock
from node.database import Database, change_state
from node.errors import Permanent, Refusal
from node.jobs.queue import JobQueue
from node.priority import Priority, due_second
from node.routing.orders import order_run, runs_of_same_computation
from node.runs.events import cancellation_refused, repetition_refused, run_cancelled, run_repeated, run_superseded
from node.runs.identity import models_to_json, profile_to_json
from node.runs.models import installed_model
from node.runs.tables import RunInputRow, RunRow
from node.settings import Settings
from node.states import RunState
from pipelines.contract import Declaration, ModelIdentity

_WITHOUT_RESULT = frozenset({RunState.QUEUED, RunState.WAITING, RunState.RUNNING})
_UNDER_WAY = _WITHOUT_RESULT | {RunState.RELEASED}
_REPLACED = frozenset({RunState.HELD, RunState.UNDELIVERED})
"""States of a result that has not left, or not wholly: the new run takes its place."""


class OrderService:
    """Orders runs in the name of people.

    Parameters
    ----------
    database, trail, queue, settings, freshness, clock
        The node's parts.
    declarations
        Installed pipelines by name.
    package
        Returns the installed model package of a name.
    """

    def __init__(
        self,
        database: Database,
        trail: AuditTrail,
        queue: JobQueue,
        settings: Settings,
        freshness: Freshness,
        clock: Clock,
        declarations: Mapping[str, Declaration],
        package: Callable[[str], ModelPackage],
    ) -> None:
        self._database = database
        self._trail = trail
        self._queue = queue
        self._settings = settings
        self._freshness = freshness
        self._clock = clock
        self._declarations = declarations
        self._package = package

    def order_again(
        self,
        run_id: str,
        by: Actor,
        reason: str,
        destinations: Sequence[str] | None = None,
        priority: Priority = Priority.ROUTINE,
        models: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Have an ended run computed again and return the new run: the same inputs, with what is installed now.

        A held or undelivered result is superseded by it; one that was delivered, refused or rejected stays as it is.

        Parameters
        ----------
        run_id
            The run. Its study must still order it.
        by, reason
            The person who wants it, and why.
        destinations
            Names of destinations in place of the earlier run's.
        priority
            How urgent it is.
        models
            Names of packages in place of the earlier run's, by role.

        Raises
        ------
        Refusal
            ``run-unknown``, those of `node.access.check`, ``run-needs-reason``; ``run-not-ended``; ``run-superseded``
            when another took its place; ``run-ordered-already`` while the same computation is queued or running;
            ``destination-other-profile`` when the destinations ask for different ones; ``run-pipeline-missing``;
            ``model-role-unknown`` when the pipeline has no such role;
            or why it does not stand for its study any more
            (`Freshness`). A refusal is audited as well.
        Permanent
            ``model-missing``, ``model-unusable``.
        Transient
            ``model-folder-missing``.
        SettingsError
            ``destination-unknown``.
        """
        try:
            with self._database.read() as session:
                earlier = _known(session, run_id)
            check(by, Permission.ORDER_AGAIN)
            if not reason.strip():
                raise Refusal("run-needs-reason", run=run_id)
            version, used = self._installed(earlier, models)
            for name in destinations or ():
                self._settings.destination(name)
            return self._order(run_id, version, used, by, reason, destinations, priority)
        except Permanent as refusal:
            with self._trail.recording() as recording:
                run = recording.session.get(RunRow, run_id)
                if run is not None:
                    recording.record(repetition_refused(run, by, refusal.reason))
            raise

    def cancel(self, run_id: str, by: Actor, reason: str) -> None:
        """End a run that has no result yet. One at work stops at its next report, and keeps nothing.

        Parameters
        ----------
        run_id
            The run, queued or running.
        by, reason
            The person who wants it, and why.

        Raises
        ------
        Refusal
            ``run-unknown``, those of `node.access.check`, ``run-needs-reason``, or ``state-transition`` when it has
            ended already. A refusal is audited as well.
        """
        try:
            with self._trail.recording() as recording:
                run = _known(recording.session, run_id)
                check(by, Permission.CANCEL_RUN)
                if not reason.strip():
                    raise Refusal("run-needs-reason", run=run_id)
                change_state(recording.session, run, RunState.CANCELLED)
                run.reason_code, run.reason_parameters = "run-cancelled", {"by": by.name, "reason": reason}
                run.finished_at = self._clock.now()
                recording.record(run_cancelled(run, by, reason))
        except Permanent as refusal:
            with self._trail.recording() as recording:
                refused = recording.session.get(RunRow, run_id)
                if refused is not None:
                    recording.record(cancellation_refused(refused, by, refusal.reason))
            raise

    def _installed(self, run: RunRow, chosen: Mapping[str, str]) -> tuple[str, Mapping[str, ModelIdentity]]:
        """Return the version of the run's pipeline and the models by role, as they are installed now."""
        declaration = self._declarations.get(run.pipeline)
        if declaration is None:
            raise Refusal("run-pipeline-missing", pipeline=run.pipeline)
        for role in chosen:
            if role not in run.models:
                raise Refusal("model-role-unknown", role=role, accepted=", ".join(sorted(run.models)))
        names = {role: chosen.get(role, model["name"]) for role, model in run.models.items()}
        models = {role: ModelIdentity.of(installed_model(self._package, name)) for role, name in names.items()}
        return declaration.version, models

    def _profile(self, run: RunRow) -> dict[str, Any]:
        """Return the planning profile that the run's destinations ask for, the run's own where none is known."""
        known = [d for d in self._settings.destinations if d.name in run.destinations]
        profiles = [self._settings.profile_of(destination) for destination in known]
        for destination, profile in zip(known, profiles, strict=True):
            if profile != profiles[0]:
                raise Refusal("destination-other-profile", destination=destination.name)
        return profile_to_json(profiles[0]) if profiles else dict(run.profile)

    def _order(
        self,
        run_id: str,
        version: str,
        models: Mapping[str, ModelIdentity],
        by: Actor,
        reason: str,
        destinations: Sequence[str] | None,
        priority: Priority,
    ) -> str:
        with self._trail.recording() as recording:
            session, now = recording.session, self._clock.now()
            earlier = _known(session, run_id)
            against = self._freshness.reason_against(session, earlier.study_uid, earlier.revision)
            if against is not None:
                raise Refusal(against.code, **against.parameters)
            _check_ended(earlier)
            run = _copied(earlier)
            run.pipeline_version, run.models = version, models_to_json(models)
            run.destinations = list(dict.fromkeys(earlier.destinations if destinations is None else destinations))
            run.profile = self._profile(run)
            run.priority, run.due, run.queued_at = priority.value, due_second(now, priority), now
            same = runs_of_same_computation(session, run)
            _check_not_ordered(same)
            order_run(session, self._queue, run, max([earlier.run_number, *(one.run_number for one in same)]) + 1)
            recording.record(run_repeated(run, earlier, by, reason))
            if earlier.state in _REPLACED:
                change_state(session, earlier, RunState.SUPERSEDED)
                earlier.reason_code, earlier.reason_parameters = "run-repeated", {"by": run.run_id}
                earlier.finished_at = now
                recording.record(run_superseded(earlier, by, run.run_id))
            return run.run_id


def _known(session: Session, run_id: str) -> RunRow:
    run = session.get(RunRow, run_id)
    if run is None:
        raise Refusal("run-unknown", run=run_id)
    return run


def _check_ended(run: RunRow) -> None:
    if run.state in _UNDER_WAY:
        raise Refusal("run-not-ended", run=run.run_id, state=run.state)
    if run.state == RunState.SUPERSEDED:
        raise Refusal(run.reason_code or "run-superseded", **(run.reason_parameters or {}))


def _check_not_ordered(same: Sequence[RunRow]) -> None:
    for run in same:
        if run.state in _WITHOUT_RESULT:
            raise Refusal("run-ordered-already", run=run.run_id, state=run.state)


def _copied(run: RunRow) -> RunRow:
    """Return a run of the same inputs, options and profile for the same study, not yet part of a session."""
    return RunRow(
        study_uid=run.study_uid,
        revision=run.revision,
        correlation_id=run.correlation_id,
        rule=run.rule,
        pipeline=run.pipeline,
        configuration=dict(run.configuration),
        profile=dict(run.profile),
        state=RunState.QUEUED,
        inputs=[
            RunInputRow(slot=i.slot, sop_instance_uid=i.sop_instance_uid, sha256=i.sha256, location=i.location)
            for i in run.inputs
        ],
    )
