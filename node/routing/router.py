"""From a settled study to runs: ask the rules, freeze the inputs, and enqueue, all in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from node.actor import Actor
from node.archive.catalogue import Catalogue
from node.archive.tables import QuarantineRow, StudyRow
from node.audit import AuditCode, AuditTrail
from node.audit.tables import AuditRow
from node.audit.trail import Recording
from node.clock import Clock
from node.database import Database, change_state, is_database_trouble
from node.errors import SettingsError, Transient
from node.jobs.queue import JobQueue
from node.routing.events import ROUTING_FAILED, study_routed, study_unrouted
from node.routing.facts import study_facts
from node.routing.orders import ended_without_result, order_run, ordered_run, runs_of_same_computation
from node.rules import Firing, decide
from node.rules.active import ActiveRules, RulesInForce
from node.rules.explanation import explain
from node.runs.events import run_directed, run_not_directed, run_queued, run_superseded
from node.runs.tables import DecisionRow, RunRow
from node.settings import Settings
from node.states import RunState, StudyState
from pipelines.contract import Reason

_TROUBLE_LASTS = timedelta(minutes=2)
"""A database that does not answer is away for all studies; one that answers all but one has trouble with that one."""

_log = structlog.get_logger(__name__)

SETTLING = Actor.timer("settling")

_UNRELEASED = (RunState.QUEUED, RunState.WAITING, RunState.RUNNING, RunState.HELD)
_UNSENT = (*_UNRELEASED, RunState.RELEASED, RunState.UNDELIVERED)


class Router:
    """Settles studies and routes them.

    Parameters
    ----------
    database, trail, queue, settings, clock
        The node's parts.
    rules
        What reads the rules in force.
    """

    def __init__(
        self,
        database: Database,
        trail: AuditTrail,
        queue: JobQueue,
        settings: Settings,
        clock: Clock,
        rules: ActiveRules,
    ) -> None:
        self._database = database
        self._trail = trail
        self._queue = queue
        self._settings = settings
        self._clock = clock
        self._rules = rules
        self._troubled: dict[str, datetime] = {}

    def settle_due(self) -> int:
        """Settle and route every study that has been quiet for long enough; return how many.

        While the rules in force cannot be used, studies wait, and say so.
        """
        with self._database.read() as session:
            due = [study.study_uid for study in self._due(session)]
        if not due:
            return 0
        try:
            rules = self._rules.read()
        except SettingsError as why:
            self._leave_waiting(due, why.reason)
            return 0
        trouble: Exception | None = None
        for study_uid in due:
            try:
                self._settle(study_uid, partial(self._route, rules=rules))
                self._troubled.pop(study_uid, None)
            except Transient as why:
                _log.warning("routing put off", study_uid=study_uid, reason=why.reason.code)
            except Exception as error:
                # A fault in what one study holds must not keep all others from settling.
                if is_database_trouble(error) and not self._is_its_own(study_uid):
                    trouble = error
                    continue
                _log.exception("routing failed", study_uid=study_uid)
                self._settle(study_uid, partial(self._leave_failed, rules=rules, error=type(error).__name__))
        self._troubled = {uid: since for uid, since in self._troubled.items() if uid in due}
        if trouble is not None:  # the next tick tries these again
            raise trouble
        return len(due)

    def _is_its_own(self, study_uid: str) -> bool:
        """Return whether the database's trouble with a study has lasted so long that it is the study's own."""
        since = self._troubled.setdefault(study_uid, self._clock.now())
        return self._clock.now() - since >= _TROUBLE_LASTS

    def _settle(self, study_uid: str, route: Callable[[Recording, StudyRow], None]) -> None:
        with self._trail.recording() as recording:
            # An instance may have come in since the question was asked: ask again under the write lock.
            study = next((s for s in self._due(recording.session) if s.study_uid == study_uid), None)
            if study is not None:
                route(recording, study)

    def _due(self, session: Session) -> list[StudyRow]:
        quiet = timedelta(seconds=self._settings.settle.quiet_seconds)
        now = self._clock.now()
        return list(Catalogue(session).studies_to_settle(now - quiet, now + quiet))

    def _leave_waiting(self, due: Sequence[str], reason: Reason) -> None:
        with self._database.write() as session:
            for study in session.scalars(select(StudyRow).where(StudyRow.study_uid.in_(due))):
                if study.state == StudyState.RECEIVING and study.reason_parameters != dict(reason.parameters):
                    study.reason_code, study.reason_parameters = reason.code, dict(reason.parameters)
                    _log.error("study waits for rules", study_uid=study.study_uid, reason=reason.code)

    def _route(self, recording: Recording, study: StudyRow, rules: RulesInForce) -> None:
        session = recording.session
        self._rules.check_unchanged(session, rules)
        now = self._clock.now()
        apart = Catalogue(session).set_apart(study.study_uid)
        if apart:
            self._supersede(recording, study, {})
            self._leave_unrouted(recording, study, rules, "study-quarantined", _what_is_apart(apart))
            return
        decision = decide(rules.ruleset, study_facts(session, study, self._settings))
        session.add(
            DecisionRow(
                study_uid=study.study_uid,
                revision=study.revision,
                ruleset_number=rules.number,
                ruleset_version=rules.ruleset.version,
                explanation=explain(decision),
                decided_at=now,
            )
        )
        if not decision.firings:
            self._supersede(recording, study, {})
            self._leave_unrouted(recording, study, rules, "study-unrouted", {"nearest": decision.nearest_miss})
            return
        change_state(session, study, StudyState.ROUTED)
        study.reason_code = study.reason_parameters = None
        recording.record(study_routed(study, decision, rules.ruleset, SETTLING))
        ordered = {firing.rule: self._order(recording, study, rules, firing) for firing in decision.firings}
        self._supersede(recording, study, ordered)
        for conflict in decision.conflicts:
            study.reason_code = "study-rules-conflict"
            study.reason_parameters = {"rules": " and ".join(conflict.rules), "priority": conflict.priority.value}

    def _leave_failed(self, recording: Recording, study: StudyRow, rules: RulesInForce, error: str) -> None:
        """End a study by name whose routing failed; its earlier results stay held, and are not released meanwhile."""
        self._leave_unrouted(recording, study, rules, ROUTING_FAILED, {"error": error})

    def _leave_unrouted(
        self, recording: Recording, study: StudyRow, rules: RulesInForce, code: str, parameters: dict[str, str | int]
    ) -> None:
        change_state(recording.session, study, StudyState.UNROUTED)
        study.reason_code, study.reason_parameters = code, parameters
        recording.record(study_unrouted(study, code, rules.ruleset, SETTLING))

    def _order(self, recording: Recording, study: StudyRow, rules: RulesInForce, firing: Firing) -> str:
        session = recording.session
        run = ordered_run(session, study, rules.known, firing, self._clock.now())
        earlier = runs_of_same_computation(session, run)
        for one in earlier:
            # One that began before the study settled, and failed, was this revision's attempt.
            if not ended_without_result(one) or (one.state == RunState.FAILED and one.revision == study.revision):
                # The same bytes through the same computation: what was made of them stands, for this revision too.
                one.revision = study.revision
                _direct(recording, study, one, firing.destinations)
                return one.run_id
        order_run(session, self._queue, run, earlier[0].run_number + 1 if earlier else 1)
        recording.record(run_queued(run, SETTLING))
        return run.run_id

    def _supersede(self, recording: Recording, study: StudyRow, ordered: Mapping[str, str]) -> None:
        """End the unsent runs of this study that its present revision does not order: `ordered` are runs by rule."""
        earlier = recording.session.scalars(
            select(RunRow).where(
                RunRow.study_uid == study.study_uid,
                RunRow.run_id.not_in(ordered.values()),
                RunRow.state.in_(_UNSENT),
            )
        )
        for run in earlier:
            change_state(recording.session, run, RunState.SUPERSEDED)
            by_run = ordered.get(run.rule, "")
            run.reason_code = "run-superseded" if by_run else "run-outdated"
            run.reason_parameters = {"by": by_run} if by_run else {}
            run.finished_at = self._clock.now()
            recording.record(run_superseded(run, SETTLING, by_run))


def _direct(recording: Recording, study: StudyRow, run: RunRow, ordered: Sequence[str]) -> None:
    """Have a run that is not released yet go where the study's present revision orders it."""
    if run.state in _UNRELEASED:
        if run.destinations != list(ordered) and not _ordered_by_person(recording.session, run):
            run.destinations = list(ordered)
            recording.record(run_directed(run, SETTLING))
        return
    further = [name for name in ordered if name not in run.destinations]
    if further and run.state != RunState.RECALLED:
        # A person released it to what was ordered then: a name that is added now would get no delivery.
        names = ", ".join(further)
        _log.warning("a result gets no delivery to further destinations", run=run.run_id, destination=names)
        recording.record(run_not_directed(run, SETTLING, further))
        study.reason_code = "study-further-destinations"
        study.reason_parameters = {"run": run.run_id, "state": run.state, "destinations": names}


def _ordered_by_person(session: Session, run: RunRow) -> bool:
    """Return whether a person had it computed again, perhaps for destinations of their own; the audit alone knows."""
    repeated = select(AuditRow.details).where(
        AuditRow.study_uid == run.study_uid, AuditRow.code == AuditCode.RUN_REPEATED, AuditRow.outcome == "success"
    )
    return any(json.loads(details)["run"] == run.run_id for details in session.scalars(repeated))


def _what_is_apart(apart: Sequence[QuarantineRow]) -> dict[str, str | int]:
    return {"count": len(apart), "codes": ", ".join(sorted({row.reason_code for row in apart}))}
