"""Runs that begin before their study is quiet: as soon as the series of their slots are.

Such a run is ordered as any other, from the instances that its series have by then. Nobody can release its result
while the study still receives; when it settles, the whole of it is decided, and the run stands if the decision orders
the same computation of the same instances. Otherwise it is superseded, as by any later instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.archive.catalogue import Catalogue
from node.archive.tables import InstanceRow, SeriesRow, StudyRow
from node.audit import AuditTrail
from node.audit.trail import Recording
from node.clock import Clock
from node.database import Database
from node.errors import SettingsError, Transient
from node.jobs.queue import JobQueue
from node.routing.facts import study_facts
from node.routing.orders import ended_without_result, order_run, ordered_run, runs_of_same_computation
from node.routing.router import SETTLING
from node.rules import Firing, decide
from node.rules.active import ActiveRules, RulesInForce
from node.runs.events import run_queued
from node.settings import Settings
from node.states import StudyState

_log = structlog.get_logger(__name__)

_Quiet = frozenset[tuple[str, int]]
"""The series of a study that are quiet, each with how many instances it has."""


class EarlyOrders:
    """Orders the runs of rules that begin with their series.

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
        self._looked_at: dict[str, tuple[int, _Quiet]] = {}

    def order_due(self) -> int:
        """Order what can begin, and return how many runs. What is wrong with a study is said when it settles."""
        try:
            rules = self._rules.read()
        except SettingsError:  # the router says so
            return 0
        if not any(rule.begins_early for rule in rules.ruleset.rules):
            return 0
        with self._database.read() as session:
            quiet = self._quiet(session)
        self._looked_at = {uid: seen for uid, seen in self._looked_at.items() if uid in quiet}
        return sum(self._order(uid, series, rules) for uid, series in quiet.items())

    def _order(self, study_uid: str, quiet: _Quiet, rules: RulesInForce) -> int:
        if self._looked_at.get(study_uid) == (rules.number, quiet):
            return 0
        self._looked_at[study_uid] = (rules.number, quiet)
        try:
            with self._trail.recording() as recording:
                self._rules.check_unchanged(recording.session, rules)
                return sum(1 for _ in self._begin(recording, study_uid, quiet, rules))
        except Transient:
            del self._looked_at[study_uid]
        except Exception:
            # It is not lost: the study is decided, by name, when it settles.
            _log.exception("nothing ordered before the study settles", study_uid=study_uid)
        return 0

    def _begin(self, recording: Recording, study_uid: str, quiet: _Quiet, rules: RulesInForce) -> Iterator[str]:
        session = recording.session
        study = session.get_one(StudyRow, study_uid)
        # Asked again under the write lock: an instance may have come, or the study have settled.
        if self._quiet(session, study_uid).get(study_uid) != quiet or Catalogue(session).set_apart(study_uid):
            return
        for firing in self._firings(session, study, quiet, rules):
            run = ordered_run(session, study, rules.known, firing, self._clock.now())
            earlier = runs_of_same_computation(session, run)
            if any(one.revision == study.revision or not ended_without_result(one) for one in earlier):
                continue
            order_run(session, self._queue, run, earlier[0].run_number + 1 if earlier else 1)
            recording.record(run_queued(run, SETTLING))
            yield run.run_id

    def _firings(self, session: Session, study: StudyRow, quiet: _Quiet, rules: RulesInForce) -> Sequence[Firing]:
        """Return what fires of the rules that begin early, for a study that has the quiet series alone."""
        facts = study_facts(session, study, self._settings)
        known = {series_uid for series_uid, _ in quiet}
        decision = decide(rules.ruleset, replace(facts, series=tuple(s for s in facts.series if s.series_uid in known)))
        early = {rule.name for rule in rules.ruleset.rules if rule.begins_early}
        return [firing for firing in decision.firings if firing.rule in early]

    def _quiet(self, session: Session, study_uid: str | None = None) -> dict[str, _Quiet]:
        """Return the quiet series of the studies that receive, by study; those that have none are left out."""
        question = (
            select(SeriesRow.study_uid, SeriesRow.series_uid, func.count(), func.max(InstanceRow.received_at))
            .join(StudyRow, StudyRow.study_uid == SeriesRow.study_uid)
            .join(InstanceRow, InstanceRow.series_uid == SeriesRow.series_uid)
            .where(StudyRow.state == StudyState.RECEIVING)
            .group_by(SeriesRow.study_uid, SeriesRow.series_uid)
        )
        if study_uid is not None:
            question = question.where(StudyRow.study_uid == study_uid)
        before = self._clock.now() - timedelta(seconds=self._settings.settle.quiet_seconds)
        found: dict[str, set[tuple[str, int]]] = {}
        for of_study, series_uid, count, last in session.execute(question):
            if last <= before:
                found.setdefault(of_study, set()).add((series_uid, count))
        return {uid: frozenset(series) for uid, series in found.items()}
