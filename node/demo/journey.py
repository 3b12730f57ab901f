"""The way of the study through the running node: sent as a scanner would, held, released by a person, delivered."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from node.actor import Actor, Role
from node.deliver.association import StoreAssociation, check_stored
from node.demo.running_node import SCANNER, RunningNode
from node.demo.source import SourceStudy
from node.demo.stand_in_pacs import StandInPacs
from node.demo.verification import RELEASED_BY
from node.errors import Transient
from node.states import RunState, StudyState
from node.status import RunReport, StudyReport, report

REASON = "Demonstration of the whole way; not for any patient."
"""What the demo gives as its reason for the release."""

_POLL_S = 0.15
_LONGEST_S = 3600.0

_ENDED = {RunState.REFUSED, RunState.REJECTED, RunState.FAILED, RunState.UNDELIVERED, RunState.SUPERSEDED}

Follow = Callable[[str, float, str], None]
"""Called with the step (``send``, ``settle``, ``compute``, ``deliver``), its share that is done, and a word more."""

ShowHeld = Callable[[StudyReport, RunReport], None]
"""Called when the result is held, before it is released."""


@dataclass(frozen=True, slots=True)
class Journey:
    """How the study went.

    Attributes
    ----------
    study
        The node's report of it at the end; None when the node never catalogued it.
    run
        Its run; None when no rule took it.
    arrived_before_release
        How many files the PACS had when the result was held; None when it never was.
    sending_from, sent, held, released, delivered
        When (UTC), None for what did not come about.
    """

    study: StudyReport | None
    run: RunReport | None
    arrived_before_release: int | None
    sending_from: datetime
    sent: datetime
    held: datetime | None = None
    released: datetime | None = None
    delivered: datetime | None = None

    @property
    def why_not(self) -> str:
        """Why it did not arrive, in words; empty when it did."""
        if self.delivered is not None:
            return ""
        if self.study is None:
            return "The node never catalogued the study."
        if self.run is None:
            set_apart = [entry.reason for entry in self.study.quarantined[:1]]
            return " ".join([self.study.reason or f"The study is {self.study.state}.", *set_apart])
        waiting = " ".join(delivery.reason for delivery in self.run.deliveries if delivery.reason)
        return self.run.reason or waiting or f"The run is {self.run.state}."


class Traveller:
    """Takes one study the whole way.

    Parameters
    ----------
    running
        The node.
    pacs
        Where it must arrive.
    follow
        Told how far it is.
    show_held
        Shown the result that is held.
    """

    def __init__(self, running: RunningNode, pacs: StandInPacs, follow: Follow, show_held: ShowHeld) -> None:
        self._running = running
        self._node = running.node
        self._pacs = pacs
        self._follow = follow
        self._show_held = show_held

    def travel(self, source: SourceStudy) -> Journey:
        """Send the study and go with it to its end, whichever that is.

        Raises
        ------
        Permanent, Transient
            ``store-refused``, ``demo-node-died``, ``demo-slow``: the way itself broke.
        Refusal
            The release was refused.
        """
        sending_from = self._node.clock.now()
        self._send(source)
        sent = self._node.clock.now()
        study = self._until_held_or_ended(source.study_uid)
        run = _run_of(study)
        if study is None or run is None or run.state != RunState.HELD:
            return Journey(study, run, None, sending_from, sent)
        held, before = self._node.clock.now(), len(self._pacs.files())
        self._show_held(study, run)
        self._node.release_service.release(run.run_id, Actor.person(RELEASED_BY, [Role.PHYSICIST]), REASON)
        released = self._node.clock.now()
        study = self._until_delivered_or_ended(source.study_uid)
        run = _run_of(study)
        arrived = run is not None and run.state == RunState.DELIVERED
        return Journey(
            study, run, before, sending_from, sent, held, released, self._node.clock.now() if arrived else None
        )

    def _send(self, source: SourceStudy) -> None:
        with StoreAssociation(self._running.peer, SCANNER, source.files) as association:
            for number, file in enumerate(source.files, 1):
                status = association.store(file)
                check_stored(status, str(self._running.peer), file.sop_instance_uid)
                self._follow("send", number / len(source.files), f"{number} of {len(source.files)}")

    def _until_held_or_ended(self, study_uid: str) -> StudyReport | None:
        def done(study: StudyReport | None) -> bool:
            run = _run_of(study)
            if study is None:
                return False
            if run is None:
                self._follow("settle", 0.0, "waiting for late instances")
                return study.state == StudyState.UNROUTED
            self._follow("settle", 1.0, f"rule {run.rule}")
            self._follow("compute", run.progress, run.stage or run.state)
            return run.state == RunState.HELD or run.state in _ENDED

        return self._until(study_uid, done)

    def _until_delivered_or_ended(self, study_uid: str) -> StudyReport | None:
        def done(study: StudyReport | None) -> bool:
            run = _run_of(study)
            if run is None:
                return True
            sent, total = sum(d.sent for d in run.deliveries), sum(d.total for d in run.deliveries)
            self._follow("deliver", sent / total if total else 0.0, f"{sent} of {total}")
            return run.state == RunState.DELIVERED or run.state in _ENDED

        return self._until(study_uid, done)

    def _until(self, study_uid: str, done: Callable[[StudyReport | None], bool]) -> StudyReport | None:
        deadline = time.monotonic() + _LONGEST_S
        while time.monotonic() < deadline:
            study = self._look(study_uid)
            if done(study):
                return study
            self._running.check_alive()
            time.sleep(_POLL_S)
        raise Transient("demo-slow", study=study_uid, seconds=int(_LONGEST_S))

    def _look(self, study_uid: str) -> StudyReport | None:
        with self._node.database.read() as session:
            return next(iter(report(session, self._node.results, self._node.layout.run, study_uid).studies), None)


def _run_of(study: StudyReport | None) -> RunReport | None:
    return study.runs[-1] if study is not None and study.runs else None
